#!/usr/bin/env bats
# Thousands of allow lists, each of another device: 300 of them, or with VNEP_FULL 10,000.

load helpers
load acl

setup() {
	vnep_setup
	requires nft nftables
	lab 1
	N=300
	[[ -z ${VNEP_FULL:-} ]] || N=10000
	ns ip -n edge neigh replace 2001:db8:b::2 lladdr 00:00:5e:00:53:02 dev up0 nud permanent
}

# lists [PORT]: device i may send to UDP port 10000 + i of one host, and the last one, if it is said, to PORT instead
lists() {
	echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/48"}'
	awk -v n="$N" -v last="${1:-}" 'BEGIN { for (i = 0; i < n; i++)
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe%06x\",\"vep\":\"2001:db8:b::1:%x\",\"vpc\":\"acme\",\"port\":\"acc0\",\"addr\":[\"2001:db8:a::1:%x\"],\"allow\":[{\"to\":\"2001:db8:b::2\",\"proto\":\"UDP\",\"ports\":[\"%d\"]}]}\n",
			i, i, i, i == n - 1 && last ? last : 10000 + i }'
}

apply_lists() {
	netns edge vnep-acl apply -q --access acc0 --core up0 < <(lists "$@")
}

same_lists() {
	run -0 --separate-stderr netns edge vnep-acl verify -q < <(lists "$@")
	[ -z "$output" ]
}

# say PORT: the last device does
say() {
	local last=$(( N - 1 ))

	MAC=00:00:5e:$(printf '%06x' $last | sed 's/../&:/g; s/:$//') \
		udp 0 "2001:db8:a::1:$(printf '%x' $last)" 2001:db8:b::2 "$1" hello
}

@test "lists: each has its chain, the last one decides for its device, and one that changes changes nothing else" {
	apply_lists
	same_lists
	nft -j list map netdev vnep class_chain >"$T/chains"
	[ "$(jq '[.nftables[].map.elem // empty | length] | add' "$T/chains")" -eq "$N" ]
	listen vpc v0 1
	say 10000 # of the first
	say $(( 10000 + N - 1 ))
	arrived_at vpc 1
	[ "$(counter drop.policy-denied.acc0)" -eq 1 ] || [ "$(counter drop.policy-denied)" -eq 1 ]
	run -0 --separate-stderr apply_lists 5
	record '.value == 7' # a policy, a class and its number: one more and one less of each; and whose class it is
	same_lists 5
	listen vpc v0 1
	say $(( 10000 + N - 1 ))
	say 5
	arrived_at vpc 1
}

@test "lists: equal ones share one chain" {
	netns edge vnep-acl apply -q --access acc0 --core up0 < <(lists | sed 's/"ports":\["1[0-9]*"\]/"ports":["5683"]/')
	[ "$(nft -j list map netdev vnep class_chain | jq '[.nftables[].map.elem // empty | length] | add')" -eq 1 ]
	[ "$(nft -j list chains netdev | jq '[.nftables[].chain // empty | select(.name | startswith("policy_"))] | length')" -eq 1 ]
}
