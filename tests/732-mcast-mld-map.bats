load helpers
load edge
load mcast
load mld
load wire

# What is known of listeners agrees with the map, also where nobody reports again; and how long it is known.

setup() {
	vnep_setup
	requires socat
}

DOORS=ff35:40:2001:db8::8000:2 DOORS_HEX=ff35004020010db80000000080000002

device0() {
	printf '{"type":"device","v":1,"dev":"%s","vep":"%s","groups":[%s],"psm":{"t3324_s":60}}\n' "$DEV0" "$V0" "$1" | vnep-map set -q
}

group() {
	printf '{"type":"group","v":1,"group":"%s","address":"%s"}\n' "$@" | vnep-map set -q
}

listeners_are() {
	vnep-edge metrics | grep -qx "vnep_mld_listeners $1"
}

@test "mcast mld: who is taken out of a group has left at once, and is back at once, without another report" {
	lab 1
	mcast_map
	INTERVAL=300 mld_start
	awake_all 0
	joined 0
	wait_for 10 heard 0 "lights joined"
	device0 ""
	wait_for 10 heard 0 "lights joined,lights left"
	listed 0 lights refused
	listeners_are 0
	device0 '"lights"'
	wait_for 10 heard 0 "lights joined,lights left,lights joined"
	listed 0 lights joined
	listeners_are 1
	# the group gets another address: what it listens to is nobody's any more; and gets it back
	group lights ff35:40:2001:db8::8000:77
	wait_for 10 heard 0 "lights joined,lights left,lights joined,lights left"
	listed 0 lights silent
	group lights "$GROUP"
	wait_for 10 heard 0 "lights joined,lights left,lights joined,lights left,lights joined"
	balanced
}

@test "mcast mld: by the name that it joined a group by it leaves it, also where the group gets another one" {
	lab 1
	mcast_map
	INTERVAL=300 mld_start
	awake_all 0
	joined 0
	wait_for 10 heard 0 "lights joined"
	group lamps "$GROUP"
	device0 '"lamps"'
	wait_for 10 heard 0 "lights joined,lights left,lamps joined"
	listed 0 lamps joined
	listed 0 lights refused
	stop joined0
	wait_for 10 heard 0 "lights joined,lights left,lamps joined,lamps left"
	balanced
}

@test "mcast mld: a record that cannot be read is no refusal: all stays as it was, and goes on when it can" {
	lab 1
	mcast_map "$(ninth)"
	INTERVAL=300 mld_start
	attach9
	damage 2001:db8:b::9 2001:db8:b::8
	says9 4
	wait_for 5 grep -q 'mld: what a record names' "$T/edge.err"
	says9 4
	says9 4
	wait_for 5 mld_count report 3
	heard 9 ""
	mld_count refused 0
	[ "$(awk '/event="refused"/ { print $2 }' "$T/metrics")" -eq 0 ]
	[ "$(grep -c 'mld: what a record names' "$T/edge.err")" -eq 1 ]
	damage 2001:db8:b::8 2001:db8:b::9
	again() {
		says9 4
		heard 9 "lights joined"
	}
	wait_for 10 again
	balanced
}

# damage FROM TO: octets of one length in the living map
damage() {
	local at

	LC_ALL=C grep -abo "\"$1\"" "$VNEP_STATE/map/data.mdb" | cut -d: -f1 | while read -r at; do
		printf '"%s"' "$2" | dd of="$VNEP_STATE/map/data.mdb" bs=1 seek="$at" conv=notrunc status=none
	done
}

@test "mcast mld: the last of three hundred groups of a record is its group as well" {
	lab 1
	mcast_map
	for (( i = 1; i <= 300; i++ )); do
		printf '{"type":"group","v":1,"group":"g%u","address":"ff35:40:2001:db8::8001:%x"}\n' "$i" "$i"
	done >"$T/groups"
	printf '{"type":"device","v":1,"dev":"%s","vep":"2001:db8:b::9","groups":[%s]}\n' "$DEV9" \
		"$(printf '"g%u"\n' {1..300} | paste -sd,)" >>"$T/groups"
	vnep-map set -q "$T/groups"
	INTERVAL=300 mld_start
	attach9
	says9 4 ff35004020010db8000000008001012c
	wait_for 5 heard 9 "g300 joined"
	says9 4 ff35004020010db80000000080010001
	wait_for 5 heard 9 "g300 joined,g1 joined"
	balanced
}

