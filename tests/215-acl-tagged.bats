#!/usr/bin/env bats
# The rules behind tags, between devices, and for endpoints that a host holds: frames in, frames out. Nobody reads
# the journal port here; the neighbours are written by hand.

load helpers
load acl

# acme: VLAN 101 and 103 here, 900 there; zeta: 102 and 901. Equal L in two VLANs. flat is untagged.
A=urn:dev:mac:00005efffe005301 VA=2001:db8:b::70 LA=2001:db8:a::2
Z=urn:dev:mac:00005efffe005302 VZ=2001:db8:e::70 LZ=2001:db8:a::2
B=urn:dev:mac:00005efffe005303 VB=2001:db8:b::73 LB=2001:db8:a::3
F=urn:dev:mac:00005efffe005304 VF=2001:db8:d::74 LF=2001:db8:a::4
H=urn:dev:mac:00005efffe005305 VH=2001:db8:b::75 LH=2001:db8:a::5
HOST=2001:db8:b::2
INPUT='{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900,"routes":[{"to":"2001:db8:c::/48","next_hop":"fe80::1"}]}
{"type":"vpc","v":1,"vpc":"zeta","prefix":"2001:db8:e::/64","core_vlan":901,"routes":[{"to":"2001:db8:f::/48","next_hop":"fe80::1"}]}
{"type":"vpc","v":1,"vpc":"flat","prefix":"2001:db8:d::/64"}
{"type":"device","v":1,"dev":"'$A'","vep":"'$VA'","vpc":"acme","vlan":101,"addr":["'$LA'"],
 "allow":[{"to":"2001:db8:b::/64"},{"to":"2001:db8:c::/48"},{"to":"2001:db8:e::/64","proto":"UDP","ports":["5683"]},{"to":"2001:db8:d::/64"}]}
{"type":"device","v":1,"dev":"'$Z'","vep":"'$VZ'","vpc":"zeta","vlan":102,"addr":["'$LZ'"],"allow":[{"to":"2001:db8:e::/64"},{"to":"2001:db8:f::/48"},{"to":"2001:db8:b::/64"}]}
{"type":"device","v":1,"dev":"'$B'","vep":"'$VB'","vpc":"acme","vlan":103,"addr":["'$LB'"]}
{"type":"device","v":1,"dev":"'$F'","vep":"'$VF'","vpc":"flat","addr":["'$LF'"],"allow":[{"to":"2001:db8:b::/64"}]}
{"type":"device","v":1,"dev":"'$H'","vep":"'$VH'","vpc":"acme","form":"host","vlan":103,"addr":["'$LH'"]}'
INPUT=${INPUT//,$'\n' /,}

setup() {
	vnep_setup
	requires nft nftables
	lab
	netns edge vnep-acl apply -q --access acc0 --core up0 <<<"$INPUT" >/dev/null
	for x in "$VA 01" "$VZ 02" "$VB 03" "$VF 04" "$VH 05"; do
		ns ip -n edge neigh replace "${x% *}" lladdr "00:00:5e:00:53:${x#* }" dev acc0 nud permanent
	done
	ns ip -n edge neigh replace "$HOST" lladdr 00:00:5e:00:53:02 dev up0 nud permanent
	ns ip -n edge neigh replace "$VH" lladdr 00:00:5e:00:53:02 dev up0 nud permanent
	ns ip -n edge neigh replace fe80:384::1 lladdr 00:00:5e:00:53:21 dev up0 nud permanent
	ns ip -n edge neigh replace fe80:385::1 lladdr 00:00:5e:00:53:22 dev up0 nud permanent
	acl awake "$VA" "$VZ" "$VB" "$VF" "$VH" >/dev/null
}

# dev VLAN MAC-OCTET SRC DST PORT: a device's datagram; VLAN 0 = untagged
dev() {
	VLAN=$1 netns dev0 frames udp6 d0 "00:00:5e:00:53:$2" 00:00:5e:00:53:fe "$3" "$4" 40000 "$5" hello
}

# vpc VLAN SRC DST: a host's datagram
vpc() {
	VLAN=$1 netns vpc frames udp6 v0 00:00:5e:00:53:02 00:00:5e:00:53:fd "$2" "$3" 40000 5683 hello
}

# an address as it stands in a frame
hex() {
	python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).packed.hex())' "$1" 2>/dev/null ||
		sed 's/::/:0:0:0:0:/' <<<"$1" | tr : '\n' | while read -r part; do printf %04x "0x$part"; done
}

