# For the scripts in tests/e2e: `. tests/support/lib.sh`, then cases as
#   t "sentence" command…      passes when the command exits 0; $tmp/cases has all
#   finish                     prints the closing line and the exit status
passed=0 failed=0 skipped=0
out=${1:-out/dev}
bin=$(cd "$out" && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/kiln-e2e.XXXXXX")
chmod 755 "$tmp"
pids=
# A database that its owner is just opening is locked for a moment.
sqlite3() { command sqlite3 -cmd '.timeout 10000' "$@"; }
export KILN_E2E_OF="$tmp"
# Most of $pids ended long ago, and a number is used again: our children, and
# what says that it was started here.
ours() { # PID
	[ "$(ps -o ppid= -p "$1" | tr -d ' ')" = $$ ] ||
	    tr '\0' '\n' <"/proc/$1/environ" | grep -qx "KILN_E2E_OF=$tmp"
} 2>/dev/null
end_all() { # that was started here
	for p in $pids; do ours "$p" && kill "$p" 2>/dev/null; done
	for p in $pids; do
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			ours "$p" || break
			sleep 0.5
		done
		ours "$p" && kill -9 "$p" 2>/dev/null
	done
	pids=
}
cleanup() {
	end_all
	[ -n "${KEEP:-}" ] && echo "# kept $tmp" || rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

t() {
	what=$1
	shift
	if "$@" >"$tmp/case.out" 2>&1; then
		passed=$((passed + 1))
		echo "ok $what"
		echo "ok $what" >>"$tmp/cases"
	else
		failed=$((failed + 1))
		echo "not ok $what"
		echo "not ok $what" >>"$tmp/cases"
		sed 's/^/    /' "$tmp/case.out" | tail -n 40
	fi
}
skip() {
	skipped=$((skipped + 1))
	echo "SKIP $1"
}
# until_ok SECONDS command…: tries every 0.2 s until it exits 0.  The time is for
# a quiet machine: a busy one gets four times as much before this is a failure.
until_ok() {
	end=$(($(date +%s) + 4 * $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $end ] || return 1
		sleep 0.2
	done
}
finish() {
	if [ $skipped -gt 0 ]; then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	[ $failed -eq 0 ]
	exit
}
