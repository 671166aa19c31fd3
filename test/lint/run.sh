#!/bin/bash
# Every rule of the house, one script each.  test/lint/run.sh BUILD
#
# A rule prints what it found as FILE:LINE: text and exits 1; 77 means that its
# tool is not here. Lines that begin with "warning:" do not fail it.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${1:-build}
passed=0 failed=0 skipped=0
for rule in self layers own-header banned length format symbols mutable secrets \
	links; do
	found=$(test/lint/$rule.sh)
	case $? in
	0) word=passed passed=$((passed + 1)) ;;
	77) word=skipped skipped=$((skipped + 1)) ;;
	*) word=FAILED failed=$((failed + 1)) ;;
	esac
	printf '  %-12s %s\n' $rule $word
	[ -n "$found" ] && sed 's/^/      /' <<<"$found"
done
echo
printf '%d passed, %d failed' $passed $failed
[ $skipped -gt 0 ] && printf ', %d skipped' $skipped
echo
[ $failed -eq 0 ]
