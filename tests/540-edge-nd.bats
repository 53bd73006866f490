load helpers
load edge

# Neighbour discovery is the worker's, on both sides; ICMPv6 errors carry the right address inside.

neighbours_of() {
	ns ip -n "$1" -6 neigh show
}

@test "nd: an endpoint resolves on the VPC link, asleep or awake; an address nobody has does not" {
	requires ndisc6
	lab
	edge_map
	edge_start
	run -0 netns vpc ndisc6 -q -1 -w 2000 "$V0" v0
	[[ ${output,,} == 00:00:5e:00:53:fd ]]
	speak 0
	wait_for 5 state_is "$V0" awake
	run -0 netns vpc ndisc6 -q -1 -w 2000 "$V0" v0
	[[ ${output,,} == 00:00:5e:00:53:fd ]]
	run -2 netns vpc ndisc6 -q -1 -r 1 -w 300 2001:db8:b::dead v0
	balanced
}

@test "nd: the access port answers for fe80::1 and its own addresses" {
	requires ndisc6
	lab
	netns edge ip address add 2001:db8:a::ffff/64 dev acc0 nodad
	edge_map
	edge_start
	for target in fe80::1 2001:db8:a::ffff; do
		run -0 netns dev0 ndisc6 -q -1 -w 2000 "$target" d0
		[[ ${output,,} == 00:00:5e:00:53:fe ]]
	done
	run -2 netns dev0 ndisc6 -q -1 -r 1 -w 300 2001:db8:a::dead d0
	balanced
}

@test "nd: an endpoint is announced on the VPC link when its device arrives" {
	lab
	edge_map
	edge_start
	ns ip -n vpc neigh replace "$V0" lladdr 00:00:5e:00:53:77 dev v0 nud stale
	speak 0
	wait_for 5 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} -- ip -n vpc -6 neigh show $V0 | grep -q 00:00:5e:00:53:fd"
}

@test "nd: nothing a device says changes a neighbour of the edge" {
	requires ndisc6
	lab 2
	edge_map
	edge_start
	speak 0
	speak 1
	wait_for 5 state_is "$V0" awake
	wait_for 5 state_is "$V1" awake
	neighbours_of edge | sed 's/ \(REACHABLE\|STALE\|DELAY\|PROBE\)//' | sort >"$T/before"
	grep -q "$V0 dev acc0 lladdr 00:00:5e:00:53:01 PERMANENT" "$T/before"
	# a device claims the address of a VPC host, of another device, and of the edge
	for target in 2001:db8:b::2 "$V1" 2001:db8:a::3 fe80::1; do
		ns ip -n dev0 address add "$target/128" dev d0 nodad
		netns dev0 ndisc6 -q -1 -r 1 -w 50 -s "$target" 2001:db8:a::2 d0 || true
		netns dev0 ping -q -c 1 -W 0.1 -I "$target" fe80::1%d0 || true
		ns ip -n dev0 address del "$target/128" dev d0
	done
	neighbours_of edge | sed 's/ \(REACHABLE\|STALE\|DELAY\|PROBE\)//' | sort | diff "$T/before" -
	netns vpc ping -q -c 1 -W 2 "$V1"
	balanced
}

@test "nd: a destination off the link goes to the next hop of its route, and answers come back" {
	lab
	netns vpc ip address add 2001:db8:b::1/64 dev v0 nodad
	netns vpc ip address add 2001:db8:ff::1/128 dev lo nodad
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","routes":[{"to":"2001:db8:ff::/48","next_hop":"2001:db8:b::1"}]}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","allow":[{"to":"2001:db8:ff::/48"},{"to":"2001:db8:b::/64"}]}
	END
	edge_start
	netns dev0 ping -q -c 3 -i 0.1 -W 5 2001:db8:ff::1
	wait_for 5 state_is "$V0" awake
	netns dev0 ping -q -c 1 -W 5 2001:db8:ff::1
	balanced
}

@test "nd: a host that does not answer is a reason, not silence" {
	lab
	edge_map
	edge_start
	run -1 netns dev0 ping -q -c 1 -W 1 2001:db8:b::dead
	wait_for 8 sh -c "vnep-edge status | jq -e '.dropped[\"no-next-hop\"] == 1 and .difference == 0'"
}

@test "icmpv6: an error from a device names the endpoint, an error to a device names its own address" {
	requires socat
	requires tshark
	lab
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	# port unreachable, both ways: the sender's socket sees it only if the packet inside is its own
	nobody_listens vpc "UDP6:[$V0]:9"
	nobody_listens dev0 "UDP6:[2001:db8:b::2]:9"
	balanced
}

@test "icmpv6: hop limit 1 is answered by the edge with Time Exceeded" {
	lab
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	run -1 netns dev0 ping -c 1 -W 2 -t 1 2001:db8:b::2
	[[ $output == *"Time exceeded"* ]]
	run -1 netns vpc ping -c 1 -W 2 -t 1 "$V0"
	[[ $output == *"Time exceeded"* ]]
	balanced
}

# RFC 6980: fragmented discovery is nobody's, whoever puts it together.
@test "nd: a solicitation in a fragment is not answered, the same one whole is; a device's advertisement for another teaches nobody" {
	local target=fe800000000000000000000000000001 src dest=ff0200000000000000000001ff000001

	lab 2
	edge_map
	edge_start
	speak 0
	speak 1
	src=fe80000000000000000000000000dada
	background heard netns dev0 frames recv d0 50 1500 icmp6 # the host's own, MLD among them, are heard, too
	wait_for 3 grep -q listening "$T/heard.err"
	netns dev0 frames send d0 "3333ff00000100005e00530186dd6000000000282cff$src$dest"3a00000000005683"8700000000000000$target"010100005e005301
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:ff:00:00:01 fe80::dada ff02::1:ff00:1 135 0 "00000000${target}010100005e005301"
	wait "${PIDS[heard]}" || true
	unset "PIDS[heard]"
	[ "$(grep -c "3aff.*$src.*88" "$T/heard.out")" = 1 ]
	# device 0 says that V1 is at its own MAC: to the edge, and to the link of the VPC
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 00:00:5e:00:53:fe 2001:db8:a::2 2001:db8:b::2 136 0 \
		"6000000020010db8000b00000000000000000071020100005e005301"
	netns vpc ping -q -c 2 -i 0.2 -W 2 "$V1"
	run -1 grep -i 00:00:5e:00:53:01 <<<"$(neighbours_of vpc)"
	balanced
}
