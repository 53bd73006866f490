load helpers
load edge
load wire
load path

# Router advertisements on tagged ports: two VLANs behind one port, each with a router and a prefix of its own, and devices
# that know nothing but how to ask.

setup() {
	vnep_setup
	lab_tagged
	tagged_map
	whole_checksums
}

# A host out of the box: no address, no route, the kernel's own SLAAC.
bare() {
	local host

	for host; do
		netns "$host" sh -c "
			ip link set $host down
			ip -6 route flush default 2>/dev/null
			echo 1 >/proc/sys/net/ipv6/conf/$host/accept_ra
			ip link set $host up"
	done
}

has_address() {
	[[ $(netns "$1" ip -6 -o address show dev "$1" scope global -tentative) == *" $2"* ]]
}

advertise() {
	edge_start --advertise 'acc0 2001:db8:1::/64 vlan=101 lifetime_s=900 interval_s=300 mtu=1400' \
		--advertise 'acc0 2001:db8:2::/64 vlan=102 lifetime_s=1800'
}

@test "ra: in each VLAN its own router, prefix, lifetime and MTU, under its own tag" {
	requires rdisc6 ndisc6
	capture device dev0 d0
	advertise
	run -0 netns t101 rdisc6 -1 -r 5 -w 2000 t101
	[[ $output == *"2001:db8:1::/64"* && $output == *"900 "* && $output == *"1400 "* && $output != *"2001:db8:2::/64"* ]]
	[[ $output == *"from fe80::1"* ]]
	run -0 netns t102 rdisc6 -1 -r 5 -w 2000 t102
	[[ $output == *"2001:db8:2::/64"* && $output == *"1800 "* && $output != *"2001:db8:1::/64"* ]]
	captured device
	good device +1 'icmpv6.type == 134 && vlan.id == 101 && icmpv6.opt.prefix == 2001:db8:1::' \
		+1 'icmpv6.type == 134 && vlan.id == 102 && icmpv6.opt.prefix == 2001:db8:2::' 0 'icmpv6.type == 134 && !vlan' \
		0 'icmpv6.type == 134 && vlan.id == 101 && icmpv6.opt.prefix == 2001:db8:2::'
	wait_for 5 balanced
}

@test "ra: devices with plain SLAAC attach by themselves, each in its VLAN" {
	bare t101 t102
	advertise
	wait_for 20 has_address t101 2001:db8:1:0:200:5eff:fe00:5321
	wait_for 20 has_address t102 2001:db8:2:0:200:5eff:fe00:5322
	awake t101 "$V101"
	awake t102 "$V102" 2001:db8:c::2
	netns c900 ping -q -c 2 -i 0.05 -W 2 "$V101"
	netns c901 ping -q -c 2 -i 0.05 -W 2 "$V102"
	run -0 vnep-edge status "$V101"
	record '.addr[-1] == "2001:db8:1:0:200:5eff:fe00:5321" and .vlan == 101'
	wait_for 5 balanced
}

@test "ra: a tagged device that changes its address keeps its endpoint and its backlog" {
	requires socat
	advertise
	awake t101 "$V101"
	radio off t101
	vnep-edge detach "$V101"
	echo "for the old address" | netns c900 socat -u - "UDP6-SENDTO:[$V101]:5683"
	wait_for 5 pending_is "$V101" 1
	ns ip -n t101 address del 2001:db8:a::2/64 dev t101
	ns ip -n t101 address add 2001:db8:1::5/64 dev t101 nodad
	background heard netns t101 socat -u UDP6-RECV:5683 -
	radio on t101
	awake t101 "$V101"
	wait_for 5 grep -q "for the old address" "$T/heard.out"
	netns c900 ping -q -c 2 -i 0.05 -W 2 "$V101"
	run -0 vnep-edge status "$V101"
	record '.addr[-1] == "2001:db8:1::5"'
	wait_for 5 balanced
}
