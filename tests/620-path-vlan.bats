load helpers
load edge
load wire
load path

# Tagged ports on both sides: devices in VLANs 101 and 102 of one access port, which have the same address and the same
# router; their VPCs in VLANs 900 and 901 of one core port.

V101_HEX=20010db8000b00000000000000000101

setup() {
	vnep_setup
	requires socat
}

@test "vlan: a tagged device reaches its VPC and is reached at its endpoint, each side under its own tag" {
	lab_tagged
	path_tagged
	capture device dev0 d0
	capture core vpc v0
	netns c900 ping -q -c 3 -i 0.05 -W 2 "$V101"
	netns t101 ping -q -c 2 -i 0.05 -W 2 2001:db8:b::2
	captured device
	captured core
	good device 3 "icmpv6.type == 128 && vlan.id == 101 && ipv6.dst == 2001:db8:a::2 && eth.src == $PORT && eth.dst == 00:00:5e:00:53:21" \
		3 'icmpv6.type == 129 && vlan.id == 101 && ipv6.src == 2001:db8:a::2' \
		2 "icmpv6.type == 129 && vlan.id == 101 && ipv6.src == 2001:db8:b::2 && eth.src == $PORT" \
		0 '(icmpv6.type == 128 || icmpv6.type == 129) && !(vlan.id == 101)' 0 "ipv6.addr == $V101"
	good core 2 "icmpv6.type == 128 && vlan.id == 900 && ipv6.src == $V101 && eth.src == $CORE && eth.dst == 00:00:5e:00:53:29" \
		3 "icmpv6.type == 129 && vlan.id == 900 && ipv6.src == $V101" \
		0 '(icmpv6.type == 128 || icmpv6.type == 129) && !(vlan.id == 900)' 0 'ipv6.addr == 2001:db8:a::2'
	balanced
}

@test "vlan: equal addresses and equal routers in two VLANs never meet" {
	lab_tagged
	path_tagged
	for host in t101 t102; do
		background "heard-$host" netns "$host" socat -u UDP6-RECV:5683 -
		wait_for 5 netns "$host" sh -c 'ss -Hlun6 | grep -q :5683'
	done
	capture device dev0 d0
	for n in 1 2 3; do
		echo "for 101" | netns c900 socat -u - "UDP6-SENDTO:[$V101]:5683"
		echo "for 102" | netns c901 socat -u - "UDP6-SENDTO:[$V102]:5683"
	done
	wait_for 5 all_heard 6
	[[ $(sort -u "$T/heard-t101.out") == "for 101" && $(sort -u "$T/heard-t102.out") == "for 102" ]]
	netns t101 ping -q -c 1 -W 2 2001:db8:b::2
	netns t102 ping -q -c 1 -W 2 2001:db8:c::2
	run -0 vnep-edge status "$V101"
	record '.addr == ["2001:db8:a::2"] and .vlan == 101'
	run -0 vnep-edge status "$V102"
	record '.addr == ["2001:db8:a::2"] and .vlan == 102'
	captured device
	good device 3 'udp && vlan.id == 101 && eth.dst == 00:00:5e:00:53:21' 3 'udp && vlan.id == 102 && eth.dst == 00:00:5e:00:53:22' \
		6 'udp.dstport == 5683'
	balanced
}

all_heard() {
	[[ $(cat "$T"/heard-*.out | wc -l) == "$1" ]]
}

@test "vlan: one MAC in two VLANs is two devices" {
	lab_tagged
	lab_taps <<<"t103 dev0 103 00:00:5e:00:53:21 2001:db8:a::2/64"
	path_tagged '{"type":"device","v":1,"dev":"urn:dev:os:32473-103","mac":"00:00:5e:00:53:21","vep":"2001:db8:b::103","vpc":"acme","vlan":103}'
	awake t103 2001:db8:b::103
	capture device dev0 d0
	netns c900 ping -q -c 2 -i 0.05 -W 2 "$V101"
	netns c900 ping -q -c 3 -i 0.05 -W 2 2001:db8:b::103
	captured device
	good device 2 'icmpv6.type == 129 && vlan.id == 101' 3 'icmpv6.type == 129 && vlan.id == 103'
	balanced
}

