load helpers
load edge

# What the router itself says: replies to a ping, Packet Too Big; and devices that reach each other.

# What the edge's own stack was handed, all links together: our traffic never gets there.
own_stack() {
	netns edge awk '/^Ip6InReceives|^Ip6InDelivers|^Ip6OutForwDatagrams|^Icmp6InMsgs/ { print }' /proc/net/snmp6
}

@test "answers: a device pings its router, by fe80::1 and by the port's address, before and after it is attached" {
	lab
	netns edge ip address add 2001:db8:a::ffff/64 dev acc0 nodad
	edge_map
	edge_start
	own_stack >"$T/before"
	netns dev0 ping -q -c 1 -W 2 fe80::1%d0
	run -0 vnep-edge status
	record '.answered > 0 and .difference == 0'
	speak 0
	wait_for 5 state_is "$V0" awake
	netns dev0 ping -q -c 2 -i 0.05 -s 1400 -W 2 fe80::1%d0
	own_stack | diff "$T/before" -
	balanced
}

@test "answers: the router is pinged by the address of any port; its link-local ones answer on their own link" {
	lab
	netns edge ip address add 2001:db8:b::ffff/64 dev up0 nodad
	edge_map
	edge_start
	speak 0
	netns dev0 ping -q -c 1 -W 2 2001:db8:b::ffff
	run -1 netns vpc ping -q -c 1 -W 0.5 fe80::1%v0
	ns ip -n vpc neigh replace fe80::1 lladdr 00:00:5e:00:53:fd dev v0 nud permanent
	run -1 netns vpc ping -q -c 1 -W 0.5 fe80::1%v0
	wait_for 5 told '.type == "decision" and .reason == "not-for-us" and .dest_ip == "fe80::1"'
	balanced
}

@test "answers: no reply to a ping of a stranger, nor to a broken one" {
	lab
	edge_map
	edge_start
	ns ip -n dev0 link set d0 address 00:00:5e:00:53:99
	run -1 netns dev0 ping -q -c 1 -W 0.5 fe80::1%d0
	balanced
}

@test "too big: what a sleeper's port could never take is answered at once, not kept" {
	lab
	ns ip -n edge link set acc0 mtu 1280
	ns ip -n dev0 link set d0 mtu 1280
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	radio off 0
	wait_for 5 state_is "$V0" asleep
	run -1 netns vpc ping -c 1 -W 2 -M do -s 1300 "$V0"
	[[ $output == *"Packet too big: mtu=1280"* ]]
	pending_is "$V0" 0
	netns vpc ping -q -c 1 -W 0.2 -M do -s 1200 "$V0" || true
	wait_for 5 pending_is "$V0" 1
	balanced
}

@test "too big: the first packet of a device that is longer than the core port takes" {
	lab
	ns ip -n edge link set up0 mtu 1280
	edge_map
	edge_start
	run -1 netns dev0 ping -c 1 -W 2 -M do -s 1400 2001:db8:b::2
	[[ $output == *"Packet too big: mtu=1280"* ]]
	balanced
}

@test "too big: errors have a limit; beyond it they are a reason" {
	lab
	ns ip -n edge link set acc0 mtu 1280
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	radio off 0
	wait_for 5 state_is "$V0" asleep
	netns vpc ping -q -c 1 -W 0.2 "$V0" || true # so that it is resolved
	# UDP of 1,440 octets, 1,000 times at once
	frame=00005e0053fd00005e00530286dd6000000005a0114020010db8000b0000000000000000000220010db8000b00000000000000000070
	frame+=0009000905a0ffff$(printf '%02864d' 0)
	yes "$frame" | head -n 1000 | netns vpc frames send v0 -
	run -0 vnep-edge status
	record '.dropped["too-big"] >= 500 and .dropped["too-big"] < 951 and .difference == 0'
}

@test "hairpin: the first frame of a device reaches another one, awake or asleep" {
	requires socat
	lab 2
	edge_map
	edge_start
	speak 1
	wait_for 5 state_is "$V1" awake
	netns dev0 ping -q -c 1 -W 2 "$V1" # attaches it
	netns dev0 ping -q -c 2 -i 0.05 -W 2 "$V1"
	balanced
	radio off 0
	wait_for 5 state_is "$V0" asleep
	hear 0
	printf 'from one\n' | netns dev1 socat -u - "UDP6-SENDTO:[$V0]:5683"
	wait_for 5 pending_is "$V0" 1
	radio on 0
	netns dev0 ping -q -c 1 -W 2 "$V1"
	wait_for 5 grep -q "from one" "$T/hear0.out"
	balanced
}

@test "hairpin: an error between two devices has its addresses translated for both" {
	requires socat
	lab 2
	T3324=60 edge_map
	edge_start
	speak 0
	speak 1
	wait_for 5 state_is "$V0" awake
	wait_for 5 state_is "$V1" awake
	nobody_listens dev0 "UDP6:[$V1]:9"
	balanced
}

@test "hairpin: the first frame to a device of another VPC passes only where both allow it" {
	lab 2
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"vpc","v":1,"vpc":"other","prefix":"2001:db8:c::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","allow":[{"to":"2001:db8:c::/64"}]}
		{"type":"device","v":1,"dev":"$DEV1","vep":"2001:db8:c::71"}
	END
	edge_start
	vnep-edge attach "$DEV1" --port acc1 --addr 2001:db8:a::3
	wait_for 5 state_is 2001:db8:c::71 awake
	run -1 netns dev0 ping -q -c 1 -W 0.5 2001:db8:c::71
	wait_for 5 told '.type == "decision" and .reason == "policy-denied" and .dest_ip == "2001:db8:c::71"'
	balanced
}
