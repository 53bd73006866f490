load helpers

VPC='{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'

# device N [MEMBERS]: a device record, as lines of input
device() {
	printf '{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe0053%02x","vep":"2001:db8:b::%x"%s}\n' \
		"$1" "$1" "${2:+,$2}"
}

fill() {
	{ echo "$VPC"; device 1 '"vpc":"acme","name":"lamp.example."'; device 2 '"groups":["lights"],"labels":{"model":"T-100"}'; } |
		vnep-map import -q
}

@test "map import: records go in, list gives them back in canonical form" {
	run -0 --separate-stderr vnep-map import <<<"$VPC"
	[ -z "$output" ]
	[ "$stderr" = "vnep-map: 1 added, 0 changed, 0 deleted, 0 unchanged; revision 1" ]
	run -0 --separate-stderr vnep-map import -q <<<'{"type":"device","v":1,"vep":"2001:DB8:B:0::1","dev":"URN:DEV:MAC:00005E005301"}'
	[ -z "$stderr" ]
	run -0 vnep-map list --type device
	[ "$output" = '{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005301","vep":"2001:db8:b::1","revision":2}' ]
}

@test "map import: the same again changes nothing, not even the revision" {
	fill
	vnep-map list >one
	run -0 --separate-stderr vnep-map import one
	[[ $stderr == *"0 added, 0 changed, 0 deleted, 3 unchanged; revision 3" ]]
	vnep-map list | cmp - one
}

@test "map import: --dry-run says what would be and makes nothing, not even a folder" {
	run -0 --separate-stderr vnep-map import -n --state "$T/none" <<<"$VPC"
	[ "$stderr" = "vnep-map: would be: 1 added, 0 changed, 0 deleted, 0 unchanged; revision 1" ]
	[ ! -e "$T/none" ]
	fill
	vnep-map list >before
	run -0 --separate-stderr vnep-map import -n <<<"$(device 9)"
	[[ $stderr == *"would be: 1 added"* ]]
	vnep-map list | cmp - before
}

@test "map import: --replace deletes what the input lacks, and refuses an empty input" {
	fill
	vnep-map list >before
	run -2 --separate-stderr vnep-map import --replace </dev/null
	[[ $stderr == *"no records to replace the map with"* ]]
	vnep-map list | cmp - before
	run -0 --separate-stderr vnep-map import --replace <<<"$VPC"$'\n'"$(device 2)"
	[[ $stderr == *"0 added, 1 changed, 1 deleted, 1 unchanged"* ]]
	run -1 vnep-map get 2001:db8:b::1
	run -2 --separate-stderr vnep-map import --replace --keep-going </dev/null
	[[ $stderr == *"--replace would delete what --keep-going skips"* ]]
}

@test "map import: two devices may swap their endpoints" {
	fill
	vnep-map list --type device | sed 's/b::1"/b::x"/; s/b::2"/b::1"/; s/b::x"/b::2"/' >swapped
	run -0 vnep-map import -q swapped
	run -0 vnep-map get 2001:db8:b::1
	record 'select(.dev == "urn:dev:mac:00005efffe005302")'
}

@test "map import: --keep-going skips what is refused, by line or by the whole, and exits with 1" {
	{ echo "$VPC"; device 1; echo rubbish; device 3 '"vpc":"nobody"'; device 4; } >in
	run -1 --separate-stderr vnep-map import --keep-going in
	[[ $stderr == *"in:3:"* ]]
	[[ $stderr == *"in:4: urn:dev:mac:00005efffe005303 is in vpc \"nobody\", which is not in the map"* ]]
	[[ $stderr == *"3 added"* ]]
	run -0 vnep-map list --type device
	[ "${#lines[@]}" -eq 2 ]
}

# chain COUNT SHIFT: that many devices, each with the endpoint of its number and the shift
chain() {
	awk -v n="$1" -v shift="$2" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-%d\",\"vep\":\"2001:db8:b::%x\"}\n", i, i + shift }'
}

