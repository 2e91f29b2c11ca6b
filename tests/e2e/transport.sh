# Compressed and delta forms with the real child of few rights.
. tests/support/lib.sh

var=$tmp/var
tuf=$bin/kiln-tuf
sql() { sqlite3 -readonly "$var/tuf.db" "$1"; }
publish() { # VERSION
	{
		seq 1 200000
		echo "$1"
		seq 1 200000
	} >"$tmp/image.$1"
	"$bin/tests/support/publish" "$var" vm dns-dhcp "$1" "$tmp/image.$1" \
	    router.lan
}
found() {
	"$tuf" init --state "$var" --demo --service kernel --service dns-dhcp &&
	    echo kernel >"$tmp/k" && echo initrd >"$tmp/i" &&
	    "$bin/tests/support/publish" "$var" kernel kernel 6.1 "$tmp/k" \
		"$tmp/i" microvm console=ttyS0 && publish 1
}
t "a farm is founded" found
t "serve --once publishes the set, then its compressed form" \
    "$tuf" serve --state "$var" --once
listed() { [ "$(sql "SELECT count(*) FROM transport WHERE sha256 IS NOT NULL")" = "$1" ]; }
t "one form is there" listed 1
t "a stranger finds nothing wrong" "$tuf" check "$var/tuf"
order() {
	# The set's publication came first, and listed no form.
	[ "$(sql "SELECT count(*) FROM publication")" -ge 2 ] &&
	    [ "$(sql "SELECT max(version) FROM role WHERE name = 'transport'
	        AND published_at IS NOT NULL")" = 2 ]
}
t "in a publication of its own" order
"$tuf" serve --state "$var" >"$tmp/serve.log" 2>&1 &
daemon=$!
pids="$pids $daemon"
t "the daemon serves" until_ok 10 grep -q serving "$tmp/serve.log"
child() { pgrep -P $daemon -f -- "-x transport"; }
confined() {
	c=$(child) || return 1
	cat "/proc/$c/status"
	awk '$1 == "Seccomp:" && $2 == 2 {s = 1}
	    $1 == "NoNewPrivs:" && $2 == 1 {n = 1}
	    $1 == "CapEff:" && $2 ~ /^0*$/ {c = 1}
	    END {exit !(s && n && c)}' "/proc/$c/status" || return 1
	[ "$(id -u)" != 0 ] ||
	    ! awk '/^Uid:/ {print $2}' "/proc/$c/status" |
	    grep -qxE "0|$(awk '/^Uid:/ {print $2}' "/proc/$daemon/status")"
}
t "its child has a uid of its own, a filter and no capabilities" confined
t "a second image is published" publish 2
t "its forms follow by themselves" until_ok 60 listed 3
shown() { sql "SELECT file FROM role WHERE name = 'transport'
    AND published_at IS NOT NULL ORDER BY version DESC LIMIT 1" |
    grep -q '\.from\..*\.zst'; }
t "and are listed together" until_ok 10 shown
t "a stranger finds nothing wrong" "$tuf" check "$var/tuf"
kill $daemon
ended() { ! kill -0 $daemon 2>/dev/null; }
t "the daemon ends at once" until_ok 3 ended
finish
