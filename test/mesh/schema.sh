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
keep() { keep_code 0 "$@"; }
keep_code() {
	local wanted=$1 node=$2 code
	shift 2
	seen=$((seen + 1))
	ph "$node" "$@" --json >"$W/seen/$1.$seen" 2>"$W/err"
	code=$?
	[ $code = "$wanted" ] || fail "'$*' ended with $code: $(cat "$W/err")"
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
keep alpha reach
items = 0
keep alpha health
keep alpha ready
keep alpha version
keep alpha events -n 5
items = 1

# --- one, and many
cat >"$W/one.yaml" <<END
wiring: 1
name: one
servers:
  only: {use: "null"}
wires: []
END
keep alpha lint "$W/one.yaml"
keep alpha apply "$W/one.yaml"
for verb in servers guests menu; do
	keep alpha $verb
	items = 1
done
keep alpha unapply one
sed -i 's/.null./clock/; /^wires/d' "$W/one.yaml"
keep alpha lint "$W/one.yaml"
cat >"$W/fine.yaml" <<END
wiring: 1
name: fine
servers: {a: {use: clock}, b: {use: "null"}}
wires: ["a:out -> b:in"]
END
keep alpha lint "$W/fine.yaml"
items = 0
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
  bad: {host: beta, exec: [sh, -c, "echo one >&2; echo two >&2; exit 3"], restart: never}
wires:
  - {from: "tick:out", to: "sink:in", labels: {floor: one}}
tests:
  - {name: it gets there, reach: [tick, sink]}
alarms:
  - {on: "sink:in", when: "rate < 1GB/s for 1s", priority: low, action: look}
  - {on: "sink:in", when: "rate < 2GB/s for 1s", priority: high, action: run}
END
keep alpha lint "$W/some.yaml"
keep alpha fmt "$W/some.yaml"
keep alpha compile "$W/some.yaml"
keep alpha test "$W/some.yaml"
items = 1
keep alpha plan "$W/some.yaml"
keep alpha plan list
items = 1
keep alpha plan "$W/one.yaml"
keep alpha plan list
items = 2
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
keep alpha reach
items -gt 0
keep alpha reach beta
keep alpha doctor beta
items = 1
keep alpha doctor alpha
keep alpha probe local --range 45000-45003
items -gt 1
keep alpha guests
items = 3
keep alpha menu beta
keep alpha servers
items -gt 3
keep alpha show 'alpha#1.1'
items = 1
keep alpha show alpha/tick
items -gt 1
keep alpha tap alpha/tick:out -n 2
items = 2
keep alpha tap alpha/tick:out -n 1
items = 1
keep_code 7 alpha tap alpha/idle:out -n 1 --timeout 300ms
items = 0
said_all() { holds alpha '.items | length == 2' logs beta/bad; }
expect_soon 10 "two lines are there" said_all
keep alpha logs beta/bad
items = 2
keep alpha logs beta/talk
items = 1
keep alpha logs alpha/tick
items = 0
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
keep alpha flow
items = 2
keep alpha top -n 1
keep alpha connect alpha/pass:out beta/bin:in
keep alpha diff
items = 2
keep alpha revert all
items = 2
alarmed() { holds alpha '.items | length >= 2' alarms; }
expect_soon 15 "two alarms" alarmed
keep alpha alarms
alarm=$(ask alpha '.items[0].alarm' alarms)
keep alpha ack "$alarm" --why seen
keep alpha shelve "$alarm" --for 1m
for each in $(ask alpha '.items[1:][].alarm' alarms); do
	keep alpha shelve "$each" --for 1m
done
keep alpha alarms
items = 1
keep alpha alarms all
keep alpha unshelve "$alarm"
keep alpha token view
keep alpha token list
items = 1
keep alpha token view
keep alpha token list
items = 2
keep alpha token revoke "$(jq -r '.items[0].id' "$W/seen/token.$seen")"
keep alpha events
items -gt 1
keep alpha events -n 1
items = 1
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
keep alpha stop beta/bin
keep alpha start beta/bin
keep alpha restart beta/bin
items = 1
keep alpha unapply some
node_up gamma --join "$(address alpha)" --http off
expect_soon 10 "two lines" has_lines alpha 2
keep alpha peers
items = 2
keep alpha reach
items -gt 1
node_stop gamma
keep alpha monitor
items = 0
ph alpha monitor beta --json >"$W/seen/monitor.notice" &
expect_soon 5 "beta is watched" holds alpha '.items | length == 1' monitor
keep alpha monitor
items = 1
ph alpha monitor beta --json >"$W/seen/monitor.again" &
expect_soon 5 "beta is watched twice" holds alpha '.items | length == 2' monitor
keep alpha monitor
items = 2
node_kill beta
expect_soon 20 "a notice of beta" test -s "$W/seen/monitor.notice"
expect_soon 10 "beta is away" holds alpha '.items[0].line == "down"' peers
keep alpha peers
keep alpha menu beta
keep alpha peers revoke beta
keep alpha down

# What needs more than this: its own tests keep to it.
for verb in $("$POSTHOUSE" help | sed -n 's/^  \([a-z]\+\) .*/\1/p'); do
	case $verb in
	up | schema | bench | mcp) continue ;;
	esac
	"$POSTHOUSE" help "$verb" >/dev/null 2>&1 || continue
	if ! "$POSTHOUSE" schema "$verb" >"$W/schema.$verb" 2>"$W/err"; then
		fail "$verb has no schema (node/answers.def): $(cat "$W/err")"
	fi
	ls "$W/seen/$verb".* >/dev/null 2>&1 || fail "$verb is not tried here"
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
# Whatever is a list was seen with nothing in it, with one thing, and with more;
# the others with what they can have.
wanted = dict.fromkeys("""peers guests menu connections servers flow top diff alarms
    plan token logs tap reach revert lint monitor""".split(), {0, 1, 2})
wanted.update(events={1, 2}, show={1, 2}, probe={2}, metrics={2})
for command, sizes in wanted.items():
    if counts.get(command) != sizes:
        sys.exit(f"{command} was seen with {sorted(counts.get(command, ()))} items, not {sorted(sizes)} (2: more)")
print("#", len(counts), "commands:", " ".join(
    f"{name}({','.join('N' if n == 2 else str(n) for n in sorted(counts[name]))})" for name in sorted(counts)))
PYTHON
say "schema: ok"
