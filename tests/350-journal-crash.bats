load helpers
load journal

# The long forms are in tests/full: make check-full.

@test "journal: whatever a power cut leaves, what was acknowledged is there, and nothing else" {
	if sanitized; then
		skip "5,000 crash states take longer than a test may with AddressSanitizer"
	fi
	VNEP_BUILD=${VNEP_BIN%/bin} run -0 "$ROOT/tests/full/journal-crash.sh" 5000 10000
	echo "# ${lines[*]: -2}" >&3
	[[ $output == *"in all states=5000 violations=0"* ]]
	[[ ${lines[-1]} =~ seeded=([0-9]+)\ found=([0-9]+) ]]
	(( BASH_REMATCH[1] >= 8 && BASH_REMATCH[1] == BASH_REMATCH[2] ))
}

@test "journal: a flipped bit or a missing end is found and costs what it hit; no call that fails is acknowledged" {
	VNEP_BUILD=${VNEP_BIN%/bin} run -0 "$ROOT/tests/full/journal-rot.sh" 101
	echo "# ${lines[*]}" >&3
	[[ ${lines[0]} == "rot: "*" undetected=0 collateral=0 truncations="*" undetected=0" ]]
	[[ ${lines[1]} =~ points=([0-9]+)\ false-acks=0 ]]
	(( BASH_REMATCH[1] >= 100 ))
}

@test "journal: a power cut under its file system takes nothing that was acknowledged" {
	local out rc=0

	out=$(VNEP_BUILD=${VNEP_BIN%/bin} "$ROOT/tests/full/journal-power.sh" 4) || rc=$?
	(( rc != 77 )) || skip "${out#power-cuts: skipped: }"
	[ "$rc" -eq 0 ]
	mapfile -t lines <<<"$out"
	echo "# ${lines[-1]}" >&3
	[[ ${lines[-1]} == *" acked-lost=0 damaged=0" ]]
}
