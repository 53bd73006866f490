load helpers
load edge

# From-device replay: what devices send while the core port or the next hop of a route is away is kept, and goes on in
# order when it is back.

setup() {
	vnep_setup
	requires socat
	lab 2
	T3324=60 edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	hears heard 7000
}

# hears NAME PORT: the VPC host writes what it gets there to $T/NAME.out. It has room for as much as it may have.
hears() {
	background "$1" netns vpc socat -u "UDP6-RECV:$2,reuseaddr,rcvbuf=4194304" -
	wait_for 5 netns vpc sh -c "ss -Hlnu | grep -q ':$2 '"
}

# two_vpcs there|away: beside the VPC of dev0 another one, blue, of dev1. BLUE is behind its next hop.
BLUE=2001:db8:ee::1 NEXT=2001:db8:c::1 VB=2001:db8:c::71
two_vpcs() {
	[[ $1 == away ]] || netns vpc ip address add "$NEXT/64" dev v0 nodad
	netns vpc ip address add "$BLUE/128" dev lo nodad
	netns vpc ip address add 2001:db8:c::2/64 dev v0 nodad
	netns vpc ip -6 route replace "$VB/128" dev v0
	vnep-map delete "$DEV1"
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:c::/64","routes":[{"to":"2001:db8:ee::/48","next_hop":"$NEXT"}]}
		{"type":"device","v":1,"dev":"$DEV1","vep":"$VB","vpc":"blue","addr":["2001:db8:a::3"],"allow":[{"to":"2001:db8:ee::/48"},{"to":"2001:db8:c::/64"}]}
	END
	hears blue 7001
}

# next_hop away|back: the edge says so; back: it has its address again.
next_hop() {
	local done="does not answer"

	if [[ $1 == back ]]; then
		netns vpc ip address add "$NEXT/64" dev v0 nodad
		done="is back"
	fi
	last_said() { [[ $(grep "next hop: $NEXT" "$T/edge.err" | tail -n 1) == *"$done" ]]; }
	wait_for 20 last_said
}

# core up|down: the core port's link, and the edge has noticed.
core() {
	local before

	before=$(grep -c "port: up0" "$T/edge.err" || true)
	ns ip -n edge link set up0 "$1"
	noticed() { (( $(grep -c "port: up0" "$T/edge.err") > before )); }
	wait_for 5 noticed
}

# numbers FROM TO [PAUSE_S [ADDRESS [PORT [DEVICE]]]]: the device sends them, each in a datagram, from one port.
numbers() {
	netns "${6:-dev0}" bash -c 'exec 3>"/dev/udp/$4/$5" 4<> <(:)
		for (( n = $1; n <= $2; n++ )); do
			echo "$n" >&3
			read -rt "$3" -u 4 || true
		done' numbers "$1" "$2" "${3:-0.001}" "${4:-2001:db8:b::2}" "${5:-7000}"
}

# endless FROM ADDRESS PORT DEVICE: the same until $T/enough is there; the last one is in $T/last.
endless() {
	netns "$4" bash -c 'exec 3>"/dev/udp/$2/$3" 4<> <(:)
		for (( n = $1; ; n++ )); do
			echo "$n" >&3
			[[ ! -e $4/enough ]] || break
			read -rt 0.001 -u 4 || true
		done
		echo "$n" >"$4/last"' endless "$1" "$2" "$3" "$T"
}

held() { vnep-edge status "${1:-$V0}" | jq '.held // 0'; }
held_is() { [[ $(held "${2:-}") == "$1" ]]; }
held_more() { (( $(held "${2:-}") > $1 )); }
status_has() { vnep-edge status >"$T/status" && jq -e ".difference == 0 and ($1)" "$T/status"; }
heard_to() { [[ $(tail -n 1 "$T/${2:-heard}.out") == "$1" ]]; }
# Each of them once, none lost, none overtaken.
in_order() { seq "$1" "$2" | diff - "$T/${3:-heard}.out"; }
# The same, but that what was sent when the worker was killed may have come twice: at most 32.
in_order_again() {
	seq "$1" "$2" | diff - <(awk '!seen[$1]++' "$T/heard.out")
	(( $(sort "$T/heard.out" | uniq -d | wc -l) <= 32 ))
	awk '{ n[$1]++ } END { for (x in n) if (n[x] > 2) exit 1 }' "$T/heard.out"
}

