#!/usr/bin/env bats
# What a host of the VPC sends to a group: to its members in that VPC, once, also to those who sleep; of others nothing.

load helpers
load edge
load mcast
load wire
load path

HOST=2001:db8:b::2 HOST_MAC=00:00:5e:00:53:02 GROUP_MAC=33:33:80:00:00:01
export HOST

setup() {
	vnep_setup
	requires socat
}

# sender_map [LINE...]: the group has the VPC host as its sender
sender_map() {
	mcast_map '{"type":"group","v":1,"group":"lights","address":"'"$GROUP"'","senders":["'"$HOST"'"]}' "$@"
}

# host_says HOST LINK TEXT [HOPS]: to the group, by the stack of a host
host_says() {
	printf '%s\n' "$3" | netns "$1" socat -u - \
		"UDP6-SENDTO:[$GROUP]:7000,sourceport=41000,so-bindtodevice=$2,setsockopt=41:18:i${4:-8}"
}

# forge HOST LINK SRC TEXT [COUNT]: frames to the group, whose source is whatever it is said to be
forge() {
	netns "$1" frames udp6 "$2" "$HOST_MAC" "$GROUP_MAC" "$3" "$GROUP" 41000 7000 "${@:4}"
}

dropped_since() {
	balanced && jq -e --argjson n "$2" --slurpfile before "$T/status.before" \
		"(.dropped[\"$1\"] // 0) - (\$before[0].dropped[\"$1\"] // 0) >= \$n" "$T/status"
}

before() {
	wait_for 5 balanced
	cp "$T/status" "$T/status.before"
}

@test "mcast from the VPC: awake members hear it at once, under its sender's name; who sleeps on waking, and once" {
	requires tshark
	lab 3
	T3324=1 sender_map
	whole_checksums
	edge_start
	joined 0 1 2
	awake_all 0 1 2
	wait_for 10 state_is "$V0" asleep
	capture one dev1 d1
	host_says vpc v0 on
	wait_for 5 got 1 on
	wait_for 5 got 2 on
	wait_for 5 pending_is "$V0" 1
	captured one
	good one 1 "ipv6.dst == $GROUP && ipv6.src == $HOST && udp.srcport == 41000 && udp.dstport == 7000 &&
		eth.dst == $GROUP_MAC && eth.src == 00:00:5e:00:53:f1 && ipv6.hlim == 1"
	saw one 1 "udp.dstport == 7000"
	host_says vpc v0 off
	wait_for 5 pending_is "$V0" 2
	speak 0
	wait_for 5 got 0 on off
	wait_for 5 got 1 on off
	wait_for 5 pending_is "$V0" 0
	vnep-journal read --dev "$DEV0" >"$T/read"
	jq -se 'map(select(.kind == "instruction")) | length == 2 and
		all(.[]; .src_ip == env.HOST and .dest_ip == env.V0 and .src_port == 41000 and .dest_port == 7000)' "$T/read"
	wait_for 5 balanced
	jq -e '.answered >= 2' "$T/status"
}

@test "mcast from the VPC: a sender that can never be heard is warned of by check" {
	lab 1
	mcast_map '{"type":"group","v":1,"group":"lights","address":"'"$GROUP"'","senders":["'"$HOST"'","2001:db8:ffff::2","'"$V1"'"]}'
	run -0 --separate-stderr netns edge vnep-edge check --access acc0 --core up0
	[[ $stderr == *'warning: group "lights": its sender 2001:db8:ffff::2 is in the prefix of no vpc'*hint:* ]]
	[[ $stderr == *"its sender $V1 is the endpoint of $DEV1"*hint:* ]]
	[ "$(grep -c warning: <<<"$stderr")" -eq 2 ]
	[[ $stderr == *"good: 1 access ports"* ]]
}

@test "mcast from the VPC: on, off, on: who sleeps through all three gets all three" {
	lab 1
	T3324=1 sender_map
	edge_start
	joined 0
	awake_all 0
	wait_for 10 state_is "$V0" asleep
	host_says vpc v0 on
	host_says vpc v0 off
	host_says vpc v0 on
	wait_for 5 pending_is "$V0" 3
	speak 0
	wait_for 5 got 0 on off on
	wait_for 5 balanced
}

