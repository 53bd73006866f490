load helpers

# Two ends of a cable, in namespaces of this test's own.
setup() {
	vnep_setup
	requires text2pcap wireshark-common
	requires tshark
	ns_start
	ns sh -c 'ip link add a0 type veth peer name a1
		for x in a0 a1; do echo 1 >/proc/sys/net/ipv6/conf/$x/disable_ipv6; ip link set $x up; done'
}

# Frames as lines of hex into a capture.
capture() {
	sed 's/../ &/g; s/^/0000/' | text2pcap -q - "$1" 2>/dev/null
}

datagrams() {
	frames udp6 - 00:00:5e:00:53:02 02:00:07:00:01:02 2001:db8:b::2 2001:db8:b::77 40000 5683 "$1" "$2"
}

# What arrives at a1 (the first COUNT UDP frames) goes to got.out.
listen() {
	rm -f "$T/got.err"
	background got ns frames recv a1 "$1" "${2:-10000}" udp
	wait_for 5 grep -q listening "$T/got.err"
}

received() {
	wait "${PIDS[got]}" || { echo "not all frames came"; return 1; }
	unset 'PIDS[got]'
}

@test "replay raw: frames go out as they are, octet for octet, in their order" {
	datagrams hello 50 >frames.hex
	capture c.pcapng <frames.hex
	listen 50
	ns vnep-replay send --raw -i a0 -r c.pcapng
	received
	diff frames.hex got.out
}

@test "replay raw: 20,000 frames at top speed arrive complete and in order" {
	datagrams n 20000 >frames.hex
	capture c.pcapng <frames.hex
	listen 20000 60000
	ns vnep-replay send --raw -i a0 -r c.pcapng --stats >stats
	received
	cmp frames.hex got.out
	output=$(<stats)
	record -s 'map(select(.labels.outcome == "sent"))[0].value == 20000'
}

@test "replay raw: MAC, VLAN, address and hop limit are rewritten, the checksum stays right" {
	datagrams hello 3 | capture c.pcapng
	listen 3
	ns vnep-replay send --raw -i a0 -r c.pcapng --to-mac 00:00:5e:00:53:01 --vlan 101 \
		--to-ip 2001:db8:a::2 --hop-limit 9
	received
	capture out.pcapng <got.out
	run -0 --separate-stderr tshark -r out.pcapng -o udp.check_checksum:TRUE -T fields -e eth.dst -e vlan.id -e ipv6.dst \
		-e ipv6.hlim -e udp.checksum.status
	[ "$output" = "$(printf '00:00:5e:00:53:01\t101\t2001:db8:a::2\t9\t1\n%.0s' 1 2 3)" ]
}

@test "replay raw: VLAN 0 takes the tag off" {
	VLAN=101 datagrams hello 1 | capture c.pcapng
	datagrams hello 1 >plain.hex
	listen 1
	ns vnep-replay send --raw -i a0 -r c.pcapng --vlan 0
	received
	diff plain.hex got.out
}

@test "replay raw: a filter selects, as tcpdump's does" {
	{ datagrams first 1; frames udp6 - 00:00:5e:00:53:02 00:00:5e:00:53:01 2001:db8:b::2 2001:db8:b::77 1 7 x; } |
		capture c.pcapng
	run -0 --separate-stderr ns vnep-replay send -n --raw -i a0 -r c.pcapng --filter 'udp port 7' --stats
	run -2 --separate-stderr ns vnep-replay send --raw -i a0 -r c.pcapng --filter 'no such words'
	[[ $stderr == *'c.pcapng: filter "no such words"'* ]]
}

@test "replay raw: whatever the pace, the order is that of the input" {
	datagrams hello 10 >frames.hex
	for pace in "--pps 500" "--as-recorded" "--speed 4.5" "--bps 1000000" "--topspeed"; do
		# times that run backwards from the fifth packet on
		awk '{ printf "%d.%06d\n", 1000 - (NR > 4), NR * 2000 }' frames.hex >times.txt
		paste -d" " times.txt frames.hex | while read -r t hex; do
			echo "$t"; sed 's/../ &/g; s/^/0000/' <<<"$hex"
		done | text2pcap -q -t '%s.%f' - c.pcapng 2>/dev/null
		listen 10
		# shellcheck disable=SC2086
		ns vnep-replay send --raw -i a0 -r c.pcapng $pace
		received
		diff frames.hex got.out
	done
}

