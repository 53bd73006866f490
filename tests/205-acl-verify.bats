#!/usr/bin/env bats
# vnep-acl verify of many devices: 3,000, or with VNEP_FULL 1,000,000 with their figures. They are told from a file, not
# kept in memory, so what may be said twice is tried here.

load helpers
load acl

setup() {
	vnep_setup
	requires nft nftables
	lab 1
	N=3000
	[[ -z ${VNEP_FULL:-} ]] || N=1000000
}

# many [FROM [TO]]: devices of these numbers, each bound by its fixed address
many() {
	echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/48"}'
	device_lines "${1:-0}" "${2:-$N}"
}

device_lines() {
	awk -v from="$1" -v to="$2" 'BEGIN { for (i = from; i < to; i++) {
		hi = int(i / 65536) + 1; lo = i % 65536
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe%06x\",\"vep\":\"2001:db8:b::%x:%x\",\"vpc\":\"acme\",\"port\":\"acc0\",\"addr\":[\"2001:db8:a::%x:%x\"],\"psm\":{\"t3324_s\":10}}\n", i, hi, lo, hi, lo
	} }'
}

do_acl() { # verb [option…]: records on standard input
	netns edge vnep-acl "$@" --access acc0 --core up0
}

same() { # the kernel has just these records
	run -0 --separate-stderr do_acl verify <"$1"
	[ -z "$output" ]
}

@test "verify: of many devices one that lacks, one that is too much and one that is changed are each found in each set" {
	local mac=00:00:5e

	many >"$T/in"
	do_acl apply -q <"$T/in"
	same "$T/in"
	nft delete element netdev vnep known "{ $mac:00:00:07 }"
	nft add element netdev vnep known "{ $mac:99:99:99 }"
	nft add element netdev vnep endpoint '{ 2001:db8:b:9::1, 2001:db8:b:9::2 }'
	nft delete element netdev vnep to_binding '{ 2001:db8:b::1:5 }'
	nft add element netdev vnep to_binding '{ 2001:db8:b::1:5 : 2001:db8:a::99, 2001:db8:b:9::1 : 2001:db8:a::98 }'
	nft delete element netdev vnep class '{ 2001:db8:b::1:6 }'
	nft add element netdev vnep class '{ 2001:db8:b:9::1 : 0x02000000 }'
	run -1 --separate-stderr do_acl verify <"$T/in"
	record -s 'map([.what, .record.set, .record.vep // .record.mac]) | sort == [
		["different", "to_binding", "2001:db8:b::1:5"], ["foreign", "class", "2001:db8:b:9::1"],
		["foreign", "endpoint", "2001:db8:b:9::1"], ["foreign", "endpoint", "2001:db8:b:9::2"],
		["foreign", "known", "'$mac':99:99:99"], ["foreign", "to_binding", "2001:db8:b:9::1"],
		["missing", "class", "2001:db8:b::1:6"], ["missing", "known", "'$mac':00:00:07"]]'
	run -0 --separate-stderr do_acl verify --repair <"$T/in"
	same "$T/in"
}

@test "verify: a binding that a device has no more is foreign, though the device is known" {
	many >"$T/in"
	do_acl apply -q <"$T/in"
	sed '9s/,"addr":[^]]*\]//' "$T/in" >"$T/less"
	run -1 --separate-stderr do_acl verify <"$T/less"
	record -s 'map([.what, .record.set]) | sort == [["foreign", "class"], ["foreign", "from_binding"],
		["foreign", "to_binding"], ["foreign", "to_port"]]'
	run -0 --separate-stderr do_acl apply <"$T/less"
	record '.value == 4'
	same "$T/less"
}

@test "verify, apply: an endpoint that comes twice is what its last record says, a tombstone takes it away" {
	many >"$T/in"
	{
		cat "$T/in"
		device_lines 4 5 | sed 's/2001:db8:a::1:4/2001:db8:a::77/'
	} >"$T/twice"
	do_acl apply -q <"$T/twice"
	[ "$(elements from_binding)" -eq "$N" ]
	same "$T/twice"
	device_lines 6 7 | sed 's/"vep/"deleted":true,"vep/' >>"$T/twice"
	do_acl apply -q <"$T/twice"
	[ "$(elements endpoint)" -eq $(( N - 1 )) ]
	nft get element netdev vnep to_binding '{ 2001:db8:b::1:4 : 2001:db8:a::77 }'
	same "$T/twice"
	run -1 --separate-stderr do_acl verify <"$T/in"
	record -s 'map(select(.record.set == "to_binding") | .what) | sort == ["different", "missing"]'
	do_acl apply -q <"$T/in"
	same "$T/in"
}