# This client knows no other hop limit for multicast than 1.
hops() {
	netns vpc nft "add table netdev hops
		add chain netdev hops out { type filter hook egress device \"v0\" priority 0; }
		add rule netdev hops out ip6 daddr ff00::/8 ip6 hoplimit set $1"
}

@test "mcast from the VPC: a CoAP client there asks the group, and members answer it by their own endpoints" {
	requires "$COAP_SERVER" libcoap3-bin
	requires nft nftables
	requires tshark
	lab 3
	sender_map
	edge_start
	members 0 1
	awake_all 0 1 2
	hops 8
	capture up vpc v0
	background client netns vpc "$COAP_CLIENT" -v 6 -N -m get -B 8 "coap://[$GROUP]/time"
	wait_for 10 answered 2
	captured up
	saw up 1 "coap.code == 1" 1 "coap.code == 69 && ipv6.src == $V0 && ipv6.dst == $HOST" \
		1 "coap.code == 69 && ipv6.src == $V1 && ipv6.dst == $HOST"
	wait_for 5 balanced
}

answered() {
	[[ $(cat "$T/client.out" "$T/client.err" | grep -c 'c:2.05') -eq $1 ]]
}

@test "mcast from the VPC: who is no sender, of another VPC, a device, says nothing to anybody, and that is counted" {
	requires tshark
	lab 3
	sender_map '{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:c::/64","speaker":"2001:db8:c::fe"}' \
		'{"type":"group","v":1,"group":"mute","address":"ff35:40:2001:db8::8000:7"}'
	whole_checksums
	edge_start
	joined 0 1 2
	awake_all 0 1 2
	capture one dev1 d1
	before
	forge vpc v0 2001:db8:b::3 no-sender 5
	forge vpc v0 2001:db8:c::2 another-vpc 5
	forge vpc v0 2001:db8:ffff::2 nobody 5
	forge vpc v0 "$V0" a-device 5
	netns vpc frames udp6 v0 "$HOST_MAC" 33:33:80:00:00:07 "$HOST" ff35:40:2001:db8::8000:7 41000 7000 another-group 5
	netns vpc frames udp6 v0 "$HOST_MAC" 33:33:00:00:00:fb "$HOST" ff02::fb 5353 5353 mdns 5
	wait_for 5 dropped_since not-for-us 30
	# of a device to the group: by the group's MAC, and by the port's
	netns dev0 frames udp6 d0 00:00:5e:00:53:01 "$GROUP_MAC" 2001:db8:a::2 "$GROUP" 41000 7000 device 5
	wait_for 5 dropped_since not-for-us 35
	netns dev0 frames udp6 d0 00:00:5e:00:53:01 00:00:5e:00:53:fe 2001:db8:a::2 "$GROUP" 41000 7000 device 5
	wait_for 5 dropped_since policy-denied 5
	# and as if it were the sender
	netns dev0 frames udp6 d0 00:00:5e:00:53:01 "$GROUP_MAC" "$HOST" "$GROUP" 41000 7000 device 5
	wait_for 5 dropped_since not-for-us 40
	host_says vpc v0 yes
	wait_for 5 got 1 yes
	wait_for 5 got 0 yes
	wait_for 5 got 2 yes
	captured one
	saw one 1 "udp.dstport == 7000 || udp.dstport == 5353"
	run -0 vnep-edge status
	record '.pending == 0'
}

@test "mcast from the VPC: 100,000 injected by others: none is delivered, and a sender's are, once" {
	lab 2
	T3324=1 sender_map
	edge_start
	joined 0 1
	awake_all 0 1
	wait_for 10 state_is "$V0" asleep
	before
	background flood netns vpc frames udp6 v0 "$HOST_MAC" "$GROUP_MAC" 2001:db8:b::3 "$GROUP" 41000 7000 no 100000
	host_says vpc v0 one
	host_says vpc v0 two
	wait_for 20 got 1 one two
	wait "$PID"
	host_says vpc v0 three
	wait_for 20 got 1 one two three
	wait_for 20 dropped_since not-for-us 100000
	wait_for 5 pending_is "$V0" 3
	wait_for 5 pending_is "$V2" 3
	speak 0
	wait_for 5 got 0 one two three
	wait_for 5 pending_is "$V0" 0
	balanced
	run -0 vnep-edge status "$V1"
	record '.pending == 0'
	jq -e '.delivered - 0 >= 6' "$T/status" # three for each who could be reached
}

@test "mcast from the VPC: a sender that says too much loses what is beyond the budget, and every packet has its place" {
	lab 2
	sender_map
	edge_start
	joined 0 1
	awake_all 0 1
	before
	forge vpc v0 "$HOST" much 2000
	wait_for 20 taken_or_dropped 2000
	host_says vpc v0 more
	wait_for 10 grep -q more "$T/joined1.out"
	wait_for 5 pending_is "$V2" $(( taken + 1 ))
	wait_for 5 balanced
}

# Who sleeps has all that was taken; 50 at once, and then 50 a second.
taken_or_dropped() {
	dropped_since rate-limited 1 || return # all depends on how fast the sender is
	taken=$(vnep-edge status "$V2" | jq .pending)
	(( taken >= 50 )) && jq -e --argjson n "$1" --argjson taken "$taken" --slurpfile before "$T/status.before" \
		'(.dropped["rate-limited"] // 0) - ($before[0].dropped["rate-limited"] // 0) + $taken == $n' "$T/status"
}

@test "mcast from the VPC: what can not be passed on has its reason; of what is too long its sender hears" {
	requires tshark
	lab 2
	sender_map
	edge_start
	joined 0 1
	awake_all 0 1
	mtu 1400 d1 acc1
	before
	host_says vpc v0 its-link-alone 1
	wait_for 5 dropped_since not-for-us 1
	forged=$(netns vpc frames udp6 - "$HOST_MAC" "$GROUP_MAC" "$HOST" "$GROUP" 41000 7000 sum)
	netns vpc frames send v0 "${forged%??}00"
	wait_for 5 dropped_since malformed 1
	# version 6, fragment header behind, first of two
	netns vpc frames send v0 "${GROUP_MAC//:/}${HOST_MAC//:/}86dd6000000000102c08${forged:44:64}1100000100000001${forged:108:16}"
	wait_for 5 dropped_since fragment 1
	capture up vpc v0
	head -c 1400 /dev/zero | tr '\0' x | netns vpc socat -u - \
		"UDP6-SENDTO:[$GROUP]:7000,sourceport=41000,so-bindtodevice=v0,setsockopt=41:18:i8"
	wait_for 5 captured_big
	captured up
	saw up 1 "icmpv6.type == 2 && icmpv6.mtu == 1400 && ipv6.dst == $HOST"
	# neither uses up anything of what it may say
	for (( n = 0; n < 200; n++ )); do
		echo "${GROUP_MAC//:/}${HOST_MAC//:/}86dd6000000000102c08${forged:44:64}1100000100000001${forged:108:16}"
	done >"$T/frames"
	HOPS=1 forge vpc v0 "$HOST" near 2000
	send_frames
	wait_for 5 dropped_since not-for-us 2001
	wait_for 5 dropped_since fragment 201
	host_says vpc v0 good
	wait_for 5 got 0 good
	wait_for 5 got 1 good
	wait_for 5 balanced
}

captured_big() {
	tshark -r "$T/up.pcapng" -Y 'icmpv6.type == 2' 2>/dev/null | grep -q .
}

@test "mcast from the VPC: a change of senders is followed at once, and only the elements of groups change" {
	requires nft nftables
	lab 1
	sender_map
	edge_start
	joined 0
	awake_all 0
	netns edge nft -a list table netdev vnep | grep -v 'elements\|counter\|packets' >"$T/rules.before"
	host_says vpc v0 one
	wait_for 5 got 0 one
	vnep-map set -q <<<'{"type":"group","v":1,"group":"lights","address":"'"$GROUP"'","senders":["2001:db8:b::3"]}'
	before
	host_says vpc v0 two
	wait_for 5 dropped_since not-for-us 1
	vnep-map set -q <<<'{"type":"group","v":1,"group":"lights","address":"'"$GROUP"'","senders":["2001:db8:b::3","'"$HOST"'"]}'
	host_says vpc v0 three
	wait_for 5 got 0 one three
	vnep-map delete -q --type group lights
	host_says vpc v0 four
	wait_for 5 dropped_since not-for-us 2
	got 0 one three
	run -0 netns edge vnep-acl verify --map -q
}

@test "mcast from the VPC: behind tags each VPC speaks to its own members of one group, under its own tag alone" {
	requires tshark
	lab_tagged
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900}
		{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:c::/64","core_vlan":901}
		{"type":"group","v":1,"group":"lights","address":"$GROUP","senders":["$HOST","2001:db8:c::2"]}
		{"type":"device","v":1,"dev":"$D101","vep":"$V101","vpc":"acme","vlan":101,"groups":["lights"]}
		{"type":"device","v":1,"dev":"$D102","vep":"$V102","vpc":"blue","vlan":102,"groups":["lights"]}
	END
	whole_checksums
	edge_start
	awake t101 "$V101"
	awake t102 "$V102" 2001:db8:c::2
	capture tags dev0 d0
	before
	host_says c900 c900 acme
	host_says c901 c901 blue
	VLAN=901 forge vpc v0 "$HOST" wrong-tag 3
	VLAN=900 forge vpc v0 2001:db8:c::2 wrong-tag 3
	VLAN=902 forge vpc v0 "$HOST" wrong-tag 3
	forge vpc v0 "$HOST" no-tag 3
	wait_for 5 dropped_since not-for-us 12
	wait_for 5 all_settled
	captured tags
	good tags 1 "vlan.id == 101 && ipv6.dst == $GROUP && ipv6.src == $HOST && frame contains \"acme\""
	saw tags 1 "vlan.id == 102 && ipv6.dst == $GROUP && ipv6.src == 2001:db8:c::2 && frame contains \"blue\""
	saw tags 2 "udp.dstport == 7000"
	run -0 netns edge vnep-acl verify --map -q
}

all_settled() {
	balanced && jq -e '.answered >= 2 and .pending == 0 and .delivered >= 2' "$T/status"
}

@test "mcast from the VPC: where members of two VPCs share a port, none hears what the other VPC says" {
	requires tshark
	lab 1
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:c::/64"}
		{"type":"group","v":1,"group":"lights","address":"$GROUP","senders":["$HOST","2001:db8:c::2"]}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","vpc":"acme","groups":["lights"]}
		{"type":"device","v":1,"dev":"$D102","vep":"2001:db8:c::9","vpc":"blue","addr":["2001:db8:a::9"],"groups":["lights"]}
	END
	whole_checksums
	edge_start
	awake dev0 "$V0"
	netns vpc ip -6 address add 2001:db8:c::2/64 dev v0 nodad
	netns dev0 frames udp6 d0 00:00:5e:00:53:22 00:00:5e:00:53:fe 2001:db8:a::9 2001:db8:c::2 5683 5683 hello
	wait_for 5 state_is "$D102" awake
	capture both dev0 d0
	before
	forge vpc v0 "$HOST" acme
	forge vpc v0 2001:db8:c::2 blue
	wait_for 5 all_settled
	captured both
	good both 1 "udp.dstport == 7000 && ipv6.src == $HOST && ipv6.dst == 2001:db8:a::2 && eth.dst == 00:00:5e:00:53:01"
	saw both 1 "udp.dstport == 7000 && ipv6.src == 2001:db8:c::2 && ipv6.dst == 2001:db8:a::9 && eth.dst == 00:00:5e:00:53:22"
	saw both 0 "ipv6.dst == $GROUP"
}

@test "mcast from the VPC: two groups of one address and one sender: the members of both hear it, each once" {
	lab 3
	sender_map '{"type":"group","v":1,"group":"lamps","address":"'"$GROUP"'","senders":["'"$HOST"'"]}' \
		'{"type":"device","v":1,"dev":"'"$DEV1"'","vep":"'"$V1"'","groups":["lights","lamps"]}' \
		'{"type":"device","v":1,"dev":"'"$DEV2"'","vep":"'"$V2"'","groups":["lamps"]}'
	edge_start
	joined 0 1 2
	awake_all 0 1 2
	host_says vpc v0 one
	host_says vpc v0 two
	wait_for 5 got 0 one two
	wait_for 5 got 1 one two
	wait_for 5 got 2 one two
	vnep-edge detach "$DEV1"
	wait_for 5 state_is "$V1" asleep
	host_says vpc v0 three
	wait_for 5 pending_is "$V1" 3 # the first two, too: it gave no sign of life behind them
	wait_for 5 got 2 one two three
	wait_for 5 balanced
}

# The worker stands still meanwhile, so all of it left before its frames.
@test "mcast from the VPC: who wakes behind a burst that its link carries hears each line of it once" {
	lab 1
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"group","v":1,"group":"lights","address":"$GROUP","senders":["$HOST"]}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","groups":["lights"]}
		{"type":"device","v":1,"dev":"$D102","vep":"2001:db8:b::9","addr":["2001:db8:a::9"],"groups":["lights"]}
	END
	edge_start
	joined 0
	awake dev0 "$V0"
	netns dev0 frames udp6 d0 00:00:5e:00:53:22 00:00:5e:00:53:fe 2001:db8:a::9 "$HOST" 5683 5683 hello
	wait_for 5 state_is "$D102" awake
	vnep-edge detach "$DEV0"
	wait_for 5 state_is "$V0" asleep
	for (( n = 1; n <= 48; n++ )); do
		netns vpc frames udp6 - "$HOST_MAC" "$GROUP_MAC" "$HOST" "$GROUP" 41000 7000 "i$n"$'\n'
	done >"$T/frames"
	kill -STOP "$(worker)"
	send_frames
	netns dev0 frames udp6 d0 00:00:5e:00:53:01 00:00:5e:00:53:fe 2001:db8:a::2 "$HOST" 5683 5683 hello
	kill -CONT "$(worker)"
	wait_for 10 grep -qx i48 "$T/joined0.out"
	wait_for 5 pending_is "$V0" 0
	wait_for 5 balanced
	[ -z "$(sort "$T/joined0.out" | uniq -d)" ]
	[ "$(wc -l <"$T/joined0.out")" -eq 48 ]
}

