#!/bin/bash
# debian/release.sh BUILD OUT NAME VERSION -lLIBRARY...
#
# Leaves in OUT: NAME (the stripped binary), NAME.tar.gz (binary, manuals,
# completions, unit, client library), NAME.spdx.json (what is linked into it,
# as SPDX 2.3) and SHA256SUMS. Fails when the binary is over 8 MB or needs more
# than glibc.
set -eu -o pipefail
cd "$(dirname "$0")/.."
build=$1 out=$2 name=$3 version=$4
shift 4
limit=8000000
# The date of the last change, so that the same source gives the same files.
date=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}

fail() {
	echo "release: $*" >&2
	exit 1
}

rm -rf "$out"
mkdir -p "$out/root"
install -m 0755 "$build/release.bin" "$out/$name"
size=$(stat -c %s "$out/$name")
[ "$size" -le $limit ] || fail "$name has $size bytes, more than $limit"
needs=$(objdump -p "$out/$name" | awk '$1 == "NEEDED" { print $2 }')
for library in $needs; do
	case $library in
	libc.so.* | libm.so.* | ld-linux*.so.*) ;;
	*) fail "$name needs $library, which is not glibc" ;;
	esac
done

# --- what is linked in: the packages that own the archives
component() { # PACKAGE VERSION
	jq -n --arg name "$1" --arg version "$2" '{
		SPDXID: ("SPDXRef-" + ($name | gsub("[^A-Za-z0-9.-]"; "-"))),
		name: $name, versionInfo: $version,
		downloadLocation: "NOASSERTION", filesAnalyzed: false,
		licenseConcluded: "NOASSERTION",
		licenseDeclared: "NOASSERTION",
		copyrightText: "NOASSERTION",
		externalRefs: [{referenceCategory: "PACKAGE-MANAGER",
			referenceType: "purl",
			referenceLocator:
				"pkg:deb/debian/\($name)@\($version | @uri)"}]}'
}

components() {
	local flag file package
	for flag in "$@"; do
		file=$(${CC:-gcc} -print-file-name="lib${flag#-l}.a")
		[ -e "$file" ] || fail "no archive for $flag"
		file=$(realpath "$file")
		package=$(dpkg-query -S "$file" 2>/dev/null |
			sed 's/:.*//' | head -n 1)
		[ -n "$package" ] || package=${flag#-l}
		component "$package" "$(dpkg-query -W -f '${Version}' \
			"$package" 2>/dev/null || echo unknown)"
	done | jq -s 'unique_by(.SPDXID)'
}

sum=$(sha256sum "$out/$name" | cut -d' ' -f1)
components "$@" | jq --arg name "$name" --arg version "$version" \
	--arg sum "$sum" --arg when "$(date -u -d "@$date" +%FT%TZ)" '
	{spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0",
	 SPDXID: "SPDXRef-DOCUMENT", name: $name,
	 documentNamespace: ("urn:posthouse:" + $name + ":" + $sum),
	 creationInfo: {created: $when, creators: ["Tool: make release"]},
	 packages: ([{SPDXID: "SPDXRef-posthouse", name: "posthouse",
		versionInfo: $version, downloadLocation: "NOASSERTION",
		filesAnalyzed: false, packageFileName: $name,
		checksums: [{algorithm: "SHA256", checksumValue: $sum}],
		licenseConcluded: "NOASSERTION",
		licenseDeclared: "NOASSERTION",
		copyrightText: "NOASSERTION"}] + .),
	 relationships: ([{spdxElementId: "SPDXRef-DOCUMENT",
		relationshipType: "DESCRIBES",
		relatedSpdxElement: "SPDXRef-posthouse"}] +
		[.[] | {spdxElementId: "SPDXRef-posthouse",
			relationshipType: "STATIC_LINK",
			relatedSpdxElement: .SPDXID}])}' \
	>"$out/$name.spdx.json"

# --- the tarball: the same as `make install`, with the stripped binary
make --no-print-directory install DESTDIR="$PWD/$out/root" PREFIX=/usr/local \
	>/dev/null
install -m 0755 "$out/$name" "$out/root/usr/local/bin/posthouse"
mv "$out/root/usr/local" "$out/root/$name"
cp README.md "$out/$name.spdx.json" "$out/root/$name/"
tar -C "$out/root" --sort=name --owner=0 --group=0 --numeric-owner \
	--mtime="@$date" -c "$name" | gzip -9n >"$out/$name.tar.gz"
rm -rf "$out/root"
(cd "$out" && sha256sum "$name" "$name.tar.gz" "$name.spdx.json" >SHA256SUMS)
printf '%s: %d bytes; needs %s\n' "$out/$name" "$size" "${needs//$'\n'/ }"
ls -1 "$out"
