load helpers
load dns

# The first message was taken: the zone begins with serial 1.
begun() {
	(( $(ns kdig +short @127.0.0.1 -p "${DNS_PORT[$1]}" iot.example SOA | awk '{ print $3 + 0 }') > 1 ))
}

@test "map publish: a name that somebody takes meanwhile is reported, the others go on, exit 4" {
	requires nsupdate bind9-dnsutils
	dns_servers knot bind
	dns_key
	many 24 | vnep-map import -q
	for server in knot bind; do
		background publish ns vnep-map publish --server "$(dns_at "$server")" --zone iot.example --key key --owner me --rate 4
		wait_for 10 begun "$server"
		kill -STOP "${PIDS[publish]}"
		dns_update "$server" 'update add n7.iot.example 300 A 192.0.2.7'
		kill -CONT "${PIDS[publish]}"
		status=0
		wait "${PIDS[publish]}" || status=$?
		[ "$status" = 4 ]
		run -0 cat "$T/publish.err"
		[[ ${lines[0]} == *'iot.example.: "n7.iot.example." changed while we published, and is left as it is' ]]
		[[ ${lines[1]} == *"iot.example.: 23 added, 0 changed"* ]]
		run -0 dns_names "$server" iot.example
		[ "$(grep -c AAAA <<<"$output")" = 23 ]
		[ "$(grep -c '^n7' <<<"$output")" = 1 ]
		run -1 publish "$server"
	done
}

@test "map publish: a server that stops in the middle is told of, and the next run goes on" {
	dns_servers knot
	dns_key
	many 8 | vnep-map import -q
	background publish ns vnep-map publish --server "$(dns_at knot)" --zone iot.example --key key --owner me --rate 1 --timeout 200ms
	wait_for 10 begun knot
	kill -STOP "${PIDS[knot]}"
	status=0
	wait "${PIDS[publish]}" || status=$?
	kill -CONT "${PIDS[knot]}"
	(( status == 3 || status == 5 ))
	run -0 cat "$T/publish.err"
	[[ $output =~ [1-7]" of 8 changes are made"[^a-z]*"hint: run it again: it goes on where it is" ]]
	wait_for 10 dns_answers knot
	run -0 publish knot -q
	[ "$(dns_names knot iot.example | grep -c AAAA)" = 8 ]
}

@test "map publish: an answer that is lost is found out about: nothing is done twice, nothing left out" {
	dns_servers knot bind
	dns_key
	many 6 | vnep-map import -q
	for server in knot bind; do
		background publish ns vnep-map publish --server "$(dns_at "$server")" --zone iot.example --key key --owner me --rate 1 --timeout 2s
		wait_for 10 begun "$server"
		kill -STOP "${PIDS[$server]}"
		first=
		wait_for 20 resent
		kill -CONT "${PIDS[$server]}"
		status=0
		wait "${PIDS[publish]}" || status=$?
		[ "$status" = 0 ]
		[[ $(<"$T/publish.err") == *"iot.example.: 6 added, 0 changed, 0 withdrawn, 0 unchanged" ]]
		[ "$(dns_names "$server" iot.example | grep -c AAAA)" = 6 ]
	done
}

# It has given up one connection and waits on another: the kernel of the stopped server took it.
resent() {
	local now

	now=$(ns ss -Htn state established "dport = :${DNS_PORT[$server]}" | awk '{ print $3 }' | sort | tail -n 1)
	: "${first:=$now}"
	[[ -n $now && $now != "$first" ]]
}
