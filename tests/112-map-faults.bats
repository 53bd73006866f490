load helpers

setup() {
	vnep_setup
	exec {never}<> <(:) # nobody ever writes into it
}

# devices COUNT NAME: that many, each with the name
devices() {
	awk -v n="$1" -v name="$2" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-%d\",\"vep\":\"2001:db8:b::%x\",\"name\":\"%s\"}\n", i, i, name }'
}

# Twelve kills spread over the run; a hundred in make check-full.
@test "map import: killed at any time, the map is the old one or the new one" {
	local kills=${VNEP_FULL:+100} many=2000 start took outcome

	if sanitized; then
		many=500
		: "${kills:=8}"
	fi
	: "${kills:=12}"
	devices $many old.example. | sed '1i {"type":"group","v":1,"group":"old","address":"ff35:40:2001:db8::8000:1"}' >old
	devices $many new.example. >new
	start=${EPOCHREALTIME/[.,]/}
	vnep-map import -q --replace new
	took=$(( ${EPOCHREALTIME/[.,]/} - start ))
	for ((n = 0; n < kills; n++)); do
		unsearched vnep-map import -q --replace old
		# a search for leaks that is killed would be reported
		ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 vnep-map import -q --replace new &
		PIDS[import]=$!
		# all over the time that it takes, and somewhat later
		read -rt "$(awk "BEGIN { print $took * 1.2 * $n / $kills / 1000000 + 0.0005 }")" -u "$never" || true
		kill -KILL "${PIDS[import]}" 2>/dev/null || true
		wait "${PIDS[import]}" 2>/dev/null || true
		unsearched vnep-map list >now
		# one name for all; the group is of the old map; indexes and counts belong to it
		outcome=$(jq -r 'select(.type == "device").name' now | sort | uniq -c | awk '{ print $1, $2 }')
		case $outcome in
		"$many old.example.") [ "$(vnep-map list --type group | wc -l)" -eq 1 ] ;;
		"$many new.example.") run -1 grep -q '"type":"group"' now ;;
		*) echo "$outcome"; return 1 ;;
		esac
		[ "$(vnep-map stat | jq 'select(.labels.type == "device").value')" -eq $many ]
		[[ $(vnep-map get "2001:db8:b::$(printf %x $many)") == *'"dev":"urn:dev:os:32473-'"$many"'"'* ]]
		echo "${outcome#* }" >>outcomes
	done
	cat outcomes
	run -0 vnep-map import -q --replace new
	[ "$(vnep-map list | grep -c new.example)" -eq $many ]
}

@test "map import: a full disk is exit 3, and the old map is intact" {
	ns_start
	mkdir "$T/disk"
	ns mount -t tmpfs -o size=300k none "$T/disk"
	devices 100 old.example. >old
	devices 9000 new.example. >new
	ns vnep-map import -q --state "$T/disk/state" old
	ns vnep-map list --state "$T/disk/state" >before
	run -3 --separate-stderr ns vnep-map import --state "$T/disk/state" new
	[[ $stderr == *"No space left on device"* ]] || { echo "$stderr"; return 1; }
	ns vnep-map list --state "$T/disk/state" | cmp - before
	ns vnep-map set -q --state "$T/disk/state" <<<"$(devices 1 late.example.)"
}

@test "map import: a disk that is full from the start is exit 3, not a crash" {
	ns_start
	mkdir "$T/disk"
	ns mount -t tmpfs -o size=16k none "$T/disk"
	run -3 --separate-stderr ns vnep-map import --state "$T/disk/state" <<<"$(devices 1 x.example.)"
	[[ $stderr == *"No space left on device"* ]] || { echo "$stderr"; return 1; }
}

@test "map import: another writer's lock is waited for, and an edge that does not answer is exit 5" {
	devices 1 x.example. | vnep-map import -q
	exec {lock}<>"$VNEP_STATE/lock"
	flock "$lock"
	echo '{"pid":1,"tool":"vnep-edge","socket":"/nowhere/sock"}' >"$VNEP_STATE/lock"
	run -5 --separate-stderr vnep-map import <<<"$(devices 1 y.example.)"
	[[ $stderr == *"does not answer"* ]]
	echo '{"pid":1,"tool":"vnep-map"}' >"$VNEP_STATE/lock"
	devices 1 y.example. >in
	background import vnep-map import in
	flock -u "$lock"
	wait_for 5 grep -q "1 changed" "$T/import.err"
	exec {lock}>&-
}

