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

# allowed FILE: what its lines SystemCallFilter= leave, expanded by systemd
allowed() {
	local line word sign

	while read -r line; do
		sign=
		[[ $line != '~'* ]] || sign=-
		for word in ${line#'~'}; do
			case $word in
			@*) systemd-analyze syscall-filter "$word" | awk '/^@/ { next } $1 ~ /^[a-z_@]/ { print $1 }' ;;
			*) echo "$word" ;;
			esac
		done >"$T/set"
		while grep -q '^@' "$T/set"; do # sets in sets
			word=$(grep -m 1 '^@' "$T/set")
			sed -i "/^$word$/d" "$T/set"
			systemd-analyze syscall-filter "$word" | awk '/^@/ { next } $1 ~ /^[a-z_@]/ { print $1 }' >>"$T/set"
		done
		if [[ $sign ]]; then
			grep -vxFf "$T/set" "$T/allowed" >"$T/left" || true
			mv "$T/left" "$T/allowed"
		else
			cat "$T/set" >>"$T/allowed"
		fi
	done < <(sed -n 's/^SystemCallFilter=//p' "$1")
}

@test "systemd: the unit leaves the daemon every call that the daemon leaves itself" {
	requires systemd-analyze systemd
	: >"$T/allowed"
	allowed "$ROOT/cmd/edge/vnep-edge.service.in"
	# what the holder and the worker keep, but for what this systemd or this architecture does not know
	sed -n '/^static const char \*const of_all/,/ };$/p; /^static const char \*const of_holder/,/ };$/p' "$ROOT/lib/os/jail.c" |
		grep -o '"[a-z0-9_]*"' | tr -d '"' | sort -u >"$T/kept"
	(( $(wc -l <"$T/kept") > 100 ))
	systemd-analyze syscall-filter @known | awk '/^ / { print $1 }' | grep -xFf "$T/kept" >"$T/known"
	grep -qx capset "$T/known"
	# there the group is its own, and limits of resources are set by prlimit
	run -0 grep -vxFf "$T/allowed" "$T/known"
	[[ ${lines[*]} == "chown chown32 fchown fchown32 fchownat lchown lchown32 setrlimit" ]]
}
