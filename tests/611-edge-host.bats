load helpers
load edge

# Form host: V is a machine of the VPC, L is fixed, and nothing is rewritten between the two.

L0=2001:db8:a::2
CORE_MAC=00:00:5e:00:53:fd

# The machine V of dev0 in the lab's VPC, with a route to L over the VPC link; dev1 is a device of form edge.
host_lab() {
	lab "${1:-1}"
	netns vpc ip address add "$V0/64" dev v0 nodad
	netns vpc ip route add "$L0/128" dev v0 src "$V0"
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","form":"host","addr":["$L0"]${2:-}}
		{"type":"device","v":1,"dev":"$DEV1","vep":"$V1"}
	END
	edge_start
}

# The device asks V; V asks the device.
ask_v() {
	netns dev0 ping -q -c 1 -W 5 "$V0"
}

ask_l() {
	netns vpc ping -q -c 1 -W 5 -I "$V0" "$L0"
}

v_says() {
	printf '%s\n' "$1" | netns vpc socat -u - "UDP6-SENDTO:[$L0]:5683,bind=[$V0]:40000,reuseaddr"
}

@test "host: a device talks to its machine in the VPC, and it to the device, with their own addresses" {
	requires tshark
	host_lab
	background heard netns vpc tshark -q -i v0 -f 'icmp6 and (ip6[40] = 128 or ip6[40] = 129)' -w "$T/v.pcap"
	wait_for 30 grep -q "Capture started" "$T/heard.err"
	ask_v
	wait_for 5 state_is "$V0" awake
	ask_v
	ask_l
	run -0 vnep-edge status "$V0"
	record '.addr == ["2001:db8:a::2"] and .port == "acc0"'
	four() {
		[[ $(tshark -r "$T/v.pcap" 2>/dev/null | wc -l) -ge 6 ]]
	}
	wait_for 5 four
	run -0 --separate-stderr tshark -r "$T/v.pcap" -Y "not ((ipv6.src == $L0 and ipv6.dst == $V0) or (ipv6.src == $V0 and ipv6.dst == $L0))"
	[[ -z $output ]]
	run -0 --separate-stderr tshark -r "$T/v.pcap" -Y 'icmpv6.checksum.status != 1'
	[[ -z $output ]]
	balanced
}

@test "host: to V alone, and from V alone; everything else is dropped with its reason" {
	host_lab
	ask_v
	wait_for 5 state_is "$V0" awake
	run -1 netns dev0 ping -q -c 1 -W 1 2001:db8:b::2
	run -1 netns vpc ping -q -c 1 -W 1 -I 2001:db8:b::2 "$L0"
	vnep-edge status >"$T/status"
	jq -e '.dropped["policy-denied"] >= 1' "$T/status"
	jq -e '.dropped["no-mapping"] >= 1' "$T/status" # to everybody but V, L is nobody
	ask_v
	balanced
}

@test "host: another source than the fixed one is spoofed, and attaches nothing" {
	host_lab
	netns dev0 ip address add 2001:db8:a::99/64 dev d0 nodad
	run -1 netns dev0 ping -q -c 1 -W 1 -I 2001:db8:a::99 "$V0"
	state_is "$V0" unknown
	wait_for 5 told '.reason == "spoofed-source" and .src_ip == "2001:db8:a::99"'
	balanced
}

@test "host: on the VPC link the edge answers for L and not for V, and announces what it answers for" {
	requires tshark
	requires ndisc6
	lab
	background heard netns vpc tshark -q -i v0 -f 'icmp6 and ip6[40] = 136' -w "$T/na.pcap"
	wait_for 30 grep -q "Capture started" "$T/heard.err"
	netns vpc ip address add "$V0/64" dev v0 nodad
	netns vpc ip route add "$L0/128" dev v0 src "$V0"
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","form":"host","addr":["$L0"]}
	END
	edge_start
	run -0 netns vpc ndisc6 -q -1 -w 2000 "$L0" v0
	[[ ${output,,} == "$CORE_MAC" ]]
	ask_v
	wait_for 5 state_is "$V0" awake
	ns ip -n vpc address del "$V0/64" dev v0
	run -2 netns vpc ndisc6 -q -1 -r 1 -w 300 "$V0" v0
	announced() {
		tshark -r "$T/na.pcap" -Y "icmpv6.nd.na.target_address == $L0 and not icmpv6.nd.na.flag.s == 1" 2>/dev/null |
			grep -q "$L0"
	}
	wait_for 5 announced
	run -0 --separate-stderr tshark -r "$T/na.pcap" -Y "icmpv6.nd.na.target_address == $V0 and eth.src == $CORE_MAC"
	[[ -z $output ]]
	balanced
}

