load helpers

layers=(base value codec os run cli cmd)

setup() {
	vnep_setup
	cd "$ROOT"
}

# The layer of a public header: the folder its module lies in.
layer_of() {
	local file

	for file in lib/*/"$1".c lib/*/"$1"-*.c; do
		[[ ! -e $file ]] || { basename "$(dirname "$file")"; return; }
	done
	return 1
}

# "FILE LAYER HEADER LAYER_OF_HEADER" for each public header that a file of the tree includes; a layer is its rank,
# that of a public header the one of its module.
includes() {
	local header

	for header in include/vnep/*.h; do
		printf '%s %s\n' "$(basename "$header" .h)" "$(layer_of "$(basename "$header" .h)")"
	done >"$T/modules"
	awk -v layers="${layers[*]}" '
		BEGIN {
			n = split(layers, name, " ")
			for (i = 1; i <= n; i++)
				rank[name[i]] = i
		}
		FILENAME == ARGV[1] { of[$1] = rank[$2]; next }
		FNR == 1 {
			split(FILENAME, part, "/")
			layer = part[1] == "lib" ? rank[part[2]] : part[1] == "cmd" ? rank["cmd"] : 0
			if (part[1] == "include") {
				sub(/\.h$/, "", part[3])
				layer = of[part[3]]
			}
		}
		layer && match($0, /^#include "vnep\/[^"]*\.h"/) {
			header = substr($0, 16, RLENGTH - 18)
			print FILENAME, layer, header, of[header] + 0
		}' "$T/modules" lib/*/*.[ch] cmd/*/*.[ch] include/vnep/*.h
}

# The tools that the tree has.
tools() {
	local dir

	for dir in cmd/*/; do
		[[ ! -d $dir ]] || basename "$dir"
	done
}

page() {
	compgen -G "man/vnep-$1.[18]"
}

# "FILE LINE" pairs must be none: a list that should be empty, shown if it is not.
none() {
	[[ -z $1 ]] || { printf '%s:\n%s\n' "$2" "$1"; return 1; }
}

@test "tree: every public header has its module" {
	local header alone=""

	for header in include/vnep/*.h; do
		layer_of "$(basename "$header" .h)" >/dev/null || alone+="$header "
	done
	none "$alone" "headers without a file in lib"
}

@test "tree: includes point down only" {
	includes >"$T/includes"
	none "$(awk '$4 > $2 { print $1, "includes", $3 }' "$T/includes")" "includes that point up"
	[ "$(wc -l <"$T/includes")" -gt 10 ]
}

@test "tree: modules do not include each other in a circle" {
	includes | awk '{
		module = $1
		sub(/.*\//, "", module)
		sub(/[-.].*/, "", module)
		if ($1 !~ /^cmd/ && module != $3)
			print module, $3
	}' | sort -u >"$T/edges"
	run -0 tsort "$T/edges"
}

@test "tree: a header that is not public is included by its own folder only" {
	none "$(grep -nE '^#include "[^"]*/' lib/*/*.[ch] $(compgen -G 'cmd/*/*.[ch]') | grep -v '"vnep/')" \
		"includes of another folder's header"
}

@test "tree: each outside library is named in one module" {
	local library files wrong=""

	while read -r library files; do
		wrong+=$(grep -lE "^#include <$library" lib/*/*.[ch] include/vnep/*.h $(compgen -G 'cmd/*/*.[ch]') |
			grep -vE "^($files)$" | sed "s|\$| names $library|") || true
	done <<-'END'
		jansson\.h lib/codec/json(-[a-z]+)?\.[ch]
		lmdb\.h lib/os/(mapstore|journal)(-[a-z]+)?\.[ch]
		libmnl/ lib/os/(nl|rtnl|nft)(-[a-z]+)?\.[ch]
		pcap lib/os/capture(-[a-z]+)?\.[ch]
		ldns/ lib/os/dns(-[a-z]+)?\.[ch]
		uv\.h lib/(os|run)/loop(-[a-z]+)?\.[ch]
		zlib\.h lib/codec/crc32\.c
	END
	none "$wrong" "libraries named elsewhere"
}

@test "tree: the library neither prints, nor exits, nor reads the environment of a tool" {
	none "$(grep -nE '\b(printf|puts|perror|exit|abort)\(' lib/*/*.c |
		grep -vE '^lib/cli/|snprintf|vsnprintf|__attribute__|^[^:]*:[0-9]+:[[:space:]]*(/?\*|//)|_exit\(')" \
		"what only cmd and lib/cli may do"
}

