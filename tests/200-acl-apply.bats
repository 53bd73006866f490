#!/usr/bin/env bats
# vnep-acl apply, plan, verify, clear against this kernel, read back by nft(8).

load helpers
load acl

setup() {
	vnep_setup
	requires nft nftables
	lab 2
}

@test "apply: makes the journal port, the table, and an element for everything that is bound" {
	run -0 --separate-stderr apply
	record '.type == "stat" and .name == "vnep_acl_changes" and .value > 50'
	[[ $stderr == *"made the journal port vnep-j0"* ]]
	netns edge ip link show vnep-j1
	nft list table netdev vnep >"$T/table"
	[ "$(grep -c 'type filter hook ingress' "$T/table")" -eq 4 ]
	[ "$(elements from_binding)" -eq 2 ]
	[ "$(elements class)" -eq 2 ]
	[ "$(elements endpoint)" -eq 3 ]
	[ "$(elements known)" -eq 3 ]
	[ "$(grep -c "goto tap_to_acc" "$T/table")" -eq 1 ]
	[ "$(elements awake)" -eq 0 ]
}

@test "apply: every base chain drops by policy, and no rule anywhere accepts" {
	apply
	nft list table netdev vnep >"$T/table"
	run -1 grep -w accept "$T/table"
	run -1 grep 'policy accept' "$T/table"
	[ "$(grep -c 'policy drop' "$T/table")" -eq 4 ]
}

@test "apply: what nft reads of the kernel is what render prints, but for the look-up of neighbours" {
	apply
	acl render --access acc0,acc1 --core up0 <<<"$RECORDS" >"$T/rendered.nft"
	nft -s list table netdev vnep >"$T/listed"
	# in the kernel a map of endpoints gives the number of a chain, and a second one its verdict
	grep -oE '0x[0-9a-f]{8} : goto [^ ,]*' "$T/listed" | sed 's/\(.*\) : \(.*\)/s=\1=\2=/' >"$T/numbers"
	[ -s "$T/numbers" ]
	sed -e '/^\tmap .*_chain {/,/^\t}/d' -e 's/meta mark set \(ip6 .addr\) map @\([a-z_]*\) meta mark vmap @[a-z_]*_chain/\1 vmap @\2/' \
		-e 's/type ipv6_addr : mark/type ipv6_addr : verdict/' -e '/^$/d' -f "$T/numbers" "$T/listed" |
		sed 's/ #[0-9a-f]*"/"/; s/meta iiftype ether //; s/meta protocol ip6 //' |
		sed '/fe80::/d; /^\tmap /,/^\t}/{/gc-interval 1d/d}' | sort >"$T/kernel" # text of a map has no word for it
	acl clear
	netns edge sh -c 'ip link add vnep-j0 type veth peer name vnep-j1'
	nft -f "$T/rendered.nft"
	nft -s list table netdev vnep | sed 's/ map @neighbour_acc[01]//' | sed '/fe80::/d; /^$/d' | sort >"$T/text"
	diff "$T/kernel" "$T/text" >"$T/differences" || true
	# the links' own addresses aside, which text cannot know, what is left are the two maps that it needs
	run -1 grep '^<' "$T/differences"
	grep 'map neighbour_acc0' "$T/differences"
}

@test "apply: the second time changes nothing" {
	apply
	run -0 --separate-stderr apply
	record '.value == 0'
	run -0 --separate-stderr acl verify <<<"$RECORDS"
	[ -z "$output" ]
}

@test "apply: a change of records changes what differs, and no counter starts anew" {
	apply
	handle=$(nft -a list table netdev vnep | sed -n 's/^table .* handle //p')
	netns dev ping -c 2 -W 0.2 -i 0.01 fe80::1%d0 >/dev/null || true
	arrived=$(nft list counter netdev vnep arrived.acc0 | sed -n 's/.*packets \([0-9]*\).*/\1/p')
	[ "$arrived" -gt 0 ]
	INPUT=${RECORDS/'"t3324_s":2'/'"t3324_s":30'} run -0 --separate-stderr apply
	record '.value == 5' # a chain and its number more, and less, the class of one device
	[ "$(nft -a list table netdev vnep | sed -n 's/^table .* handle //p')" = "$handle" ]
	[ "$(nft list counter netdev vnep arrived.acc0 | sed -n 's/.*packets \([0-9]*\).*/\1/p')" -ge "$arrived" ]
	nft list map netdev vnep class_chain | grep -q 'goto class_30s_tap_all_acme'
	run -1 nft list chain netdev vnep class_2s_tap_all_acme
}

