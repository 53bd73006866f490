#!/usr/bin/env bats
# vnep-acl render --format openflow: what Open vSwitch makes of the flows, beside what the rules say.

load helpers
load acl
load oracle
load ovs

FRAMES=600
[[ -z ${VNEP_FULL:-} ]] || FRAMES=20000

render() {
	vnep-acl render --format openflow --access acc0,acc1 --core up0 "$@"
}

# switch RECORDS: a bridge with the flows of these.
switch() {
	render -q <<<"$1" >"$T/flows"
	ovs_start acc0 acc1 up0 vnep-j0
	ofctl set-frags nx-match
	ofctl add-flows "$T/flows"
	NAMES=$(ofctl show | sed -n 's/^ \([0-9]*\)(\(.*\)): addr.*/\1=\2/p' | tr '\n' ' ')
}

@test "openflow: needs no privilege, no ports and no kernel; what is lost is said, and stands in the text" {
	run -0 --separate-stderr without_caps vnep-acl render --format openflow --access acc0,acc1 --core up0 <<<"$RECORDS"
	[[ $stderr == *"lost in OpenFlow: presence: "* ]]
	[[ $stderr == *"lost in OpenFlow: budgets: "* ]]
	while IFS= read -r line; do
		grep -qF -- "# - ${line#*lost in OpenFlow: }" <<<"$output"
	done <<<"$stderr"
	[[ $(render -q <<<"$RECORDS" 2>&1) == "$output" ]]
	[[ $(tac <<<"$RECORDS" | render -q | grep -c actions) == $(grep -c actions <<<"$output") ]]
}

@test "openflow: a name of a port that the text cannot hold is refused; so are the records that render refuses" {
	run -2 --separate-stderr vnep-acl render --format openflow --access 'acc#0' --core up0 <<<"$RECORDS"
	[[ $stderr == *'"acc#0"'* ]]
	[ -z "$output" ]
	run -2 --separate-stderr render <<<'{"type":"device","v":1,"dev":"'$DEV0'","vep":"'$V0'","vpc":"acme"}'
	[ -z "$output" ]
}

@test "openflow: equal allow lists share their flows" {
	one() { # N ALLOW
		printf '{"type":"device","v":1,"dev":"urn:dev:os:1-%s","vep":"2001:db8:b::%s","vpc":"acme","mac":"00:00:5e:00:53:%s","addr":["2001:db8:a::%s"],"port":"acc0","allow":[{"to":"2001:db8:b::/64","proto":"TCP","ports":["%s"]}]}\n' "$1" "$1" "$1" "$1" "$2"
	}
	head -n 1 <<<"$RECORDS" >"$T/in"
	for n in 10 11 12 13; do one "$n" 443; done >>"$T/in"
	one 14 1000-1999 >>"$T/in"
	render -q <"$T/in" >"$T/flows"
	[ "$(grep -c 'tcp_dst=443 ' "$T/flows")" = 1 ]
	[ "$(grep -c 'tcp_dst=0x' "$T/flows")" = 7 ] # from 1000, 1008, 1024, 1536, 1792, 1920, 1984 on
}

@test "openflow: Open vSwitch loads it, and what each reads back is complete" {
	switch "$MAP"
	ofctl dump-flows | sed -n 's/duration=[^,]*, //p' | sort >"$T/before"
	[ "$(grep -c . "$T/before")" = "$(grep -c ' actions=' "$T/flows")" ]
	ofctl replace-flows "$T/flows"
	ofctl dump-flows | sed -n 's/duration=[^,]*, //p' | sort >"$T/after"
	diff "$T/before" "$T/after"
}

