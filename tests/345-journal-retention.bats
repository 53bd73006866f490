load helpers
load journal
load edge

# What the daemon does by itself. Runs come every second here; steps and pauses are as always.

setup() {
	vnep_setup
	lab 3
}

stored() {
	grep -qra "$1" "$VNEP_STATE/journal"
}

gone() {
	[[ -z $(grep -rla "$1" "$VNEP_STATE/journal") ]]
}

@test "retention: what waited too long expires, with its outcome, and is gone from the journal" {
	edge_map
	edge_start --retain-every 1s --retain-age 2s
	say_to "$V0" waits-in-vain
	wait_for 5 pending_is "$DEV0" 1
	wait_for 10 told '.outcome == "expired" and .reason == "expired"'
	wait_for 10 gone waits-in-vain
	pending_is "$DEV0" 0
	balanced
	jq -e '.dropped.expired == 1' "$T/status"
	run -0 --separate-stderr vnep-journal verify
	[[ $stderr == *"0 damaged ranges, 0 events missing"* ]]
}

@test "retention: dl_buffering's duration is kept while the device sleeps, whatever the journal keeps" {
	edge_map
	vnep-map import -q <<<"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"psm\":{\"t3324_s\":2},\"dl_buffering\":{\"duration_s\":1}}"
	edge_start --retain-every 1s
	say_to "$V0" soon-too-old
	wait_for 10 told '.outcome == "expired" and .reason == "dl-buffering-duration"'
	pending_is "$DEV0" 0
	balanced
}

@test "retention: more than so many events of a device: the oldest go, nobody else's do" {
	local i

	edge_map
	edge_start --retain-every 1s --retain-packets 2
	say_to "$V1" of-another
	for i in {1..12}; do
		say_to "$V0" "number-$i."
	done
	wait_for 10 told '.outcome == "failed" and .reason == "dl-buffering-packet-count"'
	wait_for 10 pending_is "$DEV0" 2
	wait_for 10 gone number-3.
	stored number-11.
	stored number-12.
	stored of-another
	pending_is "$DEV1" 1
	balanced
	# it goes on: what is left is delivered in order
	hear 0
	speak 0
	wait_for 5 grep -q number-12 "$T/hear0.out"
	[ "$(tr -d '\n' <"$T/hear0.out")" = number-11.number-12. ]
}

@test "retention: of a device without consent nothing stays once it was delivered; its neighbour's stays" {
	edge_map
	vnep-map import -q <<<"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV1\",\"vep\":\"$V1\",\"consent\":false}"
	edge_start --retain-every 1s
	say_to "$V1" private-one
	say_to "$V2" public-two
	wait_for 5 pending_is "$DEV1" 1
	stored private-one
	# two runs later it still waits
	say_to "$V1" private-three
	wait_for 5 pending_is "$DEV1" 2
	stored private-one
	hear 1
	hear 2
	speak 1
	speak 2
	wait_for 5 grep -q private-three "$T/hear1.out"
	wait_for 5 grep -q public-two "$T/hear2.out"
	wait_for 10 gone private-one
	wait_for 10 gone private-three
	stored public-two
	balanced
	run -0 --separate-stderr vnep-journal verify
	[[ $stderr == *"0 damaged ranges, 0 events missing"* ]]
	# and the journal goes on, also behind an index that is made anew
	stop edge
	rm -r "$VNEP_STATE/journal/index"
	run -0 vnep-journal read --dev "$DEV1"
	some '.kind == "erased"'
	run -0 vnep-journal append <<<"$(note next "$DEV1")"
}

@test "retention: a segment that somebody took away is told of, every packet of it counted, and it goes on" {
	edge_map
	edge_start
	say_to "$V0" taken-away
	wait_for 5 pending_is "$DEV0" 1
	stop edge
	rm "$VNEP_STATE"/journal/*.pcapng
	edge_start --retain-every 4s --retain-packets 1 # not before there is a watcher
	say_to "$V0" next-one
	wait_for 20 told '.outcome == "failed" and .reason == "io-error"'
	wait_for 5 pending_is "$DEV0" 1
	balanced
	jq -e '.dropped["io-error"] == 1' "$T/status"
	say_to "$V0" the-last
	wait_for 20 gone next-one
	stored the-last
	grep -q "events lost with segments" "$T/edge.err"
}

@test "retention: asked wrongly" {
	edge_map
	run -2 --separate-stderr vnep-edge check --access lo --core lo --retain-age soon
	[[ $stderr == *'"soon"'* ]]
	run -2 --separate-stderr vnep-edge check --access lo --core lo --retain-every 0
	[[ $stderr == *"retain-every is from 1s to 86400s"* ]]
	run -2 vnep-edge check --access lo --core lo --retain-packets -1
	run -2 vnep-edge check --access lo --core lo --retain-octets much
}
