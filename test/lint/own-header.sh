#!/bin/bash
# X.c includes X.h before anything else: so each header stands on its own.
. test/lint/files.sh
product_files | awk '
/\.h$/ { there[$0] = 1; next }
{ sources[++count] = $0 }
END {
	for (i = 1; i <= count; i++) {
		file = sources[i]
		header = substr(file, 1, length(file) - 1) "h"
		if (!(header in there)) continue
		number = first = 0
		while (!first && (getline line < file) > 0) {
			number++
			if (line ~ /^#include/) first = line
		}
		close(file)
		if (first != "#include \"" header "\"") {
			print file ":" number ": the first include is not \"" \
				header "\""
			bad = 1
		}
	}
	exit bad
}'
