load helpers

# The configuration: every mistake with its line, nothing attempted.

config() {
	cat >"$T/edge.conf"
}

@test "edge check: a good configuration says what it found" {
	ns_start
	ns ip link add acc0 type veth peer name up0
	config <<-'END'
		# a comment
		[edge]
		name = east-1
		[ports]
		access = acc0
		core = up0
	END
	run -0 --separate-stderr ns vnep-edge check -c edge.conf
	[[ -z $output && $stderr == "vnep-edge: good: 1 access ports, core port up0" ]]
}

@test "edge check: every mistake is told, with file and line" {
	config <<-'END'
		[prots]
		[ports]
		acess = acc0
		core = up0
		name = x
		set-size = many
		nonsense
	END
	run -2 --separate-stderr vnep-edge check -c edge.conf
	[[ -z $output ]]
	[[ $stderr == *'edge.conf:1: unknown section "prots" (did you mean "ports"?)'* ]]
	[[ $stderr == *'edge.conf:3: unknown key "acess" (did you mean "access"?)'* ]]
	[[ $stderr == *'edge.conf:5: key "name" does not belong to [ports]'* ]]
	[[ $stderr == *'edge.conf:6: '* && $stderr == *'edge.conf:7: "nonsense" is not key = value'* ]]
	[[ $stderr == *'no access port'* ]]
}

@test "edge check: a port with two uses, or named twice, is refused" {
	run -2 --separate-stderr vnep-edge check --access acc0 --core acc0
	[[ $stderr == *"port acc0 has two uses"* ]]
	run -2 --separate-stderr vnep-edge check --access acc0,acc0 --core up0
	[[ $stderr == *"access port acc0 is named twice"* ]]
}

@test "edge check: every mistake of advertise is told with its line, and larger frames than the port takes" {
	ns_start
	ns ip link add acc0 mtu 1400 type veth peer name up0
	config <<-'END'
		[ports]
		access = acc0
		core = up0
		advertise = acc0 2001:db8:a::/48
		advertise = acc0 2001:db8:a::/64 mtu=1200
		advertise = acc0 2001:db8:a::/64 valid_s=10 preferred_s=20
		advertise = acc0 2001:db8:a::/64
		advertise = acc0 2001:db8:a::/64
		advertise = acc9 2001:db8:a::/64
	END
	run -2 --separate-stderr ns vnep-edge check -c edge.conf
	[[ -z $output ]]
	[[ $stderr == *'edge.conf:4: advertise: "2001:db8:a::/48" is not a /64'* ]]
	[[ $stderr == *'edge.conf:5: advertise: mtu: "1200" is not a number from 1280 to 65535'* ]]
	[[ $stderr == *'edge.conf:6: advertise: preferred_s 20 is more than valid_s 10'* ]]
	[[ $stderr == *'edge.conf:8: advertise: 2001:db8:a::/64 on acc0 vlan 0 is there twice (line 7)'* ]]
	[[ $stderr == *'edge.conf:9: advertise: acc9 is not an access port'*'did you mean acc0?'* ]]
	printf '%s\n' 'access = acc0' 'core = up0' 'advertise = acc0 2001:db8:a::/64 mtu=1500' | config
	for verb in check run; do
		run -2 --separate-stderr ns vnep-edge "$verb" -c edge.conf
		[[ $stderr == *'edge.conf:3: advertise: mtu 1500 is more than acc0 has (1400)'* ]]
	done
	run -0 ns vnep-edge check -c edge.conf --advertise 'acc0 2001:db8:a::/64 mtu=1400'
}

@test "edge check: a port that is not there is named" {
	run -2 --separate-stderr vnep-edge check --access nosuch0 --core nosuch1
	[[ $stderr == *nosuch0* && $stderr == *nosuch1* ]]
}

@test "edge: options win over the file" {
	ns_start
	ns ip link add acc0 type veth peer name up0
	config <<<"access = nosuch0
core = nosuch1"
	run -0 ns vnep-edge check -c edge.conf --access acc0 --core up0
}

@test "edge: a file that is not there, an unknown option, an unknown verb" {
	run -3 --separate-stderr vnep-edge check -c nosuch.conf
	[[ $stderr == *"cannot read nosuch.conf"* ]]
	run -2 --separate-stderr vnep-edge check --acces acc0
	[[ $stderr == *"try 'vnep-edge check --help'"* ]]
	run -2 vnep-edge rum
}

@test "edge: verbs that ask the daemon say that none lives here" {
	for verb in status watch stop "attach x" "detach x"; do
		# shellcheck disable=SC2086
		run -5 --separate-stderr vnep-edge $verb
		[[ -z $output && $stderr == *"no vnep-edge lives on $VNEP_STATE"* ]]
	done
}
