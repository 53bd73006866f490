#!/usr/bin/env bats
# What a host of the VPC sends to a group: to its members in that VPC, once, also to those who sleep; of others nothing.

load helpers
load edge
load mcast
load wire

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

@test "mcast from the VPC: a CoAP client there asks the group, and members answer it by their own endpoints" {
	requires "$COAP_SERVER" libcoap3-bin
	lab 3
	sender_map
	edge_start
	members 0 1
	awake_all 0 1 2
	background client netns vpc "$COAP_CLIENT" -N -m get -H 8 -B 8 -w "coap://[$GROUP%v0]/time"
	wait_for 10 answers 2
	wait_for 5 balanced
}

# Each member's answer is a line of its own.
answers() {
	[[ $(grep -c ':' "$T/client.out") -ge $1 ]]
}
