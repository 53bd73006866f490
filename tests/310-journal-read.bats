load helpers
load journal

life() {
	cat <<-END
		{"type":"event","v":1,"dev":"$DEV","kind":"connect"}
		$(packet up from-device)
		{"type":"checkpoint","v":1,"dev":"$DEV","cursor":"disconnect","cause":"t3324-expired"}
		$(packet one)
		$(packet two)
		{"type":"event","v":1,"dev":"$DEV","kind":"connect"}
		{"type":"outcome","v":1,"dev":"$DEV","seq":3,"outcome":"sent"}
		{"type":"outcome","v":1,"dev":"$DEV","seq":3,"outcome":"confirmed","evidence":"flow-answer"}
		$(packet other to-device "$DEV2")
	END
}

@test "journal read: everything in the order in which it was written" {
	vnep-journal append -q <<<"$(life)"
	run -0 vnep-journal read
	[ "$(jq -r .type <<<"$output" | tr '\n' ' ')" = \
		"event event checkpoint event event event outcome outcome event " ]
}

@test "journal read: by device, connection, direction, sequence and time" {
	vnep-journal append -q <<<"$(life)"
	run -0 vnep-journal read --dev "$DEV2"
	[ "${#lines[@]}" -eq 1 ]
	run -0 vnep-journal read --dev "$DEV" --conn 2
	record '.kind == "connect" and .seq == 5'
	run -0 vnep-journal read --direction from-device
	record '.seq == 2'
	[ "${#lines[@]}" -eq 1 ]
	run -0 vnep-journal read --dev "$DEV" --from 4 --direction to-device
	[ "$(jq .seq <<<"$output")" = 4 ]
	run -0 vnep-journal read --since now
	[ -z "$output" ]
	run -0 vnep-journal read --since -1h --until now
	[ "${#lines[@]}" -eq 9 ]
	run -2 --separate-stderr vnep-journal read --from 4
	[[ $stderr == *"say which with --dev"* ]]
	run -0 vnep-journal read --dev "$DEV" --from 99
	[ -z "$output" ]
}

@test "journal read: --pending is what waits, in order, of one device or of all" {
	vnep-journal append -q <<<"$(life)"
	run -0 vnep-journal read --pending
	[ "$(jq -r '[.dev[-1:], .seq] | join(":")' <<<"$output" | tr '\n' ' ')" = "1:4 2:1 " ]
	run -0 vnep-journal read --pending --dev "$DEV2"
	record '.seq == 1'
	run -0 vnep-journal pending
	[ "${#lines[@]}" -eq 2 ]
	some ".dev == \"$DEV\" and .pending == 1 and .head_seq == 5 and .conn == 2"
}

@test "journal read: a device by its endpoint, MAC or name, where there is a map" {
	import_map
	vnep-journal append -q <<<"$(life)"
	for word in 2001:db8:b::78 00:00:5e:00:53:02 "$DEV2" urn:dev:mac:00005e005302; do
		run -0 vnep-journal read --dev "$word"
		[ "${#lines[@]}" -eq 1 ]
	done
	run -0 vnep-journal read --dev lamp.iot.example --pending
	record '.seq == 4'
	run -1 --separate-stderr vnep-journal read --dev nobody
	[[ $stderr == *"nobody"* ]]
	run -0 vnep-journal pending
	some '(.vep == "2001:db8:b::78") and .pending == 1'
}

@test "journal read: no journal, no such device, not a URN" {
	run -1 --separate-stderr vnep-journal read
	[[ $stderr == *"no journal in $VNEP_STATE"* ]]
	vnep-journal append -q <<<"$(life)"
	run -1 --separate-stderr vnep-journal read --dev urn:dev:os:32473-nobody
	[[ $stderr == *"the journal has nothing of \"urn:dev:os:32473-nobody\""* ]]
	run -2 --separate-stderr vnep-journal read --dev lamp
	[[ $stderr == *"there is no map"* ]]
	run -2 vnep-journal read --format xml
}

