load helpers

setup() {
	vnep_setup
	requires socat
	vnep-map import -q - <<-'END'
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005301","vep":"2001:db8:b::77","vpc":"acme","mac":"00:00:5e:00:53:01","port":"acc0","addr":["2001:db8:a::2"]}
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005309","vep":"2001:db8:b::79","vpc":"acme","mac":"00:00:5e:00:53:09"}
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe00530a","vep":"2001:db8:b::7a","vpc":"acme","mac":"00:00:5e:00:53:0a","port":"nosuch0","addr":["2001:db8:a::a"]}
	END
}

DEV=urn:dev:mac:00005efffe005301
HEAD="00:00:5e:00:53:02 02:00:07:00:01:02 2001:db8:b::2 2001:db8:b::77"

# Lines of hex (frames) become to-device events of DEV with seq 1, 2, …; MORE is merged into each.
events() {
	while read -r hex; do xxd -r -p <<<"$hex" | base64 -w0; echo; done |
		jq -Rc --arg dev "${1:-$DEV}" --argjson more "${2:-{\}}" '{type:"event",v:1,dev:$dev,
			seq:input_line_number,ts:"2026-01-02T03:04:05.000000Z",us:1767323045000000,kind:"data",
			direction:"to-device",frame:.} + $more'
}

# The device: what it hears on UDP port 9 goes to heard.out.
device_listens() {
	lab
	background heard netns dev socat -u UDP6-RECV:9,reuseaddr -
	wait_for 5 netns dev sh -c "ss -Hlnu | grep -q ':9 '"
}

heard() {
	[ "$(<"$T/heard.out")" = "$1" ]
}

@test "replay send: events reach the device in order, with right checksums, an outcome for each" {
	device_listens
	# shellcheck disable=SC2086
	frames udp6 - $HEAD 40000 9 n 5 | events >e.jsonl
	run -0 --separate-stderr netns edge vnep-replay send e.jsonl
	wait_for 5 heard "n 1n 2n 3n 4n 5"
	record -s 'length == 5 and all(.type == "outcome" and .outcome == "sent" and .attempt == 1) and
		map(.seq) == [1,2,3,4,5]'
}

@test "replay send: CoAP: five PUTs arrive at a real server in their order" {
	requires "$COAP_SERVER" libcoap3-bin
	lab
	background coap netns dev "$COAP_SERVER" -d 10 -v 7
	wait_for 5 netns dev sh -c "ss -Hlnu | grep -q 5683"
	for n in 1 2 3 4 5; do
		# NON PUT /led, message ID 7f01 to 7f05, payload "on"
		# shellcheck disable=SC2086
		frames udp6 - $HEAD 40000 5683 "$(xxd -r -p <<<"50037f0${n}b36c6564ff6f6e")"
	done | events >e.jsonl
	netns edge vnep-replay send e.jsonl >/dev/null
	wait_for 5 grep -q "t:NON c:PUT i:7f05 .*Uri-Path:led" coap.out coap.err
	[ "$(grep -ho 'c:PUT i:7f0.' coap.out coap.err)" = "$(printf 'c:PUT i:7f0%d\n' 1 2 3 4 5)" ]
}

# coap TYPE N...: PUT /led with message IDs 7f01, 7f02, …; type 40 is confirmable, 50 is not
coap() {
	local n

	for n in "${@:2}"; do
		# shellcheck disable=SC2086
		frames udp6 - $HEAD 40000 5683 "$(xxd -r -p <<<"${1}037f0${n}b36c6564ff6f6e")"
	done | events
}

# outcomes TEXT: "1:sent 1:confirmed …" of $output
outcomes() {
	[ "$(jq -r 'select(.type == "outcome") | "\(.seq):\(.outcome)"' <<<"$output" | xargs)" = "$1" ]
}

@test "replay send: a CoAP message id goes out once in its lifetime, with --force again" {
	device_listens
	{ coap 50 1 2; coap 50 1 | jq -c '.seq = 3'; } >e.jsonl
	run -1 --separate-stderr netns edge vnep-replay send e.jsonl
	outcomes "1:sent 2:sent"
	[[ $stderr == *"event 3 not sent: duplicate: its CoAP message id 32513 was sent "*" s ago (--force"* ]]
	run -0 --separate-stderr netns edge vnep-replay send --force e.jsonl
	outcomes "1:sent 2:sent 3:sent"
	# another client's ids are its own
	{ coap 50 1; HEAD=${HEAD/::2 /::3 } coap 50 1; } | jq -c '.seq = input_line_number' >e.jsonl
	run -0 --separate-stderr netns edge vnep-replay send e.jsonl
	outcomes "1:sent 2:sent"
}