@test "map import: --keep-going refuses a long chain of devices that wait for each other's endpoint, and only it" {
	at() { device "$1" "$3" | sed "s/b::[0-9a-f]*/b::$2/"; }
	{ chain 1000 0; at 1 3e9; at 2 ff02; } | vnep-map import -q
	vnep-map list >before
	run -1 --separate-stderr vnep-map import --keep-going < <(chain 1000 1)
	[ "$(grep -c "belongs to" <<<"$stderr")" -eq 1000 ]
	[[ $stderr == *"-:1000: vep 2001:db8:b::3e9 of urn:dev:os:32473-1000 belongs to urn:dev:mac:00005efffe005301 already"* ]]
	[[ $stderr == *"-:1: vep 2001:db8:b::2 of urn:dev:os:32473-1 belongs to urn:dev:os:32473-2 already"* ]]
	[[ $stderr == *"0 added, 0 changed, 0 deleted, 0 unchanged; revision 1002"* ]]
	vnep-map list | cmp - before
	# what does not wait for it goes on, with the revisions of a change that never knew of the chain
	run -1 --separate-stderr vnep-map import --keep-going < <(chain 1000 1; at 2 ff02 '"vlan":7'; at 3 ff03)
	[[ $stderr == *"1 added, 1 changed, 0 deleted, 0 unchanged; revision 1004"* ]]
	run -0 vnep-map list
	[ "${#lines[@]}" -eq 1003 ]
	run -0 vnep-map get urn:dev:mac:00005e005303
	record '.revision == 1004'
	vnep-map list >after
	vnep-map check -q after
	# without the one at the end it moves as a whole
	vnep-map delete -q urn:dev:mac:00005e005301
	run -0 --separate-stderr vnep-map import --keep-going < <(chain 1000 1)
	[[ $stderr == *"1000 changed"* ]]
}

@test "map import: --keep-going lets a device that is refused for its vpc keep what another one wanted" {
	{ echo "$VPC"; device 1; device 2; } | vnep-map import -q
	run -1 --separate-stderr vnep-map import --keep-going < <(device 1 '"vpc":"nobody"' | sed 's/b::1"/b::9"/'
		device 2 | sed 's/b::2"/b::1"/'
		device 3 | sed 's/b::3"/b::2"/'
		device 4)
	[ "$(grep -c "^vnep-map: -:[123]: " <<<"$stderr")" -eq 3 ]
	[[ $stderr == *"1 added, 0 changed"*"revision 4"* ]]
	run -0 vnep-map list --type device
	record '[.[].vep[-1:]] == ["1","2","4"]' -s
}

@test "map import: CSV takes a header, quotes and lists; list --format csv gives it back" {
	printf '\xef\xbb\xbfdev,vep,name,groups,t3324_s\r\nurn:dev:mac:00005e005301,2001:db8:b::1,"lamp.example.",a;b,10\r\n' >in.csv
	run -0 vnep-map import -q --format csv in.csv
	run -0 vnep-map list
	record '.dev == "urn:dev:mac:00005efffe005301" and .groups == ["a","b"] and .psm.t3324_s == 10'
	vnep-map list --format csv >out.csv
	run -0 --separate-stderr vnep-map import --format csv out.csv
	[[ $stderr == *"1 unchanged"* ]]
}

@test "map import: bad CSV names its line, its column and where it stands" {
	run -2 --separate-stderr vnep-map import --format csv <<<'dev,nmae,vep'
	[[ $stderr == *'-:1:5: unknown column "nmae" (did you mean "name"?)'* ]]
	run -2 --separate-stderr vnep-map import --format csv <<<'dev,name'
	[[ $stderr == *"-:1: the header needs the columns dev and vep"* ]]
	run -2 --separate-stderr vnep-map import --format csv <<<$'dev,vep\nurn:dev:os:32473-1,2001:db8::1,x'
	[[ $stderr == *"-:2:32: more fields than the header's 2"* ]]
	run -2 --separate-stderr vnep-map import --format csv <<<$'dev,vep\n"urn:dev:os:32473-1,2001:db8::1'
	[[ $stderr == *"-:2:1: dev: a quote is not closed on its line"* ]]
	run -1 vnep-map list
}

@test "map get: a device is found by URN, endpoint, MAC and name; a missing one is exit 1" {
	fill
	for word in urn:dev:mac:00005e005301 2001:db8:b::1 00-00-5E-00-53-01 LAMP.example; do
		run -0 vnep-map get "$word"
		record '.dev == "urn:dev:mac:00005efffe005301"'
	done
	run -1 --separate-stderr vnep-map get 2001:db8:b::1 2001:db8:b::99
	[ "${#lines[@]}" -eq 1 ]
	[ "$stderr" = 'vnep-map: no such device "2001:db8:b::99"' ]
	run -0 vnep-map get --type vpc acme
	record '.prefix == "2001:db8:b::/64"'
}

