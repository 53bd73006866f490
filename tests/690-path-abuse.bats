load helpers
load edge
load wire
load path

# The ports under abuse: whatever a frame is, it ends forwarded, answered or dropped with its reason, and it never
# reaches the edge's own stack.

# IPv4, a datagram to 192.0.2.1 port 7777
IPV4=080045000020000000004011f6c9c0000202c00002019c401e61000c00006576696c

setup() {
	vnep_setup
	requires socat
	lab
	ns ip -n edge -batch - <<-'END'
		address add 2001:db8:a::ffff/64 dev acc0 nodad
		address add 2001:db8:b::ffff/64 dev up0 nodad
		address add 192.0.2.1/24 dev acc0
		address add 192.0.2.129/25 dev up0
	END
	path_plain
	services
}

# Whoever reaches one of these leaves a line; they hear IPv4, too.
services() {
	local kind

	for kind in UDP6-RECV:7777 TCP6-LISTEN:7777,fork; do
		background "service-$kind" netns edge socat -u "$kind" -
	done
	wait_for 5 netns edge sh -c 'test $(ss -Hltnu | grep -c ":7777 ") = 2'
	netns edge sh -c 'cat /proc/net/snmp6; grep ^Ip: /proc/net/snmp' >"$T/stack.before"
}

# No service heard anything, and the stack did not even count a packet.
untouched() {
	local service

	for service in "$T"/service-*.out; do
		[[ ! -s $service ]] || { echo "${service##*/}: $(<"$service")"; return 1; }
	done
	netns edge sh -c 'cat /proc/net/snmp6; grep ^Ip: /proc/net/snmp' >"$T/stack.after"
	diff <(received "$T/stack.before") <(received "$T/stack.after")
}

received() {
	awk '$1 == "Ip6InReceives" || $1 == "Ip6InMcastPkts" { print } $1 == "Ip:" { print $1, $4 }' "$1"
}

