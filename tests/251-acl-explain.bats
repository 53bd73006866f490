#!/usr/bin/env bats
# vnep-acl explain: what becomes of a packet, and why. That the model is right is 250-acl-oracle's matter.

load helpers
load acl

setup() {
	vnep_setup
	printf '%s\n' "$RECORDS" >map.jsonl
}

explain() {
	vnep-acl explain --access acc0,acc1 --core up0 --records map.jsonl "$@"
}

@test "explain: what a device may send leaves under its endpoint, without a privilege or a port" {
	run -0 --separate-stderr without_caps vnep-acl explain --access acc0,acc1 --core up0 "$V0" 2001:db8:b::2 <map.jsonl
	record '.forwarding == "accept" and .dev == "'$DEV0'" and .direction == "from-device" and .in_iface == "acc0" and .src_ip == "2001:db8:a::2"'
	record '.why | .verdict == "forwarded" and .record == {type: "vpc", vpc: "acme"} and .copies == ["tap"]'
	record '.why.sent == {iface: "up0", next_hop: "2001:db8:b::2", src_ip: "'$V0'", dest_ip: "2001:db8:b::2"}'
	[ -z "$stderr" ]
}

@test "explain: what its list does not have is dropped: exit 1, the reason, the record with its line" {
	run -1 --separate-stderr explain "$DEV1" 2001:db8:b::2 UDP 7
	record '.forwarding == "drop" and .reason == "policy-denied" and .dest_port == 7'
	record '.why | .verdict == "dropped" and .record == {type: "device", dev: "'$DEV1'", line: 3} and .counter == "drop.policy-denied" and
		(.chain | startswith("policy_")) and .rule == "policy-denied" and (has("sent") | not)'
	run -0 --separate-stderr explain 2001:db8:a::3 2001:db8:b::2 udp 5683
	record '.why.record.dev == "'$DEV1'"'
}

@test "explain: to a device that listens, to one that does not, to one that is bound nowhere, to nobody" {
	run -0 --separate-stderr explain 2001:db8:b::2 "$V0" TCP 22
	record '.direction == "to-device" and .why.verdict == "forwarded" and .why.sent.dest_ip == "2001:db8:a::2" and .why.sent.iface == "acc0"'
	run -0 --separate-stderr explain --awake "$DEV1" 2001:db8:b::2 "$V0" TCP 22
	record '.why.verdict == "journal" and .why.record.dev == "'$DEV0'"'
	run -0 --separate-stderr explain 2001:db8:b::2 "$DEV2"
	record '.why.verdict == "journal" and .dev == "'$DEV2'"'
	run -1 --separate-stderr explain 2001:db8:b::2 2001:db8:b::99
	record '.reason == "no-mapping" and (.why | has("record") | not)'
	run -1 --separate-stderr explain 2001:db8:f::2 "$V0"
	record '.reason == "policy-denied" and .why.record == {type: "vpc", vpc: "acme"}'
}

@test "explain: what the worker is asked about has its limit" {
	run -0 --separate-stderr explain "$DEV2" 2001:db8:b::2
	record '.why | .verdict == "ask" and .ask == "access-request" and .limit_pps == 1000 and .record.dev == "'$DEV2'"'
	run -0 --separate-stderr explain --hop-limit 1 "$V0" 2001:db8:b::2
	record '.dev == "'$DEV0'" and .why.ask == "hop-limit" and .why.limit_pps == 100'
	run -1 --separate-stderr explain --mac 00:00:5e:00:53:99 "$V0" 2001:db8:b::2
	record '.reason == "no-mapping"'
	run -1 --separate-stderr explain --vlan 5 "$V0" 2001:db8:b::2
	record '.reason == "wrong-vlan" and .vlan == 5'
}

@test "explain: a frame, and each packet of a capture, with the frame that leaves" {
	requires text2pcap wireshark-common
	good=$(frames udp6 - 00:00:5e:00:53:01 00:00:5e:00:53:fe 2001:db8:a::2 2001:db8:b::2 40000 5683 hello)
	bad=$(frames udp6 - 00:00:5e:00:53:99 00:00:5e:00:53:fe 2001:db8:a::2 2001:db8:b::2 40000 5683 hello)
	run -0 --separate-stderr explain --port acc0 --frame "$good"
	record '.why.sent.frame | length > 80'
	frame=$(jq -r .why.sent.frame <<<"$output" | base64 -d | od -An -v -tx1 | tr -d ' \n')
	[ "${frame:0:28}" = 00000000000000000000000086dd ]
	[ "${frame:42:34}" = 3f20010db8000b00000000000000000070 ] # one hop less, from V0
	printf '000000 %s\n' "$(sed 's/../& /g' <<<"$good")" "$(sed 's/../& /g' <<<"$bad")" | text2pcap -q - two.pcap
	run -1 --separate-stderr explain --port acc0 -r two.pcap
	record -s '[.[].why.verdict] == ["forwarded", "dropped"] and .[1].reason == "no-mapping" and .[1].why.copies == ["sample"]'
	run -1 --separate-stderr explain --port acc1 --read - <two.pcap
	record -s 'length == 2'
}

