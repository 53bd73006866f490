load helpers
load journal

@test "journal append: each event is answered with its number, once it is durable" {
	run -0 --separate-stderr vnep-journal append <<<"$(packet one; packet two; note three)"
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 3 ]
	[ "${lines[2]}" = "{\"type\":\"appended\",\"v\":1,\"dev\":\"$DEV\",\"seq\":3,\"durable\":true}" ]
}

@test "journal append: where a map says that a device does not consent, only what waits for it is taken" {
	import_map
	vnep-map set -q <<<"{\"type\":\"device\",\"v\":1,\"dev\":\"$DEV\",\"vep\":\"2001:db8:b::77\",\"vpc\":\"acme\",\"consent\":false}"
	run -1 --separate-stderr vnep-journal append <<-END
		$(packet waits)
		$(packet said from-device)
		$(packet copied | jq -c '.copy = true')
		$(packet other from-device "$DEV2")
		$(note word)
	END
	[ "$(jq -r '.type + " " + (.line // "" | tostring)' <<<"$output" | xargs)" = "appended error 2 error 3 appended appended" ]
	[[ $stderr == *"-:2: $DEV does not consent: only what waits for it is journaled"* ]]
	run -0 vnep-journal read
	[ "${#lines[@]}" -eq 3 ]
}

@test "journal append: checkpoints and outcomes are answered by themselves, as they were stored" {
	vnep-journal append -q <<<"$(packet one)"
	run -0 vnep-journal append <<-END
		{"type":"outcome","v":1,"dev":"$DEV","seq":1,"outcome":"sent"}
		{"type":"checkpoint","v":1,"dev":"$DEV","cursor":"synced"}
	END
	some '.type == "checkpoint" and .resume_seq == 2 and .head_seq == 1'
	jq -se '.[0].outcome == "sent" and .[0].attempt == 1' <<<"$output"
}

@test "journal append: -q answers nothing" {
	run -0 vnep-journal append -q <<<"$(packet one)"
	[ -z "$output" ]
	run -0 vnep-journal read
	[ "${#lines[@]}" -eq 1 ]
}

@test "journal append: a refused line is answered in its place, the others are taken, exit 1" {
	run -1 --separate-stderr vnep-journal append <<-END
		$(note one)
		{"type":"event","v":1,"dev":"$DEV","kind":"nonsense"}
		not json
		{"type":"status","v":1,"dev":"$DEV"}
		{"type":"event","v":1,"dev":"$DEV","kind":"data","direction":"to-device"}
		{"type":"outcome","v":1,"dev":"$DEV","seq":9,"outcome":"sent"}
		$(note two)
	END
	[ "$(jq -r .type <<<"$output" | tr '\n' ' ')" = "appended error error error error error appended " ]
	[ "$(jq -r 'select(.type == "error") | .line' <<<"$output" | tr '\n' ' ')" = "2 3 4 5 6 " ]
	[[ $stderr == *"vnep-journal: -:2:"*"not \"nonsense\""* ]]
	[[ $stderr == *"-:4: the journal takes event, checkpoint and outcome records, not \"status\""* ]]
	run -0 vnep-journal read
	[ "${#lines[@]}" -eq 2 ]
}

@test "journal append: a line over 1 MiB and one with a key twice are refused alone" {
	{
		note one
		printf '{"type":"event","v":1,"dev":"%s","text":"%01100000d"}\n' "$DEV" 1
		printf '{"type":"event","v":1,"dev":"%s","kind":"note","kind":"note"}\n' "$DEV"
		printf '{"type":"event","v":1,"dev":"%s","kind":"note","text":"\xff"}\n' "$DEV"
		note two
	} >in
	run -1 --separate-stderr vnep-journal append <in
	[ "$(jq -r .type <<<"$output" | tr '\n' ' ')" = "appended error error error appended " ]
	[[ $stderr == *"-:2: a line longer than"* ]]
}

@test "journal append: a datagram that waits already is not stored again" {
	run -0 vnep-journal append <<<"$(packet same; packet other; packet same)"
	[ "$(jq -r .seq <<<"$output" | tr '\n' ' ')" = "1 2 1 " ]
	run -0 vnep-journal read --pending
	[ "${#lines[@]}" -eq 2 ]
}

@test "journal append: a line is answered at once, also while the input stays open" {
	mkfifo in
	background append bash -c 'exec vnep-journal append <in'
	exec {to}>in
	note one >&"$to"
	wait_for 5 grep -q '"seq":1' "$T/append.out"
	note two >&"$to"
	wait_for 5 grep -q '"seq":2' "$T/append.out"
	exec {to}>&-
	wait "$PID"
}

