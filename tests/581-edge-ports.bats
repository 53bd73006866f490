load helpers
load edge

# An interface that vanishes, gets another name or comes back: the rules follow its name, nothing passes in between, and it is told.

setup() {
	vnep_setup
	requires nft nftables
	lab 2
	edge_map
	edge_start
	speak 0
	speak 1
	wait_for 5 state_is "$V0" awake
	wait_for 5 state_is "$V1" awake
}

noted() { # PORT TEXT
	told ".type == \"event\" and .kind == \"note\" and .port == \"$1\" and (has(\"seq\") | not) and .text == \"$2\""
}

verified() {
	netns edge vnep-acl verify --map
}

acc1_again() {
	ns ip link add acc1 netns edge type veth peer name d1 netns dev1
	ns ip -n edge link set acc1 address 00:00:5e:00:53:f1 up
	netns dev1 sh -c 'echo 0 >/proc/sys/net/ipv6/conf/d1/accept_dad
		ip link set d1 address 00:00:5e:00:53:11 up
		ip address add 2001:db8:a::3/64 dev d1 nodad; ip route add default via fe80::1 dev d1'
}

@test "ports: one that vanishes is told; others go on, and so do changes of the map and the guard; back, it is told and serves" {
	ns ip -n edge link del acc1
	wait_for 5 noted acc1 "port is gone"
	wait_for 5 state_is "$V1" asleep
	speak 0
	# a change that needs rules, and one that somebody else made
	vnep-map import -q <<<'{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005399","vep":"2001:db8:b::99","mac":"00:00:5e:00:53:99","allow":[{"to":"2001:db8:b::/64","proto":"UDP","ports":["9"]}]}'
	netns edge nft flush ruleset
	wait_for 5 told '.kind == "note" and .text == "ruleset restored"'
	wait_for 5 netns edge nft list chain netdev vnep access_acc0
	speak 0
	say_to "$V1" kept
	wait_for 5 pending_is "$V1" 1
	acc1_again
	wait_for 5 noted acc1 "port is back"
	wait_for 5 verified
	wait_for 8 speak 1
	wait_for 5 state_is "$V1" awake
	run -1 grep -i "no such port" "$T/edge.err"
	balanced || { vnep-edge status; false; }
}

@test "ports: one that gets another name is gone, and nothing passes there; under its name again it serves" {
	ns ip -n edge link set acc1 name other
	wait_for 5 noted acc1 "port is gone: it is other now"
	wait_for 5 state_is "$V1" asleep
	[ "$(netns edge nft -j list map netdev vnep from_binding | jq '[.. | .elem? // empty | arrays | .[]] | length')" = 1 ] # of acc0
	background heard netns vpc frames recv v0 1 3000 udp
	wait_for 5 grep -q listening "$T/heard.err"
	netns dev1 frames udp6 d1 00:00:5e:00:53:11 00:00:5e:00:53:f1 2001:db8:a::3 2001:db8:b::2 40000 5683 x 20
	speak 0
	say_to "$V1" kept
	wait_for 5 pending_is "$V1" 1
	run -1 grep . "$T/heard.out"
	ns ip -n edge link set other name acc1
	wait_for 5 noted acc1 "port is back"
	wait_for 5 verified
	wait_for 8 speak 1
	wait_for 5 state_is "$V1" awake
	balanced || { vnep-edge status; false; }
}

@test "ports: another interface takes the name while the first still is there" {
	ns ip -n edge link set acc1 name other
	acc1_new() {
		ns ip link add acc1 netns edge type veth peer name d1b netns dev1
		ns ip -n edge link set acc1 address 00:00:5e:00:53:f1 up
		netns dev1 sh -c 'ip link del d1 2>/dev/null; ip link set d1b address 00:00:5e:00:53:11 name d1
			echo 0 >/proc/sys/net/ipv6/conf/d1/accept_dad; ip link set d1 up
			ip address add 2001:db8:a::3/64 dev d1 nodad; ip route add default via fe80::1 dev d1'
	}
	acc1_new
	wait_for 5 noted acc1 "port is back"
	wait_for 5 verified
	wait_for 8 speak 1
	balanced || { vnep-edge status; false; }
}

@test "ports: the core port vanishes: nothing is forwarded, what is for devices is not lost on the way back" {
	ns ip -n edge link set up0 name other
	wait_for 5 noted up0 "port is gone: it is other now"
	run -1 netns dev1 ping -q -c 2 -i 0.2 -W 1 2001:db8:b::2
	ns ip -n edge link set other name up0
	wait_for 5 noted up0 "port is back"
	wait_for 8 speak 1
	wait_for 8 speak 0
	wait_for 5 verified
	balanced || { vnep-edge status; false; }
}
