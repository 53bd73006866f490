load helpers
load edge
load path
load wire

# replay.mode and replay.keep of a record: how a waking device gets what was kept.

# One device, whose record has these members, and its edge.
lab_with() {
	requires socat
	lab
	edge_map
	vnep-map set -q <<<"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV0\",\"vep\":\"$V0\",\"psm\":{\"t3324_s\":${T3324:-5}},$1}"
	edge_start
	background sink netns vpc socat -u UDP6-RECV:9 -
	wait_for 5 netns vpc sh -c "ss -Hlnu | grep -q ':9 '"
}

# Device 0 says something that nobody answers.
wakes() {
	netns dev0 socat -u - "UDP6-SENDTO:[2001:db8:b::2]:9" <<<"here"
}

# Lines of hex (UDP payloads to port 5683, from ports 40001, 40002, …) wait for device 0.
# AGES: seconds ago, one a packet.
wait_for_device() {
	local n=0 hex ages=(${AGES:-}) now=$EPOCHSECONDS before

	before=$(vnep-edge status "$V0" | jq .pending)

	while read -r hex; do
		n=$(( n + 1 ))
		frames udp6 - 00:00:5e:00:53:02 02:00:07:00:01:02 2001:db8:b::2 "$V0" $(( 40000 + ${PORTS-1} * n )) \
			5683 "$(xxd -r -p <<<"$hex")" | xxd -r -p | base64 -w0 |
			jq -Rc --arg dev "$DEV0" --argjson us "$(( (now - ${ages[n - 1]:-0}) * 1000000 ))" \
				'{type: "event", v: 1, dev: $dev, us: $us, kind: "data", direction: "to-device", frame: .}'
	done >in
	vnep-journal append -q <in
	wait_for 5 pending_is "$V0" $(( before + n ))
}

# What became of the packets, in the order in which it was told: "1:sent 2:sent …"
outcomes() {
	[[ $(jq -r 'select(.type == "outcome") | "\(.seq):\(.outcome)"' "$T/watch.out" | xargs) == "$1" ]]
}

# put MESSAGE-ID PATH TEXT: a confirmable PUT in hex; TYPE=50: not confirmable, CODE=01: a GET
put() {
	printf '%s%s%sb%x%sff%s\n' "${TYPE:-40}" "${CODE:-03}" "$1" "${#2}" "$(printf %s "$2" | xxd -p)" "$(printf %s "$3" | xxd -p | tr -d '\n')"
}

@test "replay queue: one at a time, the next when the device answered" {
	requires "$COAP_SERVER" libcoap3-bin
	lab_with '"replay":{"mode":"queue"}'
	background coap netns dev0 "$COAP_SERVER" -A 2001:db8:a::2 -d 4
	wait_for 5 netns dev0 sh -c "ss -Hlnu | grep -q :5683"
	wait_for_device < <(put 7f01 a one; put 7f02 b two; put 7f03 c three)
	wakes
	wait_for 5 outcomes "1:sent 1:confirmed 2:sent 2:confirmed 3:sent 3:confirmed"
	wait_for 5 state_is "$V0" awake
	balanced
}

@test "replay queue: a device that does not answer keeps the rest, and gets the same again at its next waking" {
	lab_with '"replay":{"mode":"queue"}'
	hear 0
	wait_for_device < <(put 7f01 a one; put 7f02 b two)
	wakes
	wait_for 5 outcomes "1:sent"
	wait_for 10 state_is "$V0" asleep
	outcomes "1:sent"
	pending_is "$V0" 2
	wakes
	wait_for 5 outcomes "1:sent 1:sent"
	told '.type == "outcome" and .seq == 1 and .attempt == 2'
	balanced
}

@test "replay queue: a device that speaks, but does not answer, gets the next one three seconds later" {
	T3324=20 lab_with '"replay":{"mode":"queue"}'
	wait_for_device < <(put 7f01 a one; put 7f02 b two; put 7f03 c three)
	wakes
	wait_for 5 outcomes "1:sent"
	wakes
	wait_for 5 outcomes "1:sent 2:sent"
	jq -se '[.[] | select(.type == "outcome") | .us] | .[1] - .[0] >= 2990000' "$T/watch.out"
	balanced
}