@test "vlan: neighbour discovery is answered in the VLAN that asks, for what belongs there" {
	requires ndisc6
	lab_tagged
	path_tagged
	capture device dev0 d0
	capture core vpc v0
	for host in t101 t102; do
		run -0 netns "$host" ndisc6 -q -1 -w 2000 fe80::1 "$host"
		[[ ${output,,} == "$PORT" ]]
		run -2 netns "$host" ndisc6 -q -1 -r 1 -w 300 2001:db8:a::dead "$host"
	done
	run -0 netns c900 ndisc6 -q -1 -w 2000 "$V101" c900
	[[ ${output,,} == "$CORE" ]]
	run -0 netns c901 ndisc6 -q -1 -w 2000 "$V102" c901
	[[ ${output,,} == "$CORE" ]]
	run -2 netns c901 ndisc6 -q -1 -r 1 -w 300 "$V101" c901
	run -2 netns c900 ndisc6 -q -1 -r 1 -w 300 "$V102" c900
	run -2 netns vpc ndisc6 -q -1 -r 1 -w 300 "$V101" v0
	captured device
	captured core
	good device +1 "icmpv6.type == 136 && vlan.id == 101 && eth.src == $PORT" +1 "icmpv6.type == 136 && vlan.id == 102 && eth.src == $PORT" \
		0 "icmpv6.type == 136 && !vlan"
	good core +1 "icmpv6.type == 136 && vlan.id == 900 && icmpv6.nd.na.target_address == $V101" \
		+1 "icmpv6.type == 136 && vlan.id == 901 && icmpv6.nd.na.target_address == $V102" \
		0 "icmpv6.type == 136 && vlan.id == 901 && icmpv6.nd.na.target_address == $V101" 0 "icmpv6.type == 136 && !vlan && eth.src == $CORE"
	balanced
}

@test "vlan: what waits for a sleeper is journaled with its tag and replayed under the device's" {
	lab_tagged
	path_tagged
	radio off t101
	vnep-edge detach "$V101"
	for n in 1 2 3; do
		echo "packet $n" | netns c900 socat -u - "UDP6-SENDTO:[$V101]:5683,sourceport=40000,reuseaddr"
	done
	wait_for 5 pending_is "$V101" 3
	vnep-journal read --dev "$V101" --pending | jq -se 'map(select(.kind == "data")) | length == 3 and all(.[]; .vlan == 900)'
	background heard netns t101 socat -u UDP6-RECV:5683 -
	capture device dev0 d0
	radio on t101
	awake t101 "$V101"
	wait_for 5 grep -q "packet 3" "$T/heard.out"
	[[ $(<"$T/heard.out") == "packet 1"$'\n'"packet 2"$'\n'"packet 3" ]]
	echo "packet 4" | netns c900 socat -u - "UDP6-SENDTO:[$V101]:5683"
	wait_for 5 grep -q "packet 4" "$T/heard.out"
	captured device
	good device 4 "udp.dstport == 5683 && vlan.id == 101 && ipv6.dst == 2001:db8:a::2 && eth.dst == 00:00:5e:00:53:21" 4 'udp.dstport == 5683'
	vnep-journal verify
	balanced
}

@test "vlan: tagged and untagged VPCs share the ports" {
	lab_tagged
	path_tagged '{"type":"vpc","v":1,"vpc":"flat","prefix":"2001:db8:d::/64"}' \
		"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"2001:db8:d::70\",\"vpc\":\"flat\"}"
	ns ip -n vpc address add 2001:db8:d::2/64 dev v0 nodad
	awake dev0 2001:db8:d::70 2001:db8:d::2
	capture device dev0 d0
	netns vpc ping -q -c 3 -i 0.05 -W 2 2001:db8:d::70
	netns c900 ping -q -c 2 -i 0.05 -W 2 "$V101"
	captured device
	good device 3 'icmpv6.type == 129 && !vlan' 2 'icmpv6.type == 129 && vlan.id == 101'
	balanced
}