@test "journal read: csv has a header, a row each, and as many fields in all of them" {
	vnep-journal append -q <<<"$(life; note 'a \"quoted\", word')"
	run -0 vnep-journal read --format csv
	[ "${#lines[@]}" -eq 11 ]
	[[ ${lines[0]} == type,dev,seq,ts,* ]]
	[[ ${lines[10]} == *'"a ""quoted"", word"'* ]]
	[ "$(head -n 10 <<<"$output" | awk -F, '{ print NF }' | sort -u)" = 17 ]
}

@test "journal read: what was read can be appended elsewhere, and is the same" {
	vnep-journal append -q <<<"$(life)"
	vnep-journal read >first
	vnep-journal append -q --state other <first
	vnep-journal read --state other >second
	cmp first second
}

@test "journal: tshark reads the segments; interface, number, direction and checksums are right" {
	requires tshark
	vnep-journal append -q <<<"$(life)"
	run -0 --separate-stderr tshark -r "$(segment)" -o udp.check_checksum:TRUE -Y frame.interface_name -T fields \
		-e frame.interface_name -e frame.packet_id -e frame.packet_flags_direction -e udp.checksum.status
	[ "$output" = "$(printf '%s\t%s\t%s\t1\n' "$DEV" 2 0x00000001 "$DEV" 3 0x00000002 "$DEV" 4 0x00000002 \
		"$DEV2" 1 0x00000002)" ]
}

@test "journal: capinfos counts what is there, in nanoseconds" {
	requires capinfos wireshark-common
	vnep-journal append -q <<<"$(life)"
	run -0 capinfos "$(segment)"
	[[ $output == *"Number of packets:   4"* ]]
	[[ $output == *"Name = $DEV2"* ]]
	[[ $output == *"Time precision = nanoseconds (9)"* ]]
}

@test "journal read: --format pcapng goes through editcap, and each device stays an interface" {
	requires editcap wireshark-common
	vnep-journal append -q <<<"$(life)"
	vnep-journal read --format pcapng >all.pcapng
	run -0 --separate-stderr tshark -r all.pcapng -Y frame.interface_name -T fields -e frame.interface_name
	[ "$(sort <<<"$output" | uniq -c | tr '\n' ' ' | tr -s ' ')" = " 3 $DEV 1 $DEV2 " ]
	editcap -F pcap all.pcapng all.pcap
	run -0 capinfos -c all.pcap
	[[ $output == *" 4"* ]]
	vnep-journal read --dev "$DEV2" --format pcapng | capinfos - >info
	grep -q "Number of packets:   1" info
}

@test "journal: tcpdump reads it, too" {
	requires tcpdump
	vnep-journal append -q <<<"$(life)"
	run -0 --separate-stderr tcpdump -nr "$(segment)"
	[ "${#lines[@]}" -eq 4 ]
}

@test "journal: tshark reads a segment while it is written, and never meets zeros" {
	requires tshark
	local i

	packets 300 "$DEV" some >some
	for i in {1..20}; do cat some; echo "{\"type\":\"checkpoint\",\"v\":1,\"dev\":\"$DEV\",\"cursor\":\"synced\"}"; done >in
	background append bash -c 'exec vnep-journal append -q <in'
	wait_for 5 test -s "$(segment)"
	for i in {1..5}; do
		run -0 --separate-stderr tshark -r "$(segment)" -T fields -e frame.number
		[[ $stderr != *"cut short"* && $stderr != *"appears to be damaged"* ]] || {
			# a block may be in the middle of its one write; the next look must find it whole
			run -0 --separate-stderr tshark -r "$(segment)" -c 100 -T fields -e frame.number
		}
	done
	wait "$PID"
	run -0 vnep-journal verify
}

@test "journal watch: the present, a sync record, then what comes" {
	vnep-journal append -q <<<"$(note one)"
	background watch vnep-journal watch
	wait_for 5 grep -q '"type":"sync"' "$T/watch.out"
	vnep-journal append -q <<<"$(note two; note three)"
	wait_for 5 grep -q three "$T/watch.out"
	[ "$(jq -r .type "$T/watch.out" | tr '\n' ' ')" = "event sync event event " ]
	stop watch
}

