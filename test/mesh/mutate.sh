#!/bin/bash
# Lint is run: of 200 mutated files (40 in the short dose), none that lints is
# refused as wiring by a node (exit 78). The seed is printed; PH_SEED gives
# another one.
. "$(dirname "$0")/lib.bash"
seed=${PH_SEED:-7678}
say "seed $seed"
files=40
full && files=200
command -v python3 >/dev/null || skip "no python3"

cat >"$W/base.yaml" <<'END'
wiring: 1
name: mutated
defaults: {on_full: block, queue: 4MiB, retry: 100ms..1s}
include: [part.yaml]
for_each: {n: [1, 2]}
servers:
  tick: {use: clock, with: {every: 5s}, out: {out: {kind: mux}}}
  zero: {use: zero, with: {bytes: 1kB}, placement: loop}
  up-${n}:
    exec: [cat, -u]
    env: {LANG: C}
    labels: {tier: "${n}"}
    caps: [a, b=c]
    class: 0x2a
    in: {i: {fd: 0, type: text/plain, optional: yes, labels: {side: i}}}
    restart: never
  join: {exec: [cat], in: {all: {kind: combine}}, needs: sink}
  sink: {use: "null"}
  rest: {use: "null", auth: no, owner: me}
wires:
  - {from: tick, to: "up-${n}", on_full: latest}
  - up-${n} -> join
  - join -> sink
  - {from: zero, to: rest, queue: 1MiB, on_full: drop-oldest, labels: {line: "1"}, budget: 1s}
  - {from: tick, to: {class: 0x77, caps: [none], owner: "m*", terminal: in, count: 2}, optional: yes, on_full: latest}
  - {from: far, to: near, expect: ">= 1B/s", retry: 1s..2s}
tests:
  - {name: reach, reach: [tick, join]}
never: [{from: zero, to: {labels: {tier: "1"}}}]
alarms:
  - {on: rest, when: "rate > 1GB/s for 5s", priority: low, action: look}
  - {on: {labels: {line: "1"}, owner: me}, when: "silent > 1h", action: look}
END
cat >"$W/part.yaml" <<'END'
servers:
  far: {use: clock, needs: near}
  near: {exec: [cat], out: {o: {kind: mux, optional: yes}}}
END
python3 - "$seed" "$W/base.yaml" "$W" $files <<'PYTHON'
import random, re, sys
seed, base, directory = int(sys.argv[1]), open(sys.argv[2]).read(), sys.argv[3]
random.seed(seed)
values = ["rate", "for", "part.yaml", "low", "100ms..1s", "block", "latest", "drop-newest", "disconnect", "1MiB", "4KiB", "1s", "0", "7", "process",
    "thread", "yes", "no", "null", "lines", "clock", "raw", "cat", "\"\"", "[]", "{}", "a", "x-y", "1e9", "0x2b"]
names = ["far", "near", "labels", "count", "tick", "zero", "join", "sink", "rest", "up-", "mutated", "LANG", "tier", "all"]
tokens = re.compile(r"[A-Za-z0-9.$-]+")

def mutate(text):
    kind = random.randrange(8)
    at = random.randrange(len(text))
    lines = text.split("\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    if kind == 0:
        return text[:at] + text[at + random.randrange(1, 4):]
    if kind == 1:
        return text[:at] + random.choice("abz019:{}[],-> \n\t\"'#&*!|?%@`/.$\\\u00e9") + text[at + 1:]
    if kind == 2:
        del lines[one]
    elif kind == 3:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 4:
        lines.insert(one, random.choice(["", "# nothing", "   ", "  # more"]))
    elif kind == 5:
        return text.replace(random.choice(names), random.choice(["b", "n.1", "tock", "A_b", "rest", "up-"]))
    else:
        # One value, or name, is another.
        found = [match.span() for match in tokens.finditer(text)]
        start, end = random.choice(found)
        return text[:start] + random.choice(values) + text[end:]
    return "\n".join(lines)

for number in range(int(sys.argv[4])):
    text = base
    # Looking for what nobody has takes 2.5 s: one file in five does.
    if number % 5:
        text = re.sub(r".*class: 0x77.*\n", "", text)
    for _ in range(random.choice([1, 1, 1, 2])):
        text = mutate(text)
    open(f"{directory}/m{number}.yaml", "w").write(text)
PYTHON

new_phrase
node_up alpha
expect_exit 0 ph alpha apply "$W/base.yaml"
good=0 bad=0 applied=0
for ((i = 0; i < files; i++)); do
	"$POSTHOUSE" lint "$W/m$i.yaml" >"$W/lint" 2>&1
	case $? in
	78)
		bad=$((bad + 1))
		continue
		;;
	0) good=$((good + 1)) ;;
	*) fail "lint of m$i.yaml: $(cat "$W/lint" "$W/m$i.yaml")" ;;
	esac
	# Hosts that a mutation makes up are away: that is no fault of lint's.
	timeout $((5 * PATIENCE)) "$POSTHOUSE" apply "$W/m$i.yaml" \
		--socket "$W/alpha.sock" >"$W/said" 2>&1
	code=$?
	[ $code -ne 78 ] || fail "m$i.yaml lints, and is refused: $(cat \
		"$W/said" "$W/m$i.yaml")"
	[ $code -eq 0 ] && applied=$((applied + 1))
done
say "$files mutated files: $bad refused by lint, $good lint, $applied applied"
[ $bad -ge $((files / 7)) ] && [ $good -ge $((files / 7)) ] &&
	[ $applied -ge $((files / 10)) ] ||
	fail "this proves nothing"
