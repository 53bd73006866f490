load helpers
load dns

asked() {
	vnep-map import -q < <(device 6 '"name":"cam.iot.example."'; device 7 '"name":"iot.example."'; device 8 '"name":"parent.iot.example."')
	run -1 --separate-stderr publish "$1" "${@:2}"
	[[ $stderr == *'"cam.iot.example." is left alone: it has records of somebody else (A)'* ]]
	[[ $stderr == *'"iot.example." is left alone'* ]]
	[[ $stderr == *"3 added, 0 changed, 0 withdrawn, 0 unchanged"* ]]
	vnep-map delete -q door.iot.example cam.iot.example iot.example
	run -0 --separate-stderr publish "$1" "${@:2}"
	[[ $stderr == *"0 added, 0 changed, 1 withdrawn, 2 unchanged" ]]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" door.iot.example TXT lamp.iot.example AAAA
	[ "$output" = 2001:db8:b::1 ]
	device 2 '"name":"door.iot.example"' | vnep-map import -q
}

@test "map publish: a server that gives no zone away is asked for the names, and what was published before is withdrawn" {
	DNS_TRANSFER=no DNS_EXTRA="child.parent A 192.0.2.9" dns_servers knot bind
	fill
	each asked
}

# with LIST: what is kept of earlier runs is there, or lost
objects() {
	ns vnep-map publish -q --server "127.0.0.1:${DNS_PORT[$1]}" --zone iot.example --key key --owner me
	device 1 '"name":"lamp.iot.example","consent":false' | vnep-map import -q
	[[ $2 == kept ]] || rm "$VNEP_STATE"/dns/*@*
	run -0 --separate-stderr ns vnep-map publish --server "localhost:${DNS_PORT[$1]}" --zone iot.example --key key --owner me
	[[ $stderr == *" 1 withdrawn,"* ]]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" lamp.iot.example AAAA
	[ -z "$output" ]
	device 1 '"name":"lamp.iot.example"' | vnep-map import -q
}

@test "map publish: who objects is withdrawn, also where the server is spelt differently, or what was published is forgotten" {
	DNS_TRANSFER=no dns_servers knot bind
	fill
	local server
	for server in knot bind; do
		objects "$server" kept
		objects "$server" lost
	done
}

datagrams() {
	asked "$1" --udp
}

@test "map publish: --udp does it without a TCP connection" {
	DNS_EXTRA="child.parent A 192.0.2.9" dns_servers knot bind
	fill
	each datagrams
}

@test "map publish: servers are named by name, IPv4 or IPv6 address" {
	dns_servers knot
	fill
	for server in "localhost:5301" "[::1]:5301" "127.0.0.1:5301"; do
		run -0 ns vnep-map publish -q --server "$server" --zone iot.example --key key --owner me
	done
	run -2 --separate-stderr vnep-map publish --server "[::1" --zone iot.example
	[[ $stderr == *'"[::1" is neither [ADDRESS] nor [ADDRESS]:PORT'* ]]
	run -2 --separate-stderr vnep-map publish --server ":53" --zone iot.example
	[[ $stderr == *'":53" names no server'* ]]
	run -2 --separate-stderr vnep-map publish --server "a:99999" --zone iot.example
	[[ $stderr == *'"99999" is not a number from 1 to 65535'* ]]
}

# updates SERVER: the DNS UPDATE messages to it in $T/lo.pcap, as `RECORDS MALFORMED`
updates() {
	tshark -r "$T/lo.pcap" -d "tcp.port==${DNS_PORT[$1]},dns" -Y "dns.flags.opcode == 5 && dns.flags.response == 0 && tcp.dstport == ${DNS_PORT[$1]}" \
		-T fields -e dns.count.updates -e _ws.malformed 2>/dev/null
}

all_seen() {
	[[ $(updates "$1" | awk '{ n += $1 } END { print n + 0 }') == "$2" ]]
}

@test "map publish: two thousand names go in a few messages, well-formed to tshark" {
	requires tshark
	dns_servers knot bind
	dns_key
	many 2000 | vnep-map import -q
	background tshark ns tshark -i lo -w "$T/lo.pcap" -f tcp
	wait_for 20 test -s "$T/lo.pcap"
	for server in knot bind; do
		run -0 --separate-stderr publish "$server"
		[[ $stderr == *"2000 added"* ]]
		wait_for 20 all_seen "$server" 4000
		run -0 updates "$server"
		(( ${#lines[@]} <= 10 ))
		[[ $output != *[Mm]alformed* ]]
		[ "$(dns_names "$server" iot.example | grep -c AAAA)" = 2000 ]
	done
}

@test "map publish: --rate keeps to so many names a second" {
	dns_servers knot
	dns_key
	many 12 | vnep-map import -q
	before=${EPOCHREALTIME/[.,]/}
	run -0 publish knot -q --rate 5
	(( ${EPOCHREALTIME/[.,]/} - before >= 2000000 ))
	[ "$(dns_names knot iot.example | grep -c AAAA)" = 12 ]
}

@test "map publish: -n says what would be and changes nothing" {
	dns_servers knot
	fill
	before=$(dns_names knot iot.example)
	run -0 --separate-stderr publish knot -n
	[ "$stderr" = "vnep-map: iot.example.: would be: 2 added, 0 changed, 0 withdrawn, 0 unchanged" ]
	[ "$(dns_names knot iot.example)" = "$before" ]
	[ ! -e "$VNEP_STATE/dns" ]
}

@test "map publish: several devices of one name are several addresses" {
	dns_servers knot bind
	fill
	vnep-map import -q < <(device 8 '"name":"lamp.iot.example."')
	for server in knot bind; do
		run -0 --separate-stderr publish "$server"
		[[ $stderr == *"2 added"* ]]
		run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$server]}" lamp.iot.example AAAA
		[ "$(sort <<<"$output")" = $'2001:db8:b::1\n2001:db8:b::8' ]
	done
}

@test "map publish: a name that could pass for a service is refused" {
	fill
	dns_servers knot
	vnep-map import -q < <(device 8 '"name":"_vnep._udp.iot.example."')
	run -1 --separate-stderr publish knot
	[[ $stderr == *"urn:dev:mac:00005efffe005308 is not published: its name \"_vnep._udp.iot.example.\" is no host name"* ]]
	[[ $stderr == *"2 added"* ]]
}
