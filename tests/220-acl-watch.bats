#!/usr/bin/env bats
# vnep-acl watch, awake, asleep: presence and decisions without a vnep-edge.

load helpers
load acl

setup() {
	vnep_setup
	requires nft nftables
	lab 2
	apply >/dev/null
	neighbours
}

watch() {
	background watch netns edge vnep-acl watch
	wait_for 5 told '.type == "sync"'
}

told() {
	jq -se "any(.[]; $1)" "$T/watch.out"
}

@test "watch: first the present state, then sync" {
	acl awake "$V1"
	watch
	jq -se 'map(.type) == ["presence", "presence", "sync"]' "$T/watch.out"
	told '.dev == env.V1 and .state == "awake"'
	told '.dev == env.V0 and .state == "asleep"'
}

@test "watch: devices have their names where a map knows them" {
	vnep-map import -q <<<"$RECORDS"
	watch
	told '.dev == env.DEV0 and .state == "asleep"'
}

@test "watch: awake and asleep by hand are told, with their cause" {
	watch
	acl awake "$V1"
	wait_for 3 told '.dev == env.V1 and .state == "awake" and .was == "asleep"'
	acl asleep "$V1"
	wait_for 3 told '.dev == env.V1 and .state == "asleep" and .was == "awake" and .cause == "admin"'
}

@test "watch: silence for the active time is told as asleep, t3324-expired, soon after it happened" {
	watch
	acl awake "$V0"
	start=${EPOCHREALTIME/[.,]/}
	wait_for 4 told '.dev == env.V0 and .state == "asleep" and .cause == "t3324-expired"'
	took=$(( ${EPOCHREALTIME/[.,]/} - start ))
	(( took > 1500000 && took < 3000000 ))
}

@test "watch: a device that speaks within its active time is not told asleep" {
	watch
	acl awake "$V0"
	end=$(( ${EPOCHREALTIME/[.,]/} + 3500000 ))
	while (( ${EPOCHREALTIME/[.,]/} < end )); do
		udp 0 2001:db8:a::2 2001:db8:b::2 5683 alive
		pause
	done
	run -1 told '.dev == env.V0 and .state == "asleep" and .cause == "t3324-expired"'
	wait_for 4 told '.dev == env.V0 and .state == "asleep" and .cause == "t3324-expired"'
}

@test "watch: a sleeper that speaks is waking, once, and awake when somebody says so" {
	watch
	udp 0 2001:db8:a::2 2001:db8:b::2 5683 up 5
	wait_for 3 told '.dev == env.V0 and .state == "waking" and .was == "asleep"'
	acl awake "$V0"
	wait_for 3 told '.dev == env.V0 and .state == "awake" and .was == "waking"'
	jq -se '[.[] | select(.state == "waking")] | length == 1' "$T/watch.out"
}

@test "watch: an access request names the device and why nothing binds its source" {
	vnep-map import -q <<<"$RECORDS"
	watch
	udp 0 2001:db8:a::66 2001:db8:b::2 5683 spoof
	wait_for 3 told '.type == "decision" and .dev == env.DEV0 and .reason == "spoofed-source" and
		.forwarding == "drop" and .src_ip == "2001:db8:a::66" and .in_iface == "acc0"'
	MAC=00:00:5e:00:53:11 udp 0 2001:db8:a::66 2001:db8:b::2 5683 elsewhere
	wait_for 3 told '.type == "decision" and .dev == env.DEV1 and .reason == "wrong-port"'
}

@test "watch: strangers are summed up exactly, with a flow that shows who" {
	watch
	MAC=00:00:5e:00:53:99 udp 0 2001:db8:a::9 2001:db8:b::2 5683 hello 400
	wait_for 4 sum_is no-mapping 400
	told '.reason == "no-mapping" and .src_mac == "00:00:5e:00:53:99" and .in_iface == "acc0" and
		.direction == "from-device"'
}

sum_is() {
	[[ $(jq -s --arg reason "$1" '[.[] | select(.type == "decision" and .reason == $reason).count] | add' \
		"$T/watch.out") == "$2" ]]
}

@test "watch: what a policy denies is told with its count" {
	acl awake "$V1"
	watch
	udp 1 2001:db8:a::3 2001:db8:b::2 5999 no 7
	wait_for 4 sum_is policy-denied 7
}

@test "watch: no payload in what it prints" {
	watch
	udp 0 2001:db8:a::66 2001:db8:b::2 5683 confidential 3
	wait_for 3 told '.type == "decision"'
	run -1 grep -e confidential -e "$(printf confidential | base64)" "$T/watch.out"
}

@test "watch: without a table it says so" {
	acl clear
	run -1 --separate-stderr acl watch
	[[ $stderr == *"there is no table"* ]]
}

@test "awake: a device that nothing binds, and one that is always asleep, are refused; nobody is changed" {
	run -1 --separate-stderr acl awake "$V0" "$V2"
	[[ $stderr == *"$V2 has no binding"* ]]
	[ "$(elements awake)" -eq 0 ]
	INPUT=${RECORDS/'"t3324_s":2'/'"t3324_s":0'} apply
	run -2 --separate-stderr acl awake "$V0"
	[[ $stderr == *"active time is 0 s"* ]]
}

@test "awake: a second time starts the active time anew, and a dry run does nothing" {
	run -0 --separate-stderr acl awake -n "$V0"
	record '.state == "awake"'
	[ "$(elements awake)" -eq 0 ]
	acl awake "$V0"
	nft -j list set netdev vnep awake | jq -e '.nftables[].set.elem[]?.elem | .timeout == 2'
	run -0 --separate-stderr acl awake "$V0"
	record '.state == "awake" and .was == "awake" and .cause == "admin"'
}

@test "awake: by name, URN and MAC of the map; a word that nobody has exits 1" {
	vnep-map import -q <<<"${RECORDS/'"port":"acc0"'/'"name":"zero.iot.example.","port":"acc0"'}"
	for word in "$DEV0" zero.iot.example. 00:00:5e:00:53:01 "$V0"; do
		run -0 --separate-stderr acl awake "$word"
		record '.dev == env.DEV0'
	done
	run -1 --separate-stderr acl awake nobody.example.
}

@test "asleep: one that sleeps already is done" {
	run -0 --separate-stderr acl asleep "$V0"
	record '.state == "asleep" and .was == "asleep"'
}

@test "list: a line for each binding, with presence and counters" {
	run -0 --separate-stderr acl list
	[ "$(grep -c . <<<"$output")" -eq 2 ]
	record 'select(.vep == env.V1) | .mac == "00:00:5e:00:53:11" and .addr == ["2001:db8:a::3"] and .state == "asleep"'
	run -0 --separate-stderr acl list --table
	[[ $output == *2001:db8:b::70* ]]
}