@test "tree: nothing else lies at its top" {
	requires git
	git rev-parse >/dev/null 2>&1 || skip "not a git checkout"
	none "$(git ls-files | cut -d/ -f1 | sort -u | grep -vxE '\.ci|\.clang-format|\.gitignore|LICENSE|Makefile|README\.md|cmd|completions|examples|include|lib|man|tests')" \
		"files that do not belong at the top"
	for part in LICENSE Makefile README.md .ci/run include/vnep man tests; do
		[[ -e $part ]] || { echo "missing: $part"; false; }
	done
}

@test "tree: every tool has a manual page and completion" {
	local tool missing=""

	for tool in $(tools); do
		page "$tool" >/dev/null || missing+="man/vnep-$tool "
		grep -qE "^complete .*\bvnep-$tool\b" completions/vnep || missing+="completion of vnep-$tool "
	done
	none "$missing" "missing"
}

@test "tree: no two tests have the same title" {
	none "$(sed -n 's/^@test "\(.*\)" {$/\1/p' tests/*.bats | sort | uniq -d)" "titles used twice"
	none "$(sed -nE 's/^TEST\((".*")\)$/\1/p' $(compgen -G 'tests/unit/*.c') /dev/null | sort | uniq -d)" \
		"titles of unit tests used twice"
}

@test "tree: tests wait with a deadline and never sleep" {
	none "$(grep -nE '(^|[;&|({[:space:]])u?sleep([[:space:]]+[0-9.$"]|\()' tests/*.bats tests/*.bash tests/unit/*.c \
		$(compgen -G 'tests/tools/*.c'))" "sleeps"
}

# A test asserts by a test command, a `run` with its status, or a function of its file or of the helpers that does.
@test "tree: every test asserts something" {
	run -0 awk '
		function asserts(line, name) {
			if (line ~ /(^|[ \t(;|&])(\[|\[\[|\(\(|run (-[0-9]+|!)|stop -[0-9]+|json_equal|record|saw|good|balanced|wait_for|grep|diff|cmp|test)([ \t]|$)/)
				return 1
			for (name in checks)
				if (line ~ "(^|[ \t(;|&])" name "([ \t]|$)")
					return 1
			return 0
		}
		FNR == 1 { delete checks }
		/^[a-z_]+\(\) \{$/ { name = $1; sub(/\(.*/, "", name); next }
		/^@test / { title = FILENAME ": " $0; sound = 0; next }
		/^\}/ { if (title != "" && !sound) print title; title = name = ""; next }
		name != "" && asserts($0) { checks[name] = 1 }
		title != "" && asserts($0) { sound = 1 }' tests/*.bats
	none "$output" "tests that cannot fail"
}

@test "tree: no test relies on a status that nobody looks at" {
	none "$(grep -nE '^[[:space:]]*run ' tests/*.bats | grep -vE 'run (-[0-9]+|"-\$[a-z]+"|!)[[:space:]]')" \
		"run without the promised status"
	none "$(grep -nE '^[[:space:]]*! ' tests/*.bats)" "lines that begin with ! and never fail a test"
}

@test "tree: examples and tests use documentation addresses only" {
	none "$(grep -rnoiE '\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b' README.md man examples tests 2>/dev/null |
		grep -viE ':(00:00:5e:00:53:..|33:33:.*|ff:ff:ff:ff:ff:ff|00:00:00:00:00:00|0[12]:.*|aa:bb:cc:dd:ee:ff)$')" \
		"hardware addresses of somebody"
	none "$(grep -rnoiE '\b2(00[013-9a-f]|[0-9a-f]0[0-9a-f]{2}):[0-9a-f:]+' README.md man examples tests 2>/dev/null |
		grep -vi ':2001:db8:' | grep -vE ':20[0-9]{2}:[0-9]{2}')" "addresses of somebody"
}
