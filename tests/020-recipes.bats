load helpers

# The examples that readers are told to type are run as they stand: in README the ```sh blocks below a line
# `<!-- test -->`, in manual pages the literal displays below a line `.\" test`. The blocks of one file run one
# after the other, in one scratch folder with one state folder, as a reader would type them.

# Block after block of README, with a line "##" behind each.
readme_blocks() {
	awk '/^<!-- test -->$/ { armed = 1; next }
		armed && /^```sh$/ { inside = 1; armed = 0; next }
		inside && /^```$/ { inside = 0; print "##"; next }
		inside { print; next }
		NF { armed = 0 }' "$1"
}

page_blocks() {
	awk '/^\.\\" test$/ { armed = 1; next }
		armed && /^\.Bd -literal/ { inside = 1; armed = 0; next }
		inside && /^\.Ed$/ { inside = 0; print "##"; next }
		inside { gsub(/\\e/, "\\"); gsub(/\\-/, "-"); gsub(/\\\(aq/, "\047"); gsub(/\\&/, ""); print }' "$1"
}

# Run each block, in the folder we are in; say which one failed.
run_blocks() {
	local block="" line count=0

	while IFS= read -r line; do
		if [[ $line != "##" ]]; then
			block+=$line$'\n'
			continue
		fi
		count=$(( count + 1 ))
		if ! bash -eu -o pipefail -c "$block" </dev/null >"$T/said" 2>&1; then
			printf 'this block failed:\n%s\nit said:\n' "$block"
			cat "$T/said"
			return 1
		fi
		block=""
	done
	(( count > 0 )) || { echo "no block is marked to be run"; return 1; }
	echo "$count blocks"
}

@test "recipes: the runner runs each marked block and no other" {
	printf '%s\n' '<!-- test -->' '```sh' 'echo 1 >>ran' '```' '```sh' 'echo 2 >>ran' '```' \
		'<!-- test -->' '' '```sh' 'echo 3 >>ran' '```' >doc.md
	readme_blocks doc.md >blocks
	run -0 run_blocks <blocks
	[ "$output" = "2 blocks" ]
	[ "$(paste -sd, ran)" = 1,3 ]
	printf '%s\n' '.\" test' '.Bd -literal' 'printf "a\en" >page' '.Ed' '.Bd -literal' 'false' '.Ed' >page.1
	page_blocks page.1 >blocks
	run -0 run_blocks <blocks
	[ "$(cat page)" = a ]
}

@test "recipes: the runner fails with the block that fails, and where nothing is marked" {
	printf '%s\n' 'true' '##' 'echo why; false | true' '##' >blocks
	run -1 run_blocks <blocks
	[[ $output == *"false | true"*"why"* ]]
	run -1 run_blocks </dev/null
}

@test "recipes: what README tells to type works" {
	readme_blocks "$ROOT/README.md" >blocks
	run_blocks <blocks
}

@test "recipes: what vnep(7) tells to type works" {
	page_blocks "$ROOT/man/vnep.7" >blocks
	run_blocks <blocks
}

@test "recipes: the marked examples of every other manual page work" {
	local page

	for page in "$ROOT"/man/*.[1-9]; do
		[[ ${page##*/} != vnep.7 ]] || continue
		grep -q '^\.\\" test$' "$page" || continue
		mkdir "${page##*/}"
		page_blocks "$page" >blocks
		( cd "${page##*/}" && VNEP_STATE=$PWD/state run_blocks ) <blocks
	done
}