@test "host: what V sends to a sleeper waits, and reaches it in order, with both addresses in the journal" {
	host_lab 1 ',"psm":{"t3324_s":2}'
	ask_v
	wait_for 10 state_is "$V0" asleep
	for (( i = 1; i <= 5; i++ )); do
		v_says "word $i"
	done
	wait_for 5 pending_is "$V0" 5
	run -0 vnep-journal read --dev "$V0" --pending
	[[ $(jq -r '.src_ip + " " + .dest_ip' <<<"$output" | sort -u) == "$V0 $L0" ]]
	hear 0
	ask_v
	wait_for 5 grep -q "word 5" "$T/hear0.out"
	[[ $(<"$T/hear0.out") == $'word 1\nword 2\nword 3\nword 4\nword 5' ]]
	wait_for 5 pending_is "$V0" 0
	balanced
}

@test "host: a device that never attached is journaled for, and an answer confirms what was replayed" {
	host_lab 1 ',"psm":{"t3324_s":5}'
	v_says first
	wait_for 5 pending_is "$V0" 1
	background echo netns dev0 socat UDP6-RECVFROM:5683,fork EXEC:cat
	wait_for 5 netns dev0 sh -c 'grep -q ":1633 " /proc/net/udp6'
	ask_v
	wait_for 5 told '.type == "outcome" and .outcome == "confirmed" and .evidence == "flow-answer"'
	balanced
}

@test "host: ICMPv6 errors pass between the two as they are" {
	requires socat
	host_lab
	ask_v
	wait_for 5 state_is "$V0" awake
	nobody_listens vpc "UDP6:[$L0]:9,bind=[$V0]"
	nobody_listens dev0 "UDP6:[$V0]:9"
	balanced
}

@test "host: vnep-replay sends to L what V sent, and nothing else" {
	requires tshark
	host_lab
	ask_v
	wait_for 5 state_is "$V0" awake
	netns vpc frames udp6 - 00:00:5e:00:53:02 "$CORE_MAC" "$V0" "$L0" 40000 5683 again >"$T/good.hex"
	netns vpc frames udp6 - 00:00:5e:00:53:02 "$CORE_MAC" 2001:db8:b::2 "$L0" 40000 5683 never >"$T/bad.hex"
	for which in good bad; do
		sed 's/../ &/g; s/^/0000/' "$T/$which.hex" | text2pcap -q - "$T/$which.pcap" 2>/dev/null
	done
	stop edge TERM
	hear 0
	run -0 netns edge vnep-replay send -r "$T/good.pcap"
	wait_for 5 grep -q again "$T/hear0.out"
	run -1 netns edge vnep-replay send -r "$T/bad.pcap"
	[[ $(<"$T/hear0.out") == again ]]
}

@test "host: it talks on while the edge is started anew, and an edge device beside it is served as ever" {
	host_lab 2
	ask_v
	speak 1
	wait_for 5 state_is "$V0" awake
	wait_for 5 state_is "$V1" awake
	stop edge TERM
	ask_v
	edge_start
	wait_for 5 state_is "$V0" awake
	ask_v
	ask_l
	netns dev1 ping -q -c 1 -W 5 "$V0"
	netns vpc ping -q -c 1 -W 5 "$V1"
	balanced
}

@test "host: another fixed address in the map is the one from then on" {
	host_lab
	ask_v
	wait_for 5 state_is "$V0" awake
	vnep-map import -q <<-END
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","form":"host","addr":["2001:db8:a::20"]}
	END
	run -1 netns dev0 ping -q -c 1 -W 1 "$V0"
	netns dev0 ip address add 2001:db8:a::20/64 dev d0 nodad
	netns vpc ip route add 2001:db8:a::20/128 dev v0 src "$V0"
	netns dev0 ping -q -c 1 -W 5 -I 2001:db8:a::20 "$V0"
	run -0 vnep-edge status "$V0"
	record '.addr == ["2001:db8:a::20"]'
	netns vpc ping -q -c 1 -W 5 -I "$V0" 2001:db8:a::20
	balanced
}
