#!/bin/bash
# What is not written here.
. test/lint/files.sh
bad=0
# PATTERN WHY: of the code on standard input; a pattern begins after FILE:LINE:.
ban() {
	local found
	found=$(grep -E "^[^:]*:[0-9]+:$1") || return 0
	sed -E "s|^([^:]*:[0-9]+):[ \t]*|\1: $2: |" <<<"$found"
	bad=1
}
code=$(mktemp)
trap 'rm -f "$code"' EXIT
code_of $(all_files) </dev/null >"$code"
of_product() {
	local any
	any=$(echo $product_folders | tr " " "|")
	grep -E "^($any)/" "$code"
}
# A member's call (hal.sleep) is the kernel's own word, not the C library's.
name='(.*[^A-Za-z0-9_.>])?'
ban "$name(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)[ ]?\(" \
	'banned function' <"$code"
ban "$name(system|popen|rand|random|srand|tmpnam|mktemp)[ ]?\(" \
	'banned function' < <(of_product)
ban "${name}typedef +(struct|union|enum)" \
	'no typedef of structs' < <(of_product)
ban '[ \t]*#[ \t]*(if|ifdef|ifndef)([^a-z]|$)' \
	'no #ifdef in product code' < <(of_product | grep '^[^:]*\.c:')
ban "$name(sleep|usleep|nanosleep)[ ]?\(" \
	'tests do not sleep: poll with a deadline' < <(grep '^test/[^:]*\.c:' "$code")
found=$(find test examples -name '*.sh' -exec \
	grep -nE '(^|[;&|[:space:]])sleep +[1-9]' /dev/null {} + 2>/dev/null)
if [ -n "$found" ]; then
	sed 's|$| (poll with a deadline)|' <<<"$found"
	bad=1
fi
exit $bad
