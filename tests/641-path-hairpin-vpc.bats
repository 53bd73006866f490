load helpers
load edge
load wire
load path

# Device to device: errors, and between VLANs and VPCs, where both must allow it.

BLUE_VPC='{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:c::/64"}'
FAR=2001:db8:c::71

setup() {
	vnep_setup
	requires socat
}

# Device 1 is in another VPC; ALLOW0 and ALLOW1 are what they allow beside their own VPC (or nothing).
two_vpcs() {
	local own0='{"to":"2001:db8:b::/64"}' own1='{"to":"2001:db8:c::/64"},{"to":"2001:db8:b::2"}'

	lab 2
	{
		echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
		echo "$BLUE_VPC"
		echo "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"vpc\":\"acme\",\"allow\":[$own0${1:+,$1}]}"
		echo "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV1\",\"vep\":\"$FAR\",\"vpc\":\"blue\",\"allow\":[$own1${2:+,$2}]}"
	} | vnep-map import -q
	whole_checksums
	edge_start
	awake dev0 "$V0"
	vnep-edge attach "$FAR" --port acc1 --addr 2001:db8:a::3
	wait_for 5 state_is "$FAR" awake
}

@test "hairpin: port unreachable comes back from device to device" {
	lab 2
	path_plain
	awake dev1 "$V1"
	nobody_listens dev0 "UDP6:[$V1]:9"
	balanced
}

@test "hairpin: devices of two VPCs reach each other where both allow it" {
	two_vpcs "{\"to\":\"$FAR\"}" "{\"to\":\"$V0\"}"
	capture one dev1 d1
	netns dev0 ping -q -c 3 -i 0.05 -W 2 "$FAR"
	netns dev1 ping -q -c 3 -i 0.05 -W 2 "$V0"
	captured one
	good one 3 "icmpv6.type == 128 && ipv6.src == $V0 && ipv6.dst == 2001:db8:a::3"
	balanced
}

@test "hairpin: where only the sender allows it nothing passes" {
	two_vpcs "{\"to\":\"$FAR\"}" ""
	capture one dev1 d1
	run -1 netns dev0 ping -q -c 2 -i 0.3 -W 1 "$FAR"
	captured one
	saw one 0 'icmpv6.type == 128'
	wait_for 5 dropped_is policy-denied 2
}

@test "hairpin: where only the receiver allows it nothing passes" {
	two_vpcs "" "{\"to\":\"$V0\"}"
	run -1 netns dev0 ping -q -c 2 -i 0.3 -W 1 "$FAR"
	wait_for 5 dropped_is policy-denied 2
}

@test "hairpin: to a sleeper of another VPC it is journaled and delivered" {
	two_vpcs "{\"to\":\"$FAR\"}" "{\"to\":\"$V0\"}"
	hear 1
	radio off 1
	vnep-edge detach "$FAR"
	echo "far" | netns dev0 socat -u - "UDP6-SENDTO:[$FAR]:5683"
	wait_for 5 pending_is "$FAR" 1
	radio on 1
	netns dev1 ping -q -c 1 -W 5 "$V0"
	wait_for 5 grep -q far "$T/hear1.out"
	balanced
}

@test "hairpin: devices of two VLANs of one VPC, behind one port, reach each other, each under its own tag" {
	lab_tagged
	path_tagged '{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005323","vep":"2001:db8:b::103","vpc":"acme","vlan":103}'
	lab_taps <<<"t103 dev0 103 00:00:5e:00:53:23 2001:db8:a::2/64"
	whole_checksums
	awake t103 2001:db8:b::103
	capture port dev0 d0
	netns t101 ping -q -c 3 -i 0.05 -W 2 2001:db8:b::103
	netns t103 ping -q -c 2 -i 0.05 -W 2 "$V101"
	captured port
	good port 3 "icmpv6.type == 128 && vlan.id == 103 && ipv6.src == $V101 && ipv6.dst == 2001:db8:a::2" \
		2 "icmpv6.type == 128 && vlan.id == 101 && ipv6.src == 2001:db8:b::103 && ipv6.dst == 2001:db8:a::2"
	balanced
}

@test "hairpin: devices of two VPCs in two VLANs, where both allow it, to a sleeper, too" {
	lab_tagged
	path_tagged "{\"type\":\"device\",\"v\":1,\"dev\":\"$D101\",\"vep\":\"$V101\",\"vpc\":\"acme\",\"vlan\":101,\"allow\":[{\"to\":\"2001:db8:b::/64\"},{\"to\":\"$V102\"}]}" \
		"{\"type\":\"device\",\"v\":1,\"dev\":\"$D102\",\"vep\":\"$V102\",\"vpc\":\"blue\",\"vlan\":102,\"allow\":[{\"to\":\"2001:db8:c::/64\"},{\"to\":\"$V101\"}]}"
	capture port dev0 d0
	netns t101 ping -q -c 3 -i 0.05 -W 2 "$V102"
	radio off t102
	vnep-edge detach "$V102"
	background heard netns t102 socat -u UDP6-RECV:5683 -
	echo "for a sleeper" | netns t101 socat -u - "UDP6-SENDTO:[$V102]:5683"
	wait_for 5 pending_is "$V102" 1
	radio on t102
	netns t102 ping -q -c 1 -W 5 2001:db8:c::2
	wait_for 5 grep -q "for a sleeper" "$T/heard.out"
	captured port
	good port 3 "icmpv6.type == 128 && vlan.id == 102 && ipv6.src == $V101" \
		1 "udp.dstport == 5683 && vlan.id == 102 && ipv6.src == $V101"
	balanced
}
