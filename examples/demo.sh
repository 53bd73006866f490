#!/usr/bin/env bash
# demo - an edge node, three devices and a VPC host on this machine, in half a minute, without root.
#
#   dev0 thermostat --d0/acc0--+                      Devices are real CoAP servers, the VPC host uses coap-client
#   dev1 lamp       --d1/acc1--+-- edge --up0/v0-- vpc  and ping. Everything happens in namespaces of its own and
#   dev2 meter      --d2/acc2--+                      is gone afterwards, but for demo.pcapng.
#   dev3 stranger   --d3/acc3--+
#
# What it claims it checks: it exits with 1 where something did not happen.
set -euo pipefail

root=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
out=${DEMO_PCAPNG:-$root/demo.pcapng}

# ---- a network, process and mount namespace of our own ----

if [[ ${1:-} != inside ]]; then
	options=(--net --mount --pid --fork --kill-child --mount-proc)
	if unshare --user --map-root-user "${options[@]}" true 2>/dev/null; then
		options+=(--user --map-root-user)
	elif (( EUID != 0 )) || ! unshare "${options[@]}" true; then
		echo "demo: namespaces are blocked for users here; try: sudo make demo (make doctor tells more)" >&2
		exit 3
	fi
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	DEMO_WORK=$work unshare "${options[@]}" "$0" inside
	cp "$work/demo.pcapng" "$out"
	[[ -z ${SUDO_UID:-} ]] || chown "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$out"
	cat <<-END

		Left behind: ${out#"$PWD"/}. Three things to try next:
		  tshark -r ${out#"$PWD"/}                       every packet of the demo, a device is an interface
		  sed -n '/^# run/,\$p' examples/pipeline-edge.sh   the same edge from small tools, in a pipeline
		  man man/vnep.7                              the story, the recipes, and where to go from here
	END
	exit 0
fi

T=$DEMO_WORK
export VNEP_STATE=$T/state VNEP_RUNTIME=$T/run
PATH=${VNEP_BIN:-$root/build/bin}:$PATH:/usr/sbin:/sbin
mkdir -m 0700 "$VNEP_RUNTIME"
mount -t tmpfs none /run && mkdir /run/netns
for coap in coap-client-notls coap-client coap-client-openssl coap-client-gnutls; do
	! type -P "$coap" >/dev/null || break
done

thermostat=urn:dev:mac:00005efffe005301

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 && -z ${NO_COLOR:-} ]] || say() { printf '\n%s\n' "$*"; }
on() { local host=$1; shift; nsenter --net="/run/netns/$host" -- "$@"; }
fail() { echo "demo: $*" >&2; tail -n 5 "$T"/*.err >&2 || true; exit 1; }

# Wait until a command succeeds, at most so many seconds.
until_true() {
	local end=$(( EPOCHSECONDS + $1 )); shift
	until "$@" >/dev/null 2>&1; do
		(( EPOCHSECONDS <= end )) || fail "waited in vain for: $*"
		read -rt 0.05 <> <(:) || true
	done
}
told() { jq -se "any(.[]; $1)" "$T/watch"; }

# ---- hosts, map, edge ----

"$root/tests/lab-hosts" 4
for n in 0 1 2; do
	on "dev$n" "${coap/client/server}" -A "2001:db8:a::$(( n + 2 ))" -d 10 -v 7 >"$T/dev$n.out" 2>"$T/dev$n.err" &
	on "dev$n" "${coap/client/server}" -p 5690 -g ff35:40:2001:db8::8000:1 -G "d$n" -d 10 -v 7 >"$T/group$n.out" 2>"$T/group$n.err" &
done

say "1. The map says who is who: a VPC, a group, three devices. One of them sleeps: it listens for 4 s after it spoke."
cat >"$T/map.jsonl" <<-'END'
	{"type":"vpc","v":1,"vpc":"acme","prefix":"2001:db8:b::/64","speaker":"2001:db8:b::fe"}
	{"type":"group","v":1,"group":"home","address":"ff35:40:2001:db8::8000:1","port":5690}
	{"type":"device","v":1,"dev":"urn:dev:mac:00005e005301","vep":"2001:db8:b::77","vpc":"acme","name":"thermostat.iot.example.","groups":["home"],"psm":{"t3324_s":4}}
	{"type":"device","v":1,"dev":"urn:dev:mac:00005e005311","vep":"2001:db8:b::78","vpc":"acme","name":"lamp.iot.example.","groups":["home"],"addr":["2001:db8:a::3"]}
	{"type":"device","v":1,"dev":"urn:dev:mac:00005e005312","vep":"2001:db8:b::79","vpc":"acme","name":"meter.iot.example.","groups":["home"],"journal":"from-device"}
END
cat "$T/map.jsonl"
vnep-map import "$T/map.jsonl"
on edge vnep-edge run --name demo --access acc0,acc1,acc2,acc3 --core up0 2>"$T/edge.err" &
until_true 5 vnep-edge status
vnep-edge watch >"$T/watch" 2>"$T/watch.err" &
until_true 5 told '.type == "sync"'

say "2. Each device sends its first frame. The edge knows its MAC, binds its address, sends the frame on."
for n in 0 1 2; do
	on "dev$n" ping -q -c 1 -W 3 2001:db8:b::2 | sed -n "4s/^/dev$n: /p"
done
for state in 7 8 9; do
	until_true 5 sh -c "vnep-edge status 2001:db8:b::7$state | jq -e '.state == \"awake\"'"
done
vnep-edge status thermostat.iot.example. lamp.iot.example. meter.iot.example. |
	jq -r '"\(.vep)  \(.state)  at \(.port), calls itself \(.addr[-1])"'

say "3. A program in the VPC talks to the devices as to any local host, by their virtual endpoints."
on vpc ping -q -c 3 -i 0.05 2001:db8:b::79 | sed -n '4s/^/meter: /p'
on vpc "$coap" -m put -e on -B 3 "coap://[2001:db8:b::78]/state" >/dev/null
echo "lamp:  PUT /state on; GET /state says: $(on vpc "$coap" -B 3 "coap://[2001:db8:b::78]/state" 2>/dev/null)"

say "4. A stranger, and the lamp with the meter's address: neither gets in, and the edge says why."
on dev3 ping -q -c 1 -W 1 2001:db8:b::2 >/dev/null && fail "the stranger got through"
on dev1 sh -c 'ip address add 2001:db8:a::4/128 dev d1 nodad; ip route add 2001:db8:b::/64 via fe80::1 dev d1 src 2001:db8:a::4
	ping -q -c 1 -W 1 -I 2001:db8:a::4 2001:db8:b::2 >/dev/null; ip route del 2001:db8:b::/64; ip address del 2001:db8:a::4/128 dev d1'
until_true 5 told '.type == "decision" and .reason == "no-mapping"'
until_true 5 told '.type == "decision" and .reason == "spoofed-source"'
jq -c 'select(.type == "decision") | {forwarding, reason, src_mac, src_ip, in_iface}' "$T/watch" | sort -u

say "5. The thermostat stops listening (its radio is off) without a word. One PUT while the edge still believes it awake..."
radio() { # off: nothing goes in or out of the device's link
	[[ $1 == off ]] || { on dev0 nft delete table netdev radio; return; }
	on dev0 nft -f - <<-'END'
		table netdev radio {
			chain in { type filter hook ingress device "d0" priority 0; policy drop; }
			chain out { type filter hook egress device "d0" priority 0; policy drop; }
		}
	END
}
put() { on vpc "$coap" -N -m put -e "step-$1" -B 1 "coap://[2001:db8:b::77]/state" >/dev/null 2>&1 || true; }
on dev0 ping -q -c 1 -W 3 2001:db8:b::2 >/dev/null # a sign of life: its active time begins anew
radio off
put 1
until_true 8 told '.type == "presence" and .dev == "'$thermostat'" and .state == "asleep"'
echo "   ...silence: it is asleep now. Four more PUTs:"
for n in 2 3 4 5; do
	put "$n" &
	until_true 8 sh -c "vnep-edge status 2001:db8:b::77 | jq -e '.pending == $n'"
done
vnep-journal pending | jq -c '{dev, state, pending, pending_octets, resume_seq}'

say "6. It wakes and speaks. All five reach its CoAP server, in order, before anything newer; then the kernel takes over."
radio on
on dev0 ping -q -c 1 -W 3 2001:db8:b::2 >/dev/null
until_true 8 sh -c "grep -c \"'step-5'\" '$T/dev0.out' '$T/dev0.err' | grep -v ':0'"
until_true 5 told '.type == "presence" and .dev == "'$thermostat'" and .state == "awake" and .conn == 2'
arrived=$(grep -ho "PUT.*'step-[1-5]'" "$T"/dev0.out "$T"/dev0.err | grep -o 'step-[1-5]' | tr '\n' ' ')
echo "   its CoAP server saw: $arrived"
[[ $(uniq <<<"${arrived// /$'\n'}" | tr -d '\n') == step-1step-2step-3step-4step-5 ]] || fail "order: $arrived"
until_true 5 told '.type == "outcome" and .outcome == "confirmed"'

say "7. One instruction for the whole group: two members get it as multicast, the sleeper when it wakes."
radio off
until_true 8 sh -c "vnep-edge status 2001:db8:b::77 | jq -e '.state == \"asleep\"'"
echo '{"type":"instruction","group":"home","method":"PUT","uri":"/state","payload":"ZXZlbmluZw=="}' |
	vnep-mcast send | jq -c '{members, sent, pending, failed}' | tee "$T/instructed"
[[ $(<"$T/instructed") == '{"members":3,"sent":2,"pending":1,"failed":0}' ]] || fail "not two now and one later"
saw() { grep -c "PUT.*'evening'" "$T/group$1.out" "$T/group$1.err" | grep -v ':0'; }
until_true 5 saw 1
until_true 5 saw 2
radio on
on dev0 ping -q -c 1 -W 3 2001:db8:b::2 >/dev/null
until_true 8 saw 0
echo "   all three CoAP servers saw it, the thermostat after its wake"

say "8. Its life so far, as the journal tells it:"
vnep-journal timeline --dev 2001:db8:b::77

say "9. Nothing was lost without a word: arrived + segmented = forwarded + delivered + pending + answered + dropped."
vnep-edge status | tee "$T/status"
jq -e '.difference == 0' "$T/status" >/dev/null || fail "the conservation law does not hold"
vnep-journal read --format pcapng >"$T/demo.pcapng"
vnep-edge stop
wait -n 2>/dev/null || true
