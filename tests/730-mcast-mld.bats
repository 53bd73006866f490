load helpers
load edge
load mcast
load wire

# Who listens to which groups: the edge asks, kernels and smcroute answer.

setup() {
	vnep_setup
	requires socat
}

# The edge as querier on all ports, its joins and leaves in $T/heard.out. A second is the shortest that RFC 3810's times
# can be made of.
mld_start() {
	local ports

	ports=$(ns ip -n edge -o link show type veth | grep -o 'acc[0-9]*' | sort -u | paste -sd' ')
	edge_start --mld "$ports interval_s=2 response_ms=500" "$@"
	background heard vnep-mcast watch
	wait_for 5 grep -q '"type":"sync"' "$T/heard.out"
}

# Is that what was told of device N, in this order?
heard() {
	local dev=DEV$1

	[ "$(jq -r --arg dev "${!dev}" 'select(.dev == $dev) | "\(.group) \(.state)"' "$T/heard.out" | paste -sd, -)" == "$2" ]
}

# Does device N listen to the group, by what the edge has heard?
listens() {
	local dev=DEV$1

	vnep-mcast members -g "${3:-lights}" | jq -se --arg dev "${!dev}" --arg state "$2" \
		'map(select(.dev == $dev)) | length == 1 and .[0].state == $state'
}

# For wait_for: the number of that name and event.
mld_count() {
	vnep-edge metrics >"$T/metrics" && awk -v name="vnep_mld_total{event=\"$1\"}" -v least="$2" \
		'$1 == name && $2 >= least { found = 1 } END { exit !found }' "$T/metrics"
}

# A report (143) or a message of the first version in the name of a device, with the router alert: MAC, source, type, hex behind
# the checksum.
report() {
	HOPS=1 ALERT=1 netns dev0 frames icmp6 d0 "$1" 33:33:00:00:00:16 "$2" ff02::16 "$3" 0 "$4"
}
# One more device behind the link of dev0; what it says `report` says.
DEV9=urn:dev:mac:025e00fffe000009
ninth() {
	printf '{"type":"device","v":1,"dev":"%s","vep":"2001:db8:b::9","groups":["lights"]}' "$DEV9"
}
LIGHTS_HEX=ff35004020010db80000000080000001

@test "mcast mld: a kernel's join and leave are told, and members shows the map beside them" {
	lab 3
	mcast_map
	mld_start
	awake_all 0 1 2
	run -0 vnep-mcast members -g lights
	record -s 'length == 3 and all(.[]; .type == "membership" and .group == "lights" and .state == "silent")'
	joined 0 1
	wait_for 10 heard 0 "lights joined"
	wait_for 10 heard 1 "lights joined"
	run -0 vnep-mcast members -g lights
	record -s 'map({(.dev): .state}) | add == {(env.DEV0): "joined", (env.DEV1): "joined", (env.DEV2): "silent"}'
	stop joined0
	wait_for 10 heard 0 "lights joined,lights left"
	listens 0 left
	listens 1 joined
	# the map decides who gets it, also who said nothing
	run -0 vnep-mcast send -q -g lights -p 7000 <(instruct '"payload":"b24K"')
	record '[.members,.sent] == [3,3]'
	wait_for 5 got 1 on
	# who comes later hears first who listens now
	background later vnep-mcast watch
	wait_for 5 grep -q '"type":"sync"' "$T/later.out"
	jq -se 'map(.type) == ["membership","sync"] and .[0].dev == env.DEV1' "$T/later.out"
	wait_for 5 told '.type == "membership" and .dev == env.DEV0 and .state == "left"'
	balanced
}

