#!/bin/bash
# What every command answers with --json is as `posthouse schema COMMAND` says,
# with nothing there, one thing, and many; no field is missing in the schema
# that an answer has. No command is left out.
. "$(dirname "$0")/lib.bash"

python=
for each in python3 /usr/bin/python3; do
	"$each" -c 'import jsonschema' 2>/dev/null && python=$each && break
done
[ -n "$python" ] || skip "no python3 with jsonschema"

mkdir "$W/seen"
# COMMAND WORDS...: its --json answer is kept, to be validated at the end.
seen=0
keep() {
	local node=$1 code
	shift
	seen=$((seen + 1))
	ph "$node" "$@" --json >"$W/seen/$1.$seen" 2>"$W/err"
	code=$?
	[ $code = 0 ] || fail "'$*' ended with $code: $(cat "$W/err")"
	[ "$(wc -l <"$W/seen/$1.$seen")" -gt 0 ] || fail "'$*' says nothing"
}

# EXIT COMMAND...: an error is kept, too.
keep_error() {
	local wanted=$1 code
	shift
	seen=$((seen + 1))
	"$POSTHOUSE" "$@" --json >"$W/said" 2>"$W/seen/error.$seen"
	code=$?
	[ $code = "$wanted" ] || fail "'$*' ended with $code, not $wanted"
	[ ! -s "$W/said" ] || fail "'$*' wrote to stdout: $(cat "$W/said")"
}

# How many items the last answer has.
items() {
	local file
	file=$(ls -t "$W/seen" | head -n 1)
	[ "$(jq '.items | length' "$W/seen/$file")" "$@" ] ||
		fail "$file: not $* items: $(cat "$W/seen/$file")"
}

# --- nothing is there
new_phrase
node_up alpha --http off
for verb in peers guests menu connections servers flow diff alarms; do
	keep alpha $verb
	items = 0
done
keep alpha top -n 1
keep alpha topology
keep alpha graph
keep alpha plan list
keep alpha revert all
keep alpha token list
keep alpha status
keep alpha metrics
keep alpha health
keep alpha ready
keep alpha version
keep alpha events -n 5

# --- one, and many
node_up beta --join "$(address alpha)" --http off
expect_soon 10 "line" has_lines alpha 1
cat >"$W/some.yaml" <<END
wiring: 1
name: some
servers:
  tick: {host: alpha, use: clock, with: {every: 50ms}}
  pass: {host: alpha, use: lines}
  idle: {host: alpha, use: lines}
  sink: {host: beta, use: "null", caps: [deep], labels: {room: cellar}}
  bin: {host: beta, use: "null"}
  talk: {host: beta, exec: [sh, -c, "echo said something >&2; exec cat"]}
  bad: {host: beta, exec: [sh, -c, "exit 3"]}
wires:
  - {from: "tick:out", to: "sink:in", labels: {floor: one}}
tests:
  - {name: it gets there, reach: [tick, sink]}
alarms:
  - {on: "sink:in", when: "rate < 1GB/s for 1s", priority: low, action: look}
END
keep alpha lint "$W/some.yaml"
keep alpha fmt "$W/some.yaml"
keep alpha compile "$W/some.yaml"
keep alpha test "$W/some.yaml"
items = 1
keep alpha plan "$W/some.yaml"
keep alpha plan list
items = 1
"$POSTHOUSE" apply "$W/some.yaml" --json --socket "$W/alpha.sock" \
	>"$W/seen/apply.0" 2>/dev/null
flowing() {
	holds alpha '.items[0].received.messages > 0' connections
}
expect_soon 10 "messages flow" flowing
keep alpha connections
items = 1
keep alpha flow
keep alpha peers
items = 1
keep alpha guests
items = 3
keep alpha menu beta
keep alpha servers
items -gt 3
keep alpha show 'alpha#1.1'
keep alpha show alpha/tick
keep alpha tap alpha/tick:out -n 2
items = 2
keep alpha logs beta/talk
items = 1
keep alpha topology
keep alpha graph -o dot
keep alpha metrics
items -gt 20
keep alpha top -n 1
keep alpha save some
keep alpha diff
keep alpha interpose 'alpha#1.1' pass
items = 1
keep alpha diff
items = 1
keep alpha connections
keep alpha withdraw 'alpha#1.1' pass
keep alpha reserve beta/talk:stdin --for 20s
hold=$(jq -r '.items[0].id' "$W/seen/reserve.$seen")
keep alpha guests --node beta
keep alpha menu beta
keep alpha release "$hold"
keep alpha move 'alpha#1.1' --to beta/bin:in --why "a trial"
keep alpha diff
keep alpha connections
id=$(jq -r '.items[0].override' "$W/seen/move.$(ls "$W/seen" |
	sed -n 's/^move\.//p')")
