#!/usr/bin/env bats
# What the rules do to real packets. The neighbours are written by hand; nft(8) reads the counters.

load helpers
load acl

setup() {
	vnep_setup
	requires nft nftables
	requires ping iputils-ping
	lab 2
	apply >/dev/null
	neighbours
}

# hex of an address as it stands in a frame
hex() {
	local out='' part

	for part in ${1//:/ }; do
		printf -v out '%s%04x' "$out" "0x$part"
	done
	echo "$out"
}

@test "an awake device is pinged at its endpoint and answers; both directions are counted and tapped" {
	INPUT=${RECORDS/'"t3324_s":2'/'"t3324_s":60'} apply >/dev/null
	acl awake "$V0"
	netns vpc ping -c 3 -i 0.05 -W 1 "$V0"
	[ "$(counter forwarded.to-device)" -eq 3 ]
	[ "$(counter forwarded.from-device)" -eq 3 ]
	[ "$(counter copy.tap.to-device)" -eq 3 ]
	[ "$(counter copy.tap.from-device)" -eq 3 ]
	[ "$(counter journal)" -eq 0 ]
	conserved
	run -0 --separate-stderr acl list
	record -s 'any(.[]; .vep == env.V0 and .packets == 3 and .state == "awake" and .port == "acc0")'
}

@test "packets for a device that is not awake go to the journal port, none to the device" {
	listen edge vnep-j1 3
	listen dev0 d0 1
	from_vpc 2001:db8:b::2 "$V0" 5683 hello 3
	arrived_at edge 3
	arrived_at dev0 0
	[ "$(grep -c ^020007000002 "$T/edge.out")" -eq 3 ]
	[ "$(counter journal)" -eq 3 ]
	conserved
}

@test "a sleeper's first frame is forwarded, and its copy says wake under the endpoint's address" {
	listen edge vnep-j1 1
	listen vpc v0 1
	udp 0 2001:db8:a::2 2001:db8:b::2 5683 up
	arrived_at vpc 1
	arrived_at edge 1
	grep -q ^020005000001 "$T/edge.out"
	grep -q "$(hex 2001:db8:b:0:0:0:0:70)$(hex 2001:db8:b:0:0:0:0:2)" "$T/edge.out"
	grep -q "$(hex 2001:db8:b:0:0:0:0:70)$(hex 2001:db8:b:0:0:0:0:2)" "$T/vpc.out"
	[ "$(counter copy.wake)" -eq 1 ]
	[ "$(elements awake)" -eq 0 ]
	conserved
}

@test "a device's own packets keep it awake; its silence ends it, and the next packet is journaled" {
	acl awake "$V0"
	end=$(( ${EPOCHREALTIME/[.,]/} + 3000000 ))
	while (( ${EPOCHREALTIME/[.,]/} < end )); do
		udp 0 2001:db8:a::2 2001:db8:b::2 5683 alive
		pause
	done
	[ "$(elements awake)" -eq 1 ]
	[ "$(counter copy.wake)" -eq 0 ]
	wait_for 4 no_member
	from_vpc 2001:db8:b::2 "$V0" 5683 hello
	wait_for 2 journaled 1
	conserved
}

no_member() {
	[[ $(elements awake) == 0 ]]
}

journaled() {
	[[ $(counter journal) == "$1" ]]
}

@test "a device without an active time listens until it is said that it does not" {
	acl awake "$V1"
	nft -j list set netdev vnep awake | jq -e '[.nftables[].set.elem[]?] == [env.V1]'
	acl asleep "$V1"
	[ "$(elements awake)" -eq 0 ]
}

@test "a stranger is counted exactly and sampled within its budget, and reaches nobody" {
	listen vpc v0 1
	MAC=00:00:5e:00:53:99 udp 0 2001:db8:a::2 2001:db8:b::2 5683 hello 500
	arrived_at vpc 0
	[ "$(counter drop.no-mapping.acc0)" -eq 500 ]
	samples=$(counter copy.sample)
	(( samples >= 1 && samples < 100 ))
	conserved
}

@test "a spoofed source of a known MAC asks for access, beyond its budget it is dropped; nothing is forwarded" {
	listen edge vnep-j1 1
	udp 0 2001:db8:b::2 2001:db8:b::2 5683 spoof 3000
	arrived_at edge 1
	grep -q ^020004000101 "$T/edge.out"
	[ "$(counter forwarded.from-device)" -eq 0 ]
	conserved
	asked=$(counter ask.acc0) beyond=$(counter drop.rate-limited.acc0)
	(( asked >= 200 && beyond > 0 && asked + beyond >= 3000 ))
}

@test "another device's address at the wrong port or with the wrong MAC is not a binding" {
	listen vpc v0 1
	udp 1 2001:db8:a::2 2001:db8:b::2 5683 hello                          # dev0's address from dev1
	MAC=00:00:5e:00:53:01 udp 1 2001:db8:a::2 2001:db8:b::2 5683 hello    # and with dev0's MAC, at the other port
	udp 0 "$V0" 2001:db8:b::2 5683 hello                                  # the endpoint itself as a source
	arrived_at vpc 0
	[ "$(counter forwarded.from-device)" -eq 0 ]
	conserved
}

@test "the allow list decides: protocol and port, and nothing beyond the VPC's prefix by default" {
	listen vpc v0 2
	udp 1 2001:db8:a::3 2001:db8:b::2 5683 yes
	udp 1 2001:db8:a::3 2001:db8:b::2 5684 no
	udp 0 2001:db8:a::2 2001:db8:b::2 5684 yes
	udp 0 2001:db8:a::2 2001:db8:c::5 5683 no
	arrived_at vpc 2
	[ "$(counter drop.policy-denied)" -eq 2 ]
	[ "$(counter forwarded.from-device)" -eq 2 ]
	conserved
}

@test "a destination that an allow list names is routed to its next hop; without a route it is dropped" {
	INPUT=${RECORDS/'"psm":{"t3324_s":2}'/'"allow":[{"to":"::/0"}]'} apply
	listen vpc v0 1
	udp 0 2001:db8:a::2 2001:db8:c::5 5683 far
	udp 0 2001:db8:a::2 2001:db8:d::5 5683 nowhere
	udp 0 2001:db8:a::2 fe80::1 5683 "the link alone"
	udp 0 2001:db8:a::2 ff02::1 5683 "the link alone, by the MAC of one host"
	arrived_at vpc 1
	[ "$(counter forwarded.from-device)" -eq 1 ]
	[ "$(counter drop.no-next-hop)" -eq 1 ]
	[ "$(counter drop.policy-denied)" -eq 2 ]
	conserved
}

@test "two devices of one edge reach each other through their endpoints" {
	acl awake "$V0" "$V1"
	listen dev1 d1 1
	udp 0 2001:db8:a::2 "$V1" 5683 neighbour
	arrived_at dev1 1
	grep -q "$(hex 2001:db8:b:0:0:0:0:70)$(hex 2001:db8:a:0:0:0:0:3)" "$T/dev1.out"
	conserved
}

@test "from the VPC side: another source is denied, another destination has no mapping" {
	acl awake "$V0"
	listen dev0 d0 2
	from_vpc 2001:db8:d::1 "$V0" 5683 "from elsewhere"
	from_vpc 2001:db8:b::2 2001:db8:b::99 5683 "to nobody"
	from_vpc 2001:db8:c::9 "$V0" 5683 "from where there is a route to"
	from_vpc 2001:db8:b::2 "$V0" 5683 "from the VPC"
	arrived_at dev0 2
	[ "$(counter drop.policy-denied)" -eq 1 ]
	[ "$(counter drop.no-mapping.up0)" -eq 1 ]
	conserved
}

@test "a tagged frame on an untagged port is wrong-vlan, on both sides" {
	listen vpc v0 1
	VLAN=101 udp 0 2001:db8:a::2 2001:db8:b::2 5683 tagged
	VLAN=900 from_vpc 2001:db8:b::2 "$V0" 5683 tagged
	arrived_at vpc 0
	[ "$(counter drop.wrong-vlan.acc0)" -eq 1 ]
	[ "$(counter drop.wrong-vlan.up0)" -eq 1 ]
	conserved
}

@test "advertisements and redirects of a device reach nothing, whoever they claim to be" {
	for type in 134 136 137; do
		netns dev0 frames icmp6 d0 00:00:5e:00:53:01 00:00:5e:00:53:fe 2001:db8:a::2 "$V0" "$type" 0 \
			"60000000$(hex 2001:db8:b:0:0:0:0:2)020100005e005301"
	done
	[ "$(counter drop.not-for-us.acc0)" -eq 3 ]
	[ "$(counter forwarded.from-device)" -eq 0 ]
	conserved
}

# ICMPv6 of a type behind a fragment header, NEXT-HEADER OFFSET MORE PAYLOAD: from device 0, hop limit 255.
fragment() {
	printf '00005e0053fe00005e00530186dd60000000%04x2cff%s%s%s00%04x00005683%s' $(( 8 + ${#4} / 2 )) \
		"$(hex 2001:db8:a:0:0:0:0:2)" "$(hex 2001:db8:b:0:0:0:0:2)" "$1" $(( $2 | $3 )) "$4"
}

# Where options hide the type in a later fragment, the first has no checksum to correct and is not forwarded: it goes to
# the worker, and nobody can put them together.
@test "advertisements and redirects in fragments reach nothing, nor where a fragment hides their type" {
	neighbours
	for type in 86 88 89; do
		netns dev0 frames send d0 "$(fragment 3a 0 0 "${type}00000000000000$(hex 2001:db8:b:0:0:0:0:2)")" # alone
		netns dev0 frames send d0 "$(fragment 3a 0 1 "${type}00000000000000")" # the first of several
	done
	[ "$(counter drop.not-for-us.acc0)" -eq 6 ]
	asked=$(counter ask.acc0)
	netns dev0 frames send d0 "$(fragment 3c 0 1 3a00010400000000)" # the options alone
	netns dev0 frames send d0 "$(fragment 3c 8 0 8600000000000000)" # what they lead to
	[ "$(counter drop.fragment.acc0)" -eq 1 ]
	[ "$(counter ask.acc0)" -ge $(( asked + 1 )) ]
	[ "$(counter forwarded.from-device)" -eq 0 ]
	conserved
}

# The hosts' own kernels send multicast reports, too: of what is asked only a lower bound is sure.
@test "neighbour solicitations go to the worker with the port in their tag, a flood ends at the budget" {
	background j netns edge frames recv vnep-j1 50 5000 icmp6
	wait_for 3 grep -q listening "$T/j.err"
	solicit=00005e00531186dd6000000000203aff$(hex 2001:db8:a:0:0:0:0:3)$(hex ff02:0:0:0:0:1:ff00:1)87000000
	solicit=3333ff000001${solicit}00000000$(hex fe80:0:0:0:0:0:0:1)010100005e005311
	yes "$solicit" | head -n 5000 >"$T/flood" || true
	netns dev1 frames send d1 - <"$T/flood"
	wait "${PIDS[j]}"
	grep -q ^020001000201 "$T/j.out"
	(( $(counter ask.acc1) >= 200 && $(counter drop.rate-limited.acc1) > 0 ))
	conserved
}

@test "hop limit 1 never opens a door to the edge itself" {
	requires socat
	ns ip -n edge addr add 2001:db8:a::1/64 dev acc0 nodad
	background served netns edge socat -u 'UDP6-RECV:5683,bind=[2001:db8:a::1]' STDOUT
	listen edge vnep-j1 2
	HOPS=1 udp 0 2001:db8:a::2 2001:db8:a::1 5683 "open sesame"
	HOPS=64 udp 0 2001:db8:a::2 2001:db8:a::1 5683 "open sesame"
	arrived_at edge 2
	[ "$(grep -c ^020002000101 "$T/edge.out")" -eq 1 ] # asked
	[ "$(grep -c ^020005000001 "$T/edge.out")" -eq 1 ] # spoke, and was denied
	[ "$(counter drop.policy-denied)" -eq 1 ]
	stop served
	[ ! -s "$T/served.out" ]
	conserved
}

@test "what is not IPv6, and what is for another MAC, is counted and dropped" {
	netns dev0 frames send d0 "ffffffffffff00005e0053010806$(printf '%056d' 0)$(printf '%036d' 0)"
	netns dev0 frames send d0 00005e0053fe00005e005301080045000020000000004011b6c6c0000202c00002019c401633000c000068690000 # IPv4
	TO_MAC=00:00:5e:00:53:77 udp 0 2001:db8:a::2 2001:db8:b::2 5683 stray
	[ "$(counter drop.not-ipv6.acc0)" -eq 2 ]
	[ "$(counter drop.not-for-us.acc0)" -eq 1 ]
	conserved
}

@test "cut off headers end in a counted drop" {
	for bytes in 60 600000000008 6000000000081140"$(hex 2001:db8:a:0:0:0:0:2)"; do
		netns dev0 frames send d0 "00005e0053fe00005e00530186dd$bytes"
	done
	conserved
	[ "$(counter forwarded.from-device)" -eq 0 ]
}

@test "TCP runs through the translation, segmentation offload and all, and every packet is accounted for" {
	requires socat
	acl awake "$V0"
	head -c 4000000 /dev/zero >"$T/bulk"
	background server netns vpc socat -u TCP6-LISTEN:7000 "CREATE:$T/got"
	wait_for 3 netns vpc sh -c 'ss -ltn | grep -q :7000'
	netns dev0 timeout 20 socat -u "OPEN:$T/bulk" 'TCP6:[2001:db8:b::2]:7000'
	wait_for 5 cmp "$T/bulk" "$T/got"
	conserved
}

@test "the law holds under everything at once" {
	acl awake "$V1"
	pids=()
	udp 0 2001:db8:a::2 2001:db8:b::2 5683 good 300 & pids+=($!)
	MAC=00:00:5e:00:53:99 udp 1 2001:db8:a::9 2001:db8:b::2 5683 stranger 700 & pids+=($!)
	HOPS=1 udp 0 2001:db8:a::2 2001:db8:b::2 5683 hops 400 & pids+=($!)
	from_vpc 2001:db8:b::2 "$V0" 5683 asleep 300 & pids+=($!)
	from_vpc 2001:db8:b::2 "$V1" 5683 awake 300 & pids+=($!)
	from_vpc 2001:db8:d::2 "$V1" 5683 denied 200 & pids+=($!)
	wait "${pids[@]}"
	conserved
	[ "$(counter journal)" -eq 300 ]
	[ "$(counter forwarded.to-device)" -eq 300 ]
	[ "$(counter drop.no-mapping.acc1)" -eq 700 ]
}

@test "what render prints carries the same traffic, once nft has loaded it" {
	acl clear
	lab_journal_port
	acl render --access acc0,acc1 --core up0 <<<"$RECORDS" >"$T/rules.nft"
	nft -f "$T/rules.nft"
	nft add element netdev vnep awake "{ $V0 }"
	netns vpc ping -c 2 -i 0.05 -W 1 "$V0"
	[ "$(counter forwarded.to-device)" -eq 2 ]
	[ "$(counter forwarded.from-device)" -eq 2 ]
	conserved
}
