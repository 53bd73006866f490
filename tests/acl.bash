# acl - the rules in the lab, without a daemon: `load helpers; load acl`.
#
#   RECORDS          the map of the lab: dev0 sleeps after 2 s at acc0 (V0), dev1 always listens at acc1 (V1) and may send UDP
#                    to port 5683 alone, dev2 is known and bound nowhere (V2)
#   acl ARG…         vnep-acl in the edge's namespace
#   apply ARG…       apply $INPUT, or RECORDS, to the lab's ports
#   nft ARG…         nft in the edge's namespace
#   elements SET     how many a set or map has, by nft's reading
#   counter NAME     packets of a named counter
#   neighbours       what the daemon's worker would have written: who has fe80::1, V0, V1, and where they are
#   conserved        arrived = forwarded + journal + ask + drops, by nft's reading

DEV0=urn:dev:mac:00005efffe005301 V0=2001:db8:b::70
DEV1=urn:dev:mac:00005efffe005311 V1=2001:db8:b::71
DEV2=urn:dev:mac:00005efffe005312 V2=2001:db8:b::72
RECORDS='{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","routes":[{"to":"2001:db8:c::/48","next_hop":"2001:db8:b::2"}]}
{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'","vpc":"acme","port":"acc0","addr":["2001:db8:a::2"],"psm":{"t3324_s":2}}
{"type":"device","v":1,"dev":"'$DEV1'","vep":"'$V1'","vpc":"acme","port":"acc1","addr":["2001:db8:a::3"],"allow":[{"to":"2001:db8:b::/64","proto":"UDP","ports":["5683"]}]}
{"type":"device","v":1,"dev":"'$DEV2'","vep":"'$V2'","vpc":"acme"}'
export DEV0 DEV1 DEV2 V0 V1 V2 RECORDS

acl() {
	netns edge vnep-acl "$@"
}

apply() {
	netns edge vnep-acl apply --access acc0,acc1 --core up0 "$@" <<<"${INPUT:-$RECORDS}"
}

nft() {
	netns edge nft "$@"
}

elements() {
	nft -j list table netdev vnep |
		jq --arg name "$1" '[.nftables[] | (.set // .map // empty) | select(.name == $name).elem[]?] | length'
}

counter() {
	nft -j list counters table netdev vnep |
		jq --arg name "$1" '[.nftables[].counter // empty | select(.name == $name).packets] | add // 0'
}

neighbours() {
	ns ip -n dev0 neigh replace fe80::1 lladdr 00:00:5e:00:53:fe dev d0 nud permanent
	ns ip -n dev1 neigh replace fe80::1 lladdr 00:00:5e:00:53:f1 dev d1 nud permanent
	ns ip -n vpc neigh replace "$V0" lladdr 00:00:5e:00:53:fd dev v0 nud permanent
	ns ip -n vpc neigh replace "$V1" lladdr 00:00:5e:00:53:fd dev v0 nud permanent
	ns ip -n edge neigh replace "$V0" lladdr 00:00:5e:00:53:01 dev acc0 nud permanent
	ns ip -n edge neigh replace "$V1" lladdr 00:00:5e:00:53:11 dev acc1 nud permanent
	ns ip -n edge neigh replace 2001:db8:b::2 lladdr 00:00:5e:00:53:02 dev up0 nud permanent
}

conserved() {
	nft -j list counters table netdev vnep >"$T/counters"
	jq -e '[.nftables[].counter // empty | {
			name, packets, term: (.name | split(".")[0])}] |
		([.[] | select(.term == "arrived").packets] | add) as $arrived |
		([.[] | select(.term | IN("forwarded", "journal", "ask", "drop")).packets] | add) as $ended |
		$arrived > 0 and $arrived == $ended' "$T/counters" >/dev/null ||
		{ jq -c '.nftables[].counter // empty | select(.packets > 0) | [.name, .packets]' "$T/counters"; return 1; }
}

# udp N SRC DST PORT TEXT [COUNT]: frames of device N with a source of your choice; VLAN and HOPS as frames has them.
udp() {
	local mac=00:00:5e:00:53:01 port=00:00:5e:00:53:fe

	[[ $1 == 0 ]] || mac=00:00:5e:00:53:1$1 port=00:00:5e:00:53:f$1
	netns "dev$1" frames udp6 "d$1" "${MAC:-$mac}" "${TO_MAC:-$port}" "$2" "$3" 40000 "$4" "$5" ${6:+"$6"}
}

# from_vpc SRC DST PORT TEXT [COUNT]: frames of the VPC host.
from_vpc() {
	netns vpc frames udp6 v0 00:00:5e:00:53:02 00:00:5e:00:53:fd "$1" "$2" 40000 "$3" "$4" ${5:+"$5"}
}

# listen HOST IF COUNT: frames of UDP that arrive there within 3 s, as hex, in $T/HOST.out.
listen() {
	background "$1" netns "$1" frames recv "$2" "$3" 3000 udp
	wait_for 3 grep -q listening "$T/$1.err"
}

# arrived_at HOST COUNT: the listener there got that many.
arrived_at() {
	local n

	wait "${PIDS[$1]}" || true
	unset "PIDS[$1]"
	n=$(grep -c . "$T/$1.out" || true)
	[[ $n == "$2" ]] || { echo "$1 got $n, expected $2"; return 1; }
}
