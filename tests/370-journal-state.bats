load helpers
load journal

# datagram HEX DIRECTION [PORT]: an event with these octets as UDP payload, CoAP's port at the device
datagram() {
	local n=$(( ${#1} / 2 )) src=2001:db8:b::2 dst=2001:db8:b::77 sport=40000 dport=${3:-5683} frame

	if [[ $2 == from-device ]]; then
		src=2001:db8:b::77 dst=2001:db8:b::2 sport=${3:-5683} dport=40000
	fi
	frame=$(frames udp6 - 00:00:5e:00:53:02 00:00:5e:00:53:01 "$src" "$dst" "$sport" "$dport" \
		"$(printf "%0${n}d" 0)")
	frame=${frame:0:$(( ${#frame} - 2 * n ))}$1
	printf '{"type":"event","v":1,"dev":"%s","kind":"data","direction":"%s","frame":"%s"}\n' \
		"$DEV" "$2" "$(unhex <<<"$frame" | base64 -w0)"
}

post_temp() { # JSON {"t":N}
	datagram "50020001b474656d701132ff7b2274223a$(printf %s "$1" | od -An -tx1 | tr -d ' ')7d" from-device
}

@test "journal state: the last payload of each CoAP path and flow; JSON and CBOR are decoded" {
	vnep-journal append -q <<-END
		$(post_temp 20)
		$(datagram 41010002aab36c6564 to-device)
		$(datagram 61450002aac13cffa1616101 from-device)
		$(datagram 68656c6c6f from-device 9000)
		$(post_temp 21)
		$(datagram 6161 to-device 9000)
		$(datagram 820102 from-device 9001)
	END
	run -0 vnep-journal state --dev "$DEV"
	[ "${#lines[@]}" -eq 4 ]
	some '.path == "/led" and .code == "2.05" and .content_format == 60 and .value == {"a":1} and .seq == 3'
	some '.path == "/temp" and .code == "0.02" and .value == {"t":21} and .seq == 5'
	some '.src_port == 9000 and .payload == "aGVsbG8=" and (has("value") | not)'
	some '.src_port == 9001 and .value == [1,2]'
	[ "$(jq -r .type <<<"$output" | sort -u)" = state ]
}

@test "journal state: as it was then, and of nobody" {
	vnep-journal append -q <<-END
		$(post_temp 20 | jq -c '.ts = "2026-01-01T00:00:00Z"')
		$(post_temp 21 | jq -c '.ts = "2026-01-02T00:00:00Z"')
	END
	run -0 vnep-journal state --dev "$DEV" --until 2026-01-01T12:00:00Z
	record '.value.t == 20'
	run -2 vnep-journal state
	run -1 vnep-journal state --dev "$DEV2"
}

@test "journal state: what is no JSON, no CBOR and no CoAP is given as it came" {
	vnep-journal append -q <<-END
		$(datagram 50020001b474656d701132ff7b22 from-device)
		$(datagram ff from-device 9000)
		$(datagram a1 from-device 9001)
		$(datagram 50020001ff from-device)
	END
	run -0 vnep-journal state --dev "$DEV"
	[ "${#lines[@]}" -eq 4 ]
	[ "$(jq -s 'map(select(has("value"))) | length' <<<"$output")" = 0 ]
}