@test "explain: the map of the state folder names devices, too" {
	vnep-map import -q map.jsonl
	run -1 --separate-stderr vnep-acl explain --map --access acc0,acc1 --core up0 "$DEV1" 2001:db8:b::2
	record '.why.record == {type: "device", dev: "'$DEV1'"}'
}

@test "explain --live: presence, and the MTU and the MAC of a port, as the kernel has them" {
	requires nft nftables
	lab 2
	ns ip -n edge link set up0 mtu 1400
	apply >/dev/null
	live() { netns edge vnep-acl explain --live --records "$T/map.jsonl" "$@"; }
	run -0 --separate-stderr live 2001:db8:b::2 "$V1"
	record '.why.verdict == "journal"'
	acl awake "$V1" >/dev/null
	run -0 --separate-stderr live 2001:db8:b::2 "$V1"
	record '.why.verdict == "forwarded" and .why.sent.iface == "acc1"'
	short=$(frames udp6 - 00:00:5e:00:53:01 00:00:5e:00:53:fe 2001:db8:a::2 2001:db8:b::2 40000 5683 hello)
	run -0 --separate-stderr live --port acc0 --frame "$short"
	record '.why.verdict == "forwarded"'
	run -0 --separate-stderr live --port acc0 --frame "$short$(printf %02800d 0)"
	record '.why.ask == "too-big" and .why.limit_pps == 10000'
	run -1 --separate-stderr live --port acc0 --frame "00005e005399${short:12}"
	record '.reason == "not-for-us"'
	run -2 --separate-stderr netns edge vnep-acl explain --live --access acc0,acc9 --core up0 --records "$T/map.jsonl" "$V0" "$V1"
	[[ $stderr == *'no such port: "acc9"'* ]]
}

@test "explain: asked wrongly" {
	local args

	while read -r args; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr explain $args
		[ -z "$output" ]
	done <<-END

		$V0
		$V0 2001:db8:b::2 UDP
		$V0 2001:db8:b::2 ICMPV6 5
		$V0 2001:db8:b::2 UDP 65536
		$V0 2001:db8:b::2 FTP
		$V0 2001:db8:b::2 0
		thermostat 2001:db8:b::2
		--vlan 4095 $V0 2001:db8:b::2
		--hop-limit 0 $V0 2001:db8:b::2
		--mac 00:00 $V0 2001:db8:b::2
		--port acc9 $V0 2001:db8:b::2
		--map $V0 2001:db8:b::2
		--awake $V0 --live $V0 2001:db8:b::2
		--frame 00
		--port acc0 --frame 0
		--port acc0 --frame 00zz
		--port acc0 --frame 00005e0053fe
		--port acc0 --frame 00 $V0 2001:db8:b::2
		--port acc0 --vlan 5 --frame 00
		--port acc0 -r /dev/null
		--records - --port acc0 -r -
	END
	run -1 --separate-stderr explain urn:dev:mac:00005e0053ff 2001:db8:b::2
	[[ $stderr == *"no such device among the records"* ]]
	run -1 --separate-stderr explain --awake 2001:db8:b::99 "$V0" 2001:db8:b::2
	printf '%s\n' '{"type":"device","v":1,"dev":"urn:dev:os:1-1","vep":"2001:db8:b::80","vpc":"acme","mac":"00:00:5e:00:53:80","port":"acc1","addr":["2001:db8:a::2"]}' >>map.jsonl
	run -2 --separate-stderr explain 2001:db8:a::2 2001:db8:b::2
	[[ $stderr == *"several devices"*"--mac"* ]]
	run -0 --separate-stderr explain --mac 00:00:5e:00:53:80 2001:db8:a::2 2001:db8:b::2
	echo '{"type":"device","v":1}' >>map.jsonl
	run -2 --separate-stderr explain "$V0" 2001:db8:b::2
	[[ $stderr == *"map.jsonl:6:"* ]]
}
