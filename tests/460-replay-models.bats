load helpers

# The models of hand-over and roaming (../shared/models): the right variants have no error, and the wrong ones must
# have one, or the model would prove nothing.

MODELS=$ROOT/../shared/models

setup() {
	vnep_setup
	requires spin
	requires gcc
	[[ -r $MODELS/handover.pml ]] || skip "no models here: ../shared/models"
}

# variants FILE MACRO, then of each variant: good or bad
variants() {
	local file=$1 macro=$2 n=0 word

	shift 2
	for word; do
		# as run.sh there, but nothing is optimized: compiling takes longer than looking
		spin -D"$macro=$n" -a "$MODELS/$file"
		gcc -O0 -w -DSAFETY -o pan pan.c
		run -0 ./pan -m200000
		echo "$output"
		case $word in
		good) [[ $output == *"errors: 0"* ]] ;;
		bad) [[ $output == *"errors: "[1-9]* ]] ;;
		esac
		n=$(( n + 1 ))
	done
}

@test "models: hand-over: drain-then-flip and flip-then-drain fail, gate and plug do not" {
	variants handover.pml V bad bad good good
}

@test "models: roaming: the snapshot pull fails, the end marker does not, also with a crash" {
	variants roam.pml R bad good good
}
