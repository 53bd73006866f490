load helpers

# A machine whose PATH has everything but the commands named, and an apt-get that only writes down what it
# was asked: machine_without CMD…
machine_without() {
	local cmd

	mkdir -p "$T/bin"
	for cmd in env bash sh cat gcc pkg-config bats jq ip unshare nft ethtool ping coap-server tshark \
		tcpdump ndisc6 xxd traceroute tracepath socat smcroutectl tcpreplay knotd kdig named nsupdate sqlite3 mkfs.ext4 mandoc ovs-vswitchd spin tmux strace systemd-analyze \
		shellcheck clang-format clang touch chmod; do
		ln -sf "$(type -P "$cmd" || type -P true)" "$T/bin/$cmd"
	done
	for cmd; do
		rm -f "$T/bin/$cmd"
	done
	printf '#!/bin/sh\necho "$*" >>%s/apt\n' "$T" >"$T/bin/apt-get"
	printf '#!/bin/sh\n[ "$1" != -n ] || shift\nexec "$@"\n' >"$T/bin/sudo"
	chmod +x "$T/bin/apt-get" "$T/bin/sudo"
}

# The script without its look into the system's own folders.
deps() {
	sed '/^PATH=/d' "$ROOT/.ci/deps" >"$T/deps"
	PATH=$T/bin bash "$T/deps" "$@" </dev/null
}

@test "deps: where all is there nothing is said and no network is asked" {
	machine_without
	run -0 deps build test lint
	[ -z "$output" ]
	[ ! -e "$T/apt" ]
}

@test "deps: what is missing is named with its reason, and installed" {
	machine_without jq ndisc6
	printf '#!/bin/sh\necho "$*" >>%s/apt\ncase $* in *install*) touch %s/bin/jq; chmod +x %s/bin/jq;; esac\n' \
		"$T" "$T" "$T" >"$T/bin/apt-get"
	run -0 deps
	[[ $output == *"jq "*"reads JSON records"* ]]
	[[ $(tail -n 1 "$T/apt") == *"install -y --no-install-recommends jq ndisc6" ]]
	[ "$(grep -c update "$T/apt")" = 1 ]
}

@test "deps: without something the tests can do without it goes on and says so" {
	machine_without ndisc6
	run -0 deps
	[[ $output == *"going on without: ndisc6"* ]]
}

@test "deps: without something needed it ends with 3" {
	machine_without jq
	run -3 deps
	[[ $output == *"cannot go on without: jq"* ]]
}

@test "deps: a package that cannot be had does not keep the others away" {
	machine_without jq ndisc6
	printf '#!/bin/sh\necho "$*" >>%s/apt\ncase $* in *ndisc6*) exit 100;; *jq*) touch %s/bin/jq; chmod +x %s/bin/jq;; esac\n' \
		"$T" "$T" "$T" >"$T/bin/apt-get"
	run -0 deps
	[[ $output == *"did not install ndisc6"* ]]
	[[ $output == *"going on without: ndisc6"* ]]
}

@test "deps: on another system the packages are named and it ends with 3" {
	machine_without jq apt-get
	rm "$T/bin/apt-get"
	run -3 deps
	[[ $output == *"this is no Debian or Ubuntu"* ]]
	[[ $output == *"cannot go on without: jq"* ]]
}

@test "deps: a word it does not know ends it with 2 and touches nothing" {
	machine_without jq
	run -2 deps everything
	[[ $output == *'unknown word "everything"'* ]]
	[ ! -e "$T/apt" ]
}

@test "doctor: each line is ok, a note or missing, and says what to do" {
	run -0 "$ROOT/.ci/doctor"
	for line in "${lines[@]:1}"; do
		[[ $line =~ ^(ok|note)\ +[^\ ] ]]
		[[ $line != note* || $line =~ \ \ [^\ ] ]]
	done
}

@test "doctor: without ip it says which package has it and ends with 1" {
	mkdir "$T/bin"
	for cmd in bash uname nproc id dirname sed mktemp rm df awk cat; do
		ln -s "$(type -P "$cmd")" "$T/bin/$cmd"
	done
	sed '/^PATH=/d' "$ROOT/.ci/doctor" >"$T/doctor"
	PATH=$T/bin run -1 bash "$T/doctor"
	[[ $output == *MISSING*iproute2*"apt-get install iproute2"* ]]
}

@test "install: what make install puts somewhere make uninstall takes away again" {
	requires make
	[ -d "$ROOT/cmd" ] || skip "no tools in this tree yet"
	make -s -C "$ROOT" BUILD="${VNEP_BIN%/bin}" DESTDIR="$T/root" PREFIX=/usr install
	[ -x "$T/root/usr/bin/vnep-map" ]
	[ -e "$T/root/usr/share/man/man7/vnep.7" ]
	[ -e "$T/root/usr/share/bash-completion/completions/vnep-map" ]
	[ -e "$T/root/usr/include/vnep/err.h" ]
	make -s -C "$ROOT" BUILD="${VNEP_BIN%/bin}" DESTDIR="$T/root" PREFIX=/usr uninstall
	[ -z "$(find "$T/root" -type f)" ]
}
