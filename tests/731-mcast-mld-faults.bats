load helpers
load edge
load mcast
load mld
load wire

# Reports of others than the device, reports that never come, and more of them than are remembered.

setup() {
	vnep_setup
	requires socat
}

@test "mcast mld: nobody joins for another: strangers, other MACs, other ports, no binding; queries and nonsense are dropped" {
	lab 2
	mcast_map
	mld_start
	awake_all 1
	join=0000000104000000$LIGHTS_HEX
	report 00:00:5e:00:53:77 fe80::77 143 "$join"                           # a stranger
	report 00:00:5e:00:53:01 fe80::200:5eff:fe00:5301 143 "$join"           # known, not attached
	report 00:00:5e:00:53:11 fe80::200:5eff:fe00:5311 143 "$join"           # dev1's, at another port
	wait_for 5 mld_count ignored 3
	awake_all 0
	report 00:00:5e:00:53:01 :: 143 "$join"                                 # no address yet
	wait_for 5 mld_count ignored 4
	report 00:00:5e:00:53:01 2001:db8:a::2 143 "$join"                      # not link-local
	report 00:00:5e:00:53:01 fe80::200:5eff:fe00:5301 143 "0000000204000000$LIGHTS_HEX" # cut off
	ALERT=1 HOPS=255 netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:00:00:00:16 fe80::1 ff02::16 143 0 "$join"
	HOPS=1 netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:00:00:00:16 fe80::1 ff02::16 143 0 "$join"
	wait_for 5 mld_count malformed 4
	vnep-edge status >"$T/before"
	# a query of a device, to all and to the port itself
	ALERT=1 HOPS=1 netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:00:00:00:01 fe80::1 ff02::1 130 0 \
		27100000000000000000000000000000000000000000000000000000
	ALERT=1 HOPS=1 netns dev0 frames icmp6 d0 00:00:5e:00:53:01 00:00:5e:00:53:fe fe80::1 fe80::1 130 0 \
		27100000000000000000000000000000000000000000000000000000
	more_not_for_us() {
		vnep-edge status >"$T/status" && jq -e --slurpfile before "$T/before" '.difference == 0 and
			.dropped["not-for-us"] >= ($before[0].dropped["not-for-us"] // 0) + 2' "$T/status"
	}
	wait_for 5 more_not_for_us
	heard 0 ""
	heard 1 ""
	listens 0 silent
	# the same report as it ought to be
	report 00:00:5e:00:53:01 fe80::200:5eff:fe00:5301 143 "$join"
	wait_for 5 heard 0 "lights joined"
	balanced
}

@test "mcast mld: whose time is over left; who sleeps did not; who is taken out of the map is gone" {
	lab 3
	T3324=1 mcast_map
	mld_start
	awake_all 0 1 2
	joined 0 1 2
	for n in 0 1 2; do
		wait_for 10 heard "$n" "lights joined"
	done
	radio off 0
	radio off 1
	wait_for 10 state_is "$V0" asleep
	wait_for 20 heard 1 "lights joined,lights left"
	sent=$(queries)
	wait_for 20 mld_count query $(( sent + 9 )) # three rounds on three ports
	listens 0 joined
	listens 2 joined
	radio on 0
	speak 0
	wait_for 5 state_is "$V0" awake
	listens 0 joined
	vnep-map delete "$DEV2"
	wait_for 5 heard 2 "lights joined,lights left"
	balanced
}

@test "mcast mld: a source less is asked about; who listens to the others stays" {
	lab 1
	mcast_map "$(ninth)"
	mld_start
	awake_all 0
	joined 0
	wait_for 10 heard 0 "lights joined"
	capture block dev0 d0
	report 00:00:5e:00:53:01 fe80::200:5eff:fe00:5301 143 "0000000106000001${LIGHTS_HEX}20010db8000b00000000000000000002"
	wait_for 10 captured_queries block 2
	captured block
	listens 0 joined
	heard 0 "lights joined"
	# and who listened to that one alone has left
	vnep-edge attach "$DEV9" --port acc0 --addr 2001:db8:a::9
	report 02:5e:00:00:00:09 fe80::9 143 "0000000105000001${LIGHTS_HEX}20010db8000b00000000000000000002"
	wait_for 5 heard 9 "lights joined"
	report 02:5e:00:00:00:09 fe80::9 143 "0000000106000001${LIGHTS_HEX}20010db8000b00000000000000000002"
	wait_for 10 heard 9 "lights joined,lights left"
	balanced
}

@test "mcast mld: who is silent because another one of its link said it by the first version listens as long as that does" {
	lab 1
	mcast_map "$(ninth)"
	netns dev0 sh -c 'echo 1 >/proc/sys/net/ipv6/conf/d0/force_mld_version'
	mld_start
	awake_all 0
	vnep-edge attach "$DEV9" --port acc0 --addr 2001:db8:a::9
	report 02:5e:00:00:00:09 fe80::9 131 "00000000$LIGHTS_HEX"
	wait_for 5 heard 9 "lights joined"
	joined 0
	wait_for 10 heard 0 "lights joined"
	sent=$(queries)
	wait_for 20 mld_count query $(( sent + 4 ))
	heard 9 "lights joined"
	stop joined0
	wait_for 10 heard 0 "lights joined,lights left"
	wait_for 20 heard 9 "lights joined,lights left"
	balanced
}

@test "mcast mld: so much is remembered of a device: what it listens to, before what it may not; at another port nothing" {
	local i groups= many

	lab 2
	mcast_map
	for (( i = 1; i <= 40; i++ )); do
		printf '{"type":"group","v":1,"group":"g%u","address":"ff35:40:2001:db8::8000:10%02x"}\n' "$i" "$i"
		groups+="${groups:+,}\"g$i\""
	done >"$T/groups"
	printf '{"type":"device","v":1,"dev":"%s","vep":"2001:db8:b::9","groups":[%s]}\n' "$DEV9" "$groups" >>"$T/groups"
	vnep-map set -q "$T/groups"
	mld_start
	vnep-edge attach "$DEV9" --port acc0 --addr 2001:db8:a::9
	# sixty that nobody named, in a report as long as a frame; then its own forty
	many=$(for (( i = 1; i <= 60; i++ )); do printf '04000000ff35004020010db80000000080002%03x' "$i"; done)
	report 02:5e:00:00:00:09 fe80::9 143 "0000003c$many"
	wait_for 5 mld_count refused 60
	many=$(for (( i = 1; i <= 40; i++ )); do printf '04000000ff35004020010db80000000080001%03x' "$i"; done)
	report 02:5e:00:00:00:09 fe80::9 143 "00000028$many"
	wait_for 5 mld_count joined 32
	mld_count not-kept 8
	grep -q '^vnep_mld_listeners 32$' "$T/metrics"
	[ "$(grep -c 'mld: no room for more' "$T/edge.err")" -eq 1 ]
	vnep-mcast members -g g32 | jq -e '.state == "joined"'
	vnep-mcast members -g g33 | jq -e '.state == "silent"'
	vnep-edge attach "$DEV9" --port acc1 --addr 2001:db8:a::9
	wait_for 5 mld_count left 32
	vnep-mcast members -g g32 | jq -e '.state == "silent"'
	balanced
}
