#!/usr/bin/env bats
# vnep-acl apply --follow of standard input: the stream of `vnep-map watch`, of a map that may be elsewhere.

load helpers
load acl

setup() {
	vnep_setup
	requires nft nftables
	lab 2
	mkfifo "$T/stream"
	export TMPDIR=$T/tmp
	mkdir "$TMPDIR"
}

follow_stream() {
	netns edge vnep-acl apply --follow --access acc0,acc1 --core up0 "$@" <"$T/stream"
}

watch_into_stream() {
	exec vnep-map watch >"$T/stream"
}

# follow: begin, and open the stream as descriptor $to; its records are said by `tell RECORD…`
follow() {
	background follow follow_stream
	exec {to}>"$T/stream"
}

tell() {
	printf '%s\n' "$@" >&"$to"
}

# ended STATUS: by itself, with the stream
ended() {
	local status=0

	wait "${PIDS[follow]}" || status=$?
	unset 'PIDS[follow]'
	[ "$status" -eq "$1" ]
}

sync_record() {
	echo '{"type":"sync","v":1,"revision":'"$1"'}'
}

# synced N: a sync record of revision N was printed last
synced() {
	N=$1 wait_for 5 jq -se 'last | .type == "sync" and .revision == (env.N | tonumber)' "$T/follow.out"
}

said() {
	jq -se "$1" "$T/follow.out" >/dev/null || { echo "not said: $1"; cat "$T/follow.out"; return 1; }
}

device() { # DEV VEP REVISION MEMBERS
	echo '{"type":"device","v":1,"dev":"'"$1"'","vep":"'"$2"'","vpc":"acme","port":"acc0","revision":'"$3,$4"'}'
}

@test "stream: nothing is applied before the sync record, then each record is a change" {
	follow
	tell "$RECORDS" '{"type":"event","v":1}'
	wait_for 5 grep -q -- '-:5: ' "$T/follow.err" # so all before it was read
	run -1 nft list table netdev vnep
	tell "$(sync_record 7)"
	synced 7
	said '.[0].type == "error" and .[1].name == "vnep_acl_changes" and .[1].value > 50 and length == 3'
	run -0 --separate-stderr acl verify <<<"$RECORDS"
	tell "$(device urn:dev:os:32473-9 2001:db8:b::99 8 '"mac":"00:00:5e:00:53:99","addr":["2001:db8:a::99"]')"
	synced 8
	said 'any(.[]; .type == "difference" and .what == "add" and .record.vep == "2001:db8:b::99")'
	nft get element netdev vnep to_binding '{ 2001:db8:b::99 : 2001:db8:a::99 }'
	tell "$(device urn:dev:os:32473-9 2001:db8:b::99 9 '"mac":"00:00:5e:00:53:99","deleted":true')"
	synced 9
	said 'last(.[] | select(.type == "difference")).what == "delete"'
	run -0 --separate-stderr acl verify <<<"$RECORDS"
	[ -z "$output" ]
	exec {to}>&-
	ended 1
}

@test "stream: two devices exchange their endpoints, and one binding follows its device" {
	follow
	tell "$RECORDS" "$(device urn:dev:os:32473-a 2001:db8:b::97 8 '"mac":"00:00:5e:00:53:97","addr":["2001:db8:a::9"]')" \
		"$(device urn:dev:os:32473-b 2001:db8:b::98 9 '"mac":"00:00:5e:00:53:98"')" "$(sync_record 9)"
	synced 9
	tell "$(device urn:dev:os:32473-a 2001:db8:b::98 10 '"mac":"00:00:5e:00:53:97","addr":["2001:db8:a::9"]')
$(device urn:dev:os:32473-b 2001:db8:b::97 11 '"mac":"00:00:5e:00:53:98"')"
	synced 11
	said 'all(.[]; .type != "error")'
	nft get element netdev vnep to_binding '{ 2001:db8:b::98 : 2001:db8:a::9 }'
	run -1 nft get element netdev vnep to_binding '{ 2001:db8:b::97 : 2001:db8:a::9 }'
	tell '{"type":"binding","v":1,"dev":"urn:dev:os:32473-b","port":"acc1","mac":"00:00:5e:00:53:98","addr":["2001:db8:a::8"],"revision":12}'
	synced 12
	nft get element netdev vnep to_binding '{ 2001:db8:b::97 : 2001:db8:a::8 }'
	nft list map netdev vnep from_binding | grep -q '"acc1" . 00:00:5e:00:53:98 . 2001:db8:a::8'
	stop -0 follow TERM
}

