load helpers
load edge
load wire
load path

# Device to device through their endpoints, on one node: the sender is seen as its endpoint, the receiver at its own address.

setup() {
	vnep_setup
	requires socat
}

# FROM reaches TO at V: each sees the other as an endpoint only.
meets() {
	netns "$1" ping -q -c 3 -i 0.05 -W 3 "$2"
	netns "$1" ping -q -c 1 -s 1400 -W 3 "$2"
}

@test "hairpin: devices of two ports reach each other, in both directions, with real tools" {
	requires "$COAP_CLIENT" libcoap3-bin
	lab 2
	path_plain
	awake dev1 "$V1"
	capture one dev1 d1
	meets dev0 "$V1"
	meets dev1 "$V0"
	background coap netns dev1 "$COAP_SERVER" -A 2001:db8:a::3 -d 4
	netns dev0 "$COAP_CLIENT" -m put -e hello -B 3 "coap://[$V1]/greeting"
	run -0 netns dev0 "$COAP_CLIENT" -B 3 "coap://[$V1]/greeting"
	[[ $output == *hello* ]]
	captured one
	good one 4 "icmpv6.type == 128 && ipv6.src == $V0 && ipv6.dst == 2001:db8:a::3 && eth.src == 00:00:5e:00:53:f1" \
		4 "icmpv6.type == 129 && ipv6.src == $V0" +2 "coap && ipv6.src == $V0" 0 'ipv6.addr == 2001:db8:a::2'
	balanced
}

@test "hairpin: TCP from device to device, in whole packets and in segments cut late" {
	lab 2
	path_plain
	awake dev1 "$V1"
	bulk dev0 "$V1" 7000 4000000 dev1
	cut_late dev0 d0
	cut_late dev1 d1
	bulk dev0 "$V1" 7001 20000000 dev1
	wait_for 5 balanced
}

@test "hairpin: devices behind one port reach each other" {
	lab
	lab_taps <<<"u0 dev0 0 00:00:5e:00:53:23 2001:db8:a::3/64"
	path_plain '{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005323","vep":"2001:db8:b::23"}'
	ns ip -n u0 route replace 2001:db8:b::/64 via fe80::1 dev u0
	awake u0 2001:db8:b::23
	capture port dev0 d0
	meets dev0 2001:db8:b::23
	meets u0 "$V0"
	captured port
	good port 4 "icmpv6.type == 128 && ipv6.src == $V0 && ipv6.dst == 2001:db8:a::3 && eth.dst == 00:00:5e:00:53:23" \
		4 "icmpv6.type == 128 && ipv6.src == 2001:db8:b::23 && ipv6.dst == 2001:db8:a::2 && eth.dst == 00:00:5e:00:53:01"
	balanced
}

@test "hairpin: what a device sends to a sleeper waits in the journal and is delivered, in order" {
	lab 2
	path_plain
	hear 1
	for n in 1 2 3; do
		echo "packet $n" | netns dev0 socat -u - "UDP6-SENDTO:[$V1]:5683,sourceport=40000,reuseaddr"
	done
	wait_for 5 pending_is "$V1" 3
	vnep-journal read --dev "$V1" | jq -se "map(select(.kind == \"data\" and .direction == \"to-device\")) |
		length == 3 and all(.[]; .src_ip == \"$V0\" and .dest_ip == \"$V1\")"
	speak 1
	wait_for 5 grep -q "packet 3" "$T/hear1.out"
	[[ $(<"$T/hear1.out") == "packet 1"$'\n'"packet 2"$'\n'"packet 3" ]]
	wait_for 5 state_is "$V1" awake
	balanced
}

@test "hairpin: the first frame of a device may be for another device" {
	lab 2
	path_plain
	hear 0
	echo "first" | netns dev1 socat -u - "UDP6-SENDTO:[$V0]:5683"
	wait_for 5 grep -q first "$T/hear0.out"
	wait_for 5 state_is "$V1" awake
	balanced
}

@test "hairpin: allow decides between devices, too" {
	lab 2
	path_plain "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV1\",\"vep\":\"$V1\",\"allow\":[{\"to\":\"2001:db8:b::2\"},{\"to\":\"2001:db8:b::3\"}]}"
	awake dev1 "$V1"
	run -1 netns dev1 ping -q -c 2 -i 0.3 -W 1 "$V0"
	wait_for 5 dropped_is policy-denied 2
}

@test "hairpin: a device that sends to its own endpoint hears itself, or is refused; the sum holds" {
	lab
	path_plain
	netns dev0 ping -q -c 2 -i 0.3 -W 1 "$V0" || true
	wait_for 5 balanced
}
