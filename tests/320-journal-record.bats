load helpers
load journal

# udp SRC DST TEXT: to the gateway's MAC, from nobody's
udp() {
	frames udp6 - 00:00:5e:00:53:aa 00:00:5e:00:53:bb "$1" "$2" 40000 5000 "$3"
}

# The same as a rule hands it to the journal port: tagged REASON DIRECTION SRC DST TEXT
tagged() {
	frames udp6 - 00:00:5e:00:53:aa "02:00:$1:00:01:$2" "$3" "$4" 40000 5000 "$5"
}

@test "journal record: packets of a capture belong to the devices of the map, as copies" {
	import_map
	{
		udp 2001:db8:b::2 2001:db8:b::77 to
		udp 2001:db8:b::77 2001:db8:b::2 from
		udp 2001:db8:b::77 2001:db8:b::78 both
		udp 2001:db8:b::2 2001:db8:b::3 nobody
	} | capture in.pcapng
	run -0 --separate-stderr vnep-journal record -r in.pcapng
	[[ $stderr == *"4 frames: 4 events (0 pending, 0 not replayable), 0 duplicates, "*"1 of no device"* ]]
	run -0 vnep-journal read
	[ "$(jq -r '[.dev[-1:], .direction, .copy] | join(" ")' <<<"$output")" = "$(printf '%s\n' \
		"1 to-device true" "1 from-device true" "1 from-device true" "2 to-device true")" ]
}

@test "journal record: of who does not consent only what waits for it is taken" {
	import_map
	vnep-map set -q <<<"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV\",\"vep\":\"2001:db8:b::77\",\"vpc\":\"acme\",\"consent\":false}"
	{
		udp 2001:db8:b::2 2001:db8:b::77 to
		udp 2001:db8:b::77 2001:db8:b::2 from
		udp 2001:db8:b::77 2001:db8:b::78 both
	} | capture in.pcapng
	run -0 --separate-stderr vnep-journal record -r in.pcapng
	[[ $stderr == *"3 frames: 1 events (0 pending, "*"0 of no device, 3 of devices without consent;"* ]]
	run -0 vnep-journal read
	record ".dev == \"$DEV2\" and .copy"
	[ "${#lines[@]}" -eq 1 ]
	{ tagged 07 02 2001:db8:b::2 2001:db8:b::77 waits; tagged 06 02 2001:db8:b::2 2001:db8:b::77 copy; } |
		capture tagged.pcapng
	run -0 --separate-stderr vnep-journal record -r tagged.pcapng --tagged
	[[ $stderr == *"2 frames: 1 events (1 pending, "*"1 of devices without consent;"* ]]
}

@test "journal record: the times of the capture are kept to the nanosecond" {
	requires editcap wireshark-common
	import_map
	udp 2001:db8:b::2 2001:db8:b::77 to | capture in.pcapng
	editcap -F nsecpcap -t 0.000000123 in.pcapng in.pcap
	vnep-journal record -q -r in.pcap
	run -0 vnep-journal read
	[ "$(jq -r .ns <<<"$output")" = "$(tshark -r in.pcap -T fields -e frame.time_epoch 2>/dev/null | tr -d .)" ]
}

@test "journal record: a filter lets pass what pcap-filter says, a bad one is exit 2" {
	import_map
	{ udp 2001:db8:b::2 2001:db8:b::77 a; udp 2001:db8:b::9 2001:db8:b::77 b; } | capture in.pcapng
	vnep-journal record -q -r in.pcapng --filter 'host 2001:db8:b::9'
	run -0 vnep-journal read
	record '.src_ip == "2001:db8:b::9"'
	[ "${#lines[@]}" -eq 1 ]
	run -2 --separate-stderr vnep-journal record -r in.pcapng --filter 'hots 1'
	[[ $stderr == *'filter "hots 1"'* ]]
}

@test "journal record: a journal can be recorded from an exported one" {
	import_map
	udp 2001:db8:b::2 2001:db8:b::77 to | capture in.pcapng
	vnep-journal record -q -r in.pcapng
	vnep-journal read --format pcapng | vnep-journal record -q -r -
	run -0 vnep-journal read
	[ "$(jq -r .frame <<<"$output" | sort | uniq -c | wc -l)" -eq 1 ]
	[ "${#lines[@]}" -eq 2 ]
}

@test "journal record: no map, no source, no file, no capture: exit 1 or 2, and no journal is made" {
	run -1 --separate-stderr vnep-journal record -r in.pcapng
	[[ $stderr == *"hint: vnep-map import"* ]]
	import_map
	run -2 vnep-journal record
	run -2 vnep-journal record -r a -i b
	run -3 vnep-journal record -r missing.pcapng
	echo "not a capture" >text
	run -2 --separate-stderr vnep-journal record -r text
	[[ $stderr == *"text: not a capture file"* ]]
	[ ! -e "$VNEP_STATE/journal" ]
}

