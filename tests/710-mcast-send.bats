load helpers
load edge
load mcast
load path
load wire

setup() {
	vnep_setup
	requires socat
	lab 3
}

@test "mcast send: one frame to each port, with the group's MAC, hop limit 1 and the speaker's address" {
	requires tshark
	mcast_map
	whole_checksums
	edge_start
	joined 0 1 2
	awake_all 0 1 2
	capture one dev1 d1
	run -0 --separate-stderr vnep-mcast send -g lights -p 7000 <(instruct '"id":"i1","payload":"b24K"')
	record '.type == "result" and .id == "i1" and [.members,.sent,.pending,.failed] == [3,3,0,0]'
	[[ $stderr == *"hop limit 1: a router behind an access port would drop it"* ]]
	for n in 0 1 2; do
		wait_for 5 got "$n" on
	done
	captured one
	good one 1 "ipv6.dst == $GROUP && udp.dstport == 7000 && eth.dst == 33:33:80:00:00:01 &&
		ipv6.hlim == 1 && ipv6.src == $SPEAKER && eth.src == 00:00:5e:00:53:f1"
	saw one 1 "udp.dstport == 7000"
	balanced
}

@test "mcast send: who sleeps gets it when it wakes, behind what came before, and once" {
	T3324=1 mcast_map
	edge_start
	joined 0 1
	awake_all 0 1
	wait_for 10 state_is "$V0" asleep
	radio off 0
	printf 'before\n' | netns vpc socat -u - "UDP6-SENDTO:[$V0]:7000"
	wait_for 5 pending_is "$V0" 1
	run -0 vnep-mcast send -q -g lights -p 7000 <(instruct '"payload":"b24K"')
	record '[.members,.sent,.pending] == [3,1,2]'
	printf 'after\n' | netns vpc socat -u - "UDP6-SENDTO:[$V0]:7000"
	wait_for 5 pending_is "$V0" 3
	radio on 0
	speak 0
	wait_for 5 got 0 before on after
	wait_for 5 got 1 on
	vnep-journal read --dev "$DEV0" >"$T/read"
	jq -se 'map(select(.kind == "instruction")) | length == 1 and .[0].dest_ip == env.V0' "$T/read"
	balanced
}

@test "mcast send: real CoAP servers answer, and each answer is an ack" {
	requires "$COAP_SERVER" libcoap3-bin
	mcast_map
	edge_start
	members 0 1 2
	awake_all 0 1 2
	run -0 --separate-stderr vnep-mcast send -q --wait 20 <(instruct '"id":"c1","group":"lights","method":"GET","uri":"/time"')
	record -s 'map(select(.type == "ack" and .via == "multicast" and .code == "2.05")) | length == 3'
	record -s 'last | .type == "result" and [.members,.sent,.acked,.pending] == [3,3,3,0]'
	wait_for 5 balanced
	jq -e '.answered >= 3' "$T/status"
}

@test "mcast send: --unicast and a query reach who is selected, through the bindings, and nobody else" {
	mcast_map
	edge_start
	joined 0 1 2
	awake_all 0 1 2
	run -0 vnep-mcast send -q -g lights --match model=T-100 -p 7000 <(instruct '"payload":"b25lCg=="')
	record '[.members,.sent] == [1,1]'
	run -0 vnep-mcast send -q -g lights --unicast -p 7000 <(instruct '"payload":"YWxsCg=="')
	record '[.members,.sent] == [3,3]'
	wait_for 5 got 1 one all
	wait_for 5 got 0 all
	wait_for 5 got 2 all
	balanced
}

@test "mcast send: in VLANs each frame has the tag of its own, and no other goes out" {
	requires tshark
	mcast_tagged
	whole_checksums
	edge_start
	netns t101 ping -q -c 1 -W 5 2001:db8:b::2
	netns t102 ping -q -c 1 -W 5 2001:db8:b::2
	wait_for 5 state_is 2001:db8:b::102 awake
	capture tags dev0 d0
	run -0 vnep-mcast send -q -g lights -p 7000 <(instruct '"payload":"b24K"')
	record '[.members,.sent] == [2,2]'
	captured tags
	good tags 1 "vlan.id == 101 && ipv6.dst == $GROUP && udp.dstport == 7000"
	saw tags 1 "vlan.id == 102 && ipv6.dst == $GROUP && udp.dstport == 7000"
	saw tags 2 "udp.dstport == 7000"
}

@test "mcast send: what comes too late is expired, and said so" {
	T3324=1 mcast_map
	edge_start
	joined 0
	awake_all 0
	wait_for 10 state_is "$V0" asleep
	late=$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)
	run -0 vnep-mcast send -q -g lights -p 7000 <(instruct "\"payload\":\"b24K\",\"not_after\":\"$late\"")
	record '.pending == 3'
	wait_for 10 past "$late"
	speak 0
	wait_for 5 told '.type == "outcome" and .dev == env.DEV0 and .outcome == "expired" and .reason == "expired"'
	wait_for 5 pending_is "$V0" 0
	got 0
	balanced
}

past() {
	[[ $(date -u +%Y-%m-%dT%H:%M:%SZ) > $1 ]]
}

