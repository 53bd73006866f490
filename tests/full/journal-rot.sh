#!/usr/bin/env bash
# journal-rot - every bit of a journal of 64 KiB flipped, every truncation of it; a disk that says no at every call.
#
# journal-rot.sh [STEP]: default 1, every bit; N: each N-th. One line of figures each.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
build=${VNEP_BUILD:-build}
dir=$(mktemp -d /dev/shm/vnep-rot.XXXXXX 2>/dev/null) || dir=$(mktemp -d) || exit 3
trap 'rm -rf "$dir"' EXIT
rc=0

"$build/tests/journal-crash" "$dir" rot "${1:-1}" || rc=1
rm -rf "${dir:?}/state"
"$build/tests/journal-crash" "$dir" faults || rc=1
exit $rc