@test "stream: a line that is refused is told and passed over, and the exit is 1" {
	follow
	tell "$RECORDS" '{"type":"device"' "$(sync_record 3)"
	synced 3
	said 'any(.[]; .type == "error" and .line == 5)'
	[[ $(<"$T/follow.err") == *"vnep-acl: -:5:"*"malformed JSON"* ]]
	tell '{"type":"event","v":1}' "$(device urn:dev:os:32473-c 2001:db8:b::97 5 '"mac":"00:00:5e:00:53:97"')"
	synced 5
	grep -q -- '-:7: ' "$T/follow.err"
	run -0 nft get element netdev vnep endpoint '{ 2001:db8:b::97 }'
	nft get element netdev vnep to_binding "{ $V0 : 2001:db8:a::2 }"
	exec {to}>&-
	ended 1
}

@test "stream: a record that is refused for good ends it: exit 4" {
	follow
	tell "$RECORDS" "$(sync_record 3)"
	synced 3
	tell "$(device urn:dev:os:32473-c "$V0" 4 '"mac":"00:00:5e:00:53:97"')" \
		"$(device urn:dev:os:32473-d 2001:db8:b::98 5 '"mac":"00:00:5e:00:53:98"')"
	wait_for 5 nft get element netdev vnep endpoint '{ 2001:db8:b::98 }' # not held up by the other
	ended 4
	exec {to}>&-
	said 'any(.[]; .type == "error" and .line == 6) and all(.[] | select(.type == "sync"); .revision == 3)'
	[[ $(<"$T/follow.err") == *"-:6: "*"1 of the records"*"hint: begin again"* ]]
	nft get element netdev vnep to_binding "{ $V0 : 2001:db8:a::2 }"
	follow
	tell "$RECORDS" "$(sync_record 3)"
	synced 3
	tell "$(device urn:dev:os:32473-c "$V0" 4 '"mac":"00:00:5e:00:53:97"')"
	exec {to}>&- # nothing can come that makes room
	ended 4
}

@test "stream: what is refused waits for room, and gives way to what is newer of its own record" {
	follow
	tell "$RECORDS" "$(sync_record 3)"
	synced 3
	tell "$(device urn:dev:os:32473-c "$V0" 4 '"mac":"00:00:5e:00:53:97"')"
	tell "$(device urn:dev:os:32473-d "$V1" 5 '"mac":"00:00:5e:00:53:98"')"
	tell "$(device urn:dev:os:32473-d 2001:db8:b::98 6 '"mac":"00:00:5e:00:53:98"')"
	wait_for 5 nft get element netdev vnep endpoint '{ 2001:db8:b::98 }'
	tell "$(device "$DEV1" 2001:db8:b::a1 7 '"addr":["2001:db8:a::3"]')"
	tell "$(device "$DEV0" 2001:db8:b::a0 8 '"addr":["2001:db8:a::2"]')"
	synced 8
	said 'all(.[]; .type != "error")'
	for vep in "$V0" 2001:db8:b::98 2001:db8:b::a0 2001:db8:b::a1; do
		nft get element netdev vnep endpoint "{ $vep }"
	done
	run -1 nft get element netdev vnep endpoint "{ $V1 }"
	stop -0 follow
	exec {to}>&-
}

@test "stream: a device and its binding that change at once are one difference" {
	local here='"dev":"urn:dev:os:32473-e","vpc":"acme"' at='"port":"acc0","mac":"00:00:5e:00:53:97","addr":["2001:db8:a::9"]'

	follow
	tell "$RECORDS" "$(sync_record 3)"
	synced 3
	printf '%s\n' '{"type":"device","v":1,'"$here"',"vep":"2001:db8:b::97","revision":4}' \
		'{"type":"binding","v":1,"dev":"urn:dev:os:32473-e",'"$at"',"revision":5}' >"$T/both"
	cat "$T/both" >&"$to" # one write, one read
	synced 5
	printf '%s\n' '{"type":"binding","v":1,"dev":"urn:dev:os:32473-e",'"${at/a::9/a::8}"',"revision":6}' \
		'{"type":"device","v":1,'"$here"',"vep":"2001:db8:b::98","revision":7}' >"$T/both"
	cat "$T/both" >&"$to"
	synced 7
	nft get element netdev vnep to_binding '{ 2001:db8:b::98 : 2001:db8:a::8 }'
	tell '{"type":"binding","v":1,"dev":"urn:dev:os:32473-e",'"$at"',"revision":8}'
	synced 8
	tell '{"type":"device","v":1,'"$here"',"vep":"2001:db8:b::98","deleted":true,"revision":9}'
	synced 9
	said '[.[] | select(.type == "difference") | [.what, .record.type]] ==
		[["add", "device"], ["change", "device"], ["change", "binding"], ["delete", "device"]]'
	run -1 nft get element netdev vnep endpoint '{ 2001:db8:b::98 }'
	exec {to}>&-
	ended 0
}