# What a frame comes to, by explain: "drop REASON", or the port, both addresses and the VLAN.
explained() {
	vnep-acl explain --access acc0,acc1 --core up0 --records "$T/map" --port "$1" --frame "$2" >"$T/why" || (( $? == 1 ))
	jq -r 'if .forwarding == "drop" then "drop " + .reason
		else .why.sent | [.iface, .src_ip, .dest_ip, (.vlan // 0)] | map(tostring) | join(" ") end' "$T/why"
}

# The same by ofproto/trace: the last flow's cookie says why, the final flow what it became.
traced() {
	local reason

	trace "$1" "$2" >"$T/trace"
	if grep -q '^    drop$' "$T/trace"; then
		reason=$(sed -n 's/.*, cookie 0x\([0-9a-f]*\)$/\1/p' "$T/trace" | tail -n 1)
		sed -n "s/^# Cookies.* 0x$reason \([^ ]*\).*/drop \1/p" "$T/flows"
		return
	fi
	awk -v ports="$NAMES" '
		BEGIN { n = split(ports, p, " "); for (i = 1; i <= n; i++) { split(p[i], kv, "="); name[kv[1]] = kv[2] } }
		/^ +output:/ { split($1, o, ":"); out = name[o[2]] }
		/^Final flow: / {
			match($0, /ipv6_src=[0-9a-f:]+/); src = substr($0, RSTART + 9, RLENGTH - 9)
			match($0, /ipv6_dst=[0-9a-f:]+/); dest = substr($0, RSTART + 9, RLENGTH - 9)
			vlan = match($0, /dl_vlan=[0-9]+/) ? substr($0, RSTART + 8, RLENGTH - 8) : 0
			if (vlan == 0 && match($0, /vlan_tci=0x[1-9a-f]/)) vlan = "?"
		}
		END { print out, src, dest, vlan }' "$T/trace"
}

@test "openflow: ofproto/trace says what explain says: bound, foreign, forbidden, to devices, both forms, tagged and not" {
	local edge=00:00:5e:00:53:fe port vlan mac src dest dport want is n=0

	printf '%s\n' "$MAP" >"$T/map"
	switch "$MAP"
	while read -r port vlan mac src dest dport want; do
		(( vlan )) && export VLAN=$vlan || unset VLAN
		frame=$(frames udp6 - "00:00:5e:00:53:$mac" "$edge" "2001:db8:$src" "2001:db8:$dest" 40000 "$dport" hello)
		is=$(explained "$port" "$frame")
		[[ $is == $want ]] || { echo "$port $vlan $mac $src $dest: explain: $is, expected: $want"; return 1; } # a pattern
		[[ $(traced "$port" "$frame") == "$is" ]] || { echo "$port $vlan $mac $src $dest: explain: $is"; cat "$T/trace"; return 1; }
		n=$(( n + 1 ))
	done <<-END
		acc0 0   01 a::1  b::2  7    up0 2001:db8:b::71 2001:db8:b::2 0
		acc0 0   01 a::1  c::5  7    drop policy-denied
		acc1 0   02 a::2  c::5  7    up0 2001:db8:b::72 2001:db8:c::5 0
		acc0 0   ee a::1  b::2  7    drop no-mapping
		acc0 0   01 a::7  b::2  7    vnep-j0 *
		acc0 5   01 a::1  b::2  7    vnep-j0 *
		acc0 5   ee a::1  b::2  7    drop no-mapping
		acc1 0   01 a::1  b::2  7    vnep-j0 *
		acc0 0   01 a::1  9::2  7    drop policy-denied
		acc1 0   02 a::2  b::2  5683 up0 2001:db8:b::72 2001:db8:b::2 0
		acc1 0   02 a::12 b::2  8002 up0 2001:db8:b::72 2001:db8:b::2 0
		acc1 0   02 a::2  b::2  8003 drop policy-denied
		acc0 0   01 a::1  b::72 7    acc1 2001:db8:b::71 2001:db8:a::2 0
		acc1 0   02 a::2  b::71 5683 acc0 2001:db8:b::72 2001:db8:a::1 0
		acc0 0   01 a::1  b::73 7    acc0 2001:db8:b::71 2001:db8:a::3 0
		acc0 0   01 a::1  b::74 7    vnep-j0 *
		up0  0   a2 b::2  b::71 7    acc0 2001:db8:b::2 2001:db8:a::1 0
		up0  0   a2 c::9  b::71 7    acc0 2001:db8:c::9 2001:db8:a::1 0
		up0  0   a2 b::2  b::74 7    vnep-j0 *
		up0  0   a2 9::2  b::71 7    drop policy-denied
		up0  0   a2 b::2  b::99 7    drop no-mapping
		acc0 0   05 a::5  b::75 7    up0 2001:db8:a::5 2001:db8:b::75 0
		acc0 0   05 a::5  b::2  7    vnep-j0 *
		up0  0   a3 b::75 a::5  7    acc0 2001:db8:b::75 2001:db8:a::5 0
		up0  0   a2 b::2  a::5  7    drop no-mapping
		acc0 101 06 a::1  d::2  7    up0 2001:db8:d::76 2001:db8:d::2 900
		acc0 102 06 a::1  d::2  7    vnep-j0 *
		acc0 0   06 a::1  d::2  7    vnep-j0 *
		acc0 101 06 a::1  e::77 5683 acc1 2001:db8:d::76 2001:db8:a::1 102
		acc0 101 06 a::1  e::77 5684 drop policy-denied
		acc1 102 07 a::1  d::76 7    acc0 2001:db8:e::77 2001:db8:a::1 101
		up0  900 a4 d::2  d::76 7    acc0 2001:db8:d::2 2001:db8:a::1 101
		up0  901 a4 d::2  d::76 7    drop policy-denied
		up0  902 a4 d::2  d::76 7    drop wrong-vlan
		up0  900 a4 d::2  d::79 7    vnep-j0 *
		up0  900 a5 d::78 a::8  7    acc1 2001:db8:d::78 2001:db8:a::8 103
		acc1 103 08 a::8  d::78 7    up0 2001:db8:a::8 2001:db8:d::78 900
	END
	[ "$n" = 37 ]
}

# By way of the switch's own packets: octets, checksums and all. Copies are of the journal port alone.
@test "openflow: frames come out as the model says, and nothing else does" {
	local port kind

	requires ovs-pcap openvswitch-switch
	printf '%s\n' "$MAP" >"$T/map"
	printf '%s\n' "$NEIGHBOURS" >"$T/neighbours"
	model "$T/map" "$T/neighbours" "$FRAMES" 7 | awk '$2 == "-" || $2 == "later"' >"$T/model"
	switch "$MAP"
	ovs_hear acc0 acc1 up0 vnep-j0
	for port in acc0 acc1 up0; do
		awk -v port="$port" '$3 == port { print $4 }' "$T/model" | ovs_send "$port"
	done
	for port in acc0 acc1 up0 vnep-j0; do
		for kind in plain all; do
			awk -v port="$port" -v kind=$kind '$5 == "sent" && $6 == port && (kind == "all" || $1 $2 == "plain-") { print $7 }' \
				"$T/model" | sort >"$T/$kind.$port"
		done
		ovs-pcap "$T/ovs/$port.pcap" | grep -v -e ^020005 -e ^020006 | sort >"$T/out.$port"
		[ -s "$T/plain.$port" ]
		comm -23 "$T/plain.$port" "$T/out.$port" >"$T/missing.out"
		comm -13 "$T/all.$port" "$T/out.$port" >"$T/foreign.out"
		[ ! -s "$T/missing.out" ]
		[ ! -s "$T/foreign.out" ]
	done
}

@test "openflow: the neighbours of the core port are flows of yours" {
	switch "$RECORDS"
	ofctl add-flow 'table=250,priority=1,xxreg0=0x20010db8000b00000000000000000002,actions=set_field:00:00:5e:00:53:a2->eth_dst,output:"up0"'
	frame=$(frames udp6 - 00:00:5e:00:53:01 00:00:5e:00:53:fe 2001:db8:a::2 2001:db8:b::2 40000 7 hello)
	trace acc0 "$frame" >"$T/trace"
	grep -q '^Final flow: .*dl_src=00:00:5e:00:53:fe,dl_dst=00:00:5e:00:53:a2' "$T/trace"
}
