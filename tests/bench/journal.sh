#!/usr/bin/env bash
# journal - the journal's figures beside their yardsticks: make bench-journal.
#
# BENCH_RECORDS (default 1,000,000) records of 128 octets; BENCH_OCTETS (default 4 GiB) for the big journal, as far as
# the disk has room; BENCH_CRASH (default 1 GiB) for those that are opened behind a crash. Everything is written under
# TMPDIR.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
build=${VNEP_BUILD:-build}
bench=$build/tests/bench
records=${BENCH_RECORDS:-1000000} big=${BENCH_OCTETS:-4294967296} crash=${BENCH_CRASH:-1073741824}
dir=$(mktemp -d "${TMPDIR:-/tmp}/vnep-bench.XXXXXX") || exit 3
trap '[[ -z ${watch:-} ]] || kill "$watch" 2>/dev/null; rm -rf "$dir"' EXIT

room=$(( $(df --output=avail -B1 "$dir" | tail -n 1) * 2 / 3 ))
(( big <= room )) || big=$room

"$bench" append "$dir/128" "$records" 128
"$bench" append "$dir/1000" "$(( records / 5 ))" 1000
echo "wanted: at 128 octets 500,000 a second or a ratio of 0.7, and 1.75 on disk; at 1000 octets 1.12 on disk"
rm -rf "$dir/128" "$dir/1000"

"$bench" pending "$dir" 41943040 "$big"
"$bench" open "$dir/small"
"$bench" open "$dir/big"
echo "wanted: clean-ms at most 50"

# What a crash costs: the power goes just before the index would have been safe again.
for frame in 128 1000; do
	for devices in 1000 100000; do
		"$bench" crash "$dir/crash" "$crash" "$frame" "$devices"
		rm -rf "$dir/crash"
	done
done
echo "wanted: killed-s-per-GiB and power-cut-s-per-GiB at most 1 in a journal of 1 GiB and more"

# What retention costs whoever waits for the next group.
for devices in 1000 100000; do
	"$bench" prune "$dir/prune" "$devices"
	rm -rf "$dir/prune"
done

"${BASH_SOURCE[0]%/*}/capture.sh"

# Idle: how often a watch wakes up.
"$build/bin/vnep-journal" watch --state "$dir/big" --since now >"$dir/out" & watch=$!
until grep -q sync "$dir/out" || ! kill -0 "$watch"; do read -rt 0.1 <> <(:); done
wakes() {
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$watch/status"
}
before=$(wakes)
read -rt 10 <> <(:)
echo "idle: wake-ups-a-second=$(awk -v n="$(( $(wakes) - before ))" 'BEGIN { printf "%.1f", n / 10 }') (wanted: at most 1)"