@test "verify, apply: a MAC in two VLANs is known once, and twice in one VLAN with one address it is refused" {
	local device='"mac":"00:00:5e:00:53:01","port":"acc0","addr":["2001:db8:a::2"]'

	{
		echo '{"type":"vpc","v":1,"vpc":"red","prefix":"2001:db8:b:1::/64","core_vlan":901}'
		echo '{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:b:2::/64","core_vlan":902}'
		for i in 1 2; do
			echo '{"type":"device","v":1,"dev":"urn:dev:os:1-'$i'","vep":"2001:db8:b:'$i'::1","vlan":'$i','"$device}"
		done
	} >"$T/in"
	do_acl apply -q <"$T/in"
	[ "$(elements known)" -eq 1 ]
	[ "$(elements endpoint)" -eq 2 ]
	[ "$(elements from_vlan)" -eq 2 ]
	same "$T/in"
	sed 's/"vlan":2/"vlan":1/' "$T/in" >"$T/bad"
	run -2 --separate-stderr do_acl verify <"$T/bad"
	[[ $stderr == *'two virtual endpoints, 2001:db8:b:1::1 and 2001:db8:b:2::1, are bound to the same port'* ]]
	run -2 --separate-stderr do_acl apply <"$T/bad"
	same "$T/in"
}

# refused FILE: as it is said; of which device (its number) into $n, by the record of which line into $line
refused() {
	local said="^vnep-acl: $1:([0-9]+): the kernel refused element 2001:db8:b::1:([0-9a-f]+) of endpoint: "

	[[ $stderr =~ $said ]] || return 1
	line=${BASH_REMATCH[1]} n=$(( 16#${BASH_REMATCH[2]} ))
}

# What timed out takes room until it is swept, which the kernel does once a day: no other set refuses what fits.
@test "apply: an element that the kernel refuses names the line of its record" {
	only_one_left() { [ "$(elements endpoint)" -eq 1 ]; }
	do_acl apply -q --set-size 64 < <(many 0 1)
	for (( i = 1; i < 60; i++ )); do
		nft add element netdev vnep endpoint "{ 2001:db8:b:9::$i timeout 1ms }"
	done
	wait_for 5 only_one_left
	many 0 20 >"$T/in"
	run -3 --separate-stderr netns edge vnep-acl apply "$T/in" --access acc0 --core up0 --set-size 64
	refused "$T/in"
	[ "$line" -eq $(( n + 2 )) ]
	tac "$T/in" >"$T/turned"
	run -3 --separate-stderr do_acl apply --set-size 64 <"$T/turned"
	refused -
	[ "$line" -eq $(( 20 - n )) ]
	cat "$T/turned" - >"$T/twice" < <(device_lines 0 20 | tac) # then the later record counts
	run -3 --separate-stderr do_acl apply --set-size 64 <"$T/twice"
	refused -
	[ "$line" -eq $(( 41 - n )) ]
}

@test "verify: 1,000,000 devices take less than 50 MB" {
	[[ -n ${VNEP_FULL:-} ]] || skip "VNEP_FULL measures it"
	many >"$T/in"
	do_acl apply -q <"$T/in"
	run -0 netns edge bash -c 'vnep-acl verify -q --access acc0 --core up0 <"$1" >&2 &
		while now=$(awk "/^VmHWM/ { print \$2 }" "/proc/$!/status") && [[ -n $now ]]; do
			most=$now
			read -rt 0.02 <> <(:)
		done 2>/dev/null
		wait $! && echo "$most"' bash "$T/in"
	[ "$output" -gt 0 ]
	[ "$output" -le $(( 50 * 1024 )) ]
}

# taken_away CHANGES: from all devices to the fewer ones, and back
taken_away() {
	run -0 --separate-stderr do_acl plan <"$T/fewer"
	(( $(grep -c '"what":"delete"' <<<"$output") == $1 ))
	run -0 --separate-stderr do_acl apply -q <"$T/fewer"
	[[ $output == *'"vnep_acl_changes","value":'"$1"'}' ]]
	same "$T/fewer"
	do_acl apply -q <"$T/in"
	same "$T/in"
}

@test "apply: devices that are wanted no more are found, whatever the file of the devices applied last says" {
	local applied=$VNEP_STATE/acl-applied whole

	N=300 many >"$T/in"
	sed '7d;100,101d' "$T/in" >"$T/fewer"
	do_acl apply -q <"$T/in"
	whole=$(stat -c %s "$applied")
	cp "$applied" "$T/whole"
	taken_away 18
	cmp "$applied" "$T/whole"
	rm "$applied"
	taken_away 18
	[ "$(stat -c %s "$applied")" = "$whole" ]
	: >"$applied"
	taken_away 18
	head -c 4096 /dev/urandom >"$applied"
	taken_away 18
	head -c $(( whole / 3 )) "$T/whole" >"$applied"
	taken_away 18
	{ cat "$T/whole"; head -c 40960 /dev/zero | tr '\0' '\377'; } >"$applied"
	taken_away 18
	{ head -c 268 "$T/whole"; tail -c +269 "$T/whole"; tail -c +269 "$T/whole"; } >"$applied" # each twice
	taken_away 18
	rm "$applied"
	mkfifo "$applied"
	taken_away 18
	nft add element netdev vnep known '{ 00:00:5e:00:53:99 }' # and one that nobody ever applied
	taken_away 19
}
