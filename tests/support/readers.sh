# For scripts in tests/interop that do ceremonies: `. tests/support/readers.sh`
# after lib.sh and with $here and $state set.
tests/support/node-modules "$here" || exit 1
# $clock: empty, or a command that runs another under another clock.
clock=
tuf() {
	verb=$1
	shift
	$clock "$bin/kiln-tuf" "$verb" --state "$state" "$@"
}
# Large enough, and alike enough, for compressed forms and deltas.
release() { # VERSION
	{ echo "image ntp $1" && seq 20000; } >"$tmp/image" &&
	    { echo "kernel $1" && seq 9000; } >"$tmp/vmlinuz" &&
	    echo "initrd $1" >"$tmp/initrd" &&
	    "$bin/tests/support/publish" "$state" vm ntp "$1" "$tmp/image" x &&
	    "$bin/tests/support/publish" "$state" kernel kernel "$1" \
		"$tmp/vmlinuz" "$tmp/initrd" microvm console=ttyS0
}
exits() { # CODE command…
	want=$1
	shift
	"$@"
	rc=$?
	[ $rc -eq "$want" ] || {
		echo "exit $rc"
		return 1
	}
}
# Four readers' lines are counted as they are.
readers() { # LABEL [TREE]
	t "$1: kiln-tuf check finds nothing wrong" \
	    $clock "$bin/kiln-tuf" check "${2:-$state/tuf}"
	(cd "$here" && $clock node ceremonies.js read "$1" "${2:-$state/tuf}" \
	    "$tmp/clients" "$bin/kiln-agent") >"$tmp/readers" 2>&1
	cat "$tmp/readers"
	passed=$((passed + $(grep -c '^ok ' "$tmp/readers")))
	failed=$((failed + 4 - $(grep -c '^ok ' "$tmp/readers")))
}
ceremony() { # LABEL command…
	label=$1
	shift
	t "$label" "$@"
	readers "$label"
}
