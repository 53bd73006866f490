load helpers
load edge

# The rules are the edge's own: who takes them away or changes one finds them restored.

setup() {
	vnep_setup
	requires nft nftables
	lab
	T3324=60 edge_map # nobody falls asleep while a test is busy
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
}

restored() {
	[[ $(jq -rs '[.[] | select(.type == "event" and .kind == "note" and .edge == "test" and .text == "ruleset restored")] | length' \
		"$T/watch.out") == "$1" ]]
}

verified() {
	netns edge vnep-acl verify --map
}

@test "guard: after nft flush ruleset the table is there again, and awake devices are reached" {
	netns edge nft flush ruleset
	wait_for 5 restored 1
	wait_for 5 verified
	wait_for 5 state_is "$V0" awake
	netns vpc ping -q -c 3 -i 0.1 -W 2 "$V0"
	grep -q "ruleset: somebody else changed the table; it is restored" "$T/edge.err"
	balanced
}

@test "guard: a chain that is flushed, a rule that lets everything pass, a policy of accept" {
	netns edge nft flush chain netdev vnep access_acc0
	wait_for 5 restored 1
	wait_for 5 verified
	netns edge nft insert rule netdev vnep access_acc0 accept
	wait_for 5 restored 2
	wait_for 5 verified
	netns edge nft 'chain netdev vnep core_up0 { policy accept; }'
	wait_for 5 restored 3
	wait_for 5 verified
	speak 0
	balanced
}

@test "guard: tables of others are nobody's business here, nor are the edge's own changes" {
	netns edge nft 'add table netdev other; add chain netdev other x; add rule netdev other x drop; flush table netdev other; delete table netdev other'
	vnep-map import -q <<<'{"type":"vpc","v":1,"vpc":"more","prefix":"2001:db8:e::/64"}'
	vnep-map import -q <<<'{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005399","vep":"2001:db8:e::99","allow":[{"to":"2001:db8:e::/64","proto":"UDP"}]}'
	speak 0
	restored 0
	run -1 grep "ruleset" "$T/edge.err"
}

@test "guard: under a flood of flushes it holds, and what passes meanwhile is nothing that the map forbids" {
	local i

	# a stranger shouts all the time; nobody may hear it, whatever happens to the rules
	background heard netns vpc frames recv v0 1 30000 udp
	wait_for 5 grep -q listening "$T/heard.err"
	background shout netns dev0 bash -c 'for i in $(seq 300); do
		frames udp6 d0 00:00:5e:00:53:99 00:00:5e:00:53:fe 2001:db8:a::99 2001:db8:b::2 9 9 x 50; done'
	for (( i = 1; i <= 10; i++ )); do
		netns edge nft flush ruleset
		wait_for 10 verified
	done
	stop shout TERM
	run -1 grep . "$T/heard.out"
	speak 0
	balanced
}

# many FROM TO: devices of these numbers
many() {
	local n

	for (( n = $1; n <= $2; n++ )); do
		printf '{"type":"device","v":1,"dev":"urn:dev:os:32473-%u","vep":"2001:db8:b::1:%x","vpc":"acme"}\n' "$n" "$n"
	done | vnep-map import -q
}

@test "guard: a set that is nearly full is told, once; a device that has no room is refused, and it is said what to do" {
	full() { told '.kind == "note" and .edge == "test" and .text == "set endpoint has '"$1"' of at most 1024 elements"'; }
	stop edge
	netns edge vnep-acl clear -q
	stop watch
	edge_start --set-size 1024
	many 1 816
	run -1 full 819
	many 817 817
	wait_for 5 full 820
	many 818 1021
	speak 0
	run -3 --separate-stderr many 1022 1022
	[[ $stderr == *"the kernel refused element 2001:db8:b::1:3fe of endpoint"*"the set is full"*"set-size"* ]]
	[ "$(jq -s '[.[] | select(.kind == "note")] | length' "$T/watch.out")" = 1 ]
	speak 0
}

@test "guard: more devices at once than a set holds are in the map, the kernel keeps what it had, and both are said" {
	stop edge
	netns edge vnep-acl clear -q
	edge_start --set-size 1024
	for (( n = 1; n <= 1100; n++ )); do
		printf '{"type":"device","v":1,"dev":"urn:dev:os:32473-%u","vep":"2001:db8:b::1:%x","vpc":"acme"}\n' "$n" "$n"
	done >"$T/many"
	run -3 --separate-stderr vnep-map import <"$T/many"
	[[ $stderr == *"the map is changed, the kernel is not: set endpoint would hold"*"may hold 1024"*"--set-size"* ]]
	vnep-map get urn:dev:os:32473-1100 >/dev/null
	run -1 netns edge nft get element netdev vnep endpoint '{ 2001:db8:b::1:44c }'
	speak 0
	netns edge nft flush ruleset # what it had is what is restored
	wait_for 5 restored 1
	grep -q "ruleset: the map is not in the kernel: set endpoint would hold" "$T/edge.err"
	run -1 netns edge nft get element netdev vnep endpoint '{ 2001:db8:b::1:1 }'
	speak 0
	run -3 --separate-stderr vnep-map set <<<'{"type":"device","v":1,"dev":"urn:dev:os:32473-2000","vep":"2001:db8:b::2:1","vpc":"acme"}'
	[[ $stderr == *"set endpoint would hold"* ]] # as long as it is so
	run -1 netns edge nft get element netdev vnep endpoint '{ 2001:db8:b::2:1 }'
	vnep-map list | jq -r 'select(.type == "device").dev' | grep 'os:32473-' >"$T/devs"
	xargs -n 200 vnep-map delete -q <"$T/devs"
	[ "$(vnep-map list | grep -c 'os:32473-')" -eq 0 ]
	vnep-map set -q <<<'{"type":"device","v":1,"dev":"urn:dev:os:32473-1","vep":"2001:db8:b::1:1","vpc":"acme"}'
	netns edge nft get element netdev vnep endpoint '{ 2001:db8:b::1:1 }'
	speak 0
	verified
	stop -0 edge
	vnep-map import -q <"$T/many"
	run -2 --separate-stderr netns edge vnep-edge run --name test --access acc0 --core up0 --set-size 1024
	[[ $stderr == *"set endpoint would hold"*"may hold 1024"*"vnep-acl clear"* ]]
}
