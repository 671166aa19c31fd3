#!/bin/bash
# .clang-format, to the letter.
. test/lint/files.sh
if ! command -v clang-format >/dev/null 2>&1; then
	echo 'needs clang-format (make deps-lint)'
	exit 77
fi
found=$(all_files | xargs clang-format --dry-run -Werror 2>&1) && exit 0
grep -E ': error: ' <<<"$found" | cut -d: -f1,2 | sort -t: -k1,1 -k2,2n -u |
	awk -F: '{ if (!($1 in n)) first[$1] = $2; n[$1]++ }
	END { for (f in n) print f ":" first[f] ": " n[f] \
		" lines are not as clang-format -i would have them" }' | sort
exit 1
