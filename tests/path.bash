# path - the data path under real tools: `load path` behind helpers, edge and wire.
#
#   path_plain [LINE...]     the untagged lab: device dev0 at V0, which listens long enough, and the VPC host; more map lines.
#                            Both links have whole checksums; the edge lives, the device is awake
#   path_tagged [LINE...]    the same with hosts in VLANs: t101 at V101 in VPC acme (VLAN 900), t102 at V102 in blue (901)
#   tagged_map [LINE...]     the map of that
#   awake HOST V [DEST]      HOST speaks to DEST (2001:db8:b::2); its endpoint is awake
#   mtu N LINK...            of links of all namespaces
#   bulk HOST TO PORT OCTETS SERVER    a TCP transfer arrives as it was sent
#   dropped_is REASON N      for wait_for: so many dropped for that reason, and the conservation law holds
#   status_has FILTER        for wait_for: a jq filter over the edge's status, with difference 0

#   macs TO FROM, datagram SRC DST [HOPS]     hex of a frame's beginning, and of the rest of a datagram to port 7777
#   abuse HOST LINK          lines "REASON COUNT HEX" of standard input go out of LINK, and each is dropped for its reason;
#                            none: it is not dropped

D101=urn:dev:mac:00005efffe005321 V101=2001:db8:b::101
D102=urn:dev:mac:00005efffe005322 V102=2001:db8:c::102
PORT=00:00:5e:00:53:fe CORE=00:00:5e:00:53:fd
HOST0=00:00:5e:00:53:01 HOSTV=00:00:5e:00:53:02
export HOST0 HOSTV
export D101 D102 V101 V102 PORT CORE

path_plain() {
	T3324=60 edge_map
	map_lines "$@"
	whole_checksums
	edge_start
	awake dev0 "$V0"
}

tagged_map() {
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900}
		{"type":"vpc","v":1,"vpc":"blue","prefix":"2001:db8:c::/64","core_vlan":901}
		{"type":"device","v":1,"dev":"$D101","vep":"$V101","vpc":"acme","vlan":101,"psm":{"t3324_s":${T3324:-60}}}
		{"type":"device","v":1,"dev":"$D102","vep":"$V102","vpc":"blue","vlan":102}
	END
	map_lines "$@"
}

# More records, or others in place of those that are there.
map_lines() {
	(( $# == 0 )) || printf '%s\n' "$@" | vnep-map set -q
}

path_tagged() {
	tagged_map "$@"
	whole_checksums
	edge_start
	awake t101 "$V101"
	awake t102 "$V102" 2001:db8:c::2
}

awake() {
	netns "$1" ping -q -c 1 -W 5 "${3:-2001:db8:b::2}"
	wait_for 5 state_is "$2" awake
}

mtu() {
	ns sh -c 'mtu=$1; shift
		for link; do
			for net in /run/netns/*; do
				ip -n "${net##*/}" link set "$link" mtu "$mtu" 2>/dev/null || true
			done
		done' mtu "$@"
}

bulk() {
	rm -f "$T/bulk" "$T/got"
	head -c "$4" /dev/urandom >"$T/bulk"
	background server netns "$5" socat -u "TCP6-LISTEN:$3,reuseaddr" "CREATE:$T/got"
	wait_for 5 listening "$5" "$3"
	netns "$1" timeout "${BULK_S:-30}" socat -u "OPEN:$T/bulk" "TCP6:[$2]:$3"
	wait_for 20 cmp "$T/bulk" "$T/got"
	stop server
}

status_has() {
	vnep-edge status >"$T/status" && jq -e ".difference == 0 and ($1)" "$T/status"
}

dropped_is() {
	status_has "(.dropped[\"$1\"] // 0) == $2"
}

macs() {
	printf '%s' "${1//:/}${2//:/}"
}

datagram() {
	HOPS=${3:-64} frames udp6 - "$HOST0" "$PORT" "$1" "$2" 40000 7777 evil | cut -c25-
}

# Groups that hosts join are not for us either: of those only a lower bound is sure.
abuse() {
	local reason count hex
	local expected='{}'

	wait_for 5 balanced
	cp "$T/status" "$T/status.before"
	while read -r reason count hex; do
		expected=$(jq --arg r "$reason" --argjson n "$count" '.[$r] += $n' <<<"$expected")
		yes "$hex" | head -n "$count" >>"$T/abuse" || true
	done
	netns "$1" frames send "$2" - <"$T/abuse"
	rm "$T/abuse"
	wait_for 5 abused "$expected" || { cat "$T/status.before" "$T/status"; echo "expected $expected"; return 1; }
}

abused() {
	balanced && jq -e --argjson more "$1" --slurpfile before "$T/status.before" '
		.dropped as $now | $before[0].dropped as $was | $more | to_entries |
		all((($now[.key] // 0) - ($was[.key] // 0)) as $n |
			if .key == "none" then true
			elif .key == "not-for-us" then $n >= .value else $n == .value end)' "$T/status"
}