@test "mcast mld: each group is told as it becomes refused, and not again; a report that brings others, too, was answered" {
	refusals() {
		jq -se --arg ip "$1" --argjson n "$2" 'map(select(.reason == "policy-denied" and .dest_ip == $ip)) | length == $n' "$T/watch.out"
	}
	lab 1
	mcast_map "$(ninth)"
	INTERVAL=300 mld_start
	attach9
	vnep-edge status >"$T/before"
	all="00000003""04000000${LIGHTS_HEX}04000000${DOORS_HEX}04000000ff35004020010db80000000080000003"
	for _ in 1 2 3; do
		report 02:5e:00:00:00:09 fe80::9 143 "$all"
	done
	wait_for 5 mld_count refused 6
	wait_for 5 refusals "$DOORS" 1
	refusals ff35:40:2001:db8::8000:3 1
	vnep-edge status | jq -e --slurpfile before "$T/before" '.dropped["policy-denied"] == $before[0].dropped["policy-denied"]'
	# it leaves, and wants it once more
	says9 3 "$DOORS_HEX"
	says9 4 "$DOORS_HEX"
	wait_for 5 refusals "$DOORS" 2
	vnep-edge status | jq -e --slurpfile before "$T/before" '.dropped["policy-denied"] == ($before[0].dropped["policy-denied"] // 0) + 1'
	balanced
}

@test "mcast mld: who left, and who was refused, is forgotten in the time in which who listens would be" {
	lab 1
	mcast_map "$(ninth)"
	group doors "$DOORS"
	mld_start
	attach9
	says9 4 "$DOORS_HEX"
	says9 4
	wait_for 5 heard 9 "lights joined"
	wait_for 10 listed 9 doors ""
	wait_for 10 heard 9 "lights joined,lights left"
	wait_for 10 listed 9 lights silent
	balanced
}

@test "mcast mld: a longer interval makes nobody leave who has not been asked for so long yet" {
	lab 1
	mcast_map "$(ninth)"
	printf '%s\n' '[ports]' 'access = acc0' 'core = up0' 'mld = acc0 interval_s=2 response_ms=500' >"$T/edge.conf"
	background edge netns edge vnep-edge run --name test -c "$T/edge.conf"
	wait_for 30 vnep-edge status
	background heard vnep-mcast watch
	wait_for 5 grep -q '"type":"sync"' "$T/heard.out"
	attach9
	wait_for 20 later $(( EPOCHSECONDS + 12 )) # it did not come of late, even by the new one
	says9 4
	wait_for 5 heard 9 "lights joined"
	sed -i '$s/interval_s=2/interval_s=5/' "$T/edge.conf"
	vnep-edge reload
	wait_for 20 later $(( EPOCHSECONDS + 7 ))
	heard 9 "lights joined"
	listens 9 joined
	balanced
}

@test "mcast mld: of whom nothing is known is asked alone as it comes: after it was attached, after kill -9, after an upgrade" {
	local was

	lab 1
	mcast_map
	joined 0
	INTERVAL=300 mld_start
	capture woke dev0 d0
	awake_all 0
	wait_for 10 heard 0 "lights joined"
	captured woke
	good woke 1 "icmpv6.type == 130 && ipv6.dst == ff02::1 && eth.dst == 00:00:5e:00:53:01 && icmpv6.mld.multicast_address == ::"
	was=$(worker)
	kill -KILL "$was"
	other_worker() { [[ $(worker) != "$was" ]] && vnep-edge status; }
	wait_for 20 other_worker
	wait_for 20 listed 0 lights joined # by the first query, of all
	listeners_are 1
	run -0 vnep-edge upgrade -q
	wait_for 20 listed 0 lights joined
	listeners_are 1
	balanced
}

@test "mcast mld: who wakes again and again, and reports the group no more, has left; who sleeps at first has not" {
	local n

	lab 1
	mcast_map "$(ninth | sed 's/}$/,"psm":{"t3324_s":1}}/')"
	INTERVAL=300 mld_start
	attach9
	says9 2
	wait_for 10 heard 9 "lights joined"
	for n in 1 2 3; do
		wait_for 10 state_is "$DEV9" asleep
		heard 9 "lights joined"
		attach9
	done
	wait_for 10 heard 9 "lights joined,lights left"
	balanced
}