@test "journal append: -n checks every line and writes nothing" {
	run -1 --separate-stderr vnep-journal append -n <<<"$(note one; echo bad)"
	[[ $stderr == *"-:2:"* ]]
	[ ! -e "$VNEP_STATE/journal" ]
}

@test "journal append: many lines are few groups, and none is lost" {
	notes 20000 >in
	run -0 vnep-journal append <in
	[ "${#lines[@]}" -eq 20000 ]
	[ "$(jq -s 'map(.seq) == [range(1; 20001)]' <<<"$output")" = true ]
	run -0 --separate-stderr vnep-journal verify
	[[ $stderr == *"20000 records of 1 devices, 0 damaged"* ]]
}

@test "journal append: two writers take turns" {
	notes 3000 >in
	background a bash -c 'exec vnep-journal append <in'
	local a=$PID
	background b bash -c 'exec vnep-journal append <in'
	wait "$a"
	wait "$PID"
	[ "$(jq -s 'map(.seq) | sort == [range(1; 6001)]' "$T/a.out" "$T/b.out")" = true ]
	run -0 vnep-journal verify
}

@test "journal append: killed at any time, everything that was answered is there" {
	local delay answered=1 last

	note first | vnep-journal append -q
	notes 200000 >in
	for delay in 010 025 050 100 200; do
		background append bash -c 'exec vnep-journal append <in'
		read -rt "0.$delay" <> <(:) || true
		stop append KILL
		# its last line may be cut; nobody was told what it says
		[[ -s $T/append.out ]] || continue # killed before it had answered anything
		last=$(grep -c '"durable":true}$' "$T/append.out" || true)
		answered=$(( answered + last ))
		(( $(counted events) >= answered ))
		last=$(tail -n 2 "$T/append.out" | grep '}$' | tail -n 1 | jq .seq)
		answered=${last:-$answered}
	done
	run -0 --separate-stderr vnep-journal verify
	[[ $stderr == *"0 damaged ranges, 0 events missing"* ]]
	run -0 vnep-journal append <<<"$(note last)"
}

@test "journal checkpoint: settles what is in front of it, says so, and never moves back" {
	vnep-journal append -q <<<"$(packet one; packet two; packet three)"
	run -0 --separate-stderr vnep-journal checkpoint --dev "$DEV" --resume-seq 3
	record '.cursor == "synced" and .cause == "admin" and .resume_seq == 3'
	[[ $stderr == *"2 settled"* ]]
	run -2 --separate-stderr vnep-journal checkpoint --dev "$DEV" --resume-seq 2
	[[ $stderr == *"cursors only grow"* ]]
	run -2 --separate-stderr vnep-journal checkpoint --dev "$DEV" --resume-seq 5
	[[ $stderr == *"beyond the next event of the device (4)"* ]]
	run -0 vnep-journal checkpoint --dev "$DEV" --list
	[ "${#lines[@]}" -eq 1 ]
}

@test "journal checkpoint: disconnect makes pending again what nobody confirmed, once" {
	local outcome="{\"type\":\"outcome\",\"v\":1,\"dev\":\"$DEV\",\"seq\":1,\"outcome\":\"sent\"}"

	vnep-journal append -q <<<"$(packet one; echo "$outcome")"
	run -0 vnep-journal read --pending
	[ -z "$output" ]
	run -0 --separate-stderr vnep-journal checkpoint --dev "$DEV" --cursor disconnect --cause t3324-expired
	record '.resume_seq == 1'
	[[ $stderr == *"1 pending again"* ]]
	run -0 vnep-journal append <<<"$outcome"
	record '.attempt == 2'
	vnep-journal checkpoint -q --dev "$DEV" --cursor disconnect
	run -0 vnep-journal read --pending
	[ -z "$output" ]
}

@test "journal checkpoint: -n prints what would be written" {
	vnep-journal append -q <<<"$(packet one)"
	run -0 vnep-journal checkpoint -n --dev "$DEV"
	record '.resume_seq == 2'
	run -0 vnep-journal checkpoint --dev "$DEV" --list
	[ -z "$output" ]
	run -1 --separate-stderr vnep-journal checkpoint --dev "$DEV2"
	[[ $stderr == *"the journal has nothing of \"$DEV2\""* ]]
	run -2 vnep-journal checkpoint
}

@test "journal: the examples of its page do what they say" {
	awk '/^\.Sh/ { ex = /EXAMPLES/ } /^\.Ed/ { on = 0 } ex && on { print } /^\.Bd/ { on = 1 }' \
		"$ROOT/man/vnep-journal.1" >examples.sh
	run -0 --separate-stderr bash -euo pipefail examples.sh
	[[ $output == *"=== connected: connection 1"*"... note: installed"*"--- asleep (t3324-expired)"* ]]
	[[ $output == *'[1,"'*'"connect"]'* ]]
	[[ $stderr == *"0 damaged ranges"* ]]
}
