load helpers

# Each bad input is tried with check and with import, and the map must be what it was.
setup() {
	vnep_setup
	printf '%s\n' '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}' \
		'{"type":"device","v":1,"dev":"urn:dev:os:32473-1","vep":"2001:db8:b::1","vpc":"acme"}' | vnep-map import -q
	vnep-map list >before
}

# refuses PLACE TEXT: check and import of the file `in` say so, and nothing changed
refuses() {
	local verb

	for verb in check import; do
		run -2 --separate-stderr vnep-map "$verb" in
		[ -z "$output" ]
		[[ $stderr == "vnep-map: in:"$1": "* && $stderr == *"$2"* ]] || { printf '%s: %s\n' "$verb" "$stderr"; return 1; }
	done
	unsearched vnep-map list | cmp - before
}

GOOD='{"type":"device","v":1,"dev":"urn:dev:os:32473-2","vep":"2001:db8:b::2"}'

bad() {
	printf '%s\n' "$GOOD" "$1" >in
}

@test "map: a malformed line names file, line and column" {
	bad '{"type":"device","v":1,'
	refuses "2:23" "malformed JSON: string or '}' expected near end of file"
}

@test "map: a key that is there twice is malformed" {
	bad '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::3","vep":"2001:db8:b::4"}'
	refuses "2:*" "duplicate"
}

@test "map: a line over 1 MiB is refused, not read on for ever" {
	{ echo "$GOOD"; printf '{"x":"'; head -c 1100000 /dev/zero | tr '\0' x; echo '"}'; } >in
	refuses 2 "a line longer than 1048576 octets"
}

@test "map: text that is not UTF-8 is malformed" {
	{ echo "$GOOD"; printf '{"type":"device","v":1,"name":"\xff\xfe"}\n'; } >in
	refuses "2:*" "malformed JSON"
}

@test "map: a NUL is malformed, as an octet and as an escape" {
	{ echo "$GOOD"; printf '{"type":"device",\0"v":1}\n'; } >in
	refuses "2:18" "malformed JSON: string or '}' expected near end of file"
	bad '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::3","name":"a\u0000b"}'
	refuses "2:*" "malformed JSON: \\u0000 is not allowed"
}

@test "map: another kind of record is named as what it is" {
	bad '{"type":"event","v":1}'
	refuses 2 'the map takes vpc, device and group records, not "event"'
}

@test "map: an unknown key that is near a known one is refused with it" {
	bad '{"type":"device","v":1,"vlna":7,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::3"}'
	refuses "2:*" 'unknown key "vlna" (did you mean "vlan"?)'
}

@test "map: a bad URN, MAC, VLAN, address or prefix is named" {
	bad '{"type":"device","v":1,"dev":"urn:dev:mac:0000","vep":"2001:db8:b::3"}'
	refuses "2:*" 'URN "urn:dev:mac:0000"'
	bad '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::3","mac":"00:00:5e"}'
	refuses "2:*" '"00:00:5e"'
	bad '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::3","vlan":4095}'
	refuses "2:*" '4095'
	bad '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::g"}'
	refuses "2:*" '"2001:db8:b::g"'
	bad '{"type":"vpc","v":1,"vpc":"other","prefix":"2001:db8:c::1/64"}'
	refuses "2:*" '2001:db8:c::1/64'
	bad '{"type":"device","v":1,"dev":"urn:dev:os:32473-3"}'
	refuses "2*" 'vep'
}

@test "map: a device, a vep or a MAC that is there twice names both lines" {
	bad "$GOOD"
	refuses "2:*" 'dev "urn:dev:os:32473-2" is on line 1 already'
	bad '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::2"}'
	refuses "2:*" 'vep 2001:db8:b::2 is that of urn:dev:os:32473-2 on line 1 already'
	{ echo '{"type":"device","v":1,"dev":"urn:dev:os:32473-2","vep":"2001:db8:b::2","mac":"00:00:5e:00:53:09"}'
		echo '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::3","mac":"00-00-5e-00-53-09"}'; } >in
	refuses "2:*" 'MAC 00:00:5e:00:53:09 in VLAN 0 is that of urn:dev:os:32473-2 on line 1 already'
}

