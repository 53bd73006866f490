load helpers
load edge
load wire
load path

# Tagged ports under real traffic, errors, and tags that do not belong there.

setup() {
	vnep_setup
	requires socat
}

@test "vlan: CoAP and TCP through tags, in whole packets and in segments cut late" {
	requires "$COAP_CLIENT" libcoap3-bin
	lab_tagged
	path_tagged
	background coap netns t101 "$COAP_SERVER" -A 2001:db8:a::2 -d 4
	netns c900 "$COAP_CLIENT" -m put -e hello -B 3 "coap://[$V101]/greeting"
	run -0 netns c900 "$COAP_CLIENT" -B 3 "coap://[$V101]/greeting"
	[[ $output == *hello* ]]
	bulk c900 "$V101" 7000 2000000 t101
	bulk t101 2001:db8:b::2 7000 2000000 c900
	cut_late c900 c900
	cut_late t101 t101
	bulk c900 "$V101" 7001 20000000 t101
	bulk t101 2001:db8:b::2 7001 20000000 c900
	wait_for 5 balanced
}

@test "vlan: the edge answers hop limits, pings and long packets under the tag, errors pass translated" {
	requires traceroute
	lab_tagged
	path_tagged
	capture device dev0 d0
	capture core vpc v0
	netns t101 ping -q -c 2 -i 0.05 -W 2 fe80::1%t101
	run -0 netns t101 traceroute -6 -n -q 1 -w 3 2001:db8:b::2
	grep -qE '^ *1 +fe80:' <<<"$output"
	grep -qE '^ *2 +2001:db8:b::2 ' <<<"$output"
	run -0 netns c900 traceroute -6 -n -q 1 -w 3 "$V101"
	grep -qE '^ *1 +fe80:' <<<"$output"
	grep -qE "^ *2 +$V101 " <<<"$output"
	nobody_listens t101 "UDP6:[2001:db8:b::2]:9"
	nobody_listens c900 "UDP6:[$V101]:9"
	captured device
	captured core
	good device +1 'icmpv6.type == 3 && vlan.id == 101' +1 'icmpv6.type == 1 && vlan.id == 101' 0 'icmpv6.type < 128 && !(vlan.id == 101)'
	good core +1 'icmpv6.type == 3 && vlan.id == 900' +1 'icmpv6.type == 1 && vlan.id == 900' 0 'icmpv6.type < 128 && !(vlan.id == 900)'
	balanced
}

@test "vlan: TCP through core MTU 1500 and access MTU 1280 completes under tags" {
	lab_tagged
	path_tagged
	mtu 1280 t101 acc0
	wait_for 5 netns t101 ping -q -c 1 -W 1 2001:db8:b::2
	ns ip -n t101 route replace default via fe80::1 dev t101 advmss 1440
	bulk c900 "$V101" 7001 4000000 t101
	netns c900 ip -6 route get "$V101" | grep -q 'mtu 1280'
	wait_for 5 balanced
}

@test "vlan: another VLAN, none, two, a priority or a service tag is wrong-vlan; a stranger is no-mapping" {
	lab_tagged
	path_tagged
	good=$(datagram 2001:db8:a::2 2001:db8:b::2)
	abuse dev0 d0 <<-END
		wrong-vlan 2 $(macs "$PORT" 00:00:5e:00:53:21)81000066$good
		wrong-vlan 2 $(macs "$PORT" 00:00:5e:00:53:21)81000309$good
		wrong-vlan 2 $(macs "$PORT" 00:00:5e:00:53:21)$good
		wrong-vlan 2 $(macs "$PORT" 00:00:5e:00:53:21)8100006581000065$good
		wrong-vlan 2 $(macs "$PORT" 00:00:5e:00:53:21)81000000$good
		wrong-vlan 2 $(macs "$PORT" 00:00:5e:00:53:21)88a80065$good
		wrong-vlan 2 $(macs "$PORT" 00:00:5e:00:53:21)88a8006581000065$good
		no-mapping 2 $(macs "$PORT" 00:00:5e:00:53:77)81000065$good
		no-mapping 2 $(macs "$PORT" 00:00:5e:00:53:77)81000309$good
		no-mapping 2 $(macs "$PORT" 00:00:5e:00:53:77)$good
		not-ipv6 2 $(macs "$PORT" 00:00:5e:00:53:21)810000650800450000200000000000401110
	END
	wait_for 5 told '.type == "decision" and .reason == "wrong-vlan" and .src_mac == "00:00:5e:00:53:21" and .vlan == 102'
	netns t101 ping -q -c 1 -W 2 2001:db8:b::2
	wait_for 5 balanced
}

@test "vlan: a host of one VPC reaches no endpoint of another, in whatever VLAN it speaks" {
	lab_tagged
	path_tagged
	capture device dev0 d0
	abuse vpc v0 <<-END
		policy-denied 2 $(macs "$CORE" 00:00:5e:00:53:2a)81000385$(datagram 2001:db8:b::2 "$V101")
		policy-denied 2 $(macs "$CORE" 00:00:5e:00:53:2a)81000385$(datagram 2001:db8:c::2 "$V101")
		policy-denied 2 $(macs "$CORE" 00:00:5e:00:53:29)81000384$(datagram 2001:db8:c::2 "$V101")
		wrong-vlan 2 $(macs "$CORE" 00:00:5e:00:53:29)81000386$(datagram 2001:db8:b::2 "$V101")
	END
	captured device
	saw device 0 'udp.dstport == 7777'
}