@test "replay queue: a silent device goes on with the next one when it speaks" {
	T3324=20 lab_with '"replay":{"mode":"queue"}'
	hear 0
	wait_for_device < <(put 7f01 a one; put 7f02 b two; put 7f03 c three)
	wakes
	wait_for 5 outcomes "1:sent"
	wait_for 6 older_than_s 4
	outcomes "1:sent"
	wakes
	wait_for 5 outcomes "1:sent 2:sent"
	balanced
}

# The last outcome was so long ago.
older_than_s() {
	(( ${EPOCHREALTIME/[.,]/} - $(jq -s 'map(select(.type == "outcome").us) | max' "$T/watch.out") > $1 * 1000000 ))
}

@test "replay queue: after what asks for no answer there is a pause" {
	lab_with '"replay":{"mode":"queue"}'
	hear 0
	wait_for_device < <(for n in 1 2 3; do TYPE=50 put "7f0$n" a "$n"; done)
	wakes
	wait_for 5 outcomes "1:sent 2:sent 3:sent"
	jq -se '[.[] | select(.type == "outcome") | .us] | .[1] - .[0] >= 199000 and .[2] - .[1] >= 199000' "$T/watch.out"
	wait_for 5 state_is "$V0" awake
}

@test "replay pps: no faster than that, and status says when the backlog will be through" {
	T3324=20 lab_with '"replay":{"pps":1}'
	hear 0
	wait_for_device < <(for n in 1 2 3 4 5; do TYPE=50 put "7f0$n" a "$n"; done)
	run -0 vnep-edge status "$V0"
	record '.eta_s == null'
	wakes
	wait_for 5 outcomes "1:sent"
	run -0 vnep-edge status "$V0"
	record '.pending > 0 and .pending < 5 and .eta_s == .pending'
	wait_for 20 outcomes "1:sent 2:sent 3:sent 4:sent 5:sent"
	jq -se '[.[] | select(.type == "outcome") | .us] | .[4] - .[0] >= 3990000' "$T/watch.out"
	wait_for 5 state_is "$V0" awake
	balanced
}

@test "replay as recorded: the pauses between what waits are kept" {
	lab_with '"replay":{"mode":"as-recorded"}'
	AGES="100 100 98" wait_for_device < <(put 7f01 a one; put 7f02 b two; put 7f03 c three)
	wakes
	wait_for 8 outcomes "1:sent 2:sent 3:sent"
	jq -se '[.[] | select(.type == "outcome") | .us] | .[1] - .[0] < 1000000 and .[2] - .[0] >= 1990000' "$T/watch.out"
	wait_for 5 state_is "$V0" awake
	balanced
}

@test "replay keep last: of each flow, and of each CoAP path and method, only the newest goes" {
	lab_with '"replay":{"keep":"last"}'
	hear 0
	wait_for_device < <(put 7f01 a 1; put 7f02 b 2; put 7f03 a 3; CODE=01 put 7f04 a 4; put 7f05 a 5)
	wakes
	wait_for 5 outcomes "1:superseded 3:superseded 2:sent 4:sent 5:sent"
	vnep-edge status >status
	jq -e '.dropped.superseded == 2' status
	balanced
}

@test "replay keep last: answers, queries and parts of a larger body stand for themselves" {
	lab_with '"replay":{"keep":"last"}'
	wait_for_device <<-END
		40037f01b1614161ff31
		40037f02b1614162ff32
		40037f03b161d10306ff33
		40037f04b161d1030eff34
		60457f05ff35
		60457f06ff36
	END
	wakes
	wait_for 5 outcomes "1:sent 2:sent 3:sent 4:sent 5:sent 6:sent"
	balanced
}

@test "replay keep last: plain datagrams are told apart by their flow" {
	lab_with '"replay":{"keep":"last"}'
	PORTS=0 wait_for_device <<<"ff01"$'\n'"ff02"
	wait_for_device <<<"ff03"
	wakes
	wait_for 5 outcomes "1:superseded 2:sent 3:sent"
}

