load helpers
load edge
load wire
load path

# What the edge answers itself: ping to its addresses, and packets that are longer than the link they must leave by.

setup() {
	vnep_setup
	lab
	ns ip -n edge address add 2001:db8:a::ffff/64 dev acc0 nodad
}

@test "errors: the device's router answers ping, at fe80::1 and at the port's own addresses" {
	path_plain
	capture device dev0 d0
	netns dev0 ping -q -c 3 -i 0.05 -W 2 fe80::1%d0
	netns dev0 ping -q -c 3 -i 0.05 -W 2 2001:db8:a::ffff
	netns dev0 ping -q -c 1 -s 1200 -W 2 2001:db8:a::ffff
	captured device
	good device 3 'icmpv6.type == 129 && ipv6.src == fe80::1' 4 'icmpv6.type == 129 && ipv6.src == 2001:db8:a::ffff'
	balanced
	jq -e '.answered >= 7' "$T/status"
}

@test "errors: the core port answers ping on the VPC link, and reaches nothing behind it" {
	path_plain
	netns vpc ping -q -c 3 -i 0.05 -W 2 fe80::200:5eff:fe00:53fd%v0
	balanced
}

@test "errors: tracepath finds the hop and the MTU of the access link from the VPC" {
	requires tracepath iputils-tracepath
	path_plain
	mtu 1280 d0 acc0
	wait_for 5 netns dev0 ping -q -c 1 -W 1 2001:db8:b::2
	run -0 netns vpc tracepath -n "$V0"
	grep -q 'pmtu 1280' <<<"$output"
	grep -q "$V0 .*reached" <<<"$output"
	grep -q 'fe80::200:5eff:fe00:53fd' <<<"$output"
	wait_for 5 balanced
}

@test "errors: a packet longer than the access MTU is answered with Packet Too Big, and fits from then on" {
	path_plain
	mtu 1280 d0 acc0
	wait_for 5 netns dev0 ping -q -c 1 -W 1 2001:db8:b::2
	capture device dev0 d0
	capture vpc vpc v0
	run -1 netns vpc ping -c 1 -W 2 -M do -s 1400 "$V0"
	[[ ${output,,} == *"packet too big: mtu=1280"* ]]
	netns vpc ping -q -c 2 -i 0.1 -W 2 -s 1400 "$V0"
	netns vpc ip -6 route get "$V0" | grep -q 'mtu 1280'
	captured device
	captured vpc
	good device
	good vpc 1 "icmpv6.type == 2 && icmpv6.mtu == 1280"
	saw device 0 'ipv6.plen > 1240' 2 'ipv6.fragment && icmpv6.type == 128'
	balanced
	jq -e '.answered >= 1' "$T/status"
}

@test "errors: a packet longer than the core MTU is answered on the device's side" {
	path_plain
	mtu 1280 v0 up0
	capture vpc vpc v0
	run -1 netns dev0 ping -c 1 -W 2 -M do -s 1400 2001:db8:b::2
	[[ ${output,,} == *"packet too big: mtu=1280"* ]]
	netns dev0 ping -q -c 2 -i 0.1 -W 2 -s 1400 2001:db8:b::2
	captured vpc
	good vpc 0 'ipv6.plen > 1240'
	balanced
}

@test "errors: what waited for a sleeper and does not fit any more is answered when the device wakes" {
	requires socat
	edge_map
	edge_start
	head -c 1400 /dev/zero | tr '\0' x | netns vpc socat -u -b 2000 - "UDP6-SENDTO:[$V0]:5683"
	say_to "$V0" short
	wait_for 5 pending_is "$V0" 2
	mtu 1280 d0 acc0
	vnep-edge status >"$T/status" # it has heard of it
	capture vpc vpc v0
	hear 0
	speak 0
	wait_for 5 told '.type == "outcome" and .seq == 1 and .outcome == "failed" and .reason == "too-big"'
	wait_for 5 told '.type == "outcome" and .seq == 2 and .outcome == "sent"'
	captured vpc
	good vpc 1 "icmpv6.type == 2 && icmpv6.mtu == 1280"
	balanced
	jq -e '.dropped."too-big" == 1' "$T/status"
}

# The device announces segments that its own link cannot take: only path MTU discovery gets the transfer through.
@test "errors: TCP through core MTU 1500 and access MTU 1280 completes, in whole packets and in segments cut late" {
	requires socat
	path_plain
	bulk vpc "$V0" 7000 4000000 dev0
	mtu 1280 d0 acc0
	wait_for 5 netns dev0 ping -q -c 1 -W 1 2001:db8:b::2
	ns ip -n dev0 route replace default via fe80::1 dev d0 advmss 1440
	capture device dev0 d0
	bulk vpc "$V0" 7001 4000000 dev0
	netns vpc ip -6 route get "$V0" | grep -q 'mtu 1280'
	captured device
	good device 0 'ipv6.plen > 1240' +1000 'tcp.dstport == 7001 && tcp.len > 1000'
	netns vpc ip -6 route flush cache
	cut_late vpc v0
	bulk vpc "$V0" 7002 20000000 dev0
	wait_for 5 balanced
}

@test "errors: TCP from an access link of 1500 to a core link of 1280 completes" {
	requires socat
	path_plain
	mtu 1280 v0 up0
	ns ip -n vpc route replace 2001:db8:b::/64 dev v0 metric 256 advmss 1440
	bulk dev0 2001:db8:b::2 7000 4000000 vpc
	netns dev0 ip -6 route get 2001:db8:b::2 | grep -q 'mtu 1280'
	cut_late dev0 d0
	netns dev0 ip -6 route flush cache
	bulk dev0 2001:db8:b::2 7001 20000000 vpc
	wait_for 5 balanced
}


@test "errors: a frame of 4,000 octets from the VPC is answered, for a device that listens and for a sleeper; nothing of it waits" {
	path_plain
	mtu 9000 v0 up0
	run -1 netns vpc ping -c 1 -W 3 -M do -s 4000 "$V0"
	[[ ${output,,} == *"packet too big: mtu=1500"* ]]
	radio off 0
	vnep-edge detach "$V0"
	ns ip -n vpc -6 route flush cache
	run -1 netns vpc ping -c 1 -W 3 -M do -s 4000 "$V0"
	[[ ${output,,} == *"packet too big: mtu=1500"* ]]
	pending_is "$V0" 0
	wait_for 5 balanced
	jq -e '.answered >= 2' "$T/status"
}
