#!/bin/bash
# Every relative link of a page leads to something that is there.
bad=0
for page in README.md doc/*.md; do
	[ -e "$page" ] || continue
	folder=. && [ "$page" = "${page%/*}" ] || folder=${page%/*}
	while IFS=: read -r line link; do
		target=${link#](}
		target=${target%)}
		target=${target%%#*}
		case $target in '' | *://* | mailto:*) continue ;; esac
		if [ ! -e "$folder/$target" ]; then
			echo "$page:$line: no such file: $target"
			bad=1
		fi
	done < <(grep -noE '\]\([^) ]+\)' "$page")
done
exit $bad
