load helpers

# What make install puts where systemd looks, read by systemd itself.

installed() {
	make -s -C "$ROOT" install BUILD="$VNEP_BUILD" PREFIX=/usr DESTDIR="$T/root"
}

@test "systemd: the unit is one that systemd takes, and is exposed to 2.0 at most" {
	requires systemd-analyze systemd
	installed
	cp "$T/root/usr/lib/systemd/system/vnep-edge.service" "$T"
	run -0 systemd-analyze security --offline=true --threshold=20 "$T/vnep-edge.service"
	[[ ${lines[-1]} == *"Overall exposure level for vnep-edge.service"* ]]
	sed -i "s|/usr/bin|$VNEP_BIN|" "$T/vnep-edge.service"
	run -0 systemd-analyze verify --man=no "$T/vnep-edge.service"
	[[ $output != *vnep-edge.service:* ]]
}

@test "systemd: the user, the group and the folders are made" {
	requires systemd-sysusers systemd
	installed
	mkdir -p "$T/root/etc"
	run -0 systemd-sysusers --root="$T/root" "$T/root/usr/lib/sysusers.d/vnep.conf"
	grep -q '^vnep:' "$T/root/etc/passwd"
	grep -q '^vnep:' "$T/root/etc/group"
	[ -f "$T/root/usr/lib/tmpfiles.d/vnep.conf" ]
	run -0 systemd-tmpfiles --root="$T/root" --create "$T/root/usr/lib/tmpfiles.d/vnep.conf"
	[ -d "$T/root/etc/vnep/edge.conf.d" ]
	run -0 stat -c %a "$T/root/var/lib/vnep"
	[[ $output == 750 ]]
}

@test "systemd: what was installed is taken away again, all of it" {
	installed
	make -s -C "$ROOT" uninstall BUILD="$VNEP_BUILD" PREFIX=/usr DESTDIR="$T/root"
	run -0 find "$T/root" -type f
	[[ -z $output ]]
}
