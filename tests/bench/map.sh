#!/usr/bin/env bash
# map - vnep-map with a million devices, beside yardsticks that are taken in the same run: make bench-map
#
# Each figure stands beside what it is measured against, in turns, and is a median; what waits for nothing is
# also compared by the processor's time, which other programs on the machine disturb less. MAP_COUNT records
# (1,000,000), MAP_RUNS turns (3), MAP_GETS gets a turn (100,000).
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
: "${VNEP_BUILD:=$root/build}"
PATH=$VNEP_BUILD/bin:$VNEP_BUILD/tests:$PATH
export LC_ALL=C.UTF-8
count=${MAP_COUNT:-1000000} runs=${MAP_RUNS:-3} gets=${MAP_GETS:-100000}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/vnep-bench-map.XXXXXX")
trap 'rm -rf "$work"' EXIT
TIMEFORMAT='%R %U %S'

# records COUNT: a vpc and devices of about 150 octets
records() {
	echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe%06x\",\"vep\":\"2001:db8:b::%x:%x\",\"vpc\":\"acme\",\"vlan\":%d,\"region\":\"%s\",\"labels\":{\"model\":\"T-%d\"}}\n",
			i, i / 65536 + 1, i % 65536, 101 + i % 50, i % 2 ? "east" : "west", 100 + i % 800 }'
}

# timed CMD…: seconds of the clock, and of the processor, into $wall and $cpu
timed() {
	local user sys

	{ time "$@" >"$work/out" 2>"$work/err"; } 2>"$work/time" || { cat "$work/err"; exit 1; }
	read -r wall user sys <"$work/time"
	cpu=$(awk "BEGIN { print $user + $sys }")
}

# anonymous CMD…: the most anonymous memory that CMD had, in MB
anonymous() {
	local pid now most=0

	"$@" >"$work/out" 2>"$work/err" &
	pid=$!
	while now=$(awk '/^RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [[ -n $now ]]; do
		(( now <= most )) || most=$now
		read -rt 0.01 <> <(:) || true
	done
	wait "$pid"
	awk "BEGIN { printf \"%.1f\", $most / 1024 }"
}

median() {
	sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

row() {
	printf '%-46s %12s %12s %8s  %s\n' "$@"
}

ratio() {
	awk "BEGIN { printf \"%.2f\", $1 / $2 }"
}

import() {
	rm -rf "$work/state"
	vnep-map import -q --state "$work/state" "$work/in"
}

records "$count" >"$work/in"
row "$count records, $(wc -c <"$work/in") octets" vnep yardstick ratio "wanted"
for (( i = 0; i < runs; i++ )); do
	timed jq -c . "$work/in"
	echo "$wall" >>"$work/jq.wall"
	echo "$cpu" >>"$work/jq.cpu"
	timed import
	echo "$wall" >>"$work/import.wall"
	echo "$cpu" >>"$work/import.cpu"
	paste <(tail -n 1 "$work/import.wall") <(tail -n 1 "$work/jq.wall") | awk '{ print $1 / $2 }' >>"$work/wall.ratio"
	paste <(tail -n 1 "$work/import.cpu") <(tail -n 1 "$work/jq.cpu") | awk '{ print $1 / $2 }' >>"$work/cpu.ratio"
done
row "import, s; jq -c . of the same file" "$(median <"$work/import.wall")" "$(median <"$work/jq.wall")" \
	"$(printf %.2f "$(median <"$work/wall.ratio")")" "at most 2.0"
row "import, s of the processor; jq" "$(median <"$work/import.cpu")" "$(median <"$work/jq.cpu")" \
	"$(printf %.2f "$(median <"$work/cpu.ratio")")" ""
row "anonymous memory of import, MB" "$(rm -rf "$work/state"; anonymous vnep-map import -q --state "$work/state" "$work/in")" "-" "-" "below 600"
row "anonymous memory of list, MB" "$(anonymous vnep-map list --state "$work/state")" "-" "-" "below 20"
read -r raw ours < <(mapbench gets "$work/state" "$gets")
row "random gets a second; raw LMDB" "$ours" "$raw" "$(ratio "$ours" "$raw")" "at least 0.8"
read -r raw ours < <(mapbench open "$work/state" 100)
row "open the map, us; raw LMDB" "$ours" "$raw" "$(ratio "$ours" "$raw")" "below 10000"
read -r raw ours < <(mapbench set "$work/state" 51)
row "one set, us; a put of raw LMDB alone" "$ours" "$raw" "$(ratio "$ours" "$raw")" "below 5000"
read -r raw ours < <(mapbench watch "$work/state" 51)
row "commit to line of watch, us; a line through cat" "$ours" "$raw" "$(ratio "$ours" "$raw")" "below 10000"
