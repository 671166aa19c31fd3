#!/bin/bash
# The published schema takes every file that lints (examples, fixtures), and
# refuses what the table's keys and kinds refuse; doc/WIRING.md says what the
# table says.
. "$(dirname "$0")/lib.bash"
cd "$(dirname "$0")/../.." || exit 1

"$POSTHOUSE" schema >"$W/schema.json" || fail "no schema"

# --- the documentation
jq -r '[., .definitions[]] | .[].properties | to_entries[] |
	"| `\(.key)` | \(.value.description) |"' "$W/schema.json" >"$W/rows"
"$POSTHOUSE" lint --sarif test/lint-fixtures/S5.good.yaml |
	jq -r '.runs[0].tool.driver.rules[] |
	"| \(.id) | \(.defaultConfiguration.level) | \(.shortDescription.text) |"' \
		>>"$W/rows"
[ "$(wc -l <"$W/rows")" -gt 80 ] || fail "few rows: $(cat "$W/rows")"
while read -r row; do
	grep -qF -- "$row" doc/WIRING.md ||
		fail "doc/WIRING.md lacks the row: $row"
done <"$W/rows"
echo "# $(wc -l <"$W/rows") rows of doc/WIRING.md: ok"

# --- the schema
python=
for each in python3 /usr/bin/python3; do
	"$each" -c 'import jsonschema, yaml' 2>/dev/null && python=$each && break
done
[ -n "$python" ] || {
	echo "SKIP: no python3 with jsonschema and yaml"
	exit 77
}
export IN=/in OUT=/out POSTHOUSE
"$python" -W ignore - "$W/schema.json" <<'PYTHON' || fail "see above"
import glob, json, os, subprocess, sys
import jsonschema, yaml

schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)

class Loader(yaml.SafeLoader):
    pass
# YAML 1.2, as ours: yes and no are texts.
Loader.yaml_implicit_resolvers = {
    key: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}

def findings(path):
    out = subprocess.run([os.environ["POSTHOUSE"], "lint", "--json", path], capture_output=True)
    return json.loads(out.stdout)["items"]

taken = refused = 0
for path in sorted(glob.glob("examples/*.yaml") + glob.glob("test/lint-fixtures/*.yaml")):
    found = findings(path)
    rules = {item["rule"] for item in found if item["severity"] == "error"}
    try:
        document = yaml.load(open(path), Loader)
    except yaml.YAMLError:
        continue
    valid = validator.is_valid(document)
    if not rules and not valid:
        error = jsonschema.exceptions.best_match(validator.iter_errors(document))
        sys.exit(f"{path} lints, and the schema refuses it: {error.message} at {list(error.path)}")
    if rules & {"S3", "S5", "P3"} and valid:
        sys.exit(f"{path} has {rules}, and the schema takes it")
    taken += valid
    refused += not valid
if taken < 40 or refused < 5:
    sys.exit(f"only {taken} taken and {refused} refused: this proves nothing")
print(f"# schema: {taken} files taken, {refused} refused: ok")
PYTHON