@test "apply: presence is never touched" {
	apply
	acl awake "$V1"
	nft add element netdev vnep awake "{ $V0 timeout 30s }"
	INPUT=${RECORDS/'"t3324_s":2'/'"t3324_s":30'} apply
	[ "$(elements awake)" -eq 2 ]
}

@test "apply: a device that is gone leaves no element" {
	apply
	INPUT=$(grep -v "$DEV0" <<<"$RECORDS") run -0 apply
	run -1 grep "$V0" <(nft list table netdev vnep)
	INPUT=$(grep -v "$DEV0" <<<"$RECORDS") run -0 --separate-stderr apply
	record '.value == 0'
}

@test "plan: says what apply would do, and does nothing" {
	run -0 --separate-stderr acl plan --access acc0,acc1 --core up0 <<<"$RECORDS"
	record -s 'all(.[]; .type == "difference" and .what == "add") and any(.[]; .record.set == "to_port")'
	run -1 nft list table netdev vnep
	apply
	INPUT=$(grep -v "$DEV2" <<<"$RECORDS")
	run -0 --separate-stderr acl apply -n <<<"$INPUT"
	record -s 'length == 2 and all(.[]; .what == "delete")'
	[ "$(elements endpoint)" -eq 3 ]
}

@test "verify: finds a missing, a foreign and a different object made with nft, and repairs them" {
	apply
	nft delete element netdev vnep endpoint "{ $V2 }"
	nft add element netdev vnep endpoint '{ 2001:db8:b::99 }'
	nft add chain netdev vnep mine
	nft add set netdev vnep stuff '{ type ipv6_addr; }'
	nft insert rule netdev vnep access_acc0 ip6 nexthdr tcp accept
	nft "delete element netdev vnep to_port { $V0 }; add element netdev vnep to_port { $V0 : 0x02000000 }"
	nft 'chain netdev vnep core_up0 { policy accept; }'
	run -1 --separate-stderr acl verify <<<"$RECORDS"
	record -s 'any(.[]; .what == "missing" and .record.set == "endpoint" and .record.vep == env.V2)'
	record -s 'any(.[]; .what == "foreign" and .record.set == "endpoint" and .record.vep == "2001:db8:b::99")'
	record -s 'any(.[]; .what == "foreign" and .record.type == "chain" and .record.name == "mine")'
	record -s 'any(.[]; .what == "foreign" and .record.type == "set" and .record.name == "stuff")'
	record -s 'any(.[]; .what == "different" and .record.name == "access_acc0")'
	record -s 'any(.[]; .what == "different" and .record.name == "core_up0")'
	record -s 'any(.[]; .what == "different" and .record.set == "to_port" and .record.chain == "tap_to_acc0")'
	record -s 'length == 7'
	run -0 --separate-stderr acl verify --repair <<<"$RECORDS"
	run -0 --separate-stderr acl verify <<<"$RECORDS"
	[ -z "$output" ]
	nft list chain netdev vnep core_up0 | grep -q 'policy drop'
}

@test "verify: a rule replaced by one of the same comment but not of our hash is different" {
	apply
	handle=$(nft -a list chain netdev vnep journal | sed -n 's/.*"not awake.*# handle //p')
	nft replace rule netdev vnep journal handle "$handle" drop comment '"not awake: journal"'
	run -1 --separate-stderr acl verify <<<"$RECORDS"
	record '.what == "different" and .record.name == "journal"'
}

@test "clear: removes the table and the journal port; a second time is done, too" {
	apply
	run -0 acl clear -n
	nft list table netdev vnep >/dev/null
	run -0 acl clear
	run -1 nft list table netdev vnep
	run -1 netns edge ip link show vnep-j0
	run -0 acl clear
}

