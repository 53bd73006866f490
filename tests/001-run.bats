load helpers

# A tree with nothing but the runner and the test files given: tree NAME=BODY… (`%test` for `@test`, which
# bats would take for a test of this file).
tree() {
	local file

	mkdir -p "$T/tree/tests/unit" "$T/tree/build/tests"
	cp "$ROOT/tests/run" "$T/tree/tests/run"
	for file; do
		printf '%s\n' "${file#*=}" | sed 's/^%/@/' >"$T/tree/tests/${file%%=*}"
	done
}

# A unit test that is built already, as a script: unit NAME BODY
unit() {
	touch "$T/tree/tests/unit/$1.c"
	printf '#!/bin/sh\n%s\n' "$2" >"$T/tree/build/tests/$1"
	chmod +x "$T/tree/build/tests/$1"
}

run_tree() {
	env -u VNEP_BUILD -u BATS_TEST_TMPDIR -u BATS_RUN_TMPDIR -u BATS_TMPDIR "$T/tree/tests/run" "$@"
}

last_line() {
	[[ ${lines[-1]} == "$1" ]] || { printf 'last line: %s\n' "${lines[-1]}"; return 1; }
}

@test "run: what passes, fails and is skipped is counted in the last line" {
	tree '100-a.bats=%test "good" { true; }
%test "bad" { echo a word on it; false; }
%test "left out" { skip "no such kernel"; }'
	unit test-x 'echo "ok 1 - one"; echo "ok 2 - two"; echo 1..2'
	run -1 run_tree
	last_line "3 passed, 1 failed, 1 skipped"
}

@test "run: a failure is shown in full and a skip with its reason" {
	tree '100-a.bats=%test "bad" { echo a word on it; false; }
%test "left out" { skip "no such kernel"; }'
	run -1 run_tree
	[[ $output == *"FAILED  tests/100-a.bats: bad"*"a word on it"* ]]
	[[ $output == *"skipped  left out: no such kernel"* ]]
}

@test "run: what a unit test said before it failed is shown" {
	tree
	unit test-x 'echo "# x.c:7: 1 == 2"; echo "not ok 1 - sums"; echo 1..1; exit 1'
	run -1 run_tree
	[[ $output == *"test-x: sums"*"x.c:7: 1 == 2"* ]]
	last_line "0 passed, 1 failed, 0 skipped"
}

@test "run: a unit test that dies is a failure" {
	tree
	unit test-x 'echo "ok 1 - one"; kill -SEGV $$'
	run -1 run_tree
	[[ $output == *"ended without a plan, status 139"* ]]
	last_line "1 passed, 1 failed, 0 skipped"
}

@test "run: a unit test that was not built is a failure" {
	tree
	touch "$T/tree/tests/unit/test-y.c"
	run -1 run_tree
	last_line "0 passed, 1 failed, 0 skipped"
}

@test "run: a file that reports fewer tests than it planned is a failure" {
	tree
	unit test-x 'echo 1..3; echo "ok 1 - one"'
	run -1 run_tree
	[[ $output == *"2 of 3 tests did not report"* ]]
}

@test "run: a file that passes and ends with a status is a failure" {
	tree
	unit test-x 'echo 1..1; echo "ok 1 - one"; exit 99'
	run -1 run_tree
	last_line "1 passed, 1 failed, 0 skipped"
}

@test "run: a file that hangs is ended at its deadline and is a failure" {
	tree '100-a.bats=%test "stuck" { tail -f /dev/null; }'
	DEADLINE=1 run -1 run_tree
	[[ $output == *"not done after 1 s"* ]]
}

@test "run: a bats file that cannot be read is a failure" {
	tree '100-a.bats=%test "x" { if; }'
	run -1 run_tree
	[[ ${lines[-1]} == "0 passed, "[1-9]*" failed, 0 skipped" ]]
}

@test "run: files are shown in their order, whichever ends first" {
	tree '100-slow.bats=%test "slow" { read -t 0.5 <> <(:) || true; }' '200-fast.bats=%test "fast" { true; }'
	run -0 run_tree
	[[ ${lines[0]} == *100-slow.bats* && ${lines[1]} == *200-fast.bats* ]]
}

@test "run: a pattern chooses files, and one that matches nothing is an error" {
	tree '100-a.bats=%test "a" { true; }' '200-b.bats=%test "b" { true; }'
	run -0 run_tree b.bats
	last_line "1 passed, 0 failed, 0 skipped"
	run -0 run_tree tests/100-a.bats
	last_line "1 passed, 0 failed, 0 skipped"
	run -1 run_tree nothing-like-it
	[[ $output == *"no test file has a name with: nothing-like-it"* ]]
}

@test "run: nothing but skips is not a success" {
	tree '100-a.bats=%test "left out" { skip "no such kernel"; }'
	run -1 run_tree
	last_line "0 passed, 0 failed, 1 skipped"
}
