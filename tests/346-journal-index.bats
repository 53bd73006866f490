load helpers
load journal
load edge

# The index can be lost at any time. It is made anew, which is said, and nothing is lost with it.

@test "index: a damaged one is made anew, with a word" {
	vnep-journal append -q <<<"$(packets 20 "$DEV" a; note last)"
	vnep-journal pending | jq -c 'del(.ts, .us)' >before
	printf 'this is no index' | dd of="$VNEP_STATE/journal/index/data.mdb" conv=notrunc bs=1 seek=16 status=none
	run -0 --separate-stderr vnep-journal pending
	[[ $stderr == *"vnep-journal: the index was made anew ("*")"* ]]
	jq -c 'del(.ts, .us)' <<<"$output" | cmp - before
	run -0 --separate-stderr vnep-journal verify
	[[ $stderr != *"made anew"* ]]
}

@test "index: whoever has it open when its disk dies says so and ends with 3" {
	vnep-journal append -q <<<"$(packets 20 "$DEV" a)"
	background watch vnep-journal watch
	wait_for 5 grep -q '"type":"sync"' "$T/watch.out"
	truncate -s 8192 "$VNEP_STATE/journal/index/data.mdb"
	wait_for 5 grep -q "cut short, or the disk cannot read it" "$T/watch.err"
	stop -3 watch
	grep -q '^vnep-journal: .*the disk cannot read it$' "$T/watch.err"
	grep -q '^hint: if it was journal/index' "$T/watch.err"
}

@test "index: so does the edge, and the next one goes on with what was durable" {
	lab
	edge_map
	edge_start
	say_to "$V0" before
	wait_for 5 pending_is "$DEV0" 1
	truncate -s 8192 "$VNEP_STATE/journal/index/data.mdb"
	say_to "$V0" after
	wait_for 5 grep -q '^vnep-edge: .*the disk cannot read it$' "$T/edge.err"
	wait_for 20 ended # a new worker finds the same, before it is ready
	stop -3 edge
	rm "$VNEP_STATE"/journal/index/*
	edge_start
	wait_for 5 pending_is "$DEV0" 1
	balanced
}

# By itself.
ended() {
	[[ ! -e /proc/${PIDS[edge]} || $(cut -d ' ' -f 3 "/proc/${PIDS[edge]}/stat") == Z ]]
}

terms() {
	vnep-edge status | jq -cS 'del(.ts, .us)'
}

# What was heard is counted as delivered a moment later.
some_delivered() {
	terms | jq -e '.delivered >= 1'
}

# How a stop, or a kill, and a loss of the index look to the conservation law.
@test "index: the edge's ledger goes on behind an index that was lost, after a stop and after a kill" {
	local before

	lab 2
	edge_map
	edge_start
	say_to "$V0" one
	say_to "$V0" one
	say_to "$V0" two
	say_to "$V1" three
	say_to 2001:db8:b::dead nobody
	wait_for 5 pending_is "$DEV0" 2
	# (its host may answer, so that more than this one is delivered)
	hear 1
	speak 1
	wait_for 5 grep -q three "$T/hear1.out"
	wait_for 5 some_delivered
	balanced
	jq -e '.dropped.duplicate == 1 and .answered > 0' "$T/status"
	before=$(terms)
	stop -0 edge
	rm "$VNEP_STATE"/journal/index/*
	edge_start
	balanced
	# neither forgotten nor begun anew: only what came since may be more (hosts talk to their neighbours meanwhile)
	jq -e --argjson was "$before" '.delivered == $was.delivered and
		(.dropped | del(.overrun, ."not-for-us")) == ($was.dropped | del(.overrun, ."not-for-us")) and
		.dropped."not-for-us" >= $was.dropped."not-for-us" and
		.pending == $was.pending and .arrived >= $was.arrived and .answered >= $was.answered' "$T/status"

	# a kill, with packets behind the last ledger-only group
	say_to "$V0" four
	wait_for 5 pending_is "$DEV0" 3
	stop edge KILL
	say_to "$V0" five
	rm "$VNEP_STATE"/journal/index/*
	edge_start
	balanced
	jq -e --argjson was "$before" '.pending == 3 and .delivered == $was.delivered and
		.dropped.duplicate == 1 and .dropped.overrun >= 1' "$T/status"
	hear 0
	speak 0
	wait_for 5 grep -q four "$T/hear0.out"
	wait_for 5 pending_is "$DEV0" 0
	balanced
	jq -e '.pending == 0 and .delivered >= 4' "$T/status"
}
