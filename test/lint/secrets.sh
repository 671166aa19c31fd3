#!/bin/bash
# Secrets are compared by sodium_memcmp alone: memcmp tells by its time how
# many bytes were right.
. test/lint/files.sh
bad=0
for file in $(product_files); do
	found=$(code_of "$file" | awk '
	# The arguments of each compare, which may span lines.
	function look(text,    i, c) {
		for (i = 1; i <= length(text); i++) {
			c = substr(text, i, 1)
			if (c == "(") depth++
			if (c == ")" && --depth == 0) break
		}
		call = call " " substr(text, 1, i)
		if (depth > 0) return
		low = tolower(call)
		if (low ~ /(^|[^a-z])(token|tag|secret|mac|passphrase|password|confirmation|psk)s?([^a-z]|$)/)
			print line ": " call
		open = 0
		begin(substr(text, i + 1))
	}
	function begin(text) {
		if (!match(text, /(^|[^A-Za-z0-9_])(memcmp|bcmp|strn?cmp)[ ]?\(/))
			return
		line = NR; open = 1; depth = 0; call = ""
		look(substr(text, RSTART))
	}
	{ gsub(/[ \t]+/, " ") }
	open { look($0); next }
	{ begin($0) }')
	[ -z "$found" ] && continue
	sed -E "s|^([0-9]+): [ \t]*|$file:\1: compare with sodium_memcmp: |" \
		<<<"$found"
	bad=1
done
exit $bad
