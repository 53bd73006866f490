load helpers
load edge

# Endpoints on the VPC link, many of them: announced in measure, answered at once.

# So many devices, as `handover` and `vpclink` know them.
crowd_map() {
	{
		echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
		awk -v count="$1" 'BEGIN { for (n = 0; n < count; n++)
			printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:025e00fffe%06x\",\"vep\":\"2001:db8:b::%x:%x\",\"mac\":\"02:5e:00:%02x:%02x:%02x\",\"addr\":[\"2001:db8:a::1:%x:%x\"]}\n",
				n, int(n / 65536) + 1, n % 65536, int(n / 65536), int(n / 256) % 256, n % 256, int(n / 65536), n % 65536 }'
	} | vnep-map import -q
}

# The VPC host hears announcements of the first $1 endpoints, for $2 ms at most: $T/hear.out.
listen_announced() {
	rm -f "$T/hear.out"
	background hear netns vpc vpclink hear v0 "$1" "$2"
	wait_for 10 grep -q listening "$T/hear.err"
}

# All of them were, none much faster than $1 a second: never more than two steps of 20 ms beyond that at once.
announced_at() {
	wait "${PIDS[hear]}"
	unset "PIDS[hear]"
	awk -v pps="$1" '{ exit !($4 >= ($2 / pps - 0.05) * 1000 && $6 <= pps * 0.15 + 2) }' "$T/hear.out" ||
		{ cat "$T/hear.out"; return 1; }
}

# By a file that can be another one later.
starts_silent() {
	printf 'name = test\n[ports]\naccess = acc0\ncore = up0\nannounce = none\n' >"$T/edge.conf"
	background edge netns edge vnep-edge run -c "$T/edge.conf"
	wait_for 10 vnep-edge status
}

@test "announce: a start tells the VPC link where every endpoint is, no faster than configured; who asks meanwhile is answered" {
	local count=2000 pps=1500 asks=300

	if [[ ${VNEP_FULL:-} ]]; then
		count=100000 pps=10000 asks=5000
	fi
	lab
	crowd_map "$count"
	listen_announced "$count" 120000
	edge_start --announce "$pps"
	run -0 netns vpc vpclink ask v0 "$count" 500 "$asks"
	echo "# $output" >&3
	announced_at "$pps"
	echo "# announced: $(<"$T/hear.out")" >&3
	wait_for 5 grep -q "announcements: $count endpoints in" "$T/edge.err"
	balanced
}

@test "announce: devices that come all at once are announced one after the other, and none is forgotten" {
	local -a devices=()
	local n

	lab
	crowd_map 40
	starts_silent
	listen_announced 40 60000
	sed -i 's/none/25/' "$T/edge.conf"
	vnep-edge reload
	for (( n = 0; n < 40; n++ )); do
		devices+=("$(printf 'urn:dev:mac:025e00fffe%06x' "$n")")
	done
	vnep-edge attach -q --port acc0 "${devices[@]}"
	announced_at 25
	balanced
}

@test "announce: none is none, and who asks is answered" {
	lab
	crowd_map 10
	edge_start --announce none
	listen_announced 10 1000
	vnep-edge attach -q urn:dev:mac:025e00fffe000000 --port acc0
	run -0 netns vpc vpclink ask v0 10 1000 10
	wait_for 10 test -s "$T/hear.out"
	grep -q '^heard 0 ' "$T/hear.out"
}

@test "announce: with none, who has a route by the edge reaches an endpoint and never asks for it" {
	lab
	edge_map
	edge_start --announce none
	speak 0
	wait_for 5 state_is "$V0" awake
	netns vpc ip -6 neigh flush dev v0
	netns vpc ip -6 route add "$V0/128" via fe80::200:5eff:fe00:53fd dev v0
	netns vpc ping -q -c 2 -i 0.2 -W 5 "$V0"
	[[ -z $(ns ip -n vpc -6 neigh show "$V0") ]]
	balanced
}

@test "announce: a core port that was down tells all again; another rate is taken over by reload" {
	lab
	crowd_map 20
	starts_silent
	sed -i 's/none/1000/' "$T/edge.conf"
	vnep-edge reload
	netns vpc ip link set v0 down
	wait_for 5 grep -q "up0 went down" "$T/edge.err"
	netns vpc ip link set v0 up
	listen_announced 20 20000
	netns vpc ip link set v0 down
	wait_for 5 sh -c "test \$(grep -c 'up0 went down' $T/edge.err) = 2"
	netns vpc ip link set v0 up
	announced_at 1000
}