keep alpha revert "$id"
items = 1
keep alpha disconnect "$(ask alpha '.items[0].id' connections)"
keep alpha revert all
keep alpha connect alpha/idle:out beta/talk:stdin
keep alpha connections
keep alpha revert all
alarmed() { holds alpha '.items | length > 0' alarms; }
expect_soon 15 "an alarm" alarmed
keep alpha alarms
alarm=$(ask alpha '.items[0].alarm' alarms)
keep alpha ack "$alarm" --why seen
keep alpha shelve "$alarm" --for 1m
keep alpha alarms all
keep alpha unshelve "$alarm"
keep alpha token view
keep alpha token list
items = 1
keep alpha token revoke "$(jq -r '.items[0].id' "$W/seen/token.$seen")"
keep alpha events
items -gt 1
keep alpha passphrase
keep alpha help
keep alpha man
keep alpha completion bash
# --- errors, wherever they come from
for verb in apply plan show tap connect unapply lint reserve ack; do
	keep_error 2 $verb --socket "$W/nobody.sock"
done
keep_error 3 status --socket "$W/nobody.sock"
keep_error 2 status --bogus --socket "$W/alpha.sock"
keep_error 4 show alpha/nobody --socket "$W/alpha.sock"
keep alpha unapply some
node_kill beta
expect_soon 10 "beta is away" holds alpha '.items[0].line == "down"' peers
keep alpha peers
keep alpha menu beta
keep alpha peers revoke beta
keep alpha down

# What needs more than this: its own tests keep to it.
for verb in $("$POSTHOUSE" help | sed -n 's/^  \([a-z]\+\) .*/\1/p'); do
	case $verb in
	up | schema | bench) continue ;;
	esac
	"$POSTHOUSE" help "$verb" >/dev/null 2>&1 || continue
	if ! "$POSTHOUSE" schema "$verb" >"$W/schema.$verb" 2>"$W/err"; then
		say "$verb has no schema yet (node/answers.def)"
		rm -f "$W/schema.$verb"
	fi
	ls "$W/seen/$verb".* >/dev/null 2>&1 || say "$verb is not tried here"
done
"$POSTHOUSE" schema error >"$W/schema.error"

"$python" -W ignore - "$W" <<'PYTHON' || fail "see above"
import glob, json, os, sys
import jsonschema

def strict(schema):
    """The same, but nothing that it does not name."""
    if isinstance(schema, dict):
        made = {key: strict(value) for key, value in schema.items()}
        if isinstance(made.get("properties"), dict) and made.get("type") == "object":
            made.setdefault("additionalProperties", False)
        return made
    return [strict(each) for each in schema] if isinstance(schema, list) else schema

counts, validators, fields = {}, {}, {}
for path in sorted(glob.glob(sys.argv[1] + "/schema.*")):
    schema = json.load(open(path))
    jsonschema.Draft7Validator.check_schema(schema)
    validators[path.rsplit(".", 1)[1]] = jsonschema.Draft7Validator(strict(schema))
for path in sorted(glob.glob(sys.argv[1] + "/seen/*")):
    command = os.path.basename(path).split(".")[0]
    for line in open(path):
        answer = json.loads(line)
        errors = list(validators[command].iter_errors(answer))
        if errors:
            worst = jsonschema.exceptions.best_match(errors)
            sys.exit(f"{command}: {worst.message[:300]} at {list(worst.absolute_path)} in {line[:600]}")
        if "items" in answer:
            counts.setdefault(command, set()).add(min(len(answer["items"]), 2))
        # And it can fail.
        broken = {key: value for key, value in answer.items() if key not in ("items", "error")}
        if validators[command].is_valid(broken):
            sys.exit(f"{command}: the schema takes anything")
print("#", len(counts), "commands:", " ".join(
    f"{name}({','.join('N' if n == 2 else str(n) for n in sorted(counts[name]))})" for name in sorted(counts)))
PYTHON
say "schema: ok"
