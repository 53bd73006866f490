load helpers
load edge

# examples/pipeline-edge.sh: the same edge from small tools. Neighbours are written by hand here, and only here.

pipeline_lab() {
	lab
	ns ip -n dev0 neigh replace fe80::1 lladdr 00:00:5e:00:53:fe dev d0 nud permanent
	ns ip -n vpc neigh replace "$V0" lladdr 00:00:5e:00:53:fd dev v0 nud permanent
	ns ip -n edge neigh replace 2001:db8:b::2 lladdr 00:00:5e:00:53:02 dev up0 nud permanent
	cat >"$T/map.jsonl" <<-END
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}
		{"type":"device","v":1,"dev":"$DEV0","vep":"$V0","addr":["2001:db8:a::2"],"port":"acc0","psm":{"t3324_s":2}}
	END
	background pipeline netns edge "$ROOT/examples/pipeline-edge.sh" "$T/map.jsonl" acc0 up0
	wait_for 10 netns edge nft list chain netdev vnep to_device
	wait_for 10 test -d "$VNEP_STATE/journal"
}

has_pending() {
	[[ $(vnep-journal pending | jq -s --arg dev "$DEV0" 'map(select(.dev == $dev).pending) | add // 0') == "$1" ]]
}

@test "pipeline: an edge of small tools: a sleeper misses nothing, wakes, and the kernel takes over" {
	requires socat
	pipeline_lab
	hear 0
	say_to "$V0" "packet 1"
	wait_for 5 has_pending 1
	say_to "$V0" "packet 2"
	say_to "$V0" "packet 3"
	wait_for 5 has_pending 3
	netns dev0 ping -q -c 1 -W 5 2001:db8:b::2
	wait_for 10 grep -q "packet 3" "$T/hear0.out"
	[[ $(<"$T/hear0.out") == "packet 1"$'\n'"packet 2"$'\n'"packet 3" ]]
	wait_for 5 has_pending 0
	wait_for 5 sh -c "nsenter -t $NS_PID ${NS_ENTER[*]} --net=/proc/$NS_PID/root/run/netns/edge -- nft list set netdev vnep awake | grep -q '$V0'"
	say_to "$V0" "packet 4"
	wait_for 5 grep -q "packet 4" "$T/hear0.out"
	run -0 vnep-journal verify
}
