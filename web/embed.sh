#!/bin/sh
# web/embed.sh OUT FILE...: the files as a table in C (node/web_files.h), plain
# and gzip'ed. index.html is "/", too.
set -eu
out=$1
shift

type_of() {
	case $1 in
	*.html) echo 'text/html; charset=utf-8' ;;
	*.js) echo 'text/javascript; charset=utf-8' ;;
	*.css) echo 'text/css; charset=utf-8' ;;
	*.svg) echo 'image/svg+xml' ;;
	*.png) echo 'image/png' ;;
	*)
		echo "embed: $1: what type is that?" >&2
		exit 1
		;;
	esac
}

bytes() {
	echo "static const uint8_t $1[] = {"
	od -An -v -tx1 | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
	echo '0};'
}

row() {
	printf '{"%s", "%s", "\\"%s\\"", plain_%d, sizeof(plain_%d) - 1, ' \
		"$1" "$2" "$3" "$4" "$4"
	printf 'packed_%d, sizeof(packed_%d) - 1},\n' "$4" "$4"
}

{
	echo '#include "node/web_files.h"'
	n=0 rows=
	for file in "$@"; do
		bytes plain_$n <"$file"
		gzip -9nc "$file" | bytes packed_$n
		type=$(type_of "$file")
		tag=$(sha256sum <"$file" | cut -c1-16)
		rows="$rows$(row "/${file#*web/}" "$type" "$tag" $n)
"
		[ "${file##*/}" != index.html ] ||
			rows="$rows$(row / "$type" "$tag" $n)
"
		n=$((n + 1))
	done
	echo 'const struct ph_web_file ph_web_files[] = {'
	printf '%s' "$rows"
	echo '{0}};'
} >"$out.new"
mv "$out.new" "$out"
