#!/bin/bash
# Runs every fuzzer for a while, from the corpus in the tree. What it finds new
# stays in build/fuzz/corpus; what breaks it in build/fuzz/crash.
#
#   test/fuzz/run.sh SECONDS FUZZER...
set -u
seconds=$1
shift
passed=0 failed=0
mkdir -p build/fuzz/crash
for fuzzer in "$@"; do
	name=${fuzzer##*/fuzz_}
	log=build/fuzz/$name.log
	found=build/fuzz/corpus/$name
	seeds=test/fuzz/corpus/$name
	mkdir -p "$found"
	[ -d "$seeds" ] || seeds=
	if "$fuzzer" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/crash/$name-" \
		"$found" $seeds >"$log" 2>&1; then
		passed=$((passed + 1))
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		printf '  %-24s %12s runs, no finding\n' "$name" "$runs"
	else
		failed=$((failed + 1))
		printf '  %-24s FAILED, see %s:\n' "$name" "$log"
		tail -n 40 "$log" | sed 's/^/      /'
	fi
done
echo
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
