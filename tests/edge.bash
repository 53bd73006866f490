# edge - a living vnep-edge in the lab: `load helpers; load edge`.
#
#   edge_map [LINE...]      a VPC, the devices of the lab (dev0 sleeps after T3324 seconds, default 2), more lines
#   edge_start [ARG...]     run it in `edge` on every access port of the lab, wait until it answers; its watch in $T/watch.out
#   worker                  the process that does the work: the one that was started is its holder
#   edge_killed             holder and worker are gone by kill -9, and watch is over
#   dead PID                for wait_for: that process is no more
#   state_is DEV STATE      for wait_for: its state now
#   told FILTER             did watch tell a record that satisfies the jq filter
#   pending_is DEV N        for wait_for: so many packets wait for it
#   balanced                the conservation law holds, to the packet
#   radio off|on N          nothing passes the link of device N (or of a host in a VLAN, by its name), in either
#                           direction, and nobody is told
#   speak N                 device N sends a frame to the VPC host, and is answered
#   say_to V TEXT           the VPC host sends one UDP datagram to port 5683 of a virtual endpoint
#   sleeper, sender S PPS, all_there WHAT
#                           numbered packets to a device that is not there; in the end each waits, once (WHAT=N: in the
#                           line of figures)
#   hear N                  device N writes what it gets on port 5683 to $T/hearN.out, one datagram a line

DEV0=urn:dev:mac:00005efffe005301 V0=2001:db8:b::70
DEV1=urn:dev:mac:00005efffe005311 V1=2001:db8:b::71
DEV2=urn:dev:mac:00005efffe005312 V2=2001:db8:b::72
export DEV0 DEV1 DEV2 V0 V1 V2

edge_map() {
	{
		cat <<-END
			{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
			{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","name":"zero.iot.example.","psm":{"t3324_s":${T3324:-2}}}
			{"type":"device","v":1,"dev":"$DEV1","vep":"$V1","name":"one.iot.example.","addr":["2001:db8:a::3"]}
			{"type":"device","v":1,"dev":"$DEV2","vep":"$V2","name":"two.iot.example.","journal":"from-device"}
		END
		(( $# == 0 )) || printf '%s\n' "$@"
	} | vnep-map import -q
}

edge_start() {
	local ports

	ports=$(ns ip -n edge -o link show type veth | grep -o 'acc[0-9]*' | sort -u | paste -sd,)
	background edge netns edge vnep-edge run --name test --access "$ports" --core up0 "$@"
	wait_for 30 vnep-edge status
	background watch vnep-edge watch
	wait_for 5 told '.type == "sync"'
}

# The daemon whole, by one blow; its worker answers until it has noticed that it is alone.
edge_killed() {
	local its

	its=$(worker)
	kill -KILL "${PIDS[edge]}"
	wait "${PIDS[edge]}" || true
	wait_for 10 dead "$its"
	stop watch
}

# The first thread may have ended while others still hold its files.
dead() {
	[[ ! -e /proc/$1 ]] || { [[ $(cut -d' ' -f3 "/proc/$1/stat") == [ZX] ]] && (( $(ls "/proc/$1/task" | wc -l) == 1 )); }
}

worker() {
	jq .worker "$VNEP_STATE/lock"
}

state_is() {
	[[ $(vnep-edge status "$1" | jq -r .state) == "$2" ]]
}

pending_is() {
	[[ $(vnep-edge status "$1" | jq -r .pending) == "$2" ]]
}

told() {
	jq -se "any(.[]; $1)" "$T/watch.out"
}

balanced() {
	vnep-edge status >"$T/status" || return
	jq -e '.difference == 0' "$T/status" || { cat "$T/status"; return 1; }
}

radio() {
	local host=dev$2 link=d$2

	[[ $2 == [0-9]* ]] || host=$2 link=$2
	if [[ $1 == on ]]; then
		netns "$host" nft delete table netdev radio
		return
	fi
	netns "$host" nft "add table netdev radio
		add chain netdev radio in { type filter hook ingress device \"$link\" priority 0; policy drop; }
		add chain netdev radio out { type filter hook egress device \"$link\" priority 0; policy drop; }"
}

speak() {
	netns "dev$1" ping -q -c 1 -W 5 2001:db8:b::2
}

say_to() {
	printf '%s\n' "$2" | netns vpc socat -u - "UDP6-SENDTO:[$1]:5683,sourceport=40000,reuseaddr"
}

hear() {
	background "hear$1" netns "dev$1" socat -u "UDP6-RECV:5683" -
	wait_for 5 netns "dev$1" sh -c 'ss -lun6 2>/dev/null | grep -q :5683 || grep -q ":1633 " /proc/net/udp6'
}

# The device of `handover send 1`, which is not there; and dev0, which is.
sleeper() {
	edge_map '{"type":"device","v":1,"dev":"urn:dev:mac:025e00fffe000000","vep":"2001:db8:b::1:0","mac":"02:5e:00:00:00:00","psm":{"t3324_s":1}}'
}

# Who sends knows where, also while nobody answers.
sender() {
	netns vpc ip -6 neigh replace 2001:db8:b::1:0 lladdr 00:00:5e:00:53:fd dev v0 nud permanent
	background sender netns vpc handover send 1 "$1" "$2"
}

# Everything that was sent waits, once, and the ledger has nothing else. One line of figures.
all_there() {
	local sent

	wait_for 60 grep -q '^sent' "$T/sender.out"
	sent=$(awk '/^sent/ { print $2 }' "$T/sender.out")
	wait_for 20 settled "$sent"
	jq -r --argjson sent "$sent" --arg what "$1" '"# \($what) sent=\($sent) lost=\($sent - .pending)" +
		" twice=\(.dropped.duplicate // 0) overrun=\(.dropped.overrun // 0) difference=\(.difference)"' "$T/status" >&3
	jq -e --argjson sent "$sent" '.pending == $sent and (.dropped.duplicate // 0) == 0 and
		(.dropped.overrun // 0) == 0 and .difference == 0' "$T/status"
}

# jq is content with a file that is empty.
settled() {
	vnep-edge status >"$T/status" || return
	jq -e --argjson sent "$1" '.difference == 0 and .pending + ([.dropped[]] | add // 0) >= $sent' "$T/status"
}
