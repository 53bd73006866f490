load helpers
load edge

# Hand-overs under load: each packet has a number, and each device says what it heard of them.

# handovers DEVICES SECONDS PERIOD_MS RATES: devices that speak every PERIOD_MS and listen for a second get what a local
# host sends them, every other one by UDP_SEGMENT. One line of figures, and nothing lost, doubled or out of order.
handovers() {
	local count=$1 seconds=$2 period=$3 rates=$4

	lab
	sleepers "$count"
	edge_start
	background sink netns vpc socat -u UDP6-RECV:9 /dev/null
	background devices netns dev0 handover be d0 "$count" "$period" 00:00:5e:00:53:fe
	wait_for 5 grep -q ready "$T/devices.out"
	wait_for 10 known "$count"
	# few of these packets are followed by a sign of life: what the edge may send a second time, it would
	HANDOVER_PORT=5683 background sender netns vpc handover send "$count" "$seconds" "$rates"
	wait_for $(( seconds + 30 )) grep -q '^sent' "$T/sender.out"
	wait_for 60 status_is '.pending == 0 and .difference == 0'
	wait_for 5 heard_all
	stop -0 devices
	figures
}

# sleepers COUNT: the map of so many devices; T3324: how long they listen.
sleepers() {
	local n

	{
		echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
		for (( n = 0; n < $1; n++ )); do
			printf '{"type":"device","v":1,"dev":"urn:dev:mac:025e00fffe00%04x","vep":"2001:db8:b::1:%x","mac":"02:5e:00:00:%02x:%02x","journal":"from-device","psm":{"t3324_s":%d}}\n' \
				"$n" "$n" $(( n >> 8 )) $(( n & 255 )) "${T3324:-1}"
		done
	} | vnep-map import -q
}

known() { (( $(jq -s 'map(select(.type == "presence" and .state == "awake").dev) | unique | length' "$T/watch.out") == $1 )); }

status_is() { vnep-edge status >"$T/status" && jq -e "$1" "$T/status"; }

# The ring of the devices has closed its last block.
heard_all() { pause; }

figures() {
	local over

	over=$(jq -s 'map(select(.type == "presence" and .was == "waking" and .state == "awake")) | length' "$T/watch.out")
	join <(grep -v sent "$T/sender.out" | sort -k 1b,1) <(grep -v ready "$T/devices.out" | sort -k 1b,1) >"$T/joined"
	awk -v over="$over" '
		{ sent += $2; heard += $3; lost += $2 - $3; dup += $6; re += $7; if ($2 != $3 || $6 || $7) { bad++; say = say "\n#   device " $1 ": sent " $2 " heard " $3 " duplicated " $6 " reordered " $7 } }
		END { printf "# hand-overs %d, packets %d: lost %d, duplicated %d, reordered %d%s\n", over, sent, lost, dup, re, say }' "$T/joined" | tee "$T/figures" >&3
	cat "$T/figures"
	grep -q ': lost 0, duplicated 0, reordered 0$' "$T/figures"
	(( over >= ${HANDOVERS:-1} ))
}

# A stream without a lull of ten milliseconds stays with the worker; bursts are handed over in between.
@test "hand-over: nothing lost, doubled or out of order, at 10 to 10,000 packets a second, one packet a call or many" {
	local seconds=18 least=500

	[[ -z ${VNEP_FULL:-} ]] || seconds=200 least=10000
	# with sanitizers the edge takes its time, and it is the same order
	if sanitized; then
		least=100 bursts=1000/10
	fi
	HANDOVERS=$least handovers 100 "$seconds" 1500 \
		10,10,10,10,10,10,10,10,10,10,10,10,10,10,10,100,100,100,1000/40,"${bursts:-10000/10}"
}

@test "hand-over: a steady stream of 10,000 packets a second to each of two devices" {
	if sanitized; then
		skip "an edge with sanitizers is slower than that"
	fi
	handovers 2 "$([[ -z ${VNEP_FULL:-} ]] && echo 3 || echo 30)" 1500 10000
}

