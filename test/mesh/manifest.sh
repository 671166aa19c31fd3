#!/bin/bash
# `manifest:` of a wiring file: what a program's author says of it stands in the
# guest book and the menu, decides who may book it, and goes with the wiring to
# other hosts and into compiled files. A changed manifest is another plan.
. "$(dirname "$0")/lib.bash"

new_phrase
node_up alpha
node_up beta --join "$(address alpha)" --cap tpu=v9
expect_soon 10 "a line" has_lines alpha 1
mkdir "$W/house"
digest=$(printf sesame | b2sum -l 256 | cut -d' ' -f1)
cat >"$W/house/encoder.manifest" <<END
manifest: 1
class: 2a
owner: video
auth: yes token $digest
caps: gpu=nvenc
labels: room=porch
in raw: text/plain
combine log: any fd=5
mux coded: text/x-coded
END
cat >"$W/house/house.yaml" <<'END'
wiring: 1
name: house
servers:
  encoder: {host: beta, exec: [cat], manifest: encoder.manifest, caps: [place=attic]}
END
ph alpha apply "$W/house/house.yaml" >"$W/said" 2>&1 || fail "apply: $(cat "$W/said")"
as_declared() {
	holds "$1" '.items | length == 1 and (.[0] |
		.class == 42 and (.identity | contains(":video:yes:token:")) and
		.caps == ["place=attic", "gpu=nvenc"] and
		.labels.room == "porch" and
		([.terminals[] | select(.name | test("^std") | not) |
			[.name, .direction, .type]] | sort) ==
		[["coded", "mux", "text/x-coded"], ["log", "combine", ""],
			["raw", "in", "text/plain"]])' "${@:2}"
}
expect_soon 5 "the guest book says what the manifest does" as_declared beta guests
as_declared alpha menu beta || fail "the menu: $(ask alpha . menu beta)"

# --- it is enforced

expect_exit 6 ph alpha reserve beta/encoder:raw
expect_exit 6 ph beta reserve beta/encoder:raw
printf wrong >"$W/token"
expect_exit 6 ph alpha reserve beta/encoder:raw --auth-file "$W/token"
printf sesame >"$W/token"
expect_exit 0 ph alpha reserve beta/encoder:raw --auth-file "$W/token" --for 1s
expect_exit 78 ph alpha connect beta/encoder:log beta/encoder:raw
say "declared, shown, enforced: ok"

# --- by what a node can, here and from afar; a node that runs nothing says so

expect_soon 5 "alpha knows what beta can" holds alpha \
	'any(.items[]; .caps | index("tpu=v9"))' peers
holds beta '.items | length == 1' guests --mask node.caps=tpu,class=2a ||
	fail "beta does not find its own by what it can"
holds beta '.items == []' guests --mask node.caps=tpu=v8 ||
	fail "beta can what it cannot"
expect_exit 0 ph alpha reserve --mask node.caps=tpu=v9,terminal=log \
	--auth-file "$W/token" --for 1s --json
[ "$(jq -r '.items[0].node' "$W/said")" = beta ] || fail "$(cat "$W/said")"
expect_exit 4 ph alpha reserve --mask node.caps=tpu=v8 --auth-file "$W/token"
expect_exit 0 ph beta menu alpha
[ "$(cat "$W/said")" = "alpha runs no servers, so it offers nothing" ] ||
	fail "an empty menu: $(cat "$W/said")"
say "by what a node can: ok"

# --- a part's manifest lies beside the part, wherever that is

mkdir "$W/parts"
cp "$W/house/encoder.manifest" "$W/parts/"
printf 'servers:\n  far: {host: beta, exec: [cat], manifest: encoder.manifest}\n' \
	>"$W/parts/far.yaml"
printf 'wiring: 1\nname: parted\ninclude: [../parts/far.yaml]\nservers: {}\nwires: []\n' \
	>"$W/house/parted.yaml"
expect_exit 0 ph alpha apply "$W/house/parted.yaml"
expect_soon 5 "a part's manifest is read" holds beta \
	'[.items[] | select(.server == "far") | .class] == [42]' guests
expect_exit 0 ph alpha unapply parted
rm "$W/parts/encoder.manifest"
expect_exit 78 ph alpha apply "$W/house/parted.yaml"
expect_said "../parts/far.yaml:2" "P9" "directory of the file that names it"
say "of a part: ok"

# --- a node that reads the file itself, from another directory

sed -i 's/host: beta, //' "$W/house/house.yaml"
node_up gamma -f "$W/house/house.yaml" --discovery off
expect_soon 10 "gamma has read the manifest" as_declared gamma guests
"$POSTHOUSE" compile "$W/house/house.yaml" >"$W/house.c" 2>"$W/said" ||
	fail "compile: $(cat "$W/said")"
grep -q "mux coded: text/x-coded" "$W/house.c" ||
	fail "the manifest is not in the compiled file: $(cat "$W/house.c")"

# --- another manifest is another server

sed -i 's/^caps: .*/caps: gpu=none/' "$W/house/encoder.manifest"
ph gamma plan "$W/house/house.yaml" >"$W/said" 2>&1
grep -q encoder "$W/said" || fail "no change is planned: $(cat "$W/said")"
sed -i 's/^caps: .*/caps gpu/' "$W/house/encoder.manifest"
expect_exit 78 ph gamma apply "$W/house/house.yaml"
expect_said "encoder.manifest:5:1" "begins with a key"
expect_soon 2 "nothing has changed" as_declared gamma guests
say "manifest: ok"
