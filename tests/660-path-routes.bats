load helpers
load edge
load wire
load path

# Destinations off the VPC link: the routes of the vpc record, longest prefix first; next hops are resolved and watched.

R1=2001:db8:b::11 R2=2001:db8:b::12

setup() {
	vnep_setup
	lab
	# two routers on the VPC link, each with a network behind it; r1 has the default route
	lab_taps <<-END
		r1 vpc 0 00:00:5e:00:53:31 $R1/64
		r2 vpc 0 00:00:5e:00:53:32 $R2/64
	END
	ns ip -n r1 address add 2001:db8:ff::1/128 dev lo nodad
	ns ip -n r1 address add 2001:db8:fe::1/128 dev lo nodad
	ns ip -n r2 address add 2001:db8:ff:2::1/128 dev lo nodad
	T3324=60 edge_map
	map_lines "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"acme\",\"prefix\":\"2001:db8:b::/64\",\"routes\":[{\"to\":\"2001:db8:f0::/44\",\"next_hop\":\"$R1\"},{\"to\":\"2001:db8:ff:2::/64\",\"next_hop\":\"$R2\"},{\"to\":\"2001:db8:ee::/48\",\"next_hop\":\"2001:db8:b::dead\"}]}" \
		"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"psm\":{\"t3324_s\":60},\"allow\":[{\"to\":\"::/0\"}]}"
	whole_checksums
	edge_start
	awake dev0 "$V0"
}

# Which router sees the packets of a ping to ADDRESS: its MAC.
by() {
	local address=$1 mac=$2

	capture by vpc v0
	netns dev0 ping -q -c 2 -i 0.1 -W 3 "$address"
	captured by
	good by 2 "icmpv6.type == 128 && ipv6.dst == $address && eth.dst == $mac" 0 "icmpv6.type == 128 && !(eth.dst == $mac)"
}

@test "routes: the longest prefix decides, whatever the order of the record" {
	local to mac
	local -a filters=()

	capture by vpc v0
	while read -r to mac; do
		netns dev0 ping -q -c 2 -i 0.1 -W 3 "$to"
		filters+=(2 "icmpv6.type == 128 && ipv6.dst == $to && eth.dst == 00:00:5e:00:53:$mac")
	done <<-END
		2001:db8:ff::1 31
		2001:db8:ff:2::1 32
		2001:db8:fe::1 31
		2001:db8:b::2 02
	END
	captured by
	good by "${filters[@]}" 8 'icmpv6.type == 128'
	balanced
}

@test "routes: who is behind a next hop reaches an endpoint" {
	netns r2 ping -q -c 3 -i 0.05 -W 2 -I 2001:db8:ff:2::1 "$V0"
	netns r1 ping -q -c 3 -i 0.05 -W 2 -I 2001:db8:ff::1 "$V0"
	balanced
}

@test "routes: a next hop that changes its MAC is followed" {
	netns dev0 ping -q -c 2 -i 0.1 -W 3 2001:db8:ff:2::1
	ns ip -n r2 link set r2 address 00:00:5e:00:53:33
	# it says so, as routers do
	netns r2 frames icmp6 r2 00:00:5e:00:53:33 33:33:00:00:00:01 "$R2" ff02::1 136 0 \
		"a000000020010db8000b0000000000000000001202010000""5e005333"
	wait_for 10 netns dev0 ping -q -c 1 -W 1 2001:db8:ff:2::1
	by 2001:db8:ff:2::1 00:00:5e:00:53:33
	wait_for 5 balanced
}

@test "routes: a changed record is followed at once" {
	netns dev0 ping -q -c 1 -W 3 2001:db8:ff:2::1
	ns ip -n r2 address add 2001:db8:fe::1/128 dev lo nodad
	map_lines "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"acme\",\"prefix\":\"2001:db8:b::/64\",\"routes\":[{\"to\":\"::/0\",\"next_hop\":\"$R1\"},{\"to\":\"2001:db8:fe::/48\",\"next_hop\":\"$R2\"}]}"
	by 2001:db8:fe::1 00:00:5e:00:53:32
	by 2001:db8:ff::1 00:00:5e:00:53:31
	balanced
}

@test "routes: port unreachable of a host behind a next hop reaches the device" {
	requires socat
	nobody_listens dev0 "UDP6:[2001:db8:ff::1]:9"
	balanced
}
