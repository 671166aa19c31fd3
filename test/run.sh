#!/bin/bash
# Runs test programs and scripts, tells what failed, and closes with one line:
# N passed, N failed[, N skipped].
#
#   test/run.sh BUILD PROGRAM...
#
# In two lanes where there are two processors: scripts mostly wait for their
# nodes. PH_LANES=1: one after another; so do the
# long doses, whose figures are to be of a calm machine.
#
# A program is a cmocka program, a corpus replay (BUILD/test/fuzz/fuzz_X), or a
# script NAME.sh: exit 0 passed, 77 skipped, anything else failed. Each has
# POSTHOUSE (the binary), BUILD, and PH_DOSE (full: the long doses) in its
# environment, and a deadline.
set -u

BUILD=$1
shift
cd "$(dirname "$0")/.." || exit 1
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
export BUILD
export POSTHOUSE=$BUILD/posthouse
export CMOCKA_MESSAGE_OUTPUT=TAP
# Sanitizers end a program at the first finding, leaks included.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}

deadline=${PH_TEST_DEADLINE:-300}
[ "${PH_DOSE:-}" = full ] && deadline=${PH_TEST_DEADLINE:-7200}

lanes=${PH_LANES:-2}
[ "${PH_DOSE:-}" = full ] || [ "$(nproc 2>/dev/null || echo 1)" -lt 2 ] &&
	lanes=${PH_LANES:-1}

passed=0 failed=0 skipped=0
scratch=$(mktemp -d)
# A test may act as another user below it: passing through is allowed.
chmod 711 "$scratch"
# What runs beside is ended with the runner; each knows what it started.
beside=
trap '[ -z "$beside" ] || kill "$beside" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# Prints "PASSED FAILED SKIPPED" of what a cmocka program wrote. Results that
# were planned and never came count as one failure.
count_results() {
	awk '
	match($0, /^1\.\.[0-9]+/) && !plan { plan = substr($0, 4) + 0 }
	match($0, /(not )?ok [0-9]+ (- |# SKIP )/) {
		word = substr($0, RSTART, RLENGTH)
		number = word; gsub(/[^0-9]/, "", number)
		if (number in seen) next
		seen[number] = 1; came++
		if (word ~ /SKIP/) skip++
		else if (word ~ /^not/) bad++
		else good++
	}
	END {
		if (!plan || came < plan) bad++
		print good + 0, bad + 0, skip + 0
	}' "$1"
}

# NAME PASSED FAILED SKIPPED SECONDS
tell() {
	printf '  %-36s %5d passed' "$1" "$2"
	[ "$3" -gt 0 ] && printf ', %d FAILED' "$3"
	[ "$4" -gt 0 ] && printf ', %d skipped' "$4"
	printf '  %4d.%02d s\n' $(($5 / 100)) $(($5 % 100))
}

why() {
	case $1 in
	0) ;;
	124 | 137) echo "      took longer than $deadline s" ;;
	*) [ "$1" -gt 128 ] && echo "      ended by signal $(($1 - 128))" ;;
	esac
}

run_one() {
	local program=$1 name begin code good bad skip=0
	local output=$scratch/$lane.output room=$scratch/$lane
	name=${program#"$BUILD"/}
	name=${name#"$PWD"/}
	name=${name#test/}
	begin=$(($(date +%s%N) / 10000000))
	mkdir -p "$room"
	chmod 711 "$room"
	shift
	# The braces take what the shell itself says of signals; why() tells.
	{
		TMPDIR=$room timeout -k 5 "$deadline" "$program" "$@" \
			>"$output" 2>&1 </dev/null
		code=$?
	} 2>/dev/null
	rm -rf "$room"
	case $program in
	*_test)
		read -r good bad skip < <(count_results "$output")
		[ $code -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
		;;
	*)
		good=0 bad=0
		case $code in
		0) good=1 ;;
		77) skip=1 ;;
		*) bad=1 ;;
		esac
		;;
	esac
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
	tell "$name" "$good" "$bad" "$skip" \
		$(($(date +%s%N) / 10000000 - begin))
	if [ "$bad" -gt 0 ]; then
		why $code
		grep -avE '^ok [0-9]+ ' "$output" | tail -n 80 | sed 's/^/      /'
	elif [ "$skip" -gt 0 ]; then
		grep -aE 'SKIP|skip|needs' "$output" | tail -n 5 |
			sed 's/^/      /'
	fi
}

# LANE PROGRAM...: one after another; the report of each comes in one piece.
run_lane() {
	local lane=$1 program
	shift
	for program in "$@"; do
		[ "${program#/}" = "$program" ] && program=$PWD/$program
		case $program in
		*/fuzz_*)
			run_one "$program" \
				"test/fuzz/corpus/${program##*/fuzz_}"
			;;
		*) run_one "$program" ;;
		esac >"$scratch/$lane.report"
		flock "$scratch" cat "$scratch/$lane.report"
	done
}

# In one lane meshes on this machine and the command line; in the other programs,
# and then the hosts of namespaces.
meshes=() programs=() hosts=() alone=()
for program in "$@"; do
	case $program in
	# It measures single turns of a loop, so nothing runs beside it.
	*/mesh/slow.sh) alone+=("$program") ;;
	*/netns/*.sh) hosts+=("$program") ;;
	*.sh) meshes+=("$program") ;;
	*) programs+=("$program") ;;
	esac
done
programs+=("${hosts[@]}")
if [ "$lanes" -gt 1 ] && [ ${#meshes[@]} -gt 0 ] &&
	[ ${#programs[@]} -gt 0 ]; then
	(
		trap - EXIT
		run_lane b "${programs[@]}"
		echo "$passed $failed $skipped" >"$scratch/b.sums"
	) &
	beside=$!
	run_lane a "${meshes[@]}"
	wait "$beside"
	beside=
	read -r good bad skip 2>/dev/null <"$scratch/b.sums" ||
		good=0 bad=1 skip=0
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
	run_lane a "${alone[@]}"
else
	run_lane a "$@"
fi

echo
printf '%d passed, %d failed' $passed $failed
[ $skipped -gt 0 ] && printf ', %d skipped' $skipped
echo
[ $failed -eq 0 ] && [ $passed -gt 0 ]
