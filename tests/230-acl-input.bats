#!/usr/bin/env bats
# vnep-acl: records and options that it takes, and those that it refuses before anything happened.

load helpers
load acl

render() {
	vnep-acl render --access acc0,acc1 --core up0 "$@"
}

@test "render: needs no privilege and no ports, and nft accepts its text and its JSON" {
	requires nft nftables
	without_caps vnep-acl render --access acc0,acc1 --core up0 <<<"$RECORDS" >"$T/rules.nft"
	render --format json <<<"$RECORDS" >"$T/rules.json"
	lab 2
	lab_journal_port
	nft -c -f "$T/rules.nft"
	nft -j -c -f "$T/rules.json"
	jq -e '.nftables | length > 100' "$T/rules.json"
	run -1 nft list table netdev vnep
}

@test "render: text and JSON make the same table" {
	requires nft nftables
	lab 2
	lab_journal_port
	render <<<"$RECORDS" >"$T/rules.nft"
	render --format json <<<"$RECORDS" >"$T/rules.json"
	nft -f "$T/rules.nft"
	of_kernel() { # JSON has no comments of sets, text no interval of maps
		nft -s list table netdev vnep | sed '/^\t\tcomment/d; /^\tmap /,/^\t}/{/gc-interval 1d/d}'
	}
	of_kernel >"$T/text"
	nft delete table netdev vnep
	nft -j -f "$T/rules.json"
	of_kernel >"$T/json"
	diff "$T/text" "$T/json"
}

@test "render: loaded twice, the text leaves the same rules and keeps presence" {
	requires nft nftables
	lab 2
	lab_journal_port
	render <<<"$RECORDS" >"$T/rules.nft"
	nft -f "$T/rules.nft"
	nft add element netdev vnep awake "{ $V1 }"
	nft -s list table netdev vnep >"$T/once"
	nft -f "$T/rules.nft"
	nft -s list table netdev vnep >"$T/twice"
	diff "$T/once" "$T/twice"
}

@test "render: the order of the records does not change the rules" {
	render <<<"$RECORDS" | sed -n '/chain access/,/^}/p' | sort >"$T/a"
	tac <<<"$RECORDS" | render | sed -n '/chain access/,/^}/p' | sort >"$T/b"
	[ -s "$T/a" ]
	diff "$T/a" "$T/b"
}

@test "render: devices with equal allow lists share a policy, those with equal active times a class" {
	INPUT=$(for n in 1 2 3 4; do
		echo '{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe00530'$n'","vep":"2001:db8:b::'$n'","vpc":"acme",
			"addr":["2001:db8:a::'$n'"],"allow":[{"to":"2001:db8:b::2"}],"psm":{"t3324_s":5}}' | tr -d '\n\t'
		echo
	done; head -n 1 <<<"$RECORDS")
	render <<<"$INPUT" >"$T/rules.nft"
	[ "$(grep -c 'chain policy_' "$T/rules.nft")" -eq 1 ]
	[ "$(grep -c 'chain class_5s_tap_' "$T/rules.nft")" -eq 1 ]
	grep -q 'ip6 daddr 2001:db8:b::2/128 goto link_acme' "$T/rules.nft" || grep -q 'ip6 daddr 2001:db8:b::2 goto' "$T/rules.nft"
}

@test "render: the journal field decides about the tap" {
	for mode in asleep from-device both; do
		INPUT=$(head -n 1 <<<"$RECORDS"; echo '{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'","vpc":"acme",
			"addr":["2001:db8:a::2"],"journal":"'$mode'","psm":{"t3324_s":5}}' | tr -d '\n\t')
		render <<<"$INPUT" >"$T/$mode.nft"
	done
	grep -q 'chain class_5s_quiet' "$T/asleep.nft"
	run -1 grep 'goto tap_to_' "$T/asleep.nft"
	grep -q 'chain class_5s_tap' "$T/from-device.nft"
	run -1 grep 'goto tap_to_' "$T/from-device.nft"
	grep -q 'chain class_5s_tap' "$T/both.nft"
	grep -q 'goto tap_to_' "$T/both.nft"
}

@test "render: an active time of 0 never looks at awake" {
	render <<<"${RECORDS/'"t3324_s":2'/'"t3324_s":0'}" >"$T/rules.nft"
	sed -n '/chain class_0s_tap_all_acme/,/}/p' "$T/rules.nft" >"$T/class"
	[ -s "$T/class" ]
	run -1 grep awake "$T/class"
	grep -q copy.wake "$T/class"
}

