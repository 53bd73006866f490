load helpers
load dns

foreign() {
	vnep-map import -q < <(device 6 '"name":"cam.iot.example."')
	run -1 --separate-stderr publish "$1" --reverse 2001:db8:b::/48
	[[ $stderr == *'iot.example.: "cam.iot.example." is left alone: it has records of somebody else (A)'* ]]
	[[ $stderr == *"2 added, 0 changed, 0 withdrawn, 0 unchanged; some left alone"* ]]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" -x 2001:db8:b::6
	[ -z "$output" ]
	dns_update "$1" 'update add lamp.iot.example 300 AAAA 2001:db8:ffff::1
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

# The two names below sub are refused, each by itself; the third goes on, and nothing of them is in the zone.
delegated() {
	vnep-map import -q < <(device 6 '"name":"a.sub.iot.example."'; device 7 '"name":"sub.iot.example."')
	run -1 --separate-stderr publish "$1" --reverse 2001:db8:b::/48
	[[ $stderr == *'iot.example.: "a.sub.iot.example." is left alone: it '*delegated* ]]
	[[ $stderr == *'iot.example.: "sub.iot.example." is left alone: it '* ]]
	[[ $stderr == *"iot.example.: 2 added, 0 changed, 0 withdrawn, 0 unchanged; some left alone"* ]]
	run -1 --separate-stderr publish "$1" -n
	[[ $stderr == *"would be: 0 added, 0 changed, 0 withdrawn, 2 unchanged; some left alone"* ]]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" lamp.iot.example AAAA
	[ "$output" = 2001:db8:b::1 ]
	# no way back leads to what is left alone
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" -x 2001:db8:b::6
	[ -z "$output" ]
	vnep-map delete -q a.sub.iot.example sub.iot.example
}

@test "map publish: a name at or below a delegation is left alone and said, the rest goes on" {
	DNS_EXTRA='sub NS ns.elsewhere.example.' dns_servers knot bind
	fill
	each delegated
	[[ $(dns_names knot iot.example; dns_names bind iot.example) != *sub.iot* ]]
}

@test "map publish: so it is where the server does not give its zone away" {
	DNS_TRANSFER=no DNS_EXTRA='sub NS ns.elsewhere.example.' dns_servers knot bind
	fill
	each delegated
}

@test "map publish: so it is where the server has the delegated zone, too" {
	DNS_TRANSFER=no DNS_CHILD=sub.iot.example. DNS_EXTRA='sub NS ns.elsewhere.example.' dns_servers knot bind
	fill
	each delegated
}

# A CNAME at c, to a name of the other zone that is not there, and to one that has nothing of what is asked for.
aliased() {
	vnep-map import -q < <(device 6 '"name":"c.iot.example."'; device 7 '"name":"d.iot.example."'
		device 8 '"name":"below.c.iot.example."'; device 9 '"name":"below.d.iot.example."')
	run -1 --separate-stderr publish "$1"
	echo "$stderr"
	for name in c d; do
		[[ $stderr == *"\"$name.iot.example.\" is left alone: it "* ]]
	done
	[[ $stderr != *delegated* ]]
	for name in c d; do
		run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" "below.$name.iot.example" AAAA
		[[ $output == 2001:db8:b::* ]]
	done
	vnep-map delete -q {,below.}{c,d}.iot.example
}

@test "map publish: a CNAME that leads into another zone of the server is no delegation" {
	DNS_TRANSFER=no DNS_CHILD=sub.iot.example. DNS_EXTRA=$'sub NS ns.elsewhere.example.\nc CNAME none.sub.iot.example.\nd CNAME sub.iot.example.' dns_servers knot bind
	fill
	each aliased
}

@test "map publish: what we have below a delegation that came later is withdrawn" {
	requires nsupdate bind9-dnsutils
	dns_servers knot bind
	fill
	vnep-map import -q < <(device 6 '"name":"a.sub.iot.example."')
	for server in knot bind; do
		publish "$server" -q
		dns_update "$server" 'zone iot.example
update add sub.iot.example 300 NS ns.elsewhere.example.'
		run -1 --separate-stderr publish "$server"
		[[ $stderr == *'"a.sub.iot.example." is left alone: it lies below "sub.iot.example.", which is delegated'* ]]
		[[ $stderr == *"0 added, 0 changed, 1 withdrawn, 2 unchanged; some left alone"* ]]
		[[ $(dns_names "$server" iot.example) != *a.sub* ]]
	done
}
