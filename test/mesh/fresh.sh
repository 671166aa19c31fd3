#!/bin/bash
# What a mesh is, as a file, makes a fresh mesh the same: apply, save, apply
# elsewhere; the file came in parts.
. "$(dirname "$0")/lib.bash"

mkdir "$W/parts"
cat >"$W/all.yaml" <<'END'
wiring: 1
name: all
include: [parts/servers.yaml, parts/alarms.yaml]
wires:
  - {from: src, to: left, labels: {line: "1"}, retry: 250ms..2s, on_full: latest}
  - {from: src, to: right, queue: 2MiB, on_full: drop-oldest}
  - left -> join
  - {from: right, to: join, optional: yes}
  - {from: src, to: beta/nobody:in, optional: yes, on_full: latest}
END
cat >"$W/parts/servers.yaml" <<'END'
servers:
  src: {host: alpha, use: clock, with: {every: 1s}, out: {out: {kind: mux}}}
  left: {host: beta, exec: [cat, -u], labels: {side: l}, class: 0x2a, needs: src}
  right: {host: alpha, exec: [cat, -u], owner: ops, caps: [x, y=z], env: {A: "b c"}}
  join: {host: beta, exec: [sh, -c, "exec cat >/dev/null"], in: {any: {kind: combine, labels: {zone: z}}}}
END
cat >"$W/parts/alarms.yaml" <<'END'
alarms:
  - {on: join:any, when: "silent > 1m", priority: high, action: look}
  - {on: {labels: {line: "1"}}, when: "rate > 1GB/s", action: "less: \"much\""}
END
two_nodes() {
	new_phrase
	node_up alpha
	node_up beta --join "$(address alpha)"
	expect_soon 10 "a line" has_lines alpha 1
}
# The graph, without what each mesh has of its own.
graph() {
	ask alpha '[.items[] | {from, to, optional, labels,
		on_full: .declared.on_full, queue: .declared.queue}] | sort' \
		connections
	for node in alpha beta; do
		ask alpha '[.items[] | {server, class, caps, labels, terminals:
			[.terminals[] | {name, direction, type, labels}],
			owner: (.identity | split(":")[3])}] | sort' \
			guests --node $node
	done
	ph alpha topology --json | jq -S '[.items[] | keys]'
}
whole() {
	holds alpha '[.items[] | select(.actual == "open")] | length == 4' connections
}
two_nodes
expect_exit 0 ph alpha apply "$W/all.yaml"
expect_soon 10 "all stand" whole
# Nobody waits for what is optional.
expect_soon 10 "ready" ph alpha ready
for view in diff alarms; do
	holds alpha '.items == []' $view || fail "$view: $(ask alpha .items $view)"
done
graph >"$W/graph.1"
holds alpha '.items | length == 1 and .[0].server == "join" and
	.[0].terminals[0].labels.zone == "z"' guests --node beta \
	--mask 'labels=zone=z,direction=combine' || fail "no terminal's label"
expect_soon 5 "the menu says it, too" holds alpha \
	'any(.items[].terminals[]; .labels.zone == "z")' menu beta
expect_exit 0 ph beta save all -o "$W/saved.yaml"
grep -q 'queue' "$W/saved.yaml" && [ "$(grep -c queue "$W/saved.yaml")" = 1 ] ||
	fail "queues that nobody said: $(cat "$W/saved.yaml")"
for node in alpha beta; do
	node_kill $node
	rm -rf "${W:?}/$node"
done
unset "ADDRESS[alpha]" "ADDRESS[beta]"
two_nodes
sed -i 's/{at: .*}/{}/' "$W/saved.yaml"
expect_exit 0 ph beta apply "$W/saved.yaml"
expect_soon 10 "all stand on the fresh mesh" whole
graph >"$W/graph.2"
cmp -s "$W/graph.1" "$W/graph.2" ||
	fail "another graph: $(diff "$W/graph.1" "$W/graph.2")"
expect_exit 0 ph beta save all -o "$W/again.yaml"
diff <(grep -v '^#' "$W/saved.yaml") <(sed 's/{at: .*}/{}/' "$W/again.yaml" |
	grep -v '^#') >"$W/said" || fail "saved twice: $(cat "$W/said")"
say "save, then apply on a fresh mesh: the same graph"
