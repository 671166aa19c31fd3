#!/bin/bash
# examples/dashboard: a page of one's own, served by nginx, is a server in the
# guest book, is wired by a wiring file to a program on each of three hosts, and
# shows what they say; a source that dies is shown as old, a page that is opened
# again is wired again.
command -v chromium >/dev/null && command -v chromedriver >/dev/null || {
	echo "# chromium and chromedriver are not here: test/deps.sh browser"
	exit 77
}
nginx=$(command -v nginx || command -v /usr/sbin/nginx) || {
	echo "# nginx is not here: test/deps.sh proxy"
	exit 77
}
. "$(dirname "$0")/../mesh/lib.bash"
here=$(cd "$(dirname "$0")" && pwd)
examples=$here/../../examples

port=$(free_port)

new_phrase
node_up alpha --http 127.0.0.1:0 --http-origin "http://127.0.0.1:$port"
node_launch beta --join "$(address alpha)"
node_launch gamma --join "$(address alpha)"
expect_soon 15 "two lines of alpha" has_lines alpha 2
node=$(ask alpha '.items[0].http[0]' status)
node=${node%/}

# As it stands there, but for ports and places of its own.
cp -r "$examples/dashboard" "$W/site"
chmod -R a+rX "$W/site"
sed -i "s|127.0.0.1:8080|127.0.0.1:$port|; s|/tmp/dashboard|$W/nginx|
	s|http://127.0.0.1:7679|$node|; s|error_log stderr|error_log $W/nginx.log|" \
	"$W/site/nginx.conf"
[ "$(id -u)" != 0 ] || sed -i '1i user root;' "$W/site/nginx.conf"
# One process, which the test ends.
sed -i '1i master_process off;' "$W/site/nginx.conf"
"$nginx" -p "$W/site" -c nginx.conf >"$W/nginx.out" 2>&1 {NAP}>&- &
MINE[$!]=nginx
served() { curl -sf -o "$W/said" "http://127.0.0.1:$port/"; }
expect_soon 10 "nginx serves the page" served
token=$(ask alpha '.items[0].token' token wire)
[ -n "$token" ] || fail "no token"
timeout 60 python3 "$here/dashboard.py" "http://127.0.0.1:$port/" "$token" \
	"$W" "$POSTHOUSE" "$examples/dashboard.yaml" ||
	fail "the dashboard, see above"
