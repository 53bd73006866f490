# oracle - the ports of an edge and their far ends in one namespace, and the oracle between them: `load helpers; load oracle`.
#
#   acc0--d0, acc1--d1, up0--v0, s0--s1 (nobody's: by it the oracle knows that nothing is under way)
#
# Nobody but the oracle speaks there: no port has an address, no far end has IPv6.
#
#   MAP             VPCs beside and inside one another, both forms, untagged and tagged, several addresses, allow lists, routes, every kind of presence
#   NEIGHBOURS      "PORT ADDRESS MAC [asleep]": who is where, and which devices are not awake
#   oracle_lab [MTU of acc1, MTU of up0]
#   oracle_apply    MAP by vnep-acl, NEIGHBOURS by ip
#   oracle ARG…     COUNT [SEED [resolve]]
#   agreed          it exited with 0, and its figures are worth something

MAP='{"type":"vpc","v":1,"vpc":"flat","prefix":"2001:db8:b::/64","routes":[{"to":"2001:db8:c::/48","next_hop":"2001:db8:b::2"}]}
{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:d::/64","core_vlan":900,"routes":[{"to":"2001:db8:f::/48","next_hop":"fe80::1"}]}
{"type":"vpc","v":1,"vpc":"zeta","prefix":"2001:db8:e::/64","core_vlan":901}
{"type":"vpc","v":1,"vpc":"wide","prefix":"2001:db8:b::/56"}
{"type":"group","v":1,"group":"lights","address":"ff35:40:2001:db8::8000:1","senders":["2001:db8:b::2","2001:db8:d::2"]}
{"type":"group","v":1,"group":"others","address":"ff15::8000:2","senders":["2001:db8:e::2","2001:db8:ffff::2"]}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005301","vep":"2001:db8:b::71","vpc":"flat","port":"acc0","addr":["2001:db8:a::1"],"psm":{"t3324_s":3600}}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005302","vep":"2001:db8:b::72","vpc":"flat","port":"acc1","addr":["2001:db8:a::2","2001:db8:a::12"],"allow":[{"to":"2001:db8:b::/64","proto":"UDP","ports":["5683","8000-8002"]},{"to":"2001:db8:c::/48"},{"to":"2001:db8:b::2","proto":"ICMPV6"},{"to":"fe80::/16"}]}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005303","vep":"2001:db8:b::73","vpc":"flat","addr":["2001:db8:a::3"],"psm":{"t3324_s":3600}}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005304","vep":"2001:db8:b::74","vpc":"flat"}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005305","vep":"2001:db8:b::75","vpc":"flat","form":"host","port":"acc0","addr":["2001:db8:a::5"]}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005306","vep":"2001:db8:d::76","vpc":"acme","port":"acc0","vlan":101,"addr":["2001:db8:a::1"],"allow":[{"to":"2001:db8:d::/64"},{"to":"2001:db8:f::/48"},{"to":"2001:db8:e::/64","proto":"UDP","ports":["5683"]}]}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005307","vep":"2001:db8:e::77","vpc":"zeta","port":"acc1","vlan":102,"addr":["2001:db8:a::1"],"allow":[{"to":"2001:db8:e::/64"},{"to":"2001:db8:d::/64","proto":"UDP"}],"psm":{"t3324_s":3600},"journal":"from-device"}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005308","vep":"2001:db8:d::78","vpc":"acme","form":"host","port":"acc1","vlan":103,"addr":["2001:db8:a::8"]}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005309","vep":"2001:db8:d::79","vpc":"acme","port":"acc0","vlan":101,"addr":["2001:db8:a::9"],"psm":{"t3324_s":0}}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe00530a","vep":"2001:db8:b::7a","vpc":"flat","form":"host","port":"acc1","addr":["2001:db8:a::a"]}
{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe00530b","vep":"2001:db8:e::7b","vpc":"zeta","vlan":104,"addr":["2001:db8:a::b"],"journal":"both"}'
NEIGHBOURS='acc0 2001:db8:b::71 00:00:5e:00:53:01
acc1 2001:db8:b::72 00:00:5e:00:53:02
acc0 2001:db8:b::73 00:00:5e:00:53:03 asleep
acc0 2001:db8:b::75 00:00:5e:00:53:05
acc0 2001:db8:d::76 00:00:5e:00:53:06
acc1 2001:db8:e::77 00:00:5e:00:53:07
acc1 2001:db8:d::78 00:00:5e:00:53:08
acc1 2001:db8:b::7a 00:00:5e:00:53:0a asleep
acc0 2001:db8:e::7b 00:00:5e:00:53:0b
up0 2001:db8:e::2 00:00:5e:00:53:a7
up0 2001:db8:b:1::2 00:00:5e:00:53:a8
up0 fe80:384::1 00:00:5e:00:53:a6
up0 2001:db8:d::78 00:00:5e:00:53:a5
up0 2001:db8:d::2 00:00:5e:00:53:a4
up0 2001:db8:b::75 00:00:5e:00:53:a3
up0 2001:db8:b::2 00:00:5e:00:53:a2'

oracle_lab() {
	ns_start
	ns sh -e -c '
		ip link set lo up
		for pair in acc0:d0:fe acc1:d1:f1 up0:v0:fd s0:s1:f9; do
			port=${pair%%:*} mac=${pair##*:} end=${pair#*:} end=${end%:*}
			ip link add "$port" address "00:00:5e:00:53:$mac" type veth peer name "$end"
			echo 1 >"/proc/sys/net/ipv6/conf/$end/disable_ipv6"
			ip link set "$port" addrgenmode none
			ip link set "$end" mtu 1600
		done
		ip link set acc1 mtu "$1"
		ip link set up0 mtu "$2"
		for link in acc0 acc1 up0 s0 d0 d1 v0 s1; do ip link set "$link" up; done' - "${1:-1500}" "${2:-1500}"
	wait_for 5 oracle_carrier
	printf '%s\n' "$MAP" >"$T/map"
	printf '%s\n' "$NEIGHBOURS" >"$T/neighbours"
}

oracle_carrier() {
	[[ $(ns ip link show) != *NO-CARRIER* ]]
}

oracle_neighbours() {
	local port addr mac

	while read -r port addr mac _; do
		echo "neigh replace $addr lladdr $mac dev $port nud permanent"
	done <"$T/neighbours" | ns ip -batch -
}

oracle_apply() {
	ns vnep-acl apply -q --access acc0,acc1 --core up0 <"$T/map" >/dev/null
	oracle_neighbours
}

oracle() {
	ns oracle "$T/map" "$T/neighbours" "$@"
}

# agreed FRAMES: no disagreement in at least so many; every kind of end was there, and most rules were.
agreed() {
	local figures='^frames ([0-9]+), disagreements 0; to a neighbour ([0-9]+), to the journal port ([0-9]+), dropped ([0-9]+), unseen ([0-9]+); rules ([0-9]+) of ([0-9]+); policies asked ([0-9]+)'

	# shellcheck disable=SC2154 # output is of bats
	[[ $output =~ $figures ]] || { printf '%s\n' "$output"; return 1; }
	(( BASH_REMATCH[1] >= $1 && BASH_REMATCH[2] * 20 >= $1 && BASH_REMATCH[3] * 20 >= $1 &&
		BASH_REMATCH[5] > 0 && BASH_REMATCH[8] * 20 >= $1 && BASH_REMATCH[6] * 3 >= BASH_REMATCH[7] * 2 )) ||
		{ printf '%s\n' "$output"; return 1; }
}
