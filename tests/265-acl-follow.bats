#!/usr/bin/env bats
# vnep-acl apply --follow: the kernel follows the map, without a daemon.

load helpers
load acl

setup() {
	vnep_setup
	requires nft nftables
	lab 2
	vnep-map import -q <<<"$RECORDS"
}

# follow ARG…: start it, and wait until kernel and map are one
follow() {
	background follow netns edge vnep-acl apply --map --follow --access acc0,acc1 --core up0 "$@"
	synced
}

# The sync record of the map's present revision was printed.
synced() {
	REVISION=$(vnep-map stat | jq 'select(.name == "vnep_map_revision").value') wait_for 5 synced_now
}

synced_now() {
	jq -se 'last | .type == "sync" and .revision == (env.REVISION | tonumber)' "$T/follow.out"
}

# said FILTER: jq over the array of all that it printed
said() {
	jq -se "$1" "$T/follow.out" >/dev/null || { echo "not said: $1"; cat "$T/follow.out"; return 1; }
}

handle() {
	nft -a list table netdev vnep | sed -n 's/^table .* handle //p'
}

same() {
	run -0 --separate-stderr acl verify --map
	[ -z "$output" ]
}

set_device() { # DEV VEP MEMBERS: at acc0
	vnep-map set -q <<<'{"type":"device","v":1,"dev":"'"$1"'","vep":"'"$2"'","vpc":"acme","port":"acc0"'"${3:+,$3}"'}'
}

@test "follow: applies, says so, and ends with 0 when asked to" {
	follow
	said '.[0].name == "vnep_acl_changes" and .[0].value > 50 and .[1].type == "sync" and length == 2'
	same
	stop -0 follow TERM
	follow
	said '.[0].value == 0'
	stop -0 follow INT
	nft list table netdev vnep >/dev/null
}

@test "follow: a device that comes, changes and goes is its elements alone: no chain, no table, is deleted" {
	follow
	before=$(handle)
	background monitor netns edge nft monitor
	wait_for 5 grep -q . "/proc/$PID/net/netlink"
	set_device urn:dev:mac:00005efffe005399 2001:db8:b::99 '"addr":["2001:db8:a::99"],"psm":{"t3324_s":2}'
	synced
	said '[.[] | select(.type == "difference")] | length == 1 and .[0].what == "add" and .[0].record.vep == "2001:db8:b::99"'
	nft get element netdev vnep to_binding '{ 2001:db8:b::99 }' | grep -q 2001:db8:a::99
	same
	set_device urn:dev:mac:00005efffe005399 2001:db8:b::99 '"addr":["2001:db8:a::98"],"psm":{"t3324_s":2}'
	synced
	nft get element netdev vnep to_binding '{ 2001:db8:b::99 }' | grep -q 2001:db8:a::98
	same
	vnep-map delete -q urn:dev:mac:00005efffe005399
	synced
	run -1 grep 2001:db8:b::99 <(nft list table netdev vnep)
	said '[.[] | select(.type == "difference").what] == ["add", "change", "delete"]'
	said '[.[] | select(.name == "vnep_acl_changes")] | length == 1'
	same
	[ "$(handle)" = "$before" ]
	wait_for 5 grep -q 'delete element netdev vnep to_binding' "$T/monitor.out"
	run -1 grep -E '(add|delete) (table|chain|rule|set|map)' "$T/monitor.out"
}

@test "follow: three changes in a burst are three records, and the kernel has all of them" {
	follow
	vnep-map set -q <<-END
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005397","vep":"2001:db8:b::97","vpc":"acme","port":"acc0","addr":["2001:db8:a::97"]}
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005398","vep":"2001:db8:b::98","vpc":"acme","port":"acc1","addr":["2001:db8:a::98"]}
		{"type":"device","v":1,"dev":"$DEV2","vep":"2001:db8:b::73","vpc":"acme"}
	END
	synced
	said '[.[] | select(.type == "difference").what] | sort == ["add", "add", "change"]'
	same
	run -1 grep "$V2" <(nft list table netdev vnep)
}

@test "follow: another allow list is another chain, and the old one goes with its last user" {
	follow
	old=$(nft list map netdev vnep class_chain | grep -o 'class_always_quiet_[0-9a-f]*_acme')
	vnep-map set -q <<<'{"type":"device","v":1,"dev":"'$DEV1'","vep":"'$V1'","vpc":"acme","port":"acc1","addr":["2001:db8:a::3"],"allow":[{"to":"2001:db8:b::2"}]}'
	synced
	new=$(nft list map netdev vnep class_chain | grep -o 'class_always_quiet_[0-9a-f]*_acme')
	[ "$new" != "$old" ]
	nft list chain netdev vnep "$new" >/dev/null
	run -1 nft list chain netdev vnep "$old"
	same
}

