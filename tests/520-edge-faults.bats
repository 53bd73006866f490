load helpers
load edge

# Bad surroundings and sudden ends: a clear error and nothing changed; what was durable is there again.

@test "edge run: without CAP_NET_ADMIN exit 3, naming what is missing" {
	lab
	run -3 --separate-stderr netns edge "${NO_CAPS[@]}" vnep-edge run --access acc0 --core up0
	[[ $stderr == *CAP_NET_* ]]
	run -1 netns edge nft list table netdev vnep
}

@test "edge run: a port that is not there: refused before anything was changed" {
	lab
	run -2 --separate-stderr netns edge vnep-edge run --access acc0,nosuch0 --core up0
	[[ $stderr == *nosuch0* ]]
	run -1 netns edge nft list table netdev vnep
	run -1 netns edge ip link show vnep-j0
}

@test "edge run: a second daemon on the same state is refused, naming the first" {
	lab
	edge_map
	edge_start
	run -5 --separate-stderr netns edge vnep-edge run --access acc0 --core up0
	[[ $stderr == *"in use by vnep-edge (process ${PIDS[edge]})"* ]]
	vnep-edge status
}

@test "edge run: a state folder that is a link, foreign or writable for everybody is refused" {
	lab
	ln -s "$VNEP_STATE" "$T/link"
	run -3 --separate-stderr netns edge vnep-edge run --state "$T/link" --access acc0 --core up0
	[[ $stderr == *"symbolic link"* ]]
	mkdir "$T/open"
	chmod 0777 "$T/open"
	run -3 --separate-stderr netns edge vnep-edge run --state "$T/open" --access acc0 --core up0
	[[ $stderr == *"writable for everybody"* && $stderr == *"chmod o-w"* ]]
}

@test "edge: killed at any time, awake devices go on, nothing durable is lost, the sum still holds" {
	requires socat
	lab 2
	edge_map
	edge_start
	hear 0
	speak 0
	speak 1
	wait_for 5 state_is "$V1" awake
	wait_for 5 state_is "$V0" awake
	radio off 0
	wait_for 5 state_is "$V0" asleep
	for n in 1 2 3; do say_to "$V0" "packet $n"; done
	wait_for 5 pending_is "$V0" 3
	edge_killed
	netns vpc ping -q -c 3 -i 0.05 -W 2 "$V1"   # by the kernel alone
	say_to "$V0" "lost, and counted"
	edge_start
	wait_for 5 pending_is "$V0" 3
	state_is "$V1" awake
	netns vpc ping -q -c 3 -i 0.05 -W 2 "$V1"
	balanced
	jq -e '.dropped.overrun >= 1' "$T/status"
	radio on 0
	speak 0
	wait_for 5 grep -q "packet 3" "$T/hear0.out"
	[[ $(grep packet "$T/hear0.out") == "packet 1"$'\n'"packet 2"$'\n'"packet 3" ]]
	balanced
}

@test "edge: killed while a hand-over is taken back: what the kernel queues is sent, and the waker goes on" {
	requires socat
	lab
	T3324=30 edge_map
	edge_start
	hear 0
	speak 0
	wait_for 5 state_is "$V0" awake
	edge_killed
	ns ip -n edge -6 neigh del "$V0" dev acc0
	say_to "$V0" "queued by the kernel"
	wait_for 5 unresolved "$V0"
	netns edge nft delete element netdev vnep awake "{ $V0 }"
	edge_start
	wait_for 5 grep -q "queued by the kernel" "$T/hear0.out"
	wait_for 5 state_is "$V0" awake
	run ! told '.type == "checkpoint"'
	say_to "$V0" "by the kernel"
	wait_for 5 grep -q "by the kernel" "$T/hear0.out"
	balanced
}

unresolved() { [[ $(ns ip -n edge -6 neigh show "$1" dev acc0) == *INCOMPLETE* ]]; }

@test "edge: killed again and again while packets arrive: each is delivered, pending, or counted as overrun" {
	requires socat
	lab
	edge_map
	edge_start
	hear 0
	for round in 1 2 3 4; do
		for n in 1 2 3 4 5 6; do say_to "$V0" "round $round packet $n"; done
		edge_killed
		edge_start
	done
	balanced
	local pending overrun
	pending=$(jq .pending "$T/status") overrun=$(jq '.dropped.overrun // 0' "$T/status")
	(( pending <= 24 && pending + overrun >= 24 )) # overrun counts neighbour discovery, too
	speak 0
	wait_for 10 pending_is "$V0" 0
	wait_for 5 state_is "$V0" awake
	balanced
	# in order, and at most what a crash may repeat
	grep -o 'round.*' "$T/hear0.out" | uniq >"$T/heard"
	sort -c "$T/heard"
	(( $(wc -l <"$T/heard") == pending ))
}

