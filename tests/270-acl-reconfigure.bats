#!/usr/bin/env bats
# Re-configurations under a flood: devices come and go and their lists change while allowed and forbidden traffic flows.
# 200 of them, or with VNEP_FULL 10,000.

load helpers
load acl

ALLOWED=5683 FORBIDDEN=9999

setup() {
	vnep_setup
	requires nft nftables
	lab 2
	# what hosts of the lab say by themselves is no part of it
	ns ip -n dev1 link set d1 multicast off
	for host in dev0 dev1 vpc; do
		netns "$host" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'
	done
	ns ip -n edge neigh replace "$V1" lladdr 00:00:5e:00:53:11 dev acc1 nud permanent
	ns ip -n edge neigh replace 2001:db8:b::2 lladdr 00:00:5e:00:53:02 dev up0 nud permanent
}

# look HOST IF: count there, by port, what arrives before any rule of ours
look() {
	netns "$1" nft -f - <<-END
		table netdev look {
			counter allowed {}
			counter forbidden {}
			chain in {
				type filter hook ingress device "$2" priority -300; policy accept;
				udp dport $ALLOWED counter name allowed
				udp dport $FORBIDDEN counter name forbidden
			}
		}
	END
}

saw() { # HOST allowed|forbidden
	netns "$1" nft -j list counter netdev look "$2" | jq '.nftables[].counter.packets // empty'
}

lost_at() { # HOST IF: what the other end of the link had no room for
	ns ip -n "$1" -s -j link show "$2" | jq '.[0].stats64.tx.dropped'
}

# The frames of the flood: VERB HOST SRC DST PORT
frame() {
	case $1 in
	device) frames udp6 - 00:00:5e:00:53:11 00:00:5e:00:53:f1 "$2" "$3" 40000 "$4" "eighteen octets..." ;;
	host) frames udp6 - 00:00:5e:00:53:02 00:00:5e:00:53:fd "$2" "$3" 40000 "$4" "eighteen octets..." ;;
	esac
}

# dev1 may always send to 5683: what else, changes. A third of the changes are its own.
changes() { # COUNT
	awk -v n="$1" -v dev1="$DEV1" -v v1="$V1" 'BEGIN { for (i = 0; i < n; i++) {
		k = int(i / 6) % 64
		other = sprintf("\"dev\":\"urn:dev:mac:00005efffe6%05x\",\"vep\":\"2001:db8:b::6:%x\",\"vpc\":\"acme\"", k, k)
		if (i % 6 == 0)
			print "{\"type\":\"device\",\"v\":1," other ",\"port\":\"acc0\",\"addr\":[\"2001:db8:a::6\"],\"psm\":{\"t3324_s\":5}}"
		else if (i % 6 == 1 || i % 6 == 3)
			printf "{\"type\":\"device\",\"v\":1,\"dev\":\"%s\",\"vep\":\"%s\",\"vpc\":\"acme\",\"port\":\"acc1\",\"addr\":[\"2001:db8:a::3\"],\"allow\":[{\"to\":\"2001:db8:b::/64\",\"proto\":\"UDP\",\"ports\":[\"5683\",\"%d\"]}]}\n", dev1, v1, 10000 + i
		else if (i % 6 == 2)
			print "{\"type\":\"device\",\"v\":1," other ",\"port\":\"acc0\",\"addr\":[\"2001:db8:a::7\"],\"allow\":[{\"to\":\"2001:db8:b::" i % 10 "\"}]}"
		else if (i % 6 == 4)
			printf "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"acme\",\"prefix\":\"2001:db8:b::/64\",\"routes\":[{\"to\":\"2001:db8:%x::/48\",\"next_hop\":\"2001:db8:b::2\"}]}\n", 4096 + i % 4096
		else
			print "{\"type\":\"device\",\"v\":1," other ",\"deleted\":true}"
	} }'
}

synced() {
	REVISION=$(vnep-map stat | jq 'select(.name == "vnep_map_revision").value') wait_for 60 synced_now
}

synced_now() {
	tail -n 1 "$T/follow.out" | jq -e '.type == "sync" and .revision == (env.REVISION | tonumber)'
}

@test "reconfigure: while devices and lists change under a flood, nothing leaks and nothing allowed is lost" {
	local n=${VNEP_FULL:+10000} begin offered came_up came_down leaked

	: "${n:=200}"
	vnep-map import -q <<<"$RECORDS"
	background follow netns edge vnep-acl apply --map --follow --access acc0,acc1 --core up0
	synced
	acl awake "$V1" >/dev/null
	look vpc v0
	look dev1 d1
	# dev1 to the VPC and back, allowed; and what neither may: another port, a foreign source, a sender outside the VPC
	background up netns dev1 flood d1 3600 "$(frame device 2001:db8:a::3 2001:db8:b::2 $ALLOWED)" 2000
	background down netns vpc flood v0 3600 "$(frame host 2001:db8:b::2 "$V1" $ALLOWED)" 2000
	background denied netns dev1 flood d1 3600 "$(frame device 2001:db8:a::3 2001:db8:b::2 $FORBIDDEN)" 8000
	background spoofed netns dev1 flood d1 3600 "$(frame device 2001:db8:a::9 2001:db8:b::2 $FORBIDDEN)" 4000
	background outside netns vpc flood v0 3600 "$(frame host 2001:db8:f::2 "$V1" $FORBIDDEN)" 4000
	begin=${EPOCHREALTIME/[.,]/}
	changes "$n" | mapset 100 >/dev/null
	synced
	for flood in up down denied spoofed outside; do
		stop -0 "$flood"
	done
	wait_for 5 conserved
	read -r up _ <"$T/up.out"
	read -r down _ <"$T/down.out"
	# what the links themselves had no room for is no packet that a rule took
	offered=$(( up + down - $(lost_at dev1 d1) - $(lost_at vpc v0) - $(lost_at edge up0) - $(lost_at edge acc1) ))
	came_up=$(saw vpc allowed) came_down=$(saw dev1 allowed)
	leaked=$(( $(saw vpc forbidden) + $(saw dev1 forbidden) ))
	printf '# %d re-configurations, %d of the kernel, in %d ms under %d forbidden packets: leaked %d; allowed %d, lost %d\n' "$n" \
		"$(grep -c '"sync"' "$T/follow.out")" \
		$(( (${EPOCHREALTIME/[.,]/} - begin) / 1000 )) \
		$(( $(cut -d' ' -f1 "$T"/denied.out) + $(cut -d' ' -f1 "$T"/spoofed.out) + $(cut -d' ' -f1 "$T"/outside.out) )) \
		"$leaked" "$(( came_up + came_down ))" "$(( up + down - came_up - came_down ))" >&3
	[ "$leaked" -eq 0 ]
	(( came_up > 100 && came_down > 100 ))
	(( came_up + came_down >= offered ))
	stop -0 follow
	run -0 --separate-stderr acl verify --map
	[ -z "$output" ]
}
