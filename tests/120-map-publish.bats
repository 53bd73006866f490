load helpers
load dns

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
	# and another reader, of BIND
	run -0 ns dig +short @::1 -p "${DNS_PORT[$1]}" -x 2001:db8:b::2
	[ "$output" = door.iot.example. ]
	run -0 ns dig +short @127.0.0.1 -p "${DNS_PORT[$1]}" lamp.iot.example TXT
	[ "$output" = '"v=vnep1 owner=me" "2001:db8:b::1"' ]
	run -0 ns kdig +short @::1 -p "${DNS_PORT[$1]}" -x 2001:db8:b::4
	[ -z "$output" ]
}

@test "map publish: names, and the way back, of those that have a name and no objection" {
	requires dig bind9-dnsutils
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
