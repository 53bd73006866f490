load helpers

# What the demo claims, checked on what it leaves behind. It checks itself, too: it fails where a claim does not hold.

@test "demo: three devices, a stranger and a sleeper, in at most 30 seconds, without root, nothing left behind" {
	requires "$COAP_CLIENT" libcoap3-bin
	local before=$SECONDS
	run -0 env DEMO_PCAPNG="$T/demo.pcapng" VNEP_BIN="$VNEP_BIN" TMPDIR="$T" NO_COLOR=1 "$ROOT/examples/demo.sh"
	(( SECONDS - before <= 30 ))
	[[ $output == *'"reason":"no-mapping"'* && $output == *'"reason":"spoofed-source"'* ]]
	[[ $output == *"its CoAP server saw: step-1 step-2 step-3 step-4 step-5"* ]]
	[[ $output == *'"difference":0'* ]]
	[[ $output == *"confirmed by coap-response"* ]]
	[[ $(ls "$T") == demo.pcapng* ]]
	run -1 ip netns pids edge
}

@test "demo: tshark reads the devices' names and finds every checksum good" {
	requires "$COAP_CLIENT" libcoap3-bin
	requires tshark
	DEMO_PCAPNG="$T/demo.pcapng" TMPDIR="$T" "$ROOT/examples/demo.sh" >/dev/null
	tshark -r "$T/demo.pcapng" -o udp.check_checksum:TRUE -Y frame.interface_name \
		-T fields -e frame.interface_name -e udp.checksum.status -e icmpv6.checksum.status >"$T/packets" 2>"$T/tshark.err"
	(( $(wc -l <"$T/packets") >= 15 ))
	run -0 cut -f1 "$T/packets"
	[[ $output == *urn:dev:mac:00005efffe005301* ]]
	run -1 grep -vP '^urn:dev:mac:[0-9a-f]{16}\t1?\t1?$' "$T/packets"
	run -1 grep -P '\t\t$' "$T/packets"
}