@test "replay plan: a CoAP message id is judged by when its packet will go" {
	requires tshark
	{ coap 50 1; coap 50 1 | jq -c '.seq = 2 | .us += 300000000 | del(.ts)'; } >e.jsonl
	run -0 --separate-stderr vnep-replay plan -w plan.pcapng --as-recorded e.jsonl
	[[ $(tshark -r plan.pcapng 2>/dev/null | wc -l) == 2 && $stderr != *"not sent: duplicate"* ]]
	run -1 --separate-stderr vnep-replay plan -w plan.pcapng --speed 2 e.jsonl
	[[ $stderr == *"event 2 not sent: duplicate: its CoAP message id 32513 was sent 150 s ago"* ]]
	[[ $(tshark -r plan.pcapng 2>/dev/null | wc -l) == 1 ]]
}

@test "replay send --queue-mode: one at a time, the next when a real server has answered" {
	requires "$COAP_SERVER" libcoap3-bin
	lab
	# nobody answers for the router here: where the answers go is said beforehand
	netns dev ip -6 neigh replace fe80::1 lladdr 00:00:5e:00:53:fe dev d0 nud permanent
	background coap netns dev "$COAP_SERVER" -d 10
	wait_for 5 netns dev sh -c "ss -Hlnu | grep -q 5683"
	coap 40 1 2 3 >e.jsonl
	run -0 --separate-stderr netns edge vnep-replay send --queue-mode e.jsonl
	outcomes "1:sent 1:confirmed 2:sent 2:confirmed 3:sent 3:confirmed"
	record -s 'map(select(.outcome == "confirmed")) | all(.evidence == "coap-ack")'
}

@test "replay send --queue-mode: who does not answer gets nothing more, and the rest stays pending" {
	device_listens
	{ coap 40 1 2; } >e.jsonl
	run -1 --separate-stderr netns edge vnep-replay send --queue-mode e.jsonl
	outcomes "1:sent"
	[[ $stderr == *"event 2 not sent: the device did not answer what was sent before it"* ]]
}

@test "replay send --queue-mode: what could not be sent is not waited for, and makes nobody deaf" {
	requires "$COAP_SERVER" libcoap3-bin
	lab
	netns dev ip -6 neigh replace fe80::1 lladdr 00:00:5e:00:53:fe dev d0 nud permanent
	background coap netns dev "$COAP_SERVER" -d 10
	wait_for 5 netns dev sh -c "ss -Hlnu | grep -q 5683"
	ns ip -n edge link set acc0 mtu 1000 # only the sender needs to know
	{
		# shellcheck disable=SC2086
		frames udp6 - $HEAD 40000 5683 "$(xxd -r -p <<<40037f01b36c6564ff)$(printf '%01000d' 0)" | events
		coap 40 2 | jq -c '.seq = 2'
	} >e.jsonl
	run -1 --separate-stderr netns edge vnep-replay send --queue-mode e.jsonl
	outcomes "1:failed 2:sent 2:confirmed"
}

@test "replay send --queue-mode: after what asks for no answer there is a pause" {
	device_listens
	# shellcheck disable=SC2086
	frames udp6 - $HEAD 40000 9 n 3 | events >e.jsonl
	run -0 --separate-stderr netns edge vnep-replay send --queue-mode e.jsonl
	outcomes "1:sent 2:sent 3:sent"
	record -s '[.[].us] | .[1] - .[0] >= 199000 and .[2] - .[1] >= 199000'
}

@test "replay send: an event that was attempted before says attempt + 1" {
	device_listens
	# shellcheck disable=SC2086
	frames udp6 - $HEAD 40000 9 x | events "$DEV" '{"attempt":1}' >e.jsonl
	run -0 --separate-stderr netns edge vnep-replay send e.jsonl
	record '.outcome == "sent" and .attempt == 2'
}

@test "replay send: of TCP only the opening SYN goes, the rest has failed for good" {
	device_listens
	# shellcheck disable=SC2086
	{ frames tcp6 - $HEAD 40000 80 10; frames tcp6 - $HEAD 40000 80 02; } | events >e.jsonl
	run -1 --separate-stderr netns edge vnep-replay send e.jsonl
	record -s 'map(select(.type == "outcome") | [.seq, .outcome, .reason]) ==
		[[1, "failed", "not-replayable"], [2, "sent", null]]'
	[[ $stderr == *"e.jsonl:1: $DEV: event 1 not sent: not-replayable"* ]]
}

@test "replay send: longer than the port's MTU, used up, damaged, of another: each has its word" {
	device_listens
	# shellcheck disable=SC2086
	{
		frames udp6 - $HEAD 40000 9 "$(head -c 1000 /dev/zero | tr '\0' x)"
		HOPS=1 frames udp6 - $HEAD 40000 9 x
		frames udp6 - $HEAD 40000 9 x | cut -c1-100
		frames udp6 - 00:00:5e:00:53:02 00:00:5e:00:53:01 2001:db8:b::2 2001:db8:b::78 1 9 x
	} | events >e.jsonl
	# shorter than IPv6 allows, and only the sender needs to know
	ns ip -n edge link set acc0 mtu 1000
	run -1 --separate-stderr netns edge vnep-replay send e.jsonl
	record -s 'map(select(.type == "outcome") | .reason) ==
		["too-big", "not-replayable", "malformed", "not-for-us"]'
	record -s 'map(select(.type == "error") | .line) == [1, 2, 3, 4]'
}

