load helpers
load edge

# The life of a device on one node, with real packets (DESIGN.md section 4).

@test "edge: the first frame of a known device attaches it, and is itself sent on" {
	lab
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	run -0 vnep-edge status "$V0"
	record '.addr == ["2001:db8:a::2"] and .port == "acc0" and .conn == 1'
	run -0 vnep-map get --type binding "$V0"
	record '.addr == ["2001:db8:a::2"] and .edge == "test"'
	balanced
}

@test "edge: a program in the VPC reaches an awake device by its virtual endpoint" {
	requires "$COAP_CLIENT" libcoap3-bin
	lab
	T3324=20 edge_map
	edge_start
	background coap netns dev0 "$COAP_SERVER" -A 2001:db8:a::2 -d 4
	speak 0
	wait_for 5 state_is "$V0" awake
	netns vpc ping -q -c 2 -i 0.05 -W 2 "$V0"
	netns vpc "$COAP_CLIENT" -m put -e hello -B 3 "coap://[$V0]/greeting"
	run -0 netns vpc "$COAP_CLIENT" -B 3 "coap://[$V0]/greeting"
	[[ $output == *hello* ]]
	balanced
}

@test "edge: what arrives for a sleeper waits, and reaches it in order when it wakes" {
	requires socat
	lab
	edge_map
	edge_start
	hear 0
	speak 0
	wait_for 5 state_is "$V0" awake
	radio off 0
	wait_for 5 state_is "$V0" asleep
	for n in 1 2 3 4 5; do say_to "$V0" "packet $n"; done
	wait_for 5 pending_is "$V0" 5
	radio on 0
	[[ ! -s $T/hear0.out ]]
	speak 0
	wait_for 5 grep -q "packet 5" "$T/hear0.out"
	[[ $(<"$T/hear0.out") == "packet 1"*$'\n'"packet 2"*$'\n'"packet 3"*$'\n'"packet 4"*$'\n'"packet 5" ]]
	wait_for 5 state_is "$V0" awake
	say_to "$V0" "packet 6"
	wait_for 5 grep -q "packet 6" "$T/hear0.out"
	run -0 wc -l <"$T/hear0.out"
	(( output == 6 ))
	balanced
}

@test "edge: the dead window: what was forwarded to a device that had stopped listening is sent when it wakes" {
	requires socat
	lab
	edge_map
	edge_start
	hear 0
	speak 0
	wait_for 5 state_is "$V0" awake
	radio off 0
	say_to "$V0" "into the void"
	wait_for 5 told ".type == \"checkpoint\" and .dev == \"$DEV0\" and .cursor == \"disconnect\" and .cause == \"t3324-expired\""
	pending_is "$V0" 1
	run -0 vnep-journal read --dev "$DEV0"
	record -s 'map(select(.kind == "disconnect")) | length == 1' # it fell asleep once
	record -s 'map(select(.cursor == "disconnect")) | length == 1'
	say_to "$V0" "for a sleeper"
	wait_for 5 pending_is "$V0" 2
	radio on 0
	speak 0
	wait_for 5 grep -q "for a sleeper" "$T/hear0.out"
	[[ $(<"$T/hear0.out") == "into the void"$'\n'"for a sleeper" ]]
	wait_for 5 told ".type == \"outcome\" and .outcome == \"sent\" and .attempt == 2"
	balanced
}

@test "edge: an answer of the device confirms a replayed packet, with its evidence" {
	requires "$COAP_CLIENT" libcoap3-bin
	lab
	edge_map
	edge_start
	background coap netns dev0 "$COAP_SERVER" -A 2001:db8:a::2 -d 4
	netns vpc "$COAP_CLIENT" -N -m put -e on -B 1 "coap://[$V0]/state" || true
	wait_for 5 pending_is "$V0" 1
	speak 0
	wait_for 5 told ".type == \"outcome\" and .outcome == \"confirmed\" and .evidence == \"coap-response\""
	balanced
}

@test "edge: an answer to the first packet of a batch is a sign of life behind all of it" {
	requires socat
	lab
	edge_map
	edge_start
	background deaf netns dev0 socat -u UDP6-RECV:7000 -
	speak 0
	wait_for 5 state_is "$V0" awake
	radio off 0
	wait_for 5 state_is "$V0" asleep
	netns vpc ping -q -c 1 -W 1 "$V0" || true # answered by the kernel of the device, before the call that sends the batch is over
	for n in 1 2 3 4 5 6; do netns vpc socat -u - "UDP6-SENDTO:[$V0]:7000" <<<"packet $n"; done
	wait_for 5 pending_is "$V0" 7
	radio on 0
	netns dev0 socat -u - "UDP6-SENDTO:[2001:db8:b::2]:9" <<<"here"
	wait_for 5 told '.type == "outcome" and .outcome == "confirmed"'
	wait_for 10 state_is "$V0" asleep
	told '.type == "outcome" and .outcome == "sent" and .attempt == 1'
	pending_is "$V0" 0
	balanced
}

