load helpers

setup() {
	vnep_setup
	requires tshark
	vnep-map import -q - <<-'END'
		{"type":"device","v":1,"dev":"urn:dev:mac:00005efffe005301","vep":"2001:db8:b::77","mac":"00:00:5e:00:53:01","port":"acc0","vlan":101,"addr":["2001:db8:a::1","2001:db8:a::2"]}
	END
	frames udp6 - 00:00:5e:00:53:02 02:00:07:00:01:02 2001:db8:b::2 2001:db8:b::77 40000 9 p 4 |
		while read -r hex; do xxd -r -p <<<"$hex" | base64 -w0; echo; done |
		jq -Rc '{type:"event",v:1,dev:"urn:dev:mac:00005efffe005301",seq:input_line_number,
			us:(1767323045000000 + 250000 * input_line_number),kind:"data",direction:"to-device",
			frame:.}' >e.jsonl
}

fields() {
	tshark -r "$1" -o udp.check_checksum:TRUE -T fields "${@:2}" 2>/dev/null
}

@test "replay plan: what would be sent, as pcapng: addresses, VLAN, MACs, hop limit, checksums" {
	run -0 --separate-stderr vnep-replay plan -w plan.pcapng e.jsonl
	[ -z "$output" ]
	[[ $stderr == *"port acc0 is not on this machine"* ]]
	run -0 fields plan.pcapng -e frame.interface_name -e eth.dst -e vlan.id -e ipv6.dst -e ipv6.hlim \
		-e udp.checksum.status
	[ "${#lines[@]}" -eq 4 ]
	for line in "${lines[@]}"; do
		[ "$line" = "$(printf 'urn:dev:mac:00005efffe005301\t00:00:5e:00:53:01\t101\t2001:db8:a::2\t63\t1')" ]
	done
	[ ! -e plan.pcapng.part ]
}

@test "replay plan: to standard output it is the same bytes for any program that reads pcapng" {
	vnep-replay plan -q e.jsonl >plan.pcapng
	run -0 fields plan.pcapng -e udp.payload
	[ "$output" = "$(for n in 1 2 3 4; do printf 'p %d' $n | xxd -p; done)" ]
}

@test "replay plan: the times are those of the pace" {
	vnep-replay plan -q -w a e.jsonl --as-recorded
	[ "$(fields a -e frame.time_relative)" = "$(printf '%s\n' 0.000000000 0.250000000 0.500000000 0.750000000)" ]
	vnep-replay plan -q -w b e.jsonl --speed 2.5
	[ "$(fields b -e frame.time_relative)" = "$(printf '%s\n' 0.000000000 0.100000000 0.200000000 0.300000000)" ]
	vnep-replay plan -q -w c e.jsonl --pps 4
	[ "$(fields c -e frame.time_relative)" = "$(printf '%s\n' 0.000000000 0.250000000 0.500000000 0.750000000)" ]
	# a clock that went back: order counts, nobody waits
	tac e.jsonl | vnep-replay plan -q -w e --as-recorded
	[ "$(fields e -e frame.time_relative | sort -u)" = 0.000000000 ]
	# the frames have 66 octets and a tag: 560 bits
	vnep-replay plan -q -w d e.jsonl --bps 560
	[ "$(fields d -e frame.len -e frame.time_relative | tail -n 1)" = "$(printf '69\t2.957142857')" ]
}

@test "replay plan: needs no privilege, and what is refused goes to standard error alone" {
	jq -c 'if .seq == 2 then .dev = "urn:dev:mac:00005efffe0053ff" else . end' e.jsonl >f.jsonl
	run -1 --separate-stderr without_caps vnep-replay plan -w plan.pcapng f.jsonl
	[ -z "$output" ]
	[[ $stderr == *"f.jsonl:2: urn:dev:mac:00005efffe0053ff: event 2 not sent: no-mapping"* ]]
	[ "$(fields plan.pcapng -e frame.number | wc -l)" -eq 3 ]
}

@test "replay plan: a plan can be planned again, and a folder that is not there leaves nothing behind" {
	vnep-replay plan -q -w a e.jsonl
	run -0 --separate-stderr vnep-replay plan --raw -r a --to-mac 00:00:5e:00:53:07
	vnep-replay plan --raw -r a --to-mac 00:00:5e:00:53:07 >b
	[ "$(fields b -e eth.dst | sort -u)" = 00:00:5e:00:53:07 ]
	run -3 --separate-stderr vnep-replay plan -q -w nosuch/plan e.jsonl
	[[ $stderr == *"cannot write nosuch/plan"* ]]
}

@test "replay plan: a full disk ends it with exit 3" {
	run -3 --separate-stderr sh -c 'vnep-replay plan -q e.jsonl >/dev/full'
	[[ $stderr == *"No space left"* ]]
}