@test "map get: a word that means two devices is exit 2, with the candidates" {
	{ device 1 '"name":"x.example."'; device 2 '"name":"x.example."'; } | vnep-map import -q
	run -2 --separate-stderr vnep-map get x.example
	[ -z "$output" ]
	[[ $stderr == *'"x.example" could mean 2 devices'* ]]
	[[ $stderr == *"hint: urn:dev:mac:00005efffe005301, urn:dev:mac:00005efffe005302"* ]]
}

@test "map list: filters select, several together narrow" {
	fill
	run -0 vnep-map list --type device --vpc acme
	[ "${#lines[@]}" -eq 1 ]
	run -0 vnep-map list --group lights
	[ "${#lines[@]}" -eq 1 ]
	record '.vep == "2001:db8:b::2"'
	run -0 vnep-map list --match model=T-100
	[ "${#lines[@]}" -eq 1 ]
	run -0 vnep-map list --match model=T-100 --match name=lamp.example.
	[ -z "$output" ]
	run -2 --separate-stderr vnep-map list --match model
	[[ $stderr == *'--match: "model" is not KEY=VALUE'* ]]
}

@test "map list: no map is exit 1 with what to do" {
	run -1 --separate-stderr vnep-map list
	[[ $stderr == "vnep-map: no map in $VNEP_STATE"$'\n'"hint: vnep-map import makes one" ]]
}

@test "map list | import into an empty map gives the same octets back" {
	fill
	vnep-map set -q < <(device 1 '"name":"other.example."')
	vnep-map list | vnep-map import -q --state "$T/copy"
	cmp <(vnep-map list) <(vnep-map list --state "$T/copy")
	# and it is a map like any other: the next change has the next revision
	vnep-map set -q --state "$T/copy" < <(device 1)
	run -0 vnep-map get --state "$T/copy" 2001:db8:b::1
	record '.revision == 5'
}

@test "map import: revisions that cannot be those of one map are given anew" {
	vnep-map import -q < <(device 1 '"revision":7'; device 2 '"revision":7')
	run -0 vnep-map list
	record 'map(.revision) == [1, 2]' -s
	vnep-map import -q --state "$T/other" < <(device 1 '"revision":7'; device 2)
	run -0 vnep-map list --state "$T/other"
	record 'map(.revision) == [1, 2]' -s
	# and a map that has records gives its own
	vnep-map import -q --state "$T/other" < <(device 3 '"revision":70')
	run -0 vnep-map get --state "$T/other" 2001:db8:b::3
	record '.revision == 3'
}

@test "map import: of several bad records the first line is named, whatever their order in the map" {
	vnep-map import -q < <(device 1; device 2)
	{ device 9 '"mac":"00:00:5e:00:53:02"'; device 4; device 3 '"mac":"00:00:5e:00:53:01"'; } >in
	run -2 --separate-stderr vnep-map import in
	[[ $stderr == *"in:1: MAC 00:00:5e:00:53:02 in VLAN 0 of urn:dev:mac:00005efffe005309 belongs to urn:dev:mac:00005efffe005302 already"* ]]
}

@test "map set: --if-revision refuses what moved meanwhile, exit 4" {
	fill
	vnep-map list >before
	run -4 --separate-stderr vnep-map set --if-revision 1 <<<"$(device 1)"
	[[ $stderr == *'-:1: "urn:dev:mac:00005efffe005301" is at revision 2, not 1'* ]]
	vnep-map list | cmp - before
	run -0 vnep-map set -q --if-revision 2 <<<"$(device 1)"
}

@test "map delete: all or none, with a tombstone for who follows" {
	fill
	vnep-map list >before
	run -1 --separate-stderr vnep-map delete 2001:db8:b::1 2001:db8:b::99
	[ "$stderr" = 'vnep-map: no such device "2001:db8:b::99"' ]
	vnep-map list | cmp - before
	run -0 --separate-stderr vnep-map delete lamp.example
	[[ $stderr == *"1 deleted"* ]]
	run -1 vnep-map get lamp.example
	run -0 vnep-map stat
	record 'any(.[]; .name == "vnep_map_tombstones" and .value == 1)' -s
}

@test "map delete: a vpc that a device names stays" {
	fill
	run -2 --separate-stderr vnep-map delete --type vpc acme
	[[ $stderr == *'urn:dev:mac:00005efffe005301 is in vpc "acme", which is not in the map'* ]]
	run -0 vnep-map get --type vpc acme
}

