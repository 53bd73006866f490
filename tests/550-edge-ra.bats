load helpers
load edge

# Router advertisements where they are configured: a device with plain SLAAC attaches by itself.

# Device N as it comes out of the box: no address, no route, the kernel's own SLAAC with EUI-64 and DAD.
plain() {
	netns "dev$1" sh -c "
		ip -6 route flush default
		ip -6 address flush dev d$1 scope global
		echo 0 >/proc/sys/net/ipv6/conf/d$1/forwarding
		echo 1 >/proc/sys/net/ipv6/conf/d$1/accept_ra
		echo 1 >/proc/sys/net/ipv6/conf/d$1/accept_dad
		echo 1 >/proc/sys/net/ipv6/conf/d$1/dad_transmits"
}

# Its link comes anew: link-local address, duplicate address detection, solicitations.
bounce() {
	netns "dev$1" ip link set "d$1" down
	netns "dev$1" ip link set "d$1" up
}

has_address() {
	[[ $(netns "dev$1" ip -6 -o address show dev "d$1" scope global -tentative) == *" $2"* ]]
}

has_router() {
	[[ $(netns "dev$1" ip -6 route show default) == *"via fe80::1 dev d$1 proto ra"* ]]
}

# What the link of device N carries, from now on: $T/raN.pcap.
listen_ra() {
	requires tshark
	background "ra$1" netns "dev$1" tshark -q -i "d$1" -f 'icmp6 or vlan' -w "$T/ra$1.pcap"
	wait_for 30 grep -q "Capture started" "$T/ra$1.err"
}

# "LIFETIME MTU PREFIX VALID PREFERRED DEST" of each advertisement in it.
heard_ra() {
	tshark -r "$T/ra$1.pcap" -Y 'icmpv6.type == 134' -T fields -E separator=' ' -e icmpv6.nd.ra.router_lifetime \
		-e icmpv6.opt.mtu -e icmpv6.opt.prefix -e icmpv6.opt.prefix.valid_lifetime \
		-e icmpv6.opt.prefix.preferred_lifetime -e ipv6.dst 2>/dev/null
}

count_ra() {
	[[ $(heard_ra "$1" | wc -l) -ge $2 ]]
}

@test "ra: a device that comes out of the box attaches by itself: SLAAC, router, first packet" {
	lab
	T3324=20 edge_map
	plain 0
	edge_start --advertise 'acc0 2001:db8:a::/64 valid_s=7200 preferred_s=3600 mtu=1400'
	wait_for 10 has_address 0 2001:db8:a:0:200:5eff:fe00:5301/64
	wait_for 5 has_router 0
	[[ $(netns dev0 cat /proc/sys/net/ipv6/conf/d0/mtu) == 1400 ]]
	speak 0
	wait_for 5 state_is "$V0" awake
	run -0 vnep-edge status "$V0"
	record '.addr == ["2001:db8:a:0:200:5eff:fe00:5301"] and .port == "acc0"'
	netns vpc ping -q -c 1 -W 5 "$V0"
	balanced
}

@test "ra: who solicits is answered within half a second, alone" {
	requires rdisc6 ndisc6
	lab
	edge_map
	listen_ra 0
	edge_start --advertise 'acc0 2001:db8:a::/64 lifetime_s=900 interval_s=300'
	wait_for 10 count_ra 0 1 # the first one to all is over
	run -0 netns dev0 rdisc6 -1 -r 3 -w 1500 d0
	[[ $output == *"Router lifetime           :          900 "* ]]
	[[ $output == *"Prefix                   : 2001:db8:a::/64"* && $output == *"On-link                 :          Yes"* ]]
	[[ $output == *"Autonomous address conf.:          Yes"* && $output == *"from fe80::1"* ]]
	[[ $output == *"Source link-layer address: 00:00:5E:00:53:FE"* ]]
	wait_for 5 count_ra 0 2
	run -0 heard_ra 0
	[[ ${lines[0]} == "900 1500 2001:db8:a:: 2592000 604800 ff02::1" ]]
	[[ ${lines[1]} == "900 1500 2001:db8:a:: 2592000 604800 fe80::200:5eff:fe00:5301" ]]
	balanced
}

@test "ra: hop limit, checksum and every option are as tshark wants them, with two prefixes and a tag" {
	lab
	edge_map
	listen_ra 0
	edge_start --advertise 'acc0 2001:db8:a::/64 vlan=101 mtu=1280 valid_s=4294967295' \
		--advertise 'acc0 2001:db8:c::/64 vlan=101 mtu=1280'
	wait_for 10 count_ra 0 1
	run -0 tshark -r "$T/ra0.pcap" -Y 'icmpv6.type == 134' -o ipv6.use_geoip:FALSE -T fields -E separator=' ' -e vlan.id -e ipv6.src \
		-e ipv6.hlim -e eth.dst -e icmpv6.checksum.status -e icmpv6.nd.ra.cur_hop_limit -e icmpv6.nd.ra.flag \
		-e icmpv6.opt.linkaddr -e icmpv6.opt.prefix.flag
	[[ ${lines[-1]} == "101 fe80::1 255 33:33:00:00:00:01 1 64 0x00 00:00:5e:00:53:fe 0xc0,0xc0" ]]
	run -0 heard_ra 0
	[[ ${lines[-1]} == "1800 1280 2001:db8:a::,2001:db8:c:: 4294967295,2592000 604800,604800 ff02::1" ]]
	run -0 --separate-stderr tshark -r "$T/ra0.pcap" -Y 'vlan and (_ws.malformed or _ws.expert.severity >= 0x600000)'
	[[ -z $output ]]
}

