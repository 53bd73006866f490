# helpers - what every bats file of vnep loads: `load helpers`.
#
#   $T          a folder of this test alone, gone afterwards; VNEP_STATE and VNEP_RUNTIME lie in it
#   $DATA       tests/data
#   PATH        the tools under test first: VNEP_BIN (default build/bin), then the test programs beside it
#
#   requires CMD [PACKAGE]      skip, naming the Debian package, where CMD is missing
#   ns_start                    namespaces of this test's own (user, network, mount; no root needed)
#   ns CMD…, netns NAME CMD…    run there, in its network namespace or in one that `ip netns add` made
#   lab [PORTS]                 device hosts, an edge and a VPC host (lab.bash)
#   background NAME CMD…        start it; $PID, output in $T/NAME.out and .err; ended by teardown at the latest
#   stop [-N] NAME [SIGNAL]     end it, its exit status is in $status; with -N anything but N fails
#   wait_for SECONDS CMD…       poll every 20 ms until CMD succeeds; fail loudly at the deadline
#   without_caps CMD…           no capability left, root or not; in a namespace: ns "${NO_CAPS[@]}" CMD…
#   record FILTER               jq over $output: succeeds if the last value is neither null nor false
#   json_equal A B              the same JSON values, whatever the order of keys
#   sanitized                   is this a build with AddressSanitizer
#   unsearched CMD…             run without the search for leaks, half of what a short process costs there: for
#                               what was searched once before, and is repeated
#
# A file with a setup or teardown of its own calls vnep_setup or vnep_teardown in it.
# Mind bash: a line that begins with `!` never fails a test. Write `run -1 CMD` instead.

bats_require_minimum_version 1.5.0

ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
DATA=$ROOT/tests/data
: "${VNEP_BUILD:=$ROOT/build}"
: "${VNEP_BIN:=$VNEP_BUILD/bin}"
PATH=$VNEP_BIN:${VNEP_BIN%/bin}/tests:$PATH:/usr/sbin:/sbin
export ROOT DATA VNEP_BIN PATH LC_ALL=C.UTF-8 TZ=UTC
unset XDG_STATE_HOME NO_COLOR MAKEFLAGS MFLAGS MAKELEVEL

# The names that packagers gave to the CoAP programs of libcoap.
for COAP_CLIENT in coap-client-notls coap-client coap-client-openssl coap-client-gnutls; do
	! type -P "$COAP_CLIENT" >/dev/null || break
done
COAP_SERVER=${COAP_CLIENT/client/server}
export COAP_CLIENT COAP_SERVER

declare -gA PIDS=()

# shellcheck source=tests/lab.bash
source "$ROOT/tests/lab.bash"

# In the process of a test the folders exist from the first line on; bats also reads the file to count tests.
if [[ -n ${BATS_TEST_TMPDIR:-} ]]; then
	T=$BATS_TEST_TMPDIR
	VNEP_STATE=$T/state VNEP_RUNTIME=$T/run
	export T VNEP_STATE VNEP_RUNTIME
	mkdir -m 0700 "$VNEP_STATE" "$VNEP_RUNTIME" 2>/dev/null || true
	# A sanitizer's report fails the test, also when it comes from a daemon nobody asked for its exit status.
	export ASAN_OPTIONS="exitcode=99:log_path=$T/san:detect_leaks=1:${ASAN_OPTIONS:-}"
	export UBSAN_OPTIONS="exitcode=99:log_path=$T/san:print_stacktrace=1:${UBSAN_OPTIONS:-}"
fi

vnep_setup() {
	cd "$T" || return
}

# A process that is killed above while it looks for leaks on its way out leaves one line, which is no report.
sanitizer_spoke() {
	local file

	for file in "$T"/san.*; do
		if [[ -e $file ]] && grep -qvE '^(==[0-9]+==Unable to get registers from thread [0-9]+\.)?$' "$file"; then
			return 0
		fi
	done
	return 1
}