@test "apply: without --access and --core, the ports are those of the table" {
	apply
	run -0 --separate-stderr acl apply <<<"$RECORDS"
	record '.value == 0'
	acl clear
	run -2 --separate-stderr acl apply <<<"$RECORDS"
	[[ $stderr == *"--access and --core"* ]]
}

@test "apply: a port that is not there is said before anything is tried" {
	run -2 --separate-stderr acl apply --access acc9 --core up0 <<<"$RECORDS"
	[[ $stderr == *'no such port: "acc9"'* ]]
	run -1 nft list table netdev vnep
	run -1 netns edge ip link show vnep-j0
}

@test "apply: without CAP_NET_ADMIN exit 3, and the capability is named" {
	run -3 --separate-stderr netns edge "${NO_CAPS[@]}" vnep-acl apply --access acc0,acc1 --core up0 <<<"$RECORDS"
	[[ $stderr == *CAP_NET_ADMIN* ]]
	run -3 --separate-stderr netns edge "${NO_CAPS[@]}" vnep-acl list
	[[ $stderr == *CAP_NET_ADMIN* ]]
}

# Is what the kernel does heard? mark NAME: until it is, again.
mark() {
	nft add table inet "$1$(( MARKS++ ))"
	grep -q "$1" "$T/monitor.out"
}

@test "plan: asks the kernel whether it has all that rules are made of, and leaves nothing of the question" {
	MARKS=0
	apply
	nft -s list table netdev vnep >"$T/before"
	background monitor netns edge nft monitor
	wait_for 5 mark before
	run -0 --separate-stderr netns edge vnep-acl plan --access acc0,acc1 --core up0 <<<"$RECORDS"
	[ -z "$stderr" ]
	[ -z "$output" ]
	netns edge vnep-edge check -q --access acc0,acc1 --core up0
	wait_for 5 mark after
	nft -s list table netdev vnep | diff "$T/before" -
	run -1 grep -E 'netdev|vnep-probe' "$T/monitor.out"
	run -3 --separate-stderr netns edge "${NO_CAPS[@]}" vnep-acl plan --access acc0,acc1 --core up0 <<<"$RECORDS"
	[[ $stderr == *CAP_NET_ADMIN* ]]
	run -0 --separate-stderr netns edge "${NO_CAPS[@]}" vnep-edge check --access acc0,acc1 --core up0
	[[ $stderr == *"the kernel was not asked what it has: that needs CAP_NET_ADMIN"* ]]
}

@test "set size: 80 % of it is told, more than it is refused before anything is tried, and both say what to do" {
	run -0 --separate-stderr acl render --access acc0,acc1 --core up0 --set-size 4 <<<"$RECORDS"
	[ -z "$stderr" ]
	run -0 --separate-stderr acl render --access acc0,acc1 --core up0 --set-size 3 <<<"$RECORDS"
	[[ $stderr == *"set endpoint gets 3 of at most 3 elements: for more, \`vnep-acl clear\` and a larger --set-size"* ]]
	for verb in plan apply verify render; do
		run -2 --separate-stderr acl "$verb" --access acc0,acc1 --core up0 --set-size 2 <<<"$RECORDS"
		[[ $stderr == *"set endpoint would hold 3 elements, and may hold 2"*"a larger --set-size"*"vnep-acl clear"* ]]
		[ -z "$output" ]
		run -1 nft list table netdev vnep
	done
	run -0 --separate-stderr apply --set-size 3
	[[ $stderr == *"set endpoint gets 3 of at most 3 elements"* ]]
	run -0 --separate-stderr apply --set-size 3 -q
	[ -z "$stderr" ]
	[ "$(nft -j list table netdev vnep | jq -r '[.nftables[] | (.set // .map // empty) | select(.size == null).name] | length')" = 0 ]
	# an address more: bindings are counted by port and address
	INPUT=${RECORDS/'"2001:db8:a::2"'/'"2001:db8:a::2","2001:db8:a::22"'}
	run -2 --separate-stderr acl render --access acc0,acc1 --core up0 --set-size 3 <<<"${INPUT/'"port":"acc0",'/}"
	[[ $stderr == *"set from_binding would hold 5 elements, and may hold 3"* ]]
}
