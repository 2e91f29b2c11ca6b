#!/bin/sh
# log.sh OUT: the log that kiln-tuf writes and the statements that it signs, read
# over HTTP by code that is not ours.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/lib.sh
here=$PWD/tests/interop
var=$tmp/var
tests/support/node-modules "$here" || exit 1
echo image >"$tmp/image"
found() {
	"$bin/kiln-tuf" init --state "$var" --demo --service dns-dhcp &&
	    "$bin/tests/support/publish" "$var" vm dns-dhcp 1 "$tmp/image" \
		router.lan &&
	    "$bin/tests/support/publish" "$var" said 1 300 &&
	    "$bin/kiln-tuf" serve --state "$var" --once
}
t "a farm says three hundred things" found
port=$((20000 + $$ % 20000))
"$bin/kiln-web" --state "$var" --listen "127.0.0.1:$port" \
    >"$tmp/web.log" 2>&1 &
pids="$pids $!"
url=http://127.0.0.1:$port
t "kiln-web serves them" until_ok 60 curl -fsS "$url/tuf/log/checkpoint"
key=$(sqlite3 -readonly "$var/tuf.db" "SELECT key FROM attestation LIMIT 1")
t "sigstore's code follows the log" node "$here/log.js" "$url" "$key"
cat "$tmp/case.out"
finish
