load helpers
load journal

# The long forms are in tests/full: make check-full.

@test "journal: whatever a power cut leaves, what was acknowledged is there, and nothing else" {
	VNEP_BUILD=${VNEP_BIN%/bin} run -0 "$ROOT/tests/full/journal-crash.sh" 5000 10000
	echo "# ${lines[*]: -2}" >&3
	[[ $output == *"in all states=5000 violations=0"* ]]
	[[ ${lines[-1]} =~ seeded=([0-9]+)\ found=([0-9]+) ]]
	(( BASH_REMATCH[1] >= 8 && BASH_REMATCH[1] == BASH_REMATCH[2] ))
}
