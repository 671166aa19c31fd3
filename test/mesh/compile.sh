#!/bin/bash
# A wiring file built into the binary: a build whose file does not lint, or
# whose tests fail, fails; what is built needs no file, applies its wiring at
# start with discovery off, and gives the graph that apply gives.
. "$(dirname "$0")/lib.bash"
HERE=$(cd "$(dirname "$0")/../.." && pwd)
PLAIN=$POSTHOUSE

case $BUILD in *san-* | *cover*) skip "built without sanitizers only" ;; esac

# The objects that are there already, in a build of our own.
mkdir "$W/build"
(cd "$BUILD" && find . -maxdepth 3 \( -name '*.[od]' -o -name 'lib*.a' \) \
	! -path './test/*' ! -path './bench/*' ! -path './wiring/*' \
	! -path './fuzz/*' -print0 | xargs -0 cp -a --parents -t "$W/build")
build() {
	make -s -C "$HERE" BUILD="$W/build" CI= "$@" "$W/build/posthouse"
}

cat >"$W/film.yaml" <<'END'
wiring: 1
name: film
defaults: {queue: 2MiB}
servers:
  read: {use: file.read, with: {path: "${IN}"}}
  pack: {exec: [gzip, -c]}
  keep: {use: file.write, with: {path: "${OUT:-/nowhere}.gz"}}
  read.two: {use: file.read, with: {path: "${IN}"}}
  copy: {use: file.write, with: {path: "${OUT:-/nowhere}"}}
wires:
  - {from: [read.two], to: [copy]}
  - read -> pack
  - pack -> keep
tests:
  - name: it is "packed" \ what?? goes in
    inject: {at: read.two:out, text: "hello\n"}
    expect: {at: copy:in, text: "hello\n"}
END
export IN=$W/in OUT=$W/first
random_file 3000000 "$IN"

# --- what must not be built
sed 's/pack -> keep/pack -> kept/' "$W/film.yaml" >"$W/bad.yaml"
expect_exit 2 build WIRING="$W/bad.yaml"
expect_said "bad.yaml:13:13: error P1: no server 'kept'" "Did you mean keep?"
[ ! -e "$W/build/posthouse" ] || fail "a file with errors was built"
sed '$s/hello/hullo/' "$W/film.yaml" >"$W/bad.yaml"
expect_exit 2 build WIRING="$W/bad.yaml"
expect_said "FAILED  it is" "instead of"
[ ! -e "$W/build/posthouse" ] || fail "a file whose test fails was built"
expect_exit 4 "$PLAIN" compile "$W/nowhere.yaml" -o "$W/x.c"
(unset IN && expect_exit 78 "$PLAIN" compile "$W/film.yaml" -o "$W/x.c") || exit 1
[ ! -e "$W/x.c" ] || fail "an unset variable was compiled"
say "what fails is not built: ok"

# --- what is
cp "$W/film.yaml" "$W/built.yaml"
expect_exit 0 build WIRING="$W/built.yaml"
rm "$W/built.yaml"
expect_exit 0 "$W/build/posthouse" version
expect_said "with the wiring film (built.yaml: 5 servers, 3 wires)"

graph() {
	ask "$1" '[.items[] | {from, to, queue: .queue.limit}] |
		sort_by(.from, .to) | tostring' connections
	ask "$1" '[.items[] | {name, kind, what, placement, scope,
		terminals}] | sort_by(.name) | tostring' servers
}
new_phrase
# Its variables are those of the build.
IN=/nobody OUT=/nobody
POSTHOUSE=$W/build/posthouse
node_up alpha --discovery off
# Ready is what has been applied.
expect_exit 0 ph alpha ready --wait
holds alpha '.items | length == 5' servers || fail "ready, and not applied"
expect_soon 15 "the built-in wiring runs" all_ended alpha
same_bytes "$W/in" "$W/first" || fail "the copy differs"
gzip -dc "$W/first.gz" | cmp - "$W/in" || fail "the packed file differs"
holds alpha '.items[0].built_in_wiring == "film"' status || fail "status"
graph alpha >"$W/one"
# Not a packet of discovery: it has no socket that could send one.
datagrams() {
	local link
	for link in /proc/"${PID[alpha]}"/fd/*; do
		readlink "$link" | sed -n 's/socket:\[\(.*\)\]/\1/p'
	done | sort >"$W/sockets"
	cat /proc/net/{udp,udp6,packet} 2>/dev/null | awk '{print $10; print $9}' |
		sort | join - "$W/sockets" | wc -l
}
[ -r /proc/net/udp ] && [ "$(datagrams)" = 0 ] || fail "it could speak"
node_stop alpha

POSTHOUSE=$PLAIN IN=$W/in OUT=$W/first
holds alpha . status && fail "alpha is still there"
rm -r "$W/alpha"
node_up alpha --discovery off
expect_exit 0 ph alpha apply "$W/film.yaml"
expect_soon 15 "the applied wiring runs" all_ended alpha
graph alpha >"$W/other"
[ -s "$W/one" ] && cmp "$W/one" "$W/other" ||
	fail "the graphs differ: $(cat "$W/one" "$W/other")"
node_stop alpha
say "compile and run gives the graph of apply: ok"

# A file that is named wins; another build has nothing built in.
rm -r "$W/alpha"
printf '%s\n' 'wiring: 1' 'name: other' 'servers: {tick: {use: clock}}' \
	>"$W/other.yaml"
POSTHOUSE=$W/build/posthouse
node_up alpha --discovery off -f "$W/other.yaml"
expect_soon 10 "the other file" holds alpha '[.items[].scope] == ["other"]' \
	servers
node_stop alpha
expect_exit 0 build
expect_exit 0 "$W/build/posthouse" version
grep -q wiring "$W/said" && fail "it is still built in: $(cat "$W/said")"
say "another file, and none: ok"
