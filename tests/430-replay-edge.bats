load helpers

DEV=urn:dev:mac:00005efffe005301

# A living edge with one device that is awake and listens on UDP port 9: heard.out.
setup() {
	vnep_setup
	requires socat
	vnep-map import -q - <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV","vep":"2001:db8:b::77","vpc":"acme","mac":"00:00:5e:00:53:01"}
	END
	lab
	background edge netns edge vnep-edge run --access acc0 --core up0
	wait_for 10 vnep-edge status
	background heard netns dev socat -u UDP6-RECV:9,reuseaddr -
	wait_for 5 netns dev sh -c "ss -Hlnu | grep -q ':9 '"
}

to_device() {
	frames udp6 - 00:00:5e:00:53:02 02:00:07:00:01:02 2001:db8:b::2 2001:db8:b::77 40000 9 "$@"
}

events() {
	while read -r hex; do xxd -r -p <<<"$hex" | base64 -w0; echo; done |
		jq -Rc --arg dev "$DEV" '{type:"event",v:1,dev:$dev,seq:input_line_number,
			us:1767323045000000,kind:"data",direction:"to-device",frame:.}'
}

heard() {
	[ "$(<"$T/heard.out")" = "$1" ]
}

@test "replay edge: a living edge sends the events to where the device is bound" {
	wait_for 10 netns dev ping -c 1 -W 1 2001:db8:b::2
	to_device n 3 | events >e.jsonl
	# without privilege: the edge has it
	run -0 --separate-stderr without_caps vnep-replay send --stats e.jsonl
	wait_for 5 heard "n 1n 2n 3"
	record -s 'map(select(.type == "outcome") | [.seq, .outcome]) == [[1,"sent"],[2,"sent"],[3,"sent"]]'
	record -s 'map(select(.labels.outcome == "sent"))[0].value == 3'
}

@test "replay edge: packets of a capture go through it too, and have no outcomes" {
	requires text2pcap wireshark-common
	wait_for 10 netns dev ping -c 1 -W 1 2001:db8:b::2
	to_device c 2 | sed 's/../ &/g; s/^/0000/' | text2pcap -q - c.pcapng 2>/dev/null
	run -0 --separate-stderr vnep-replay send --pps 100 -r c.pcapng
	[ -z "$output" ]
	wait_for 5 heard "c 1c 2"
}

@test "replay edge: a CoAP message id goes out once in its lifetime, whoever asks for it, with --force again" {
	wait_for 10 netns dev ping -c 1 -W 1 2001:db8:b::2
	frames udp6 - 00:00:5e:00:53:02 02:00:07:00:01:02 2001:db8:b::2 2001:db8:b::77 40000 5683 \
		"$(xxd -r -p <<<50037f01b36c6564ff6f6e)" | events >e.jsonl
	run -0 vnep-replay send e.jsonl
	run -1 vnep-replay send e.jsonl
	[[ $output == *"its CoAP message id 32513 was sent "* ]]
	run -0 vnep-replay send --force e.jsonl
	record '.outcome == "sent"'
}

@test "replay edge: --queue-mode waits for the evidence that the edge sees" {
	requires "$COAP_SERVER" libcoap3-bin
	# Of a device that always listens the edge sees answers only where it is tapped.
	run -0 vnep-map get "$DEV"
	vnep-map set -q < <(jq -c '.journal = "both" | del(.revision, .origin)' <<<"$output")
	wait_for 10 netns dev ping -c 1 -W 1 2001:db8:b::2
	background coap netns dev "$COAP_SERVER" -d 10
	wait_for 5 netns dev sh -c "ss -Hlnu | grep -q 5683"
	background watch vnep-edge watch
	wait_for 5 grep -q '"type":"sync"' watch.out
	for n in 1 2; do
		frames udp6 - 00:00:5e:00:53:02 02:00:07:00:01:02 2001:db8:b::2 2001:db8:b::77 40000 5683 \
			"$(xxd -r -p <<<"40037f0${n}b36c6564ff6f6e")"
	done | events | jq -c '.copy = true' | vnep-journal append -q
	vnep-journal read --direction to-device --dev "$DEV" | jq -c 'select(.dest_port == 5683)' >e.jsonl
	run -0 --separate-stderr vnep-replay send --queue-mode e.jsonl
	[ "$(jq -r '.outcome' <<<"$output" | xargs)" = "sent sent" ]
	[ "$(grep -c '"evidence":"coap-ack"' watch.out)" -eq 2 ]
}

@test "replay edge: what the edge cannot send is answered, exit 1" {
	to_device x | events >e.jsonl
	run -1 --separate-stderr vnep-replay send e.jsonl
	record '.outcome != "sent"'
	[ ! -s heard.out ]
}
