#!/bin/bash
# Every rule of lint has a file that breaks it, told with its line and column,
# and one that keeps it (test/lint-fixtures); the forms that findings are
# printed in; exit codes.
. "$(dirname "$0")/lib.bash"
cd "$(dirname "$0")/../lint-fixtures" || exit 1

rules=$("$POSTHOUSE" lint --sarif S5.good.yaml |
	jq -r '.runs[0].tool.driver.rules[].id')
[ "$(wc -w <<<"$rules")" -ge 35 ] || fail "few rules: $rules"
for rule in $rules; do
	# O5 asks a node: test/mesh/live.sh.
	[ "$rule" = O5 ] && continue
	[ -e "$rule.bad.yaml" ] || fail "$rule has no failing fixture"
	[ -e "$rule.good.yaml" ] || fail "$rule has no passing fixture"
done

count=0
for file in *.bad.yaml; do
	read -r _ rule place <"$file"
	"$POSTHOUSE" lint "$file" --json >"$W/json"
	code=$?
	"$POSTHOUSE" lint "$file" --sarif >"$W/sarif"
	"$POSTHOUSE" lint "$file" >"$W/said"
	severity=$(jq -r --arg r "$rule" \
		'first(.items[] | select(.rule == $r)).severity' "$W/json")
	wanted="$file:$place: $severity $rule: "
	[ "$place" = - ] && wanted="$file: $severity $rule: "
	grep -qF "$wanted" "$W/said" || fail "no '$wanted' in: $(cat "$W/said")"
	[ "$place" = - ] || {
		jq -e --arg r "$rule" --arg p "$place" '[.items[] |
			select(.rule == $r and "\(.line):\(.column)" == $p)] |
			length > 0' "$W/json" >/dev/null ||
			fail "$file: JSON: $(cat "$W/json")"
		jq -e --arg r "$rule" --arg p "$place" '.version == "2.1.0" and
			([.runs[0].results[] | select(.ruleId == $r) |
			.locations[0].physicalLocation.region |
			select("\(.startLine):\(.startColumn)" == $p)] |
			length > 0)' "$W/sarif" >/dev/null ||
			fail "$file: SARIF: $(cat "$W/sarif")"
	}
	errors=$(jq '[.items[] | select(.severity == "error")] | length' \
		"$W/json")
	[ "$code" -eq $((errors > 0 ? 78 : 0)) ] ||
		fail "$file: exit $code with $errors errors"
	expect_exit 78 "$POSTHOUSE" lint "$file" --deny-warnings
	count=$((count + 1))
done
for file in *.good.yaml; do
	rule=${file%.good.yaml}
	"$POSTHOUSE" lint "$file" --json >"$W/json"
	jq -e --arg r "${rule%%-*}" '[.items[] | select(.rule == $r)] == []' \
		"$W/json" >/dev/null || fail "$file: $(cat "$W/json")"
done
echo "# $count broken files: ok"

# A caret stands under the place, and what is meant is said.
"$POSTHOUSE" lint P3.bad.yaml >"$W/said"
grep -qF 'Did you mean file.read?' "$W/said" || fail "$(cat "$W/said")"
grep -qE '^ +\^~+$' "$W/said" || fail "no caret: $(cat "$W/said")"

expect_exit 0 "$POSTHOUSE" lint S5.good.yaml --deny-warnings
expect_exit 0 "$POSTHOUSE" lint R4.bad.yaml
expect_exit 4 "$POSTHOUSE" lint nowhere.yaml
expect_exit 2 "$POSTHOUSE" lint

# 1 MiB in one place: refused with place and reason, quickly.
{
	printf 'wiring: 1\nname: big\nservers:\n  '
	head -c 500000 /dev/zero | tr '\0' a
	printf ': {exec: [cat]}\n'
} >"$W/long.yaml"
expect_exit 78 "$POSTHOUSE" lint "$W/long.yaml"
grep -q ':4:3: error S' "$W/said" || fail "$(head -c 400 "$W/said")"
{
	printf 'wiring: 1\nname: big\nservers:\n  a: {exec: [cat, "'
	head -c 1048576 /dev/zero | tr '\0' a
	printf '"]}\n'
} >"$W/long.yaml"
expect_exit 78 "$POSTHOUSE" lint "$W/long.yaml"
grep -q 'error S1: ' "$W/said" || fail "$(head -c 400 "$W/said")"
echo "# long texts: ok"