@test "ra: without an address the asker is answered by a multicast, and three seconds lie between those" {
	lab
	edge_map
	listen_ra 0
	edge_start --advertise 'acc0 2001:db8:a::/64'
	# solicitations without source (DAD is not over), again and again
	ask_until() {
		netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:00:00:00:02 :: ff02::2 133 0 00000000
		count_ra 0 3
	}
	wait_for 15 ask_until
	run -0 tshark -r "$T/ra0.pcap" -Y 'icmpv6.type == 134' -T fields -e frame.time_epoch -e ipv6.dst
	[[ $output != *fe80* ]]
	printf '%s\n' "$output" | grep ff02::1 | awk 'NR > 1 && $1 - last < 2.99 { exit 1 } { last = $1 }'
	balanced
}

@test "ra: a hundred askers at once: an answer each for a few, one multicast for all the others" {
	local i

	lab
	edge_map
	for (( i = 1; i <= 100; i++ )); do
		frames icmp6 - 00:00:5e:00:53:01 33:33:00:00:00:02 "fe80::$i" ff02::2 133 0 00000000
	done >"$T/askers"
	listen_ra 0
	edge_start --advertise 'acc0 2001:db8:a::/64'
	wait_for 10 count_ra 0 1
	netns dev0 frames send d0 - <"$T/askers"
	another_multicast() {
		[[ $(heard_ra 0 | grep -c ' ff02::1$') -ge 2 ]]
	}
	wait_for 10 another_multicast
	run -0 heard_ra 0
	(( ${#lines[@]} <= 3 + 48 )) # 16 at a time are remembered
	balanced
}

@test "ra: solicitations on another VLAN or port get nothing from this one" {
	requires rdisc6 ndisc6
	lab 2
	edge_map
	edge_start --advertise 'acc1 2001:db8:a::/64' --advertise 'acc0 2001:db8:a::/64 vlan=101'
	run -2 netns dev0 rdisc6 -1 -r 1 -w 1000 d0
	run -0 netns dev1 rdisc6 -1 -r 3 -w 1500 d1
	balanced
}

@test "ra: stop takes the router back, a signal does not" {
	lab
	edge_map
	plain 0
	listen_ra 0
	edge_start --advertise 'acc0 2001:db8:a::/64'
	wait_for 10 has_router 0
	stop edge TERM
	has_router 0
	edge_start --advertise 'acc0 2001:db8:a::/64'
	vnep-edge stop
	no_router() {
		[[ $(netns dev0 ip -6 route show default) != *fe80::1* ]]
	}
	wait_for 5 no_router
	taken_back() {
		[[ $(heard_ra 0 | tail -n 1) == "0 1500 2001:db8:a:: 2592000 604800 ff02::1" ]]
	}
	wait_for 10 taken_back # in the file, too
}

@test "ra: a port that comes up again is told at once" {
	lab
	edge_map
	plain 0
	edge_start --advertise 'acc0 2001:db8:a::/64'
	wait_for 10 has_router 0
	bounce 0
	wait_for 10 has_router 0
	wait_for 10 has_address 0 2001:db8:a:0:200:5eff:fe00:5301/64
	speak 0
	balanced
}

@test "ra: duplicate address detection of a device neither attaches nor is answered" {
	lab
	edge_map
	plain 0
	listen_ra 0
	edge_start --advertise 'acc0 2001:db8:a::/64'
	wait_for 10 has_address 0 2001:db8:a:0:200:5eff:fe00:5301/64
	run -0 vnep-edge status "$V0"
	record '.state == "unknown" and .addr == null'
	run -0 --separate-stderr tshark -r "$T/ra0.pcap" -Y 'icmpv6.type == 135 and ipv6.src == :: and icmpv6.nd.ns.target_address == 2001:db8:a:0:200:5eff:fe00:5301'
	[[ -n $output ]]
	run -0 --separate-stderr tshark -r "$T/ra0.pcap" -Y 'icmpv6.type == 136 and eth.src == 00:00:5e:00:53:fe'
	[[ -z $output ]]
	# but who takes fe80::1 for itself finds that it is taken
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:ff:00:00:01 :: ff02::1:ff00:1 135 0 \
		00000000fe800000000000000000000000000001
	defended() {
		tshark -r "$T/ra0.pcap" -Y 'icmpv6.type == 136 and icmpv6.nd.na.target_address == fe80::1' 2>/dev/null |
			grep -q 'fe80::1'
	}
	wait_for 5 defended
	state_is "$V0" unknown
	balanced
}

@test "ra: nobody here believes an advertisement of a device" {
	lab
	edge_map
	edge_start --advertise 'acc0 2001:db8:a::/64'
	speak 0
	netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:00:00:00:01 fe80::200:5eff:fe00:5301 ff02::1 134 0 4000070800000000000000000304400000ffffffffffffffff0000000020010db8000900000000000000000000 || true
	run -0 ns ip -n edge -6 route show
	[[ $output != *"2001:db8:9::"* ]]
	vnep-edge status | jq -e '.dropped["not-for-us"] >= 1'
	balanced
}
