#!/bin/bash
# A file through three TLS hops of two programs: read on alpha, through a
# program on beta and one on gamma, written on alpha again. And the main job:
# read on alpha, compressed on beta, written on gamma.
. "$(dirname "$0")/lib.bash"

size=$((64 << 20))
full && size=$((1 << 30))

three_nodes
random_file $size "$W/in"

cat >"$W/three.yaml" <<END
wiring: 1
name: three
servers:
  source: {host: alpha, use: file.read, with: {path: $W/in}}
  first: {host: beta, exec: [cat]}
  second: {host: gamma, exec: [cat]}
  target: {host: alpha, use: file.write, with: {path: $W/out}}
wires:
  - source:out -> first:stdin
  - first:stdout -> second:stdin
  - second:stdout -> target:in
END
begin=$(now_ms)
expect_exit 0 ph beta apply "$W/three.yaml"
expect_soon $((20 + size / (32 << 20))) "the file is there" \
	test -e "$W/out"
say "$((size >> 20)) MiB over three hops in $(($(now_ms) - begin)) ms"
same_bytes "$W/in" "$W/out" || fail "what came out is not what went in"
expect_soon 10 "all connections closed, reason end" all_ended alpha

# Both ends counted every byte, over TLS, in whichever direction they went.
ask alpha '.items[] | [.from, .to, .transport, .sent.bytes, .received.bytes,
	.dropped.bytes, .queue.bytes] | @tsv' connections >"$W/counted"
[ "$(wc -l <"$W/counted")" -eq 3 ] ||
	fail "not three connections: $(cat "$W/counted")"
while read -r from to transport sent received dropped queued; do
	case $transport in
	tcp) ;;
	*) fail "$from -> $to went over '$transport', not tcp" ;;
	esac
	[ "$sent" = $size ] && [ "$received" = $size ] ||
		fail "$from -> $to sent $sent, received $received of $size"
	[ "$dropped" = 0 ] && [ "$queued" = 0 ] ||
		fail "$from -> $to dropped $dropped, queued $queued"
done <"$W/counted"
expect_exit 0 ph gamma unapply three

head -c $((size / 8)) "$W/in" | base64 >"$W/text"
cat >"$W/zip.yaml" <<END
wiring: 1
name: zip
servers:
  source: {host: alpha, use: file.read, with: {path: $W/text}}
  zip: {host: beta, exec: [gzip, -1]}
  target: {host: gamma, use: file.write, with: {path: $W/text.gz}}
wires:
  - source:out -> zip:stdin
  - zip:stdout -> target:in
END
expect_exit 0 ph gamma apply "$W/zip.yaml"
expect_soon $((20 + size / (16 << 20))) "the compressed file is there" \
	test -e "$W/text.gz"
gzip -dc "$W/text.gz" | cmp -s - "$W/text" ||
	fail "it does not decompress to what was read"
[ "$(stat -c %s "$W/text.gz")" -lt "$(stat -c %s "$W/text")" ] ||
	fail "it was not compressed"
expect_soon 10 "all connections closed, reason end" all_ended beta
for name in alpha beta gamma; do
	node_stop $name || fail "$name ended with $?"
done
say "pipeline: done"
