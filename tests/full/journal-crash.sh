#!/usr/bin/env bash
# journal-crash - power cuts at every operation of many lives of a journal, and bugs that must be found.
#
# journal-crash.sh [STATES [BUG-STATES]]: default 100,000 and 20,000. One line of figures each; exit 1 if a state
# broke an invariant, or a bug was not found.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
build=${VNEP_BUILD:-build}
states=${1:-100000} bug_states=${2:-20000}
dir=$(mktemp -d /dev/shm/vnep-crash.XXXXXX 2>/dev/null) || dir=$(mktemp -d) || exit 3
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/a" "$dir/b"
rc=0 found=0 bugs=0

# Half of the states on each of two processors, from seeds that do not meet.
"$build/tests/journal-crash" "$dir/a" $(( states / 2 )) 1 >"$dir/a.out" & a=$!
"$build/tests/journal-crash" "$dir/b" $(( states - states / 2 )) 1000000 >"$dir/b.out" & b=$!
wait "$a" || rc=1
wait "$b" || rc=1
sed 's/^/crash-states: /' "$dir/a.out" "$dir/b.out"
awk -v RS='[ \n]' -F= '{ sum[$1] += $2 } END { printf "crash-states: in all states=%d violations=%d\n",
	sum["states"], sum["violations"] }' "$dir/a.out" "$dir/b.out"

for (( bug = 1; ; bug++ )); do
	# Whether a bug can show depends on the life that is led: three walks, from lives that do not meet.
	for seed in 5000 1 9000; do
		"$build/tests/journal-crash" "$dir/a" "$bug_states" "$seed" "$bug" >"$dir/a.out" 2>/dev/null
		code=$?
		(( code == 0 )) || break
	done
	case $code in
	0) echo "crash-bugs: not found: $(cat "$dir/a.out")"; rc=1; bugs=$(( bugs + 1 )) ;;
	1) found=$(( found + 1 )) bugs=$(( bugs + 1 )) ;;
	*) break ;;
	esac
done
echo "crash-bugs: seeded=$bugs found=$found"
(( bugs >= 8 )) || rc=1
exit $rc
