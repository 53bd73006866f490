load helpers
load edge
load wire
load path

# What has no ports to judge, or hides them, under a rule that has ports.

setup() {
	vnep_setup
	requires socat
	lab
}

# Device 0 may send where ALLOW says (the inside of the array); it is awake already.
allowed() {
	path_plain "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"psm\":{\"t3324_s\":60},\"allow\":[$1]}"
}

PORTS='{"to":"2001:db8:b::/64","proto":"UDP","ports":["5683","8000-8002"]},{"to":"2001:db8:b::2","proto":"ICMPV6"}'
FROM=2001:db8:a::2 TO=2001:db8:b::2

# An IPv6 packet of the device behind its MACs: packet NEXT-HEADER PAYLOAD-HEX, hop limit 64.
packet() {
	printf '86dd60000000%04x%s4020010db8000a0000000000000000000220010db8000b00000000000000000002%s' $(( ${#2} / 2 )) "$1" "$2"
}

# UDP header and data with a right checksum, to PORT.
udp_to() {
	frames udp6 - "$HOST0" "$PORT" $FROM $TO 40000 "$1" text | cut -c109-
}

# A fragment of a datagram to PORT: fragment OFFSET(octets) MORE(0|1) PAYLOAD-HEX
fragment() {
	packet 2c "1100$(printf '%04x' $(( $1 | $2 )))00005683$3"
}

@test "fragments: under a port rule the later ones are dropped as fragment, the first is judged by its ports" {
	allowed "$PORTS"
	capture vpc vpc v0
	abuse dev0 d0 <<-END
		fragment 3 $(macs "$PORT" "$HOST0")$(fragment 8 1 0011223344556677)
		fragment 2 $(macs "$PORT" "$HOST0")$(fragment 16 0 0011223344556677)
		policy-denied 2 $(macs "$PORT" "$HOST0")$(fragment 0 1 "$(udp_to 7777)00000000")
		none 2 $(macs "$PORT" "$HOST0")$(fragment 0 1 "$(udp_to 5683)00000000")
	END
	captured vpc
	saw vpc 2 'ipv6.fraghdr && ipv6.src == 2001:db8:b::70 && !icmpv6' 0 'ipv6.fraghdr.offset > 0'
}

@test "fragments: a packet with a fragment header that is whole is judged as a whole one" {
	allowed "$PORTS"
	capture vpc vpc v0
	abuse dev0 d0 <<-END
		policy-denied 2 $(macs "$PORT" "$HOST0")$(fragment 0 0 "$(udp_to 7777)")
		none 2 $(macs "$PORT" "$HOST0")$(fragment 0 0 "$(udp_to 5683)")
	END
	captured vpc
	saw vpc 2 'udp.dstport == 5683 && !(icmpv6.type < 128)' 0 'udp.dstport == 7777'
}

@test "fragments: where a rule asks for no ports they pass, in both directions" {
	allowed '{"to":"2001:db8:b::/64"}'
	netns dev0 ping -q -c 2 -i 0.1 -W 2 -s 4000 2001:db8:b::2
	netns vpc ping -q -c 2 -i 0.1 -W 2 -s 4000 "$V0"
	balanced
}

@test "fragments: a rule with a protocol alone lets that protocol's fragments pass, and no other's" {
	allowed '{"to":"2001:db8:b::/64","proto":"ICMPV6"}'
	netns dev0 ping -q -c 2 -i 0.1 -W 2 -s 4000 2001:db8:b::2
	abuse dev0 d0 <<-END
		policy-denied 2 $(macs "$PORT" "$HOST0")$(fragment 8 1 0011223344556677)
	END
	wait_for 5 balanced
}

@test "fragments: a chain of headers that leads nowhere passes no rule, and is malformed where no protocol can be told" {
	allowed "$PORTS"
	capture vpc vpc v0
	options=1100010400000000
	abuse dev0 d0 <<-END
		none 1 $(macs "$PORT" "$HOST0")$(packet 3c "3cff0104")
		none 1 $(macs "$PORT" "$HOST0")$(packet 3c "3c00")
		none 1 $(macs "$PORT" "$HOST0")$(packet 11 "9c40")
		none 1 $(macs "$PORT" "$HOST0")$(packet 2c "1100")
		none 1 $(macs "$PORT" "$HOST0")$(packet 2c "3c00000000005683${options:0:4}")
	END
	wait_for 5 status_has '([.dropped["malformed", "policy-denied", "fragment"] // 0] | add) == 5 and .dropped.malformed >= 3'
	captured vpc
	saw vpc 0 'ipv6.src == 2001:db8:b::70'
}

@test "fragments: no number of headers in front gets past a port rule" {
	allowed "$PORTS"
	capture vpc vpc v0
	chain=
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		chain+=3c00010400000000
	done
	netns dev0 frames send d0 "$(macs "$PORT" "$HOST0")$(packet 3c "${chain}1100010400000000$(udp_to 7777)")"
	wait_for 5 status_has '[.dropped["policy-denied", "malformed"] // 0] | add == 1'
	captured vpc
	saw vpc 0 'udp.dstport == 7777'
}