@test "vlan: awake tagged devices go on while the daemon is away, and it finds them as they are" {
	lab_tagged
	path_tagged
	edge_killed
	netns c900 ping -q -c 3 -i 0.05 -W 2 "$V101"
	netns c901 ping -q -c 3 -i 0.05 -W 2 "$V102"
	edge_start
	state_is "$V101" awake
	netns c900 ping -q -c 3 -i 0.05 -W 2 "$V101"
	netns t102 ping -q -c 3 -i 0.05 -W 2 2001:db8:c::2
	balanced
}

@test "vlan: one side tagged and the other not is refused, naming both" {
	local vpc='{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"' dev='{"type":"device","v":1,"dev":"'$D101'","vep":"'$V101'","vpc":"acme"'
	printf '%s\n' "$vpc}" "$dev,\"vlan\":101}" >"$T/tagged-device"
	printf '%s\n' "$vpc,\"core_vlan\":900}" "$dev}" >"$T/tagged-vpc"
	for input in tagged-device tagged-vpc; do
		run -2 --separate-stderr vnep-map check "$T/$input"
		[[ $stderr == *"$T/$input:2"* && $stderr == *'vpc "acme"'* && $stderr == *vlan* ]]
	done
	printf '%s\n' "$vpc,\"core_vlan\":900}" "$dev,\"vlan\":101}" | vnep-map check -
}

@test "vlan: edge check refuses a map with one side tagged and the other not" {
	ns_start
	ns ip link add acc0 type veth peer name up0
	# an import may refuse it, too: then there is nothing to check
	printf '%s\n' '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}' \
		"{\"type\":\"device\",\"v\":1,\"dev\":\"$D101\",\"vep\":\"$V101\",\"vpc\":\"acme\",\"vlan\":101}" >"$T/map"
	vnep-map import -q "$T/map" || return 0
	run -2 --separate-stderr ns vnep-edge check --access acc0 --core up0
	[[ $stderr == *"$D101"* && $stderr == *acme* && $stderr == *vlan* ]]
}

@test "vlan: where the kernel has 8021q a VLAN interface is a port" {
	lab_tagged
	ns ip -n edge link add link acc0 name acc0.101 type vlan id 101 2>/dev/null || skip "this kernel has no 8021q: modprobe 8021q"
	ns ip -n edge link add link up0 name up0.900 type vlan id 900
	ns ip -n edge link set acc0.101 up
	ns ip -n edge link set up0.900 up
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$D101","vep":"$V101","vpc":"acme"}
	END
	background edge netns edge vnep-edge run --name test --access acc0.101 --core up0.900
	wait_for 10 vnep-edge status
	awake t101 "$V101"
	netns c900 ping -q -c 3 -i 0.05 -W 2 "$V101"
	balanced
}

@test "vlan: an ICMPv6 error for an endpoint comes by the VLAN of its VPC, or is refused" {
	lab_tagged
	path_tagged
	background heard netns dev0 frames recv d0 1000 3000 icmp6
	wait_for 5 grep -q listening "$T/heard.err"
	# what V101 is said to have sent: an IPv6 header and eight octets of UDP
	quoted=6000000000081140${V101_HEX}20010db8000b00000000000000000002$(printf '%016x' 0)
	for vlan in 900 901; do
		VLAN=$vlan netns vpc frames icmp6 v0 00:00:5e:00:53:29 "$CORE" 2001:db8:b::2 "$V101" 1 4 "00000000$quoted"
	done
	wait_for 5 told '.type == "decision" and .reason == "wrong-vlan" and .dest_ip == env.V101 and .count == 1'
	stop -1 heard 0
	[ "$(grep -cE '^.{116}0104' "$T/heard.out")" -eq 1 ]
	balanced
}
