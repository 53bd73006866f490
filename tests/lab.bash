# lab - namespaces of a test's own, and hosts in them; part of helpers.bash.
#
#   dev0…devN --d0/acc0-- edge --up0/v0-- vpc         `dev` is another name of dev0
#
# Port N: device link dN (00:00:5e:00:53:01, then :11, :12, …; 2001:db8:a::2, ::3, …; default route by fe80::1),
# access port accN (…:fe, then :f1, :f2, …). VPC: v0 (…:02, 2001:db8:b::2/64), core port up0 (…:fd).
# Nobody here knows where a virtual endpoint is or who fe80::1 is: answering that is the edge's work.
# Processes in these namespaces end with the test, also those that nobody stopped.
#
# nobody_listens NETNS ADDRESS sends by socat(1) to where nobody listens, and waits until that is what it is told.
#
# lab_tagged adds hosts in VLANs, each in a namespace and behind a link of its own name, which vlan-tap joins to dN or v0
# (no kernel needs 8021q for it; VLAN 0 is no tag):
#
#   t101, t102   VLAN 101 and 102 behind d0: 00:00:5e:00:53:21 and :22, and both call themselves 2001:db8:a::2
#   c900, c901   VLAN 900 and 901 behind v0: 00:00:5e:00:53:29 and :2a; 2001:db8:b::2/64 and 2001:db8:c::2/64

NS_PID=

# Where users may not make user namespaces, root does without.
ns_start() {
	[[ -z $NS_PID ]] || return 0
	ns_hold -Urnm -U --preserve-credentials -m || ns_hold -nm -m || skip "no namespaces here: \
allow them (sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000 \
kernel.apparmor_restrict_unprivileged_userns=0) or run as root"
}

# The holder keeps the namespaces alive; it ends when its standard input does, that is with the test's shell.
ns_hold() {
	local ready=

	coproc NS_HOLDER {
		exec unshare "$1" bash -c 'mount -t tmpfs none /run && mkdir /run/netns &&
			ip link set lo up && echo ready && exec cat' 2>>"$T/ns.err" 3>&- 4>&-
	}
	NS_PID=$NS_HOLDER_PID
	read -rt 10 -u "${NS_HOLDER[0]}" ready || true
	if [[ $ready == ready ]]; then
		NS_ENTER=("${@:2}")
		return 0
	fi
	kill -KILL "$NS_PID" 2>/dev/null || true
	wait "$NS_PID" 2>/dev/null || true
	NS_PID=
	return 1
}

# Every process that lives in a network namespace of ours, then the holder. A shell of its own does it,
# because bats traces each command of this one (a scan of 100 processes took 250 ms).
ns_stop() {
	[[ -n $NS_PID ]] || return 0
	bash -c '
		for process in /proc/[0-9]*; do
			[[ $process != "/proc/$1" ]] || continue
			for net in "/proc/$1/ns/net" "/proc/$1/root/run/netns/"*; do
				[[ $process/ns/net -ef $net ]] || continue
				kill -KILL "${process#/proc/}"
				break
			done
		done' ns_stop "$NS_PID" 2>/dev/null || true
	kill -KILL "$NS_PID" 2>/dev/null || true
	wait "$NS_PID" 2>/dev/null || true
	NS_PID=
}

ns() {
	${NS_EXEC:-} nsenter -t "$NS_PID" "${NS_ENTER[@]}" -n -- env -C "$PWD" "$@"
}

netns() {
	local net=/proc/$NS_PID/root/run/netns/$1

	shift
	${NS_EXEC:-} nsenter -t "$NS_PID" "${NS_ENTER[@]}" --net="$net" -- env -C "$PWD" "$@"
}

# Build the hosts, with PORTS access ports (default 1, at most 9).
lab() {
	ns_start
	ns bash "$ROOT/tests/lab-hosts" "${1:-1}"
	wait_for 5 lab_carrier
}

# The kernel tells of a carrier a little after both ends are up.
lab_carrier() {
	[[ $(ns ip -n edge link show) != *NO-CARRIER* ]]
}

# lab, and hosts in VLANs.
lab_tagged() {
	lab "${1:-1}"
	lab_taps <<-'END'
		t101 dev0 101 00:00:5e:00:53:21 2001:db8:a::2/64
		t102 dev0 102 00:00:5e:00:53:22 2001:db8:a::2/64
		c900 vpc 900 00:00:5e:00:53:29 2001:db8:b::2/64
		c901 vpc 901 00:00:5e:00:53:2a 2001:db8:c::2/64
	END
}

# More of them, from lines "NAME HOST VLAN MAC ADDRESS": behind the link of HOST (devN or vpc), "-" is no address.
lab_taps() {
	local lines name host vlan rest

	ns test -w /dev/net/tun || skip "no TUN here: modprobe tun, and /dev/net/tun writable"
	lines=$(cat)
	while read -r name host vlan rest; do
		background "tap-$name" netns "$host" vlan-tap "$(lab_link "$host")" "$vlan" "$name"
	done <<<"$lines"
	while read -r name rest; do
		wait_for 5 grep -q ready "$T/tap-$name.out"
	done <<<"$lines"
	ns bash "$ROOT/tests/lab-hosts" taps <<<"$lines"
}

lab_link() {
	if [[ $1 == vpc ]]; then echo v0; else echo "d${1#dev}"; fi
}

# The journal port by hand, for tests of what reads it: the tools that need it make it themselves.
lab_journal_port() {
	ns ip -n edge link add vnep-j0 type veth peer name vnep-j1
	netns edge sh -c 'for x in vnep-j0 vnep-j1; do
		echo 1 >/proc/sys/net/ipv6/conf/$x/disable_ipv6; ip link set $x up; done
		ethtool -K vnep-j0 tx off sg off tso off gso off >/dev/null'
}

# nobody_listens NETNS SOCAT-ADDRESS: a datagram to where nobody listens is answered by an error that reaches the sender's socket.
# Asked again until it is: hosts send only some errors a second.
nobody_listens() {
	requires socat
	wait_for 10 told_so "$@"
}

told_so() {
	run -1 --separate-stderr netns "$1" sh -c "echo x | socat -t 3 - '$2'"
	[[ $stderr == *"Connection refused"* ]]
}