# got HOST MACS TAG SRC DST: its frame begins so; TAG is the four octets as hex, or nothing
got() {
	arrived_at "$1" 1
	grep -q "^$2${3}86dd.\{16\}$(hex "$4")$(hex "$5")" "$T/$1.out" || { cat "$T/$1.out"; return 1; }
}

@test "a tagged device reaches its VPC in the VPC's VLAN, as its endpoint, and is reached in its own" {
	listen vpc v0 1
	dev 101 01 "$LA" "$HOST" 5683
	got vpc 00005e00530200005e0053fd 81000384 "$VA" "$HOST"
	listen dev0 d0 1
	vpc 900 "$HOST" "$VA"
	got dev0 00005e00530100005e0053fe 81000065 "$HOST" "$LA"
	conserved
}

@test "the priority of a tag stays as it was" {
	listen vpc v0 1
	frame=$(VLAN=101 frames udp6 - 00:00:5e:00:53:01 00:00:5e:00:53:fe "$LA" "$HOST" 40000 5683 hello)
	netns dev0 frames send d0 "${frame/81000065/8100a065}"
	got vpc 00005e00530200005e0053fd 8100a384 "$VA" "$HOST"
}

@test "equal L in two VLANs are two devices, and fe80::1 is another router in each" {
	listen vpc v0 2
	dev 101 01 "$LA" 2001:db8:c::9 5683
	dev 102 02 "$LZ" 2001:db8:f::9 5683
	arrived_at vpc 2
	grep -q "^00005e00532100005e0053fd8100038486dd.\{16\}$(hex "$VA")" "$T/vpc.out"
	grep -q "^00005e00532200005e0053fd8100038586dd.\{16\}$(hex "$VZ")" "$T/vpc.out"
	conserved
}

@test "what comes in another VLAN, without one, or with two passes nowhere, and the counter says why" {
	asked=$(counter ask.acc0)
	listen vpc v0 1
	dev 102 01 "$LA" "$HOST" 5683 # A's MAC, Z's VLAN: known, to the worker
	dev 0 01 "$LA" "$HOST" 5683
	dev 77 99 "$LA" "$HOST" 5683
	frame=$(VLAN=101 frames udp6 - 00:00:5e:00:53:01 00:00:5e:00:53:fe "$LA" "$HOST" 40000 5683 hello)
	netns dev0 frames send d0 "${frame/81000065/81000000}"         # priority alone
	netns dev0 frames send d0 "${frame/81000065/8100006581000066}" # two tags
	netns dev0 frames send d0 "${frame/81000065/88a80065}"         # a service tag
	netns dev0 frames send d0 "${frame/8100006586dd/810000650800}" # no IPv6 behind it
	arrived_at vpc 0
	[ "$(counter drop.wrong-vlan.acc0)" -eq 3 ]
	[ "$(counter drop.not-ipv6.acc0)" -eq 1 ]
	[ "$(counter drop.no-mapping.acc0)" -eq 1 ]
	[ "$(counter ask.acc0)" -ge $(( asked + 2 )) ] # the host's own kernel may ask, too
	conserved
}

@test "advertisements and redirects of a tagged device reach nothing, nor IPv4 behind two tags" {
	listen vpc v0 1
	for type in 134 136 137; do
		VLAN=101 netns dev0 frames icmp6 d0 00:00:5e:00:53:01 00:00:5e:00:53:fe "$LA" "$HOST" "$type" 0 00000000
	done
	frame=$(VLAN=101 frames udp6 - 00:00:5e:00:53:01 00:00:5e:00:53:fe "$LA" "$HOST" 40000 5683 hello)
	netns dev0 frames send d0 "${frame/8100006586dd/88a80065810000660800}" # QinQ
	arrived_at vpc 0
	[ "$(counter drop.not-for-us.acc0)" -eq 3 ]
	[ "$(counter drop.wrong-vlan.acc0)" -eq 1 ]
	[ "$(counter forwarded.from-device)" -eq 0 ]
	conserved
}

@test "from the VPC: another VPC's VLAN does not reach an endpoint, nor one that nobody has, nor none" {
	listen dev0 d0 1
	vpc 901 "$HOST" "$VA"
	vpc 901 2001:db8:e::2 "$VA"
	vpc 902 "$HOST" "$VA"
	vpc 0 "$HOST" "$VA"
	vpc 900 2001:db8:e::2 "$VA"
	arrived_at dev0 0
	[ "$(counter drop.policy-denied)" -eq 4 ]
	[ "$(counter drop.wrong-vlan.up0)" -eq 1 ]
	[ "$(counter forwarded.to-device)" -eq 0 ]
	conserved
}

