#!/bin/bash
# The picture of a whole mesh, from any node: for people, for programs, and for
# renderers, which must take it (Graphviz where it is here).
. "$(dirname "$0")/lib.bash"

three_nodes
cat >"$W/demo.yaml" <<-END
	wiring: 1
	name: demo
	hosts: {alpha: {}, beta: {}, gamma: {}}
	servers:
	  a.1: {host: alpha, use: clock}
	  b-2: {host: beta, exec: [cat]}
	  c: {host: gamma, use: null}
	wires: [a.1 -> b-2 -> c]
END
ph gamma apply "$W/demo.yaml" >"$W/said" 2>&1 || fail "$(cat "$W/said")"
drawn() { holds beta '.items[0].edges | length == 2' graph; }
expect_soon 10 "both edges" drawn
holds beta '.items[0] | .layers == 3 and (.nodes | length) == 3 and
	all(.nodes[]; .layer >= 0 and (.absent | not))' graph ||
	fail "the graph: $(ph beta graph)"
holds gamma '.items[0].edges | length == 2' topology || fail topology
# A connection says where a renderer puts it, as the topology does.
placed='map("\(.id) \(.layer) \(.order)") | sort | join(",")'
[ "$(ask gamma ".items | $placed" connections)" = \
	"$(ask gamma ".items[0].edges | $placed" topology)" ] ||
	fail "placed otherwise: $(ph gamma connections --json)"
holds gamma '[.items[].layer] | sort == [0, 1]' connections ||
	fail "layers: $(ph gamma connections --json)"

for format in dot mermaid d2; do
	ph gamma graph -o $format >"$W/$format" || fail "graph -o $format"
done
grep -q '"alpha/a.1":"o_out" -> "beta/b-2":"i_stdin"' "$W/dot" ||
	fail "dot: $(cat "$W/dot")"
if command -v dot >/dev/null; then
	dot -Tsvg "$W/dot" >"$W/svg" 2>"$W/said" || fail "$(cat "$W/said")"
	[ ! -s "$W/said" ] || fail "Graphviz complains: $(cat "$W/said")"
	# The kept picture has what this mesh has not: mux, combine, an absent end.
	dot -Tsvg "$(dirname "$0")/../golden/camera.dot" >/dev/null 2>"$W/said" ||
		fail "$(cat "$W/said")"
	[ ! -s "$W/said" ] || fail "Graphviz complains: $(cat "$W/said")"
	grep -q 'b&#45;2\|b-2' "$W/svg" || fail "a server is not drawn"
else
	say "without Graphviz"
fi
ph alpha topology >"$W/said"
expect_said "alpha" "a.1" "-> beta/b-2:stdin" "gamma"
ph alpha flow >"$W/said"
expect_said "alpha/a.1:out" "SENT/s"
ph alpha flow b-2 >"$W/said"
expect_said "beta/b-2:stdout"

# --- one node in numbers
ph alpha metrics >"$W/said" || fail metrics
expect_said 'posthouse_node_info{node="alpha",id=' \
	'posthouse_connection_sent_messages_total{from="alpha/a.1:out",to="beta/b-2:stdin"}' \
	'posthouse_server_up{server="a.1"} 1' 'posthouse_peer_up{peer="gamma"' \
	'posthouse_wiring_drift 0' 'posthouse_alarms_active{priority="high"} 0'
# Every line is a comment or a sample, every sample has a type, none is twice.
awk '
/^# TYPE / { type[$3] = $4; next }
/^# HELP / { next }
!/^[a-z_]+({([a-z]+="[^"]*",?)+})? [0-9.e+-]+$/ { print "no sample: " $0; bad = 1; next }
{
	name = $1; sub(/{.*/, "", name)
	if (!(name in type)) { print "no type: " $0; bad = 1 }
	if ((type[name] == "counter") != (name ~ /_total$/)) { print "a counter: " $0; bad = 1 }
	if (seen[$1]++) { print "twice: " $0; bad = 1 }
}
END { exit bad }' "$W/said" || fail "metrics are not as Prometheus wants them"

# --- no alarm; then one root, with the wire that it explains
ph beta alarms >"$W/said" || fail alarms
expect_said "no alarm"

# --- a node that does not answer is named, the rest is drawn
node_kill gamma
ph beta topology >"$W/said" 2>"$W/err" || fail "topology without gamma"
expect_said "a.1"
one_cause() {
	holds alpha '(.items | length) == 1 and .items[0].kind == "node" and
		.items[0].subject == "gamma" and .items[0].explained == 1' alarms
}
expect_soon 30 "one alarm, the dead node" one_cause
node_up gamma
no_alarm() { holds alpha '.items | length == 0' alarms; }
expect_soon 30 "the alarm goes with its cause" no_alarm
expect_exit 2 ph alpha graph -o gif
expect_exit 2 ph alpha flow a b
say "passed"
