#!/usr/bin/env bash
# pipeline-edge - an edge node made of the tools in shell pipelines, without vnep-edge.
#
#   pipeline-edge.sh MAP ACCESS CORE         e.g. pipeline-edge.sh devices.jsonl acc0 up0, as root or in unshare -Urnm
#
# Everything that vnep-edge keeps together is here in the open: who is who (vnep-map), who may talk (vnep-acl), what
# arrives for sleepers (vnep-journal), and giving it to those who wake (vnep-replay). Devices need an `addr` in the map.
# What the daemon does better: neighbour discovery (here `ip neigh` writes it), learning addresses, and a hand-over
# without any reordering while packets keep arriving. End it with SIGTERM; the rules stay, `vnep-acl clear` removes them.
set -euo pipefail

map=$1 access=$2 core=$3
VNEP_STATE=${VNEP_STATE:-$(mktemp -d)}
export VNEP_STATE
trap 'trap - EXIT; kill 0' EXIT TERM INT

# Neighbours of one device, keyed by its virtual endpoint: for the kernel of the edge only. What the device and the hosts of
# the VPC have to know about the edge they are told by hand, too.
neighbours() {
	vnep-map list --type device | jq -r '[.vep, (.mac // (.dev | sub("urn:dev:mac:"; "") |
		[.[0:2], .[2:4], .[4:6], .[10:12], .[12:14], .[14:16]] | join(":")))] | @tsv' |
		while read -r vep mac; do
			ip neigh replace "$vep" lladdr "$mac" dev "$access" nud permanent
		done
}

# run: who is who, into the kernel
vnep-map import -q "$map"
vnep-map list | vnep-acl apply --access "$access" --core "$core"
neighbours

# run: what the rules hand over, into the journal (the far end of the journal port has the tags)
vnep-journal record -i vnep-j1 &

# run: who wakes gets what waited, in order; then the kernel forwards to it
vnep-acl watch | jq --unbuffered -r 'select(.type == "presence" and .state == "waking").dev' |
	while read -r dev; do
		vnep-journal read --dev "$dev" --pending | vnep-replay send | vnep-journal append -q
		vnep-acl awake "$dev"
		# what came in between
		vnep-journal read --dev "$dev" --pending | vnep-replay send | vnep-journal append -q
	done &

# run: who falls silent gets a checkpoint
vnep-acl watch | jq --unbuffered -r 'select(.type == "presence" and .state == "asleep").dev' |
	while read -r dev; do
		vnep-journal checkpoint -q --dev "$dev" --cursor disconnect --cause t3324-expired
	done &
wait
