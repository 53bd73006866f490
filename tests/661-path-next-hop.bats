load helpers
load edge
load wire
load path

# Next hops that do not answer, or do not any more: what is for them is kept, never lost in silence.

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

@test "routes: what waits for a next hop that does not answer is kept; a destination that no route leads to is a reason" {
	local ended

	run -1 netns dev0 ping -q -c 2 -i 0.2 -W 1 2001:db8:ee::1
	ended=$(date +%s%6N)
	wait_for 8 status_has '.pending == 2'
	# they have the time they came at, not that of being kept
	run -0 vnep-journal read --pending --dev "$DEV0"
	record -s "length == 2 and all(.[]; .us <= $ended)"
	netns dev0 ping -q -c 3 -i 0.1 -W 1 2001:db8:1::1 || true
	wait_for 8 dropped_is no-next-hop 3
}

@test "routes: a next hop that falls silent is noticed, and used again when it is back" {
	netns dev0 ping -q -c 2 -i 0.1 -W 3 2001:db8:ff:2::1
	ns ip -n r2 link set r2 down
	kept() {
		netns dev0 ping -q -c 1 -W 0.2 2001:db8:ff:2::1 || true
		status_has '.pending >= 1'
	}
	wait_for 60 kept
	netns dev0 ping -q -c 2 -i 0.1 -W 3 2001:db8:ff::1 # nobody else waits
	status_has '.pending >= 1'
	ns ip -n r2 link set r2 up
	ns ip -n r2 address replace "$R2/64" dev r2 nodad
	wait_for 20 netns dev0 ping -q -c 1 -W 1 2001:db8:ff:2::1
	wait_for 10 status_has '.pending == 0 and .delivered >= 1'
}
