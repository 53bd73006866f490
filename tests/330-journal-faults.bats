load helpers
load journal

@test "journal: a flipped bit is found by verify, and costs the one packet that it hit" {
	vnep-journal append -q <<<"$(packet AAAAAAAA; packet BBBBBBBB; packet CCCCCCCC)"
	sed -i 's/BBBBBBBB/BBBBBBBC/' "$(segment)"
	run -1 --separate-stderr vnep-journal verify
	some '.segment == "0000000001.pcapng" and .octets > 0 and .records == 1'
	some ".dev == \"$DEV\" and .seq == 2 and .records == 1"
	[[ $stderr == *"1 events missing"* ]]
	run -3 --separate-stderr vnep-journal read
	[ "$(jq .seq <<<"$output" | tr '\n' ' ')" = "1 2 3 " ]
	some '.seq == 2 and .kind == "corrupt" and .count == 1 and .reason == "io-error"'
	[[ $stderr == *"vnep-journal verify"* ]]
	run -0 vnep-journal read --pending
	some '.seq == 2 and .kind == "corrupt"'
}

@test "journal: without its index it is the same journal" {
	vnep-journal append -q <<<"$(packet one; packet two; note three)"
	vnep-journal read >before
	vnep-journal pending | jq -c 'del(.ts, .us)' >pending
	rm -r "$VNEP_STATE/journal/index"
	vnep-journal read | cmp - before
	vnep-journal pending | jq -c 'del(.ts, .us)' | cmp - pending
}

@test "journal: an index that is not LMDB is made anew" {
	vnep-journal append -q <<<"$(note one)"
	echo garbage >"$VNEP_STATE/journal/index/data.mdb"
	run -0 --separate-stderr vnep-journal append <<<"$(note two)"
	record '.seq == 2'
}

@test "journal: after a power cut with an index that nobody finished, it is made anew" {
	vnep-journal append -q <<<"$(note one; note two)"
	rm "$VNEP_STATE/journal/index/clean"
	echo "00000000-0000-0000-0000-000000000000" >"$VNEP_STATE/journal/index/boot"
	truncate -s 8192 "$VNEP_STATE/journal/index/data.mdb"
	run -0 --separate-stderr vnep-journal append <<<"$(note three)"
	record '.seq == 3'
}

@test "journal: a torn tail is cut and said, damage is not cut" {
	vnep-journal append -q <<<"$(note one)"
	printf 'torn' >>"$(segment)"
	run -0 --separate-stderr vnep-journal append <<<"$(note two)"
	[[ $stderr == *"cut a torn tail of 4 octets that were never acknowledged"* ]]
	record '.seq == 2'
	run -0 vnep-journal verify
}

@test "journal: a full disk is exit 3, the old data is intact, and it goes on when there is room" {
	ns_start
	mkdir "$T/disk"
	ns mount -t tmpfs -o size=1m none "$T/disk"
	export STATE=$T/disk/state
	note first >one
	notes 20000 >many
	ns vnep-journal append -q --state "$STATE" <one
	run -3 --separate-stderr ns vnep-journal append --state "$STATE" <many
	[[ $stderr == "vnep-journal: "*": No space left on device" ]] || { echo "$stderr"; return 1; }
	local answered=${#lines[@]}
	ns bash -c "cat /dev/zero >'$T/disk/filler'" 2>/dev/null || true
	run -3 --separate-stderr ns vnep-journal append --state "$STATE" <many
	# A first small group may still fit into the last page of the segment; then it was answered, too.
	answered=$(( answered + ${#lines[@]} ))
	run -0 --separate-stderr ns vnep-journal verify --state "$STATE"
	[[ $stderr == "vnep-journal: $(( answered + 1 )) records of 1 devices, 0 damaged ranges, 0 events missing" ]]
	run -0 ns vnep-journal read --state "$STATE"
	[ "$(jq -r .text <<<"${lines[0]}")" = first ]
	ns rm "$T/disk/filler"
	ns mount -o remount,size=4m "$T/disk"
	run -0 ns vnep-journal append --state "$STATE" <one
	record ".seq == $(( answered + 2 ))"
}

@test "journal: a disk that is full from the start is exit 3" {
	ns_start
	mkdir "$T/disk"
	ns mount -t tmpfs -o size=16k none "$T/disk"
	note one >one
	run -3 --separate-stderr ns vnep-journal append --state "$T/disk/state" <one
	[[ $stderr == *"No space left on device"* ]]
}

@test "journal: a folder that cannot be written is exit 3, and reading goes on" {
	ns_start
	mkdir "$T/disk"
	ns mount -t tmpfs none "$T/disk"
	note one >one
	ns vnep-journal append -q --state "$T/disk/state" <one
	ns mount -o remount,ro "$T/disk"
	run -3 --separate-stderr ns vnep-journal append --state "$T/disk/state" <one
	[[ $stderr == *"Read-only file system"* ]]
	run -0 ns vnep-journal read --state "$T/disk/state"
	[ "${#lines[@]}" -eq 1 ]
}

@test "journal: a folder that is a link, or that everybody may write to, is refused with exit 3" {
	mkdir real
	ln -s real link
	run -3 --separate-stderr vnep-journal append --state "$T/link" <<<"$(note one)"
	[[ $stderr == *"symbolic link"* ]]
	vnep-journal append -q --state "$T/real" <<<"$(note one)"
	chmod o+w real/journal
	run -3 --separate-stderr vnep-journal append --state "$T/real" <<<"$(note two)"
	[[ $stderr == *"writable for everybody"* ]]
	run -3 vnep-journal read --state "$T/real"
}

@test "journal: while another writer keeps the lock, append is exit 5 and names it; reading goes on" {
	vnep-journal append -q <<<"$(note one)"
	exec {lock}<>"$VNEP_STATE/journal/lock"
	flock "$lock"
	run -5 --separate-stderr vnep-journal append <<<"$(note two)"
	[[ $stderr == *"is in use by another writer (process "* ]]
	run -0 vnep-journal read
	[ "${#lines[@]}" -eq 1 ]
	exec {lock}>&-
}

@test "journal: an edge that does not answer is exit 5; nobody writes past it" {
	exec {lock}<>"$VNEP_STATE/lock"
	flock "$lock"
	echo '{"pid":1,"tool":"vnep-edge","socket":"/nowhere/sock"}' >"$VNEP_STATE/lock"
	run -5 --separate-stderr vnep-journal append <<<"$(note one)"
	[[ $stderr == *"does not answer"* ]]
	run -5 vnep-journal checkpoint --dev "$DEV"
	[ ! -e "$VNEP_STATE/journal" ]
	exec {lock}>&-
}
