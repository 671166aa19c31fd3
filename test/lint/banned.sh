#!/bin/bash
# What is not written here.
. test/lint/files.sh
bad=0
# FILE PATTERN WHY
ban() {
	local found
	found=$(code_of "$1" | grep -nE "$2") || return 0
	sed -E "s|^([0-9]+):[ \t]*|$1:\1: $3: |" <<<"$found"
	bad=1
}
# A member's call (hal.sleep) is the kernel's own word, not the C library's.
name='(^|[^A-Za-z0-9_.>])'
for file in $(all_files); do
	ban "$file" "$name(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)[ ]?\(" \
		'banned function'
done
for file in $(product_files); do
	ban "$file" "$name(system|popen|rand|random|srand|tmpnam|mktemp)[ ]?\(" \
		'banned function'
	ban "$file" "${name}typedef +(struct|union|enum)" \
		'no typedef of structs'
	case $file in
	*.c) ban "$file" '^[ \t]*#[ \t]*(if|ifdef|ifndef)([^a-z]|$)' \
		'no #ifdef in product code' ;;
	esac
done
for file in $(find test -name '*.c'); do
	ban "$file" "$name(sleep|usleep|nanosleep)[ ]?\(" \
		'tests do not sleep: poll with a deadline'
done
for file in $(find test examples -name '*.sh' 2>/dev/null); do
	found=$(grep -nE '(^|[;&|[:space:]])sleep +[1-9]' "$file") || continue
	sed "s|^|$file:|; s|\$| (poll with a deadline)|" <<<"$found"
	bad=1
done
exit $bad