@test "map import: while an edge lives, the change goes through its socket, and its errors name our lines" {
	requires socat
	mkdir -p "$VNEP_STATE"
	printf '%s\n' '{"type":"device","v":1,"dev":"urn:dev:os:32473-1","vep":"2001:db8:b::1"}' '' \
		'{"type":"device","v":1,"dev":"urn:dev:os:32473-2","vep":"2001:db8:b::2"}' >in
	cat >edge <<-'END'
		cat >request
		echo '{"type":"error","v":1,"tool":"vnep-edge","error_tag":"invalid-value","title":"value not allowed","detail":"not here","line":2,"exit":2}'
		echo '{"type":"done","v":1,"exit":2}'
	END
	exec {lock}<>"$VNEP_STATE/lock"
	flock "$lock"
	printf '{"pid":%d,"tool":"vnep-edge","socket":"%s/sock"}\n' $$ "$T" >"$VNEP_STATE/lock"
	background edge socat "UNIX-LISTEN:$T/sock" "SYSTEM:sh $T/edge"
	wait_for 5 test -S "$T/sock"
	run -2 --separate-stderr vnep-map import in
	[ "$stderr" = "vnep-map: in:3: not here" ]
	[ "$(head -n 1 request | jq -r .verb)" = map.put ]
	[ "$(tail -n +2 request | wc -l)" -eq 2 ]
	run -1 vnep-map list
}

@test "map import --prefix: while another chooses addresses for the edge it is waited for, but not for ever" {
	requires socat
	devices 1 x.example. | vnep-map import -q
	echo '{"type":"device","v":1,"dev":"urn:dev:os:32473-2"}' >in
	cat >edge <<-'END'
		cat >request
		echo '{"type":"done","v":1,"exit":0}'
	END
	exec {lock}<>"$VNEP_STATE/lock"
	flock "$lock"
	printf '{"pid":%d,"tool":"vnep-edge","socket":"%s/sock"}\n' $$ "$T" >"$VNEP_STATE/lock"
	background edge socat "UNIX-LISTEN:$T/sock,fork" "SYSTEM:sh $T/edge"
	wait_for 5 test -S "$T/sock"
	exec {choosing}<"$VNEP_STATE/map"
	flock "$choosing"
	run -5 --separate-stderr timeout 20 vnep-map import --prefix 2001:db8:b::/64 in
	[[ $stderr == *"/map is in use by another import --prefix"*"hint: try again"* ]] || { echo "$stderr"; return 1; }
	run -1 test -s request
	background import vnep-map import --prefix 2001:db8:b::/64 in
	flock -u "$choosing"
	wait "$PID"
	grep -q '"vep":"2001:db8:b:' request
	exec {lock}>&- {choosing}>&-
}

@test "map: a map whose file was cut short is said to be so" {
	devices 200 a.example. | vnep-map import -q
	truncate -s 8192 "$VNEP_STATE/map/data.mdb"
	run -3 --separate-stderr vnep-map list
	[[ $stderr == "vnep-map: a file of the state folder was cut short, or the disk cannot read it"*"hint: "* ]]
}

@test "map import: thousands of devices with one fixed address are no work for each pair of them" {
	devices 4000 x.example. | sed 's/"name":"x.example."/"addr":["2001:db8:a::1"]/' >in
	run -0 --separate-stderr timeout 20 vnep-map import in
	[[ $stderr == *"4000 added"* ]]
	sed '7s/"addr"/"form":"host","addr"/' in >host
	run -2 --separate-stderr timeout 20 vnep-map import host
	[[ $stderr == *"host:7: addr 2001:db8:a::1 of urn:dev:os:32473-7 belongs to "*"form host needs its own"* ]]
}

