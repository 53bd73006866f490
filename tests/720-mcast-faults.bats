load helpers
load edge
load mcast

setup() {
	vnep_setup
}

# Members 0..199 behind acc0, each with a MAC and an address of its own.
many() {
	local n

	for (( n = 0; n < 200; n++ )); do
		printf '{"type":"device","v":1,"dev":"urn:dev:mac:025e00fffe0000%02x","vep":"2001:db8:b::1:%x","mac":"02:5e:00:00:00:%02x","addr":["2001:db8:a::1:%x"],"groups":["many"],"journal":"asleep"}\n' \
			"$n" "$n" "$n" "$n"
	done
	echo '{"type":"group","v":1,"group":"many","address":"ff35:40:2001:db8::8000:9"}'
}

@test "mcast faults: two hundred answers at once, each is an ack; said again they are none" {
	lab 1
	mcast_map
	many | vnep-map import -q
	edge_start
	many | jq -r 'select(.type == "device").dev' | xargs vnep-edge attach
	wait_for 10 all_awake
	background send vnep-mcast send -q --wait 30 -g many <(instruct '"id":"many","payload":"b24K"')
	wait_for 10 told '.type == "outcome" and .outcome == "sent" and .dev == "urn:dev:mac:025e00fffe0000c7"'
	vnep-journal read --dev urn:dev:mac:025e00fffe000000 >"$T/read"
	port=$(jq -r 'select(.kind == "instruction").src_port' "$T/read")
	netns dev0 fanout answers d0 200 "$SPEAKER" "$port" done
	netns dev0 fanout answers d0 50 "$SPEAKER" "$port" done
	wait_for 15 grep -q '"type":"result"' "$T/send.out"
	stop -0 send 0 # it ends by itself
	jq -se '(map(select(.type == "ack")) | length == 200 and (map(.dev) | unique | length == 200)) and
		(last | [.members,.sent,.acked] == [200,200,200])' "$T/send.out"
	wait_for 5 balanced
	jq -e '.answered >= 200' "$T/status"
}

all_awake() {
	vnep-mcast plan -q -g many | jq -se 'last.sent == 200'
}

# Instruction K of ROUNDS is sent while the worker is killed, a little later each time.
@test "mcast faults: after kill -9 in the middle nobody is forgotten, and who sleeps gets all of it once" {
	local rounds=${VNEP_FULL:+40} k spin

	: "${rounds:=4}"
	lab 3
	mcast_map
	edge_start
	joined 0 1 2
	awake_all 0 1 2
	vnep-edge detach "$DEV0"
	wait_for 5 state_is "$V0" asleep
	for (( k = 1; k <= rounds; k++ )); do
		background "send$k" vnep-mcast send -q -g lights -p 7000 <(printf 'i%d\n' "$k" | base64 |
			jq -Rc '{type:"instruction",v:1,payload:.}')
		for (( spin = 0; spin < k * 3000 / rounds; spin++ )); do :; done
		kill -KILL "$(worker)"
		wait_for 20 vnep-edge status
		wait "$PID" || true
	done
	wait_for 20 pending_is "$V1" 0
	wait_for 20 pending_is "$V2" 0
	speak 0
	wait_for 20 pending_is "$V0" 0
	wait_for 10 as_many_as_journaled
	balanced
}
