# ovs - Open vSwitch's userspace datapath, without root and without a kernel module: `load helpers; load ovs`.
#
#   ovs_start PORT…    a bridge br0 with these ports, none of which is real; teardown ends both daemons
#   ofctl, appctl …    ovs-ofctl -O OpenFlow13, ovs-appctl, of this Open vSwitch
#   trace PORT FRAME   what the flows do with these octets (hex): lines of ofproto/trace

OVS_SCHEMA=/usr/share/openvswitch/vswitch.ovsschema

ovs_start() {
	local port
	local -a args=(-- add-br br0 -- set bridge br0 datapath_type=dummy fail-mode=secure)

	requires ovs-vswitchd openvswitch-switch
	requires ovsdb-server openvswitch-switch
	export OVS_RUNDIR=$T/ovs OVS_DBDIR=$T/ovs OVS_LOGDIR=$T/ovs
	mkdir -p "$OVS_RUNDIR"
	ovsdb-tool create "$T/ovs/conf.db" "$OVS_SCHEMA"
	background ovsdb ovsdb-server --remote="punix:$T/ovs/db.sock" --unixctl="$T/ovs/ovsdb.ctl" "$T/ovs/conf.db"
	wait_for 5 test -S "$T/ovs/db.sock"
	vsctl --no-wait init
	background vswitchd ovs-vswitchd --enable-dummy --disable-system --unixctl="$T/ovs/vswitchd.ctl" "unix:$T/ovs/db.sock"
	for port; do
		args+=(-- add-port br0 "$port" -- set interface "$port" type=dummy)
	done
	wait_for 5 test -S "$T/ovs/vswitchd.ctl"
	vsctl "${args[@]}"
}

vsctl() {
	ovs-vsctl --timeout=10 --db="unix:$T/ovs/db.sock" "$@"
}

ofctl() {
	local verb=$1

	shift
	ovs-ofctl -O OpenFlow13 "$verb" "unix:$T/ovs/br0.mgmt" "$@"
}

appctl() {
	ovs-appctl --timeout=10 -t "$T/ovs/vswitchd.ctl" "$@"
}

trace() {
	appctl ofproto/trace br0 "in_port=\"$1\"" "$2"
}

# What goes out of each of these ports is kept.
ovs_hear() {
	local port

	for port; do
		vsctl set interface "$port" "options:tx_pcap=$T/ovs/$port.pcap"
	done
}

# How many frames came in by a port.
ovs_came() {
	ofctl dump-ports "$1" | sed -n 's/.*rx pkts=\([0-9]*\).*/\1/p'
}

ovs_came_all() {
	[[ $(ovs_came "$1") == "$2" ]]
}

# ovs_send PORT: the frames of standard input, hex, a line each, arrive there. A port holds a hundred.
ovs_send() {
	local port=$1 n
	local -a frames

	n=$(ovs_came "$port")
	while mapfile -t -n 90 frames && (( ${#frames[@]} )); do
		appctl netdev-dummy/receive "$port" "${frames[@]}" >/dev/null
		n=$(( n + ${#frames[@]} ))
		wait_for 10 ovs_came_all "$port" "$n"
	done
}
