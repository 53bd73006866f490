#!/usr/bin/env bats
# Who of the VPC may speak to a group: in the kernel, in text, in what explain, plan, verify and apply --follow say.

load helpers
load acl

GROUP=ff35:40:2001:db8::8000:1
export GROUP
TAGGED='{"type":"group","v":1,"group":"lights","address":"'$GROUP'","senders":["2001:db8:b::2","2001:db8:d::2","2001:db8:ffff::2"]}
{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:d::/64","core_vlan":900}'

setup() {
	vnep_setup
}

# group SENDER...: its record
group() {
	jq -nc --args '{type: "group", v: 1, group: "lights", address: env.GROUP, senders: $ARGS.positional}' "$@"
}

@test "acl groups: each sender of a VPC is an element with the group's address, behind its tag; of no VPC: none" {
	requires nft nftables
	lab 2
	INPUT=$TAGGED apply -q
	[ "$(elements group)" -eq 1 ]
	[ "$(elements group_vlan)" -eq 1 ]
	run -0 nft list set netdev vnep group
	[[ $output == *"2001:db8:b::2 . $GROUP"* ]]
	run -0 nft list set netdev vnep group_vlan
	[[ $output == *"900 . 2001:db8:d::2 . $GROUP"* ]]
	run -0 acl verify --access acc0,acc1 --core up0 <<<"$TAGGED"
	nft delete element netdev vnep group_vlan "{ 900 . 2001:db8:d::2 . $GROUP }"
	nft add element netdev vnep group "{ 2001:db8:b::9 . $GROUP }"
	run -1 --separate-stderr acl verify --access acc0,acc1 --core up0 <<<"$TAGGED"
	record -s 'any(.[]; .what == "missing" and .record.set == "group_vlan" and .record.vlan == 900 and
		.record.sender == "2001:db8:d::2" and .record.address == env.GROUP)'
	record -s 'any(.[]; .what == "foreign" and .record.set == "group" and .record.sender == "2001:db8:b::9")'
	INPUT=$TAGGED apply -q
	run -0 acl verify --access acc0,acc1 --core up0 <<<"$TAGGED"
}

@test "acl groups: text and JSON say the same as the kernel has" {
	requires nft nftables
	lab 2
	INPUT=$TAGGED apply -q
	nft list table netdev vnep | sed 's/ counter packets.*//' | grep -A40 'set group\|chain group' >"$T/applied"
	netns edge vnep-acl render --access acc0,acc1 --core up0 <<<"$TAGGED" >"$T/text"
	grep -q 'ip6 saddr . ip6 daddr @group' "$T/text"
	grep -q 'vlan id . ip6 saddr . ip6 daddr @group_vlan' "$T/text"
	nft delete table netdev vnep
	nft -f "$T/text"
	[ "$(elements group)" -eq 1 ]
	[ "$(elements group_vlan)" -eq 1 ]
	run -0 nft list chain netdev vnep group_up0
	[[ $output == *"udp"*"@group"*"goto group_sender_up0"* || $output == *"17"*"@group"*"goto group_sender_up0"* ]] ||
		{ echo "$output"; false; }
	run -0 nft list chain netdev vnep group_sender_up0
	[[ $output == *"hoplimit 0-1"*"drop.not-for-us"*"drop.fragment"*"saddr 2001:db8:b::/64 limit"* ||
		$output == *"hoplimit <= 1"*"drop.not-for-us"*"drop.fragment"*"saddr 2001:db8:b::/64 limit"* ]] ||
		{ echo "$output"; false; }
	run -0 nft list chain netdev vnep group_vlan_sender_up0
	[[ $output == *"saddr 2001:db8:d::/64 limit"* && $output != *2001:db8:b:* ]] || { echo "$output"; false; }
	nft delete table netdev vnep
	# without tags: this nft has no JSON for VLANs in keys
	{ group 2001:db8:b::2; printf '%s\n' "$RECORDS"; } | netns edge vnep-acl render --format json --access acc0,acc1 --core up0 >"$T/json"
	nft -j -f "$T/json"
	[ "$(elements group)" -eq 1 ]
}

@test "acl groups: explain says who is heard and who is not, and OpenFlow that nobody is" {
	group 2001:db8:b::2 >map.jsonl
	printf '%s\n' "$RECORDS" >>map.jsonl
	run -0 vnep-acl explain --access acc0,acc1 --core up0 --records map.jsonl 2001:db8:b::2 "$GROUP" UDP 7000
	record '.why | .verdict == "ask" and .ask == "group" and .chain == "group_sender_up0" and .limit_pps == 50'
	run -1 vnep-acl explain --access acc0,acc1 --core up0 --records map.jsonl 2001:db8:b::3 "$GROUP" UDP 7000
	record '.reason == "not-for-us" and .why.chain == "group_up0"'
	run -1 vnep-acl explain --access acc0,acc1 --core up0 --records map.jsonl 2001:db8:b::2 "$GROUP" TCP 7000
	record '.reason == "not-for-us"'
	run -1 vnep-acl explain --access acc0,acc1 --core up0 --records map.jsonl "$V0" "$GROUP" UDP 7000
	record '.reason == "not-for-us" and .why.chain == "bound_acc0"'
	run -0 --separate-stderr vnep-acl render --format openflow --access acc0,acc1 --core up0 map.jsonl
	[[ $stderr == *"groups: "* ]]
}

@test "acl groups: an address that no group may have is refused, naming it" {
	GROUP=ff02::1 group 2001:db8:b::2 >map.jsonl
	printf '%s\n' "$RECORDS" >>map.jsonl
	run -2 --separate-stderr vnep-acl render --access acc0,acc1 --core up0 map.jsonl
	[[ $stderr == *"map.jsonl:1:"*"ff02::1 is what all of a link listen to"* ]]
}

@test "acl groups: apply --follow does what changes in a group, and nothing else" {
	requires nft nftables
	lab 2
	{ group 2001:db8:b::2; printf '%s\n' "$RECORDS"; } | vnep-map import -q
	background follow netns edge vnep-acl apply --map --follow --access acc0,acc1 --core up0
	wait_for 10 has_elements 1
	handles=$(nft -a list table netdev vnep | grep -o '# handle [0-9]*' | sort)
	group 2001:db8:b::2 2001:db8:b::3 | vnep-map set -q
	wait_for 10 has_elements 2
	[ "$handles" == "$(nft -a list table netdev vnep | grep -o '# handle [0-9]*' | sort)" ]
	vnep-map delete -q --type group lights
	wait_for 10 has_elements 0
	run -0 netns edge vnep-acl verify -q --map
}

has_elements() {
	[ "$(elements group)" -eq "$1" ]
}