@test "edge: a full disk stops no packet of awake devices, is counted, and passes by itself" {
	requires socat
	lab 2
	ns mkdir -p "$T/disk"
	ns mount -t tmpfs -o size=2M,mode=0700 none "$T/disk"
	VNEP_STATE=$T/disk/state
	ns env VNEP_STATE="$VNEP_STATE" sh -c 'mkdir -m 0700 -p "$VNEP_STATE"'
	in_disk() { ns env VNEP_STATE="$VNEP_STATE" VNEP_RUNTIME="$VNEP_RUNTIME" "$@"; }
	in_disk vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","psm":{"t3324_s":2}}
		{"type":"device","v":1,"dev":"$DEV1","vep":"$V1"}
	END
	background edge netns edge env VNEP_STATE="$VNEP_STATE" vnep-edge run --name test --access acc0,acc1 --core up0
	wait_for 10 in_disk vnep-edge status
	speak 1
	wait_for 5 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} -- env VNEP_STATE=$VNEP_STATE vnep-edge status $V1 | jq -e '.state == \"awake\"'"
	in_disk sh -c 'dd if=/dev/zero of="$VNEP_STATE/../fill" bs=64k 2>/dev/null || true'
	for n in 1 2 3 4 5 6 7 8 9; do
		head -c 1200 /dev/zero | tr '\0' "$n" | netns vpc socat -u - "UDP6-SENDTO:[$V0]:5683"
	done
	wait_for 8 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} -- env VNEP_STATE=$VNEP_STATE vnep-edge status | jq -e '.dropped.enospc > 0 and .difference == 0'"
	netns vpc ping -q -c 3 -i 0.05 -W 2 "$V1"
	in_disk sh -c 'rm "$VNEP_STATE/../fill"'
	say_to "$V0" "room again"
	wait_for 8 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} -- env VNEP_STATE=$VNEP_STATE vnep-edge status $V0 | jq -e '.pending >= 1'"
	run -0 in_disk vnep-edge status
	record '.difference == 0'
}

@test "edge: a device that is deleted from the map is nobody's: its pending packets are dropped with a reason" {
	requires socat
	lab
	edge_map
	edge_start
	say_to "$V0" "for nobody"
	wait_for 5 pending_is "$V0" 1
	vnep-map delete -q "$V0"
	balanced
	jq -e '.pending == 0 and .dropped["no-mapping"] == 1' "$T/status"
	run -1 netns dev0 ping -q -c 1 -W 1 2001:db8:b::2
	wait_for 5 told '.type == "decision" and .reason == "no-mapping"'
	balanced
}

@test "edge: stopped and started, an awake device is not interrupted" {
	lab 2
	edge_map
	edge_start
	speak 1
	wait_for 5 state_is "$V1" awake
	background ping netns vpc ping -q -c 60 -i 0.03 -W 2 "$V1"
	vnep-edge stop
	wait "${PIDS[edge]}"
	stop watch
	edge_start
	wait "${PIDS[ping]}"
	grep -q "60 packets transmitted, 60 received" "$T/ping.out"
	balanced
}

@test "edge: a port that is deleted and made again is a port again: rules, elements and sockets follow" {
	lab 2
	edge_map
	edge_start
	speak 1
	wait_for 5 state_is "$V1" awake
	ns ip -n edge link del acc1
	wait_for 5 told ".type == \"presence\" and .dev == \"$DEV1\" and .state == \"asleep\" and .cause == \"link-down\""
	ns ip link add acc1 index 31 netns edge type veth peer name d1 netns dev1
	ns ip -n edge link set acc1 address 00:00:5e:00:53:f1 up
	netns dev1 sh -c 'echo 0 >/proc/sys/net/ipv6/conf/d1/accept_dad
		ip link set d1 address 00:00:5e:00:53:11 up
		ip address add 2001:db8:a::3/64 dev d1 nodad; ip route add default via fe80::1 dev d1'
	wait_for 8 netns dev1 ping -q -c 1 -W 1 2001:db8:b::2
	wait_for 5 state_is "$V1" awake
	netns vpc ping -q -c 2 -i 0.1 -W 2 "$V1"
	balanced
}