vnep_teardown() {
	local name rc=0

	for name in "${!PIDS[@]}"; do
		kill -KILL "${PIDS[$name]}" 2>/dev/null || true
		wait "${PIDS[$name]}" 2>/dev/null || true
	done
	ns_stop
	if [[ -z ${BATS_TEST_COMPLETED:-} && -z ${BATS_TEST_SKIPPED:-} ]]; then
		show "$T"/*.err "$T"/*.out
	fi
	if sanitizer_spoke; then
		show "$T"/san.*
		rc=1
	fi
	return $rc
}

setup() {
	vnep_setup
}

teardown() {
	vnep_teardown
}

# The last lines of each file that has any.
show() {
	local file

	for file in "$@"; do
		[[ -s $file ]] || continue
		printf -- '--- %s\n' "${file##*/}"
		tail -n 60 -- "$file"
	done
}

requires() {
	type -P "$1" >/dev/null || skip "$1 is missing: apt-get install ${2:-$1}"
}

# wait_for SECONDS COMMAND...: until it succeeds. The seconds are what a quiet machine may take; a busy one, or the
# sanitizers, may take VNEP_PATIENCE times that, for who waits in vain has found something either way.
wait_for() {
	local limit=$(( $1 * ${VNEP_PATIENCE:-4} )) left
	local end=$(( ${EPOCHREALTIME/[.,]/} + limit * 1000000 ))

	shift
	until "$@" >/dev/null 2>&1; do
		left=$(( end - ${EPOCHREALTIME/[.,]/} ))
		if (( left <= 0 )); then
			printf 'waited %s s in vain for: %s\n' "$limit" "$*"
			return 1
		fi
		pause
	done
}

# 20 ms without a process of its own: nobody ever writes into this pipe.
pause() {
	[[ -n ${PAUSE_FD:-} ]] || exec {PAUSE_FD}<> <(:)
	read -rt 0.02 -u "$PAUSE_FD" || true
}

# $! of a function would be a subshell; NS_EXEC makes ns and netns replace it, so that the process is CMD itself.
background() {
	local name=$1

	shift
	[[ $(type -t "$1") == function ]] || set -- exec "$@"
	: >"$T/$name.out" # what one before it of that name said is no word of this one
	: >"$T/$name.err"
	( NS_EXEC="exec"; "$@" ) </dev/null >"$T/$name.out" 2>"$T/$name.err" 3>&- 4>&- &
	PID=$!
	PIDS[$name]=$PID
}

stop() {
	local name expected=

	if [[ $1 == -* ]]; then
		expected=${1#-}
		shift
	fi
	name=$1
	status=0
	kill "-${2:-TERM}" "${PIDS[$name]}" 2>/dev/null || true
	wait "${PIDS[$name]}" 2>/dev/null || status=$?
	unset "PIDS[$name]"
	if [[ -n $expected && $status != "$expected" ]]; then
		printf '%s ended with %s, expected %s\n' "$name" "$status" "$expected"
		return 1
	fi
}

# Root stays root by name only: what it may not read or open is refused as to anybody.
NO_CAPS=(setpriv --bounding-set=-all --inh-caps=-all)

without_caps() {
	if (( EUID == 0 )); then
		"${NO_CAPS[@]}" "$@"
	else
		"$@"
	fi
}

record() {
	local filter=$1 asked=$1

	shift
	# jq 1.6 judges by its last input alone, also where that gave nothing: gather all results first.
	# shellcheck disable=SC2154 # output is of bats
	(( $# > 0 )) || set -- -n
	[[ $1 != -n ]] || filter="[inputs | ($filter)] | last // empty"
	if ! jq -re "$@" "$filter" <<<"$output"; then
		printf 'no record with: %s\nin: %s\n' "$asked" "$output"
		return 1
	fi
}

# Is this a build with AddressSanitizer? It takes memory, address space and time of its own.
sanitized() {
	[[ $(grep -c __asan_init "$VNEP_BIN/vnep-map") != 0 ]]
}

unsearched() {
	local -x ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0

	"$@"
}

json_equal() {
	diff -u <(jq -S . <<<"$1") <(jq -S . <<<"$2")
}
