#!/usr/bin/env bats
# vnep-acl beside a living vnep-edge: nobody writes past it.

load helpers
load edge

setup() {
	vnep_setup
	requires nft nftables
	lab 1
	edge_map
	edge_start
}

acl() {
	netns edge vnep-acl "$@"
}

@test "apply --map is done by the edge; records of standard input are refused" {
	run -0 --separate-stderr acl apply --map
	record '.type == "stat" and .name == "vnep_acl_changes"'
	vnep-map list >"$T/map"
	run -2 --separate-stderr acl apply "$T/map"
	[[ $stderr == *"a vnep-edge lives on"* ]]
}

@test "verify finds what somebody else broke while the edge lives, and the edge repairs it" {
	run -0 --separate-stderr acl verify --map
	[ -z "$output" ]
	netns edge nft delete element netdev vnep endpoint "{ $V0 }"
	run -1 --separate-stderr acl verify --map
	record '.what == "missing" and .record.vep == env.V0'
	run -0 --separate-stderr acl verify --map --repair
	run -0 --separate-stderr acl verify --map
	[ -z "$output" ]
}

@test "clear is refused, exit 4, and everything stays" {
	run -4 --separate-stderr acl clear
	[[ $stderr == *"vnep-edge stop"* ]]
	netns edge nft list table netdev vnep >/dev/null
}

@test "asleep and awake go through the edge, which knows what is pending" {
	speak 0
	wait_for 5 state_is "$DEV0" awake
	run -0 --separate-stderr acl asleep "$DEV0"
	wait_for 5 state_is "$DEV0" asleep
	run -0 --separate-stderr acl awake "$DEV0"
	wait_for 5 state_is "$DEV0" awake
}

@test "watch tells what the edge tells" {
	background aclwatch netns edge vnep-acl watch
	wait_for 5 grep -q '"sync"' "$T/aclwatch.out"
	speak 0
	wait_for 5 jq -se 'any(.[]; .type == "presence" and .dev == env.DEV0 and .state == "awake")' "$T/aclwatch.out"
}