@test "map: records of other types, and bindings, are refused" {
	bad '{"type":"sync","v":1,"revision":3}'
	refuses "2*" '"sync"'
	bad '{"type":"fruit","v":1}'
	refuses "2*" '"fruit"'
	bad '{"type":"binding","v":1,"dev":"urn:dev:os:32473-2","region":"east","edge":"e1","epoch":1,"port":"acc0","mac":"00:00:5e:00:53:09","addr":["2001:db8:a::2"],"since":"2026-01-01T00:00:00.000000Z"}'
	refuses "2*" 'bindings are written by edges, never imported'
}

@test "map import: what belongs to a device of the map is refused, with both names" {
	bad '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:b::1"}'
	run -2 --separate-stderr vnep-map import in
	[[ $stderr == "vnep-map: in:2: vep 2001:db8:b::1 of urn:dev:os:32473-3 belongs to urn:dev:os:32473-1 already"* ]]
	vnep-map list | cmp - before
}

@test "map: a vep outside the prefix of its vpc is refused with its line" {
	printf '%s\n' '{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:c::3","vpc":"acme"}' \
		'{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}' >in
	refuses 1 'outside 2001:db8:b::/64, the prefix of vpc "acme"'
}

@test "map check: one side tagged and the other not" {
	printf '%s\n' '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","core_vlan":900}' "$GOOD" >in
	run -2 --separate-stderr vnep-map check in
	[[ $stderr == *'in:2: vlan 0 and core_vlan 900 of vpc "acme": one side is tagged'* ]]
}

@test "map check: all that the whole shows is reported; warnings leave the exit at 0" {
	printf '%s\n' '{"type":"group","v":1,"group":"empty","address":"ff35:40:2001:db8::8000:1"}' \
		'{"type":"device","v":1,"dev":"urn:dev:os:32473-3","vep":"2001:db8:c::3","vpc":"gone","groups":["lights"]}' >in
	run -0 --separate-stderr vnep-map check --state "$T/none" in
	[[ $stderr == *'in:1: warning: group "empty" has no members'* ]]
	[[ $stderr == *'in:2: warning: group "lights" is not among these records'* ]]
	[[ $stderr == *'in:2: warning: vpc "gone" is not among these records'* ]]
	[ ! -e "$T/none" ]
	{ cat in; echo "$GOOD"; echo rubbish; } >in2
	run -1 --separate-stderr vnep-map check --keep-going in2
	[[ $stderr == *"in2:4:"* ]]
}

@test "map: errors as records carry place, tag and exit" {
	bad '{"type":"device","v":1,"dev":"urn:dev:mac:0000","vep":"2001:db8:b::3"}'
	run -2 --separate-stderr vnep-map check --error-format=json in
	jq -e '.type == "error" and .tool == "vnep-map" and .file == "in" and .line == 2 and .exit == 2' <<<"$stderr"
}

@test "map: every kind of malformed record is refused with its message, line and column, by check and import" {
	local record said place verb rc line tried=0

	echo "$GOOD" >all
	while IFS= read -r record && IFS= read -r said; do
		(( ++tried ))
		printf '%s\n' "$record" >>all
		[[ $said == ": "* ]] && place= || place=:
		printf 'vnep-map: all:%d%s%s\n' $(( tried + 1 )) "$place" "$said" >>expected
		# each by itself, as far as time goes; all in one go below
		if sanitized && (( tried % 8 != 1 )); then
			continue
		fi
		printf '%s\n' "$GOOD" "$record" >in
		[[ $said == ": "* ]] && place=2 || place=2:
		for verb in check import; do
			rc=0
			vnep-map "$verb" in >out 2>err || rc=$? # run is dear, so often
			read -r line <err
			[[ $rc == 2 && ! -s out && $line == "vnep-map: in:$place$said" ]] ||
				{ printf '%s: %s, %s\nnot: in:%s%s\n' "$verb" "$rc" "$line" "$place" "$said"; return 1; }
		done
	done < <(grep -v '^\(#\|$\)' "$DATA/malformed-map.txt")
	(( tried == 68 ))
	vnep-map list | cmp - before
	for verb in check import; do
		run -1 --separate-stderr vnep-map "$verb" --keep-going --state "$T/$verb" all
		grep '^vnep-map: all:' <<<"$stderr" | diff expected -
	done
}

