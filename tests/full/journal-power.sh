#!/usr/bin/env bash
# journal-power - power cuts for a file system under a writing journal: what was acknowledged is there afterwards.
#
# journal-power.sh [CUTS]: default 200. A loop-mounted ext4 in turn with data=ordered, writeback and journal. One line
# of figures; exit 1 if something that was acknowledged is lost, 77 (and the reason) where loop mounts are impossible.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
build=${VNEP_BUILD:-$PWD/build}
[[ $build == /* ]] || build=$PWD/$build
PATH=$build/bin:$build/tests:$PATH:/usr/sbin:/sbin
cuts=${1:-200} lost=0 acked_in_all=0 damaged=0 done=0
dev=urn:dev:mac:00005efffe005301
dir=$(mktemp -d) || exit 3
export VNEP_STATE=$dir/mnt/state

skip() {
	echo "power-cuts: skipped: $1"
	exit 77
}

end() {
	[[ -z ${writer:-} ]] || kill -KILL "$writer" 2>/dev/null
	umount "$dir/mnt" 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM

(( EUID == 0 )) || skip "mounting needs root"
# A mount namespace of our own: nobody else's keeps the dead file system alive.
if [[ -z ${VNEP_POWER_NS:-} ]]; then
	unshare --mount --propagation private true 2>/dev/null || skip "no mount namespace here"
	VNEP_POWER_NS=1 unshare --mount --propagation private "$PWD/tests/full/journal-power.sh" "$cuts"
	exit
fi
type -P mkfs.ext4 >/dev/null || skip "mkfs.ext4 is missing: apt-get install e2fsprogs"
mkdir "$dir/mnt"
truncate -s 64M "$dir/disk"
mkfs.ext4 -q "$dir/disk" || skip "mkfs.ext4 failed"
mount -o loop "$dir/disk" "$dir/mnt" 2>/dev/null || skip "loop devices cannot be mounted here"
umount "$dir/mnt"

# Notes without end, some of them many at once.
feed() {
	awk -v dev="$dev" 'BEGIN { for (i = 1; ; i++) {
		printf "{\"type\":\"event\",\"v\":1,\"dev\":\"%s\",\"kind\":\"note\",\"text\":\"%d\"}\n", dev, i
		if (i % 50 == 0) fflush() } }'
}

modes=(ordered writeback journal)
for (( cut = 0; cut < cuts; cut++ )); do
	mount -o "loop,data=${modes[cut % 3]}" "$dir/disk" "$dir/mnt" || exit 3
	if (( cut % 20 == 0 )); then
		rm -rf "$VNEP_STATE" # room again
		last=0
	fi
	# a shell around it keeps its death to itself: the index is mapped, and its disk goes away
	bash -c 'vnep-journal append; exit 0' < <(feed) >"$dir/acked" 2>/dev/null &
	writer=$!
	# some ten to some hundred milliseconds, and at least something acknowledged now and then
	read -rt "0.0$(( RANDOM % 90 + 10 ))" <> <(:) || true
	(( cut % 2 )) || until [[ -s $dir/acked ]] || ! kill -0 "$writer" 2>/dev/null; do
		read -rt 0.01 <> <(:) || true
	done
	shutdown "$dir/mnt" || exit 3
	wait "$writer" 2>/dev/null
	writer=
	umount "$dir/mnt" || exit 3
	mount -o "loop,data=${modes[cut % 3]}" "$dir/disk" "$dir/mnt" || exit 3
	# its last line may be cut; nobody was told what it says
	acked=$(grep '"durable":true}$' "$dir/acked" | tail -n 1 | sed 's/.*"seq":\([0-9]*\),.*/\1/')
	acked=${acked:-$last}
	head=0
	if [[ -d $VNEP_STATE/journal ]]; then
		head=$(vnep-journal append <<<"{\"type\":\"event\",\"v\":1,\"dev\":\"$dev\",\"kind\":\"note\"}" \
			2>/dev/null | sed 's/.*"seq":\([0-9]*\),.*/\1/')
		head=$(( ${head:-1} - 1 ))
		vnep-journal verify -q >/dev/null 2>&1 || damaged=$(( damaged + 1 ))
	fi
	(( head >= acked )) || { lost=$(( lost + acked - head )); echo "cut $cut: $acked acknowledged, $head there" >&2; }
	acked_in_all=$(( acked_in_all + acked - last ))
	last=$(( head + 1 ))
	done=$(( done + 1 ))
	umount "$dir/mnt" || exit 3
done
echo "power-cuts: cuts=$done acked=$acked_in_all acked-lost=$lost damaged=$damaged"
(( lost == 0 && damaged == 0 && acked_in_all > 0 ))
