#!/bin/bash
# lint --live: a file against the guest books of now (O5), and hosts that do
# not answer (P5).
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)"
expect_soon 10 "line" has_lines alpha 1
cat >"$W/there.yaml" <<'END'
wiring: 1
name: there
servers:
  tick: {host: alpha, use: clock}
  sink: {host: beta, use: "null"}
  free: {host: beta, use: "null"}
  spare: {host: beta, use: clock}
wires:
  - tick -> sink
END
expect_exit 0 ph alpha apply "$W/there.yaml"
expect_soon 10 "it flows" holds alpha 'any(.items[]; .state == "flowing" or
	.state == "open" or .state == "idle")' connections

# What is there is no conflict with itself.
expect_exit 0 ph alpha lint --live "$W/there.yaml"
expect_said "0 errors"
grep -q O5 "$W/said" && fail "$(cat "$W/said")"

# LINES: a file of another name, linted live at alpha.
live() {
	printf '%s\n' "wiring: 1" "name: new" "$@" >"$W/new.yaml"
	ph alpha lint --live "$W/new.yaml" >"$W/said" 2>&1
}
said() { grep -qF -- "$1" "$W/said" || fail "'$1' is not in: $(cat "$W/said")"; }

live "servers: {src: {use: clock}}" "wires: [src -> beta/free:in]" ||
	fail "$(cat "$W/said")"
grep -q O5 "$W/said" && fail "$(cat "$W/said")"
live "servers: {src: {use: clock}}" "wires: [src -> beta/sink:in]" &&
	fail "a terminal in use is no conflict"
said "new.yaml:4:16: error O5: 'beta/sink:in' is in use by alpha#"
live "servers: {src: {use: clock}}" "wires: [src -> beta/gone:in]" && fail "gone"
said "error O5: 'beta' has no server 'gone'"
live "servers: {src: {use: clock}}" "wires: [src -> beta/free:inn]" && fail "inn"
said "error O5: 'beta' has no terminal 'free:inn'"
live "servers: {src: {use: clock}}" "wires: [src -> beta/spare:out]" && fail "out"
said "error D1: 'beta/spare:out' is an output"
live "servers: {sink: {host: beta, use: clock}}" && fail "a name twice"
said "new.yaml:3:11: error O5: server 'sink' runs on beta already, of the wiring 'there'"
live "servers: {src: {host: gamma, use: clock}}" || fail "$(cat "$W/said")"
said "warning P5: 'gamma' cannot be asked: "
live "servers: {src: {use: klock}}" && fail "klock"
said "error P3"
node_stop beta
live "servers: {src: {use: clock}}" "wires: [src -> beta/free:in]" ||
	fail "$(cat "$W/said")"
said "warning P5: 'beta' cannot be asked: "
expect_exit 3 "$POSTHOUSE" lint --live "$W/there.yaml" --socket "$W/nobody"
say "lint --live: ok"
