load helpers
load edge
load mcast

setup() {
	vnep_setup
}

@test "mcast plan: without an edge the map says who is a member; nothing is changed and no privilege is needed" {
	mcast_map
	run -0 --separate-stderr without_caps vnep-mcast plan -g lights
	record -s 'map(select(.type == "status") | .dev) == [env.DEV0, env.DEV1, env.DEV2]'
	record -s 'last | .type == "result" and [.members,.sent,.pending,.failed] == [3,0,3,0]'
	[[ $stderr == *"has scope 5 (site-local); see --hop-limit"* ]]
	run -0 --separate-stderr vnep-mcast plan -q -g lights --match model=T-100
	[ -z "$stderr" ]
	record -s 'length == 2 and .[0].dev == env.DEV1'
	run -0 vnep-mcast plan -q --vpc acme --match model=T-100
	record -s 'last.members == 1'
	run -0 vnep-mcast send -qn -g lights --payload /dev/null
	record -s 'last.members == 3'
}

@test "mcast plan: a living edge says who is awake, and where" {
	lab 3
	T3324=1 mcast_map
	edge_start
	awake_all 0 1
	wait_for 10 state_is "$V0" asleep
	run -0 vnep-mcast plan -q -g lights
	record -s 'map(select(.type == "status") | [.dev, .state, .port]) ==
		[[env.DEV0,"asleep","acc0"],[env.DEV1,"awake","acc1"],[env.DEV2,"unknown",null]]'
	record -s 'last | [.members,.sent,.pending] == [3,1,2]'
	run -0 vnep-edge status "$V1"
	record '.pending == 0'
}

@test "mcast plan: who asks wrongly is told so, exit 2; without an edge nothing is sent, exit 5" {
	mcast_map
	run -2 --separate-stderr vnep-mcast plan
	[[ $stderr == *"for whom? --group, or --vpc, --region, --match"* ]]
	run -2 --separate-stderr vnep-mcast plan -g nobody
	[[ $stderr == *'the map has no group "nobody"'* ]]
	run -2 --separate-stderr vnep-mcast plan --match model
	[[ $stderr == *'"model" is not KEY=VALUE'* ]]
	run -2 --separate-stderr vnep-mcast plan -g lights -p 0
	run -2 --separate-stderr vnep-mcast send -g lights --wait x
	run -2 --separate-stderr vnep-mcast send --payload /dev/null
	run -5 --separate-stderr vnep-mcast send -g lights --payload /dev/null
	[[ $stderr == *"no vnep-edge lives on"* ]]
}

@test "mcast plan: the speaker of a vpc is no device's endpoint, whichever of the two comes first" {
	mcast_map
	run -2 --separate-stderr vnep-map set - <<<'{"type":"device","dev":"urn:dev:ops:1-x-1","vep":"'"$SPEAKER"'"}'
	[[ $stderr == *"vep $SPEAKER of urn:dev:ops:1-x-1 is the speaker of vpc \"acme\""* ]]
	run -2 --separate-stderr vnep-map set - <<<'{"type":"vpc","vpc":"acme","prefix":"2001:db8:b::/64","speaker":"'"$V1"'"}'
	[[ $stderr == *"vep $V1 of $DEV1 is the speaker of vpc \"acme\""* ]]
	run -0 vnep-map get --type vpc acme
	record '.speaker == env.SPEAKER'
}
