load helpers

# Run a file of one test in a bats of its own: prove TITLE BODY
prove() {
	printf 'load %s\n@test "%s" {\n%s\n}\n' "$ROOT/tests/helpers" "$1" "$2" >"$T/inner.bats"
	env -u BATS_TEST_TMPDIR -u BATS_RUN_TMPDIR -u BATS_TMPDIR bats --tap "$T/inner.bats"
}

# No process, or one that only waits to be reaped.
gone() {
	[[ ! -e /proc/$1/status ]] || grep -q '^State:.Z' "/proc/$1/status"
}

@test "helpers: a failing command fails its test" {
	run -1 prove "inner" "false"
	[[ $output == *"not ok 1 inner"* ]]
}

@test "helpers: a failing line in the middle of a test fails it" {
	run -1 prove "inner" '[[ a == b ]]; true'
	[[ $output == *"not ok 1 inner"* ]]
}

@test "helpers: an exit status other than the promised one fails the test" {
	run -1 prove "inner" "run -2 false"
	[[ $output == *"expected exit code 2, got 1"* ]]
}

@test "helpers: what the background wrote is shown when a test fails" {
	run -1 prove "inner" 'background talker sh -c "echo lost words >&2"; wait "$PID"; false'
	[[ $output == *"--- talker.err"*"lost words"* ]]
}

@test "helpers: the report of a sanitizer fails the test that caused it" {
	run -1 prove "inner" 'echo "AddressSanitizer: heap-use-after-free" >"$T/san.4711"'
	[[ $output == *"not ok 1 inner"*"heap-use-after-free"* ]]
}

@test "helpers: a leak check cut short by the end of the test is no report, and hides none" {
	prove "inner" 'echo "==12==Unable to get registers from thread 11." >"$T/san.11"'
	run -1 prove "inner" '
		echo "==12==Unable to get registers from thread 11." >"$T/san.11"
		echo "ERROR: LeakSanitizer: detected memory leaks" >>"$T/san.11"'
	[[ $output == *"not ok 1 inner"*"detected memory leaks"* ]]
}

@test "helpers: each test has a state folder and a runtime folder of its own" {
	[ "$VNEP_STATE" = "$BATS_TEST_TMPDIR/state" ]
	[ "$VNEP_RUNTIME" = "$BATS_TEST_TMPDIR/run" ]
	[ "$(stat -c %a "$VNEP_STATE" "$VNEP_RUNTIME" | uniq)" = 700 ]
	[ "$PWD" = "$T" ]
}

@test "helpers: the tools under test come first in PATH" {
	[ "${PATH%%:*}" = "$VNEP_BIN" ]
}

@test "helpers: a missing command skips the test and names its package" {
	run -0 prove "inner" "requires no-such-command some-package; false"
	[[ $output == *"# skip no-such-command is missing: apt-get install some-package"* ]]
}

@test "helpers: wait_for ends as soon as its command succeeds" {
	background writer sh -c 'echo ready >"$1"' - "$T/ready"
	wait_for 10 grep -q ready "$T/ready"
}

@test "helpers: wait_for fails at its deadline and says what it waited for" {
	local before=${EPOCHREALTIME/[.,]/}

	VNEP_PATIENCE=1 run -1 wait_for 1 test -e "$T/never"
	[ "$output" = "waited 1 s in vain for: test -e $T/never" ]
	(( ${EPOCHREALTIME/[.,]/} - before >= 1000000 ))
	(( ${EPOCHREALTIME/[.,]/} - before < 5000000 ))
}

@test "helpers: stop returns the exit status of what ran in the background" {
	background one sh -c 'trap "exit 7" TERM; echo up; while :; do read -r _ || :; done'
	wait_for 10 grep -q up "$T/one.out"
	stop -7 one
	background two sh -c 'exit 3'
	wait_for 10 gone "$PID"
	stop two
	[ "$status" = 3 ]
	background three false
	run -1 stop -0 three
	[[ $output == *"three ended with "*", expected 0"* ]]
}

