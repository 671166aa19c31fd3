#!/bin/bash
# debian/build.sh OUT: builds the packages from what is committed or changed
# here, in a copy, has lintian look at them, and tries whether the program that
# is in them closes what RFC 6455 forbids: that hangs on how it is linked.
set -eu -o pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
out=$(cd "$1" && pwd)
rm -rf "$out"/*
mkdir "$out/source"
git ls-files -z --cached --others --exclude-standard |
	xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' - |
	tar --null -T - -c | tar -x -C "$out/source"
(cd "$out/source" && dpkg-buildpackage -b -us -uc) >"$out/log" 2>&1 || {
	tail -n 40 "$out/log" >&2
	echo "deb: the build failed; all of it: $out/log" >&2
	exit 1
}
rm -rf "$out/source"
# lintian wants to know who is asked; it is the packages' only judge here.
lintian --fail-on error,warning --allow-root "$out"/*.changes
dpkg-deb -x "$out"/posthouse_*.deb "$out/root"
POSTHOUSE=$out/root/usr/bin/posthouse bash test/mesh/terminal.sh \
	>"$out/terminal" 2>&1 || [ $? -eq 77 ] || {
	tail -n 40 "$out/terminal" >&2
	echo "deb: the program in it does not do as test/mesh/terminal.sh wants:" \
		"see above, and how LINK=dynamic links (Makefile)" >&2
	exit 1
}
rm -rf "$out/root"
ls -1 "$out"/*.deb