@test "map stat: counts of each type, revision and octets" {
	fill
	run -0 vnep-map stat
	record 'any(.[]; .labels.type == "device" and .value == 2)' -s
	run -0 vnep-map stat --table
	[[ ${lines[0]} == name*labels*value ]]
}

@test "map watch: the map, sync, then each change as it comes" {
	fill
	background watch vnep-map watch
	wait_for 5 grep -q '"type":"sync","v":1,"revision":3' "$T/watch.out"
	device 7 | vnep-map import -q
	wait_for 5 grep -q '"vep":"2001:db8:b::7"' "$T/watch.out"
	vnep-map delete -q 2001:db8:b::7
	wait_for 5 grep -q '005307".*"deleted":true' "$T/watch.out"
	stop watch
	[ "$(wc -l <"$T/watch.out")" -eq 6 ]
}

@test "map watch: --after-revision resumes, and refuses a map that never was there" {
	fill
	background watch vnep-map watch --after-revision 2
	wait_for 5 grep -q sync "$T/watch.out"
	stop watch
	run -0 cat "$T/watch.out"
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == *'"revision":3}' ]]
	run -4 --separate-stderr vnep-map watch --after-revision 99
	[[ $stderr == *"the map is at revision 3"* ]]
}

@test "map watch: a tombstone goes with history, and who has not seen it is told to begin anew" {
	tombstones() { vnep-map stat | jq 'select(.name == "vnep_map_tombstones").value'; }
	# each change takes out what is due by then
	forgotten() { vnep-map set -q </dev/null && [ "$(tombstones)" -eq 0 ]; }
	fill
	vnep-map delete -q 2001:db8:b::1
	vnep-map set -q < <(device 3)
	[ "$(tombstones)" -eq 1 ]
	vnep-map set -q --history 1s </dev/null
	wait_for 20 forgotten
	run -4 --separate-stderr vnep-map watch --after-revision 3
	[[ $stderr == "vnep-map: what was deleted up to revision 4 is forgotten: nothing can be continued from 3"*"hint: begin anew"* ]]
	[ -z "$output" ]
	background watch vnep-map watch --after-revision 4
	wait_for 5 grep -q sync "$T/watch.out"
	stop watch
	run -0 head -n 1 "$T/watch.out"
	record '.dev == "urn:dev:mac:00005efffe005303"'
	# it may come back
	vnep-map set -q < <(device 1)
	run -0 vnep-map get 2001:db8:b::1
}

@test "map watch: ends when nobody reads it any more, without a change" {
	fill
	vnep-map watch > >(head -n 1 >"$T/first") &
	PIDS[watch]=$!
	wait_for 5 test -s "$T/first"
	wait_for 5 bash -c "! kill -0 ${PIDS[watch]}"
}

@test "map: a full standard output is exit 3 with a message" {
	fill
	run -3 --separate-stderr bash -c 'vnep-map list >/dev/full'
	[[ $stderr == *"cannot write to standard output: No space left on device"* ]]
	run -3 --separate-stderr bash -c 'vnep-map --help >&-'
}

@test "map: a reader that goes away ends the tool silently" {
	for i in {1..200}; do device "$i"; done | vnep-map import -q
	run -0 --separate-stderr bash -c 'vnep-map watch | head -n 1; exit 0'
	[ "${#lines[@]}" -eq 1 ]
	[ -z "$stderr" ]
}

@test "map: a state folder that is a link or open to all is refused" {
	mkdir -m 0777 "$T/open"
	chmod 0777 "$T/open"
	ln -s "$VNEP_STATE" "$T/link"
	run -3 --separate-stderr vnep-map import --state "$T/open" <<<"$VPC"
	[[ $stderr == *"writable for everybody"* ]]
	run -3 --separate-stderr vnep-map import --state "$T/link" <<<"$VPC"
	[[ $stderr == *"symbolic link"* ]]
	run -1 vnep-map list
}

