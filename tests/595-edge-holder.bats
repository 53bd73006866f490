load helpers
load edge

# The holder keeps the ring, so that a worker that dies loses nothing: numbered packets to a sleeper while it is killed.

# readies: so often a worker was ready.
readies() {
	grep -c "^vnep-edge: ready:" "$T/edge.err"
}

ready_again() {
	(( $(readies) > $1 ))
}

kill_worker() {
	local before

	before=$(readies)
	kill -KILL "$(worker)"
	wait_for 10 ready_again "$before"
}

# Beside it what is only answered, and in no journal: 200 pings a second of the router.
answers() {
	background ping netns dev0 ping -i 0.005 -W 1 fe80::1%d0
}

# A kill may have at most 32 of them answered twice, and loses none: the ledger has them, and who asked has its answer.
answered_once() {
	local line

	stop ping INT
	line=$(tail -n 4 "$T/ping.out" | grep transmitted)
	echo "# $line" >&3
	[[ $line =~ ^([0-9]+)\ packets\ transmitted,\ ([0-9]+)\ received,\ (\+([0-9]+)\ duplicates)? ]]
	(( BASH_REMATCH[1] - BASH_REMATCH[2] <= 1 ))
	(( ${BASH_REMATCH[4]:-0} <= 32 * $1 ))
	balanced
	jq -e '(.dropped.overrun // 0) == 0' "$T/status"
}

@test "holder: a worker that is killed under traffic loses nothing, stores nothing twice, and is not missed" {
	local kills=0

	lab
	sleeper
	edge_start
	sender "$([[ -z ${VNEP_FULL:-} ]] && echo 4 || echo 60)" 1000
	answers
	until grep -q '^sent' "$T/sender.out"; do
		kill_worker
		kills=$(( kills + 1 ))
	done
	all_there "kills=$kills"
	(( kills > 2 ))
	answered_once "$kills"
	# the one that was started is still the same
	kill -0 "${PIDS[edge]}"
	grep -q "was killed by signal 9 (KILL): a new one goes on" "$T/edge.err"
}

@test "holder: what is only answered is in no journal, and is counted all the same" {
	requires socat
	local kills

	lab
	edge_map
	edge_start
	say_to "$V1" "the ledger is in the journal from here on"
	wait_for 5 pending_is "$V1" 1
	answers
	for kills in 1 2 3; do
		kill_worker
		wait_for 5 pinged
	done
	answered_once "$kills"
	jq -e --argjson least "$(grep -c "time=" "$T/ping.out")" '.answered >= $least' "$T/status"
}

# So many lines more than before: some pings were answered since the kill.
pinged() {
	local lines

	lines=$(grep -c "time=" "$T/ping.out")
	if (( lines < ${PINGED:-0} + 20 )); then
		return 1
	fi
	PINGED=$lines
}

# The calls that the worker makes under traffic: it is killed at the entry of the Nth one of each, that is in every state that
# it can leave to the next one between two calls.
calls() {
	local pid

	pid=$(worker)
	background strace netns edge timeout -s INT 1 strace -qq -f -c -U name -p "$pid" -o "$T/calls"
	wait "${PIDS[strace]}" || true
	awk '$1 ~ /^[a-z_0-9]+$/ && $1 !~ /^(name|syscall|total|restart_syscall|exit|exit_group)$/ { print $1 }' "$T/calls"
}

# killed_at CALL N: 0, or 1: it did not make that many within a second.
killed_at() {
	local pid before

	pid=$(worker) before=$(readies)
	background strace netns edge timeout -s INT 1 strace -qq -f -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" -p "$pid"
	wait "${PIDS[strace]}" || true
	if kill -0 "$pid" 2>/dev/null; then
		return 1
	fi
	wait_for 10 ready_again "$before"
}

# The same in the start of a new worker. Only calls that the holder does not make.
killed_at_start() {
	local before deaths

	before=$(readies) deaths=$(deaths)
	background strace netns edge strace -qq -f -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" -p "${PIDS[edge]}"
	wait_for 5 grep -q '^TracerPid:.*[1-9]' "/proc/${PIDS[edge]}/status"
	kill -KILL "$(worker)"
	wait_for 10 died_or_ready "$(( deaths + 2 ))" "$before"
	stop strace INT
	wait_for 10 ready_again "$before"
	(( $(deaths) >= deaths + 2 ))
}