@test "helpers: nothing outlives its test, in a namespace or not" {
	run -0 prove "inner" "$(cat <<-END
		ns_start
		background plain tail -f /dev/null
		echo "\$PID" >>$T/pids
		background inside ns tail -f /dev/null
		echo "\$PID" >>$T/pids
		ns sh -c 'tail -f /dev/null >/dev/null 2>&1 3>&- & echo \$!' >>$T/pids
		ns ip netns add far
		netns far setsid sh -c 'tail -f /dev/null >/dev/null 2>&1 3>&- & echo \$!' >>$T/pids
		kill -0 \$(cat $T/pids)
	END
	)"
	[[ $output == *"ok 1 inner"* ]]
	[ "$(wc -l <"$T/pids")" = 4 ]
	for pid in $(cat "$T/pids"); do
		wait_for 10 gone "$pid"
	done
}

@test "helpers: the process in the background is the command itself, also in a namespace" {
	ns_start
	background inside ns tail -f /dev/null
	wait_for 10 grep -qx tail "/proc/$PID/comm"
	stop -137 inside KILL
}

@test "helpers: a namespace is private and needs no root" {
	ns_start
	[ "$(ns id -u)" = 0 ]
	[ "$(ns ls /sys/class/net /run | grep -c vnep-only-here)" = 0 ]
	ns ip link add vnep-only-here type dummy || ns ip link add vnep-only-here type veth
	run -1 ip link show vnep-only-here
	[ "$(ns pwd)" = "$PWD" ]
}

@test "helpers: the lab has its hosts, its links are up, and no neighbour is known" {
	lab 2
	[ "$(ns readlink /run/netns/dev)" = dev0 ]
	for link in dev:d0 dev1:d1 edge:acc0 edge:acc1 edge:up0 vpc:v0; do
		run -0 ns ip -br -n "${link%:*}" link show "${link#*:}"
		[[ $output == *" UP "* ]]
	done
	[ "$(netns dev1 cat /sys/class/net/d1/address 2>/dev/null ||
		ns ip -j -n dev1 link show d1 | jq -r '.[0].address')" = 00:00:5e:00:53:11 ]
	[ -z "$(ns ip -n edge neigh)" ]
	run -0 ns ip -n dev address show dev d0
	[[ $output != *tentative* ]]
}

@test "helpers: two hosts of the lab reach each other once a bridge joins them" {
	requires ping iputils-ping
	lab 2
	ns ip -n edge link add br0 type bridge || skip "this kernel has no bridge"
	for link in br0 acc0 acc1; do
		[ "$link" = br0 ] || ns ip -n edge link set "$link" master br0
		ns ip -n edge link set "$link" up
	done
	wait_for 10 netns dev ping -c 1 -W 1 2001:db8:a::3
}

@test "helpers: the journal port has a peer, no IPv6 and no transmit offloads" {
	requires ethtool
	lab
	lab_journal_port
	[ "$(netns edge cat /proc/sys/net/ipv6/conf/vnep-j1/disable_ipv6)" = 1 ]
	run -0 netns edge ethtool -k vnep-j0
	[[ $output == *"tx-checksumming: off"* ]]
	[[ $output == *"generic-segmentation-offload: off"* ]]
}

@test "helpers: without capabilities not even root opens what is closed" {
	echo secret >closed
	chmod 000 closed
	run -1 --separate-stderr without_caps cat closed
	[[ $stderr == *"Permission denied"* ]]
	ns_start
	run -2 ns "${NO_CAPS[@]}" ip link add v type veth
	[[ $output == *"Operation not permitted"* ]]
}

@test "helpers: record finds a line in the output, and fails where there is none" {
	output=$'{"type":"event","seq":1}\n{"type":"event","seq":2}'
	[ "$(record 'select(.seq == 2) | .type')" = event ]
	run -1 record 'select(.seq == 3)'
	[[ $output == "no record with: select(.seq == 3)"* ]]
}

@test "helpers: json_equal compares values and not the order of keys" {
	json_equal '{"a":1,"b":[2]}' '{"b":[2],"a":1}'
	run -1 json_equal '{"a":1}' '{"a":2}'
}
