load helpers
load journal

# bounded COMMAND…: with at most 64 MiB of memory of its own (what LMDB maps is the file's)
bounded() {
	local octets=65536

	if sanitized; then
		octets=unlimited # its shadow counts as data: only crashes are looked for
	fi
	bash -c 'ulimit -d "$1" && shift && exec "$@"' bounded "$octets" "$@"
}

@test "journal record: a capture of another link type, or that is none, is refused by name, and nothing is made" {
	import_map
	hostile link >in
	run -2 --separate-stderr vnep-journal record -r in
	[[ $stderr == *"link type RAW (12): only Ethernet is read"* || $stderr == *"link type RAW"* ]]
	head -c 10 in >cut
	run -2 --separate-stderr vnep-journal record -r cut
	[[ $stderr == *"cut: not a capture file"* ]]
	: >empty
	run -2 vnep-journal record -r empty
	[ ! -e "$VNEP_STATE/journal" ]
}

@test "journal record: lengths and times that cannot be true end the run there, with what came before kept" {
	import_map
	hostile length >in
	run -2 --separate-stderr bounded vnep-journal record -r in
	[[ $stderr == *"in: packet 2: "* ]]
	[ "$(counted events)" = 1 ]
	hostile block >in
	run -2 --separate-stderr bounded vnep-journal record -r in
	[[ $stderr == *"in: "* ]]
	hostile time >in
	run -2 --separate-stderr bounded vnep-journal record -r in
	[[ $stderr == *"in: packet 1: its time cannot be true"* ]]
	[ "$(counted events)" = 1 ]
}

@test "journal record: 100,000 interfaces take little memory, and the packet of the last one is read" {
	import_map
	hostile interfaces 100000 >in
	run -0 --separate-stderr bounded vnep-journal record -r in
	[[ $stderr == *"1 frames: 1 events "* ]]
}

@test "journal record: packets of 200,000 strangers take little memory, and make no devices" {
	import_map
	hostile strangers 200000 >in
	run -0 --separate-stderr bounded vnep-journal record -r in
	[[ $stderr == *"200000 frames: 200000 events (0 pending"* ]]
	[ "$(counted devices)" = 1 ]
	run -0 vnep-journal verify
}

@test "journal append: 100,000 devices, each new, take little memory" {
	awk 'BEGIN { for (i = 0; i < 100000; i++)
		printf "{\"type\":\"event\",\"v\":1,\"dev\":\"urn:dev:os:32473-%d\",\"kind\":\"note\"}\n", i }' >in
	run -0 bounded vnep-journal append -q <in
	[ "$(counted devices)" = 100000 ]
}

@test "journal record: every truncation of a capture is read up to its last whole packet" {
	local size n rc

	import_map
	hostile strangers 4 >in
	size=$(stat -c %s in)
	for (( n = 0; n < size; n += 13 )); do
		head -c "$n" in >cut
		rc=2
		(( n < 24 || (n - 24) % 86 )) || rc=0
		run "-$rc" --separate-stderr vnep-journal record -r cut
		[ -n "$stderr" ]
	done
	run -0 vnep-journal verify
}
