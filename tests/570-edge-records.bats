load helpers
load edge

# Records that change while the edge lives: kernel, table and map go on saying the same.

# The record of device 0, with MEMBERS.
one() {
	printf '{"type":"device","v":1,"dev":"%s","vep":"%s"%s}\n' "$DEV0" "$V0" "$1" | vnep-map set -q
}

bound_elements() {
	netns edge nft -j list map netdev vnep from_binding | jq '[.nftables[].map.elem[]?] | length'
}

neighbour_at() {
	netns edge ip -6 neigh show "$1" dev "$2" | grep -q PERMANENT
}

setup() {
	vnep_setup
	lab 2
}

@test "records: an awake device that is attached to another port has its neighbour there, and nowhere else" {
	edge_map
	edge_start
	speak 1
	wait_for 5 state_is "$V1" awake
	wait_for 5 neighbour_at "$V1" acc1
	vnep-edge attach "$DEV1" --port acc0
	run -1 neighbour_at "$V1" acc1
	wait_for 5 told '.type == "presence" and .dev == env.DEV1 and .state == "asleep"'
	balanced
}

@test "records: endpoints that change hands in one batch end with who has them now" {
	edge_map
	edge_start
	speak 1
	wait_for 5 state_is "$V1" awake
	vnep-map import -q <<-END
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V1"}
		{"type":"device","v":1,"dev":"$DEV1","vep":"$V0","addr":["2001:db8:a::3"]}
	END
	run -0 netns edge nft list set netdev vnep known
	[[ $output == *00:00:5e:00:53:01* && $output == *00:00:5e:00:53:11* ]]
	speak 0
	speak 1
	wait_for 5 state_is "$V1" awake
	[[ $(vnep-edge status "$V1" | jq -r .dev) == "$DEV0" ]]
	balanced
}

@test "records: with another MAC the old one is a stranger, and the new one attaches" {
	edge_map
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	one ',"mac":"00:00:5e:00:53:77"'
	[ "$(bound_elements)" -eq 0 ]
	run -1 netns dev0 ping -q -c 1 -W 1 2001:db8:b::2
	netns dev0 ip link set d0 address 00:00:5e:00:53:77
	speak 0
	[ "$(bound_elements)" -eq 1 ]
	# and so it is after a restart
	stop -0 edge TERM
	edge_start
	speak 0
	balanced
}

@test "records: with another fixed address the old one is spoofed" {
	edge_map
	edge_start
	speak 1
	one_fixed() {
		printf '{"type":"device","v":1,"dev":"%s","vep":"%s","addr":["2001:db8:a::77"]}\n' "$DEV1" "$V1" | vnep-map set -q
	}
	one_fixed
	run -1 netns dev1 ping -q -c 1 -W 1 2001:db8:b::2
	netns dev1 ip address add 2001:db8:a::77/64 dev d1 nodad
	netns dev1 ping -q -c 1 -W 5 -I 2001:db8:a::77 2001:db8:b::2
	balanced
}

@test "records: what cannot be served any more stops at once, and is served again when it can" {
	edge_map '{"type":"vpc","v":1,"vpc":"tags","prefix":"2001:db8:e::/64","core_vlan":900}'
	edge_start
	speak 0
	wait_for 5 state_is "$V0" awake
	# an untagged device in a tagged VPC
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":901}
	END
	wait_for 5 grep -q "not served" "$T/edge.err"
	[ "$(bound_elements)" -eq 0 ]
	run -1 netns dev0 ping -q -c 1 -W 1 2001:db8:b::2
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
	END
	speak 0
	balanced
}

@test "records: a VPC that cannot be served holds up neither the others nor a start" {
	edge_map
	edge_start
	speak 0
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"more","prefix":"2001:db8:b:0:8000::/65","core_vlan":900}
	END
	wait_for 5 grep -q 'not served: vpc "more" and vpc "acme" have addresses in common' "$T/edge.err"
	speak 0
	stop -0 edge TERM
	edge_start
	speak 0
	balanced
}

@test "records: without a vpc a device belongs to the narrowest prefix, also for its first frame" {
	netns vpc ip address add 2001:db8:b:1::2/64 dev v0 nodad
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"a","prefix":"2001:db8:b::/48"}
		{"type":"vpc","v":1,"vpc":"b","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0"}
	END
	edge_start
	run -1 netns dev0 ping -q -c 1 -W 1 2001:db8:b:1::2
	wait_for 5 told '.type == "decision" and .reason == "policy-denied" and .dest_ip == "2001:db8:b:1::2"'
	speak 0
	balanced
}
