# wire - what really was on a link, judged by tshark: `load wire` behind `load helpers`.
#
#   whole_checksums          every link of the hosts makes its checksums and segments itself, as a wire would see them
#   capture NAME HOST LINK   begin to write what passes LINK into $T/NAME.pcapng
#   captured NAME            end it; all that passed before is in the file
#   saw NAME N FILTER...     so many packets of it satisfy each display filter of tshark; +N: so many at least
#   good_checksums NAME...   no packet of it has a wrong checksum, or is malformed, and some have one
#   listening HOST PORT      for wait_for: somebody listens for TCP there
#
# A veth carries checksums that are not whole yet, and segments that are not cut yet: what captures are judged by
# checksum needs whole_checksums first.

TSHARK=(tshark -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE)

# The hosts' side of each link; the edge's own ports stay as they are.
whole_checksums() {
	ns sh -c 'for net in /run/netns/*; do
		[ "${net##*/}" != edge ] || continue
		nsenter --net="$net" sh -c "for link in /sys/class/net/*; do
			[ \"\${link##*/}\" = lo ] || ethtool -K \"\${link##*/}\" tx off sg off tso off gso off gro off; done"
	done' >/dev/null 2>&1
}

capture() {
	requires tshark
	background "capture-$1" netns "$2" dumpcap -q -i "$3" -w "$T/$1.pcapng"
	wait_for 10 grep -q '^File:' "$T/capture-$1.err"
	CAPTURED[$1]="$2 $3"
}
declare -gA CAPTURED=()

# The last frame is one of our own: once it is in the file, all before is.
captured() {
	local host link

	read -r host link <<<"${CAPTURED[$1]}"
	netns "$host" frames send "$link" "00005e00530000005e00530088b5$(printf 'end of capture' | xxd -p)$(printf '%064d' 0)"
	wait_for 10 grep -q 'end of capture' "$T/$1.pcapng"
	stop "capture-$1" INT
}

# All filters in one run of tshark, which takes a second to start. A comma would end a filter of io,stat.
saw() {
	local name=$1 what=io,stat,0 i=0 wrong=0
	local -a wanted=() filters=() found=()

	shift
	while (( $# > 1 )); do
		wanted+=("$1") filters+=("$2")
		what+=",$2"
		shift 2
	done
	read -ra found < <("${TSHARK[@]}" -q -r "$T/$name.pcapng" -z "$what" 2>"$T/tshark.err" |
		awk -F'|' '/<>/ { for (i = 3; i < NF; i += 2) printf "%d ", $i } END { print "" }')
	for (( i = 0; i < ${#wanted[@]}; i++ )); do
		case ${wanted[$i]} in
		+*) (( ${found[$i]:--1} >= ${wanted[$i]#+} )) ;;
		*) (( ${found[$i]:--1} == ${wanted[$i]} )) ;;
		esac && continue
		printf '%s: %s of %s, expected %s\n' "$name" "${found[$i]:-none}" "${filters[$i]}" "${wanted[$i]}"
		wrong=1
	done
	(( ! wrong )) || { cat "$T/tshark.err"; "${TSHARK[@]}" -r "$T/$name.pcapng" 2>/dev/null | tail -n 40; }
	return $wrong
}

good_checksums() {
	local name

	for name; do
		"${TSHARK[@]}" -r "$T/$name.pcapng" -T fields -e frame.number -e tcp.checksum.status -e udp.checksum.status \
			-e icmpv6.checksum.status -e _ws.malformed 2>"$T/tshark.err" >"$T/$name.sums"
		awk -F'\t' '
			{ sums = $2 "," $3 "," $4 }
			sums ~ /(^|,)0(,|$)/ || $5 != "" { print "bad: " $0; bad++ }
			sums ~ /(^|,)1(,|$)/ { good++ }
			END { if (!good) print "no checksum at all"; exit !good || bad > 0 }' "$T/$name.sums" && continue
		"${TSHARK[@]}" -r "$T/$name.pcapng" 2>/dev/null | tail -n 40
		return 1
	done
}

listening() {
	netns "$1" sh -c "ss -Hltn6 | grep -q ':$2 '"
}
