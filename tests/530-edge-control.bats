load helpers
load edge

# The control socket: what the tools do through it, anyone can do with socat and jq.

ask() {
	printf '%s\n' "$@" | socat -t 5 - "UNIX-CONNECT:$(jq -r .socket "$VNEP_STATE/lock")"
}

setup() {
	vnep_setup
	requires socat
	lab 2
	edge_map
	edge_start
}

@test "control: a request by hand, an answer in lines, done at the end" {
	run -0 ask '{"type":"request","v":1,"verb":"status"}'
	[[ ${lines[-1]} == '{"type":"done","v":1,"exit":0}' ]]
	jq -e '.difference == 0' <<<"${lines[0]}"
}

@test "control: what is no request is refused, and the edge lives on" {
	run -0 ask 'nonsense'
	[[ ${lines[0]} == *'"type":"error"'* && ${lines[1]} == '{"type":"done","v":1,"exit":2}' ]]
	run -0 ask '{"type":"request","v":1,"verb":"nosuch"}'
	[[ ${lines[1]} == '{"type":"done","v":1,"exit":2}' ]]
	run -0 ask '{"verb":"status"}'
	[[ ${lines[1]} == '{"type":"done","v":1,"exit":2}' ]]
	head -c 2000000 /dev/zero | tr '\0' x | socat -t 5 - "UNIX-CONNECT:$(jq -r .socket "$VNEP_STATE/lock")" >"$T/long" || true
	grep -q '"exit":2' "$T/long"
	vnep-edge status
}

@test "control: silent and broken clients hold nobody up" {
	local socket n
	socket=$(jq -r .socket "$VNEP_STATE/lock")
	for n in 1 2 3 4 5 6 7 8; do
		background "silent$n" socat -u "UNIX-CONNECT:$socket" -
		printf '{"type":"request"' | socat -u - "UNIX-CONNECT:$socket"
	done
	run -0 timeout 5 vnep-edge status
	balanced
}

# More than one process can take: it would read for as long as more comes.
@test "control: while more arrives for a sleeper than can be read, whoever asks is answered" {
	vnep-map import -q <<<"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"dl_buffering\":{\"packet_count\":100}}"
	background flood netns vpc flood v0 60 "$(frames udp6 - 00:00:5e:00:53:02 00:00:5e:00:53:fd 2001:db8:b::2 "$V0" 40000 5000 "eighteen octets...")" 400000
	wait_for 10 pending_is "$V0" 100
	run -0 timeout 20 vnep-edge status "$V0"
	kill -0 "${PIDS[flood]}"
	stop -0 flood
	wait_for 20 balanced
}

@test "control: a thousand clients at once: each is answered or told to come again, packets and wakers wait for none" {
	local before after

	speak 1
	wait_for 5 state_is "$DEV1" awake
	before=$(awk '/^VmHWM/ { print $2 }' "/proc/${PIDS[edge]}/status")
	background ping netns vpc ping -i 0.02 -c 100 -W 5 "$V1"
	run -0 crowd "$(jq -r .socket "$VNEP_STATE/lock")" 1000
	[[ $output =~ ^asked\ 250\ answered\ [1-9] ]]
	say_to "$V0" waits
	speak 0
	wait_for 5 state_is "$DEV0" awake
	wait "${PIDS[ping]}"
	grep -q ' 100 received, 0% packet loss' "$T/ping.out"
	after=$(awk '/^VmHWM/ { print $2 }' "/proc/${PIDS[edge]}/status")
	(( after - before < 131072 ))
	balanced
}

@test "control: who says nothing gives way to who asks" {
	local socket

	socket=$(jq -r .socket "$VNEP_STATE/lock")
	background silent socat -u "UNIX-CONNECT:$socket" -
	run -0 crowd "$socket" 1000
	wait_for 10 test ! -e "/proc/${PIDS[silent]}/fd" # cut off, and ended
	vnep-edge status
}

@test "control: watchers that ended leave nothing behind, whether something is told or not" {
	local socket n

	clients_are() { [[ $(vnep-edge metrics | awk '$1 == "vnep_control_clients" { print $2 }') == "$1" ]]; }
	socket=$(jq -r .socket "$VNEP_STATE/lock")
	for (( n = 0; n < 300; n++ )); do # half closed like vnep-edge watch, and gone
		printf '{"type":"request","v":1,"verb":"watch"}\n' | timeout 0.01 socat -t 9 - "UNIX-CONNECT:$socket" >/dev/null || true
	done
	wait_for 10 clients_are 2 # the one of edge_start, and this one
	balanced
}

