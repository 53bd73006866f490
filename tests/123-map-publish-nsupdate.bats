load helpers
load dns

@test "map publish --format nsupdate: the update in words, without a server for a zone that has none of it" {
	fill
	run -0 --separate-stderr vnep-map publish --format nsupdate --zone iot.example --owner me
	[ -z "$stderr" ]
	diff - <(echo "$output") <<-'END'
		zone iot.example.
		prereq nxdomain door.iot.example.
		update add door.iot.example. 300 TXT "v=vnep1 owner=me" "2001:db8:b::2"
		update add door.iot.example. 300 AAAA 2001:db8:b::2
		prereq nxdomain lamp.iot.example.
		update add lamp.iot.example. 300 TXT "v=vnep1 owner=me" "2001:db8:b::1"
		update add lamp.iot.example. 300 AAAA 2001:db8:b::1
		send
	END
}

# told SERVER CLIENT…: names, then changes of every kind, through a client; what publish finds then.
told() {
	local server=$1 client=("${@:2}")

	ns vnep-map publish --format nsupdate --server "$(dns_at "$server")" --zone iot.example --reverse 2001:db8:b::/48 \
		--service east=edge.example.net:5683 --key key --owner me >"$T/in"
	run -0 ns "${client[@]}" "$T/in"
	run -0 --separate-stderr publish "$server" --reverse 2001:db8:b::/48 --service east=edge.example.net:5683
	[[ $stderr == *"0 added, 0 changed, 0 withdrawn, 3 unchanged"*"0 added, 0 changed, 0 withdrawn, 3 unchanged" ]]
	dns_update "$server" 'update add lamp.iot.example 300 TXT "a \"quoted\" \\ one"'
	vnep-map import -q < <(device 1; device 9 '"name":"lamp.iot.example."'; device 2)
	ns vnep-map publish --format nsupdate --server "$(dns_at "$server")" --zone iot.example --key key --owner me >"$T/in"
	grep -q '^prereq yxrrset lamp.iot.example. TXT "a \\"quoted\\" \\\\ one"$' "$T/in"
	grep -q '^update delete _vnep' "$T/in"
	run -0 ns "${client[@]}" "$T/in"
	run -0 --separate-stderr publish "$server"
	[[ $stderr == *"0 added, 0 changed, 0 withdrawn, 1 unchanged" ]]
	run -0 dns_names "$server" iot.example
	[[ $output == *"lamp.iot.example. 300 AAAA 2001:db8:b::9"* ]]
	[[ $output != *door* ]]
}

@test "map publish --format nsupdate: nsupdate sends it, and then nothing differs" {
	requires nsupdate bind9-dnsutils
	dns_servers knot bind
	fill
	each_with nsupdate -k key
	[[ $output == *"lamp.iot.example. 300 AAAA 2001:db8:b::9"* ]]
}

@test "map publish --format nsupdate: knsupdate sends it, and then nothing differs" {
	requires nsupdate bind9-dnsutils
	requires knsupdate knot-dnsutils
	dns_servers knot bind
	fill
	each_with knsupdate -v -y "hmac-sha256:vnep-key:$DNS_SECRET"
	[[ $output == *"lamp.iot.example. 300 AAAA 2001:db8:b::9"* ]]
}

# The map is the same again for the second server.
each_with() {
	vnep-map list >"$T/map.jsonl"
	told knot "$@"
	vnep-map import -q --replace "$T/map.jsonl"
	told bind "$@"
}

@test "map publish --format nsupdate: what was true is a prerequisite, so a late update does no harm" {
	requires nsupdate bind9-dnsutils
	dns_servers bind
	fill
	ns vnep-map publish --format nsupdate --server "$(dns_at bind)" --zone iot.example --key key --owner me >"$T/in"
	dns_update bind 'update add lamp.iot.example 300 A 192.0.2.8'
	run -2 ns nsupdate -k key "$T/in"
	[[ $output == *YXDOMAIN* ]]
	[ "$(dns_names bind iot.example | grep -c AAAA)" = 0 ]
}

# The displays of the page below the line `.\" test dns`.
page_block() {
	awk -v want="$1" '/^\.\\" test dns$/ { armed = 1; next }
		armed && /^\.Bd -literal/ { n++; armed = 0; inside = n == want; next }
		/^\.Ed$/ { inside = 0 }
		inside { gsub(/\\e/, "\\"); print }' "$ROOT/man/vnep-map.1"
}

@test "map publish: what the manual page tells to type works" {
	requires tsig-keygen bind9
	fill
	page_block 1 >one.sh
	bash -eu one.sh
	DNS_SECRET=$(sed -n 's/.*secret "\(.*\)".*/\1/p' vnep.key)
	ns_start
	ns ip addr add 192.0.2.53/32 dev lo
	DNS_LISTEN=192.0.2.53@53 dns_servers knot
	page_block 2 >two.sh
	run -0 ns bash -eu two.sh
	[[ $output == *"would be: 2 added"*"iot.example.: 3 added"*"$DNS_REVERSE: 3 added"* ]]
}

@test "map publish: built without libldns it prints, and says how to get the rest" {
	requires make
	[ -d "$ROOT/cmd" ] || skip "no sources here"
	fill
	# The objects that are there serve again: only what differs is compiled.
	[[ $VNEP_BUILD != */san ]] || san=1
	mkdir "$T/build"
	cp -rp "$VNEP_BUILD/lib" "$VNEP_BUILD/cmd" "$T/build"
	make -s -C "$ROOT" BUILD="$T/build" SAN="${san:-}" WITH_DNS=0 "$T/build/bin/vnep-map"
	run -1 grep -c ldns <(ldd "$T/build/bin/vnep-map")
	run -0 "$T/build/bin/vnep-map" publish --format nsupdate --zone iot.example --owner me
	[[ $output == *"update add lamp.iot.example. 300 AAAA 2001:db8:b::1"* ]]
	run -2 --separate-stderr "$T/build/bin/vnep-map" publish --server ::1 --zone iot.example
	[[ $stderr == *"built without DNS"*"hint: install libldns-dev and build with WITH_DNS=1" ]]
}
