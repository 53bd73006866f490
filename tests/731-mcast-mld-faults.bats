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

# What its kernel says of groups does not get out.
silence() {
	netns "$1" nft "table ip6 silence { chain out { type filter hook output priority 0;
		icmpv6 type { mld2-listener-report, mld-listener-report, mld-listener-done } drop; }; }"
}

ignored() {
	mld_count ignored 0
	awk '/event="ignored"/ { print $2 }' "$T/metrics"
}

@test "mcast mld: nobody joins for another: strangers, other MACs, other ports, no binding; queries and nonsense are dropped" {
	lab 2
	mcast_map
	INTERVAL=300 mld_start
	awake_all 1
	silence dev0 # its kernel reports as well, and that counts
	silence dev1
	ignored=$(ignored)
	join=0000000104000000$LIGHTS_HEX
	report 00:00:5e:00:53:77 fe80::77 143 "$join"                           # a stranger
	report 00:00:5e:00:53:01 fe80::200:5eff:fe00:5301 143 "$join"           # known, not attached
	report 00:00:5e:00:53:11 fe80::200:5eff:fe00:5311 143 "$join"           # dev1's, at another port
	wait_for 5 mld_count ignored $(( ignored + 3 ))
	[ "$(ignored)" -eq $(( ignored + 3 )) ]
	awake_all 0
	report 00:00:5e:00:53:01 :: 143 "$join"                                 # no address yet
	wait_for 5 mld_count ignored $(( ignored + 4 ))
	[ "$(ignored)" -eq $(( ignored + 4 )) ]
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

# member: a kernel that listens to two sources, and at each USR1 to one less
member() {
	cat >"$T/member.py" <<-'END'
		import signal, socket, struct, sys
		group, link = sys.argv[1], socket.if_nametoindex(sys.argv[2])
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		def addr(text):
		    return struct.pack("HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, text), 0).ljust(128, b"\0")
		def change(what, source):
		    s.setsockopt(socket.IPPROTO_IPV6, what, struct.pack("I4x", link) + addr(group) + addr(source))
		signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
		sources = ["2001:db8:b::2", "2001:db8:b::3"]
		for source in sources:
		    change(46, source)
		print("listens")
		while sources:
		    signal.sigwait([signal.SIGUSR1])
		    change(47, sources.pop())
	END
	background "$1" netns dev0 /usr/bin/python3 -u "$T/member.py" "$GROUP" d0
	wait_for 10 grep -q listens "$T/$1.out"
}

@test "mcast mld: a source less is asked about, and nobody else is; who listens to the others stays" {
	requires /usr/bin/python3 python3
	lab 1
	mcast_map "$(ninth)"
	INTERVAL=300 mld_start
	awake_all 0
	member two
	wait_for 10 heard 0 "lights joined"
	capture block dev0 d0
	kill -USR1 "${PIDS[two]}"
	wait_for 10 captured_queries block 1
	wait_for 20 later $(( EPOCHSECONDS + 5 ))
	heard 0 "lights joined"
	listens 0 joined
	kill -USR1 "${PIDS[two]}"
	wait_for 20 heard 0 "lights joined,lights left"
	captured block
	good block +2 "icmpv6.type == 130 && ipv6.dst == $GROUP && eth.dst == 00:00:5e:00:53:01" \
		0 "icmpv6.type == 130 && ipv6.dst == $GROUP && eth.dst != 00:00:5e:00:53:01"
	balanced
}

@test "mcast mld: who listens to all but some sources is not asked about one more, nor anybody by a block that names none" {
	lab 1
	mcast_map "$(ninth)"
	INTERVAL=300 mld_start
	attach9
	says9 4
	wait_for 5 heard 9 "lights joined"
	before=$(queries)
	for _ in {1..10}; do
		says9 6
		says9 6 "$LIGHTS_HEX" 20010db8000b00000000000000000002
	done
	reports=$(( $(mld_count report 0; awk '/event="report"/ { print $2 }' "$T/metrics") ))
	wait_for 5 mld_count report $(( reports > 20 ? reports : 20 ))
	wait_for 20 later $(( EPOCHSECONDS + 5 ))
	listens 9 joined
	(( $(queries) <= before + 1 )) # the second general one
	balanced
}

@test "mcast mld: one device cannot make the edge flood its link with queries" {
	lab 1
	mcast_map "$(ninth)"
	INTERVAL=300 mld_start
	attach9
	says9 5 "$LIGHTS_HEX" 20010db8000b00000000000000000002
	wait_for 5 heard 9 "lights joined"
	before=$(queries)
	began=$EPOCHSECONDS
	for _ in {1..60}; do
		says9 6 "$LIGHTS_HEX" 20010db8000b00000000000000000002
		says9 5 "$LIGHTS_HEX" 20010db8000b00000000000000000002
		# the same by the first version: all of the link would answer
		report 02:5e:00:00:00:09 fe80::9 131 "00000000$LIGHTS_HEX"
		report 02:5e:00:00:00:09 fe80::9 132 "00000000$LIGHTS_HEX"
	done
	wait_for 10 mld_count report 240
	# two for it alone and two for the link every five seconds, and a general one
	(( $(queries) - before <= 1 + 4 * (1 + (EPOCHSECONDS - began + 1) / 5) ))
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
	INTERVAL=300 mld_start
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
