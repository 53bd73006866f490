load helpers
load edge

# The wall clock of the daemon is set while it works (tests/shim/clock.c): nothing is decided otherwise for it.

setup() {
	vnep_setup
	requires socat
	printf '\0\0\0\0\0\0\0\0' >"$T/clock"
	lab 2
}

# Seconds ahead of the right time; as long as a file that is mapped must not be another one.
set_clock() {
	printf '%016x\n' "$1" | fold -w 2 | tac | tr -d '\n' | xxd -r -p |
		dd of="$T/clock" conv=notrunc status=none
}

start_clocked() {
	LD_PRELOAD=${VNEP_BIN%/bin}/tests/clock.so VNEP_TEST_CLOCK=$T/clock edge_start "$@"
}

# Seconds that the daemon's clock is ahead.
ahead() {
	vnep-edge status | jq --argjson now "$(date +%s)" '(.ts | sub("[.][0-9]*"; "") | fromdate) - $now'
}

is_ahead() {
	local s

	s=$(ahead)
	(( s >= $1 - 30 && s <= $1 + 30 ))
}

presences() {
	jq -s 'map(select(.type == "presence")) | length' "$T/watch.out"
}

# A device that listens, and one that sleeps, is expected and has three packets, which may wait an hour; what is older
# than half a day leaves the journal, and that is looked after all the time.
jumps() {
	local before n

	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","psm":{"t3324_s":600}}
		{"type":"device","v":1,"dev":"$DEV1","vep":"$V1","addr":["2001:db8:a::3"],"psm":{"t3324_s":1,"t3412_s":7200},"dl_buffering":{"duration_s":3600},"replay":{"mode":"as-recorded"}}
	END
	start_clocked --retain-age 12h --retain-every 1s
	speak 0
	wait_for 5 state_is "$V0" awake
	speak 1
	wait_for 10 state_is "$V1" asleep
	for n in 1 2 3; do
		say_to "$V1" "packet $n"
	done
	wait_for 5 pending_is "$V1" 3
	before=$(presences)

	set_clock "$1"
	wait_for 5 is_ahead "$1"
	wait_for 5 grep -q "clock: it was set" "$T/edge.err"
	say_to "$V1" "packet 4"
	wait_for 5 pending_is "$V1" 4
	# retention looks meanwhile, several times
	netns vpc ping -q -c 3 -W 5 "$V0"
	[[ $(presences) == "$before" ]]
	state_is "$V0" awake
	state_is "$V1" asleep
	pending_is "$V1" 4
	run -0 vnep-journal read --dev "$V1"
	[[ $(grep -c '"kind":"data"' <<<"$output") -ge 4 ]]
	wait_for 5 balanced
	jq -e '(.dropped | del(.["not-for-us"])) == {}' "$T/status" # hosts join groups

	# it wakes, and gets all of it in order, with the pauses in which it came; the clock is right again in the middle of it
	hear 1
	background alive netns dev1 ping -q -i 0.3 2001:db8:b::2
	wait_for 10 test -s "$T/hear1.out"
	set_clock 0
	say_to "$V1" "packet 5"
	wait_for 20 heard_all
	stop alive
	wait_for 10 balanced
	jq -e '(.dropped | del(.["not-for-us"])) == {}' "$T/status" # hosts join groups
	netns vpc ping -q -c 1 -W 5 "$V0"
	state_is "$V0" awake
	run -1 told '.type == "outcome" and .outcome == "expired"'
	run -1 told '.cause == "overdue"'
	run -0 vnep-edge status "$V1"
	record '.pending == 0'
}

heard_all() {
	diff <(printf 'packet %d\n' 1 2 3 4 5) "$T/hear1.out"
}

@test "clock: a day forward: nobody falls asleep or is missed, nothing expires or is taken out, and the order is kept" {
	jumps 86400
}

@test "clock: a day back: the same" {
	jumps -86400
}