@test "map: malformed CSV is refused with its message and line, by check and import" {
	local -a bad=(
		'urn:dev:os:32473-3,2001:db8:b::3,acme,7,x' '2:41: more fields than the header'"'"'s 4'
		'urn:dev:os:32473-3,2001:db8:b::3' '2:33: vpc: 2 fields, the header has 4'
		'"urn:dev:os:32473-3,2001:db8:b::3,acme,7' '2:1: dev: a quote is not closed on its line'
		'"urn:dev:os:32473-3"x,2001:db8:b::3,acme,7' '2:1: dev: text behind a closing quote'
		'urn:dev:os:32473-3,2001:db8:b::3,acme,seven' '2:39: vlan: "seven" is not a number'
		'urn:dev:os:32473-3,2001:db8:b::3,acme,4095' '2:39: "vlan" must be an integer from 1 to 4094, not 4095'
		'lamp,2001:db8:b::3,acme,7' '2:1: "dev": "lamp" is not a device URN'
		'urn:dev:os:32473-3,,acme,7' '2: missing key "vep"'
		$'urn:dev:os:32473-3,2001:db8:b::3,\xff,7' '2:34: vpc: not valid UTF-8'
		'"urn:dev:os:32473-3",2001:db8:b::g,acme,7' '2:22: "vep" must be a unicast IPv6 address (not link-local), not "2001:db8:b::g"'
		'urn:dev:os:32473-1,2001:db8:c::1,acme,' '2: vep 2001:db8:c::1 of urn:dev:os:32473-1 is outside 2001:db8:b::/64, the prefix of vpc "acme"'
	)

	for ((at = 0; at < ${#bad[@]}; at += 2)); do # bats has an i of its own
		printf 'dev,vep,vpc,vlan\n%s\n' "${bad[at]}" >in
		run -2 --separate-stderr vnep-map import --format csv in
		[[ ${stderr%%$'\n'*} == "vnep-map: in:${bad[at + 1]}"* ]] || { echo "$stderr"; return 1; }
	done
	vnep-map list | cmp - before
	for header in 'dev,vep,dev:1:9: column "dev" is there twice' 'dev,vep,x:1:9: unknown column "x"' 'vep:1: the header needs the columns dev and vep'; do
		run -2 --separate-stderr vnep-map check --format csv <<<"${header%%:*}"
		[[ $stderr == "vnep-map: -:${header#*:}"* ]] || { echo "$stderr"; return 1; }
	done
}

@test "map: jq and sqlite3 read the lists as their own" {
	requires sqlite3
	{ echo '{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64"}'
		for i in {1..40}; do
			printf '{"type":"device","v":1,"dev":"urn:dev:mac:00005e0053%02x","vep":"2001:db8:b::%x","vpc":"acme","vlan":%d,"name":"d%d.example.","groups":["a","b"]}\n' $i $((i + 16)) $((i % 3 + 1)) $i
		done; } | vnep-map import -q
	vnep-map list --format csv >devices.csv
	sqlite3 -batch db '.mode csv' '.import devices.csv d'
	[ "$(sqlite3 db "select count(*), count(distinct vep) from d")" = "41|41" ]
	[ "$(sqlite3 db "select vlan, count(*) from d where vlan <> '' group by vlan order by vlan" | tr '\n' ' ')" = \
		"$(vnep-map list | jq -r 'select(.vlan).vlan' | sort | uniq -c | awk '{ printf "%s|%s ", $2, $1 }')" ]
	[ "$(sqlite3 db "select vep from d where name = 'd7.example.'")" = "$(vnep-map get d7.example | jq -r .vep)" ]
	# and what sqlite3 writes is an input again
	sqlite3 -batch -header -csv db 'select * from d' >again.csv
	run -0 --separate-stderr vnep-map import --format csv again.csv
	[[ $stderr == *"0 added, 0 changed, 0 deleted, 41 unchanged"* ]]
	vnep-map list | jq -c . | cmp - <(vnep-map list)
}
