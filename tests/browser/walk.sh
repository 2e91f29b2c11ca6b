#!/bin/sh
# walk.sh OUT: the dashboard of the farm that pipe.sh left in OUT/test-farm, in
# a browser; pictures in OUT/browser.
set -u
out=$(cd "${1:-out/dev}" && pwd) || exit 1
if [ ! -e "$out/test-farm/farm.db" ]; then
	echo "SKIP no farm to look at: tests/e2e/pipe.sh leaves one"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
port=$((20000 + $$ % 20000))
log=$(mktemp "${TMPDIR:-/tmp}/kiln-walk.XXXXXX") || exit 1
"$out/kiln-web" --state "$out/test-farm" --listen "127.0.0.1:$port" \
    >"$log" 2>&1 </dev/null &
web=$!
trap 'kill "$web" 2>/dev/null; rm -f "$log"' EXIT
trap 'exit 1' HUP INT TERM
cd "$(dirname "$0")" || exit 1
../support/node-modules . || exit 1
# What it says once its database stands.
for _ in $(seq 100); do
	grep -q "^info serving" "$log" && break
	kill -0 "$web" 2>/dev/null || break
	sleep 0.1
done
if ! grep -q "^info serving" "$log"; then
	cat "$log"
	exit 1
fi
rm -rf "$out/browser"
echo "correct horse" | "$out/kiln-web" --state "$out/test-farm" \
    account set walker operator || exit 1
timeout 240 node walk.js "http://127.0.0.1:$port" "$out/browser" \
    walker "correct horse"
