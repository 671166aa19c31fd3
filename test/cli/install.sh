#!/bin/bash
# What is handed to people: an installation, its manuals, completions and unit,
# and the release file, which needs nothing but glibc.
. "$(dirname "$0")/lib.bash"
: "${BUILD:=$PWD/build}"
cd "$(dirname "$0")/../.." || exit 1
[ "$BUILD" = "$PWD/build" ] || {
	echo "# a build with sanitizers is not handed to anybody"
	exit 77
}
make --no-print-directory install DESTDIR="$W" PREFIX=/opt/house >"$W/log" 2>&1 ||
	fail "make install: $(tail -n 5 "$W/log")"
root=$W/opt/house
for file in bin/posthouse include/posthouse.h lib/libposthouse.a \
	share/man/man1/posthouse.1 share/man/man5/posthouse-wiring.5 \
	share/bash-completion/completions/posthouse \
	share/zsh/vendor-completions/_posthouse \
	share/fish/vendor_completions.d/posthouse.fish \
	lib/systemd/system/posthouse.service; do
	[ -s "$root/$file" ] || fail "$file is not installed"
done

# --- manuals: no warning of the formatter, every command and key in them
for page in man1/posthouse.1 man5/posthouse-wiring.5; do
	told=$(groff -man -Tutf8 -ww -z "$root/share/man/$page" 2>&1)
	[ -z "$told" ] || fail "$page: $told"
done
shown=$(groff -man -Tascii -P-c -rLL=200n "$root/share/man/man1/posthouse.1" |
	sed 's/.\x08//g')
while read -r verb; do
	grep -qE "^ +$verb( |$)" <<<"$shown" || fail "no '$verb' in the manual"
done < <("$POSTHOUSE" help | sed -n '/^Every command/q; s/^  \([a-z]*\).*/\1/p' |
	grep .)

# --- completion, as bash calls it
# shellcheck disable=SC1090
complete_words() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_posthouse posthouse "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}"
}
source "$root/share/bash-completion/completions/posthouse"
[ "$(complete_words posthouse pee)" = peers ] || fail "pee is not peers"
complete_words posthouse up --jo | grep -qx -- --join || fail "no --join"
complete_words posthouse peers '' | grep -qx revoke || fail "no revoke"
complete_words posthouse lint test/lint/ru | grep -q run.sh || fail "no files"
[ "$(complete_words posthouse graph -o '' | paste -sd ' ')" = "json dot mermaid d2" ] ||
	fail "graph -o is not its formats"
[ "$(complete_words posthouse up --l2 e)" = emit ] || fail "--l2 e is not emit"
complete_words posthouse compile -o Makef | grep -qx Makefile || fail "no file to write"
for shell in zsh fish; do
	command -v $shell >/dev/null || continue
	case $shell in
	zsh) zsh -n "$root/share/zsh/vendor-completions/_posthouse" ;;
	fish) fish -n "$root/share/fish/vendor_completions.d/posthouse.fish" ;;
	esac || fail "$shell does not read its completion"
done

# --- --help: each flag that is completed has its line, and a use elsewhere is told
while read -r verb; do
	told=$("$POSTHOUSE" "$verb" --help)
	for flag in $(complete_words posthouse "$verb" -); do
		[ "$flag" = --help ] || grep -qE "^  $flag( |$)" <<<"$told" ||
			fail "'$verb --help' says nothing of $flag"
	done
done < <(complete_words posthouse '')
"$POSTHOUSE" guests --help | grep -q node.caps || fail "a mask's node.caps"
expect_exit 2 "$POSTHOUSE" graph --sarif
grep -q "graph does not take this flag" "$W/told" || fail "$(cat "$W/told")"
expect_exit 2 "$POSTHOUSE" statsu
grep -q "did you mean status?" "$W/told" || fail "$(cat "$W/told")"
expect_exit 2 "$POSTHOUSE" status --jsno
grep -q "did you mean --json?" "$W/told" || fail "$(cat "$W/told")"
expect_exit 2 "$POSTHOUSE" shelve a-1
grep -q -- "--for T is missing" "$W/told" || fail "$(cat "$W/told")"
expect_exit 3 "$POSTHOUSE" health --json --socket "$W/none"
[ "$(jq .error.exit "$W/told")" = 3 ] || fail "$(cat "$W/told")"

# --- the unit, and the signs of life that it asks for
grep -q "^ExecStart=/opt/house/bin/posthouse up$" \
	"$root/lib/systemd/system/posthouse.service" || fail "not our path"
if systemd-analyze --version >/dev/null 2>&1; then
	sed "s|/opt/house|$root|; /^Documentation/d" \
		"$root/lib/systemd/system/posthouse.service" \
		>"$W/posthouse.service"
	told=$(systemd-analyze verify "$W/posthouse.service" 2>&1)
	[ -z "$told" ] || fail "the unit: $told"
	score=$(systemd-analyze security --offline=yes "$W/posthouse.service" |
		sed -n 's/.*exposure level for.*: \([0-9.]*\) .*/\1/p')
	awk -v score="$score" 'BEGIN { exit !(score > 0 && score < 3.0) }' ||
		fail "the unit is exposed: ${score:-not told}"
	echo "# the unit's exposure: $score"
fi
cat >"$W/manager.py" <<'END'
import os, socket, subprocess, sys
binary, work = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(work + "/notify")
s.settimeout(60)
node = subprocess.Popen([binary, "up", "--local", "--discovery", "off",
    "--state", work + "/state", "--socket", work + "/socket",
    "--listen", "unix:" + work + "/peers", "--log", "error"],
    env=dict(os.environ, NOTIFY_SOCKET=work + "/notify",
    WATCHDOG_USEC="100000"), stderr=subprocess.DEVNULL)
try:
    said = [s.recv(200) for _ in range(4)]
    assert said[0] == b"READY=1", said
    assert said.count(b"WATCHDOG=1") == 3, said
    node.terminate()
    while s.recv(200) != b"STOPPING=1":
        pass
    assert node.wait(60) == 0
finally:
    node.kill()
END
python3 "$W/manager.py" "$POSTHOUSE" "$W" || fail "a service manager is not told"

# --- the release: one file, only glibc, at most 8 MB, sums that are right
make --no-print-directory release >"$W/log" 2>&1 ||
	fail "make release: $(tail -n 5 "$W/log")"
(cd build/release && sha256sum -c --quiet SHA256SUMS) || fail "wrong sums"
jq -e '[.packages[].name] | contains(["libssl-dev", "libsodium-dev"])' \
	build/release/*.spdx.json >/dev/null || fail "the SBOM lacks parts"
echo "# $(stat -c %s build/release/posthouse-*-linux-* | head -n 1) bytes stripped"
