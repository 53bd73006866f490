load helpers
load wire

# The tool that plays hosts in VLANs, between the two ends of a veth, judged by tshark.

# Two links end to end: `lab` has them with an edge between, whose place takes a kernel that forwards nothing here.
ends() {
	requires tshark
	ns_start
	ns sh -c 'ip netns add dev0 && ip netns add vpc && ip -n dev0 link add d0 type veth peer name v0 netns vpc &&
		ip -n dev0 link set d0 up && ip -n vpc link set v0 up'
	lab_taps <<-'END'
		t101 dev0 101 00:00:5e:00:53:21 2001:db8:a::2/64
		t102 dev0 102 00:00:5e:00:53:22 2001:db8:a::2/64
		c101 vpc 101 00:00:5e:00:53:29 2001:db8:a::3/64
		c102 vpc 102 00:00:5e:00:53:2a 2001:db8:a::3/64
		u0 dev0 0 00:00:5e:00:53:23 2001:db8:a::2/64
		c0 vpc 0 00:00:5e:00:53:2b 2001:db8:a::3/64
	END
}

@test "vlan-tap: hosts of one VLAN reach each other, equal addresses in two VLANs never meet" {
	ends
	capture wire vpc v0
	netns t101 ping -q -c 2 -i 0.05 -W 2 2001:db8:a::3
	netns t102 ping -q -c 3 -i 0.05 -W 2 2001:db8:a::3
	netns u0 ping -q -c 4 -i 0.05 -W 2 2001:db8:a::3
	captured wire
	good wire 2 'icmpv6.type == 128 && vlan.id == 101' \
		2 'icmpv6.type == 129 && vlan.id == 101 && eth.src == 00:00:5e:00:53:29' \
		3 'icmpv6.type == 128 && vlan.id == 102' \
		3 'icmpv6.type == 129 && vlan.id == 102 && eth.src == 00:00:5e:00:53:2a' \
		4 'icmpv6.type == 128 && !vlan' 4 'icmpv6.type == 129 && !vlan && eth.src == 00:00:5e:00:53:2b'
}

@test "vlan-tap: a TCP transfer arrives as it was sent, segments cut late or by the sender" {
	requires socat
	ends
	head -c 20000000 /dev/urandom >"$T/bulk"
	for round in late whole; do
		[[ $round == late ]] || whole_checksums
		rm -f "$T/got"
		background server netns c101 socat -u TCP6-LISTEN:7000 "CREATE:$T/got"
		wait_for 5 listening c101 7000
		netns t101 timeout 60 socat -u "OPEN:$T/bulk" 'TCP6:[2001:db8:a::3]:7000'
		wait_for 20 cmp "$T/bulk" "$T/got"
		stop server
	done
}

@test "vlan-tap: what is untagged, of another VLAN, or tagged otherwise is not its business" {
	ends
	background c101 netns c101 frames recv c101 1 60000 udp
	wait_for 5 grep -q listening "$T/c101.err"
	header=00005e00532900005e005321
	for tag in "" 81000066 81000000 88a80065 88a8006581000065; do
		netns dev0 frames send d0 "$header$tag$(udp_packet 2001:db8:a::2 2001:db8:a::3 wrong)"
	done
	netns dev0 frames send d0 "${header}8100e065$(udp_packet 2001:db8:a::2 2001:db8:a::3 right)"
	wait "${PIDS[c101]}"
	grep -q "$(printf right | xxd -p)" "$T/c101.out"
}

# What frames makes, without the MACs.
udp_packet() {
	frames udp6 - 00:00:5e:00:53:21 00:00:5e:00:53:29 "$1" "$2" 40000 5683 "$3" | cut -c25-
}

@test "vlan-tap: ends with 0 on SIGTERM, with 1 when its link or its TAP goes, with 2 and 3 when asked for nonsense" {
	ends
	stop -0 tap-t101
	ns ip -n c102 link del c102
	stop_alone 1 tap-c102
	ns ip -n dev0 link del d0
	stop_alone 1 tap-t102
	stop_alone 1 tap-c101
	stop_alone 1 tap-c0
	run -2 vlan-tap d0 4095 x
	run -2 vlan-tap d0
	run -3 netns dev0 vlan-tap nosuch0 101 x
	[[ $output == *nosuch0* ]]
}

# It ends by itself, with that status.
stop_alone() {
	local status=0

	wait_for 5 ended "${PIDS[$2]}"
	wait "${PIDS[$2]}" || status=$?
	unset "PIDS[$2]"
	[[ $status == "$1" ]]
}

ended() {
	[[ ! -e /proc/$1 || $(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status") == Z ]]
}
