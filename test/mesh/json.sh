#!/bin/bash
# Every query has --json: one document in one envelope, items always a list,
# whether there is nothing or much; and the exit codes scripts count on.
. "$(dirname "$0")/lib.bash"

none='. == []'
keys='["api","epoch","items","node","revision","ts"]'

# ITEMS-TEST COMMAND...: one valid document, its envelope, its items.
envelope() {
	local items=$1
	shift
	ph alpha "$@" --json >"$W/out" 2>"$W/err" ||
		fail "'$*' ended with $?: $(cat "$W/err")"
	[ "$(jq -s length "$W/out")" = 1 ] ||
		fail "'$*' is not one document: $(cat "$W/out")"
	jq -e "(keys == $keys) and .api == 1 and (.items | type == \"array\")
		and (.node | type == \"string\")
		and (.epoch | type == \"number\")
		and (.revision | type == \"number\")
		and (.ts | test(\"^[0-9]{4}-[0-9-]+T[0-9:.]+Z\$\"))" \
		"$W/out" >/dev/null || fail "'$*' has no envelope: $(cat "$W/out")"
	jq -e ".items | $items" "$W/out" >/dev/null ||
		fail "'$*': not $items: $(cat "$W/out")"
	[ ! -s "$W/err" ] || fail "'$*' wrote to stderr: $(cat "$W/err")"
	# For people there is a form of it, too.
	# Where there is nothing it may say so beside it.
	ph alpha "$@" >"$W/out" 2>"$W/err" || fail "'$*' without --json: $?"
	[ "$items" = "$none" ] || [ ! -s "$W/err" ] ||
		fail "'$*' wrote to stderr: $(cat "$W/err")"
}

# EXIT COMMAND...: an error is JSON as well, on stderr, and stdout is silent.
error_json() {
	local wanted=$1 code
	shift
	ph alpha "$@" --json >"$W/out" 2>"$W/err"
	code=$?
	[ $code = "$wanted" ] ||
		fail "'$*' ended with $code, not $wanted: $(cat "$W/err")"
	[ ! -s "$W/out" ] || fail "'$*' wrote to stdout: $(cat "$W/out")"
	jq -se "length == 1 and (.[0].error | .exit == $wanted
		and (.what | length > 0) and (.next | length > 0)
		and (.where | type == \"string\"))" "$W/err" >/dev/null ||
		fail "'$*' tells its error as: $(cat "$W/err")"
}

# --- nothing is there

new_phrase
node_up alpha
for verb in peers guests menu connections servers; do
	envelope "$none" $verb
done
envelope "$none" top -n 1
for verb in status health ready; do
	envelope 'length == 1 and .[0].node == "alpha"' $verb
done
envelope 'length == 1 and (.[0].version | length > 0)' version
expect_exit 0 ph alpha health

# --- a mesh with something in it

node_up beta --join "$(address alpha)"
expect_soon 10 "line" has_lines alpha 1
cat >"$W/some.yaml" <<END
wiring: 1
name: some
servers:
  tick: {host: alpha, use: clock, with: {every: 50ms}}
  sink: {host: beta, use: "null", caps: [deep], labels: {room: cellar}}
  talk: {host: beta, exec: [sh, -c, "echo said something >&2; exec cat"]}
wires:
  - tick:out -> sink:in
END
ph alpha lint "$W/some.yaml" --json >"$W/out" || fail "lint: $(cat "$W/out")"
jq -e "(keys == $keys) and all(.items[]; .severity == \"warning\"
	and .line > 0 and .column > 0 and .rule and .message)" \
	"$W/out" >/dev/null ||
	fail "lint has no envelope: $(cat "$W/out")"
envelope 'length == 1 and .[0].scope == "some"' apply "$W/some.yaml"
flowing() {
	holds alpha '.items[0].received.messages > 0' connections
}
expect_soon 10 "messages flow" flowing

envelope 'length == 1 and (.[0] | .node == "beta" and
	(.state | IN("alive", "suspect"))
	and .line == "up" and (.addresses | length) > 0 and (.caps | type ==
	"array") and .heard_by != null and (.since | type == "number")
	and (.id | length) == 32)' peers
terminals='all(.[]; (.node | type == "string") and (.server | type == "string")
	and (.identity | split(":") | length == 7)
	and (.class != null) and (.caps | type == "array")
	and (.labels | type == "object")
	and all(.terminals[]; .name and .direction and (.type != null)
		and (.in_use | type == "number") and (.capacity != null)
		and (.connections | type == "array")))'
envelope "length == 1 and $terminals" guests
envelope "length == 2 and $terminals" guests --node beta
envelope "length == 2 and $terminals" menu beta
envelope 'length == 1 and (.[0] | .id == "alpha#1.1"
	and .from == "alpha/tick:out" and .to == "beta/sink:in"
	and .transport == "tcp" and (.state | IN("open", "flowing", "idle"))
	and (.reason | type == "string") and .sent.messages > 0
	and .received.bytes > 0 and .dropped.bytes == 0
	and (.queue | .limit > 0 and .bytes >= 0)
	and (.rate | type == "object") and (.labels | type == "object"))' \
	connections
envelope 'length == 3 and (map(.name) | sort) == ["sink", "talk", "tick"]
	and all(.[]; .state == "running" and (.terminals | length) > 0)' servers
envelope 'length == 2 and all(.[]; .node == "beta")' servers --node beta
envelope 'length > 0' show 'alpha#1.1'
envelope 'length > 0' show alpha/tick:out
envelope 'length > 0' show beta/sink
envelope 'length == 1 and .[0].text == "said something"' logs beta/talk
envelope "$none" logs alpha/tick
envelope 'length == 2' tap alpha/tick:out -n 2
expect_exit 7 ph alpha tap alpha/tick:out -n 1000 --timeout 1s
expect_said "of 1000 messages came in time" "--timeout"
ph alpha tap alpha/tick:out -n 1000 --timeout 1s >"$W/came" 2>"$W/err"
[ -s "$W/came" ] || fail "what came is not printed"
envelope 'length == 1' top -n 1
envelope 'length == 1 and .[0].node == "beta"' status --node beta
envelope 'length == 1' ready
ph alpha top -n 3 --json | jq -se "length == 3 and all(.[]; keys == $keys)" \
	>/dev/null || fail "top -n 3 is not three documents"

# --- what goes wrong

error_json 4 show alpha/nobody:out
error_json 4 show 'alpha#9.9'
error_json 4 logs nobody
error_json 4 tap alpha/nobody:out -n 1
error_json 4 peers forget nobody
error_json 4 unapply nobody
error_json 4 apply "$W/missing.yaml"
error_json 4 status --node nowhere
error_json 4 menu nowhere
expect_exit 2 ph alpha status --bogus
expect_said "--bogus" "next:"
expect_exit 2 ph alpha bogus
expect_exit 2 ph alpha show
expect_exit 2 ph alpha tap alpha/tick:out
expect_exit 2 ph alpha status --timeout soon
expect_exit 2 "$POSTHOUSE" up --listen nonsense:port:x
expect_exit 2 "$POSTHOUSE" up --peer-role king
expect_exit 3 "$POSTHOUSE" status --socket "$W/nowhere.sock"
expect_said nowhere.sock "next:"
"$POSTHOUSE" status --json --socket "$W/nowhere.sock" 2>"$W/err" && fail "0"
jq -e .error.exit==3 "$W/err" >/dev/null || fail "not JSON: $(cat "$W/err")"
expect_exit 0 "$POSTHOUSE" help
expect_exit 0 "$POSTHOUSE" version
for shell in bash zsh fish; do
	expect_exit 0 "$POSTHOUSE" completion $shell
done
expect_exit 2 "$POSTHOUSE" completion tcsh
"$POSTHOUSE" completion bash | bash -n || fail "the completion is no bash"

# An answer that nobody reads to its end must not look like one that was.
ph alpha servers >/dev/full 2>/dev/null && fail "a lost answer is exit 0"

node_kill beta
expect_soon 10 "beta is away" holds alpha '.items[0].line == "down"' peers
error_json 3 status --node beta --timeout 2s
expect_exit 1 ph alpha ready
expect_exit 0 ph alpha down
expect_soon 6 "alpha is down" is_gone_or_zombie "${PID[alpha]}"
expect_exit 3 ph alpha status
say "json: ok"
