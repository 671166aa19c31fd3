#!/bin/bash
# Secrets are compared by sodium_memcmp alone: memcmp tells by its time how
# many bytes were right.
. test/lint/files.sh
bad=0
for file in $(product_files); do
	found=$(code_of "$file" | awk '
	# A call may span lines: take it up to its closing semicolon.
	{
		if (open) { text = text " " $0 }
		else if (match($0, /(^|[^A-Za-z0-9_])(memcmp|bcmp|strn?cmp)[ ]?\(/)) {
			text = substr($0, RSTART); line = NR; open = 1
		} else next
		if (text ~ /[;{]/ || NR - line > 4) {
			low = tolower(text)
			if (low ~ /(^|[^a-z])(token|tag|secret|mac|passphrase|password|confirmation|psk)s?([^a-z]|$)/)
				print line ": " text
			open = 0
		}
	}')
	[ -z "$found" ] && continue
	sed -E "s|^([0-9]+): [ \t]*|$file:\1: compare with sodium_memcmp: |" \
		<<<"$found"
	bad=1
done
exit $bad
