load helpers

tools() {
	local tool

	for tool in "$VNEP_BIN"/vnep-*; do
		[[ -x $tool ]] && printf '%s\n' "${tool##*/}"
	done
}

page() {
	printf '%s\n' "$ROOT"/man/"$1".[18]
}

@test "man: every verb and option that a tool completes is in its page" {
	local tool verb option missing=0 text

	for tool in $(tools); do
		text=$(sed 's/\\-/-/g' "$(page "$tool")")
		while IFS=$'\t' read -r verb _; do
			grep -q "^\.It Cm $verb\b" <<<"$text" || { echo "$tool: verb $verb"; missing=1; }
			while IFS=$'\t' read -r option _; do
				option=${option#--}
				grep -Eq "^\.It .*Fl -${option%=}( |\$)" <<<"$text" ||
					{ echo "$tool $verb: --${option%=}"; missing=1; }
			done < <("$tool" --complete "$verb")
		done < <("$tool" --complete)
	done
	[ "$missing" -eq 0 ]
}

@test "man: every page passes mandoc's lint" {
	requires mandoc
	run -0 mandoc -T lint -W warning "$ROOT"/man/*.[1-9]
	[ -z "$output" ]
}

@test "man: every tool and every verb answers --help and --version with exit 0" {
	local tool verb

	for tool in $(tools); do
		run -0 --separate-stderr "$tool" --help
		run -0 --separate-stderr "$tool" --version
		[[ $output =~ ^$tool\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
		for verb in $("$tool" --complete | cut -f 1); do
			run -0 --separate-stderr "$tool" "$verb" --help
			[[ $output == "$tool $verb - "* ]]
			run -0 --separate-stderr "$tool" "$verb" --version
		done
	done
}

@test "man: the examples of vnep-map do what they say" {
	requires jq
	awk '/^\.Sh/ { ex = /EXAMPLES/ } /^\.Ed/ { on = 0 } ex && on { print } /^\.Bd/ { on = 1 }' \
		"$(page vnep-map)" >examples.sh
	run -0 --separate-stderr bash -euo pipefail examples.sh
	[[ $stderr == *"would be: 0 added, 0 changed, 0 deleted, 2 unchanged"* ]]
	run -0 vnep-map get lamp.iot.example
}
