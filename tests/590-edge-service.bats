load helpers
load edge
load path
load wire

# vnep-edge as a service: what it tells its manager, its numbers, and a configuration that changes under traffic.

config() {
	cat >"$T/edge.conf"
}

dropin() {
	mkdir -p "$T/edge.conf.d"
	cat >"$T/edge.conf.d/$1"
}

# Two access ports and the core, from the file: start [ARG...]
start() {
	config <<-'END'
		[edge]
		name = test
		[ports]
		access = acc0, acc1
		core = up0
	END
	background edge netns edge vnep-edge run -c "$T/edge.conf" "$@"
	wait_for 10 vnep-edge status
	background watch vnep-edge watch
	wait_for 5 told '.type == "sync"'
}

value() {
	vnep-edge metrics | awk -v name="$1" '$1 == name { print $2 }'
}

@test "drop-ins: each over what was read before, in the order of their names; lists add up" {
	ns_start
	ns ip link add acc0 type veth peer name up0
	ns ip link add acc1 type veth peer name acc2
	config <<<"access = acc0
core = nosuch0
set-size = 2048"
	dropin 20-core.conf <<<"core = up0"
	dropin 10-wrong.conf <<<"core = nosuch1
access = acc1"
	dropin .hidden.conf <<<"core = nosuch2"
	dropin README <<<"not a configuration"
	run -0 --separate-stderr ns vnep-edge check -c edge.conf
	[[ $stderr == "vnep-edge: good: 2 access ports, core port up0" ]]
	dropin 30-fewer.conf <<<"access =
access = acc2"
	run -0 --separate-stderr ns vnep-edge check -c edge.conf
	[[ $stderr == "vnep-edge: good: 1 access ports, core port up0" ]]
}

@test "drop-ins: a mistake is told with the file where it stands" {
	config <<<"access = acc0
core = up0"
	dropin a.conf <<<"retain-age = soon"
	dropin b.conf <<<"
acces = acc1"
	run -2 --separate-stderr vnep-edge check -c edge.conf
	[[ $stderr == *"edge.conf.d/a.conf:1: "* && $stderr == *'edge.conf.d/b.conf:2: unknown key "acces" (did you mean "access"?)'* ]]
	run -2 --separate-stderr vnep-edge run -c edge.conf
	[[ $stderr == *"edge.conf.d/a.conf:1: "* ]]
}

@test "service: the manager hears of ready, alive, reloading and stopping, and how it goes" {
	requires socat
	lab 2
	edge_map
	background manager socat -u "UNIX-RECV:$T/notify" -
	wait_for 5 test -S "$T/notify"
	export NOTIFY_SOCKET=$T/notify WATCHDOG_USEC=600000
	start
	unset NOTIFY_SOCKET WATCHDOG_USEC
	says() { grep -q "$1" "$T/manager.out"; }
	wait_for 5 says '^READY=1'
	wait_for 5 says '^WATCHDOG=1'
	speak 0
	wait_for 5 says 'STATUS=1 awake, 0 waking, 0 asleep; 0 packets pending'
	kill -HUP "${PIDS[edge]}"
	wait_for 5 says '^MONOTONIC_USEC='
	vnep-edge stop
	wait_for 5 says 'STOPPING=1'
	run -0 grep -aoE '(READY|RELOADING|STOPPING)=1' "$T/manager.out"
	[[ ${lines[*]} == "READY=1 RELOADING=1 READY=1 STOPPING=1" ]]
}

@test "reload: limits are others at once, and who is awake loses nothing" {
	local i

	lab 2
	edge_map
	start
	speak 1
	wait_for 5 state_is "$DEV1" awake
	for i in {1..12}; do
		say_to "$V0" "packet $i"
	done
	wait_for 5 pending_is "$DEV0" 12
	background ping netns vpc ping -i 0.02 -c 200 -W 5 "$V1"
	dropin limits.conf <<<"[journal]
retain-packets = 2
retain-every = 1s"
	run -0 --separate-stderr vnep-edge reload
	[[ -z $output && -z $stderr ]]
	wait_for 10 pending_is "$DEV0" 2
	rm "$T/edge.conf.d/limits.conf"
	kill -HUP "${PIDS[edge]}"
	wait "${PIDS[ping]}"
	grep -q ' 200 received, 0% packet loss' "$T/ping.out"
	balanced
	jq -e '.dropped["dl-buffering-packet-count"] == 10' "$T/status"
}

