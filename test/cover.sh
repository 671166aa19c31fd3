#!/bin/bash
# Sums up which lines ran, folder by folder.  test/cover.sh BUILD
set -u
cd "$(dirname "$0")/.." || exit 1
[ -d "$1" ] || exit 1
find "$1" -name '*.gcda' ! -path '*/test/*' ! -path '*/bench/*' -print0 |
	xargs -0 -r gcov -n -r -s "$PWD" 2>/dev/null |
	awk '
	/^File / { file = $2; gsub(/\047/, "", file) }
	/^Lines executed:/ && file ~ /\.c$/ {
		split($0, part, /[:% ]+/)
		percent = part[3]; total = part[5]
		folder = file; sub(/\/.*/, "", folder)
		# A file may come twice; the better figure is the later link.
		hit = percent * total / 100
		if (!(file in best) || hit > best[file]) best[file] = hit
		lines[file] = total; home[file] = folder; file = ""
	}
	END {
		for (f in best) {
			ran[home[f]] += best[f]; of[home[f]] += lines[f]
			all += best[f]; every += lines[f]
			printf "  %-36s %6.1f %% of %5d lines\n", f, \
				100 * best[f] / (lines[f] ? lines[f] : 1), \
				lines[f] | "sort"
		}
		close("sort")
		print ""
		for (d in of)
			printf "  %-36s %6.1f %% of %5d lines\n", d "/", \
				100 * ran[d] / of[d], of[d] | "sort"
		close("sort")
		if (every)
			printf "\n%.1f %% of %d lines ran\n", \
				100 * all / every, every
	}'
