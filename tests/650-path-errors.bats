load helpers
load edge
load wire
load path

# ICMPv6: what every network engineer tries first. The edge answers where a router would, and translates what passes.

setup() {
	vnep_setup
	lab
	ns ip -n edge address add 2001:db8:a::ffff/64 dev acc0 nodad
}

@test "errors: traceroute shows the edge, from the device and from the VPC" {
	requires traceroute
	path_plain
	capture device dev0 d0
	run -0 netns dev0 traceroute -6 -n -q 1 -w 3 2001:db8:b::2
	grep -qE '^ *1 +2001:db8:a::ffff ' <<<"$output"
	grep -qE '^ *2 +2001:db8:b::2 ' <<<"$output"
	for kind in -U -I -T; do
		run -0 netns vpc traceroute -6 -n -q 1 -w 3 $kind "$V0"
		grep -qE '^ *1 +fe80::200:5eff:fe00:53fd%v0 ' <<<"$output"
		grep -qE "^ *2 +$V0 " <<<"$output"
	done
	captured device
	good device
	balanced
	jq -e '.answered >= 4' "$T/status"
}

@test "errors: port unreachable passes in both directions, the packet inside is its sender's own, checksums and all" {
	requires socat
	path_plain
	capture device dev0 d0
	capture vpc vpc v0
	nobody_listens vpc "UDP6:[$V0]:9"
	nobody_listens dev0 "UDP6:[2001:db8:b::2]:9"
	captured device
	captured vpc
	good device +1 'icmpv6.type == 1 && ipv6.dst#1 == 2001:db8:a::2 && ipv6.src#2 == 2001:db8:a::2 && ipv6.dst#2 == 2001:db8:b::2 && udp'
	good vpc +1 "icmpv6.type == 1 && ipv6.src#1 == $V0 && ipv6.src#2 == 2001:db8:b::2 && ipv6.dst#2 == $V0 && udp" 0 'ipv6.addr == 2001:db8:a::2'
	balanced
}

@test "errors: Packet Too Big of a router in the VPC reaches the device, whose path MTU it becomes" {
	path_plain
	netns dev0 ping -q -c 1 -W 2 -s 1400 2001:db8:b::2
	background echo netns vpc frames recv v0 100 10000 icmp6
	wait_for 5 grep -q listening "$T/echo.err"
	netns dev0 ping -q -c 1 -W 2 -s 1300 2001:db8:b::2
	wait_for 5 grep -qE '^.{108}80' "$T/echo.out"
	# what the router says: MTU 1300, and as much of the packet as fits
	netns vpc frames icmp6 v0 00:00:5e:00:53:02 "$CORE" 2001:db8:b::2 "$V0" 2 0 "00000514$(grep -E '^.{108}80' "$T/echo.out" | cut -c29-2428)"
	wait_for 5 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} -- ip -n dev0 -6 route get 2001:db8:b::2 | grep -q 'mtu 1300'"
	balanced
}

@test "errors: no error about an error, to a group, or to nobody (RFC 4443 2.4)" {
	path_plain
	capture device dev0 d0
	export HOPS=1
	body=00000000$(printf '%0160d' 0)
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 "$PORT" 2001:db8:a::2 2001:db8:b::2 1 4 "$body"
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 "$PORT" :: 2001:db8:b::2 128 0 00010001
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 "$PORT" ff02::1 2001:db8:b::2 128 0 00010001
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:00:00:00:05 2001:db8:a::2 ff05::5 128 0 00010001
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 "$PORT" 2001:db8:a::2 2001:db8:b::2 128 0 00010001
	unset HOPS
	netns dev0 ping -q -c 1 -W 2 2001:db8:b::2
	captured device
	saw device 1 'icmpv6.type == 3' 1 'icmpv6.type < 128 && eth.dst == 00:00:5e:00:53:01'
	balanced
}

@test "errors: what needs an answer has a budget, and beyond it a reason" {
	path_plain
	HOPS=1 netns dev0 frames udp6 d0 00:00:5e:00:53:01 "$PORT" 2001:db8:a::2 2001:db8:b::2 40000 5683 hops 3000
	wait_for 5 balanced
	jq -e '.dropped["rate-limited"] >= 1 and .answered >= 20 and .answered < 2000' "$T/status"
	netns vpc ping -q -c 3 -i 0.05 -W 2 "$V0"
}