# thousand BY: devices, of which each has the endpoint of the one that comes BY later
thousand() {
	echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
	awk -v by="$1" 'BEGIN { for (i = 0; i < 1000; i++)
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-%d\",\"vep\":\"2001:db8:b::1:%x\",\"vpc\":\"acme\",\"mac\":\"00:00:5e:00:%02x:%02x\",\"port\":\"acc0\",\"addr\":[\"2001:db8:a::1:%x\"]}\n", i, (i + by) % 1000, i / 256, i % 256, i }'
}

@test "stream: a thousand devices that each take the next one's endpoint, through a pipe" {
	vnep-map import -q <<<"$(thousand 0)"
	background watch watch_into_stream
	background follow follow_stream --state "$T/other"
	wait_for 10 grep -q '"sync","v":1,"revision":1001' "$T/follow.out"
	for by in 1 500; do
		vnep-map import -q <<<"$(thousand "$by")"
		REVISION=$(vnep-map stat | jq 'select(.name == "vnep_map_revision").value')
		wait_for 20 grep -q '"sync","v":1,"revision":'"$REVISION" "$T/follow.out"
		run -0 --separate-stderr acl verify --map
		[ -z "$output" ]
	done
	said 'all(.[]; .type != "error") and ([.[] | select(.type == "difference")] | length) == 2000'
	stop -0 follow
	stop watch
}

# refused_first STATUS WORDS: the follower ended so, said so with a hint, and the kernel is as it was
refused_first() {
	ended "$1"
	[[ $(<"$T/follow.err") == *"$2"* ]]
	run -0 --separate-stderr acl verify <<<"$RECORDS"
	[ -z "$output" ]
	[ -z "$(ls "$TMPDIR")" ]
}

@test "stream: an end before the sync record changes nothing and is exit 5; nothing is left in TMPDIR" {
	apply
	follow
	exec {to}>&- # as of an ssh that could not connect
	refused_first 5 "ended before its sync record"
	grep -q 'vnep-map watch prints' "$T/follow.err"
	follow
	tell "${RECORDS%$'\n'*}" # cut off in the listing, behind a line and within one
	printf '%s' '{"type":"device","v":1,"dev":"urn:dev' >&"$to"
	exec {to}>&-
	refused_first 5 "ended before its sync record"
	run -5 --separate-stderr acl apply --follow --access acc0,acc1 --core up0 <<<"$RECORDS"
	[ -z "$output" ]
}

@test "stream: changes after a revision are no whole map: exit 2, and nothing is changed" {
	apply
	vnep-map import -q <<<"$RECORDS"
	vnep-map set -q <<<"$(device urn:dev:os:32473-9 2001:db8:b::99 1 '"mac":"00:00:5e:00:53:99"' | sed 's/,"revision":1//')"
	for source in "watch --after-revision 4" "watch --after-revision 5"; do
		# shellcheck disable=SC2086 # two words
		background watch vnep-map $source
		wait_for 5 grep -q '"after_revision":' "$T/watch.out"
		stop watch
		follow
		cat "$T/watch.out" >&"$to" || true
		refused_first 2 "not the whole map"
		exec {to}>&-
	done
	follow # of a watch that does not say so
	tell "$(device urn:dev:os:32473-9 2001:db8:b::99 9 '"deleted":true')" "$(sync_record 9)"
	refused_first 2 "not the whole map"
	exec {to}>&-
	background watch vnep-map watch --after-revision 0
	wait_for 5 grep -q '"after_revision":0' "$T/watch.out"
	stop watch
	follow # this is all
	cat "$T/watch.out" >&"$to"
	synced 5
	stop -0 follow
	exec {to}>&-
}

@test "stream: what vnep-map watch prints is what it takes" {
	vnep-map import -q <<<"$RECORDS"
	background watch watch_into_stream
	background follow follow_stream --state "$T/other"
	wait_for 5 grep -q '"sync"' "$T/follow.out"
	vnep-map set -q <<<"$(device urn:dev:os:32473-9 2001:db8:b::99 1 '"mac":"00:00:5e:00:53:99"' | sed 's/,"revision":1//')"
	wait_for 5 nft get element netdev vnep endpoint '{ 2001:db8:b::99 }'
	vnep-map delete -q urn:dev:os:32473-9
	wait_for 5 jq -se 'map(select(.type == "difference").what) == ["add", "delete"]' "$T/follow.out"
	run -0 --separate-stderr acl verify --map
	[ -z "$output" ]
	stop -0 follow
	stop watch
}
