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
