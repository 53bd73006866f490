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
	local kills=${VNEP_FULL:+100} start took outcome

	: "${kills:=12}"
	devices 2000 old.example. | sed '1i {"type":"group","v":1,"group":"old","address":"ff35:40:2001:db8::8000:1"}' >old
	devices 2000 new.example. >new
	start=${EPOCHREALTIME/[.,]/}
	vnep-map import -q --replace new
	took=$(( ${EPOCHREALTIME/[.,]/} - start ))
	for ((n = 0; n < kills; n++)); do
		vnep-map import -q --replace old
		vnep-map import -q --replace new &
		PIDS[import]=$!
		# all over the time that it takes, and somewhat later
		read -rt "$(awk "BEGIN { print $took * 1.2 * $n / $kills / 1000000 + 0.0005 }")" -u "$never" || true
		kill -KILL "${PIDS[import]}" 2>/dev/null || true
		wait "${PIDS[import]}" 2>/dev/null || true
		vnep-map list >now
		# one name for all; the group is of the old map; indexes and counts belong to it
		outcome=$(jq -r 'select(.type == "device").name' now | sort | uniq -c | awk '{ print $1, $2 }')
		case $outcome in
		"2000 old.example.") [ "$(vnep-map list --type group | wc -l)" -eq 1 ] ;;
		"2000 new.example.") run -1 grep -q '"type":"group"' now ;;
		*) echo "$outcome"; return 1 ;;
		esac
		[ "$(vnep-map stat | jq 'select(.labels.type == "device").value')" -eq 2000 ]
		[ "$(vnep-map get 2001:db8:b::7d0 | jq -r .dev)" = urn:dev:os:32473-2000 ]
		echo "${outcome#* }" >>outcomes
	done
	cat outcomes
	run -0 vnep-map import -q --replace new
	[ "$(vnep-map list | grep -c new.example)" -eq 2000 ]
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

@test "map: a map whose file was cut short is said to be so" {
	devices 200 a.example. | vnep-map import -q
	truncate -s 8192 "$VNEP_STATE/map/data.mdb"
	run -3 --separate-stderr vnep-map list
	[[ $stderr == "vnep-map: a file of the state folder was cut short, or the disk cannot read it"*"hint: "* ]]
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
