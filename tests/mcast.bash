# mcast - groups of devices: `load helpers; load edge; load mcast`.
#
#   mcast_map [LINE...]   a VPC that speaks as $SPEAKER, group lights with dev0 (sleeps after T3324 seconds, default 60),
#                         dev1 and dev2; then more lines, or others
#   mcast_tagged          the same in VLANs 101 and 102 behind dev0, a device each, whose hosts are t101 and t102; 900 is the
#                         VPC's, with c900
#   members N...          device N listens to the group: a CoAP server that answers
#   joined N...           device N writes what is sent to the group on port 7000 to $T/joinedN.out, one datagram a line, and
#                         what is sent to it alone, too
#   awake_all N...        they speak, and are awake
#   instruct JSON         one instruction record for the group
#   got N TEXT...         for wait_for: device N got these lines, and no others, in that order
#   as_many_as_journaled  for wait_for: devices 0, 1 and 2 got all that their journals have; device 0 once

SPEAKER=2001:db8:b::fe GROUP=ff35:40:2001:db8::8000:1
export SPEAKER GROUP

mcast_map() {
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","speaker":"$SPEAKER"}
		{"type":"group","v":1,"group":"lights","address":"$GROUP"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","groups":["lights"],"psm":{"t3324_s":${T3324:-60}}}
		{"type":"device","v":1,"dev":"$DEV1","vep":"$V1","vpc":"acme","groups":["lights"],"labels":{"model":"T-100"}}
		{"type":"device","v":1,"dev":"$DEV2","vep":"$V2","groups":["lights"],"journal":"both"}
	END
	(( $# == 0 )) || printf '%s\n' "$@" | vnep-map set -q
}

mcast_tagged() {
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900,"speaker":"$SPEAKER"}
		{"type":"group","v":1,"group":"lights","address":"$GROUP"}
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005321","vep":"2001:db8:b::101","vlan":101,"groups":["lights"]}
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005322","vep":"2001:db8:b::102","vlan":102,"groups":["lights"]}
	END
	lab_taps <<-'END'
		t101 dev0 101 00:00:5e:00:53:21 2001:db8:a::2/64
		t102 dev0 102 00:00:5e:00:53:22 2001:db8:a::2/64
		c900 vpc 900 00:00:5e:00:53:29 2001:db8:b::2/64
	END
}

members() {
	local n

	for n; do
		background "coap$n" netns "dev$n" "$COAP_SERVER" -d 10 -g "$GROUP" -G "d$n"
	done
	for n; do
		wait_for 5 in_group "$n"
	done
}

joined() {
	local n

	for n; do
		background "joined$n" netns "dev$n" socat -u "UDP6-RECV:7000,ipv6-join-group=[$GROUP]:d$n" -
	done
	for n; do
		wait_for 5 in_group "$n"
	done
}

in_group() {
	netns "dev$1" ip -6 maddr show dev "d$1" | grep -q "$GROUP"
}

awake_all() {
	local n v

	for n; do
		v=V$n
		speak "$n"
		wait_for 5 state_is "${!v}" awake
	done
}

instruct() {
	printf '{"type":"instruction","v":1,%s}\n' "$1"
}

got() {
	[ "$(<"$T/joined$1.out")" = "$(printf '%s\n' "${@:2}")" ]
}

# What each got against what its journal has: all of it, in doubt twice; the sleeper, in order, once.
as_many_as_journaled() {
	local n d lost=0 twice=0 all=0

	for n in 0 1 2; do
		d=DEV$n
		vnep-journal read --dev "${!d}" | jq -r 'select(.kind == "instruction") | .frame' |
			while read -r frame; do base64 -d <<<"$frame" | tail -c +63; done >"$T/stored$n"
		all=$(( all + $(wc -l <"$T/stored$n") ))
		lost=$(( lost + $(comm -23 <(sort -u "$T/stored$n") <(sort -u "$T/joined$n.out") | wc -l) ))
		twice=$(( twice + $(sort "$T/joined$n.out" | uniq -d | wc -l) ))
		cmp "$T/stored$n" <(sort -u "$T/stored$n" | sort -V) || return
		[[ -z $(comm -13 <(sort -u "$T/stored$n") <(sort -u "$T/joined$n.out")) ]] || return
	done
	cmp "$T/stored0" "$T/stored1" && cmp "$T/stored1" "$T/stored2" && cmp "$T/stored0" "$T/joined0.out" || return
	(( lost == 0 && twice <= 2 )) || return
	echo "# kill -9: $all instructions stored, forgotten 0, twice $twice" >&3
}