@test "map import: the vpc of a device is found by its address, however many there are" {
	local many=10000
	if sanitized; then
		many=500
	fi
	awk -v n="$many" 'BEGIN { for (i = 0; i < n; i++)
		printf "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"v%d\",\"prefix\":\"2001:db8:%x::/48\"}\n", i, i }' >vpcs
	awk -v n="${VNEP_FULL:+100000}" -v many="$many" 'BEGIN { for (i = 0; i < (n ? n : many); i++)
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-%d\",\"vep\":\"2001:db8:%x::%x\"}\n", i, i % many, i + 1 }' >devs
	run -0 --separate-stderr vnep-map import vpcs devs
	run -2 --separate-stderr vnep-map import <<<'{"type":"device","v":1,"dev":"urn:dev:os:32473-x","vep":"2001:db8:f000::1"}'
	[[ $stderr == *"vep 2001:db8:f000::1 of urn:dev:os:32473-x lies in no vpc's prefix"* ]]
	# one that is shorter holds what the others do not
	vnep-map import -q <<-'END'
		{"type":"vpc","v":1,"vpc":"wide","prefix":"2001:db8::/31"}
		{"type":"device","v":1,"dev":"urn:dev:os:32473-x","vep":"2001:db8:f000::1"}
		{"type":"vpc","v":1,"vpc":"one","prefix":"2001:db8:7:1::9/128"}
		{"type":"device","v":1,"dev":"urn:dev:os:32473-y","vep":"2001:db8:7:1::9"}
		{"type":"vpc","v":1,"vpc":"odd","prefix":"2001:db8:7:2::/63"}
		{"type":"device","v":1,"dev":"urn:dev:os:32473-z","vep":"2001:db8:7:3::9"}
	END
}

# damage FROM TO: octets of stored values, of one length
damage() {
	LC_ALL=C sed -i "s/$1/$2/g" "$VNEP_STATE/map/data.mdb"
}

# three devices, two with a MAC, one in VLAN 7; a group and a vpc
marked() {
	echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","labels":{"m":"mark-vpc"}}'
	echo '{"type":"group","v":1,"group":"lights","address":"ff35:40:2001:db8::8000:1","labels":{"m":"mark-group"}}'
	for i in 1 2 3; do
		echo '{"type":"device","v":1,"dev":"urn:dev:os:32473-'$i'","vep":"2001:db8:b::'$i'","mac":"00:00:5e:00:53:0'$i'","vlan":7,"name":"d'$i'.example.","groups":["lights"],"labels":{"m":"mark-'$i'"}}'
	done
}

@test "map list: a damaged record is named, the others are printed, and the exit status is 3" {
	marked | vnep-map import -q
	vnep-map list >before
	damage mark-2 mork-2
	for how in "" "--type device" "--group lights" "--format csv"; do
		run -3 --separate-stderr vnep-map list $how
		[[ $stderr == 'vnep-map: the stored record of "urn:dev:os:32473-2" is damaged'*"hint: import it again"* ]] || { echo "$how: $stderr"; return 1; }
		[[ $output == *32473-1* && $output == *32473-3* && $output != *32473-2* ]]
	done
	run -3 --separate-stderr vnep-map list
	[ "$output" = "$(grep -v 32473-2 before)" ]
	run -3 --separate-stderr vnep-map get 2001:db8:b::2
	run -3 --separate-stderr vnep-map get urn:dev:os:32473-2
	run -0 vnep-map get urn:dev:os:32473-1
}

@test "map list: of several groups, regions or vpcs only their devices are read, each once, in order" {
	{ echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
		for i in {1..60}; do
			printf '{"type":"device","v":1,"dev":"urn:dev:mac:00005e0053%02x","vep":"2001:db8:b::%x","vpc":"acme","region":"r%d","groups":["a%d","b%d"],"labels":{"m":"mark-%d."}}\n' $i $i $((i % 4)) $((i % 5)) $((i % 3)) $i
		done; } | vnep-map import -q
	vnep-map list --type device >all
	# in no group of these, nor in region r1: 60
	damage 'mark-60\.' 'mork-60.'
	run -3 vnep-map list
	run -0 vnep-map list --type device --group a1 --group b2 --group a1 --group none
	jq -c 'select(.groups | index("a1") or index("b2"))' all | diff - <(cat <<<"$output")
	[ "${#lines[@]}" -eq 28 ]
	run -0 vnep-map list --type device --region r1 --region r2 --group b1 --group b2
	jq -c 'select((.region == "r1" or .region == "r2") and (.groups | index("b1") or index("b2")))' all | diff - <(cat <<<"$output")
	run -3 vnep-map list --type device --group a1 --group b0
}

