#!/usr/bin/env bats
# vnep-acl import-mud: MUD files (RFC 8520) as allow lists.

load helpers

LAMP=$DATA/mud-lamp.json
DEV0=urn:dev:mac:00005efffe005301 DEV1=urn:dev:mac:00005efffe005302

setup() {
	vnep_setup
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"group","v":1,"group":"lights","address":"ff35:40:2001:db8::8000:1","port":5683,"senders":["2001:db8:b::2"]}
		{"type":"device","v":1,"dev":"$DEV0","vep":"2001:db8:b::70","groups":["lights"],"labels":{"model":"T-100"}}
		{"type":"device","v":1,"dev":"$DEV1","vep":"2001:db8:b::71","name":"update.lamp.example.","labels":{"mud-url":"https://lamp.example/bulb"}}
	END
}

# lamp FILTER: the file, changed by jq, in $T/lamp.json
lamp() {
	jq "$1" "$LAMP" >"$T/lamp.json"
}

# refused STATUS TEXT COMMAND…
refused() {
	local status=$1 text=$2

	shift 2
	run "-$status" --separate-stderr "$@"
	[ -z "$output" ]
	[[ $stderr == *"$text"* ]]
}

@test "mud: destinations, protocols and ports become the allow list, what only the map knows is looked up there" {
	run -0 --separate-stderr vnep-acl import-mud --dev "$DEV0" "$LAMP"
	json_equal "$(jq -c .allow <<<"$output")" '[
		{"to":"2001:db8:b::71/128","proto":"TCP","ports":[443]},
		{"to":"2001:db8:b::2/128","proto":"UDP","ports":["5683-5684"]},
		{"to":"2001:db8:b::71/128","proto":"UDP"},
		{"to":"2001:db8:b::/64","proto":"ICMPV6"},
		{"to":"2001:db8:c::/48","proto":"TCP","ports":["8000-65535"]}]'
	json_equal "$(jq -c .labels <<<"$output")" '{"model":"T-100","mud-url":"https://lamp.example/lamp2000"}'
	[[ $stderr == *"entry gone (https://c.example) names nobody"* ]]
}

@test "mud: what cannot be expressed is said, entry by entry, and never made wider" {
	run -0 --separate-stderr vnep-acl import-mud --dev "$DEV0" "$LAMP"
	for line in \
		"list from-v6, entry answers cannot be expressed: only answers are meant" \
		"list from-v6, entry source cannot be expressed: it asks for more of the transport header than" \
		"list from-v6, entry no cannot be expressed: its action is not" \
		"list from-v6, entry both cannot be expressed: it names more than one destination" \
		"list from-v6, entry anywhere cannot be expressed: it names no destination" \
		"list from-v4 cannot be expressed: it is for IPv4" \
		"list to-v6 cannot be expressed: it is for what is sent to the device" \
		"list lost cannot be expressed: the file has no list of that name"; do
		[[ $stderr == *"$line"* ]] || { echo "missing: $line"; false; }
	done
	run -0 --separate-stderr vnep-acl import-mud -q --dev "$DEV0" "$LAMP"
	[ -z "$stderr" ]
}

@test "mud: what it prints goes into the map, and the rules have it" {
	vnep-acl import-mud -q --dev "$DEV0" --dev "$DEV1" "$LAMP" | vnep-map set -q
	[ "$(vnep-map get "$DEV0" | jq '.allow | length')" -eq 5 ]
	vnep-acl render --map --access acc0 --core up0 >"$T/rules"
	# now both are of that manufacturer
	run -0 --separate-stderr vnep-acl import-mud -q --dev "$DEV0" "$LAMP"
	record '[.allow[] | select(.proto == "UDP" and (has("ports") | not)).to] == ["2001:db8:b::70/128", "2001:db8:b::71/128"]'
}

@test "mud: no file of RFC 8520 is refused, and nothing is printed" {
	refused 2 "no MUD file" vnep-acl import-mud --dev "$DEV0" <<<'{}'
	refused 2 "malformed" vnep-acl import-mud --dev "$DEV0" <<<'{'
	lamp '.["ietf-mud:mud"]["mud-version"] = 2'
	refused 2 "mud-version is not 1" vnep-acl import-mud --dev "$DEV0" "$T/lamp.json"
	lamp '.["ietf-mud:mud"]["mud-url"] = "http://lamp.example/"'
	refused 2 "mud-url is not https" vnep-acl import-mud --dev "$DEV0" "$T/lamp.json"
	head -c 1048577 /dev/zero >"$T/big"
	refused 2 "longer than 1048576 octets" vnep-acl import-mud --dev "$DEV0" "$T/big"
	refused 3 "cannot read it" vnep-acl import-mud --dev "$DEV0" "$T/none"
}

@test "mud: a list of which nothing is left is refused: empty, it would mean the whole VPC" {
	lamp '.["ietf-access-control-list:acls"].acl[].aces.ace |= map(select(.name == "answers"))'
	refused 2 "nothing of it can be expressed" vnep-acl import-mud --dev "$DEV0" "$T/lamp.json"
}

@test "mud: devices must be said, and be in the map" {
	refused 2 "say whose files these are" vnep-acl import-mud "$LAMP"
	refused 1 "no such device" vnep-acl import-mud --dev 2001:db8:b::99 "$LAMP"
	rm -r "$VNEP_STATE"
	refused 1 "there is no map" vnep-acl import-mud --dev "$DEV0" "$LAMP"
}
