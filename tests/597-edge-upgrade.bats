load helpers
load edge

# Another program takes the place of the running one, under traffic. A later one is a script that runs the real one, or does
# not: so it can be seen that it was run.

setup() {
	vnep_setup
	mkdir "$T/bin"
	cp "$(type -P vnep-edge)" "$T/bin/real"
	install_program 'exec "${0%/*}/real" "$@"'
	cp "$T/bin/real" "$T/bin/vnep-edge"
	PATH=$T/bin:$PATH
	RAN=$VNEP_STATE/ran # elsewhere it could not write
	lab
}

# install_program COMMAND: as a package does it, beside the old one and renamed
install_program() {
	printf '#!/bin/sh\necho ran >>%s/ran\n%s\n' "$VNEP_STATE" "$1" >"$T/bin/new"
	chmod +x "$T/bin/new"
	mv "$T/bin/new" "$T/bin/vnep-edge"
}

# Who asks is no script.
vnep-edge() {
	"$T/bin/real" "$@"
}

# Two streams: packets for a sleeper by number, and pings of a device that is awake, which the kernel forwards.
streams() {
	speak 0
	wait_for 5 state_is "$DEV0" awake
	background ping netns vpc ping -i 0.005 -W 5 "$V0"
	# the ring has room for 1,024 blocks, one each 2 ms in which anything comes: a start with sanitizers takes longer
	sender "$1" "$(sanitized && echo 250 || echo 1000)"
}

pings_came() {
	local line

	stop ping INT
	line=$(tail -n 4 "$T/ping.out" | grep transmitted)
	echo "# $line" >&3
	[[ $line =~ ^([0-9]+)\ packets\ transmitted,\ ([0-9]+)\ received, ]]
	(( BASH_REMATCH[1] - BASH_REMATCH[2] <= 1 )) # the last one may be on its way
}

@test "upgrade: under traffic another program takes ring, state and sockets over, and nothing is lost" {
	local n

	T3324=600 sleeper
	edge_start
	streams 4
	for n in 1 2 3; do
		cp "$T/bin/real" "$T/bin/new"
		mv "$T/bin/new" "$T/bin/vnep-edge"
		run -0 vnep-edge upgrade
		[[ $output == "vnep-edge: the new program goes on after "*" s" ]]
	done
	install_program 'exec "${0%/*}/real" "$@"'
	run -0 vnep-edge upgrade -q
	[[ -z $output ]]
	grep -q ran "$RAN"
	all_there upgrades=4
	pings_came
	(( $(grep -c '^vnep-edge: ready:' "$T/edge.err") == 5 ))
	(( $(grep -c 'bound, 0 kernel objects changed' "$T/edge.err") == 4 ))
	kill -0 "${PIDS[edge]}"
	kill -9 "$(worker)" # and the holder is one again
	wait_for 10 vnep-edge status
}

@test "upgrade: a program that does not get ready leaves the place to the one before it, and nothing is lost" {
	T3324=600 sleeper
	edge_start
	streams 3
	install_program 'exit 7'
	run -3 vnep-edge upgrade
	[[ $output == *"the new program: ended with 7; the one before it goes on"* ]]
	install_program 'case "$*" in *--version) ;; *) exec "${0%/*}/real" run --core nosuch0 --access acc0 ;; esac
		exec "${0%/*}/real" "$@"'
	run -3 vnep-edge upgrade
	[[ $output == *"the new program: ended with 2; the one before it goes on"* ]]
	install_program 'kill -SEGV $$'
	run -3 vnep-edge upgrade
	[[ $output == *"the new program: was killed by signal 11 (SEGV); the one before it goes on"* ]]
	install_program 'exit 0'
	run -3 vnep-edge upgrade
	[[ $output == *"the new program: knows nothing of such an upgrade; the one before it goes on"* ]]
	(( $(wc -l <"$RAN") == 5 ))
	all_there upgrades=4
	pings_came
}

@test "upgrade: what cannot be run, or would find mistakes in the configuration, is refused before anything happens" {
	local first

	printf 'retain-age = 1h\n' >"$T/edge.conf"
	edge_map
	edge_start --config "$T/edge.conf"
	first=$(worker)
	chmod -x "$T/bin/vnep-edge"
	run -3 vnep-edge upgrade
	[[ $output == *"Permission denied"* ]]
	chmod +x "$T/bin/vnep-edge"
	printf 'retain-age = soon\n' >"$T/edge.conf"
	run -2 vnep-edge upgrade
	[[ $output == *edge.conf:1:* ]]
	[[ $(worker) == "$first" ]]
	stop -0 edge
	run -5 vnep-edge upgrade
}

@test "upgrade: what is run in the place of the holder writes nothing but state and runtime folder" {
	sanitized && skip "built with sanitizers: no fence of files"
	edge_map
	edge_start
	install_program "echo free >$T/outside || echo fenced >>\"$VNEP_STATE\"/ran; exit 7"
	run -3 vnep-edge upgrade
	[[ ! -e $T/outside ]]
	[[ $(<"$RAN") == ran$'\n'fenced ]]
}
