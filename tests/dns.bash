# dns - DNS servers of a test's own; part of the bats files about vnep-map publish.
#
#   dns_servers SERVER…    start these (knot, bind) in this test's namespace, skip where one is missing
#   dns_at SERVER          its address and port, for --server and for clients
#   dns_names SERVER ZONE  the records of a zone as `NAME TTL TYPE DATA` lines, SOA and NS left out (kdig)
#   dns_key [MODE]         the key file, as tsig-keygen prints it, at $T/key
#   dns_update SERVER TEXT lines of nsupdate, as the manager of the zone has them
#   fill, device N [MEMBERS], many N   a map with some names, a device record, a map with N names as records
#   publish SERVER [OPTION…]           vnep-map publish of iot.example there, with the key, as owner "me"
#   each FUNCTION          call it for both servers
#
# Both have the zones iot.example. and b.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. (2001:db8:b::/48). The key
# vnep-key. may transfer and change them. Variables before dns_servers: DNS_TRANSFER=no takes the transfer away,
# DNS_EXTRA is a line more of the zone, DNS_CHILD a zone below it that the servers have, too, DNS_ALGORITHM is that of the key, DNS_LISTEN one more ADDRESS@PORT of knot.

DNS_SECRET=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=
DNS_REVERSE=b.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.
declare -gA DNS_PORT=([knot]=5301 [bind]=5302)

dns_key() {
	printf 'key "vnep-key" {\n\talgorithm hmac-sha256;\n\tsecret "%s";\n};\n' "$DNS_SECRET" >"$T/key"
	chmod "${1:-0600}" "$T/key"
}

dns_at() {
	echo "127.0.0.1:${DNS_PORT[$1]}"
}

# cam is somebody else's, and stays so.
dns_zone() {
	printf '%s\n' '$TTL 3600' '@ SOA ns.iot.example. host.iot.example. 1 3600 600 86400 60' \
		'@ NS ns.iot.example.'
	[[ $1 != iot.example. ]] || printf '%s\n' 'ns A 192.0.2.1' 'cam A 192.0.2.7' "${DNS_EXTRA:-}"
}

dns_zones() {
	mkdir -p "$T/$1"
	dns_zone iot.example. >"$T/$1/iot.zone"
	dns_zone "$DNS_REVERSE" >"$T/$1/rev.zone"
	[[ -z ${DNS_CHILD:-} ]] || dns_zone "$DNS_CHILD" >"$T/$1/child.zone"
}

dns_start_knot() {
	local action="[transfer, update]" child=

	[[ ${DNS_TRANSFER:-yes} == yes ]] || action=update
	[[ -z ${DNS_CHILD:-} ]] || child=$'\n'"  - domain: $DNS_CHILD"$'\n    file: child.zone'
	cat >"$T/knot/knot.conf" <<-END
		server:
		  rundir: $T/knot
		  listen: [ 127.0.0.1@${DNS_PORT[knot]}, ::1@${DNS_PORT[knot]}${DNS_LISTEN:+, $DNS_LISTEN} ]
		  tcp-workers: 1
		  udp-workers: 1
		  background-workers: 1
		log:
		  - target: stderr
		    any: info
		database:
		  storage: $T/knot
		key:
		  - id: vnep-key
		    algorithm: ${DNS_ALGORITHM:-hmac-sha256}
		    secret: $DNS_SECRET
		acl:
		  - id: ours
		    key: vnep-key
		    action: $action
		template:
		  - id: default
		    storage: $T/knot
		    acl: ours
		zone:
		  - domain: iot.example.
		    file: iot.zone
		  - domain: $DNS_REVERSE
		    file: rev.zone$child
	END
	background knot ns knotd -c "$T/knot/knot.conf"
}

# A copy of named, because a profile of AppArmor keeps the installed one out of our folder.
dns_start_bind() {
	local transfer="key vnep-key;" child=

	[[ ${DNS_TRANSFER:-yes} == yes ]] || transfer="none;"
	[[ -z ${DNS_CHILD:-} ]] || child="zone \"${DNS_CHILD%.}\" { type primary; file \"child.zone\"; };"
	cat >"$T/bind/named.conf" <<-END
		key "vnep-key" { algorithm ${DNS_ALGORITHM:-hmac-sha256}; secret "$DNS_SECRET"; };
		options {
			directory "$T/bind"; pid-file none; session-keyfile none;
			listen-on port ${DNS_PORT[bind]} { 127.0.0.1; };
			listen-on-v6 port ${DNS_PORT[bind]} { ::1; };
			recursion no; dnssec-validation no; notify no;
			allow-transfer { $transfer };
		};
		controls { };
		zone "iot.example" { type primary; file "iot.zone"; allow-update { key vnep-key; }; };
		zone "${DNS_REVERSE%.}" { type primary; file "rev.zone"; allow-update { key vnep-key; }; };
		$child
	END
	cp "$(type -P named)" "$T/bind/named"
	background bind ns "$T/bind/named" -g -n 1 -c "$T/bind/named.conf"
}

dns_answers() {
	[[ $(ns kdig +short +timeout=1 +retry=0 @127.0.0.1 -p "${DNS_PORT[$1]}" iot.example SOA) == *host.iot.example.* ]]
}

dns_servers() {
	local server

	requires kdig knot-dnsutils
	for server; do
		case $server in
		knot) requires knotd knot ;;
		bind) requires named bind9 ;;
		esac
	done
	ns_start
	for server; do
		dns_zones "$server"
		"dns_start_$server"
	done
	for server; do
		wait_for 20 dns_answers "$server"
	done
}

dns_names() {
	ns kdig +tcp +nocomments +noall +answer -y "hmac-sha256:vnep-key:$DNS_SECRET" @127.0.0.1 -p "${DNS_PORT[$1]}" "$2" AXFR |
		awk '$1 !~ /^;/ && $4 != "SOA" && $4 != "NS" && $4 != "TSIG" && NF { $3 = ""; $0 = $0; $1 = $1; print }'
}

# What both servers must do alike.
each() {
	local server

	for server in knot bind; do
		"$1" "$server"
	done
}

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

publish() {
	ns vnep-map publish --server "$(dns_at "$1")" --zone iot.example --key "$T/key" --owner me "${@:2}"
}

many() {
	local i

	echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
	for (( i = 1; i <= $1; i++ )); do
		printf '{"type":"device","v":1,"dev":"urn:dev:os:32473-%d","vep":"2001:db8:b::%x","name":"n%d.iot.example."}\n' "$i" "$i" "$i"
	done
}

dns_update() {
	printf 'server 127.0.0.1 %s\nzone iot.example\n%s\nsend\n' "${DNS_PORT[$1]}" "$2" | ns nsupdate -k "$T/key"
}
