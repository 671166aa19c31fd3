#!/bin/bash
# No mutable globals: nothing of ours in .data or .bss, but what
# test/lint/mutable.txt allows with a reason.
found=$(find "$BUILD" -name '*.o' \
	-not -path "$BUILD/test/*" -not -path "$BUILD/bench/*" \
	-not -path '*/san-*' -not -path '*/cover/*' -not -path '*/fuzz/*' \
	-print0 | xargs -0 -r objdump -t 2>/dev/null | awk '
	FNR == NR { if (NF && !/^#/) allowed[$1, $2] = 1; next }
	/file format/ { file = $1; sub(/:$/, "", file); next }
	# value flags section size name
	{
		if (!match($0, /[ \t]\.(data|bss)[^ \t]*[ \t]/)) next
		section = substr($0, RSTART + 1, RLENGTH - 2)
		if (section ~ /^\.data\.rel\.ro/) next
		if ($0 !~ / O [.]/) next
		name = $NF; sub(/\.[0-9]+$/, "", name)
		source = file; sub(/^.*build\//, "", source)
		sub(/\.o$/, ".c", source)
		if ((source, name) in allowed) next
		# An object whose source is gone says nothing.
		if ((getline line < source) < 0) next
		close(source)
		print source ": " name " is a mutable global (" section ")"
	}' test/lint/mutable.txt -)
[ -z "$found" ] && exit 0
echo "$found"
exit 1