@test "mcast send: a member that gave no answer is asked once more by unicast; who is missing makes exit 1" {
	requires "$COAP_SERVER" libcoap3-bin
	mcast_map
	edge_start
	members 0
	# dev1 hears it alone, not as a member of the group; dev2 never answers
	background coap1 netns dev1 "$COAP_SERVER" -d 10
	awake_all 0 1 2
	run -1 vnep-mcast send -q --wait 3 <(instruct '"id":"r1","group":"lights","method":"GET","uri":"/time"')
	# dev0 may take its leisure, and be asked, too
	record -s 'map(select(.type == "ack") | .dev) | sort == [env.DEV0,env.DEV1]'
	record -s 'any(.[]; .type == "ack" and .dev == env.DEV1 and .via == "unicast" and .evidence == "coap-ack")'
	record -s 'last | [.members,.sent,.acked] == [3,3,2]'
	wait_for 5 told '.type == "outcome" and .dev == env.DEV1 and .outcome == "confirmed" and .evidence == "coap-ack" and .attempt == 1'
	balanced
}

@test "mcast send: who slept unnoticed through the repair, too, gets it on waking; what is over is not repaired" {
	mcast_map '{"type":"device","v":1,"dev":"'"$DEV1"'","vep":"'"$V1"'"}' '{"type":"device","v":1,"dev":"'"$DEV2"'","vep":"'"$V2"'"}'
	edge_start
	joined 0
	awake_all 0
	late=$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%S.%3NZ)
	run -1 vnep-mcast send -q -g lights -p 7000 --wait 5 <(instruct '"payload":"b24K"'
		instruct "\"payload\":\"bGF0ZQo=\",\"not_after\":\"$late\"")
	wait_for 5 got 0 on late on
	vnep-edge detach "$DEV0"
	wait_for 5 pending_is "$V0" 2
	speak 0
	wait_for 5 got 0 on late on on
	wait_for 5 pending_is "$V0" 0
	wait_for 5 balanced
}

@test "mcast send: whose connection ends without a word is pending in the result, and gets it once more" {
	mcast_map '{"type":"device","v":1,"dev":"'"$DEV1"'","vep":"'"$V1"'"}' '{"type":"device","v":1,"dev":"'"$DEV2"'","vep":"'"$V2"'"}'
	edge_start
	joined 0
	awake_all 0
	background send vnep-mcast send -q -g lights -p 7000 --wait 4 <(instruct '"payload":"b24K"')
	wait_for 5 got 0 on
	vnep-edge detach "$DEV0"
	wait_for 5 pending_is "$V0" 1
	wait_for 10 grep -q '"type":"result"' "$T/send.out"
	stop -1 send 0 # it ends by itself
	jq -se 'last | [.members,.sent,.acked,.pending] == [1,0,0,1]' "$T/send.out"
	speak 0
	wait_for 5 got 0 on on
	wait_for 5 balanced
}

@test "mcast send: many instructions of one request, each gets its result, in order" {
	mcast_map
	edge_start
	for (( k = 1; k <= 100; k++ )); do
		instruct "\"id\":\"n$k\",\"payload\":\"\""
	done >"$T/many"
	truncate -s -1 "$T/many" # the last line has no end
	run -0 vnep-mcast send -q -g lights "$T/many"
	record -s 'length == 100 and map(.id) == [range(1; 101) | "n\(.)"] and all(.[]; .pending == 3)'
	# who waits for more answers than are listened for is told so
	background send vnep-mcast send -q -g lights --wait 60 "$T/many"
	wait_for 20 refused 36
	stop send
	balanced
}

refused() {
	[ "$(grep -c "64 instructions wait for answers" "$T/send.err")" -eq "$1" ]
}

@test "mcast send: a sleeper whose buffering has no room for it is counted as failed" {
	mcast_map '{"type":"device","v":1,"dev":"'"$DEV0"'","vep":"'"$V0"'","groups":["lights"],"dl_buffering":{"octets":10}}'
	edge_start
	run -1 vnep-mcast send -q -g lights -p 7000 <(instruct '"payload":"b24K"')
	record '[.members,.sent,.pending,.failed] == [3,0,2,1]'
	balanced
}

@test "mcast send: a sleeper's answer after its wake is an ack by replay, and ends the waiting" {
	requires "$COAP_SERVER" libcoap3-bin
	T3324=1 mcast_map '{"type":"device","v":1,"dev":"'"$DEV1"'","vep":"'"$V1"'"}' '{"type":"device","v":1,"dev":"'"$DEV2"'","vep":"'"$V2"'"}'
	edge_start
	members 0
	awake_all 0
	wait_for 10 state_is "$V0" asleep
	background send vnep-mcast send --wait 30 <(instruct '"group":"lights","method":"GET","uri":"/time"')
	wait_for 5 pending_is "$V0" 1
	speak 0
	wait_for 10 grep -q '"type":"result"' "$T/send.out"
	stop -0 send 0 # it ends by itself
	jq -se 'map(select(.type == "ack"))[0] | .via == "replay" and .code == "2.05"' "$T/send.out"
}

