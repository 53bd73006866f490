load helpers
load journal

of() {
	vnep-journal pending | jq "select(.dev == \"$1\") | .$2"
}

@test "journal prune: erase leaves a range of numbers, no octet of a payload, and everybody else's records" {
	local before

	vnep-journal append -q <<<"$(packet secret-one; packet other-a to-device "$DEV2"; packet secret-two from-device)"
	vnep-journal append -q <<<"$(note secret-note; packet other-b to-device "$DEV2")"
	vnep-journal read --dev "$DEV2" >kept
	before=$(stat -c %s "$(segment)")
	grep -q secret-two "$(segment)"
	run -0 --separate-stderr vnep-journal prune --dev "$DEV" --erase
	[[ $stderr == *"1 that waited settled, 3 events taken out, "*" octets given back"* ]]
	run -1 grep -ra secret "$VNEP_STATE"
	(( $(stat -c %s "$(segment)") < before ))
	vnep-journal read --dev "$DEV2" | cmp - kept
	run -0 vnep-journal read --dev "$DEV"
	some '.kind == "erased" and .seq == 1 and .count == 3'
	run -0 --separate-stderr vnep-journal verify
	[[ $stderr == *"0 damaged ranges, 0 events missing"* ]]
	run -0 vnep-journal append <<<"$(packet next)"
	record '.seq == 4'
	rm -r "$VNEP_STATE/journal/index"
	run -0 vnep-journal append <<<"$(packet again)"
	record '.seq == 5'
	[ "$(of "$DEV2" pending)" = 2 ]
}

@test "journal prune: what is older goes, and what waited gets its outcome first" {
	vnep-journal append -q <<-END
		$(packet old | jq -c '.ts = "2020-01-01T00:00:00Z"')
		$(packet new)
	END
	run -0 --separate-stderr vnep-journal prune -n --age 1d
	[[ $stderr == *"1 that wait would be settled, 1 events may go"* ]]
	[ "$(of "$DEV" pending)" = 2 ]
	run -0 --separate-stderr vnep-journal prune --age 1d
	record '.outcome == "expired" and .reason == "expired" and .seq == 1'
	[ "$(of "$DEV" pending)" = 1 ]
	run -0 vnep-journal read
	some '.kind == "erased" and .seq == 1 and .count == 1'
	run -0 vnep-journal verify
	run -2 --separate-stderr vnep-journal prune --age soon
	[[ $stderr == *'"soon" is no age'* ]]
}

@test "journal prune: a noisy device gives way before a quiet one, to the octet that fits" {
	local quiet

	vnep-journal append -q <<<"$(packets 3 "$DEV" quiet; packets 200 "$DEV2" noisy)"
	quiet=$(vnep-journal read --dev "$DEV" | wc -c)
	run -0 --separate-stderr vnep-journal prune --octets 8000
	[ "$(jq -r .dev <<<"$output" | sort -u)" = "$DEV2" ]
	[ "$(jq -r .reason <<<"$output" | sort -u)" = quota-region ]
	[ "$(vnep-journal read --dev "$DEV" | wc -c)" = "$quiet" ]
	[ "$(of "$DEV" pending)" = 3 ]
	(( $(of "$DEV2" pending) > 10 && $(of "$DEV2" pending) < 100 ))
	run -0 vnep-journal verify
}

@test "journal prune: a VPC keeps its reserved octets, and each its quota" {
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"small","prefix":"2001:db8:b::/64","quota":{"reserved_octets":1000000}}
		{"type":"vpc","v":1,"vpc":"big","prefix":"2001:db8:c::/64"}
		{"type":"device","v":1,"dev":"$DEV","vep":"2001:db8:b::77","vpc":"small"}
		{"type":"device","v":1,"dev":"$DEV2","vep":"2001:db8:c::78","vpc":"big"}
	END
	vnep-journal append -q <<<"$(packets 40 "$DEV" a; packets 40 "$DEV2" b)"
	run -0 --separate-stderr vnep-journal prune --octets 10000
	[ "$(jq -r .dev <<<"$output" | sort -u)" = "$DEV2" ]
	[ "$(of "$DEV" pending)" = 40 ]
	run -0 --separate-stderr vnep-journal prune --vpc-octets 2000
	[ "$(jq -r .reason <<<"$output" | sort -u)" = quota-vpc ]
	(( $(of "$DEV" pending) < 20 ))
}

@test "journal prune: dl_buffering of the map bounds what waits for its device" {
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV","vep":"2001:db8:b::77","vpc":"acme","dl_buffering":{"packet_count":2,"duration_s":3600}}
	END
	vnep-journal append -q <<-END
		$(packet old | jq -c '.ts = "2020-01-01T00:00:00Z"')
		$(packets 4 "$DEV" a)
	END
	run -0 --separate-stderr vnep-journal prune
	[ "$(jq -r '[.seq, .reason] | join(" ")' <<<"$output")" = "$(printf '%s\n' \
		"1 dl-buffering-duration" "2 dl-buffering-packet-count" "3 dl-buffering-packet-count")" ]
	[ "$(of "$DEV" pending)" = 2 ]
	run -0 --separate-stderr vnep-journal prune
	[ -z "$output" ]
}

