load helpers
load dns

# What both servers must do alike; `each` runs a function of this file once for each of them.
each() {
	local server

	for server in knot bind; do
		"$1" "$server"
	done
}

# device N [MEMBERS]
device() {
	printf '{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe0053%02x","vep":"2001:db8:b::%x"%s}\n' \
		"$1" "$1" "${2:+,$2}"
}

fill() {
	{
		echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
		device 1 '"name":"lamp.iot.example."'
		device 2 '"name":"door.iot.example","region":"east"'
		device 3
		device 4 '"name":"shy.iot.example.","consent":false'
		device 5 '"name":"elsewhere.example."'
	} | vnep-map import -q
	dns_key
}

# publish SERVER [OPTION…]
publish() {
	ns vnep-map publish --server "$(dns_at "$1")" --zone iot.example --key "$T/key" --owner me "${@:2}"
}

publish_and_read() {
	run -0 --separate-stderr publish "$1" --reverse 2001:db8:b::/48
	[[ $stderr == "vnep-map: iot.example.: 2 added, 0 changed, 0 withdrawn, 0 unchanged"*"$DNS_REVERSE: 3 added"* ]]
	run -0 dns_names "$1" iot.example
	diff - <(sort <<<"$output") <<-'END'
		cam.iot.example. 3600 A 192.0.2.7
		door.iot.example. 300 AAAA 2001:db8:b::2
		door.iot.example. 300 TXT "v=vnep1 owner=me" "2001:db8:b::2"
		lamp.iot.example. 300 AAAA 2001:db8:b::1
		lamp.iot.example. 300 TXT "v=vnep1 owner=me" "2001:db8:b::1"
		ns.iot.example. 3600 A 192.0.2.1
	END
	run -0 ns kdig +short @::1 -p "${DNS_PORT[$1]}" -x 2001:db8:b::5
	[ "$output" = elsewhere.example. ]
	run -0 ns kdig +short @::1 -p "${DNS_PORT[$1]}" -x 2001:db8:b::4
	[ -z "$output" ]
}

@test "map publish: names, and the way back, of those that have a name and no objection" {
	dns_servers knot bind
	fill
	each publish_and_read
}

