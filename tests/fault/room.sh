#!/bin/sh
# room.sh OUT: full disks and read-only ones: whoever writes waits with a
# cause, loses nothing, and goes on by itself when there is room again.
set -u
. tests/fault/own.sh
. tests/support/lib.sh
. tests/fault/lib.sh
[ "$(id -u)" = 0 ] || { skip "full disks want root, for file systems of their own"; finish; }
own_tmpfs || exit

base=$tmp/base recipes=$tmp/recipes state=$tmp/s
sql() { sqlite3 -batch -readonly "$state/$1.db" "$2"; }
prepare() {
	"$bin/kiln-builder" --state "$base" --recipes tests/support/recipes \
	    --once && echo "audit: 0" >"$base/kiln.yaml" || return
	mkdir "$state" && mv "$base/env" "$state"
}
t "a farm builds what is then built anew" prepare
fresh() {
	rm -rf "$recipes" && cp -R tests/support/recipes "$recipes" &&
	    find "$state" -mindepth 1 -maxdepth 1 ! -name env -exec rm -rf {} + &&
	    cp -a "$base"/. "$state"
}

# small PART KB: that folder of the state has a file system of its own, so
# large beyond what is in it.
small() {
	mkdir "$tmp/apart" && cp -a "$state/$1"/. "$tmp/apart" &&
	    size=$(($(du -sk "$state/$1" | cut -f 1) + $2)) &&
	    mount -t tmpfs -o \
	    "size=${size}k,mode=$(stat -c %a "$state/$1")" tmpfs "$state/$1" &&
	    cp -a "$tmp/apart"/. "$state/$1" && rm -rf "$tmp/apart"
}
fill() { ! head -c 1G /dev/zero >"$state/$1/fill" 2>/dev/null; }
ends() { # PID
	kill "$1"
	until_ok 60 gone "$1"
}
gone() { ! kill -0 "$1" 2>/dev/null; }

build() {
	"$bin/kiln-builder" --state "$state" --recipes "$recipes" --offline \
	    --jobs 1 >"$tmp/log" 2>&1 &
	pid=$!
	pids="$pids $pid"
}
released() { [ "$(sql farm "SELECT count(*) FROM release")" = 2 ]; }
good() { # nothing was blamed on a plan
	[ "$(sql farm "SELECT group_concat(DISTINCT verdict) FROM plan")" = reproduced ] &&
	    [ "$(sql farm "SELECT count(*) FROM cycle WHERE finished_at IS NULL")" = 0 ]
}
# waits PART CAUSE KB BREAK MEND
waits() {
	fresh && small "$1" "$3" || return
	build
	waited "$@"
	rc=$?
	gone $pid || { kill -9 $pid; wait $pid; }
	umount -l "$state/$1"
	return $rc
}
waited() {
	until_ok 60 grep -q 'info cycle' "$tmp/log" && $4 "$1" &&
	    sed -i 's/\.in >/.in | tr a-z A-Z >/' "$recipes/hello/build.sh" ||
	    return
	until_ok 60 grep -q "cause=$2" "$tmp/log" || { cat "$tmp/log"; return 1; }
	! gone $pid || { echo "it has ended"; cat "$tmp/log"; return 1; }
	! released && $5 "$1" || return
	until_ok 90 released || { tail "$tmp/log"; return 1; }
	ends $pid && good
}
empty() { rm "$state/$1/fill"; }
frozen() { mount -o remount,ro "$state/$1"; }
thawed() { mount -o remount,rw "$state/$1"; }
# A slice has one of them.
nth=0
each() {
	nth=$((nth + 1))
	[ "${KILN_FAULTS:-}" != full ] && [ $(((seed + nth) % 3)) != 0 ] || t "$@"
}
each "a full store: the job waits, and goes on by itself" \
    waits store no-space 4096 fill empty
each "a full work folder, too" waits work no-space 400000 fill empty
each "a store that is read-only, too" \
    waits store read-only 4096 frozen thawed
finish
