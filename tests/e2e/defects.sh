#!/bin/sh
# Some of tests/defects by chance; `make defects` runs all of them.
exec sh tests/defects/run "${1:-out/dev}" "${KILN_DEFECTS:-4}"
