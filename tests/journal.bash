# journal - what the tests of vnep-journal share: `load journal` behind `load helpers`.

DEV=urn:dev:mac:00005efffe005301
DEV2=urn:dev:mac:00005efffe005302

# packet TEXT [DIRECTION] [DEV]: an event record with a datagram between 2001:db8:b::2 and the device
packet() {
	local hex src=2001:db8:b::2 dst=2001:db8:b::77 sport=40000 dport=5000

	if [[ ${2:-to-device} == from-device ]]; then
		src=2001:db8:b::77 dst=2001:db8:b::2 sport=5000 dport=40000
	fi
	hex=$(frames udp6 - 00:00:5e:00:53:02 00:00:5e:00:53:01 "$src" "$dst" "$sport" "$dport" "$1")
	printf '{"type":"event","v":1,"dev":"%s","kind":"data","direction":"%s","frame":"%s"}\n' \
		"${3:-$DEV}" "${2:-to-device}" "$(unhex <<<"$hex" | base64 -w0)"
}

# packets N DEV TEXT: so many different datagrams for a device, without a process for each. A header and the first
# octet of the payload are 63 octets, which base64 divides.
packets() {
	local one

	one=$(packet x123456789 to-device "$2" | jq -r '.frame[:84]')
	jq -nc --arg dev "$2" --arg head "$one" --arg text "$3" --argjson n "$1" 'range($n) |
		{type: "event", v: 1, dev: $dev, kind: "data", direction: "to-device",
		frame: ($head + (($text + "     ")[:5] + ("000" + tostring)[-4:] | @base64))}'
}

# note TEXT: the cheapest event there is
note() {
	printf '{"type":"event","v":1,"dev":"%s","kind":"note","text":"%s"}\n' "${2:-$DEV}" "$1"
}

notes() {
	awk -v n="$1" -v dev="$DEV" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"type\":\"event\",\"v\":1,\"dev\":\"%s\",\"kind\":\"note\",\"text\":\"%d\"}\n", dev, i }'
}

unhex() {
	local hex

	while read -r hex; do
		# shellcheck disable=SC2059 # the escapes are the point
		printf "$(sed 's/../\\x&/g' <<<"$hex")"
	done
}

# capture FILE: frames in hex, one a line of standard input, become a capture
capture() {
	requires text2pcap wireshark-common
	sed 's/../ &/g; s/^/000000/' | text2pcap -q - "$1" 2>/dev/null
}

# Who is who in the captures of these tests.
import_map() {
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV","vep":"2001:db8:b::77","vpc":"acme","name":"lamp.iot.example."}
		{"type":"device","v":1,"dev":"$DEV2","vep":"2001:db8:b::78","vpc":"acme"}
	END
}

segment() {
	printf '%s\n' "${STATE:-$VNEP_STATE}/journal/000000000${1:-1}.pcapng"
}

# some FILTER: it holds for one of the records of $output
some() {
	# shellcheck disable=SC2154 # output is of bats
	if ! jq -se "any(.[]; $1)" <<<"$output" >/dev/null; then
		printf 'no record with: %s\nin: %s\n' "$1" "$output"
		return 1
	fi
}

# counted NAME: that figure of vnep-journal stat
counted() {
	vnep-journal stat "${@:2}" | jq "select(.name == \"vnep_journal_$1\") | .value"
}

counted_is() {
	[[ $(counted "$1") == "$2" ]]
}

counted_over() {
	(( $(counted "$1") > $2 ))
}