again() {
	publish "$1" -q
	serial=$(ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" iot.example SOA)
	run -0 --separate-stderr publish "$1"
	[ "$stderr" = "vnep-map: iot.example.: 0 added, 0 changed, 0 withdrawn, 2 unchanged" ]
	[ "$(ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" iot.example SOA)" = "$serial" ]
}

@test "map publish: the same again sends nothing: the serial of the zone stays" {
	dns_servers knot bind
	fill
	each again
}

renew() {
	publish "$1" -q
	vnep-map delete -q door.iot.example
	vnep-map import -q < <(device 1 '"name":"light.iot.example."'; device 2 '"name":"new.iot.example."'
		device 4 '"name":"shy.iot.example."')
	run -0 --separate-stderr publish "$1"
	[ "$stderr" = "vnep-map: iot.example.: 3 added, 0 changed, 2 withdrawn, 0 unchanged" ]
	# It moves to another address, and the shy one changes its mind.
	vnep-map import -q < <(device 1; device 9 '"name":"light.iot.example."'; device 4 '"name":"shy.iot.example.","consent":false')
	run -0 --separate-stderr publish "$1"
	[ "$stderr" = "vnep-map: iot.example.: 0 added, 1 changed, 1 withdrawn, 1 unchanged" ]
	run -0 dns_names "$1" iot.example
	diff - <(sort <<<"$output" | grep -v ' A ') <<-'END'
		light.iot.example. 300 AAAA 2001:db8:b::9
		light.iot.example. 300 TXT "v=vnep1 owner=me" "2001:db8:b::9"
		new.iot.example. 300 AAAA 2001:db8:b::2
		new.iot.example. 300 TXT "v=vnep1 owner=me" "2001:db8:b::2"
	END
	run -0 --separate-stderr publish "$1" --ttl 60
	[ "$stderr" = "vnep-map: iot.example.: 0 added, 2 changed, 0 withdrawn, 0 unchanged" ]
	run -0 dns_names "$1" iot.example
	[ "$(grep -c ' 60 ' <<<"$output")" = 4 ]
}

@test "map publish: what left the map, or lost its name or its consent, is withdrawn; what moved is changed (knot)" {
	dns_servers knot
	fill
	renew knot
}

@test "map publish: what left the map, or lost its name or its consent, is withdrawn; what moved is changed (bind)" {
	dns_servers bind
	fill
	renew bind
}

# update SERVER LINES: by nsupdate, as the manager of the zone
update() {
	printf 'server 127.0.0.1 %s\nzone iot.example\n%s\nsend\n' "${DNS_PORT[$1]}" "$2" | ns nsupdate -k "$T/key"
}

foreign() {
	vnep-map import -q < <(device 6 '"name":"cam.iot.example."')
	run -1 --separate-stderr publish "$1" --reverse 2001:db8:b::/48
	[[ $stderr == *'iot.example.: "cam.iot.example." is left alone: it has records of somebody else (A)'* ]]
	[[ $stderr == *"2 added, 0 changed, 0 withdrawn, 0 unchanged; some left alone"* ]]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" -x 2001:db8:b::6
	[ -z "$output" ]
	update "$1" 'update add lamp.iot.example 300 AAAA 2001:db8:ffff::1
update add lamp.iot.example 300 TXT "of somebody"
update add lamp.iot.example 300 MX 10 mail.example.'
	vnep-map delete -q lamp.iot.example cam.iot.example
	run -0 --separate-stderr publish "$1"
	[[ $stderr == *"0 added, 0 changed, 1 withdrawn, 1 unchanged" ]]
	run -0 dns_names "$1" iot.example
	[ "$(grep -c ^lamp <<<"$output")" = 3 ]
	[[ $output == *"lamp.iot.example. 300 AAAA 2001:db8:ffff::1"* ]]
	[[ $output == *'lamp.iot.example. 300 TXT "of somebody"'* ]]
	[[ $output == *"cam.iot.example. 3600 A 192.0.2.7"* ]]
	device 1 '"name":"lamp.iot.example."' | vnep-map import -q
}

@test "map publish: what others have in the zone is left alone, also beside our records" {
	requires nsupdate bind9-dnsutils
	dns_servers knot bind
	fill
	each foreign
}

two_maps() {
	publish "$1" -q --owner you
	run -1 --separate-stderr publish "$1"
	[[ $stderr == *'"lamp.iot.example." is left alone: it belongs to vnep owner "you"'* ]]
	[[ $stderr == *"0 added, 0 changed, 0 withdrawn, 0 unchanged; some left alone"* ]]
	vnep-map list --type vpc | vnep-map import -q --state "$T/empty"
	run -0 --separate-stderr publish "$1" --state "$T/empty"
	[[ $stderr == *"0 withdrawn"* ]]
	run -0 --separate-stderr publish "$1" --state "$T/empty" --owner you
	[[ $stderr == *"2 withdrawn"* ]]
}

@test "map publish: two maps with two owners leave each other's names alone" {
	dns_servers knot bind
	fill
	each two_maps
}

@test "map publish: without --owner the first run makes one up, and it stays" {
	dns_servers knot
	fill
	run -0 ns vnep-map publish -n --server "$(dns_at knot)" --zone iot.example --key key
	[ ! -e "$VNEP_STATE/dns" ]
	run -0 ns vnep-map publish -q --server "$(dns_at knot)" --zone iot.example --key key
	owner=$(<"$VNEP_STATE/dns/owner")
	[[ $owner =~ ^[0-9a-f]{16}$ ]]
	run -0 dns_names knot iot.example
	[[ $output == *"v=vnep1 owner=$owner"* ]]
	run -0 --separate-stderr ns vnep-map publish --server "$(dns_at knot)" --zone iot.example --key key
	[[ $stderr == *"2 unchanged" ]]
	echo "no owner" >"$VNEP_STATE/dns/owner"
	run -3 --separate-stderr ns vnep-map publish --server "$(dns_at knot)" --zone iot.example --key key
	[[ $stderr == *"$VNEP_STATE/dns/owner holds no owner"* ]]
}

services() {
	run -0 --separate-stderr publish "$1" --service east=edge1.example.net:5683,east=edge2.example.net:5684 --service edge.example.net:1
	[[ $stderr == *"4 added"* ]]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" _vnep._udp.east.iot.example SRV
	[ "$(sort <<<"$output")" = $'0 0 5683 edge1.example.net.\n0 0 5684 edge2.example.net.' ]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" _vnep._udp.iot.example SRV
	[ "$output" = "0 0 1 edge.example.net." ]
	run -0 --separate-stderr publish "$1" --service east=edge2.example.net:5684
	[[ $stderr == *"0 added, 1 changed, 1 withdrawn, 2 unchanged" ]]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" _vnep._udp.east.iot.example SRV
	[ "$output" = "0 0 5684 edge2.example.net." ]
}

@test "map publish: who serves a region is an SRV record, until nobody is named any more" {
	dns_servers knot bind
	fill
	each services
}

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

many() {
	local i

	echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
	for (( i = 1; i <= $1; i++ )); do
		printf '{"type":"device","v":1,"dev":"urn:dev:os:32473-%d","vep":"2001:db8:b::%x","name":"n%d.iot.example."}\n' "$i" "$i" "$i"
	done
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