@test "edge: a device that never attached is journaled for, too" {
	requires socat
	lab 2
	edge_map
	edge_start
	say_to "$V1" "early"
	wait_for 5 pending_is "$V1" 1
	run -0 vnep-edge status "$V1"
	record '.state == "unknown"'
	hear 1
	speak 1
	wait_for 5 grep -q early "$T/hear1.out"
	balanced
}

@test "edge: a device without psm stays awake in silence, and its link going down puts it to sleep" {
	requires socat
	lab 2
	edge_map
	edge_start
	speak 1
	wait_for 5 state_is "$V1" awake
	ns ip -n dev1 link set d1 down
	wait_for 5 told ".type == \"presence\" and .dev == \"$DEV1\" and .state == \"asleep\" and .cause == \"link-down\""
	say_to "$V1" "later"
	wait_for 5 pending_is "$V1" 1
	balanced
}

@test "edge: attach and detach say from outside what frames and silence say" {
	requires socat
	lab 2
	edge_map
	edge_start
	hear 1
	say_to "$V1" "one"
	wait_for 5 pending_is "$V1" 1
	run -0 vnep-edge attach one.iot.example. --port acc1
	wait_for 5 grep -q one "$T/hear1.out"
	wait_for 5 state_is "$V1" awake
	run -0 vnep-edge detach "$V1"
	told ".type == \"presence\" and .dev == \"$DEV1\" and .state == \"asleep\" and .cause == \"admin\""
	balanced
}

@test "edge: strangers, spoofed sources and wrong ports are denied, each with its reason" {
	lab 3
	edge_map "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005355\",\"vep\":\"2001:db8:b::75\",\"port\":\"acc0\"}"
	edge_start
	# a MAC that the map does not know
	netns dev2 ip link set d2 address 00:00:5e:00:53:77
	run -1 netns dev2 ping -q -c 1 -W 1 2001:db8:b::2
	wait_for 5 told '.type == "decision" and .reason == "no-mapping" and .src_mac == "00:00:5e:00:53:77"'
	# a device with a fixed address uses another one
	ns ip -n dev1 address add 2001:db8:a::99/128 dev d1 nodad
	run -1 netns dev1 ping -q -c 1 -W 1 -I 2001:db8:a::99 2001:db8:b::2
	wait_for 5 told '.type == "decision" and .reason == "spoofed-source" and .src_ip == "2001:db8:a::99"'
	# the address of an endpoint as source
	ns ip -n dev1 address add "$V0/128" dev d1 nodad
	run -1 netns dev1 ping -q -c 1 -W 1 -I "$V0" 2001:db8:b::2
	wait_for 5 told ".type == \"decision\" and .reason == \"spoofed-source\" and .src_ip == \"$V0\""
	# a device of port acc0 at acc2
	netns dev2 ip link set d2 address 00:00:5e:00:53:55
	run -1 netns dev2 ping -q -c 1 -W 1 2001:db8:b::2
	wait_for 5 told '.type == "decision" and .reason == "wrong-port"'
	balanced
	jq -e '.dropped["spoofed-source"] >= 2 and .dropped["wrong-port"] >= 1 and .dropped["no-mapping"] >= 1' "$T/status"
}

@test "edge: a destination outside of allow is denied with policy-denied" {
	lab
	edge_map
	echo "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"allow\":[{\"to\":\"2001:db8:b::3\"}]}" | vnep-map set -q
	edge_start
	run -1 netns dev0 ping -q -c 2 -i 0.3 -W 1 2001:db8:b::2
	balanced
	jq -e '.dropped["policy-denied"] == 2' "$T/status"
}

@test "edge: nothing that a device sends reaches the edge's own programs" {
	requires socat
	lab
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	background service netns edge socat -u UDP6-RECV:7777 -
	local ll
	ll=$(netns edge ip -6 -o address show dev acc0 scope link | grep -o 'fe80[^/]*')
	for to in "[$ll%d0]" "[fe80::1%d0]" "[ff02::1%d0]"; do
		echo intruder | netns dev0 socat -u - "UDP6-SENDTO:$to:7777"
		echo intruder | netns dev0 socat -u - "UDP6-SENDTO:$to:7777,ipv6-unicast-hops=1" || true
	done
	speak 0
	[[ ! -s $T/service.out ]]
	balanced
}