@test "journal record: of a capture that is cut off, what came before is kept, exit 2" {
	import_map
	{ udp 2001:db8:b::2 2001:db8:b::77 a; udp 2001:db8:b::2 2001:db8:b::77 b; } | capture in.pcapng
	head -c -20 in.pcapng >cut.pcapng
	run -2 --separate-stderr vnep-journal record -r cut.pcapng
	[[ $stderr == *"cut.pcapng"* ]]
	run -0 vnep-journal read
	[ "${#lines[@]}" -eq 1 ]
}

@test "journal record: live, until interrupted; everything is durable then" {
	requires tcpdump
	import_map
	ns_start
	ns ip link add v0 type veth peer name v1
	ns ip link set v0 up
	ns ip link set v1 up
	background record ns vnep-journal record -i v1
	wait_for 5 grep -q "recording from v1" "$T/record.err"
	ns frames udp6 v0 00:00:5e:00:53:aa 00:00:5e:00:53:bb 2001:db8:b::2 2001:db8:b::77 40000 5000 live 50
	wait_for 5 counted_is events 50
	stop -0 record INT
	grep -q "50 events (0 pending" "$T/record.err"
	grep -q " 0 dropped by the kernel" "$T/record.err"
	run -0 vnep-journal read
	[ "$(jq -r '[.in_iface, .copy] | join(" ")' <<<"$output" | sort -u)" = "v1 true" ]
	run -0 vnep-journal verify
}

@test "journal record: on the journal port the tag says what waits, what is a copy, what is nobody's" {
	import_map
	ns_start
	ns ip link add vnep-j0 type veth peer name vnep-j1
	ns sh -c 'for x in vnep-j0 vnep-j1; do echo 1 >/proc/sys/net/ipv6/conf/$x/disable_ipv6; ip link set $x up; done'
	background record ns vnep-journal record -i vnep-j1
	wait_for 5 grep -q "recording from vnep-j1 (tagged)" "$T/record.err"
	{
		tagged 07 02 2001:db8:b::2 2001:db8:b::77 asleep
		tagged 07 02 2001:db8:b::2 2001:db8:b::77 asleep
		tagged 06 02 2001:db8:b::2 2001:db8:b::78 tapped
		tagged 05 01 2001:db8:b::78 2001:db8:b::2 waking
		tagged 01 01 2001:db8:b::78 2001:db8:b::2 discovery
		tagged 08 01 2001:db8:b::78 2001:db8:b::2 sample
		frames tcp6 - 00:00:5e:00:53:aa 02:00:07:00:01:02 2001:db8:b::2 2001:db8:b::77 40000 80 10
		frames tcp6 - 00:00:5e:00:53:aa 02:00:07:00:01:02 2001:db8:b::2 2001:db8:b::77 40000 80 02
	} >hex
	ns frames send vnep-j0 - <hex
	wait_for 5 counted_is events 5
	stop -0 record TERM
	grep -q " frames: 5 events (2 pending, 1 not replayable), 1 duplicates, 2 for the edge" "$T/record.err"
	run -0 vnep-journal read --pending
	[ "$(jq -r .proto <<<"$output" | tr '\n' ' ')" = "UDP TCP " ]
	run -0 vnep-journal read
	some '.type == "outcome" and .outcome == "failed" and .reason == "not-replayable"'
	jq -se 'map(select(.dev[-1:] == "2")) | map([.direction, .copy]) ==
		[["to-device", true], ["from-device", true]]' <<<"$output"
}

@test "journal record: killed at any time, the journal is whole" {
	local before

	import_map
	ns_start
	ns ip link add v0 type veth peer name v1
	ns ip link set v0 up
	ns ip link set v1 up
	background record ns vnep-journal record -i v1
	wait_for 5 grep -q "recording from" "$T/record.err"
	background flood ns frames udp6 v0 00:00:5e:00:53:aa 00:00:5e:00:53:bb 2001:db8:b::2 2001:db8:b::77 40000 5000 x 20000
	wait_for 10 counted_over events 100
	before=$(counted events)
	stop record KILL
	run -0 --separate-stderr vnep-journal verify
	[[ $stderr == *"0 damaged ranges, 0 events missing"* ]]
	(( $(counted events) >= before ))
}

@test "journal record: no privilege, no such interface: exit 3 and the reason" {
	import_map
	run -3 --separate-stderr without_caps vnep-journal record -i lo
	[[ $stderr == *CAP_NET_RAW* ]]
}
