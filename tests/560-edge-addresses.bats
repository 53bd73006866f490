load helpers
load edge

# Several addresses of one device, and others than before: the endpoint and what waits for it stay.

# One device of the lab, dev0, that may have N addresses.
one_device() {
	vnep-map import -q <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","addr_max":$1${2:-}}
	END
}

# Device 0 has these addresses only.
addresses() {
	local a

	netns dev0 ip -6 address flush dev d0 scope global
	for a in "$@"; do
		netns dev0 ip address add "$a/64" dev d0 nodad
	done
}

speak_from() {
	netns dev0 ping -q -c 1 -W 3 -I "$1" 2001:db8:b::2
}

# One packet; what answers it goes to the latest address.
use() {
	netns dev0 ping -q -c 1 -W 0.1 -I "$1" 2001:db8:b::2 >/dev/null || true
}

bound_to() {
	[[ $(vnep-edge status "$V0" | jq -rc '.addr | join(" ")') == "$*" ]]
}

reached() {
	netns vpc ping -q -c 1 -W 1 "$V0"
}

@test "addresses: a listening device that may have one address and changes it is not locked out" {
	lab
	one_device 1
	edge_start
	speak_from 2001:db8:a::2
	wait_for 5 state_is "$V0" awake
	addresses 2001:db8:c::2
	wait_for 20 speak_from 2001:db8:c::2
	bound_to 2001:db8:c::2
	state_is "$V0" awake
	reached
	[[ $(vnep-map get --type binding "$V0" | jq -c .addr) == '["2001:db8:c::2"]' ]]
	balanced
}

@test "addresses: one that a device does not use any more gives way at once, those in use stay" {
	lab
	one_device 3
	edge_start
	addresses 2001:db8:a::{2,3,4,5}
	speak_from 2001:db8:a::2
	wait_for 5 state_is "$V0" awake
	speak_from 2001:db8:a::3
	speak_from 2001:db8:a::4
	use_two() { # the other one stays silent for longer than it takes to be sure
		use 2001:db8:a::2
		use 2001:db8:a::4
		(( SECONDS - since >= 4 ))
	}
	since=$SECONDS
	wait_for 20 use_two
	speak_from 2001:db8:a::5
	bound_to 2001:db8:a::2 2001:db8:a::4 2001:db8:a::5
	balanced
}

@test "addresses: beyond addr_max one more is refused while the device uses all it has" {
	lab
	one_device 2
	edge_start
	addresses 2001:db8:a::{2,3,4}
	speak_from 2001:db8:a::2
	wait_for 5 state_is "$V0" awake
	speak_from 2001:db8:a::3
	all_three() {
		use 2001:db8:a::2
		use 2001:db8:a::3
		use 2001:db8:a::4
		(( SECONDS - since >= 8 ))
	}
	since=$SECONDS
	wait_for 20 all_three
	bound_to 2001:db8:a::2 2001:db8:a::3
	told '.reason == "spoofed-source" and .src_ip == "2001:db8:a::4"'
	balanced
}

@test "addresses: a device that changes its address in its sleep keeps its endpoint and its backlog" {
	lab
	one_device 1 ',"psm":{"t3324_s":2}'
	edge_start
	speak_from 2001:db8:a::2
	wait_for 10 state_is "$V0" asleep
	say_to "$V0" one
	say_to "$V0" two
	wait_for 5 pending_is "$V0" 2
	addresses 2001:db8:c::9
	hear 0
	speak_from 2001:db8:c::9
	wait_for 5 grep -q two "$T/hear0.out"
	[[ $(<"$T/hear0.out") == $'one\ntwo' ]]
	bound_to 2001:db8:c::9
	balanced
}

@test "addresses: what a device used before it slept does not keep it from another one, even if it woke by discovery" {
	lab
	one_device 1 ',"psm":{"t3324_s":1}'
	edge_start
	speak_from 2001:db8:a::2
	wait_for 10 state_is "$V0" asleep
	addresses 2001:db8:c::9
	netns dev0 ndisc6 -q -1 -r 1 fe80::1 d0
	wait_for 5 state_is "$V0" awake
	speak_from 2001:db8:c::9
	bound_to 2001:db8:c::9
	balanced
}

@test "addresses: packets follow a device to the address that it uses, when it gave up its latest" {
	lab
	one_device 4
	edge_start
	addresses 2001:db8:a::{2,3}
	speak_from 2001:db8:a::2
	wait_for 5 state_is "$V0" awake
	speak_from 2001:db8:a::3
	bound_to 2001:db8:a::2 2001:db8:a::3
	addresses 2001:db8:a::2
	run -1 reached
	follows() { # what a device does when nobody answers: it asks whether its router is still there
		speak_from 2001:db8:a::2 || true
		netns dev0 frames icmp6 d0 00:00:5e:00:53:01 33:33:ff:00:00:01 2001:db8:a::2 ff02::1:ff00:1 135 0 \
			00000000fe800000000000000000000000000001
		bound_to 2001:db8:a::3 2001:db8:a::2
	}
	wait_for 30 follows
	reached
	balanced
}

@test "addresses: temporary addresses (RFC 8981) and a prefix that changes, by the kernel's own SLAAC" {
	lab
	one_device 4
	netns dev0 sh -c '
		ip -6 route flush default
		ip -6 address flush dev d0 scope global
		cd /proc/sys/net/ipv6/conf/d0
		echo 2 >use_tempaddr
		echo 1 >accept_ra'
	edge_start --advertise 'acc0 2001:db8:a::/64'
	source_in() {
		netns dev0 ip -6 route get 2001:db8:b::2 | grep -q "src $1"
	}
	wait_for 10 source_in 2001:db8:a:0:
	wait_for 10 speak 0
	wait_for 5 state_is "$V0" awake
	first=$(vnep-edge status "$V0" | jq -r '.addr[-1]')
	[[ $first == 2001:db8:a:0:* && $first != *200:5eff:fe00:5301 ]]
	# renumbered: the old prefix is not advertised any more, its addresses are gone
	vnep-edge stop
	wait "${PIDS[edge]}" || true
	netns dev0 ip -6 address flush dev d0 scope global
	edge_start --advertise 'acc0 2001:db8:c::/64'
	wait_for 10 source_in 2001:db8:c:0:
	wait_for 10 speak 0
	run -0 vnep-edge status "$V0"
	record '.addr[-1] | startswith("2001:db8:c:0:")'
	wait_for 5 reached
	balanced
}
