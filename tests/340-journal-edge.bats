load helpers
load edge
load journal

# While a vnep-edge lives it is the only writer: what the tool is asked to write goes through it.

setup() {
	vnep_setup
	lab
	edge_map
	edge_start
}

@test "journal with an edge: append goes through it, in order, and lines keep their numbers" {
	run -1 --separate-stderr vnep-journal append <<-END
		$(note one)

		{"type":"event","v":1,"dev":"$DEV","kind":"nonsense"}
		$(note two)
	END
	[ "$(jq -r .type <<<"$output" | tr '\n' ' ')" = "appended error appended " ]
	some '.type == "error" and .line == 3'
	[[ $stderr == *"vnep-journal: -:3:"* ]]
	some '.seq == 2'
	run -0 vnep-journal append -q <<<"$(note three)"
	[ -z "$output" ]
	run -0 vnep-journal read --dev "$DEV"
	[ "$(jq -r '.text // .kind' <<<"$output" | tail -n 3 | tr '\n' ' ')" = "one two three " ]
}

@test "journal with an edge: of a device without consent only what waits for it is taken" {
	run -0 vnep-map get "$DEV"
	vnep-map set -q < <(jq -c '.consent = false | del(.revision, .origin)' <<<"$output")
	run -1 --separate-stderr vnep-journal append <<-END
		$(packet waits)
		$(packet said from-device)
	END
	[ "$(jq -r .type <<<"$output" | xargs)" = "appended error" ]
	[[ $stderr == *"-:2: $DEV does not consent"* ]]
}

@test "journal with an edge: the edge goes on with what was appended to a device, and to no other" {
	vnep-journal append -q <<<"$(packet one; packet two)"
	run -0 vnep-edge status "$DEV"
	some '.pending == 2'
	vnep-journal append -q < <(note stranger | jq -c '.dev = "urn:dev:os:32473-nobody"')
	vnep-journal checkpoint -q --dev "$DEV"
	run -0 vnep-edge status "$DEV"
	some '.pending == 0'
}

@test "journal with an edge: a checkpoint goes through it, and readers go on beside it" {
	vnep-journal append -q <<<"$(note one)"
	run -0 vnep-journal checkpoint --dev "$DEV"
	record '.type == "checkpoint" and .cursor == "synced"'
	run -1 --separate-stderr vnep-journal checkpoint --dev "$DEV" --resume-seq 1
	[[ $stderr == *"cursors only grow"* ]]
	run -0 vnep-journal checkpoint --dev "$DEV" --list
	[ "${#lines[@]}" -ge 1 ]
	run -0 vnep-journal verify
}

@test "journal with an edge: record does not write past it (exit 5)" {
	run -5 --separate-stderr ns vnep-journal record -i lo
	[[ $stderr == *"in use by another writer"* ]]
}

@test "journal with an edge: prune goes through it, and the law of conservation holds" {
	vnep-journal append -q <<<"$(packet one; packet two; packet three)"
	run -0 --separate-stderr vnep-journal prune --packets 2
	record '.outcome == "failed" and .reason == "dl-buffering-packet-count" and .seq == 1'
	[[ $stderr == *"1 that waited settled"* ]]
	run -0 --separate-stderr vnep-journal prune --dev "$DEV" --erase
	[[ $stderr == *"2 that waited settled"* ]]
	run -0 vnep-edge status
	some '.difference == 0 and .pending == 0'
	run -0 vnep-journal verify
}