@test "mcast mld: so are those of a kernel that speaks the first version, and the link is asked when it leaves" {
	lab 1
	mcast_map
	netns dev0 sh -c 'echo 1 >/proc/sys/net/ipv6/conf/d0/force_mld_version'
	mld_start
	awake_all 0
	capture v1 dev0 d0
	joined 0
	wait_for 10 heard 0 "lights joined"
	stop joined0
	wait_for 10 heard 0 "lights joined,lights left"
	asked() {
		mld_count query 1 && captured_queries v1 2
	}
	wait_for 10 asked
	captured v1
	good v1 +1 "icmpv6.type == 131 && icmpv6.mld.multicast_address == $GROUP" \
		1 "icmpv6.type == 132 && icmpv6.mld.multicast_address == $GROUP" \
		2 "icmpv6.type == 130 && icmpv6.mld.multicast_address == $GROUP && ipv6.dst == $GROUP &&
			eth.dst == 33:33:80:00:00:01 && ipv6.hlim == 1 && ipv6.opt.router_alert == 0" \
		0 "icmpv6.type == 143 && ipv6.src == fe80::200:5eff:fe00:5301"
	balanced
}

# So many queries of the group are in that capture.
captured_queries() {
	(( $(tshark -r "$T/$1.pcapng" -Y "icmpv6.type == 130 && ipv6.dst == $GROUP" 2>/dev/null | wc -l) >= $2 ))
}

@test "mcast mld: the query is one of MLDv2 as tshark wants it, under each VLAN's own tag" {
	requires tshark
	lab 1
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900,"speaker":"$SPEAKER"}
		{"type":"group","v":1,"group":"lights","address":"$GROUP"}
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005321","vep":"2001:db8:b::101","vlan":101,"groups":["lights"]}
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005322","vep":"2001:db8:b::102","vlan":102,"groups":["lights"]}
	END
	lab_taps <<-'END'
		t101 dev0 101 00:00:5e:00:53:21 2001:db8:a::2/64
		t102 dev0 102 00:00:5e:00:53:22 2001:db8:a::2/64
		c900 vpc 900 00:00:5e:00:53:29 2001:db8:b::2/64
	END
	whole_checksums
	capture query dev0 d0
	mld_start
	netns t101 ping -q -c 1 -W 5 2001:db8:b::2
	netns t102 ping -q -c 1 -W 5 2001:db8:b::2
	background t101 netns t101 socat -u "UDP6-RECV:7000,ipv6-join-group=[$GROUP]:t101" -
	wait_for 10 grep -q '"dev":"urn:dev:mac:00005efffe005321","group":"lights","state":"joined"' "$T/heard.out"
	run -0 vnep-mcast members -g lights
	record -s 'map(.state) == ["joined","silent"]'
	wait_for 10 mld_count query 4
	captured query
	good query +2 "icmpv6.type == 130 && vlan.id == 101 && ipv6.src == fe80::1 && ipv6.dst == ff02::1 &&
			eth.dst == 33:33:00:00:00:01 && eth.src == 00:00:5e:00:53:fe && ipv6.hlim == 1 &&
			ipv6.opt.router_alert == 0 && icmpv6.mld.multicast_address == :: &&
			icmpv6.mld.maximum_response_code == 500 && icmpv6.mld.flag.qrv == 2 && icmpv6.mld.qqi == 2 &&
			icmpv6.mld.nb_sources == 0 && icmpv6.checksum.status == 1" \
		+2 "icmpv6.type == 130 && vlan.id == 102" \
		0 "icmpv6.type == 130 && !vlan" \
		+1 "icmpv6.type == 143 && vlan.id == 101 && icmpv6.mldr.mar.multicast_address == $GROUP"
	balanced
}

@test "mcast mld: smcroutectl join and leave" {
	requires smcroutectl smcroute
	lab 1
	mcast_map
	mld_start
	awake_all 0
	: >"$T/smcroute.conf"
	background smcroute netns dev0 smcrouted -n -N -f "$T/smcroute.conf" -P "$T/smcroute.pid" -u "$T/smcroute.sock"
	wait_for 10 test -S "$T/smcroute.sock"
	run -0 netns dev0 smcroutectl -u "$T/smcroute.sock" join d0 "$GROUP"
	wait_for 10 heard 0 "lights joined"
	listens 0 joined
	run -0 netns dev0 smcroutectl -u "$T/smcroute.sock" leave d0 "$GROUP"
	wait_for 10 heard 0 "lights joined,lights left"
	balanced
}