@test "map import: a damaged record is mended by its line, as the hint says, and nothing of the old one stays" {
	marked | vnep-map import -q
	counts() { vnep-map stat | jq -c 'select(.name == "vnep_map_records") | [.labels.type, .value]'; }
	counts >counts
	damage mark-2 mork-2
	run -1 --separate-stderr vnep-map diff < <(marked)
	record '.what == "change"'
	run -0 --separate-stderr vnep-map import < <(marked | grep 32473-2)
	[[ $stderr == *"0 added, 1 changed, 0 deleted, 0 unchanged; revision 6"* ]]
	run -0 vnep-map diff < <(marked)
	counts | diff - counts
	# another endpoint, MAC and name: those of the damaged one are free
	damage mark-2 mork-2
	vnep-map set -q < <(marked | grep 32473-2 | sed 's/b::2/b::22/; s/53:02/53:22/; s/d2.ex/d22.ex/; s/\["lights"\]/[]/')
	for gone in 2001:db8:b::2 00:00:5e:00:53:02 d2.example.; do
		run -1 vnep-map get "$gone"
	done
	run -0 vnep-map get d22.example.
	run -0 vnep-map list --group lights --type device
	[ "${#lines[@]}" -eq 2 ]
	counts | diff - counts
	vnep-map set -q < <(marked | grep 32473-3 | sed 's/b::3/b::2/; s/53:03/53:02/')
}

@test "map import: whatever is damaged, the whole listing mends it with --replace, --keep-going or neither" {
	for how in --replace --keep-going -q; do
		marked | vnep-map import -q
		vnep-map list >before
		damage mark- mork-
		run -3 --separate-stderr vnep-map list
		[ "$(grep -c "is damaged" <<<"$stderr")" -eq 5 ] || { echo "$stderr"; return 1; }
		run -0 vnep-map import $how < <(marked)
		run -0 vnep-map list
		vnep-map list | jq -c 'del(.revision)' | cmp - <(jq -c 'del(.revision)' before)
	done
	# --replace without its line takes it out
	damage mark-2 mork-2
	run -0 --separate-stderr vnep-map import --replace < <(marked | grep -v 32473-2)
	[[ $stderr == *"1 deleted, 4 unchanged"* ]]
	run -0 vnep-map list
	[ "${#lines[@]}" -eq 4 ]
}

@test "map import: a tombstone for a damaged device tells followers where it was" {
	marked | vnep-map import -q
	damage mark-2 mork-2
	run -0 vnep-map import -q <<<'{"type":"device","v":1,"dev":"urn:dev:os:32473-2","deleted":true}'
	run -1 vnep-map get 2001:db8:b::2
	background watch vnep-map watch --after-revision 5
	wait_for 5 grep -q 32473-2 watch.out
	run -0 head -n 1 watch.out
	record '.deleted and .dev == "urn:dev:os:32473-2" and .vep == "2001:db8:b::2" and .mac == "00:00:5e:00:53:02" and .vlan == 7'
	# a revision that is asked for cannot be told
	damage mark-3 mork-3
	run -3 --separate-stderr vnep-map set --if-revision 5 < <(marked | grep 32473-3)
	[[ $stderr == *'"urn:dev:os:32473-3" is damaged'* ]]
	run -0 vnep-map delete -q urn:dev:os:32473-3
	run -1 vnep-map get urn:dev:os:32473-3
	run -0 vnep-map list
}

# 150,000 devices with long labels in the file `many`: more than a new map takes.
many() {
	awk 'BEGIN { for (i = 1; i <= 150000; i++)
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-%d\",\"vep\":\"2001:db8:c::%x:%x\",\"labels\":{\"x\":\"%0300d\"}}\n", i, i / 65536, i % 65536, i }' >many
}

@test "map: it grows, also under a reader that opened it when it was small" {
	devices 1 first.example. | vnep-map import -q
	background watch vnep-map watch
	wait_for 5 grep -q sync "$T/watch.out"
	many
	vnep-map import -q many
	(( $(stat -c %s "$VNEP_STATE/map/data.mdb") > 64 << 20 ))
	wait_for 60 grep -q '"dev":"urn:dev:os:32473-150000"' "$T/watch.out"
}

@test "map: where it cannot grow it says so, and is as before" {
	if sanitized; then
		skip "AddressSanitizer needs the address space that is limited here"
	fi
	devices 1 first.example. | vnep-map import -q
	many
	vnep-map list >before
	run -3 --separate-stderr bash -c 'ulimit -v 300000; vnep-map import many'
	[[ $stderr == *"the map cannot grow by "*" MiB: Cannot allocate memory"*"hint: is the address space limited (ulimit -v)?"* ||
		$stderr == *"Cannot allocate memory"* ]] || { echo "$stderr"; return 1; }
	vnep-map list | cmp - before
}
