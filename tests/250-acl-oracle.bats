#!/usr/bin/env bats
# The model of the rules against the kernel, frame by frame: where each came out, with which octets, and what was counted.

load helpers
load oracle

# Full runs are ten times as long.
FRAMES=100000
[[ -z ${VNEP_FULL:-} ]] || FRAMES=1000000

@test "oracle: the kernel does with mutated frames what the model says" {
	oracle_lab
	oracle_apply
	run -0 oracle "$FRAMES" 1
	agreed "$FRAMES"
}

@test "oracle: also beside a worker that resolves hosts, with a host that is not resolved" {
	oracle_lab
	sed -i -E '/^up0 2001:db8:b::2 |^acc0 2001:db8:(d::76|b::75) |^acc1 2001:db8:(b::72|e::77|d::78)/s/$/ asleep/' "$T/neighbours"
	ns vnep-acl apply -q --access acc0,acc1 --core up0 <"$T/map" >/dev/null # makes the journal port
	oracle_neighbours
	run -0 oracle $(( FRAMES / 2 )) 2 resolve
	agreed $(( FRAMES / 2 ))
}

@test "oracle: also where ports have different MTUs" {
	oracle_lab 1400 1450
	oracle_apply
	run -0 oracle $(( FRAMES / 2 )) 3
	agreed $(( FRAMES / 2 ))
	[[ $output == *"counter copy.too-big "[1-9]* ]]
}

@test "oracle: a rule that is missing, a rule too many, an element that is wrong: each is found" {
	requires nft nftables
	oracle_lab
	oracle_apply
	ns nft delete element netdev vnep advert '{ 136 }'
	run -1 oracle 20000 4
	[[ $output == *"frame at acc0: "* ]]
	ns nft add element netdev vnep advert '{ 136 }'
	run -0 oracle 20000 4
	ns nft insert rule netdev vnep from_device ip6 hoplimit set 9
	run -1 oracle 20000 4
	[[ $output == *"frame at acc0: "* ]]
	ns nft flush chain netdev vnep from_device
	ns vnep-acl apply -q --access acc0,acc1 --core up0 <"$T/map" >/dev/null
	run -0 oracle 20000 4
	ns nft insert rule netdev vnep journal counter name journal # counted twice, and sent once
	run -1 oracle 20000 4
	[[ $output == *"counter journal: model"* ]]
}