@test "reload: advertisements come, change and take their leave" {
	requires rdisc6 ndisc6
	lab 2
	edge_map
	start
	dropin ra.conf <<<"advertise = acc0 2001:db8:a::/64 lifetime_s=900 interval_s=300
advertise = acc0 2001:db8:c::/64"
	sed -i 's/c::.64/& lifetime_s=900 interval_s=300/' "$T/edge.conf.d/ra.conf"
	run -0 vnep-edge reload
	run -0 netns dev0 rdisc6 -1 -r 5 -w 2000 d0
	[[ $output == *"2001:db8:a::/64"* && $output == *"2001:db8:c::/64"* ]]
	background heard netns dev0 timeout 20 tshark -l -i d0 -f 'icmp6[0] == 134' -T fields \
		-e icmpv6.nd.ra.router_lifetime -e icmpv6.opt.prefix -e icmpv6.opt.prefix.preferred_lifetime
	wait_for 30 grep -q 'Capture started' "$T/heard.err"
	sed -i /c::/d "$T/edge.conf.d/ra.conf"
	run -0 vnep-edge reload
	wait_for 10 grep -q $'^900\t2001:db8:c::\t0$' "$T/heard.out"
	rm "$T/edge.conf.d/ra.conf"
	run -0 vnep-edge reload
	wait_for 10 grep -q $'^0\t2001:db8:a::\t0$' "$T/heard.out"
	balanced
}

@test "reload: what cannot change is said and stays, the rest is taken; mistakes change nothing" {
	lab 2
	edge_map
	start
	dropin x.conf <<<"region = far
segment-octets = 2M
retain-packets = 1
retain-every = 1s"
	say_to "$V0" one
	say_to "$V0" two
	wait_for 5 pending_is "$DEV0" 2
	run -1 --separate-stderr vnep-edge reload
	[[ $stderr == *"region cannot change while the edge runs"*"segment-octets cannot change"*"restart vnep-edge"* ]]
	wait_for 10 pending_is "$DEV0" 1
	run -0 vnep-edge status "$DEV0"
	[[ $(jq -r .region <<<"$output") == local ]]
	dropin y.conf <<<"retain-packets = some"
	dropin x.conf <<<"retain-packets = 7"
	run -2 --separate-stderr vnep-edge reload
	[[ $stderr == *"y.conf:1: "* ]]
	rm "$T/edge.conf.d/y.conf" "$T/edge.conf"
	run -3 --separate-stderr vnep-edge reload
	[[ $stderr == *"cannot read $T/edge.conf"* ]]
	say_to "$V0" three
	wait_for 10 told '.outcome == "superseded" or .outcome == "expired" or .outcome == "failed"'
	wait_for 10 pending_is "$DEV0" 1
	balanced
}

@test "reload: what is advertised on a port that is not open yet, or on the core port, waits for the restart" {
	requires tshark
	lab 2
	edge_map
	start
	capture core vpc v0
	config <<-'END'
		name = test
		access = acc0, acc1, acc9
		core = up0
		advertise = acc9 2001:db8:c::/64
		mld = acc0 acc9
		retain-packets = 3
	END
	run -1 --separate-stderr vnep-edge reload
	[[ $stderr == *"access cannot change"*"advertise: acc9 is no access port of the edge that runs"*"mld: acc9 is no access port of the edge that runs"* ]]
	config <<-'END'
		name = test
		access = up0, acc1
		core = acc0
		advertise = up0 2001:db8:c::/64
	END
	run -1 --separate-stderr vnep-edge reload
	[[ $stderr == *"advertise: up0 is no access port"* ]]
	speak 1 # whatever came before is captured by now
	captured core
	good core 0 'icmpv6.type == 134' +1 'icmpv6.type == 128'
}

