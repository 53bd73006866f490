# wire - what really was on a link, judged by tshark: `load wire` behind `load helpers`.
#
#   whole_checksums          every link of the hosts makes its checksums and segments itself, as a wire would see them
#   cut_late HOST LINK       this link leaves both to others again, also UDP_SEGMENT
#   capture NAME HOST LINK   begin to write what passes LINK into $T/NAME.pcapng
#   captured NAME            end it; all that passed before is in the file
#   saw NAME N FILTER...     so many packets of it satisfy each display filter of tshark; +N: so many at least
#   good NAME [N FILTER...]  the same, and no packet of it has a wrong checksum or is malformed, also inside errors
#   listening HOST PORT      for wait_for: somebody listens for TCP there
#
# A veth carries checksums that are not whole yet, and segments that are not cut yet: what captures are judged by
# checksum needs whole_checksums first.

TSHARK=(tshark -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE)

# The hosts' side of each link; the edge's own ports stay as they are.
whole_checksums() {
	ns bash -c 'for net in /run/netns/*; do
		[[ ${net##*/} != edge ]] || continue
		while IFS=": " read -r _ link _; do
			[[ $link == lo ]] ||
				nsenter --net="$net" ethtool -K "${link%@*}" tx off sg off tso off gso off gro off
		done < <(ip -n "${net##*/}" -o link)
	done' >"$T/ethtool"
}

cut_late() {
	netns "$1" ethtool -K "$2" tx on sg on tso on gso on tx-udp-segmentation on >>"$T/ethtool"
}

capture() {
	requires tshark
	background "capture-$1" netns "$2" dumpcap -q -i "$3" -w "$T/$1.pcapng"
	wait_for 10 grep -q '^File:' "$T/capture-$1.err"
	CAPTURED[$1]="$2 $3"
	wire_mark "$1" "begin of capture"
}
declare -gA CAPTURED=()

# A frame of our own that goes out of the link: once it is in the file, all before is. (Statistics of tshark need two frames.)
wire_mark() {
	local host link

	read -r host link <<<"${CAPTURED[$1]}"
	netns "$host" frames send "$link" "00005e00530000005e00530088b5$(printf '%s' "$2" | xxd -p)$(printf '%064d' 0)"
	wait_for 10 grep -q "$2" "$T/$1.pcapng"
}

captured() {
	wire_mark "$1" "end of capture"
	stop "capture-$1" INT
}

# One run of tshark for everything: it takes a second to start. A comma would end a filter of io,stat.
wire_read() {
	local what=io,stat,0

	for (( i = 3; i <= $#; i += 2 )); do
		what+=",${!i}"
	done
	"${TSHARK[@]}" -r "$T/$1.pcapng" -z "$what" -T fields -e frame.number -e tcp.checksum.status -e udp.checksum.status \
		-e icmpv6.checksum.status -e _ws.malformed 2>"$T/tshark.err" >"$T/$1.read"
}

saw() {
	local name=$1 i wrong=0
	local -a found=()

	wire_read "$@"
	read -ra found < <(awk -F'|' '/<>/ { for (i = 3; i < NF; i += 2) printf "%d ", $i } END { print "" }' "$T/$name.read")
	shift
	for (( i = 0; $# > 1; i++ )); do
		case $1 in
		+*) (( ${found[$i]:--1} >= ${1#+} )) ;;
		*) (( ${found[$i]:--1} == $1 )) ;;
		esac || { wrong=1; printf '%s: %s of %s, expected %s\n' "$name" "${found[$i]:-none}" "$2" "$1"; }
		shift 2
	done
	(( ! wrong )) || wire_show "$name"
}

good() {
	saw "$@"
	awk -F'\t' '
		NF < 5 { next }
		{ sums = $2 "," $3 "," $4 }
		sums ~ /(^|,)0(,|$)/ || $5 ~ /: (IPv6|ICMPv6|UDP|TCP)\]/ { print "bad: " $0; bad++ }
		sums ~ /(^|,)1(,|$)/ { good++ }
		END { if (!good) print "no checksum at all"; exit !good || bad > 0 }' "$T/$1.read" || wire_show "$1"
}

wire_show() {
	cat "$T/tshark.err"
	"${TSHARK[@]}" -r "$T/$1.pcapng" 2>/dev/null | tail -n 40
	return 1
}

listening() {
	netns "$1" sh -c "ss -Hltn6 | grep -q ':$2 '"
}