@test "mcast mld: a group that its record does not name is refused, told and counted; once it does, the device is in" {
	lab 2
	mcast_map '{"type":"group","v":1,"group":"doors","address":"ff35:40:2001:db8::8000:2"}'
	mld_start
	awake_all 0 1
	background doors netns dev0 socat -u "UDP6-RECV:7001,ipv6-join-group=[ff35:40:2001:db8::8000:2]:d0" -
	wait_for 10 told '.type == "decision" and .reason == "policy-denied" and .dev == env.DEV0 and
		.dest_ip == "ff35:40:2001:db8::8000:2" and .in_iface == "acc0" and .forwarding == "drop"'
	run -0 vnep-mcast members -g doors
	record 'length == 7 and .dev == env.DEV0 and .group == "doors" and .state == "refused"'
	heard 0 ""
	wait_for 5 mld_count refused 1
	vnep-edge status | jq -e '.dropped["policy-denied"] >= 1'
	joined 0 # in one report with the other from now on
	wait_for 10 heard 0 "lights joined"
	printf '{"type":"device","v":1,"dev":"%s","vep":"%s","groups":["lights","doors"],"psm":{"t3324_s":60}}\n' "$DEV0" "$V0" |
		vnep-map set -q
	wait_for 10 heard 0 "lights joined,doors joined"
	# and back: it listens still, and that does not count
	printf '{"type":"device","v":1,"dev":"%s","vep":"%s","groups":["lights"],"psm":{"t3324_s":60}}\n' "$DEV0" "$V0" |
		vnep-map set -q
	listens 0 refused doors
	wait_for 10 heard 0 "lights joined,doors joined,doors left"
	listens 0 joined
	balanced
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

# Queries that were sent so far.
queries() {
	mld_count query 0
	awk '/event="query"/ { print $2 }' "$T/metrics"
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

@test "mcast mld: reload begins and ends it; without it members says so" {
	lab 1
	mcast_map
	printf '%s\n' '[ports]' 'access = acc0' 'core = up0' >"$T/edge.conf"
	background edge netns edge vnep-edge run --name test -c "$T/edge.conf"
	wait_for 30 vnep-edge status
	awake_all 0
	joined 0
	run -2 --separate-stderr vnep-mcast members -g lights
	[[ $stderr == *"this edge asks no device what it listens to"*"mld = PORT"* ]]
	background heard vnep-mcast watch
	printf '%s\n' 'mld = acc0 interval_s=300 response_ms=500' >>"$T/edge.conf"
	vnep-edge reload
	wait_for 10 heard 0 "lights joined"
	sed -i '$d' "$T/edge.conf"
	vnep-edge reload
	wait_for 5 heard 0 "lights joined,lights left"
	printf '%s\n' 'mld = acc0 acc9' >>"$T/edge.conf"
	run -2 --separate-stderr vnep-edge reload
	[[ $stderr == *"edge.conf:4: mld: acc9 is not an access port"* ]]
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

@test "mcast mld: what is asked wrongly, and where no edge lives" {
	vnep_setup
	run -2 --separate-stderr vnep-mcast members
	[[ $stderr == *"of which group? --group"* ]]
	for verb in "members -g lights" watch; do
		# shellcheck disable=SC2086
		run -5 --separate-stderr vnep-mcast $verb
		[[ $stderr == *"no vnep-edge lives on"* ]]
	done
	lab 1
	mcast_map
	mld_start
	run -2 --separate-stderr vnep-mcast members -g nobody
	[[ $stderr == *'the map has no group "nobody"'* ]]
}