# More than the edge looks at in one go.
@test "replay keep last: of a thousand datagrams of one flow the last one goes" {
	lab_with '"replay":{"keep":"last"}'
	hear 0
	netns vpc ip -6 neigh replace "$V0" lladdr 00:00:5e:00:53:fd dev v0 nud permanent
	netns vpc bash -c 'exec 3>"/dev/udp/$1/5683"; for n in {1..1100}; do echo "n$n" >&3; done' - "$V0"
	wait_for 10 pending_is "$V0" 1100
	wakes
	wait_for 10 pending_is "$V0" 0
	wait_for 5 grep -q n1100 "$T/hear0.out"
	[[ $(<"$T/hear0.out") == n1100 ]]
	jq -e '.dropped.superseded == 1099 and .difference == 0' < <(vnep-edge status)
}

@test "replay keep last: what does not fit the link any more supersedes nothing" {
	lab_with '"replay":{"keep":"last"}'
	hear 0
	say_to "$V0" short
	head -c 1400 /dev/zero | tr '\0' x | netns vpc socat -u -b 2000 - "UDP6-SENDTO:[$V0]:5683,sourceport=40000,reuseaddr"
	wait_for 5 pending_is "$V0" 2
	mtu 1280 d0 acc0
	vnep-edge status >status # it has heard of it
	wakes
	wait_for 5 outcomes "2:failed 1:sent" # the batch goes when it is complete
	balanced
}

# ---- a port that does not take it ----

# What tests/tools cannot do from outside: the port's own word, before the edge has heard of an MTU that changed.
refuse_long() {
	requires cc
	if sanitized; then skip "a preloaded library comes before the sanitizer's"; fi
	cat >refuse.c <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <errno.h>
		#include <sys/socket.h>
		int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
		{
			int (*next)(int, struct mmsghdr *, unsigned, int) = dlsym(RTLD_NEXT, "sendmmsg");
			unsigned k = 0;
			while (k < n && m[k].msg_hdr.msg_iov->iov_len <= 1300)
				k++;
			errno = EMSGSIZE;
			return k || !n ? next(fd, m, k, flags) : -1;
		}
	END
	cc -shared -fPIC -o refuse.so refuse.c -ldl
}

@test "replay: a port that says too long itself (EMSGSIZE): its sender is told, and the others go" {
	refuse_long
	requires socat
	lab
	T3324=30 edge_map
	whole_checksums
	LD_PRELOAD=$PWD/refuse.so edge_start
	say_to "$V0" first
	head -c 1400 /dev/zero | tr '\0' x | netns vpc socat -u -b 2000 - "UDP6-SENDTO:[$V0]:5683,sourceport=40000,reuseaddr"
	say_to "$V0" last
	wait_for 5 pending_is "$V0" 3
	capture vpc vpc v0
	hear 0
	speak 0
	wait_for 5 told '.type == "outcome" and .seq == 2 and .outcome == "failed" and .reason == "too-big"'
	wait_for 5 grep -q last "$T/hear0.out"
	[[ $(<"$T/hear0.out") == first$'\n'last ]]
	captured vpc
	good vpc 1 "icmpv6.type == 2 && icmpv6.mtu >= 1280 && icmpv6.mtu < 1448"
	wait_for 5 balanced
	jq -e '.dropped."too-big" == 1 and .pending == 0' "$T/status"
}

@test "replay: a port whose queue is full (ENOBUFS) gets the rest later, in order, and nothing is lost" {
	local n

	lab_with '"journal":"both"'
	ns ip netns exec edge tc qdisc add dev acc0 root tbf rate 400kbit burst 1600 limit 2000 ||
		skip "no tbf in this kernel"
	hear 0
	say_to "$V0" n1 # while it resolves V, the host itself sends what is new before what waits
	wait_for 5 pending_is "$V0" 1
	netns vpc bash -c 'exec 3>"/dev/udp/$1/5683"; for n in {2..120}; do echo "n$n" >&3; done' - "$V0"
	wait_for 5 pending_is "$V0" 120
	wakes
	wait_for 20 grep -q n120 "$T/hear0.out"
	printf 'n%d\n' {1..120} | diff - "$T/hear0.out"
	ns ip netns exec edge tc -s qdisc show dev acc0 | grep -qE 'dropped [1-9]' # it did say no
	wait_for 5 balanced
	jq -e '.pending == 0 and .dropped."port-down" == null' "$T/status"
}