@test "mcast from the VPC: one VPC floods a large group: another one is heard as if it did not" {
	local small=ff35:40:2001:db8::8000:9

	lab 1
	{
		cat <<-END
			{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
			{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:c::/64"}
			{"type":"group","v":1,"group":"lights","address":"$GROUP","senders":["$HOST"]}
			{"type":"group","v":1,"group":"small","address":"$small","senders":["2001:db8:c::2"]}
			{"type":"device","v":1,"dev":"$D102","vep":"2001:db8:c::9","vpc":"blue","addr":["2001:db8:a::9"],"groups":["small"]}
		END
		seq 1 5000 | jq -c '{type: "device", v: 1, dev: "urn:dev:ops:1-x-\(.)", vep: "2001:db8:b::5:\(.)",
			vpc: "acme", groups: ["lights"]}'
	} >"$T/map"
	vnep-map import -q <"$T/map"
	edge_start
	GROUP=$small joined 0
	netns vpc ip -6 address add 2001:db8:c::2/64 dev v0 nodad
	netns dev0 frames udp6 d0 00:00:5e:00:53:22 00:00:5e:00:53:fe 2001:db8:a::9 2001:db8:c::2 5683 5683 hello
	wait_for 5 state_is "$D102" awake
	before
	background flood netns vpc frames udp6 v0 "$HOST_MAC" "$GROUP_MAC" "$HOST" "$GROUP" 41000 7000 much 100000000
	wait_for 10 vnep_sent_much
	for (( n = 1; n <= 20; n++ )); do
		GROUP=$small GROUP_MAC=33:33:80:00:00:09 forge vpc v0 2001:db8:c::2 "b$n"$'\n'
		wait_for 5 grep -qx "b$n" "$T/joined0.out"
	done
	kill "$PID"
	wait "$PID" || true
	got 0 b{1..20}
	wait_for 20 balanced
	jq -e '.dropped["rate-limited"] >= 1000 and .pending >= 5000' "$T/status"
}

vnep_sent_much() {
	vnep-journal read --dev urn:dev:ops:1-x-5000 | jq -se 'length >= 1'
}

# Datagrams of ROUNDS are on their way while the worker is killed, a little later each time; between them are others, for
# who sleeps and for who is tapped, in the same blocks of the ring.
@test "mcast from the VPC: after kill -9 in the middle nobody is forgotten, and who sleeps gets all of it once" {
	local rounds=${VNEP_FULL:+40} k deadline

	: "${rounds:=6}"
	lab 3
	sender_map
	edge_start
	joined 0 1 2
	awake_all 0 1 2
	vnep-edge detach "$DEV0"
	wait_for 5 state_is "$V0" asleep
	before
	for (( k = 0; k < rounds; k++ )); do
		many_frames $(( k * 20 + 1 )) $(( k * 20 + 20 )) >"$T/frames"
		background "send$k" send_frames
		# some are through, and the others are not
		deadline=$(( SECONDS + 20 ))
		until grep -qx "i$(( k * 20 + 1 + k % 8 ))" "$T/joined1.out" || (( SECONDS > deadline )); do :; done
		kill -KILL "$(worker)"
		wait "$PID"
		wait_for 20 vnep-edge status
	done
	wait_for 20 pending_is "$V1" 0
	wait_for 20 pending_is "$V2" 0
	wait_for 20 all_accounted $(( rounds * 20 ))
	speak 0
	wait_for 20 pending_is "$V0" 0
	wait_for 10 as_many_as_journaled
	journaled_once "$DEV0" s $(( rounds * 20 ))
	journaled_once "$DEV2" t $(( rounds * 20 ))
	balanced
	jq -e --slurpfile before "$T/status.before" '(.dropped.duplicate // 0) == ($before[0].dropped.duplicate // 0)' "$T/status"
}

# journaled_once DEV WORD COUNT: WORD1 to WORDcount, each once
journaled_once() {
	vnep-journal read --dev "$1" | jq -r 'select(.kind == "data" and .dest_port == 7001) | .frame' |
		while read -r frame; do base64 -d <<<"$frame" | tail -c +63; done >"$T/once"
	echo "# $1: $(wc -l <"$T/once") of $3 stored, twice $(sort "$T/once" | uniq -d | wc -l)" >&3
	cmp <(seq -f "$2%g" 1 "$3") <(sort -V "$T/once")
}

many_frames() {
	for (( n = $1; n <= $2; n++ )); do
		netns vpc frames udp6 - "$HOST_MAC" 00:00:5e:00:53:fd "$HOST" "$V2" 41000 7001 "t$n"$'\n'
		netns vpc frames udp6 - "$HOST_MAC" 00:00:5e:00:53:fd "$HOST" "$V0" 41000 7001 "s$n"$'\n'
		netns vpc frames udp6 - "$HOST_MAC" "$GROUP_MAC" "$HOST" "$GROUP" 41000 7000 "i$n"$'\n'
	done
}

send_frames() {
	netns vpc frames send v0 - <"$T/frames"
}

all_accounted() {
	balanced && vnep-journal read --dev "$DEV0" >"$T/read" && jq -e --argjson n "$1" --slurpfile before "$T/status.before" \
		--slurpfile read "$T/read" '($read | map(select(.kind == "instruction")) | length) +
			(.dropped["rate-limited"] // 0) - ($before[0].dropped["rate-limited"] // 0) == $n' "$T/status"
}
