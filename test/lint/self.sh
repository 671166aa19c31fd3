#!/bin/bash
# A rule that cannot fail is none: each must find the fault planted for it in a
# small tree of its own, and must pass that tree without the fault.
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{doc,hostess,kernel,test/lint,bench} "$tree"/build/{hostess,kernel}
cp test/lint/*.sh test/lint/*.txt "$tree/test/lint/"
cp doc/layers.txt "$tree/doc/"
cp .clang-format "$tree/"
cd "$tree" || exit 1
export BUILD=build
bad=0

clean() {
	rm -f hostess/* kernel/* build/*/* doc/*.md
	printf '#include "hostess/x.h"\n\n#include <string.h>\n\n' >hostess/x.c
	printf 'int x(void)\n{\n\treturn 0; /* strcpy(a, b) */\n}\n' >>hostess/x.c
	printf 'int x(void);\n' >hostess/x.h
	printf 'int handle(void)\n{\n\treturn 0;\n}\n' >kernel/handle.c
}
build() { # RULE: where it looks at objects
	local file
	case $1 in symbols | mutable) ;; *) return ;; esac
	for file in hostess/x kernel/handle; do
		${CC:-gcc} -w -I. -fdata-sections -c -o build/$file.o $file.c
	done
}
# RULE FILE FAULT: the fault is appended to the file.
plant() {
	clean
	build "$1"
	if ! found=$(test/lint/"$1".sh 2>&1); then
		echo "test/lint/$1.sh:1: fails without a fault: $found"
		bad=1
	fi
	printf '%b\n' "$3" >>"$2"
	build "$1"
	if found=$(test/lint/"$1".sh 2>&1); then
		echo "test/lint/$1.sh:1: does not see: $3"
		bad=1
	elif ! grep -q "$2" <<<"$found"; then
		echo "test/lint/$1.sh:1: does not name $2: $found"
		bad=1
	fi
}

mkdir -p store
touch store/store.h line.h
many=$(printf '\\tx();\\n%.0s' {1..121})
plant layers hostess/x.c '#include "store/store.h"'
plant layers hostess/x.c '#include "line.h"'
plant layers hostess/x.c '#include <sqlite3.h>'
plant layers kernel/handle.c '#include <uthash.h>'
plant layers hostess/x.c '#include <unknown/thing.h>' 2>/dev/null
plant own-header kernel/handle.h 'int handle(void);'
plant banned hostess/x.c 'char *y(char *a)\n{\n\treturn strcpy(a, "b");\n}'
plant banned hostess/x.c '#ifdef Y\n#endif'
plant banned hostess/x.c 'typedef struct y y;'
plant length hostess/x.c "int y(void)\\n{\\n$many}"
plant length hostess/x.c "$(printf '\\n%.0s' {1..800})"
plant symbols kernel/handle.c 'int y(void)\n{\n\treturn getpid();\n}'
plant symbols kernel/handle.c 'int y(void)\n{\n\treturn clock_gettime();\n}'
plant mutable hostess/x.c 'int counter;'
plant mutable hostess/x.c 'static int y = 1;\nint *z(void)\n{\n\treturn &y;\n}'
plant secrets hostess/x.c 'int y(char *token)\n{\n\treturn memcmp(token, "abc",\n\t\t3);\n}'
plant secrets hostess/x.c 'int y(struct { char mac[4]; } *a)\n{\n\treturn memcmp("abc", a->mac, 3);\n}'
plant links doc/page.md 'see [that](nowhere.md)'
command -v clang-format >/dev/null &&
	plant format hostess/x.c 'int   y;'
exit $bad
