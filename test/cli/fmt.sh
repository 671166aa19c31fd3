#!/bin/bash
# posthouse fmt: examples and fixtures are stable and mean the same; comments
# stay; what cannot be read is not touched.
. "$(dirname "$0")/lib.bash"
cd "$(dirname "$0")/../.." || exit 1

count=0
for file in examples/*.yaml; do
	expect_exit 0 "$POSTHOUSE" fmt --check "$file"
done
# What they include lies beside them.
cp test/lint-fixtures/*.part test/lint-fixtures/S6.bad.yaml \
	test/lint-fixtures/P9.bad.yaml \
	test/lint-fixtures/*.manifest "$W"
for file in test/lint-fixtures/*.yaml; do
	case $file in */S[12].bad.yaml) continue ;; esac
	expect_exit 0 "$POSTHOUSE" fmt "$file"
	cp "$W/said" "$W/once.yaml"
	expect_exit 0 "$POSTHOUSE" fmt --check "$W/once.yaml"
	# The same findings: it says the same.
	"$POSTHOUSE" lint --json "$file" |
		jq -c '[.items[] | [.rule, .message]] | sort' \
			>"$W/one"
	"$POSTHOUSE" lint --json "$W/once.yaml" |
		jq -c '[.items[] | [.rule, .message]] | sort' >"$W/other"
	sed -i 's/line [0-9]*/line/g' "$W/one" "$W/other"
	cmp -s "$W/one" "$W/other" ||
		fail "$file says something else: $(cat "$W/one" "$W/other")"
	count=$((count + 1))
done
[ $count -gt 60 ] || fail "only $count files"
echo "# $count files: ok"

cat >"$W/rough.yaml" <<'END'
# head

wiring:   1   # version
name: "t"
servers:  # what runs
    a: {exec: [cat, # inside
       "b"], env: {A: , B: 'it''s', C: "yes", D: 12}}
    # about b
    b:
        exec:
        - sh
        - -c
        - |
          echo hi   # no comment
            deeper
        # last of exec
    # c is away
wires:
-   a -> b      # first
# the end
END
cat >"$W/wanted.yaml" <<'END'
# head

wiring: 1  # version
name: t
servers:  # what runs
  a:
    exec:
      - cat  # inside
      - b
    env: {A: , B: it's, C: "yes", D: 12}
  # about b
  b:
    exec:
      - sh
      - -c
      - |
        echo hi   # no comment
          deeper
      # last of exec
  # c is away
wires:
  - a -> b  # first
# the end
END
expect_exit 1 "$POSTHOUSE" fmt --check "$W/rough.yaml"
expect_exit 0 "$POSTHOUSE" fmt "$W/rough.yaml"
diff "$W/wanted.yaml" "$W/said" || fail "see above"
expect_exit 0 "$POSTHOUSE" fmt - <"$W/rough.yaml"
chmod 640 "$W/rough.yaml"
cp "$W/rough.yaml" "$W/rough.kept"
expect_exit 0 "$POSTHOUSE" fmt --write "$W/rough.yaml"
cmp "$W/wanted.yaml" "$W/rough.yaml" || fail "--write wrote something else"
[ "$(stat -c %a "$W/rough.yaml")" = 640 ] || fail "its mode has changed"

# A link leads to the file that is formatted, and remains one.
mkdir "$W/deep"
cp "$W/rough.kept" "$W/deep/rough.yaml"
ln -s deep/rough.yaml "$W/link.yaml"
owner=$(stat -c %u:%g "$W/deep/rough.yaml")
if [ "$(id -u)" = 0 ]; then
	owner=12345:12346
	chown $owner "$W/deep/rough.yaml"
fi
expect_exit 0 "$POSTHOUSE" fmt --write "$W/link.yaml"
[ -L "$W/link.yaml" ] || fail "the link is a file now"
cmp "$W/wanted.yaml" "$W/deep/rough.yaml" || fail "what it leads to is not formatted"
[ "$(stat -c %u:%g "$W/deep/rough.yaml")" = $owner ] || fail "its owner has changed"

printf 'wiring: 1\nname: [a\n' >"$W/broken.yaml"
cp "$W/broken.yaml" "$W/before"
expect_exit 78 "$POSTHOUSE" fmt --write "$W/broken.yaml"
grep -q 'broken.yaml:2:.*error S1' "$W/told" || fail "$(cat "$W/told")"
cmp "$W/before" "$W/broken.yaml" || fail "a broken file was touched"
printf 'wiring: 1\nname: a\nname: b\n' >"$W/broken.yaml"
expect_exit 78 "$POSTHOUSE" fmt --write "$W/broken.yaml"
expect_exit 4 "$POSTHOUSE" fmt "$W/nowhere.yaml"
expect_exit 2 "$POSTHOUSE" fmt --write -
[ -z "$(find "$W" -name '*.yaml.*')" ] || fail "left: $(ls "$W")"
echo "# comments, --write, broken files: ok"
