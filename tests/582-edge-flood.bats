load helpers
load edge
load path

# Strangers, solicitations and packets to one sleeper, all at once: bounded, counted by reason, and nobody else's matter.

# Octets of anonymous memory, of holder and worker.
anonymous() {
	local pid

	for pid in "${PIDS[edge]}" "$(worker)"; do
		awk '/^RssAnon/ { print $2 * 1024 }' "/proc/$pid/status"
	done | awk '{ sum += $1 } END { print sum }'
}

# Solicitations for V0, each another one: what counts lies in an option that nobody knows.
solicitation() {
	HOPS=255 frames icmp6 - "$HOSTV" 33:33:ff:00:00:70 2001:db8:b::2 ff02::1:ff00:70 135 0 \
		"0000000020010db8000b00000000000000000070""0101${HOSTV//:/}""0e02000000000000""4141414141414141"
}

udp() {
	frames udp6 - "$1" "$2" "$3" "$4" 40000 5683 "AAAAAAAAAAAAAAAA"
}

@test "flood: strangers, solicitations and packets to one sleeper are bounded and counted; another VPC loses nothing" {
	local seconds=4 before after sent=300 got

	if [[ ${VNEP_FULL:-} ]]; then
		seconds=20 sent=1800
	fi
	lab 2
	netns vpc ip address add 2001:db8:c::2/64 dev v0 nodad
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:c::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","psm":{"t3324_s":1},"dl_buffering":{"packet_count":100}}
		{"type":"device","v":1,"dev":"$DEV1","vep":"2001:db8:c::71","addr":["2001:db8:a::3"]}
	END
	edge_start
	netns dev1 ping -q -c 1 -W 5 2001:db8:c::2
	wait_for 5 state_is 2001:db8:c::71 awake
	# once in small, so that what is needed at first is there
	netns vpc flood v0 1 "$(udp "$HOSTV" "$CORE" 2001:db8:b::2 "$V0")" 200 >"$T/warm"
	wait_for 5 pending_is "$V0" 100
	before=$(anonymous)
	background strangers netns dev0 flood d0 "$seconds" "$(udp 02:00:00:00:00:00 "$PORT" 2001:db8:a::dead 2001:db8:b::2)" 3000 mac
	background solicit netns vpc flood v0 "$seconds" "$(solicitation)" 3000
	background sleeper netns vpc flood v0 "$seconds" "$(udp "$HOSTV" "$CORE" 2001:db8:b::2 "$V0")" 3000
	got=$(netns dev1 ping -q -c "$sent" -i 0.01 -W 5 2001:db8:c::2 | sed -nE 's/.* ([0-9]+) received.*/\1/p')
	for flood in strangers solicit sleeper; do
		wait "${PIDS[$flood]}"
		unset "PIDS[$flood]"
		printf -v "$flood" '%s' "$(cut -d' ' -f1 "$T/$flood.out")"
	done
	wait_for 20 status_has '.pending == 100'
	after=$(anonymous)
	# shellcheck disable=SC2154 # of printf -v
	jq -r --arg said "strangers=$strangers ns=$solicit sleeper=$sleeper" --arg rss "$(( (after - before) / 1024 ))" \
		--arg other "other-vpc sent=$sent accepted=$got" '"# flood: \($said) " +
		(.dropped | to_entries | map("\(.key)=\(.value)") | join(" ")) +
		" pending=\(.pending) \($other) rss+\($rss)KiB difference=\(.difference)"' "$T/status" >&3
	[[ $got == "$sent" ]]
	# AddressSanitizer keeps what was given back
	sanitized || (( after - before < 8 << 20 ))
	# who knows nobody here is a stranger, each of them; of what asks as much is answered as the limit lets pass
	jq -e --argjson n "$strangers" '.dropped["no-mapping"] == $n' "$T/status"
	jq -e --argjson n "$sleeper" '.dropped["dl-buffering-packet-count"] == $n + 100' "$T/status"
	jq -e --argjson n "$solicit" '.dropped["rate-limited"] > $n / 4 and .dropped["rate-limited"] < $n and .answered > 0' "$T/status"
}
