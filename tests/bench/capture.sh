#!/usr/bin/env bash
# capture - the highest rate without loss of a live capture on the journal port, beside tcpdump and dumpcap: part of
# make bench-journal.
#
#   vnep-j0 --vnep-j1   flood sends datagrams for a sleeper, each another one, tagged as the rules tag them;
#                       `vnep-journal record -i vnep-j1`, `tcpdump -w`, `dumpcap -w` take them, one after the other
#
# A run is BENCH_SECONDS (default 2) at one rate; it has no loss if the file of the tool, or the journal, has as many
# packets as were sent. A rate that fails once is tried once more. BENCH_STEPS (default 7) bisections of 5,000 to 640,000
# packets a second, on a scale of powers, so each step halves the doubt of a factor of 128. All tools take turns step by
# step. Everything is written under TMPDIR.
set -uo pipefail

root=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
seconds=${BENCH_SECONDS:-2} steps=${BENCH_STEPS:-7} octets=${BENCH_FRAME:-128}
: "${VNEP_BUILD:=$root/build}"
[[ $VNEP_BUILD == /* ]] || VNEP_BUILD=$root/$VNEP_BUILD
PATH=$VNEP_BUILD/bin:$VNEP_BUILD/tests:$PATH:/usr/sbin:/sbin

if [[ ${1:-} != inside ]]; then
	options=(--net --mount --pid --fork --kill-child --mount-proc)
	if (( EUID != 0 )) && unshare --user --map-root-user "${options[@]}" true 2>/dev/null; then
		options+=(--user --map-root-user)
	elif (( EUID != 0 )) || ! unshare "${options[@]}" true; then
		echo "capture: not measured: namespaces are blocked for users here"
		exit 0
	fi
	work=$(mktemp -d "${TMPDIR:-/tmp}/vnep-bench.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	BENCH_WORK=$work unshare "${options[@]}" "$0" inside
	exit
fi

T=$BENCH_WORK
export VNEP_STATE=$T/state VNEP_RUNTIME=$T/run
mkdir -m 0700 "$VNEP_STATE" "$VNEP_RUNTIME"
V=2001:db8:b::70
ip link add vnep-j0 type veth peer name vnep-j1
for end in 0 1; do
	echo 1 >/proc/sys/net/ipv6/conf/vnep-j$end/disable_ipv6
	ip link set vnep-j$end up
done
vnep-map import -q <<-END
	{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
	{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005301","vep":"$V","vpc":"acme","psm":{"t3324_s":10}}
END
# reason 07 (not awake), port 1, direction 02 (to the device); the headers are 62 octets
frame=$(frames udp6 - 00:00:5e:00:53:02 02:00:07:00:01:02 2001:db8:b::2 $V 40000 5683 \
	"$(head -c $(( octets - 62 )) /dev/zero | tr '\0' A)")

pause() { read -rt "$1" <> <(:) || true; }

# The tool takes packets when its socket is bound.
ready() {
	local n

	for (( n = 0; n < 500; n++ )); do
		(( $(wc -l </proc/net/packet) < 2 )) || return 0
		pause 0.01
	done
	return 1
}

start() { # TOOL
	case $1 in
	vnep)
		rm -rf "$VNEP_STATE/journal"
		vnep-journal record -i vnep-j1 2>"$T/err" & ;;
	tcpdump)
		tcpdump -Z root -i vnep-j1 -w "$T/file" 2>"$T/err" & ;;
	dumpcap)
		dumpcap -q -i vnep-j1 -w "$T/file" >/dev/null 2>"$T/err" & ;;
	esac
	tool=$!
	ready
}

# How many packets it has.
took() { # TOOL
	case $1 in
	vnep) sed -n 's/.* frames: \([0-9]*\) events .*/\1/p' "$T/err" ;;
	*) capinfos -Mrc "$T/file" 2>/dev/null | awk '{ n = $NF } END { print n + 0 }' ;;
	esac
}

once() { # TOOL PPS: without loss?
	local sent _

	start "$1" || return 1
	pause 0.2
	read -r sent _ < <(flood vnep-j0 "$seconds" "$frame" "$2")
	pause 1.2 # tcpdump gets its last packets a second later
	kill -INT "$tool"
	wait "$tool"
	(( $(took "$1") == sent ))
}

can() { # TOOL: does it run here at all?
	case $1 in
	vnep) return 0 ;;
	*) type -P "$1" capinfos >/dev/null && once "$1" 1000 ;;
	esac
}

tools=()
for tool_name in vnep tcpdump dumpcap; do
	if can "$tool_name"; then
		tools+=("$tool_name")
	else
		echo "capture: $tool_name cannot run here: $(tail -n 1 "$T/err" 2>/dev/null)"
	fi
done

declare -A low=() high=()
for t in "${tools[@]}"; do
	low[$t]=0 high[$t]=7
done
for (( step = 0; step < steps; step++ )); do
	for t in "${tools[@]}"; do
		middle=$(awk -v a="${low[$t]}" -v b="${high[$t]}" 'BEGIN { print (a + b) / 2 }')
		pps=$(awk -v x="$middle" 'BEGIN { printf "%d", 5000 * 2 ^ x }')
		if once "$t" "$pps" || once "$t" "$pps"; then low[$t]=$middle; else high[$t]=$middle; fi
	done
done
for t in "${tools[@]}"; do
	printf '%s %d\n' "$t" "$(awk -v x="${low[$t]}" 'BEGIN { printf "%d", 5000 * 2 ^ x }')"
done | awk -v octets="$octets" '
	{ line = line " " $1 "-pps=" $2 }
	$1 == "vnep" { vnep = $2; next }
	$2 > best { best = $2 }
	END { printf "capture: octets=%d%s", octets, line
		if (best) printf " ratio=%.2f", vnep / best
		print " (wanted: a ratio of 0.95)" }'
echo "capture: load $(cut -d' ' -f1-3 /proc/loadavg)"
