load helpers
load edge
load mcast
load mld

# More listeners than fit into what may wait for a watcher: 1,000 devices behind the link of dev0, 32 groups each.

setup() {
	vnep_setup
}

MANY=1000

# Attached by their first frames, some at a time: each is a transaction.
crowd() {
	local i mac groups

	groups=$(printf '"g%u"\n' {1..32} | paste -sd,)
	{
		for (( i = 1; i <= 32; i++ )); do
			printf '{"type":"group","v":1,"group":"g%u","address":"ff35:40:2001:db8::8001:%x"}\n' "$i" "$i"
		done
		for (( i = 1; i <= MANY; i++ )); do
			printf -v mac '025e01fffe00%04x' "$i"
			printf '{"type":"device","v":1,"dev":"urn:dev:mac:%s","vep":"2001:db8:b::1:%x","groups":[%s]}\n' "$mac" "$i" "$groups"
		done
	} | vnep-map set -q
	for (( i = 1; i <= MANY; i++ )); do
		printf -v mac '02:5e:01:00:%02x:%02x' $(( i >> 8 )) $(( i & 255 ))
		frames udp6 - "$mac" 00:00:5e:00:53:fe "2001:db8:a::1:$(printf %x "$i")" 2001:db8:b::2 7000 7000 x
	done >"$T/first"
	groups=$(for (( i = 1; i <= 32; i++ )); do printf '04000000ff35004020010db80000000080010%03x' "$i"; done)
	groups=$(HOPS=1 ALERT=1 frames icmp6 - 02:5e:01:00:ff:ff 33:33:00:00:00:16 fe80::9 ff02::16 143 0 "00000020$groups")
	for (( i = 1; i <= MANY; i++ )); do
		printf -v mac '025e0100%04x' "$i"
		printf '%s\n' "${groups/025e0100ffff/$mac}"
	done >"$T/reports"
}

# some FILE CHECK: a hundred frames at a time, each time until CHECK says that they are through (a port takes so many a second)
some() {
	local from

	for (( from = 1; from <= MANY; from += 100 )); do
		wait_for 10 through "$@" "$from"
	done
}

through() {
	local to=$(( $3 + 99 ))

	"$2" "$to" && return
	sed -n "$3,${to}p" "$T/$1" | netns dev0 frames send d0 -
	"$2" "$to"
}

attached() {
	vnep-edge metrics | awk -v least="$1" '/^vnep_devices\{state="awake"\}/ { n = $2 } END { exit n < least }'
}

reported() {
	mld_count joined $(( $1 * 32 ))
}

clients() {
	vnep-edge metrics | awk -v n="$1" '/^vnep_control_clients/ { found = $2 == n } END { exit !found }'
}

@test "mcast mld: of very many that listen nobody is cut off for their number: not who reads late, not when all of them leave" {
	lab 1
	mcast_map "$(ninth)"
	printf '%s\n' '[ports]' 'access = acc0' 'core = up0' 'mld = acc0 interval_s=300 response_ms=500' >"$T/edge.conf"
	background edge netns edge vnep-edge run --name test -c "$T/edge.conf"
	wait_for 30 vnep-edge status
	crowd
	some first attached
	some reports reported
	attach9
	wait_for 10 mld_count joined $(( MANY * 32 ))
	# one that reads nothing but what fits into a pipe; it is told more meanwhile
	mkfifo "$T/pipe"
	exec 7<>"$T/pipe"
	late() { exec vnep-mcast watch >"$T/pipe" 7>&-; }
	background late late
	wait_for 10 clients 2
	says9 4
	wait_for 10 mld_count joined $(( MANY * 32 + 1 ))
	says9 3
	wait_for 10 mld_count left 1
	background reads cat "$T/pipe"
	wait_for 20 grep -q '"state":"left"' "$T/reads.out"
	jq -se --argjson n $(( MANY * 32 )) --arg dev "$DEV9" '
		(map(.type) | index("sync")) as $sync | $sync >= $n and
		(.[:$sync] | map(select(.dev != $dev)) | (length == $n and all(.[]; .state == "joined") and (unique_by([.dev, .group]) | length == $n))) and
		(.[$sync + 1:] | map(.state) == ["joined","left"])' "$T/reads.out"
	# members of one of the groups, and who only wants to be one
	vnep-mcast members -g g7 | jq -se --argjson n "$MANY" 'length == $n and all(.[]; .state == "joined")'
	echo '{"type":"group","v":1,"group":"g7","address":"ff35:40:2001:db8::8002:7"}' | vnep-map set -q
	wait_for 20 mld_count left $(( MANY + 1 ))
	echo '{"type":"group","v":1,"group":"all","address":"ff35:40:2001:db8::8001:7"}' | vnep-map set -q
	vnep-mcast members -g all | jq -se --argjson n "$MANY" 'length == $n and all(.[]; .state == "refused")'
	# all of them at once
	sed -i '$d' "$T/edge.conf"
	vnep-edge reload
	wait_for 20 mld_count left $(( MANY * 32 + 1 ))
	all_left() { [ "$(grep -c '"state":"left"' "$T/reads.out")" -eq $(( MANY * 32 + 1 )) ]; }
	wait_for 20 all_left
	run -1 grep 'cut off' "$T/edge.err"
	balanced
}