@test "edge: TCP for a sleeper is refused with a reason, but for the first SYN" {
	requires socat
	lab
	edge_map
	edge_start
	background server netns dev0 socat -u TCP6-LISTEN:80,reuseaddr -
	background client netns vpc sh -c "echo over tcp | socat -u - 'TCP6:[$V0]:80,connect-timeout=8'"
	wait_for 5 pending_is "$V0" 1
	speak 0
	wait_for 8 grep -q "over tcp" "$T/server.out"
	balanced
}

@test "edge: the journal has both directions of a device with psm, and the first frame" {
	lab
	T3324=20 edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	netns vpc ping -q -c 1 -W 2 "$V0"
	balanced
	wait_for 5 sh -c "vnep-journal read --dev $V0 | jq -se 'map(select(.proto == \"ICMPV6\")) | length >= 4'"
	vnep-journal read --dev "$V0" >"$T/events"
	jq -se 'map(select(.kind == "data" and .direction == "from-device")) | length >= 2' "$T/events"
	jq -se 'map(select(.kind == "data" and .direction == "to-device")) | length >= 2' "$T/events"
	jq -se 'map(select(.type == "event").seq) | . == [range(1; length + 1)]' "$T/events"
	jq -se '.[0].kind == "connect"' "$T/events"
}

@test "edge: where more waits than dl_buffering allows the oldest go, each with its outcome and reason" {
	requires socat
	lab
	edge_map
	echo "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"dl_buffering\":{\"packet_count\":3}}" | vnep-map set -q
	edge_start
	hear 0
	for n in 1 2 3 4 5; do say_to "$V0" "packet $n"; done
	wait_for 5 told '.type == "outcome" and .outcome == "failed" and .reason == "dl-buffering-packet-count" and .seq == 2'
	pending_is "$V0" 3
	balanced
	jq -e '.dropped["dl-buffering-packet-count"] == 2' "$T/status"
	speak 0
	wait_for 5 grep -q "packet 5" "$T/hear0.out"
	[[ $(<"$T/hear0.out") == "packet 3"$'\n'"packet 4"$'\n'"packet 5" ]]
	balanced
}

@test "edge: what is older than its device allows is recorded as expired, not sent" {
	requires socat
	lab
	edge_map
	echo "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"dl_buffering\":{\"duration_s\":1}}" | vnep-map set -q
	edge_start
	hear 0
	say_to "$V0" "too old"
	wait_for 5 pending_is "$V0" 1
	wait_for 5 sh -c "vnep-journal read --dev $V0 | jq -se 'now - .[0].us / 1000000 > 1.1'"
	speak 0
	wait_for 5 told '.type == "outcome" and .outcome == "expired" and .reason == "dl-buffering-duration"'
	wait_for 5 state_is "$V0" awake
	[[ ! -s $T/hear0.out ]]
	balanced
}

@test "edge: a device whose active time is 0 gets its backlog when it speaks, once, and sleeps again" {
	requires "$COAP_CLIENT" libcoap3-bin
	lab
	T3324=0 edge_map
	edge_start
	background coap netns dev0 "$COAP_SERVER" -A 2001:db8:a::2 -d 4
	netns vpc "$COAP_CLIENT" -N -m put -e on -B 1 "coap://[$V0]/state" || true
	wait_for 5 pending_is "$V0" 1
	speak 0
	wait_for 5 told '.type == "outcome" and .outcome == "confirmed"'
	wait_for 8 state_is "$V0" asleep
	pending_is "$V0" 0
	balanced
}

@test "edge: a device whose active time is 0 may be asleep at once: what comes behind its word is kept for the next one" {
	requires socat
	lab
	edge_map
	echo "{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"journal\":\"from-device\",\"psm\":{\"t3324_s\":0}}" | vnep-map set -q
	edge_start
	background ears netns dev0 socat -u UDP6-RECV:7000 -
	speak 0
	wait_for 5 state_is "$V0" waking
	radio off 0
	netns vpc socat -u - "UDP6-SENDTO:[$V0]:7000" <<<"into the void"
	wait_for 8 state_is "$V0" asleep
	pending_is "$V0" 1
	radio on 0
	speak 0
	wait_for 5 grep -q "into the void" "$T/ears.out"
	told '.type == "outcome" and .outcome == "sent" and .attempt == 2'
	balanced
}