@test "hand-over: killed in the middle of a replay, the edge sends at most 32 packets twice, and none is lost" {
	local kills=0

	lab
	T3324=60 sleepers 1
	edge_start --replay-pps 10000 # so that it is in the middle of it when it is killed
	run -0 netns vpc handover send 1 2 15000
	local all=${output##* }
	wait_for 20 status_is ".pending == $all"
	background devices netns dev0 handover be d0 1 1000 00:00:5e:00:53:fe
	while (( kills < 4 )); do
		wait_for 20 grep -q '"type":"outcome"' "$T/watch.out" # a watcher hears of it behind the group
		edge_killed
		kills=$(( kills + 1 ))
		edge_start --replay-pps 10000
		status_is '.pending > 0' || break
	done
	wait_for 60 status_is '.pending == 0 and .difference == 0'
	stop -0 devices
	echo "# killed $kills times: $(tail -n 1 "$T/devices.out") (number, heard, last, lost, twice, reordered)" >&3
	read -r _ heard last lost twice reordered < <(grep -v ready "$T/devices.out")
	(( heard == all && last == all && lost == 0 && twice <= kills * 32 ))
}

# When it was told that a packet of a device was sent: microseconds since the first one of anybody.
sent_at() {
	jq -s --arg dev "$1" 'map(select(.type == "outcome" and .outcome == "sent")) | (map(.us) | min) as $first |
		map(select($dev == "" or .dev == $dev) | .us - $first)' "$T/watch.out"
}

@test "storm: hundreds wake at once: no faster than replay-pps, each in its order, nothing lost, and status says when" {
	lab
	T3324=60 sleepers 300
	edge_start --replay-pps 800
	run -0 netns vpc handover send 300 1 9
	cp <(grep -v sent <<<"$output") "$T/sender.out"
	local all=${output##* }
	wait_for 20 status_is ".pending == $all"
	background devices netns dev0 handover be d0 300 500 00:00:5e:00:53:fe
	wait_for 10 eta_of 2001:db8:b::1:12b
	wait_for 30 status_is '.pending == 0 and .difference == 0'
	wait_for 20 known 300
	heard_all
	stop -0 devices
	figures
	# less the first burst
	sent_at "" | jq -e --argjson all "$all" 'length == $all and max >= ($all - 80) / 800 * 1000000'
}

eta_of() { vnep-edge status "$1" | jq -e '.state == "waking" and .pending > 0 and .eta_s >= 1'; }

@test "storm: with a small replay-pps, and a port beside where nobody wakes, status says when all the same" {
	lab 2
	T3324=60 sleepers 600
	edge_start --replay-pps 50
	run -0 netns vpc handover send 600 1 1
	local all=${output##* }
	wait_for 20 status_is ".pending == $all"
	background devices netns dev0 handover be d0 600 500 00:00:5e:00:53:fe
	wait_for 10 eta_of 2001:db8:b::1:257 # it spoke last
	all=$(vnep-edge status | jq .pending)
	wait_for 10 status_is ".pending < $all - 80"
	run -0 vnep-edge status 2001:db8:b::1:257
	# each in the line gets as much as the others
	record '.pending * 600 / 50 / 3 <= .eta_s and .eta_s <= .pending * 600 / 50 * 3'
}

@test "storm: what expires first goes first, and who has no deadline does not wait for it" {
	local now urgent='"dl_buffering":{"duration_s":100}' late='"dl_buffering":{"duration_s":1000}'

	lab
	T3324=60 sleepers 3
	for n in 0:$late 1:$urgent; do
		vnep-map get "2001:db8:b::1:${n%%:*}" | jq -c --argjson more "{${n#*:}}" '. + $more | del(.revision, .origin)' | vnep-map set -q
	done
	edge_start --replay-pps 400
	netns vpc handover send 3 1 250
	wait_for 20 status_is '.pending > 700'
	background devices netns dev0 handover be d0 3 90 00:00:5e:00:53:fe
	wait_for 30 status_is '.pending == 0 and .difference == 0'
	jq -es --argjson late "$(sent_at urn:dev:mac:025e00fffe000000)" --argjson urgent "$(sent_at urn:dev:mac:025e00fffe000001)" \
		--argjson none "$(sent_at urn:dev:mac:025e00fffe000002)" -n '
		($urgent | max) < ($late | max) - 200000 and ($none[99] < ($late | max))'
}

# slow_replay: device 0 has all (its number in $all) waiting, and gets 100 a second.
slow_replay() {
	lab
	T3324=${T3324:-60} sleepers 1
	vnep-map get 2001:db8:b::1:0 | jq -c '.replay = {pps: 100} | del(.revision, .origin)' | vnep-map set -q
	edge_start
	run -0 netns vpc handover send 1 1 300
	all=${output##* }
	wait_for 20 status_is ".pending == $all"
	background devices netns dev0 handover be d0 1 "${PERIOD:-700}" 00:00:5e:00:53:fe
	wait_for 20 status_is ".pending > 0 and .pending < $all - 20"
}

@test "replay: the port goes down in the middle of it: the rest is kept, and goes on when the device speaks" {
	if sanitized; then
		skip "so slow an edge may hear the last word of a device after what it sent to it"
	fi
	PERIOD=5000 slow_replay
	ns ip -n dev0 link set d0 down
	wait_for 5 told '.type == "presence" and .state == "asleep" and .cause == "link-down"'
	status_is '.pending > 0 and .difference == 0'
	ns ip -n dev0 link set d0 up
	wait_for 30 status_is '.pending == 0 and .difference == 0'
	stop devices
	read -r _ heard _ _ twice reordered < <(grep -v ready "$T/devices.out")
	echo "heard $heard of $all, twice $twice, out of order $reordered"
	(( heard == all )) # what no sign of life followed is sent again
}

@test "replay: a device that falls silent in the middle of it keeps the rest for its next waking" {
	T3324=1 PERIOD=2500 slow_replay
	wait_for 5 told '.type == "presence" and .state == "asleep" and .cause == "t3324-expired"'
	status_is '.pending > 0 and .difference == 0'
	wait_for 60 status_is '.pending == 0 and .difference == 0'
	stop -0 devices
	read -r _ heard _ _ twice _ < <(grep -v ready "$T/devices.out")
	echo "heard $heard of $all, twice $twice"
	(( heard == all ))
}

@test "replay: what is pruned while it is sent is not sent any more, and is counted" {
	slow_replay
	vnep-journal prune -q --packets 50
	wait_for 30 status_is '.pending == 0 and .difference == 0'
	stop -0 devices
	read -r _ heard last _ twice reordered < <(grep -v ready "$T/devices.out")
	echo "heard $heard of $all, twice $twice, out of order $reordered"
	(( heard < all && last == all && twice == 0 && reordered == 0 ))
}