@test "render: the map's records, with --map" {
	vnep-map import -q <<<"$RECORDS"
	render --map >"$T/map.nft"
	render <<<"$RECORDS" >"$T/stdin.nft"
	diff <(sort "$T/map.nft") <(sort "$T/stdin.nft")
	run -2 --separate-stderr render --map file.jsonl
}

@test "render: what vnep-map list prints is an input" {
	vnep-map import -q <<<"$RECORDS"
	vnep-map list | render >"$T/rules.nft"
	grep -q "$V0 : goto class" "$T/rules.nft"
}

@test "render: a binding record binds, a tombstone does not" {
	device='{"type":"device","v":1,"dev":"'$DEV2'","vep":"'$V2'","vpc":"acme"}'
	binding='{"type":"binding","v":1,"dev":"'$DEV2'","port":"acc1","mac":"00:00:5e:00:53:12","addr":["2001:db8:a::4","2001:db8:a::5"]}'
	vpc=$(head -n 1 <<<"$RECORDS")
	render <<<"$binding"$'\n'"$device"$'\n'"$vpc" >"$T/rules.nft"
	grep -q '"acc1" . 00:00:5e:00:53:12 . 2001:db8:a::4 : '"$V2" "$T/rules.nft"
	grep -q "$V2 : 2001:db8:a::5" "$T/rules.nft" # to-device goes by the latest
	render <<<"$vpc"$'\n'"${device%\}}"',"deleted":true}' >"$T/rules.nft"
	run -1 grep "$V2" "$T/rules.nft"
}

# refused MESSAGE RECORD…: render refuses them so, and prints nothing.
refused() {
	local message=$1

	shift
	printf '%s\n' "$@" >"$T/in.jsonl"
	run -2 --separate-stderr render "$T/in.jsonl"
	[ -z "$output" ]
	[[ $stderr == *"$message"* ]] || { echo "$stderr"; return 1; }
}

@test "bad records: malformed, doubled keys, wrong types and near misses name file, line and column" {
	vpc=$(head -n 1 <<<"$RECORDS")
	refused 'in.jsonl:2:' "$vpc" '{"type":"device","v":1,'
	refused 'in.jsonl:1:' '{"type":"vpc","v":1,"v":1,"vpc":"acme","prefix":"2001:db8::/64"}'
	refused 'did you mean "vep"' "$vpc" '{"type":"device","v":1,"dev":"'$DEV0'","vpe":"'$V0'"}'
	refused 'in.jsonl:1' '{"type":"presence","v":1,"dev":"'$DEV0'","state":"awake"}'
	refused 'not of the map' '{"type":"presence","v":1,"dev":"'$DEV0'","state":"awake"}'
}

@test "bad records: a VPC that is not there, or none that has the endpoint, names the device" {
	refused "\"acme\" of $DEV0" '{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'","vpc":"acme"}'
	refused "$DEV0" '{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'"}'
}

@test "bad records: one side tagged and the other not is refused by line, whichever comes first" {
	vpc=$(head -n 1 <<<"$RECORDS")
	tagged='{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900}'
	device='{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'","vpc":"acme"}'
	refused "in.jsonl:2: $DEV0 has a vlan, but its vpc \"acme\" has no core_vlan" "$vpc" "${device%\}}"',"vlan":101}'
	refused "in.jsonl:2: $DEV0 has no vlan, but its vpc \"acme\" has core_vlan 900" "$tagged" "$device"
	refused "in.jsonl:1: $DEV0 has no vlan, but its vpc \"acme\" has core_vlan 900" "$device" "$tagged"
	[[ $stderr == *$'\nhint: tags are changed, not put on or taken off'* ]]
}

@test "bad records: a device behind two tags is refused with the reason" {
	tagged='{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900}'
	device='{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'","vpc":"acme"}'
	refused 'in.jsonl:2:97: "vlan" must be an integer from 1 to 4094, not an array' "$tagged" \
		"${device/'"vpc":"acme"}'/'"vpc":"acme","vlan":[101,102]}'}"
	refused 'in.jsonl:1:' "${tagged/900/[900,901]}"
}

