load helpers
load edge
load wire
load path

# `allow` on the wire: prefixes, protocol and ports; what would slip past a port rule does not.

setup() {
	vnep_setup
	requires socat
	lab 2
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

@test "allow: protocol and ports decide, to the port" {
	allowed "$PORTS"
	capture vpc vpc v0
	for port in 5683 8000 8002 5682 5684 7999 8003; do
		echo "to $port" | netns dev0 socat -u - "UDP6-SENDTO:[2001:db8:b::2]:$port"
	done
	netns dev0 ping -q -c 1 -W 2 2001:db8:b::2
	run -1 netns dev0 socat -u - 'TCP6:[2001:db8:b::2]:5683,connect-timeout=0.5' </dev/null
	wait_for 5 status_has '.dropped["policy-denied"] >= 5'
	captured vpc
	good vpc 3 'udp && ipv6.src == 2001:db8:b::70 && !icmpv6' 1 'udp.dstport == 5683 && !icmpv6' 1 'udp.dstport == 8000 && !icmpv6' \
		1 'udp.dstport == 8002 && !icmpv6' 0 'tcp'
}

@test "allow: prefixes decide, the first match of several is enough" {
	netns vpc sh -c 'for n in 3 10 11; do ip address add 2001:db8:b::$n/64 dev v0 nodad; done'
	allowed '{"to":"2001:db8:b::2"},{"to":"2001:db8:b::10/124"}'
	for to in 2001:db8:b::2 2001:db8:b::10 2001:db8:b::11; do
		netns dev0 ping -q -c 1 -W 2 $to
	done
	run -1 netns dev0 ping -q -c 1 -W 0.5 2001:db8:b::3
	wait_for 5 dropped_is policy-denied 1
}

@test "allow: a changed record is followed at once" {
	allowed '{"to":"2001:db8:b::2"}'
	netns dev0 ping -q -c 1 -W 2 2001:db8:b::2
	map_lines "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"psm\":{\"t3324_s\":60},\"allow\":[{\"to\":\"2001:db8:b::3\"}]}"
	run -1 netns dev0 ping -q -c 1 -W 0.5 2001:db8:b::2
	wait_for 5 dropped_is policy-denied 1
}

@test "allow: equal lists share one chain of rules" {
	path_plain
	chains() { netns edge nft -j list chains netdev | jq '[.nftables[].chain // empty | select(.name | startswith("policy_"))] | length'; }
	before=$(chains)
	for n in 1 2 3; do
		printf '{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe00538%d","vep":"2001:db8:b::8%d","allow":[{"to":"2001:db8:b::2","proto":"UDP","ports":["5683"]}]}\n' $n $n
	done | vnep-map import -q
	for n in 1 2 3; do
		vnep-edge attach "2001:db8:b::8$n" --port acc1 --addr "2001:db8:a::8$n"
	done
	(( $(chains) == before + 1 ))
	balanced
}

@test "allow: extension headers that tell what comes behind them do not change what a rule says" {
	allowed "$PORTS"
	capture vpc vpc v0
	{
		# destination options (60), hop-by-hop options (0), both: allowed port and denied port
		for port in 5683 7777; do
			echo "$(macs "$PORT" "$HOST0")$(packet 3c "1100010400000000$(udp_to $port)")"
			echo "$(macs "$PORT" "$HOST0")$(packet 00 "1100010400000000$(udp_to $port)")"
			echo "$(macs "$PORT" "$HOST0")$(packet 00 "3c000104000000001100010400000000$(udp_to $port)")"
		done
	} >"$T/extended"
	netns dev0 frames send d0 - <"$T/extended"
	wait_for 5 dropped_is policy-denied 3
	captured vpc
	good vpc 3 'udp.dstport == 5683 && !(icmpv6.type < 128)' 0 'udp.dstport == 7777'
}