@test "mcast send: what cannot be sent is refused before anything is, with its reason" {
	mcast_map '{"type":"group","v":1,"group":"empty","address":"ff35:40:2001:db8::8000:2"}' \
		'{"type":"group","v":1,"group":"near","address":"ff31::8000:1"}' \
		'{"type":"vpc","v":1,"vpc":"mute","prefix":"2001:db8:c::/64"}' \
		'{"type":"device","v":1,"dev":"urn:dev:ops:1-x-1","vep":"2001:db8:c::1","groups":["mute"]}' \
		'{"type":"group","v":1,"group":"mute","address":"ff35:40:2001:db8::8000:3"}'
	edge_start
	awake_all 0
	while IFS='|' read -r why args; do
		run -2 --separate-stderr bash -c "vnep-mcast send -q $args"
		[[ $stderr == *"$why"* ]] || { echo "$why: $stderr"; false; }
		[ -z "$output" ]
	done <<-'END'
		the map has no group "nobody"|-g nobody --payload <(echo x)
		group "empty" has no members|-g empty --payload <(echo x)
		ff31::8000:1 has scope 1 (interface-local)|-g near --payload <(echo x)
		makes packets of 1501 octets|-g lights --payload <(head -c 1453 /dev/zero)
		"not_after" has passed|-g lights --not-after -1s --payload <(echo x)
		its vpc "mute" has no "speaker"|-g mute --payload <(echo x)
		for whom?|--payload <(echo x)
		"uri" must be a path|-g lights <(echo '{"type":"instruction","method":"GET","uri":"coap://x/y"}')
		is for group "near", not for "lights"|-g lights <(echo '{"type":"instruction","group":"near","payload":""}')
		instructions are wanted, not "sync"|-g lights <(echo '{"type":"sync"}')
	END
	# a query in another form must not become none
	run -0 socat -t 5 - "UNIX:$(jq -r .socket "$VNEP_STATE/lock")" \
		<<<'{"type":"request","v":1,"verb":"mcast.plan","group":"lights","vpc":"acme"}'
	[[ $output == *'must be an array of words'*'"exit":2'* && $output != *'"result"'* ]]
	run -0 vnep-mcast send -q -g lights --payload <(head -c 1452 /dev/zero)
	run -0 vnep-journal read --dev "$DEV0"
	[ "$(grep -c '"kind":"instruction"' <<<"$output")" -eq 1 ]
	run -1 vnep-mcast send -q -g lights <(instruct '"group":"near","payload":""'; instruct '"payload":""')
	balanced
}

@test "mcast send: links of any width: there is room for the frame and its tag, or it is refused" {
	mcast_map
	edge_start
	mtu 65535 d0 d1 d2 acc0 acc1 acc2
	background joined0 netns dev0 socat -b 65536 -u "UDP6-RECV:7000,ipv6-join-group=[$GROUP]:d0" -
	wait_for 5 in_group 0
	awake_all 0
	run -2 --separate-stderr vnep-mcast send -q -g lights --port 7000 --payload <(head -c 65471 /dev/zero)
	[[ $stderr == *"packets of 65519 octets"*"at most 65518"* ]]
	run -0 vnep-mcast send -q -g lights --port 7000 --payload <(head -c 65470 /dev/zero)
	wait_for 5 got_octets 0 65470
	wait_for 5 balanced
}

got_octets() {
	[ "$(wc -c <"$T/joined$1.out")" -eq "$2" ]
}

@test "mcast send: answers of nobody, of no member and to nothing are ignored and counted" {
	mcast_map '{"type":"device","v":1,"dev":"'"$DEV2"'","vep":"'"$V2"'"}'
	edge_start
	awake_all 0 1 2
	background send vnep-mcast send -q --wait 3 -g lights <(instruct '"id":"f","method":"GET","uri":"/"')
	wait_for 5 told '.type == "outcome" and .outcome == "sent" and .dev == env.DEV1'
	port=$(vnep-journal read --dev "$DEV1" | jq -r 'select(.kind == "instruction").src_port')
	forge() {
		xxd -r -p <<<"$2" | netns "$1" socat -u - "UDP6-SENDTO:[$SPEAKER]:$3,sourceport=5683"
	}
	forge dev2 5845000011223344 "$port"                     # no member
	forge dev1 584500001122334455667788 "$port"             # another token
	forge dev1 584500001122334455667788 "$((port ^ 1))"     # to nothing
	forge dev1 00 "$port"                                   # no CoAP
	wait_for 5 dropped 4
	wait_for 10 grep -q '"type":"result"' "$T/send.out"
	stop -1 send 0 # it ends by itself
	jq -se 'map(select(.type == "ack")) == []' "$T/send.out"
	netns vpc ip -6 neigh replace "$SPEAKER" lladdr 00:00:5e:00:53:fd dev v0 nud permanent
	forge vpc 584500001122334455667788 "$port"              # from the VPC
	wait_for 5 dropped 5
	balanced
}

dropped() {
	vnep-edge status | jq -e ".dropped[\"not-for-us\"] >= $1 and .difference == 0"
}
