load helpers
load edge

# What the daemon's processes cannot do any more (vnep/jail.h); tests/unit/test-jail.c tries it.

setup() {
	vnep_setup
	lab 2
	mkdir "$T/etc" "$T/tmp"
	export TMPDIR=$T/tmp
	printf 'retain-age = 1h\n' >"$T/etc/edge.conf"
	edge_map
	edge_start --config "$T/etc/edge.conf"
}

# of PID KEY: a line of its /proc/PID/status
of() {
	awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"
}

shut_in() {
	local w=$1

	(( $(of "$w" CapPrm | sed 's/^/0x/') == 1 << 12 && $(of "$w" CapEff | sed 's/^/0x/') == 1 << 12 ))
	sanitized || [[ $(of "$w" NoNewPrivs) == 1 && $(of "$w" Seccomp) == 2 ]]
}

@test "jail: the worker keeps CAP_NET_ADMIN alone, the holder uses CAP_NET_RAW alone, and so it is behind a restart" {
	local first

	first=$(worker)
	shut_in "$first"
	(( $(of "${PIDS[edge]}" CapEff | sed 's/^/0x/') == 1 << 13 ))
	(( $(of "${PIDS[edge]}" CapBnd | sed 's/^/0x/') == (1 << 0 | 1 << 12 | 1 << 13) ))
	kill -9 "$first"
	another() { [[ $(worker) != "$first" ]] && vnep-edge status; }
	wait_for 10 another
	shut_in "$(worker)"
	speak 1
	balanced
}

@test "jail: a configuration that an editor puts in the place of the old one is read; one elsewhere is not, with a word" {
	sanitized && skip "built with sanitizers: no fence of files"
	printf 'retain-age = 2h\n' >"$T/etc/new"
	mv "$T/etc/new" "$T/etc/edge.conf"
	run -0 vnep-edge reload
	printf 'retain-age = 3h\n' >"$T/elsewhere"
	ln -sf ../elsewhere "$T/etc/edge.conf"
	run -3 vnep-edge reload
	[[ $output == *"edge.conf: Permission denied"* ]]
	vnep-edge status
}
