load helpers
load edge
load mcast
load mld
load wire

# Who listens to which groups: the edge asks, kernels and smcroute answer.

setup() {
	vnep_setup
	requires socat
}

@test "mcast mld: a kernel's join and leave are told, and members shows the map beside them" {
	lab 3
	mcast_map
	INTERVAL=300 mld_start
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
	INTERVAL=300 mld_start
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

@test "mcast mld: the query is one of MLDv2 as tshark wants it, under each VLAN's own tag" {
	requires tshark
	lab 1
	mcast_tagged
	whole_checksums
	capture query dev0 d0
	mld_start
	netns t101 ping -q -c 1 -W 5 2001:db8:b::2
	netns t102 ping -q -c 1 -W 5 2001:db8:b::2
	background t101 netns t101 socat -u "UDP6-RECV:7000,ipv6-join-group=[$GROUP]:t101" -
	wait_for 10 grep -q '"dev":"urn:dev:mac:00005efffe005321","group":"lights","state":"joined"' "$T/heard.out"
	run -0 vnep-mcast members -g lights
	record -s 'map(.state) == ["joined","silent"]'
	wait_for 10 mld_count query 6 # to both as they came, and two rounds of all
	captured query
	good query +2 "icmpv6.type == 130 && vlan.id == 101 && ipv6.src == fe80::1 && ipv6.dst == ff02::1 &&
			eth.dst == 33:33:00:00:00:01 && eth.src == 00:00:5e:00:53:fe && ipv6.hlim == 1 &&
			ipv6.opt.router_alert == 0 && icmpv6.mld.multicast_address == :: &&
			icmpv6.mld.maximum_response_code == 500 && icmpv6.mld.flag.qrv == 2 && icmpv6.mld.qqi == 3 &&
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
	INTERVAL=300 mld_start
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
	INTERVAL=300 mld_start
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