@test "hairpin: another VLAN, and another VPC where both allow it" {
	listen dev0 d0 1
	dev 101 01 "$LA" "$VB" 5683
	got dev0 00005e00530300005e0053fe 81000067 "$VA" "$LB"
	listen dev0 d0 1
	dev 101 01 "$LA" "$VZ" 5683
	got dev0 00005e00530200005e0053fe 81000066 "$VA" "$LZ"
	listen dev0 d0 1
	dev 102 02 "$LZ" "$VA" 7
	got dev0 00005e00530100005e0053fe 81000065 "$VZ" "$LA"
	conserved
}

@test "hairpin: another VPC is not reached where one of the two says nothing of it, nor across a tag" {
	listen dev0 d0 1
	dev 101 01 "$LA" "$VZ" 7    # A allows port 5683 alone
	dev 103 03 "$LB" "$VZ" 5683 # B allows its VPC alone
	dev 102 02 "$LZ" "$VB" 5683 # Z allows it, B does not
	dev 101 01 "$LA" "$VF" 5683 # both allow it, but F has no tag
	dev 0 04 "$LF" "$VA" 5683
	arrived_at dev0 0
	[ "$(counter drop.policy-denied)" -eq 5 ]
	[ "$(counter forwarded.to-device)" -eq 0 ]
	conserved
}

@test "form host: L to V and V to L pass as they are, and nothing else does" {
	listen vpc v0 1
	dev 103 05 "$LH" "$VH" 5683
	got vpc 00005e00530200005e0053fd 81000384 "$LH" "$VH"
	listen dev0 d0 1
	vpc 900 "$VH" "$LH"
	got dev0 00005e00530500005e0053fe 81000067 "$VH" "$LH"
	listen dev0 d0 1
	vpc 900 "$HOST" "$LH"
	vpc 900 "$HOST" "$VH"
	vpc 901 "$VH" "$LH"
	arrived_at dev0 0
	[ "$(counter drop.no-mapping.up0)" -eq 3 ]
	asked=$(counter ask.acc0)
	listen vpc v0 1
	dev 103 05 "$LH" "$HOST" 5683 # not its V: the worker says no
	dev 103 03 "$LH" "$VH" 5683   # not its MAC
	arrived_at vpc 0
	[ "$(counter ask.acc0)" -ge $(( asked + 2 )) ]
	conserved
}

@test "form host: asleep, what V sends to L is journaled" {
	acl asleep "$VH" >/dev/null
	listen edge vnep-j1 1
	vpc 900 "$VH" "$LH"
	got edge 02000700000200005e005302 81000384 "$VH" "$LH"
	conserved
}

@test "the kernel lists bindings with their VLAN and form, and verify finds them as they are" {
	run -0 --separate-stderr acl list
	record -s '[.[] | select(.vep == "'$VA'")] == [.[] | select(.vlan == 101)] and length == 5'
	record -s 'any(.[]; .vep == "'$VH'" and .vlan == 103 and .addr == ["'$LH'"])'
	run -0 --separate-stderr netns edge vnep-acl verify --access acc0 --core up0 <<<"$INPUT"
	[ -z "$output" ]
	nft delete element netdev vnep from_vlan '{ "acc0" . 101 . 00:00:5e:00:53:01 . 2001:db8:a::2 }'
	run -1 --separate-stderr netns edge vnep-acl verify --access acc0 --core up0 <<<"$INPUT"
	record '.what == "missing" and .record.set == "from_vlan" and .record.vlan == 101 and .record.vep == "'$VA'"'
}

@test "text: nft takes the rules of tagged ports, and its own list of what apply wrote says the same words" {
	netns edge vnep-acl render --access acc0 --core up0 <<<"$INPUT" >"$T/rules.nft"
	grep -q 'typeof iif . vlan id . ether saddr . ip6 saddr : ip6 saddr' "$T/rules.nft"
	nft list map netdev vnep from_vlan | grep -q '"acc0" . 101 . 00:00:5e:00:53:01 . 2001:db8:a::2'
	nft list map netdev vnep core_vlan | grep -q '900 : goto core_vlan_900'
	nft list chain netdev vnep bound_vlan_acc0 | grep -q 'ip6 saddr set iif . vlan id . ether saddr . ip6 saddr map @from_vlan'
	nft delete table netdev vnep
	nft -c -f "$T/rules.nft"
}
