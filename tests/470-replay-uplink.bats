load helpers
load edge

# From-device replay: what devices send while the core port or the next hop of a route is away is kept, and goes on in
# order when it is back.

setup() {
	vnep_setup
	requires socat
	lab
	T3324=60 edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	background heard netns vpc socat -u UDP6-RECV:7000,reuseaddr -
	wait_for 5 netns vpc sh -c "ss -Hlnu | grep -q ':7000 '"
}

# core up|down: the core port's link, and the edge has noticed.
core() {
	local before

	before=$(grep -c "port: up0" "$T/edge.err" || true)
	ns ip -n edge link set up0 "$1"
	noticed() { (( $(grep -c "port: up0" "$T/edge.err") > before )); }
	wait_for 5 noticed
}

# numbers FROM TO [PAUSE_S [ADDRESS]]: dev0 sends them, each in a datagram, from one port.
numbers() {
	netns dev0 bash -c 'exec 3>"/dev/udp/$4/7000" 4<> <(:)
		for (( n = $1; n <= $2; n++ )); do
			echo "$n" >&3
			read -rt "$3" -u 4 || true
		done' numbers "$1" "$2" "${3:-0.001}" "${4:-2001:db8:b::2}"
}

held_is() { [[ $(vnep-edge status "$V0" | jq -r '.held // 0') == "$1" ]]; }
status_has() { vnep-edge status >"$T/status" && jq -e ".difference == 0 and ($1)" "$T/status"; }
heard_to() { [[ $(tail -n 1 "$T/heard.out") == "$1" ]]; }
in_order() { seq "$1" "$2" | diff - "$T/heard.out"; }

in_kernel() { netns edge nft get element netdev vnep reachable "{ 2001:db8:b::2 }"; }
killed() {
	kill -KILL "${PIDS[edge]}"
	wait "${PIDS[edge]}" || true
	stop watch
}

# outcomes: those of dev0, as lines "OUTCOME REASON".
outcomes() {
	run -0 vnep-journal read --dev "$DEV0"
	jq -r 'select(.type == "outcome") | "\(.outcome) \(.reason // "-")"' <<<"$output"
}

@test "uplink: what a device sends while the core port is down is kept, and sent on in order when it is up" {
	numbers 1 3
	wait_for 5 heard_to 3
	core down
	numbers 4 40
	wait_for 5 held_is 37
	status_has '.pending == 37'
	run -0 vnep-journal read --pending --dev "$DEV0"
	record -s 'length == 37 and all(.[]; .direction == "from-device" and .held and .conn == 1)'
	run -0 vnep-journal pending
	record '.held == 37 and .pending == 0'
	core up
	numbers 41 60
	wait_for 10 heard_to 60
	in_order 1 60
	wait_for 5 status_has '.pending == 0 and .delivered >= 37'
	held_is 0
	outcomes >"$T/outcomes"
	(( $(grep -c '^sent -$' "$T/outcomes") >= 37 )) && ! grep -v '^sent' "$T/outcomes"
}

# Only what the kernel forwards between the end of the link and the edge's noticing is lost, and counted as forwarded.
@test "uplink: a stream through a core port that comes and goes: nothing is overtaken, doubled, or lost once it is noticed" {
	local last=1000 n

	[[ -z ${VNEP_FULL:-} ]] || last=20000
	background stream numbers 1 "$last" 0.001
	while [[ -n ${PIDS[stream]:-} ]] && kill -0 "${PIDS[stream]}" 2>/dev/null; do
		core down
		n=$(vnep-edge status "$V0" | jq '.held // 0')
		more() { ! kill -0 "${PIDS[stream]}" 2>/dev/null || (( $(vnep-edge status "$V0" | jq '.held // 0') > n + 20 )); }
		wait_for 10 more
		core up
		less() { (( $(vnep-edge status "$V0" | jq '.held // 0') == 0 )); }
		wait_for 10 less
	done
	wait "${PIDS[stream]}"
	unset 'PIDS[stream]'
	numbers "$(( last + 1 ))" "$(( last + 1 ))"
	wait_for 10 heard_to "$(( last + 1 ))"
	sort -nu "$T/heard.out" | diff - "$T/heard.out"
	# a gap for each time it went down at most; what the receiver itself had no room for is not the edge's
	awk -v downs="$(grep -c "went down" "$T/edge.err")" -v full="$(netns vpc awk '$1 == "Udp6RcvbufErrors" { print $2 }' /proc/net/snmp6)" 'NR > 1 && $1 != was + 1 { gaps++; lost += $1 - was - 1 }
		{ was = $1 } END { print "# heard " NR ", downs " downs ", gaps " gaps + 0 ", lost before it was noticed " lost + 0 ", receiver full " full; exit gaps > downs + full }' \
		"$T/heard.out" | tee -a /dev/fd/3 >"$T/figures"
	[[ ${PIPESTATUS[0]} == 0 ]]
	wait_for 5 balanced
}