@test "abuse: IPv4, ARP, strange types and MACs from a device are dropped, each with its reason" {
	good=$(datagram 2001:db8:a::2 2001:db8:b::2)
	abuse dev0 d0 <<-END
		not-ipv6 3 $(macs "$PORT" "$HOST0")$IPV4
		not-ipv6 3 $(macs ff:ff:ff:ff:ff:ff "$HOST0")$IPV4
		not-ipv6 2 $(macs ff:ff:ff:ff:ff:ff "$HOST0")08060001080006040001${HOST0//:/}c0000202000000000000c0000201$(printf '%036d' 0)
		not-ipv6 2 $(macs "$PORT" "$HOST0")91000065${good}
		not-ipv6 2 $(macs "$PORT" "$HOST0")88cc$(printf '%092d' 0)
		not-for-us 2 $(macs ff:ff:ff:ff:ff:ff "$HOST0")$good
		not-for-us 2 $(macs 00:00:5e:00:53:77 "$HOST0")$good
		not-for-us 2 $(macs 33:33:00:00:00:01 "$HOST0")$(datagram 2001:db8:a::2 ff02::1)
		not-for-us 2 $(macs 33:33:00:00:00:01 "$HOST0")$(datagram 2001:db8:a::2 2001:db8:a::ffff)
	END
	untouched
}

@test "abuse: the same from the VPC" {
	good=$(datagram 2001:db8:b::2 "$V0")
	abuse vpc v0 <<-END
		not-ipv6 3 $(macs "$CORE" "$HOSTV")$IPV4
		not-ipv6 3 $(macs ff:ff:ff:ff:ff:ff "$HOSTV")$IPV4
		not-ipv6 2 $(macs "$CORE" "$HOSTV")91000065${good}
		no-mapping 2 $(macs "$CORE" "$HOSTV")$(datagram 2001:db8:b::2 2001:db8:b::dead)
		no-mapping 2 $(macs "$CORE" "$HOSTV")$(datagram 2001:db8:b::2 2001:db8:b::ffff)
		no-mapping 2 $(macs "$CORE" "$HOSTV")$(datagram 2001:db8:b::2 ::1)
		not-for-us 1 $(macs ff:ff:ff:ff:ff:ff "$HOSTV")$good
		not-for-us 1 $(macs 00:00:5e:00:53:77 "$HOSTV")$good
		not-for-us 1 $(macs 33:33:00:00:00:01 "$HOSTV")$good
	END
	untouched
}

@test "abuse: 802.1ad, priority tags and double tags are wrong-vlan on an untagged port" {
	good=$(datagram 2001:db8:a::2 2001:db8:b::2)
	abuse dev0 d0 <<-END
		wrong-vlan 2 $(macs "$PORT" "$HOST0")88a80065$good
		wrong-vlan 2 $(macs "$PORT" "$HOST0")88a80000$good
		wrong-vlan 2 $(macs "$PORT" "$HOST0")81000000$good
		wrong-vlan 2 $(macs "$PORT" "$HOST0")8100e000$good
		wrong-vlan 2 $(macs "$PORT" "$HOST0")81000065$good
		wrong-vlan 2 $(macs "$PORT" "$HOST0")8100006581000066$good
		wrong-vlan 2 $(macs "$PORT" "$HOST0")8100000081000000$good
		wrong-vlan 2 $(macs "$PORT" "$HOST0")88a8006581000066$good
		wrong-vlan 2 $(macs "$PORT" "$HOST0")8100006588a80066$good
		wrong-vlan 2 $(macs ff:ff:ff:ff:ff:ff "$HOST0")81000000$IPV4
	END
	untouched
}

@test "abuse: headers that are cut off, or lie, are counted and reach nobody" {
	before=$(vnep-edge status | jq '.arrived')
	head=$(macs "$PORT" "$HOST0")86dd
	a=20010db8000a00000000000000000002 b=20010db8000b00000000000000000002
	{
		echo "${head}"
		echo "${head}60"
		echo "${head}6000000000081140${a}"
		echo "${head}6000000000081140${a}${b}"
		echo "${head}6000000000081140${a}${b}9c40"
		echo "${head}600000000000003b${a}${b}"
		echo "${head}60000000ffff1140${a}${b}9c401e610008beef"
		echo "${head}6000000000080040${a}${b}1100"
		echo "${head}6000000000102c40${a}${b}1100000000000000"
		echo "${head}4000000000081140${a}${b}9c401e610008beef"
	} >"$T/cut"
	netns dev0 frames send d0 - <"$T/cut"
	wait_for 5 status_has ".arrived >= $before + $(wc -l <"$T/cut")"
	netns vpc ping -q -c 2 -i 0.05 -W 2 "$V0"
	balanced
	untouched
}

@test "abuse: no source and no destination opens a door to the edge itself, at any hop limit" {
	{
		for hops in 1 64; do
			for to in 2001:db8:a::ffff 2001:db8:b::ffff fe80::1 fe80::200:5eff:fe00:53fe ::1 "$V0" ff02::1; do
				for from in 2001:db8:a::2 fe80::200:5eff:fe00:5301 ::1; do
					echo "$(macs "$PORT" "$HOST0")$(datagram $from $to $hops)"
				done
			done
		done
	} >"$T/doors"
	netns dev0 frames send d0 - <"$T/doors"
	sed "s/^.\{24\}/$(macs "$CORE" "$HOSTV")/" "$T/doors" >"$T/core-doors"
	netns vpc frames send v0 - <"$T/core-doors"
	netns dev0 socat -u - "TCP6:[2001:db8:a::ffff]:7777,connect-timeout=0.3" </dev/null || true
	netns vpc socat -u - "TCP6:[fe80::200:5eff:fe00:53fd%v0]:7777,connect-timeout=0.3" </dev/null || true
	wait_for 10 balanced
	untouched
}

@test "abuse: source MACs of a group, of nobody, and of the edge itself" {
	good=$(datagram 2001:db8:a::2 2001:db8:b::2)
	before=$(vnep-edge status | jq .forwarded)
	for mac in 01:00:5e:00:53:01 00:00:00:00:00:00 ff:ff:ff:ff:ff:ff "$PORT"; do
		netns dev0 frames send d0 "$(macs "$PORT" $mac)$good"
	done
	wait_for 5 status_has ".forwarded == $before"
	jq -e '.dropped["no-mapping"] == 4' "$T/status"
	untouched
}

@test "abuse: UDP segments cut late reach an awake device whole, wait for a sleeper as what they are, and the sum holds" {
	cut_late vpc v0
	hear 0
	netns vpc frames segments "$V0" 5683 20 400
	wait_for 5 heard_lines 20
	wait_for 5 status_has '.segmented == 0'
	radio off 0
	vnep-edge detach "$V0"
	netns vpc frames segments "$V0" 5683 30 400
	wait_for 5 pending_is "$V0" 30
	wait_for 5 status_has '.segmented == 29'
	radio on 0
	speak 0
	wait_for 10 heard_lines 50
	wait_for 5 state_is "$V0" awake
	balanced
	untouched
}

heard_lines() {
	[[ $(wc -l <"$T/hear0.out") == "$1" ]]
}

@test "abuse: TCP with segmentation offload at both ends, through two directions at once" {
	cut_late dev0 d0
	cut_late vpc v0
	head -c 20000000 /dev/urandom >"$T/there"
	head -c 10000000 /dev/urandom >"$T/back"
	background server netns dev0 socat "TCP6-LISTEN:7000,reuseaddr" "OPEN:$T/back!!CREATE:$T/got-there"
	wait_for 5 listening dev0 7000
	netns vpc timeout 60 socat -t 30 "OPEN:$T/there!!CREATE:$T/got-back" "TCP6:[$V0]:7000"
	wait_for 20 cmp "$T/there" "$T/got-there"
	wait_for 20 cmp "$T/back" "$T/got-back"
	wait_for 5 balanced
	untouched
}

@test "abuse: the journal port itself takes nothing but what the rules put there" {
	for frame in "$(macs "$PORT" "$HOST0")$IPV4" "$(macs ff:ff:ff:ff:ff:ff "$HOST0")$(datagram 2001:db8:a::2 2001:db8:a::ffff)"; do
		netns edge frames send vnep-j0 "$frame"
	done
	netns vpc ping -q -c 2 -i 0.05 -W 2 "$V0"
	balanced
	untouched
}