@test "control: the socket is for its owner and a group, and its folder is not for everybody" {
	local socket group

	socket=$(jq -r .socket "$VNEP_STATE/lock")
	group=$(getent group vnep | cut -d: -f3)
	run -0 stat -c %a "$socket"
	[[ $output == 660 ]]
	run -0 stat -c %g "$socket"
	[[ $output == "${group:-$(id -g)}" || $output == "$(id -g)" ]]
	run -0 stat -c %A "${socket%/*}"
	[[ $output == *--- ]]
}

@test "control: a tool that changes the map asks the living edge, and the kernel follows" {
	vnep-map import -q <<<'{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005399","vep":"2001:db8:b::99"}'
	run -0 netns edge nft list set netdev vnep endpoint
	[[ $output == *2001:db8:b::99* ]]
	netns dev1 ip link set d1 address 00:00:5e:00:53:99
	netns dev1 ping -q -c 1 -W 5 2001:db8:b::2
	wait_for 5 state_is 2001:db8:b::99 awake
	balanced
}

@test "control: imports with --prefix side by side do not take each other's addresses" {
	local n
	waits() { [[ $(ps -o stat= -p "${PIDS[import$1]}") == S* ]]; }

	# The edge answers nobody until each of them has chosen, or waits to: 96 of 127 addresses.
	kill -STOP "$(worker)"
	for n in 1 2 3; do
		jq -nc --arg n "$n" 'range(32) | {type: "device", v: 1, dev: "urn:dev:os:32473-\($n)x\(.)"}' >"$T/in$n"
		background "import$n" vnep-map import --prefix 2001:db8:b::1:0/121 "$T/in$n"
	done
	for n in 1 2 3 1 2 3; do
		wait_for 5 waits "$n"
		pause
	done
	kill -CONT "$(worker)"
	for n in 1 2 3; do
		wait "${PIDS[import$n]}"
	done
	run -0 vnep-map list --type device
	[ "$(jq -r 'select(.dev | contains("32473")).vep' <<<"$output" | sort -u | wc -l)" -eq 96 ]
	# devices that are new are no warning
	run -1 grep 'no such device' "$T/edge.err"
}

@test "control: a bad record is refused by the edge as by the tool, and nothing changed" {
	vnep-map list >"$T/before"
	printf '%s\n' "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005398\",\"vep\":\"2001:db8:b::98\"}" \
		"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005397\",\"vep\":\"$V0\"}" >"$T/in"
	run -2 --separate-stderr vnep-map import "$T/in"
	[[ $stderr == *"$T/in:2"* ]]
	vnep-map list | cmp - "$T/before"
}

@test "control: watch tells the present, sync, and then what changes" {
	speak 0
	wait_for 5 state_is "$V0" awake
	background again vnep-edge watch
	wait_for 5 grep -q '"sync"' "$T/again.out"
	jq -se '.[0].type == "presence" and .[0].state == "awake" and (map(.type) | index("sync")) == 1' "$T/again.out"
	vnep-edge detach "$V0"
	wait_for 5 grep -q '"asleep"' "$T/again.out"
}

@test "control: a watcher is told when the edge stops" {
	vnep-edge stop
	wait "${PIDS[edge]}"
	status=0
	wait "${PIDS[watch]}" || status=$?
	(( status == 5 ))
	grep -q "vnep-edge was stopped" "$T/watch.err"
}

@test "control: attach says what is missing, and refuses what cannot be" {
	run -1 --separate-stderr vnep-edge attach nobody
	[[ $stderr == *nobody* ]]
	run -2 --separate-stderr vnep-edge attach "$V0"
	[[ $stderr == *"--port"* ]]
	run -2 --separate-stderr vnep-edge attach "$V0" --port acc0
	[[ $stderr == *"--addr"* ]]
	run -2 --separate-stderr vnep-edge attach "$V0" --port up0 --addr 2001:db8:a::2
	[[ $stderr == *"not an access port"* ]]
	run -2 --separate-stderr vnep-edge attach "$V0" --port acc0 --addr fe80::1
	run -2 --separate-stderr vnep-edge attach "$V1" --port acc1 --addr 2001:db8:a::77
	run -0 vnep-edge attach "$V0" --port acc0 --addr 2001:db8:a::2
	wait_for 5 state_is "$V0" awake
	balanced
}

@test "control: an event by hand is answered when durable, waits, and is delivered; the sum holds" {
	say_to "$V1" "to copy"
	wait_for 5 pending_is "$V1" 1
	vnep-journal read --dev "$V1" | jq -c "select(.kind == \"data\") | del(.seq, .conn) | .dev = \"$DEV2\"" >"$T/event"
	run -0 bash -c 'vnep-journal append <"$T/event"'
	record '.type == "appended" and .durable'
	pending_is "$V2" 1
	balanced
	run -1 bash -c 'jq -c ".seq = 1" "$T/event" | vnep-replay send'
	[[ $output == *"its packets wait in the journal"* ]]
	balanced
}
