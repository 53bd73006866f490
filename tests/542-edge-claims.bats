load helpers
load edge
load wire
load path

# Somebody in the VPC takes the address of an endpoint: it is told, and the address is defended.

# The edge says to all where the endpoint is.
defence() {
	echo "icmpv6.type == 136 && eth.src == $CORE && ipv6.dst == ff02::1 && icmpv6.nd.na.flag.o == 1 &&
		icmpv6.nd.na.target_address == $1 && icmpv6.opt.linkaddr == $CORE" | tr -d '\n\t'
}

# Host $1 looks before it takes address $3 on link $2.
looks() {
	netns "$1" sh -c "echo 1 >/proc/sys/net/ipv6/conf/$2/accept_dad
		echo 1 >/proc/sys/net/ipv6/conf/$2/dad_transmits
		ip -6 address add $3/64 dev $2"
	wait_for 10 refused "$@"
	netns "$1" ip -6 address del "$3/64" dev "$2"
}

refused() {
	[[ $(netns "$1" ip -6 -o address show dev "$2" dadfailed) == *" $3/"* ]]
}

# An advertisement of the VPC host for an endpoint, as hex.
claim() {
	HOPS=255 frames icmp6 - "$HOSTV" 33:33:00:00:00:01 fe80::200:5eff:fe00:5302 ff02::1 136 0 \
		"20000000${1}0201${HOSTV//:/}"
}

v0_hex=20010db8000b00000000000000000070

@test "claims: a host that looks whether an endpoint's address is free finds it taken, asleep or awake, and that is told" {
	lab
	edge_map
	edge_start
	looks vpc v0 "$V0"
	wait_for 5 told ".type == \"decision\" and .reason == \"address-in-use\" and .forwarding == \"drop\" and
		.dev == \"$DEV0\" and .src_ip == \"::\" and .src_mac == \"$HOSTV\" and .in_iface == \"up0\""
	speak 0
	wait_for 5 state_is "$V0" awake
	looks vpc v0 "$V0"
	run -0 vnep-edge status "$V0"
	record '.dropped == 2'
	wait_for 5 dropped_is address-in-use 2
	grep -q "address: $V0 of $DEV0 is used by $HOSTV on up0, too" "$T/edge.err"
	# an address that nobody has is free
	netns vpc ip -6 address add 2001:db8:b::dada/64 dev v0
	wait_for 10 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} -- ip -n vpc -6 -o address show dev v0 -tentative | grep -q dada"
}

@test "claims: the same behind a tag, in the VLAN of its VPC and in no other" {
	lab_tagged
	tagged_map
	edge_start
	looks c900 c900 "$V101"
	wait_for 5 told ".reason == \"address-in-use\" and .dev == \"$D101\" and .vlan == 900"
	dropped_is address-in-use 1
	netns c901 sh -c "echo 1 >/proc/sys/net/ipv6/conf/c901/accept_dad
		ip -6 address add $V101/64 dev c901"
	wait_for 10 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} -- ip -n c901 -6 -o address show dev c901 -tentative | grep -q $V101"
	dropped_is address-in-use 1
}

@test "claims: a host that does not look and speaks from an endpoint's address is told, and the address announced again" {
	lab 2
	edge_map
	edge_start
	capture core vpc v0
	# it resolves a sleeper, and has a packet for it
	netns vpc ip -6 address add "$V0/128" dev v0 nodad
	run -1 netns vpc ping -q -c 1 -W 0.2 -I "$V0" "$V1"
	wait_for 5 told ".reason == \"address-in-use\" and .forwarding == \"drop\" and .dev == \"$DEV0\" and
		.src_ip == \"$V0\" and .src_mac == \"$HOSTV\" and .proto == \"ICMPV6\""
	# its packets go their way: a word to all within a second, while they come
	netns vpc ip -6 neigh replace "$V1" lladdr "$CORE" dev v0 nud permanent
	run -1 netns vpc ping -q -i 0.2 -c 8 -W 0.2 -I "$V0" "$V1"
	wait_for 5 told ".reason == \"address-in-use\" and .forwarding == \"accept\" and .dev == \"$DEV0\" and .src_ip == \"$V0\""
	wait_for 5 balanced
	captured core
	saw core +2 "$(defence "$V0")"
	# the endpoints' own devices may speak to each other
	netns vpc ip -6 address del "$V0/128" dev v0
	speak 1
	netns dev0 ping -q -c 2 -i 0.2 -W 2 "$V1"
	wait_for 5 state_is "$V0" awake
	run -1 told ".reason == \"address-in-use\" and .src_mac != \"$HOSTV\""
	balanced
}

@test "claims: a host that says it has an endpoint's address is answered at once" {
	lab
	edge_map
	edge_start
	netns vpc ip -6 neigh replace "$V0" lladdr 00:00:5e:00:53:77 dev v0 nud stale
	claim "$v0_hex" | netns vpc frames send v0 -
	wait_for 5 told ".reason == \"address-in-use\" and .dev == \"$DEV0\" and .src_mac == \"$HOSTV\" and .count == 1"
	wait_for 5 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} -- ip -n vpc -6 neigh show $V0 | grep -q $CORE"
	# of a device that is none of ours, and what the edge itself says, is no claim
	claim 20010db8000b0000000000000000dead | netns vpc frames send v0 -
	claim "$v0_hex" | sed "s/${HOSTV//:/}$/${CORE//:/}/" | netns vpc frames send v0 -
	wait_for 5 dropped_is address-in-use 1
}

@test "claims: a flood of them is counted, told once a second, and answered as often" {
	lab
	edge_map
	edge_start
	capture core vpc v0
	netns vpc flood v0 2 "$(claim "$v0_hex")" >"$T/flood"
	wait_for 10 status_has '.dropped["address-in-use"] >= 1000 and .dropped["rate-limited"] >= 1000'
	captured core
	saw core +2 "$(defence "$V0")"
	wait_for 5 flood_told # all of them
	jq -se 'map(select(.reason == "address-in-use").us) | length >= 2 and
		([range(1; length) as $i | .[$i] - .[$i - 1]] | min > 900000)' "$T/watch.out"
	# and no more announcements than records
	run -1 saw core "+$(( $(jq -s 'map(select(.reason == "address-in-use")) | length' "$T/watch.out") + 1 ))" "$(defence "$V0")"
	balanced
}

flood_told() {
	vnep-edge status >"$T/status"
	jq -se --slurpfile status "$T/status" '(map(select(.reason == "address-in-use").count) | add) ==
		$status[0].dropped["address-in-use"]' "$T/watch.out"
}
