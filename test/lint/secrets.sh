#!/bin/bash
# Secrets are compared by sodium_memcmp alone: memcmp tells by its time how
# many bytes were right.
. test/lint/files.sh
found=$(code_of $(product_files) </dev/null | awk '
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
			print line ": compare with sodium_memcmp:" call
		open = 0
		begin(substr(text, i + 1))
	}
	function begin(text) {
		if (!match(text, /(^|[^A-Za-z0-9_])(memcmp|bcmp|strn?cmp)[ ]?\(/))
			return
		line = file; open = 1; depth = 0; call = ""
		look(substr(text, RSTART))
	}
	{
		match($0, /^[^:]*:[0-9]+:/)
		file = substr($0, 1, RLENGTH - 1)
		$0 = substr($0, RLENGTH + 1)
		gsub(/[ \t]+/, " ")
	}
	open { look($0); next }
	{ begin($0) }')
[ -z "$found" ] && exit 0
echo "$found"
exit 1
