#!/bin/bash
# docker/root.sh DIR PROGRAM...: puts programs into DIR/usr/bin and the shared
# libraries they need where they look for them. Of a release, the binary alone.
set -eu
root=$1
shift
mkdir -p "$root/usr/bin" "$root/etc" "$root/tmp" /var/empty-state
chmod 1777 "$root/tmp"
for program in "$@"; do
	case $program in
	*.tar.gz | *.json) continue ;;
	*/posthouse-*) name=posthouse ;;
	*) name=${program##*/} ;;
	esac
	install -m 0755 "$program" "$root/usr/bin/$name"
	# "libc.so.6 => /lib/.../libc.so.6 (0x...)", "/lib64/ld-... (0x...)"
	ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }
		$1 ~ /^\// { print $1 }' | while read -r library; do
		mkdir -p "$root$(dirname "$library")"
		cp -L "$library" "$root$library"
	done
done
if [ -x "$root/usr/bin/posthouse" ]; then
	echo 'posthouse:x:65532:65532:posthouse:/var/lib/posthouse:/' \
		>"$root/etc/passwd"
	echo 'posthouse:x:65532:' >"$root/etc/group"
	echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
fi