@test "follow: two devices exchange endpoints and MACs, in one change and in two" {
	vnep-map import -q <<-END
		{"type":"device","v":1,"dev":"urn:dev:ops:32473-a","vep":"2001:db8:b::97","mac":"00:00:5e:00:53:97","vpc":"acme","port":"acc0","addr":["2001:db8:a::9"]}
		{"type":"device","v":1,"dev":"urn:dev:ops:32473-b","vep":"2001:db8:b::98","mac":"00:00:5e:00:53:98","vpc":"acme","port":"acc0","addr":["2001:db8:a::9"]}
	END
	follow
	vnep-map set -q <<-END
		{"type":"device","v":1,"dev":"urn:dev:ops:32473-a","vep":"2001:db8:b::98","mac":"00:00:5e:00:53:97","vpc":"acme","port":"acc0","addr":["2001:db8:a::9"]}
		{"type":"device","v":1,"dev":"urn:dev:ops:32473-b","vep":"2001:db8:b::97","mac":"00:00:5e:00:53:98","vpc":"acme","port":"acc0","addr":["2001:db8:a::9"]}
	END
	synced
	same
	vnep-map set -q <<-END
		{"type":"device","v":1,"dev":"urn:dev:ops:32473-a","vep":"2001:db8:b::98","mac":"00:00:5e:00:53:98","vpc":"acme","port":"acc0","addr":["2001:db8:a::9"]}
		{"type":"device","v":1,"dev":"urn:dev:ops:32473-b","vep":"2001:db8:b::97","mac":"00:00:5e:00:53:97","vpc":"acme","port":"acc0","addr":["2001:db8:a::9"]}
	END
	synced
	same
}

@test "follow: a foreign flush is noticed and mended; so is an element that a change finds taken away" {
	follow
	nft flush ruleset
	wait_for 5 said '[.[] | select(.name == "vnep_acl_changes")] | length == 2 and .[1].value > 50'
	same
	nft delete element netdev vnep to_binding "{ $V0 }"
	nft delete element netdev vnep class "{ $V0 }"
	set_device "$DEV0" "$V0" '"addr":["2001:db8:a::2"],"psm":{"t3324_s":30}'
	synced
	same
	stop -0 follow
}

@test "follow: a vpc, and more changes than are followed one by one, are one comparison" {
	follow
	vnep-map set -q <<<'{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","routes":[{"to":"2001:db8:d::/48","next_hop":"2001:db8:b::2"}]}'
	synced
	said '[.[] | select(.name == "vnep_acl_changes")] | length == 2'
	same
	awk 'BEGIN { for (i = 0; i < 4200; i++)
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe10%04x\",\"vep\":\"2001:db8:b::1:%x\",\"vpc\":\"acme\",\"port\":\"acc0\",\"addr\":[\"2001:db8:a::1:%x\"]}\n", i, i, i }' |
		vnep-map import -q
	synced
	said '[.[] | select(.name == "vnep_acl_changes")] | length == 3 and .[2].value > 4200'
	said 'all(.[]; .type != "difference")'
	same
}

@test "follow: a record that this edge cannot serve is answered with an error, alone; the exit is 1" {
	vnep-map import -q <<<'{"type":"vpc","v":1,"vpc":"tagged","prefix":"2001:db8:e::/64","core_vlan":900}'
	follow
	vnep-map set -q <<-END
		{"type":"device","v":1,"dev":"$DEV0","vep":"2001:db8:e::1","vpc":"tagged","port":"acc0","addr":["2001:db8:a::2"]}
		{"type":"device","v":1,"dev":"$DEV2","vep":"2001:db8:b::74","vpc":"acme"}
	END
	synced
	said 'any(.[]; .type == "error" and (.detail | test("has no vlan")))'
	said 'any(.[]; .type == "difference" and .record.vep == "2001:db8:b::74")'
	run -1 grep -E "$V0|2001:db8:e::1" <(nft list table netdev vnep)
	stop -1 follow
}

@test "follow: a map that is taken away is exit 5; an edge that begins to live, exit 4" {
	follow
	mv "$VNEP_STATE/map" "$T/elsewhere"
	wait_for 5 grep -q 'taken away' "$T/follow.err"
	stop -5 follow
	mv "$T/elsewhere" "$VNEP_STATE/map"
	follow
	background edge netns edge vnep-edge run --access acc0,acc1 --core up0
	wait_for 5 grep -q 'a vnep-edge lives' "$T/follow.err"
	stop -4 follow
	run -4 --separate-stderr acl apply --map --follow
	[[ $stderr == *"follows the map itself"* ]]
	stop -0 edge
}

@test "follow: files are asked wrongly" {
	run -2 --separate-stderr acl apply --follow --map x.jsonl --access acc0,acc1 --core up0
	[[ $stderr == *"takes no files"* ]]
	run -2 --separate-stderr acl apply --follow x.jsonl --access acc0,acc1 --core up0
	[[ $stderr == *"takes no files"* ]]
}
