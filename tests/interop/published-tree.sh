#!/bin/sh
# published-tree.sh OUT: a tree made by kiln-tuf, read by tuf-js.
set -u
out=$(cd "${1:-out/dev}" && pwd) || exit 1
tree=$(mktemp -d "${TMPDIR:-/tmp}/kiln-tree.XXXXXX") || exit 1
trap 'rm -rf "$tree"' EXIT
trap 'exit 1' HUP INT TERM
KILN_TREE=$tree \
    "$out/tests/test_tuf_repo_serve" >"$tree/.log" 2>&1 || {
	cat "$tree/.log"
	exit 1
}
cd "$(dirname "$0")" || exit 1
../support/node-modules . || exit 1
node published-tree.js "$tree"