@test "metrics: OpenMetrics as Prometheus' own reader takes it, with the numbers of status" {
	requires /usr/bin/python3 python3
	/usr/bin/python3 -c 'import prometheus_client' 2>/dev/null || skip "prometheus_client is missing: apt-get install python3-prometheus-client"
	lab 2
	edge_map
	start
	speak 1
	netns dev1 ping -q -c 1 -W 1 2001:db8:dead::1 || true # policy-denied
	say_to "$V0" waits
	wait_for 5 pending_is "$DEV0" 1
	vnep-edge metrics >"$T/metrics"
	vnep-edge status >"$T/status"
	/usr/bin/python3 - "$T/metrics" "$T/status" <<-'END'
		import json, sys
		from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
		families = {f.name: f for f in parse(open(sys.argv[1]).read())}
		status = json.load(open(sys.argv[2]))
		def of(family, **labels):
		    return [s.value for s in families[family].samples if s.labels == labels][0]
		assert all(f.documentation for f in families.values()), "help"
		assert of("vnep_pending_frames") == status["pending"] == 1
		assert of("vnep_frames", term="arrived") == status["arrived"] > 3
		assert of("vnep_frames", term="answered") == status["answered"]
		for reason, n in status["dropped"].items():
		    assert of("vnep_dropped_frames", reason=reason) == n
		assert of("vnep_unaccounted_frames") == 0
		assert of("vnep_devices", state="awake") == 1 and of("vnep_map_devices") == 3
		assert of("vnep_port_up", port="up0") == 1
		assert families["vnep_frames"].type == "counter"
	END
	if type -P promtool >/dev/null; then
		promtool check metrics <"$T/metrics"
	fi
	vnep-edge stop
	run -5 --separate-stderr vnep-edge metrics
	[[ -z $output ]]
}

@test "top: once as text; without a terminal it says so" {
	lab 2
	edge_map
	start
	speak 1
	say_to "$V0" waits
	wait_for 5 pending_is "$DEV0" 1
	run -0 vnep-edge top --once
	[[ $output == *"devices  1 awake, 0 waking, 0 asleep; 3 in the map"* ]]
	[[ $output == *"ports    acc0 up acc1 up up0 up"*"backlog  1 pending"* ]]
	[[ $output =~ difference\ +0 ]]
	run -2 --separate-stderr vnep-edge top
	[[ $stderr == *"top needs a terminal"*"--once"* ]]
	run -2 vnep-edge top --once --every 1ms
	requires script bsdutils
	if sanitized; then skip "curses keeps what it made for a terminal that it does not know"; fi
	run -2 env TERM=nosuch script -qec "vnep-edge top" /dev/null
	[[ $output == *'terminal "nosuch" is not known here'* ]]
}

@test "top: a screen of 80 by 24 that follows, survives a restart of the edge, and ends with q" {
	requires tmux
	lab 2
	edge_map
	start
	screen() { tmux -S "$T/tmux" capture-pane -p -t top; }
	shows() { [[ $(screen) =~ $1 ]]; }
	tmux -S "$T/tmux" -f /dev/null new-session -d -s top -x 80 -y 24 \
		"vnep-edge top --every 200ms; echo ended with \$?; exec cat" 3>&- </dev/null >/dev/null 2>&1
	wait_for 10 shows 'devices  0 awake'
	say_to "$V0" waits
	wait_for 10 shows 'backlog  1 pending'
	background flood netns dev1 ping -q -i 0.01 -c 1000 -W 1 2001:db8:dead::1
	wait_for 10 shows 'no-next-hop|policy-denied'
	[ "$(screen | wc -l)" -le 24 ]
	[[ $(screen) =~ difference\ +0 ]]
	vnep-edge stop
	wait_for 10 shows 'no answer: '
	start
	wait_for 10 shows 'q: quit *$'
	tmux -S "$T/tmux" send-keys -t top q
	wait_for 10 shows 'ended with 0'
	tmux -S "$T/tmux" kill-server
}