@test "map import --prefix: a device without vep gets a free address of the prefix, the same next time" {
	{ echo "$VPC"; device 1; echo '{"type":"device","v":1,"dev":"urn:dev:mac:00005e005302"}'; } >in
	run -2 --separate-stderr vnep-map import in
	[[ $stderr == *'in:3:1: missing key "vep"'* ]]
	vnep-map import -q --prefix 2001:db8:b::/64 in
	run -0 vnep-map get 2001:db8:b::1
	record '.dev == "urn:dev:mac:00005efffe005301"'
	vnep-map list >before
	run -0 vnep-map get urn:dev:mac:00005e005302
	record '.vep | test("^2001:db8:b:") and (test("5302") | not)'
	run -0 --separate-stderr vnep-map import --prefix 2001:db8:b::/64 in
	[[ $stderr == *"3 unchanged"* ]]
	vnep-map delete -q 00:00:5e:00:53:02
	vnep-map import -q --prefix 2001:db8:b::/64 in
	cmp <(vnep-map list | jq -r '.vep // empty') <(jq -r '.vep // empty' before)
	# an explicit address wins
	jq -c 'if .dev == "urn:dev:mac:00005e005302" then .vep = "2001:db8:b::2" else . end' in | vnep-map import -q --prefix 2001:db8:b::/64
	run -0 vnep-map get 2001:db8:b::2
}

@test "map import --prefix: a small prefix is given out to its last address, then it says that it is full" {
	anonymous() { for ((i = 1; i <= $1; i++)); do printf '{"type":"device","v":1,"dev":"urn:dev:os:32473-%d"}\n' "$i"; done; }
	anonymous 16 >in
	run -2 --separate-stderr vnep-map import --prefix 2001:db8:b::10/124 in
	[[ $stderr == *"in:16: prefix 2001:db8:b::10/124 is full: no address is left for urn:dev:os:32473-16"* ]]
	run -1 vnep-map list
	run -1 --separate-stderr vnep-map import --prefix 2001:db8:b::10/124 --keep-going in
	[[ $stderr == *"15 added"* ]]
	[ "$(vnep-map list | jq -r .vep | sort -u | wc -l)" -eq 15 ]
	# --replace: who goes leaves room
	anonymous 30 | tail -n 15 | vnep-map import -q --replace --prefix 2001:db8:b::10/124
	[ "$(vnep-map list | wc -l)" -eq 15 ]
	run -2 --separate-stderr vnep-map import --prefix 2001:db8:b::1/64 in
	[[ $stderr == *'prefix "2001:db8:b::1/64" has bits behind its length'* ]]
}

@test "map import --prefix: addresses are chosen by the writer: imports side by side do not refuse each other" {
	local i pids=()

	for i in 1 2 3 4; do
		jq -nc --argjson i "$i" 'range(500) | {type: "device", v: 1, dev: "urn:dev:os:32473-\($i)x\(.)"}' >"in$i"
	done
	for i in 1 2 3 4; do
		background "import$i" vnep-map import --prefix 2001:db8:b::/117 "in$i"
		pids+=("$PID")
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	run -0 vnep-map list
	[ "$(jq -r .vep <<<"$output" | sort -u | wc -l)" -eq 2000 ]
}

@test "map import --prefix: multicast and link-local prefixes are refused, before anything is read" {
	run -2 --separate-stderr vnep-map import --prefix ff00::/8 nowhere
	[[ $stderr == *"prefix ff00::/8: no device can have a multicast or link-local address"* ]]
	run -2 vnep-map import --prefix fe80::/64 nowhere
}

@test "map import --prefix: CSV may do without vep; -n makes no key" {
	printf 'dev,name\nurn:dev:os:32473-1,lamp.example.\n' >in.csv
	run -0 --separate-stderr vnep-map import -n --format csv --prefix 2001:db8:b::/64 in.csv
	[[ $stderr == *"would be: 1 added"* ]]
	[ ! -e "$VNEP_STATE/key" ]
	vnep-map import -q --format csv --prefix 2001:db8:b::/64 in.csv
	[ "$(stat -c %a "$VNEP_STATE/key")" = 600 ]
	run -0 vnep-map get lamp.example
	record '.vep | startswith("2001:db8:b:")'
	chmod 0644 "$VNEP_STATE/key"
	run -3 --separate-stderr vnep-map import --format csv --prefix 2001:db8:b::/64 in.csv
	[[ $stderr == *"$VNEP_STATE/key can be read by others"* ]]
}

