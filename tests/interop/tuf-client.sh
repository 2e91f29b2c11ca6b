#!/bin/sh
# tuf-client.sh OUT: our TUF client against good and attacked repositories.
set -u
out=$(cd "${1:-out/dev}" && pwd) || exit 1
cd "$(dirname "$0")" || exit 1
[ node_modules/.package-lock.json -nt package-lock.json ] ||
    npm ci --silent || exit 1
exec node repo-mock.js "$out/kiln-agent"