@test "journal prune: at most so many events of each device, and the index can be made anew from what is left" {
	local i

	for i in {1..3}; do
		vnep-journal append -q <<<"$(packets 50 "$DEV" "$i"; packet up from-device; packets 2 "$DEV2" "$i")"
		vnep-journal checkpoint -q --dev "$DEV"
	done
	run -0 vnep-journal prune --packets 20
	vnep-journal read >after
	[ "$(jq -s 'map(select(.dev[-1:] == "1" and .frame)) | length' after)" = 20 ]
	[ "$(jq -s 'map(select(.dev[-1:] == "2" and .frame)) | length' after)" = 6 ]
	vnep-journal pending | jq -c 'del(.ts, .us)' >pending
	rm -r "$VNEP_STATE/journal/index"
	vnep-journal read | cmp - after
	vnep-journal pending | jq -c 'del(.ts, .us)' | cmp - pending
	run -0 vnep-journal verify
	[ "$(vnep-journal checkpoint --dev "$DEV" -n | jq .resume_seq)" = 154 ]
}

@test "journal prune: the segments stay what tshark and capinfos read" {
	requires tshark
	requires capinfos wireshark-common
	vnep-journal append -q <<<"$(packets 5 "$DEV" a; packets 3 "$DEV2" b)"
	vnep-journal prune -q --dev "$DEV" --erase
	run -0 --separate-stderr tshark -r "$(segment)" -Y frame.interface_name -T fields -e frame.interface_name
	[ -z "$stderr" ] || [[ $stderr == *"Running as user"* ]]
	[ "$(sort <<<"$output" | uniq -c | tr -s ' ')" = " 3 $DEV2" ]
	run -0 capinfos -c "$(segment)"
}

@test "journal prune: a watch goes on behind segments that were written anew" {
	vnep-journal append -q <<<"$(note one; note other "$DEV2")"
	background watch vnep-journal watch
	wait_for 5 grep -q '"type":"sync"' "$T/watch.out"
	vnep-journal prune -q --dev "$DEV" --erase
	vnep-journal append -q <<<"$(note behind "$DEV2")"
	wait_for 5 grep -q behind "$T/watch.out"
	[ "$(jq -r 'select(.text) | .text' "$T/watch.out" | tr '\n' ' ')" = "one other behind " ]
	stop watch
}

@test "journal prune: a segment that somebody took away is told of, and holds nobody up" {
	vnep-journal append -q <<<"$(packet one; note two; packet other-one to-device "$DEV2")"
	rm "$(segment)"
	vnep-journal append -q <<<"$(packet three; note other-two "$DEV2")" # goes to a new one
	run -0 --separate-stderr vnep-journal prune
	[[ $stderr == *"2 that waited settled, 0 events taken out, "*"3 events lost with segments"* ]]
	some ".seq == 1 and .dev == \"$DEV\" and .outcome == \"failed\" and .reason == \"io-error\""
	some ".seq == 1 and .dev == \"$DEV2\" and .outcome == \"failed\" and .reason == \"io-error\""
	[ "$(of "$DEV" pending)" = 1 ]
	vnep-journal read >told
	rm -r "$VNEP_STATE/journal/index"
	vnep-journal read | cmp - told
	run -0 vnep-journal read
	some ".dev == \"$DEV\" and .kind == \"corrupt\" and .seq == 1 and .count == 2 and .reason == \"io-error\""
	some ".dev == \"$DEV2\" and .kind == \"corrupt\" and .seq == 1 and .count == 1"
	run -1 --separate-stderr vnep-journal verify
	[[ $stderr == *"0 damaged ranges, 3 events missing"* ]]
	tshark -r "$(segment)" >/dev/null
	# when everything in front of an event is gone, so is this
	run -0 --separate-stderr vnep-journal prune --packets 1
	[[ $stderr != *lost* ]]
	vnep-journal append -q <<<"$(notes 20)"
	run -0 --separate-stderr vnep-journal prune --packets 1
	run -0 vnep-journal read --dev "$DEV"
	some '.kind == "erased" and .seq == 1 and .count == 22'
}

@test "journal prune: asked wrongly, or of nobody" {
	run -1 vnep-journal prune --age 1d
	vnep-journal append -q <<<"$(note one)"
	run -2 --separate-stderr vnep-journal prune --erase
	[[ $stderr == *"--dev and --erase go together"* ]]
	run -2 vnep-journal prune --dev "$DEV" --erase --age 1d
	run -1 vnep-journal prune --dev "$DEV2" --erase
	run -2 vnep-journal prune --octets none
	run -0 vnep-journal prune -n --dev "$DEV" --erase
	run -0 vnep-journal read
	record '.text == "one"'
}