deaths() {
	grep -c "was killed" "$T/edge.err" || true
}

died_or_ready() {
	(( $(deaths) >= $1 )) || ready_again "$2"
}

@test "holder: killed at every system call that it makes under traffic, it loses nothing and stores nothing twice" {
	requires strace
	local call n kills=0 most=1 list starts="flock fdatasync"

	if sanitized; then
		skip "a worker with sanitizers makes calls of its own"
	fi
	[[ -z ${VNEP_FULL:-} ]] || most=24 starts="openat flock fallocate mmap bind setsockopt ioctl newfstatat pwrite64 fdatasync"
	lab
	sleeper
	edge_start
	sender 3600 1000
	answers
	list=$(calls)
	[[ -n ${VNEP_FULL:-} ]] || list=$(grep -xE 'fdatasync|pwrite64|sendmmsg|writev|epoll_wait' <<<"$list")
	echo "# calls: ${list//$'\n'/ }" >&3
	for call in $list; do
		for (( n = 1; n <= most; n++ )); do
			killed_at "$call" "$n" || break
			kills=$(( kills + 1 ))
		done
	done
	for call in $starts; do
		for (( n = 1; n <= most; n++ )); do
			killed_at_start "$call" "$n" || break
			kills=$(( kills + 2 ))
		done
	done
	kill -TERM "${PIDS[sender]}"
	all_there "kills=$kills"
	answered_once "$kills"
	(( kills >= 8 ))
	# of any of them nothing is left
	[[ $(pgrep -c -P "${PIDS[edge]}") == 1 ]]
}

@test "holder: a worker that dies in each of its starts is not started for ever" {
	requires strace
	if sanitized; then
		skip "who is traced cannot be searched for leaks"
	fi
	lab
	edge_map
	background edge netns edge strace -qq -f -o "$T/trace" -e trace=fallocate -e inject=fallocate:signal=KILL \
		vnep-edge run --access acc0 --core up0
	status=0
	wait "${PIDS[edge]}" || status=$?
	(( status == 3 ))
	[[ $(grep -c "killed by SIGKILL" "$T/trace") -eq 6 ]]
	grep -q "before it was ready, 6 times in a row: giving up" "$T/edge.err"
	run -5 vnep-edge status
}

@test "holder: killed itself, it takes the worker with it, and the next one starts at once" {
	local pid

	lab
	edge_map
	edge_start
	pid=$(worker)
	[[ $pid != "${PIDS[edge]}" && $(jq .pid "$VNEP_STATE/lock") == "${PIDS[edge]}" ]]
	edge_killed
	edge_start
	dead "$pid"
	balanced
}

@test "holder: told to stop or to read its configuration again, the worker is; a bad configuration is no reason to try again" {
	lab
	edge_map
	edge_start
	stop watch
	stop -0 edge TERM
	run -1 grep holder "$T/edge.err"
	edge_start
	stop watch
	stop -0 edge INT
	edge_start
	kill -HUP "${PIDS[edge]}"
	wait_for 5 grep -q "reload: done" "$T/edge.err"
	vnep-edge status
	stop watch
	stop -0 edge TERM
	run -5 vnep-edge status
	run -2 --separate-stderr netns edge vnep-edge run --access acc0 --core up0 --set-size nonsense
	[[ $stderr != *holder* ]]
}

@test "holder: a ring whose port went away meanwhile is made anew, and says what that costs" {
	lab
	edge_map
	edge_start
	kill -STOP "$(worker)"
	ns ip -n edge link del vnep-j0
	kill_worker
	grep -q "ring: what was in it is lost: no such link" "$T/edge.err"
	speak 0
	wait_for 5 state_is "$V0" awake
}

@test "holder: neither process can be looked into, or leaves a core file" {
	local pid

	lab
	edge_map
	edge_start
	for pid in "${PIDS[edge]}" "$(worker)"; do
		grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits"
		[[ $(stat -c %u "/proc/$pid/limits") == 0 ]]
	done
	# the ring is kept out of a core in any case: dd is VM_DONTDUMP
	run -0 awk '/^[0-9a-f]+-[0-9a-f]+ / { ring = /socket:/ } ring && /^VmFlags:/' "/proc/$(worker)/smaps"
	[[ $output == *" dd"* && ${#lines[@]} -eq 1 ]]
}
