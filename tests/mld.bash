# mld - who listens to which groups: `load mld` behind helpers, edge and mcast (captured_queries: and wire).
#
#   mld_start [ARG...]       the edge as querier on all ports, its joins and leaves in $T/heard.out
#   heard N TEXT             for wait_for: that was told of device N, and nothing else: "lights joined,lights left"
#   listens N STATE [GROUP]  so says `members` of device N
#   mld_count EVENT N        for wait_for: the edge counted at least so many
#   queries                  how many it has sent so far
#   LIGHTS_HEX               the group's address as hex
#   captured_queries NAME N  for wait_for: so many of the group are in that capture
#   ninth                    the map line of one more device behind the link of dev0: DEV9
#   listed N GROUP STATE     for wait_for: the same; STATE "": it is not listed
#   says9 KIND [GROUP [SRC]] DEV9 reports a record of that kind (RFC 3810 5.2.12), of one source or of none
#   attach9                  it is bound to the link of dev0; nothing answers queries for it
#   later T                  for wait_for: that second has come
#   report MAC SRC TYPE HEX  a report (143), or a message of the first version, out of the link of dev0, with its router alert;
#                            HEX stands behind the checksum

DEV9=urn:dev:mac:025e00fffe000009
LIGHTS_HEX=ff35004020010db80000000080000001
export DEV9 LIGHTS_HEX

# Who says nothing has left after 6.5 s: with an answer every 3 s a noisy machine is no reason. INTERVAL=300: only the first query
# falls into a test, for those that do not need more.
mld_start() {
	local ports

	ports=$(ns ip -n edge -o link show type veth | grep -o 'acc[0-9]*' | sort -u | paste -sd' ')
	edge_start --mld "$ports interval_s=${INTERVAL:-3} response_ms=500" "$@"
	background heard vnep-mcast watch
	wait_for 5 grep -q '"type":"sync"' "$T/heard.out"
}

heard() {
	local dev=DEV$1

	[ "$(jq -r --arg dev "${!dev}" 'select(.dev == $dev) | "\(.group) \(.state)"' "$T/heard.out" | paste -sd, -)" == "$2" ]
}

listens() {
	local dev=DEV$1

	vnep-mcast members -g "${3:-lights}" | jq -se --arg dev "${!dev}" --arg state "$2" \
		'map(select(.dev == $dev)) | length == 1 and .[0].state == $state'
}

mld_count() {
	vnep-edge metrics >"$T/metrics" && awk -v name="vnep_mld_total{event=\"$1\"}" -v least="$2" \
		'$1 == name && $2 >= least { found = 1 } END { exit !found }' "$T/metrics"
}

queries() {
	mld_count query 0
	awk '/event="query"/ { print $2 }' "$T/metrics"
}

captured_queries() {
	(( $(tshark -r "$T/$1.pcapng" -Y "icmpv6.type == 130 && ipv6.dst == $GROUP" 2>/dev/null | wc -l) >= $2 ))
}

ninth() {
	printf '{"type":"device","v":1,"dev":"%s","vep":"2001:db8:b::9","groups":["lights"]}' "$DEV9"
}

report() {
	HOPS=1 ALERT=1 netns dev0 frames icmp6 d0 "$1" 33:33:00:00:00:16 "$2" ff02::16 "$3" 0 "$4"
}

listed() {
	local dev=DEV$1

	vnep-mcast members -g "$2" | jq -se --arg dev "${!dev}" --arg state "$3" \
		'map(select(.dev == $dev).state) == [$state | select(. != "")]'
}

attach9() {
	vnep-edge attach "$DEV9" --port acc0 --addr 2001:db8:a::9
}

says9() {
	local sources=0000

	[[ -z ${3:-} ]] || sources=0001
	report 02:5e:00:00:00:09 fe80::9 143 "000000010${1}00$sources${2:-$LIGHTS_HEX}${3:-}"
}

later() {
	(( EPOCHSECONDS >= $1 ))
}