@test "replay send: what may go another day is refused without an outcome, so it stays pending" {
	device_listens
	# shellcheck disable=SC2086
	frame=$(frames udp6 - $HEAD 40000 9 x)
	{
		events urn:dev:mac:00005efffe005309 <<<"$frame"
		events urn:dev:mac:00005efffe00530a <<<"$frame"
		events urn:dev:mac:00005efffe0053ff <<<"$frame"
		events "$DEV" '{"direction":"from-device"}' <<<"$frame"
	} >e.jsonl
	run -1 --separate-stderr netns edge vnep-replay send e.jsonl
	record -s 'map(.type) == ["error", "error", "error", "error"]'
	[[ $stderr == *"e.jsonl:1: urn:dev:mac:00005efffe005309 is attached nowhere, and its record has no fixed port"* ]]
	[[ $stderr == *"e.jsonl:2: "*"the port of its binding is not on this machine"* ]]
	[[ $stderr == *"e.jsonl:3: "*"no-mapping: the map has no such device"* ]]
	[[ $stderr == *"e.jsonl:4: "*"it came from the device"* ]]
}

@test "replay send: a bad line is answered alone, the others go" {
	device_listens
	{
		# shellcheck disable=SC2086
		frames udp6 - $HEAD 40000 9 a | events
		echo '{"type":"event","v":1,'
		echo '{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005301","vep":"2001:db8:b::77"}'
		echo '{"type":"checkpoint","v":1,"dev":"urn:dev:mac:00005efffe005301","cursor":"synced","resume_seq":1}'
		# shellcheck disable=SC2086
		frames udp6 - $HEAD 40000 9 b | events
	} >e.jsonl
	run -1 --separate-stderr netns edge vnep-replay send e.jsonl
	wait_for 5 heard ab
	record -s 'map(select(.type == "error") | .line) == [2, 3]'
}

@test "replay send: packets of a capture go to the device whose virtual endpoint they name" {
	requires text2pcap wireshark-common
	device_listens
	{
		# shellcheck disable=SC2086
		frames udp6 - $HEAD 40000 9 c 3
		frames udp6 - 00:00:5e:00:53:02 00:00:5e:00:53:01 2001:db8:b::2 2001:db8:b::ee 1 9 x
	} | sed 's/../ &/g; s/^/0000/' | text2pcap -q - c.pcapng 2>/dev/null
	run -1 --separate-stderr netns edge vnep-replay send -r c.pcapng --pps 200
	wait_for 5 heard "c 1c 2c 3"
	[[ $stderr == *"c.pcapng:4: packet not sent: no-mapping"* ]]
}

@test "replay send: a dry run says what would be refused and sends nothing" {
	lab
	background seen netns dev frames recv d0 1 1500 udp
	wait_for 5 grep -q listening seen.err
	# shellcheck disable=SC2086
	{ frames udp6 - $HEAD 40000 9 x; frames tcp6 - $HEAD 40000 80 10; } | events >e.jsonl
	run -1 --separate-stderr netns edge vnep-replay send -n e.jsonl
	record -s 'map(.type) == ["error"]'
	wait "${PIDS[seen]}" && false
	unset 'PIDS[seen]'
	[ ! -s seen.out ]
}

@test "replay send: while a vnep-edge lives on the state folder it does the sending" {
	# shellcheck disable=SC2086
	frames udp6 - $HEAD 40000 9 x 3 | events >e.jsonl
	cat >fake <<-'END'
		read -r request
		echo "$request" >request
		while read -r line; do
			echo "$line" >>lines
			echo '{"type":"outcome","v":1,"dev":"urn:dev:mac:00005efffe005301","seq":1,"outcome":"sent","attempt":1}'
		done
		echo '{"type":"done","v":1,"exit":0}'
	END
	echo "{\"pid\":$$,\"tool\":\"vnep-edge\",\"socket\":\"$T/s\"}" >"$VNEP_STATE/lock"
	background edge socat UNIX-LISTEN:"$T/s" SYSTEM:"bash $T/fake"
	wait_for 5 test -S s
	exec {held}<>"$VNEP_STATE/lock"
	flock -n "$held"
	run -0 --separate-stderr vnep-replay send --pps 100 --stats e.jsonl
	record -s 'map(select(.type == "outcome")) | length == 3'
	record -s 'map(select(.labels.outcome == "sent"))[0].value == 3'
	diff e.jsonl lines
	[[ $(<request) == *'"verb":"replay.send"'* ]]
}

@test "replay send: without a map it says how to make one" {
	run -1 --separate-stderr vnep-replay send --state "$T/empty" /dev/null
	[[ $stderr == *"vnep-map import makes one"* ]]
}
