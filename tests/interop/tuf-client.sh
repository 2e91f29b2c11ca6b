#!/bin/sh
# tuf-client.sh OUT: our TUF client against good and attacked repositories.
set -u
out=$(cd "${1:-out/dev}" && pwd) || exit 1
cd "$(dirname "$0")" || exit 1
../support/node-modules . || exit 1
exec node repo-mock.js "$out/kiln-agent"