@test "replay raw: with a pace the stats say how late packets were: p50 <= p99 <= max" {
	datagrams hello 20 | capture c.pcapng
	run -0 --separate-stderr ns vnep-replay send --raw -i a0 -r c.pcapng --pps 1000 --stats
	record -s '[.[] | select(.name == "vnep_replay_lateness_us") | .value] | length == 3 and . == sort'
	record -s 'map(select(.name == "vnep_replay_packets_total" and .labels.outcome == "sent"))[0].value == 20'
}

@test "replay raw: a capture cut off inside a packet sends what is whole, says where, exit 1" {
	datagrams hello 4 | capture c.pcapng
	head -c -40 c.pcapng >cut.pcapng
	listen 3
	run -1 --separate-stderr ns vnep-replay send --raw -i a0 -r cut.pcapng
	[[ $stderr == *"cut.pcapng: packet 4: truncated"* ]]
	record '.type == "error" and .file == "cut.pcapng"'
	received
}

@test "replay raw: what is no capture is refused before anything is sent" {
	echo '{"type":"event","v":1}' >x.json
	run -2 --separate-stderr ns vnep-replay send --raw -i a0 -r x.json
	[ -z "$output" ]
	[[ $stderr == *"x.json: not a capture file"* ]]
	run -3 --separate-stderr ns vnep-replay send --raw -i a0 -r nosuch.pcap
	[[ $stderr == *"nosuch.pcap: cannot open: No such file"* ]]
}

@test "replay raw: a packet of which the capture holds only the beginning is not sent" {
	requires editcap wireshark-common
	datagrams hello 2 | capture c.pcapng
	editcap -s 60 c.pcapng short.pcapng
	run -1 --separate-stderr ns vnep-replay send --raw -i a0 -r short.pcapng
	[[ $stderr == *"short.pcapng:1: packet not sent: malformed: the capture holds only its beginning"* ]]
}

@test "replay raw: at top speed, what the port refuses is told each time, and all others go in their order" {
	local n long
	long=$(datagrams long 1)$(printf '00%.0s' {1..1500})
	for n in 150 1 64 3000; do
		datagrams "part $n" "$n" | tee -a good.hex
		echo "$long"
	done >all.hex
	capture c.pcapng <all.hex
	listen 3215
	run -1 --separate-stderr ns vnep-replay send --raw -i a0 -r c.pcapng --stats
	received
	cmp good.hex got.out
	[[ $(grep -c "Message too long" <<<"$stderr") == 4 ]]
	record -s 'map(select(.labels.outcome == "sent"))[0].value == 3215'
	record -s 'map(select(.labels.outcome == "refused"))[0].value == 4'
}

@test "replay raw: no such port, a port that is down, no privilege: three different answers, exit 3" {
	datagrams hello 1 | capture c.pcapng
	run -3 --separate-stderr ns vnep-replay send --raw -i nosuch0 -r c.pcapng
	[[ $stderr == *'port "nosuch0": No such device'* ]]
	ns ip link set a0 down
	run -3 --separate-stderr ns vnep-replay send --raw -i a0 -r c.pcapng
	[[ $stderr == *"Network is down"* ]]
	run -3 --separate-stderr ns "${NO_CAPS[@]}" "$VNEP_BIN/vnep-replay" send --raw -i a0 -r c.pcapng
	[[ $stderr == *"CAP_NET_RAW"* ]]
}

@test "replay raw: asked wrongly is exit 2 with nothing sent" {
	datagrams hello 1 | capture c.pcapng
	run -2 --separate-stderr vnep-replay send --raw -r c.pcapng
	[[ $stderr == *"--raw needs --interface IF"* ]]
	run -2 --separate-stderr vnep-replay send --vlan 7 -r c.pcapng
	[[ $stderr == *"--vlan is for --raw"* ]]
	run -2 --separate-stderr ns vnep-replay send --raw -i a0 --pps 5 --topspeed -r c.pcapng
	[[ $stderr == *"--topspeed and --pps exclude each other"* ]]
	for bad in 0 -1 1x 0.0000 . 1. ""; do
		run -2 --separate-stderr ns vnep-replay send --raw -i a0 --speed "$bad" -r c.pcapng
	done
	run -2 --separate-stderr ns vnep-replay send --raw -i a0 --vlan 4095 -r c.pcapng
	run -2 --separate-stderr ns vnep-replay send --raw -i a0 --to-ip 192.0.2.1 -r c.pcapng
	run -2 --separate-stderr ns vnep-replay send --raw -i a0 --filter udp
	[[ $stderr == *"--filter is for captures"* ]]
	run -2 --separate-stderr ns vnep-replay send --raw -i a0 -r c.pcapng other.json
}
