load helpers
load edge

# Hosts and next hops of the core side: resolved and watched by the worker, nothing overtaken at first contact.

reachable() {
	netns edge nft get element netdev vnep reachable "{ $1 }"
}

unreachable() {
	if reachable "$1"; then
		return 1
	fi
}

neighbour_is() {
	netns edge ip -6 neigh show "$1" dev up0 | grep -q "$2"
}


@test "hosts: at first contact nothing is lost, doubled or overtaken" {
	lab
	ns ip -n vpc address add 2001:db8:b::3/64 dev v0 nodad
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	wait_for 5 reachable 2001:db8:b::2
	background seen netns vpc frames recv v0 3000 20000 udp
	wait_for 5 grep -q listening "$T/seen.err"
	netns dev0 frames udp6 d0 00:00:5e:00:53:01 00:00:5e:00:53:fe 2001:db8:a::2 2001:db8:b::3 9 9 n 3000
	stop -0 seen 0
	cut -c 125- "$T/seen.out" | sed 's/../\\x&/g' | xargs -0 printf '%b' | sed 's/^ //' >"$T/texts"
	diff <(seq -f 'n %g' 3000) "$T/texts"
	reachable 2001:db8:b::3
	wait_for 5 neighbour_is 2001:db8:b::3 "00:00:5e:00:53:02 PERMANENT"
	balanced
}

@test "hosts: what is for somebody who does not answer comes back as address unreachable, and is a decision" {
	lab
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	background seen netns dev0 frames recv d0 100 6000 icmp6
	wait_for 5 grep -q listening "$T/seen.err"
	run -1 netns dev0 ping -c 1 -W 6 2001:db8:b::dead
	[[ $output == *"Address unreachable"* ]]
	wait_for 5 told '.type == "decision" and .reason == "no-next-hop" and .dest_ip == "2001:db8:b::dead" and .count == 1'
	# the quotation is what the device sent: its own address, the hop limit as it was
	stop -1 seen 0
	grep -E '^.{108}0103.{26}4020010db8000a0000000000000000000220010db8000b0000000000000000dead' "$T/seen.out"
	run -0 vnep-edge status
	record '.dropped["no-next-hop"] == 1 and .difference == 0'
	unreachable 2001:db8:b::dead
}

@test "hosts: next hops are looked for from the start, and said to be away and back" {
	lab
	netns vpc ip address add 2001:db8:ff::1/128 dev lo nodad
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","routes":[{"to":"2001:db8:ff::/48","next_hop":"2001:db8:b::1"}]}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","allow":[{"to":"2001:db8:ff::/48"},{"to":"2001:db8:b::/64"}]}
	END
	edge_start
	wait_for 10 grep -q "next hop: 2001:db8:b::1 does not answer" "$T/edge.err"
	unreachable 2001:db8:b::1
	netns vpc ip address add 2001:db8:b::1/64 dev v0 nodad
	wait_for 20 grep -q "next hop: 2001:db8:b::1 is back" "$T/edge.err"
	wait_for 5 reachable 2001:db8:b::1
	netns dev0 ping -q -c 3 -i 0.1 -W 5 2001:db8:ff::1
	balanced
}

@test "hosts: a host that moves is followed" {
	lab
	edge_map
	edge_start
	speak 0
	wait_for 5 neighbour_is 2001:db8:b::2 "00:00:5e:00:53:02 PERMANENT"
	ns ip -n vpc link set v0 address 00:00:5e:00:53:22
	# the new card says so: RFC 4861 7.2.6
	netns vpc frames icmp6 v0 00:00:5e:00:53:22 33:33:00:00:00:01 2001:db8:b::2 ff02::1 136 0 \
		2000000020010db8000b00000000000000000002020100005e005322
	wait_for 5 neighbour_is 2001:db8:b::2 "00:00:5e:00:53:22 PERMANENT"
	netns dev0 ping -q -c 1 -W 5 2001:db8:b::2
	balanced
}

@test "hosts: a daemon that starts again adopts those that are there and takes out those that went away" {
	lab
	ns ip -n vpc address add 2001:db8:b::3/64 dev v0 nodad
	edge_map
	edge_start
	speak 0
	netns dev0 ping -q -c 1 -W 5 2001:db8:b::3
	wait_for 5 neighbour_is 2001:db8:b::2 PERMANENT
	wait_for 5 neighbour_is 2001:db8:b::3 PERMANENT
	edge_killed
	ns ip -n vpc address del 2001:db8:b::3/64 dev v0
	reachable 2001:db8:b::3
	background ping netns dev0 ping -q -i 0.05 -c 60 -W 1 2001:db8:b::2
	edge_start
	reachable 2001:db8:b::2
	wait_for 10 unreachable 2001:db8:b::3
	stop -0 ping 0
	grep -q " 0% packet loss" "$T/ping.out"
	reachable 2001:db8:b::2
	run -1 neighbour_is 2001:db8:b::3 PERMANENT
	balanced
}

@test "hosts: a core link that was down and up again: the kernel forgot its neighbours, the worker writes them anew" {
	lab
	edge_map
	edge_start
	speak 0
	wait_for 5 neighbour_is 2001:db8:b::2 PERMANENT
	ns ip -n edge link set up0 down
	run -1 neighbour_is 2001:db8:b::2 PERMANENT
	ns ip -n edge link set up0 up
	wait_for 5 neighbour_is 2001:db8:b::2 PERMANENT
	netns dev0 ping -q -c 1 -W 5 2001:db8:b::2
	balanced
}

@test "hosts: taken out of the kernel's set by somebody else, a host comes back with the next packet" {
	lab
	edge_map
	edge_start
	speak 0
	wait_for 5 neighbour_is 2001:db8:b::2 PERMANENT
	netns edge nft delete element netdev vnep reachable '{ 2001:db8:b::2 }'
	netns dev0 ping -q -c 1 -W 5 2001:db8:b::2
	wait_for 5 reachable 2001:db8:b::2
	wait_for 5 neighbour_is 2001:db8:b::2 PERMANENT
	balanced
}
