load helpers
load edge

# When a device that sleeps is expected, and the word that it did not come.

expects() {
	vnep-edge status "$DEV0" >"$T/status" && jq -e 'has("next_expected")' "$T/status"
}

wakes_and_sleeps() {
	speak 0
	wait_for 5 state_is "$DEV0" awake
	wait_for 10 state_is "$DEV0" asleep
}

later() {
	(( ${EPOCHREALTIME/[.,]/} >= $1 ))
}

@test "period: who does not come when its periodic update is due is told as overdue, once" {
	lab
	edge_map
	printf '{"type":"device","v":1,"dev":"%s","vep":"%s","psm":{"t3324_s":3,"t3412_s":5}}\n' "$DEV0" "$V0" | vnep-map set -q
	edge_start
	speak 0
	wait_for 5 state_is "$DEV0" awake
	run -1 expects
	wait_for 10 state_is "$DEV0" asleep
	expects
	# T3412 began with the second of its active time
	jq -e '(.next_expected | sub("\\.[0-9]+Z"; "Z") | fromdateiso8601) - (.last_seen | sub("\\.[0-9]+Z"; "Z") | fromdateiso8601)
		| . >= 4 and . <= 7' "$T/status"
	wait_for 20 told '.cause == "overdue" and .state == "asleep" and .was == "asleep"'
	wakes_and_sleeps
	[[ $(jq -s 'map(select(.cause == "overdue")) | length' "$T/watch.out") == 1 ]]
}

@test "period: it is learned from when the device came, and forgotten when it comes otherwise" {
	local at n

	lab
	T3324=1 edge_map
	edge_start
	at=${EPOCHREALTIME/[.,]/}
	for (( n = 0; n < 8; n++ )); do
		wait_for 10 later "$at"
		wakes_and_sleeps
		(( n > 1 )) || run -1 expects
		if expects; then break; fi
		at=$(( at + 4000000 ))
	done
	expects
	wakes_and_sleeps
	run -1 expects
}

@test "period: after a restart it is known from the journal, learned or of T3412" {
	local at n learned

	lab 2
	T3324=1 edge_map
	printf '{"type":"device","v":1,"dev":"%s","vep":"%s","psm":{"t3324_s":1,"t3412_s":600}}\n' "$DEV1" "$V1" | vnep-map set -q
	edge_start
	speak 1
	wait_for 5 state_is "$DEV1" awake
	wait_for 10 state_is "$DEV1" asleep
	at=${EPOCHREALTIME/[.,]/}
	for (( n = 0; n < 8; n++ )); do
		wait_for 10 later "$at"
		wakes_and_sleeps
		if expects; then break; fi
		at=$(( at + 6000000 ))
	done
	expects
	learned=$(jq -r .next_expected "$T/status")
	edge_killed
	edge_start
	wait_for 10 expects
	# the same time, or a period of some six seconds later, if it went by
	jq -e --arg was "$learned" 'def s: sub("\\.[0-9]+Z"; "Z") | fromdateiso8601;
		(.next_expected | s) - ($was | s) | . >= -1 and (. <= 1 or . >= 5)' "$T/status"
	vnep-edge status "$DEV1" >"$T/status"
	jq -e '(.next_expected | sub("\\.[0-9]+Z"; "Z") | fromdateiso8601) - now | . > 500 and . <= 600' "$T/status"
}
