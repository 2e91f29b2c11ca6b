#!/bin/sh
# tuf.sh OUT: a publication and every ceremony killed, and the power lost in a
# publication: the old repository or the new one, and the next run finishes it.
set -u
. tests/fault/own.sh
. tests/support/lib.sh
. tests/fault/lib.sh
own_tmpfs || exit

tuf=$bin/kiln-tuf base=$tmp/base state=$tmp/s
published=$state/tuf/metadata
sql() { sqlite3 -batch -readonly "$state/tuf.db" "$1"; }
fresh() { rm -rf "$state" "$state.stage" && cp -a "$base" "$state"; }
serve() { "$tuf" serve --state "$state" --once; }

release() { # FOLDER VERSION
	seq 1 20000 >"$tmp/image" && echo "$2" >>"$tmp/image" &&
	    "$bin/tests/support/publish" "$1" vm dns-dhcp "$2" "$tmp/image" \
		router.lan
}
prepare() {
	"$tuf" init --state "$base" --demo --service kernel \
	    --service dns-dhcp && echo kernel >"$tmp/k" &&
	    echo initrd >"$tmp/i" && "$bin/tests/support/publish" "$base" \
	    kernel kernel 6.1 "$tmp/k" "$tmp/i" microvm console=ttyS0 &&
	    release "$base" 1 && "$tuf" serve --state "$base" --once
}

# --- what holds in each of them ------------------------------------------------
act() { "$@" "$tuf" $verb --state "$state" $args; }
clean() { # a stranger's word; an empty tree has nobody to judge it
	[ ! -e "$published/timestamp.json" ] ||
	    "$tuf" check "$state/tuf" >"$tmp/judged" 2>&1 ||
	    { cat "$tmp/judged"; return 1; }
}
# Right after the cut.  What lies there has been seen, perhaps.
raw() {
	clean || return
	(cd "$published" 2>/dev/null && sha256sum [0-9]*) >"$tmp/seen-files" \
	    2>/dev/null
	:
}
# Nothing that was published has other bytes afterwards, and no temporary is
# left (hidden ones are swept when they are a day old).
kept() {
	[ ! -s "$tmp/seen-files" ] || (cd "$published" &&
	    sha256sum --quiet -c "$tmp/seen-files") || return
	left=$(find "$state" -name '.tmp-*')
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}
again() {
	find "$state" -name '.tmp-*' -exec touch -d '2 days ago' {} +
	next && clean && kept
}

# --- a publication ---------------------------------------------------------------
next() { serve; }
records() {
	# Compressed forms come one by one; how many times a snapshot is made
	# for them is all the same.
	sql "SELECT name, version, published_at IS NULL FROM role
	    WHERE name NOT IN ('snapshot', 'timestamp', 'transport')
	    ORDER BY name, version;
	SELECT 'unpublished', count(*) FROM role WHERE published_at IS NULL;
	SELECT service, serial, published_at IS NULL FROM release
	    ORDER BY service, serial;
	SELECT channel, counter FROM published_set ORDER BY 1, 2;
	SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind;
	SELECT path FROM placed ORDER BY path"
	(cd "$state/tuf" && find . -type f | sort |
	    grep -vE '/[0-9]+\.(snapshot|transport)\.json')
}
t "a farm is founded" prepare
t "a second release waits" release "$base" 2
verb=serve args=--once
sweep "SIGKILL in a publication" all 6
lost "power lost in a publication" 6

# --- ceremonies --------------------------------------------------------------------
# One may end before or after its change; if before, the next one makes it.
# The ceremony after that sweeps the keys' folders.
next() {
	serve && { reached || act; } && serve && reached &&
	    "$tuf" request --state "$state" --out "$tmp/request" root
}
records() { reached && echo reached; }
roots() { find "$published" -name '*.root.json' | wc -l; }
# A slice has two or three of them, by chance.
nth=0
ceremony() { # HOWMANY VERB ARGS
	nth=$((nth + 1))
	[ "${KILN_FAULTS:-}" = full ] || [ $(((seed + nth) % 4)) = 0 ] || return 0
	verb=$2 args=$3
	sweep "SIGKILL in kiln-tuf $2 $3" all "$1"
}
reached() { [ "$(roots)" -gt 1 ]; }
ceremony 4 rotate "--yes snapshot timestamp"
ceremony 4 rotate "--yes root targets"
reached() { [ "$(find "$published" -name '*.targets.json' | wc -l)" -gt 1 ]; }
ceremony 2 rotate "--yes rebuilder"
ceremony 2 rotate "--yes sets-edge brake transport"
ceremony 3 request "--yes root targets"
reached() { grep -q '"svc-web"' "$published"/*.targets.json; }
ceremony 4 delegate "--service web"
reached() { [ "$(sql "SELECT max(counter) FROM published_set
    WHERE channel = 'stable'")" = 1 ]; }
ceremony 4 promote "--waves 0:10,24:100"
reached() { [ "$(sql "SELECT max(version) FROM role WHERE name = 'brake'
    AND published_at IS NOT NULL")" -gt 1 ]; }
ceremony 3 halt "--reason fault edge"
reached() { [ "$(sql "SELECT max(version) FROM role WHERE name = 'timestamp'
    AND published_at IS NOT NULL")" -gt "$before" ]; }
before=$(state=$base; sql "SELECT max(version) FROM role WHERE name = 'timestamp'")
next() { act && reached; }
ceremony 2 refresh ""

# The first of all, in an empty folder.
fresh() { rm -rf "$state" "$state.stage"; }
next() { act || serve; }
reached() { [ -e "$published/timestamp.json" ]; }
ceremony 5 init "--demo --service kernel --service ntp"
finish
