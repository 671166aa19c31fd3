#!/bin/bash
# X.c includes X.h before anything else: so each header stands on its own.
. test/lint/files.sh
bad=0
for file in $(product_files); do
	case $file in *.h) continue ;; esac
	header=${file%.c}.h
	[ -f "$header" ] || continue
	first=$(grep -m1 -nE '^#include' "$file")
	if [ "${first#*:}" != "#include \"$header\"" ]; then
		echo "$file:${first%%:*}: the first include is not \"$header\""
		bad=1
	fi
done
exit $bad