in_kernel() { netns edge nft get element netdev vnep reachable "{ 2001:db8:b::2 }"; }
# kill_worker [PID]: another one goes on with what is in ring and journal.
kill_worker() {
	local before=${1:-$(worker)}

	kill -KILL "$before"
	anew() { [[ $(worker) != "$before" ]] && vnep-edge status; }
	wait_for 10 anew
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
		n=$(held)
		more() { ! kill -0 "${PIDS[stream]}" 2>/dev/null || held_more $(( n + 20 )); }
		wait_for 10 more
		core up
		wait_for 10 held_is 0
	done
	wait "${PIDS[stream]}"
	unset 'PIDS[stream]'
	numbers "$(( last + 1 ))" "$(( last + 1 ))"
	wait_for 10 heard_to "$(( last + 1 ))"
	sort -nu "$T/heard.out" | diff - "$T/heard.out"
	# a gap for each time it went down at most
	awk -v downs="$(grep -c "went down" "$T/edge.err")" 'NR > 1 && $1 != was + 1 { gaps++; lost += $1 - was - 1 }
		{ was = $1 } END { print "# heard " NR ", downs " downs ", gaps " gaps + 0 ", lost before it was noticed " lost + 0; exit gaps > downs }' \
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
	edge_killed
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
	edge_killed
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
	edge_killed
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

# Each stream begins when the link is down and noticed, and goes on while it is up again: nothing may be lost at all.
@test "uplink: two devices of two VPCs go on sending while what was kept of them is sent: lost 0, twice 0, out of order 0" {
	local last=600

	[[ -z ${VNEP_FULL:-} ]] || last=10000
	two_vpcs there
	numbers 1 1 0 2001:db8:ee::1 7001 dev1
	wait_for 10 heard_to 1 blue
	core down
	background zero numbers 1 "$last"
	background one numbers 2 "$last" 0.001 "$BLUE" 7001 dev1
	wait_for 20 held_more 100
	wait_for 20 held_more 100 "$VB"
	core up
	stop -0 zero 0
	stop -0 one 0
	wait_for 20 heard_to "$last"
	wait_for 20 heard_to "$last" blue
	in_order 1 "$last"
	in_order 1 "$last" blue
	wait_for 10 in_kernel
	wait_for 5 status_has '.pending == 0'
	printf '# streams 2 x %u: lost 0, twice 0, out of order 0, of them held %u\n' "$last" "$(jq .delivered "$T/status")" >&3
}

@test "uplink: a next hop that is not there, and back while its device sends: in order; the other VPC does not wait for it" {
	two_vpcs away
	next_hop away
	background one endless 1 "$BLUE" 7001 dev1
	wait_for 10 held_more 300 "$VB"
	numbers 1 50
	wait_for 5 heard_to 50
	in_order 1 50
	held_more 300 "$VB"
	next_hop back
	begun() { [[ -s $T/blue.out ]]; }
	wait_for 10 begun
	: >"$T/enough"
	stop -0 one 0
	wait_for 10 heard_to "$(<"$T/last")" blue
	in_order 1 "$(<"$T/last")" blue
	printf '# a next hop away and back: %u sent, lost 0, twice 0, out of order 0\n' "$(<"$T/last")" >&3
	wait_for 5 status_has '.pending == 0'
}

@test "uplink: a next hop that fell silent between two lives of the daemon is noticed, and what comes then waits for it" {
	two_vpcs there
	netns dev1 ping -q -c 1 -W 5 "$BLUE" # it is attached
	numbers 1 3 0.001 "$BLUE" 7001 dev1
	wait_for 5 heard_to 3 blue
	wait_for 5 netns edge nft get element netdev vnep reachable "{ $NEXT }"
	edge_killed
	netns vpc ip address delete "$NEXT/64" dev v0
	edge_start
	next_hop away
	numbers 4 60 0.001 "$BLUE" 7001 dev1
	wait_for 5 held_is 57 "$VB"
	next_hop back
	numbers 61 80 0.001 "$BLUE" 7001 dev1
	wait_for 10 heard_to 80 blue
	in_order 1 80 blue
	wait_for 5 status_has '.pending == 0'
}

@test "uplink: the worker killed while it sends what was kept: nothing lost or overtaken, at most 32 twice" {
	local n=1000 before end

	core down
	numbers 1 "$n" 0.0001
	wait_for 10 held_is "$n"
	before=$(worker)
	ns ip -n edge link set up0 up
	end=$(( SECONDS + 10 ))
	while [[ ! -s $T/heard.out ]] && (( SECONDS < end )); do :; done # at once: it sends a thousand in some milliseconds
	kill_worker "$before"
	numbers $(( n + 1 )) $(( n + 20 ))
	wait_for 20 heard_to $(( n + 20 ))
	in_order_again 1 $(( n + 20 ))
	wait_for 5 status_has '.pending == 0'
	printf '# heard %u of %u before the kill or after it, twice %u\n' "$(wc -l <"$T/heard.out")" $(( n + 20 )) \
		"$(sort "$T/heard.out" | uniq -d | wc -l)" >&3
}

@test "uplink: the worker killed while it keeps what comes: each packet waits once, and they go in order" {
	core down
	background zero numbers 1 600
	wait_for 10 held_more 100
	kill_worker
	stop -0 zero 0
	wait_for 10 held_is 600
	status_has '.pending == 600'
	core up
	wait_for 10 heard_to 600
	in_order 1 600
	wait_for 5 status_has '.pending == 0'
}

@test "uplink: of a device as much is held as its dl_buffering says, the oldest go; of a VPC as its quota says, then nothing is kept" {
	printf '%s\n' '{"type":"device","v":1,"dev":"'"$DEV0"'","vep":"'"$V0"'","psm":{"t3324_s":60},"dl_buffering":{"packet_count":10}}' | vnep-map set -q
	core down
	numbers 1 30
	wait_for 5 status_has '.pending == 10 and .dropped["dl-buffering-packet-count"] == 20'
	held_is 10
	core up
	wait_for 10 heard_to 30
	in_order 21 30
	wait_for 5 status_has '.pending == 0'
	printf '%s\n' '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","quota":{"octets":670}}' \
		'{"type":"device","v":1,"dev":"'"$DEV0"'","vep":"'"$V0"'","psm":{"t3324_s":60}}' | vnep-map set -q
	core down
	numbers 31 60 # 65 octets each
	wait_for 5 status_has '.pending == 10 and .dropped["quota-vpc"] == 20'
	wait_for 5 told '.type == "decision" and .reason == "quota-vpc" and .direction == "from-device"'
	core up
	wait_for 10 heard_to 40
	in_order 21 40
	wait_for 5 status_has '.pending == 0'
}

@test "uplink: what waited longer than its duration_s is not sent any more when the port is back" {
	local began
	vnep-map import -q <<<"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"psm\":{\"t3324_s\":60},\"dl_buffering\":{\"duration_s\":2}}"
	core down
	numbers 1 5
	wait_for 5 held_is 5
	began=$EPOCHSECONDS
	older() { (( EPOCHSECONDS > began + 3 )); }
	wait_for 10 older
	numbers 6 7
	wait_for 5 held_is 7
	core up
	wait_for 10 heard_to 7
	in_order 6 7
	wait_for 5 status_has '.dropped."dl-buffering-duration" == 5 and .pending == 0'
}