@test "uplink: killed while it holds: in order, and nobody overtakes after the start" {
	numbers 1 2
	wait_for 5 heard_to 2
	core down
	numbers 3 200
	wait_for 5 held_is 198
	killed
	ns ip -n edge link set up0 up
	edge_start
	numbers 201 210
	wait_for 10 heard_to 210
	in_order 1 210
	wait_for 5 status_has '.pending == 0'
}

@test "uplink: a host that is not there when the port is back: each of its packets has its outcome, the others go" {
	core down
	numbers 1 3 0.001 2001:db8:b::dead
	numbers 4 8
	wait_for 5 held_is 8
	core up
	wait_for 10 heard_to 8
	in_order 4 8
	wait_for 15 held_is 0
	status_has '.pending == 0 and .dropped["no-next-hop"] >= 3'
	[[ $(outcomes | sort | uniq -c | awk '{ print $1, $2, $3 }') == $'3 failed no-next-hop\n5 sent -' ]]
}

@test "uplink: a connection that dies with the port is refused, not kept; what is kept is bounded by retention" {
	stop edge
	stop watch
	edge_start --retain-packets 10 --retain-every 1s
	core down
	run -1 netns dev0 socat -u - TCP6:[2001:db8:b::2]:9,connect-timeout=0.5 </dev/null
	numbers 1 30
	few() { (( $(vnep-edge status "$V0" | jq .held) <= 11 )); }
	wait_for 10 few
	balanced
	status_has '[.dropped[]] | add >= 20'
	core up
	wait_for 10 heard_to 30
}

@test "uplink: a device that is deregistered leaves nothing behind that waits" {
	core down
	numbers 1 5
	wait_for 5 held_is 5
	vnep-map delete "$DEV0"
	wait_for 5 status_has '.pending == 0 and .dropped["no-mapping"] >= 5'
}

@test "uplink: started while the port is down, with hosts of the one before in the kernel's set: they leave it, and what comes is kept" {
	numbers 1 3
	wait_for 5 heard_to 3
	wait_for 5 in_kernel
	killed
	ns ip -n edge link set up0 down
	edge_start
	numbers 4 40
	wait_for 5 held_is 37
	core up
	wait_for 10 heard_to 40
	in_order 1 40
	wait_for 5 status_has '.pending == 0'
}

@test "uplink: what was sent as another endpoint does not go out as the new one's" {
	core down
	numbers 1 3
	wait_for 5 held_is 3
	killed
	printf '%s\n' '{"type":"device","v":1,"dev":"'"$DEV0"'","vep":"2001:db8:b::77","psm":{"t3324_s":60}}' | vnep-map set -q
	edge_start
	core up
	wait_for 10 status_has '.pending == 0'
	[[ $(outcomes | sort | uniq -c | awk '{ print $1, $2, $3 }') == "3 failed not-replayable" ]]
}

@test "uplink: who scans a prefix while the port is down does not fill the table of hosts" {
	[[ -n ${VNEP_FULL:-} ]] || skip "a thousand hosts take half a minute: make check-full"
	core down
	numbers 1 1
	wait_for 5 held_is 1
	netns dev0 bash -c 'for (( n = 1; n <= 1100; n++ )); do
		echo x >"/dev/udp/2001:db8:b::5:$(printf %x "$n")/7000"
	done'
	wait_for 10 status_has '.dropped["neighbour-queue"] == 77 and .pending == 1024'
	numbers 2 5
	core up
	wait_for 10 heard_to 5
	in_order 1 5
	wait_for 15 status_has '.pending == 0'
}

@test "uplink: what is kept is one record, also where the journal has what the device sends" {
	printf '%s\n' '{"type":"device","v":1,"dev":"'"$DEV0"'","vep":"'"$V0"'","psm":{"t3324_s":60},"journal":"from-device"}' | vnep-map set -q
	ns ip -n dev0 address add 2001:db8:a::22/64 dev d0 nodad
	core down
	echo 1 | netns dev0 socat -u - "UDP6-SENDTO:[2001:db8:b::2]:7000,bind=[2001:db8:a::22]"
	wait_for 5 held_is 1
	run -0 vnep-journal read --dev "$DEV0"
	record -s 'map(select(.dest_port == 7000)) | length == 1 and .[0].held'
}