@test "journal watch: --after-seq goes on behind an event, with other devices left out" {
	vnep-journal append -q <<<"$(note one; note two; note three; note other "$DEV2")"
	background watch vnep-journal watch --dev "$DEV" --after-seq 2
	wait_for 5 grep -q '"type":"sync"' "$T/watch.out"
	vnep-journal append -q <<<"$(note five "$DEV2"; note four)"
	wait_for 5 grep -q four "$T/watch.out"
	[ "$(jq -r '.text // .type' "$T/watch.out" | tr '\n' ' ')" = "three sync four " ]
	run -2 vnep-journal watch --after-seq 2
}

@test "journal watch: --format pcapng is a live capture" {
	requires tshark
	vnep-journal append -q <<<"$(packet one)"
	background watch vnep-journal watch --format pcapng
	vnep-journal append -q <<<"$(packet two)"
	wait_for 5 bash -c "tshark -r '$T/watch.out' -Y frame.interface_name 2>/dev/null | grep -c UDP | grep -qx 2"
	stop watch
}

@test "journal watch: ends silently when its reader goes away" {
	vnep-journal append -q <<<"$(note one)"
	background watch bash -c 'vnep-journal watch | head -n 1; echo "${PIPESTATUS[0]}"'
	wait_for 5 grep -q 141 "$T/watch.out"
	[ ! -s "$T/watch.err" ]
}

@test "journal timeline: a life in at most 100 columns, with sleeps, waits and outcomes, no payload" {
	vnep-journal append -q <<<"$(life)"
	run -0 vnep-journal timeline --dev "$DEV"
	[[ ${lines[0]} == "$DEV" ]]
	[[ ${lines[1]} == "5 events, 2 connections, 1 pending ("* ]]
	[[ $output == *"#1  === connected: connection 1"* ]]
	[[ $output == *"#2  --> UDP to 2001:db8:b::2 port 40000, "* ]]
	[[ $output == *"--- asleep (t3324-expired): goes on at #3"* ]]
	[[ $output == *"#3  <-- UDP from 2001:db8:b::2 port 40000, kept, "* ]]
	[[ $output == *"=== connected: connection 2, slept "* ]]
	[[ $output == *"#3      confirmed by flow-answer, "*" after it came"* ]]
	[ "$(awk 'length > 100' <<<"$output")" = "" ]
	run -2 vnep-journal timeline
	run -1 vnep-journal timeline --dev urn:dev:os:32473-nobody
}

@test "journal timeline: --format svg is a picture with a lane for each kind, and no payload" {
	local lane

	vnep-journal append -q <<<"$(life)"
	run -0 --separate-stderr vnep-journal timeline --dev "$DEV" --format svg
	[ -z "$stderr" ]
	[[ ${lines[0]} == '<svg xmlns="http://www.w3.org/2000/svg"'* && ${lines[-1]} == "</svg>" ]]
	for lane in "from device" "forwarded to it" "kept for it" "sent by replay" confirmed "lost, erased"; do
		[[ $output == *">$lane</text>"* ]]
	done
	[[ $output == *">kept for it</text><text x=\"4\" y=\"206\" fill=\"#888\">2</text>"* ]]
	[ "$(grep -c 'fill="#8b8"' <<<"$output")" -eq 2 ] # two connections
	run -2 vnep-journal timeline --dev "$DEV" --format png
}

@test "journal timeline: equal packets in a row are one line" {
	local i

	vnep-journal append -q <<<"$(for i in {1..9}; do packet "$i"; done)"
	run -0 vnep-journal timeline --dev "$DEV"
	[[ $output == *"#9  ... and 8 more like it, "* ]]
	[ "$(grep -c '<--' <<<"$output")" -eq 1 ]
}

@test "journal stat: counts" {
	vnep-journal append -q <<<"$(life)"
	[ "$(counted segments)" = 1 ]
	[ "$(counted events)" = 6 ]
	[ "$(counted devices)" = 2 ]
	[ "$(counted pending)" = 2 ]
}
