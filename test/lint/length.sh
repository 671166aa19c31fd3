#!/bin/bash
# Functions warn past 60 lines and fail past 120; files past 400 and 800.
. test/lint/files.sh
all_files | xargs awk '
function finish() {
	if (file == "") return
	if (count > 800) {
		print file ":" count ": " count " lines, at most 800"; bad = 1
	} else if (count > 400)
		print "warning: " file ": " count " lines (aim at 400)"
}
FNR == 1 { finish(); file = FILENAME; begin = 0; head = "" }
{ count = FNR }
/^[A-Za-z_].*\(/ { head = $0 }
/^{$/ { begin = FNR; name = head; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
/^}$/ && begin {
	long = FNR - begin - 1; begin = 0
	if (long > 120) {
		print file ":" FNR ": " name " has " long " lines, at most 120"
		bad = 1
	} else if (long > 60)
		print "warning: " file ":" FNR ": " name " has " long \
			" lines (aim at 25)"
}
END { finish(); exit bad }'