@test "map diff: what import --replace would change, and exit 1 if it would" {
	fill
	run -0 vnep-map diff <(vnep-map list)
	[ -z "$output" ]
	{ echo "$VPC"; device 2 '"groups":["lights"]'; device 3; } >new
	run -1 --separate-stderr vnep-map diff new
	[ -z "$stderr" ]
	record 'map(select(.type == "difference") | .what) == ["change", "add", "delete"]' -s
	record '.[0].record.groups == ["lights"] and (.[0].record | has("labels") | not)' -s
	record '.[1].record.vep == "2001:db8:b::3" and .[2].record.name == "lamp.example."' -s
	run -0 --separate-stderr vnep-map import --replace new
	[[ $stderr == *"1 added, 1 changed, 1 deleted, 1 unchanged"* ]]
	run -0 vnep-map diff new
	# no map is an empty one, and none is made
	run -1 vnep-map diff --state "$T/none" new
	record 'map(.what) == ["add", "add", "add"]' -s
	[ ! -e "$T/none" ]
	run -2 --separate-stderr vnep-map diff <<<rubbish
	[[ $stderr == *"-:1:"*"malformed JSON"* ]]
}

now() { date -u +%FT%T.%6NZ; }

@test "map get --at: who it was then, by endpoint, name, address, MAC and URN" {
	one=urn:dev:mac:00005efffe005301
	two=urn:dev:mac:00005efffe005302
	early=$(now)
	{ echo "$VPC"; device 1 '"name":"lamp.example.","addr":["2001:db8:a::1"]'; device 2; } | vnep-map import -q
	first=$(now)
	vnep-map list --type device | sed 's/b::1"/b::x"/; s/b::2"/b::1"/; s/b::x"/b::2"/' | vnep-map import -q
	second=$(now)
	vnep-map delete -q "$two"
	run -1 --separate-stderr vnep-map get --at "$early" 2001:db8:b::1
	[[ $stderr == *"no device \"2001:db8:b::1\" at $early"*"hint: the map keeps what it was for 2592000 s"* ]]
	run -0 vnep-map get --at "$first" 2001:db8:b::1
	record ".dev == \"$one\" and .vep == \"2001:db8:b::1\""
	run -0 vnep-map get --at "$second" 2001:db8:b::1
	record ".dev == \"$two\""
	run -1 vnep-map get --at now 2001:db8:b::1
	for word in lamp.example 2001:db8:a::1 00:00:5e:00:53:01 "$one"; do
		run -0 vnep-map get --at "$first" "$word"
		record '.vep == "2001:db8:b::1"'
	done
	run -0 vnep-map get --at "$first" --type vpc acme
	run -2 --separate-stderr vnep-map get --at yesterday "$one"
	[[ $stderr == *'"yesterday" is not a time'* ]]
	run -2 vnep-map get --at now --type binding "$one"
}

@test "map: history is kept as long as it is told to, and not at all of who does not consent" {
	past() { vnep-map stat | jq 'select(.name == "vnep_map_past_records").value'; }
	{ echo "$VPC"; device 1; device 2; } | vnep-map import -q
	then=$(now)
	{ device 1 '"vlan":7'; device 2 '"vlan":7'; } | vnep-map import -q
	[ "$(past)" -eq 2 ]
	vnep-map set -q < <(device 1 '"vlan":7,"consent":false')
	[ "$(past)" -eq 1 ]
	vnep-map set -q < <(device 1 '"vlan":8,"consent":false')
	[ "$(past)" -eq 1 ]
	run -1 vnep-map get --at "$then" urn:dev:mac:00005e005301
	run -0 vnep-map get --at "$then" urn:dev:mac:00005e005302
	run -2 --separate-stderr vnep-map set --history 5 </dev/null
	[[ $stderr == *'--history: "5" is no age'* ]]
	vnep-map set -q --history 0 </dev/null
	[ "$(past)" -eq 0 ]
	vnep-map set -q < <(device 2 '"vlan":9')
	[ "$(past)" -eq 0 ]
	vnep-map set -q --history 90d </dev/null
	run -0 vnep-map stat
	record 'any(.[]; .name == "vnep_map_history_seconds" and .value == 7776000)' -s
}

