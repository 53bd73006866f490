load helpers
load edge
load wire
load path

# Form host: a machine in the VPC holds V. The device's own address L passes as it is, from L to V and from V to L only.

L=2001:db8:a::2 V=2001:db8:b::2
HOST_MAP="{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V\",\"form\":\"host\",\"addr\":[\"$L\"],\"psm\":{\"t3324_s\":60}}"

setup() {
	vnep_setup
	requires socat
}

# The VPC host is the endpoint; a second one is somebody else. Their route to L is the VPC's own.
host_up() {
	lab
	lab_taps <<<"other vpc 0 00:00:5e:00:53:2b 2001:db8:b::3/64"
	for host in vpc other; do
		ns ip -n "$host" route add "$L/128" via fe80::200:5eff:fe00:53fd dev "$(lab_name "$host")"
	done
	{
		echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
		echo "$HOST_MAP"
	} | vnep-map import -q
	whole_checksums
	edge_start
	netns dev0 ping -q -c 1 -W 5 "$V"
	wait_for 5 state_is "$V" awake
}

lab_name() {
	if [[ $1 == vpc ]]; then echo v0; else echo "$1"; fi
}

@test "host: the device and the machine that holds its endpoint reach each other, addresses as they are" {
	host_up
	capture device dev0 d0
	capture core vpc v0
	netns dev0 ping -q -c 3 -i 0.05 -W 2 "$V"
	netns vpc ping -q -c 2 -i 0.05 -W 2 "$L"
	captured device
	captured core
	good device 3 "icmpv6.type == 129 && ipv6.src == $V && ipv6.dst == $L && eth.src == $PORT" \
		2 "icmpv6.type == 128 && ipv6.src == $V && ipv6.dst == $L"
	good core 3 "icmpv6.type == 128 && ipv6.src == $L && ipv6.dst == $V && eth.src == $CORE" \
		2 "icmpv6.type == 129 && ipv6.src == $L && ipv6.dst == $V"
	balanced
}

@test "host: CoAP and TCP from V to L and from L to V" {
	requires "$COAP_CLIENT" libcoap3-bin
	host_up
	background coap netns dev0 "$COAP_SERVER" -A "$L" -d 4
	netns vpc "$COAP_CLIENT" -m put -e hello -B 3 "coap://[$L]/greeting"
	run -0 netns vpc "$COAP_CLIENT" -B 3 "coap://[$L]/greeting"
	[[ $output == *hello* ]]
	bulk vpc "$L" 7000 4000000 dev0
	bulk dev0 "$V" 7000 4000000 vpc
	wait_for 5 balanced
}

@test "host: from L nothing but V is reached, and nobody but V reaches L" {
	host_up
	capture device dev0 d0
	run -1 netns dev0 ping -q -c 2 -i 0.3 -W 1 2001:db8:b::3
	run -1 netns other ping -q -c 2 -i 0.3 -W 1 "$L"
	captured device
	saw device 0 'icmpv6.type == 128 && ipv6.dst == 2001:db8:a::2'
	wait_for 5 status_has '.dropped["policy-denied"] >= 2 and ([.dropped[]] | add) >= 4'
}

@test "host: the edge does not hold V: it neither answers for it nor announces it" {
	requires ndisc6
	host_up
	ns ip -n vpc address del "$V/64" dev v0
	ns ip -n other neigh flush dev other
	run -2 netns other ndisc6 -q -1 -r 2 -w 400 "$V" other
	balanced
}

@test "host: another source than L is spoofed, whatever the MAC" {
	host_up
	ns ip -n dev0 address add 2001:db8:a::99/128 dev d0 nodad
	run -1 netns dev0 ping -q -c 1 -W 1 -I 2001:db8:a::99 "$V"
	wait_for 5 told '.type == "decision" and .reason == "spoofed-source" and .src_ip == "2001:db8:a::99"'
	balanced
}

@test "host: what V sends while the device sleeps waits in the journal and is delivered, in order" {
	host_up
	hear 0
	radio off 0
	vnep-edge detach "$V"
	for n in 1 2 3; do
		echo "packet $n" | netns vpc socat -u - "UDP6-SENDTO:[$L]:5683,sourceport=40000,reuseaddr"
	done
	wait_for 5 pending_is "$V" 3
	radio on 0
	netns dev0 ping -q -c 1 -W 5 "$V"
	wait_for 5 grep -q "packet 3" "$T/hear0.out"
	[[ $(<"$T/hear0.out") == "packet 1"$'\n'"packet 2"$'\n'"packet 3" ]]
	wait_for 5 state_is "$V" awake
	echo "packet 4" | netns vpc socat -u - "UDP6-SENDTO:[$L]:5683"
	wait_for 5 grep -q "packet 4" "$T/hear0.out"
	balanced
}

@test "host: the journal has both directions, and the first frame" {
	host_up
	netns vpc ping -q -c 1 -W 2 "$L"
	wait_for 5 sh -c "vnep-journal read --dev $V | jq -se 'map(select(.kind == \"data\" and .direction == \"from-device\")) | length >= 2'"
	vnep-journal read --dev "$V" >"$T/events"
	jq -se "map(select(.kind == \"data\" and .direction == \"to-device\")) | length >= 2 and all(.[]; .src_ip == \"$V\" and .dest_ip == \"$L\")" "$T/events"
	balanced
}

@test "host: errors pass in both directions as they are, and hop limits end at the edge" {
	host_up
	nobody_listens vpc "UDP6:[$L]:9"
	nobody_listens dev0 "UDP6:[$V]:9"
	run -1 netns vpc ping -c 1 -W 2 -t 1 "$L"
	[[ $output == *"Time exceeded"* ]]
	balanced
}

@test "host: a record of form host without addr is refused" {
	printf '%s\n' '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}' >"$T/vpc"
	run -2 --separate-stderr vnep-map check "$T/vpc" - <<<"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V\",\"form\":\"host\"}"
	[[ $stderr == *addr* ]]
}

@test "host: one address of two devices of form host is refused" {
	printf '%s\n' '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}' >"$T/vpc"
	{
		cat "$T/vpc"
		echo "$HOST_MAP"
		echo "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV1\",\"vep\":\"2001:db8:b::3\",\"form\":\"host\",\"addr\":[\"$L\"]}"
	} >"$T/two"
	run -2 --separate-stderr vnep-map check "$T/two"
	[[ $stderr == *"$L"* ]]
}

@test "host: tagged, under the tags of both sides" {
	lab_tagged
	{
		echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900}'
		echo "{\"type\":\"device\",\"v\":1,\"dev\":\"$D101\",\"vep\":\"$V\",\"form\":\"host\",\"vlan\":101,\"addr\":[\"$L\"]}"
	} | vnep-map import -q
	ns ip -n c900 route add "$L/128" via fe80::200:5eff:fe00:53fd dev c900
	whole_checksums
	edge_start
	netns t101 ping -q -c 1 -W 5 "$V"
	wait_for 5 state_is "$V" awake
	capture device dev0 d0
	netns c900 ping -q -c 2 -i 0.05 -W 2 "$L"
	captured device
	good device 2 "icmpv6.type == 128 && vlan.id == 101 && ipv6.src == $V && ipv6.dst == $L"
	balanced
}