@test "bad records: what a tagged VPC cannot be, and a host endpoint without an address" {
	tagged='{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900}'
	refused 'in.jsonl:1: vpc "acme": next_hop 2001:db8:d::1 is neither link-local nor in its prefix' \
		"${tagged%\}}"',"routes":[{"to":"::/0","next_hop":"2001:db8:d::1"}]}'
	refused 'in.jsonl:2: vpc "other" and vpc "acme" have addresses in common, in core VLANs 901 and 900' "$tagged" \
		'{"type":"vpc","v":1,"vpc":"other","prefix":"2001:db8:b:0:8000::/65","core_vlan":901}'
	refused 'in.jsonl:2:' "$(head -n 1 <<<"$RECORDS")" \
		'{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'","vpc":"acme","form":"host"}'
	[[ $stderr == *addr* ]]
	refused 'core_port "up7"' '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_port":"up7"}'
}

@test "bad records: two devices with one binding are refused, naming both endpoints" {
	refused "$V0" "$(head -n 1 <<<"$RECORDS")" \
		'{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'","mac":"00:00:5e:00:53:01","vpc":"acme","addr":["2001:db8:a::2"]}' \
		'{"type":"device","v":1,"dev":"'$DEV1'","vep":"'$V1'","mac":"00:00:5e:00:53:01","vpc":"acme","addr":["2001:db8:a::2"]}'
}

@test "bad options: missing, doubled, too long, and both access and core port" {
	run -2 --separate-stderr vnep-acl render --access acc0 <<<"$RECORDS"
	[[ $stderr == *"--access and --core"* ]]
	run -2 --separate-stderr vnep-acl render --access acc0,acc0 --core up0 <<<"$RECORDS"
	[[ $stderr == *'"acc0" is named twice'* ]]
	run -2 --separate-stderr vnep-acl render --access acc0 --core acc0 <<<"$RECORDS"
	[[ $stderr == *'both access and core'* ]]
	run -2 --separate-stderr vnep-acl render --access a-name-too-long-for-it --core up0 <<<"$RECORDS"
	[[ $stderr == *'not the name of a port'* ]]
	run -2 --separate-stderr vnep-acl render --format yaml --access acc0 --core up0 <<<"$RECORDS"
	run -2 --separate-stderr vnep-acl awake
	run -2 --separate-stderr vnep-acl sleep
	[[ $stderr == *'did you mean "asleep"'* || $stderr == *'unknown verb'* ]]
}

@test "bad input to apply changes nothing, not even the journal port" {
	requires nft nftables
	lab 2
	INPUT="$RECORDS"$'\n{"type":"device"' run -2 --separate-stderr apply
	run -1 nft list table netdev vnep
	run -1 netns edge ip link show vnep-j0
	apply
	nft -s list table netdev vnep >"$T/before"
	INPUT="${RECORDS/2001:db8:a::2/2001:db8:a::7}"$'\n{"type":"device"' run -2 --separate-stderr apply
	nft -s list table netdev vnep >"$T/after"
	diff "$T/before" "$T/after"
}

@test "a full disk or a closed pipe ends it as the other tools" {
	run -3 --separate-stderr sh -c 'vnep-acl render --access acc0,acc1 --core up0 >/dev/full' <<<"$RECORDS"
	run -141 sh -c 'trap - PIPE; vnep-acl render --access acc0,acc1 --core up0 | true; exit 141' <<<"$RECORDS"
}

@test "ports: names that would make one chain of two are refused, with the name" {
	local device='{"type":"device","v":1,"dev":"urn:dev:os:1-1","vep":"2001:db8:b::70","mac":"00:00:5e:00:53:01","addr":["2001:db8:a::2"]'

	one() { printf '%s\n' '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"'"$1"'}' "$device$2}"; }
	run -2 --separate-stderr vnep-acl render --access device --core up0 <<<"$(one "" "")"
	[[ $stderr == *'two chains the name "to_device"'*hint* ]]
	[ -z "$output" ]
	run -2 --separate-stderr vnep-acl render --access acc0,vlan_acc0 --core up0 <<<"$(one ',"core_vlan":900' ',"vlan":101')"
	[[ $stderr == *'"bound_vlan_acc0"'* ]]
	run -0 --separate-stderr vnep-acl render --access acc0,vlan_acc1 --core up0 <<<"$(one ',"core_vlan":900' ',"vlan":101')"
}