@test "map list --redact: groups, routes, senders and whatever holds twelve hex digits are looked at, too" {
	vnep-map import -q <<-'END'
		{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","routes":[{"to":"2001:db8:d::/64","next_hop":"2001:db8:b::200:5eff:fe00:5307"}]}
		{"type":"group","v":1,"group":"dev-00005e005301","address":"ff15::7","senders":["2001:db8:b::200:5eff:fe00:5301","2001:db8:b::7"]}
		{"type":"device","v":1,"dev":"urn:imei:35209900-176148-1","vep":"2001:db8:b::9","groups":["dev-00005e005301","lights"],"labels":{"old":"replaces 00:00:5e:00:53:99","serial":"35-209900-176148-1","model":"T-100"}}
	END
	vnep-map list --redact >redacted
	run -1 grep -iE '53:?0[17]|5399|53:99|5e00|5eff|209900|imei' redacted
	vnep-map check -q redacted
	run -0 cat redacted
	record '.[1].group == .[2].groups[0] and .[2].groups[1] == "lights" and .[2].labels.model == "T-100"' -s
	record '.[1].senders[1] == "2001:db8:b::7" and .[0].routes[0].to == "2001:db8:d::/64"' -s
}

@test "map delete: a device that is named twice is deleted once" {
	device 1 | vnep-map import -q
	run -0 vnep-map get urn:dev:mac:00005e005301
	run -0 --separate-stderr vnep-map delete urn:dev:mac:00005e005301 "$(jq -r .vep <<<"$output")"
	[[ $stderr == *" 1 deleted,"* ]]
}

@test "map list --match: truth is a word, too" {
	{ device 1; device 2 '"consent":false'; } | vnep-map import -q
	run -0 vnep-map list --match consent=false
	[ "${#lines[@]}" -eq 1 ]
}

@test "map import --keep-going: no row of a CSV file is read without its header" {
	printf 'dev,vop\nurn:dev:os:32473-1,2001:db8:b::1\nurn:dev:os:32473-2,2001:db8:b::2\n' >in.csv
	run -2 --separate-stderr vnep-map import --format csv --keep-going in.csv
	[[ $stderr == *"in.csv:1:5: "*$'\n'*"no row of in.csv can be read without its header"* ]]
	[[ $stderr != *"32473-1"* ]]
}

@test "map import: revisions near the end of all numbers are not restored" {
	device 1 '"revision":9007199254740991' | vnep-map import -q
	device 2 | vnep-map import -q
	vnep-map list >list
	run -0 vnep-map list
	record '[.[].revision] == [1, 2]' -s
	vnep-map check -q list
	device 1 '"revision":4503599627370496' | vnep-map import -q --state "$T/other"
	device 2 | vnep-map import -q --state "$T/other"
	run -0 vnep-map list --state "$T/other"
	record '[.[].revision] == [4503599627370496, 4503599627370497]' -s
}

@test "map get --at: the 80 who held an address one after another are each found at their time" {
	one() { echo '{"type":"device","v":1,"dev":"urn:dev:os:32473-'"$1"'","vep":"2001:db8:b::'"$2"'","mac":"00:00:5e:00:53:07","vlan":'"$1"',"addr":["2001:db8:a::7"]}'; }
	gone() { echo '{"type":"device","v":1,"dev":"urn:dev:os:32473-'"$1"'","deleted":true}'; }
	local probes="1 2 63 64 65 66 79 80" most=80
	if sanitized; then
		probes="1 64 65 67" most=67
	fi
	for ((n = 1; n <= most; n++)); do
		# it takes the address from the one before, who goes
		{ ((n == 1)) || gone "$((n - 1))"
			one "$n" 77; } | unsearched vnep-map import -q
		now
	done >times
	one $most 99 | vnep-map import -q
	for n in $probes; do
		at=$(sed -n "${n}p" times)
		for word in 2001:db8:b::77 2001:db8:a::7 00:00:5e:00:53:07; do
			output=$(unsearched vnep-map get --at "$at" "$word")
			[[ $output == *'"dev":"urn:dev:os:32473-'"$n"'"'* ]]
		done
	done
	run -1 vnep-map get --at "$(now)" 2001:db8:b::77
	run -0 vnep-map get --at "$(now)" 2001:db8:b::99
	at=$(sed -n 40p times)
	run -0 vnep-map get --at "$at" 00:00:5e:00:53:07
	record '.dev == "urn:dev:os:32473-40"'
}

@test "map: what history is no longer to keep is forgotten at once, however much it is" {
	past() { vnep-map stat | jq 'select(.name == "vnep_map_past_records").value'; }
	for shift in 0 1 2; do
		chain 600 "$shift" | vnep-map import -q
	done
	[ "$(past)" -eq 1200 ]
	then=$(now)
	chain 600 0 | vnep-map import -q
	vnep-map set -q --history 0 </dev/null
	[ "$(past)" -eq 0 ]
	vnep-map set -q --history 90d </dev/null
	run -1 vnep-map get --at "$then" urn:dev:os:32473-7
	run -1 vnep-map get --at "$then" 2001:db8:b::9
	chain 600 1 | vnep-map import -q
	[ "$(past)" -eq 600 ]
}

@test "map list --redact: no URN, no MAC and nothing made of them; the same hashes each time" {
	{ echo "$VPC"
		device 1 '"vpc":"acme","name":"lamp-005301.iot.example.","addr":["2001:db8:a::200:5eff:fe00:5301","2001:db8:a::7"]'
		echo '{"type":"device","v":1,"dev":"urn:dev:os:32473-77","vep":"2001:db8:b::200:5eff:fe00:5309","mac":"00:00:5e:00:53:09","labels":{"serial":"00-00-5E-00-53-09","model":"T-100","note":"box 32473-77"},"x_mine":"00:00:5e:00:53:09","allow":[{"to":"2001:db8:b::200:5eff:fe00:5301/128"}]}'
	} | vnep-map import -q
	vnep-map list --redact >redacted
	run -1 grep -iE '5301|5309|5e00|5eff|urn:dev|32473|lamp|x_mine' redacted
	vnep-map list --redact | cmp - redacted
	vnep-map check -q redacted
	run -0 cat redacted
	record '.[1].addr[1] == "2001:db8:a::7" and .[1].vpc == "acme" and .[1].name[17:] == ".iot.example."' -s
	record '.[2].labels.model == "T-100" and .[2].allow[0].to[-4:] == "/128"' -s
	record '(.[1].dev | startswith("urn:uuid:")) and .[1].dev != .[2].dev and .[1].mac != .[2].mac' -s
	run -0 vnep-map list --redact --format csv
	[[ $output == *"$(jq -r 'select(.type == "device").dev' redacted | tail -n 1)"* && $output != *00:00:5e* ]]
	# another key, other hashes
	vnep-map list | vnep-map import -q --state "$T/copy"
	run -1 cmp -s redacted <(vnep-map list --redact --state "$T/copy")
}

@test "map list --vpc, --region: by the index, also among devices of others" {
	{ echo "$VPC"; echo '{"type":"vpc","v":1,"vpc":"other","prefix":"2001:db8:c::/64"}'
		device 1 '"vpc":"acme","region":"east"'; device 2 '"vpc":"acme","region":"west"'
		echo '{"type":"device","v":1,"dev":"urn:dev:os:32473-1","vep":"2001:db8:c::1","vpc":"other","region":"east"}'; } | vnep-map import -q
	run -0 vnep-map list --type device --vpc acme
	[ "${#lines[@]}" -eq 2 ]
	run -0 vnep-map list --type device --region east
	[ "${#lines[@]}" -eq 2 ]
	run -0 vnep-map list --type device --region east --vpc other
	record '.vep == "2001:db8:c::1"'
	[ "${#lines[@]}" -eq 1 ]
}

@test "map watch: stopped and resumed while the map changes, every change is seen once" {
	local changes=60
	if sanitized; then
		changes=30
	fi
	fill
	for ((i = 1; i <= changes; i++)); do
		device $((i % 7 + 1)) "\"labels\":{\"n\":\"$i\"}" | unsearched vnep-map set -q || exit 1
	done &
	PIDS[writer]=$!
	last=3
	echo "$last" >seen # a round may see nothing
	for ((round = 0; round < 200; round++)); do
		rm -f "$T/watch.out" # or the last round's sync would do
		background watch vnep-map watch --after-revision "$last"
		wait_for 5 grep -q sync "$T/watch.out"
		pause
		stop watch
		# a line that was cut off was not seen
		sed -n '/"type":"device".*}$/s/.*"revision":\([0-9]*\).*/\1/p' "$T/watch.out" >>seen
		last=$(sort -n seen | tail -n 1)
		[ "$last" -ge $(( changes + 3 )) ] && break
	done
	wait "${PIDS[writer]}"
	run -0 bash -c "sort -n seen | uniq -d"
	[ -z "$output" ]
	# what the map is now was seen, and in the order of the changes
	[ -z "$(comm -13 <(sort seen) <(vnep-map list --type device | jq -r 'select(.revision > 3).revision' | sort))" ]
	sort -nc seen
}
