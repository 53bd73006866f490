load helpers
load dns

# key NAME SECRET [ALGORITHM]: another key file
key() {
	printf 'key "%s" { algorithm %s; secret "%s"; };\n' "$1" "${3:-hmac-sha256}" "$2" >"$T/other"
	chmod 600 "$T/other"
}

# publish_by OPTION…: to port 5309, where nobody is, or a liar
publish_by() {
	ns vnep-map publish --server 127.0.0.1:5309 --zone iot.example --owner me --timeout 300ms "$@"
}

@test "map publish: a server that is not there is exit 5" {
	ns_start
	fill
	run -5 --separate-stderr publish_by
	[ "$stderr" = "vnep-map: no DNS server at 127.0.0.1 port 5309: Connection refused" ]
	run -5 --separate-stderr publish_by --udp
	[[ $stderr == *"the DNS server at 127.0.0.1 port 5309 is not there"* ]]
	run -5 --separate-stderr ns vnep-map publish --server no-such-host.invalid --zone iot.example
	[[ $stderr == *'no address of the DNS server "no-such-host.invalid"'* ]]
}

wrong_keys() {
	key vnep-key. "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	run -3 --separate-stderr publish "$1" --key other
	[[ $stderr == *"has another secret for the key \"vnep-key.\""*"hint: copy the key file from the server"* ]]
	key nobody "$DNS_SECRET"
	run -3 --separate-stderr publish "$1" --key other
	[[ $stderr == *'knows no key "nobody." (hmac-sha256.)'* ]]
	key vnep-key "$DNS_SECRET" hmac-sha512
	run -3 --separate-stderr publish "$1" --key other
	[[ $stderr == *"vnep-key."* ]]
	run -3 --separate-stderr ns vnep-map publish --server "$(dns_at "$1")" --zone iot.example --owner me
	[[ $stderr == *"iot.example.: 0 of 2 changes are made"*"--key FILE"* ]]
	run -3 --separate-stderr ns vnep-map publish --server "$(dns_at "$1")" --zone other.example --key key
	[[ $stderr == *other.example* ]]
	run -0 ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" lamp.iot.example AAAA
	[ -z "$output" ]
}

@test "map publish: a wrong key, none, or a zone that the server has not, is exit 3 with what to do" {
	dns_servers knot bind
	fill
	each wrong_keys
}

@test "map publish: every algorithm that the manual names works with both servers" {
	requires tsig-keygen bind9
	for algorithm in hmac-sha256 hmac-sha512 hmac-sha1; do
		tsig-keygen -a "$algorithm" vnep-key >"$T/key"
		chmod 600 "$T/key"
		DNS_SECRET=$(sed -n 's/.*secret "\(.*\)".*/\1/p' "$T/key")
		DNS_ALGORITHM=$algorithm dns_servers knot bind
		[ -e "$VNEP_STATE/map" ] || { key=$(<key); fill; echo "$key" >key; }
		for server in knot bind; do
			run -0 --separate-stderr publish "$server"
			[[ $stderr == *"2 added"* ]]
			stop "$server"
			rm -r "$T/$server"
		done
	done
}

@test "map publish: a key file that others may read, or that is none, is refused, and no secret is told" {
	ns_start
	fill
	dns_key 0644
	run -3 --separate-stderr publish_by --key key
	[ "$stderr" = "vnep-map: key is a secret that everybody may read"$'\n'"hint: chmod o= key" ]
	dns_key
	sed -i 's/secret/sceret/' key
	run -2 --separate-stderr publish_by --key key
	[ "$stderr" = 'vnep-map: key:3:2: neither "algorithm" nor "secret", once each' ]
	[[ $stderr != *"$DNS_SECRET"* ]]
	sed -i 's/sceret/secret/; s/sha256/md5/' key
	run -2 --separate-stderr publish_by --key key
	[[ $stderr == "vnep-map: key:2:12: the algorithm is none of: hmac-sha256 hmac-sha512 hmac-sha1"* ]]
	run -3 --separate-stderr publish_by --key none
	[ "$stderr" = "vnep-map: none: No such file or directory" ]
}

# liar MODE WORDS: what publish says of a server that lies in this way
liar() {
	local rc=$2

	background "liar$1" ns dns-liar "$1" 5309
	wait_for 5 grep -q ready "$T/liar$1.out"
	run "-$rc" --separate-stderr publish_by --udp --key key
	[[ $stderr == *"$3"* ]]
	stop "liar$1"
}

@test "map publish: an answer that is not signed with our key is not believed" {
	ns_start
	fill
	liar unsigned 3 "an answer of the DNS server at 127.0.0.1 port 5309 is not signed"
	liar echo 3 "an answer of the DNS server at 127.0.0.1 port 5309 is not signed with our key"
	liar garbage 3 "a malformed answer"
	liar badtime 3 "the clock of the DNS server at 127.0.0.1 port 5309 is 3600 s ahead of ours"
	liar servfail 5 "is in trouble (SERVFAIL)"
	liar silent 5 "did not answer in time"
}

@test "map publish: one run at a time: the second is exit 5" {
	requires flock util-linux
	fill
	ns_start
	mkdir "$VNEP_STATE/dns"
	run -5 --separate-stderr flock "$VNEP_STATE/dns" vnep-map publish --server ::1 --zone iot.example
	[ "$stderr" = "vnep-map: another publish of this map is at work" ]
}

@test "map publish: a state folder that cannot be written changes nothing at the server" {
	dns_servers knot
	fill
	echo "not a folder" >"$VNEP_STATE/dns"
	run -3 --separate-stderr publish knot
	[[ $stderr == *"$VNEP_STATE/dns"* ]]
	[ "$(dns_names knot iot.example | grep -c AAAA)" = 0 ]
}

@test "map publish: asked wrongly is exit 2, and nothing is sent" {
	fill
	run -2 --separate-stderr vnep-map publish --zone iot.example
	[[ $stderr == "vnep-map: publish needs --server"* ]]
	run -2 --separate-stderr vnep-map publish --server ::1
	[[ $stderr == "vnep-map: publish needs --zone or --reverse"* ]]
	run -2 --separate-stderr vnep-map publish --server ::1 --zone a..b
	[[ $stderr == *'"a..b" is not a DNS name'* ]]
	run -2 --separate-stderr vnep-map publish --server ::1 --reverse 2001:db8::/33
	[[ $stderr == *"ends at a hex digit"* ]]
	run -2 --separate-stderr vnep-map publish --server ::1 --reverse 2001:db8::/32 --service a:1
	[[ $stderr == *"--service needs --zone"* ]]
	run -2 --separate-stderr vnep-map publish --server ::1 --zone a --service host
	[[ $stderr == *'--service: "host" is not HOST:PORT'* ]]
	run -2 --separate-stderr vnep-map publish --server ::1 --zone a --zone b --owner "a b"
	[[ $stderr == *'--owner: "a b" is not'* ]]
	run -1 --separate-stderr vnep-map publish --server ::1 --zone a --state "$T/none"
	[[ $stderr == "vnep-map: no "* ]]
	[ ! -e "$T/none" ]
}
