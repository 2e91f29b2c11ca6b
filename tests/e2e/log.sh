# The log of what is said of runs: static files that a web server hands out,
# followed by a stranger with a root of their own.  A farm that says something
# else to them than before is found out.
. tests/support/lib.sh

var=$tmp/var
says() { # STATE FROM TO
	"$bin/tests/support/publish" "$1" said "$2" "$3" >"$tmp/said"
}
publish() { "$bin/kiln-tuf" serve --state "$var" --once; }
found() {
	echo image >"$tmp/image" && echo kernel >"$tmp/k" &&
	    echo initrd >"$tmp/i" &&
	    "$bin/kiln-tuf" init --state "$var" --demo --service dns-dhcp \
		--service kernel &&
	    "$bin/tests/support/publish" "$var" kernel kernel 6.1 "$tmp/k" \
		"$tmp/i" microvm console=ttyS0 &&
	    "$bin/tests/support/publish" "$var" vm dns-dhcp 1 "$tmp/image" \
		router.lan &&
	    says "$var" 1 3 && publish
}
t "a farm is founded and says three things" found
port=$((20000 + $$ % 20000))
"$bin/kiln-web" --state "$var" --listen "127.0.0.1:$port" \
    >"$tmp/web.log" 2>&1 &
pids="$pids $!"
url=http://127.0.0.1:$port
t "kiln-web serves it" until_ok 60 curl -fsS "$url/tuf/log/checkpoint"
"$bin/kiln-tuf" export-root --state "$var" >"$tmp/root.json"

verify() {
	"$bin/kiln" log verify --from "$url" --root "$tmp/root.json" \
	    --seen "$tmp/seen" "$@" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	cat "$tmp/out" "$tmp/err"
	return $rc
}
verify_says() { # WORDS OPTIONS…
	words=$1
	shift
	verify "$@" && grep -q "$words" "$tmp/out"
}
t "a stranger reads all of it" verify_says "3 entries, all read"
t "and the same again" verify_says "the same as before"
t "and finds a statement" verify_says "entry 2$" --statement \
    "$(tail -n 1 "$tmp/said")"
code() { # CODE OPTIONS…
	want=$1
	shift
	verify "$@"
	[ $? = "$want" ]
}
t "another is not in it" code 3 --statement "$(printf %064d 0)"
t "JSON says it, too" verify_says '"entries": 3' --json
t "the farm's own folder is read without a server" sh -c \
    '"$1" log verify --state "$2" --seen "$3"' sh "$bin/kiln" "$var" "$tmp/own"
no_root() {
	"$bin/kiln" log verify --from "$url" --seen "$tmp/none" 2>"$tmp/err"
	[ $? = 4 ] && grep -q "cause=not-trusted" "$tmp/err"
}
[ -e /etc/kiln/root.json ] ||
    t "without a root nothing is believed" no_root
t "the server's own word is, if that is wanted, and shown" sh -c \
    '"$1" log verify --tofu --from "$2" --seen "$3" 2>&1 | grep -q "SHA-256"' \
    sh "$bin/kiln" "$url" "$tmp/tofu"

more() { says "$var" 4 300 && publish; }
cat >"$tmp/agent.yaml" <<END
state: $tmp/agent
server: ["$url"]
channel: edge
demo: true
trust: {root: $tmp/root.json, min_keys: 1}
lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
services:
  dns-dhcp:
    address: 192.0.2.53
    config: {domain: lan, hosts: [{name: router, address: 192.0.2.53}]}
END
router() { "$bin/kiln-agent" check --config "$tmp/agent.yaml" 2>"$tmp/err"; }
router_says() { # WORD: it takes no set
	router && return 1
	cat "$tmp/err"
	grep -q "refused ($1)" "$tmp/err"
}
t "a router takes the set, and remembers the log" router
t "it grows" more
t "the router sees that it only grew" router
t "a quick look shows that it only grew" \
    verify_says "300 entries; they begin with the 3 seen" --quick
cp -a "$var/tuf/log" "$tmp/before"
t "nothing new changes no file" sh -c \
    '"$1" serve --state "$2" --once && diff -r "$2/tuf/log" "$3"' \
    sh "$bin/kiln-tuf" "$var" "$tmp/before"

# --- two faces -----------------------------------------------------------------
# The same farm, its keys in one place, its memory in another: what it says now
# is signed as well as what it said before.
fork() {
	cp -a "$var" "$tmp/face" && rm -rf "$tmp/face/tuf/log" &&
	    rm -f "$tmp/face/keys/online/journal" &&
	    sqlite3 -cmd ".filectrl persist_wal 1" "$tmp/face/tuf.db" "DELETE FROM log_entry;
		DELETE FROM attestation WHERE rowid = 7;
		DELETE FROM state WHERE key LIKE 'log_%'" &&
	    "$bin/kiln-tuf" serve --state "$tmp/face" --once
	[ "$(sqlite3 -readonly "$tmp/face/tuf.db" \
	    "SELECT count(*) FROM log_entry")" = 299 ] || return 1
	rm -rf "$tmp/honest" && mv "$var/tuf/log" "$tmp/honest" &&
	    cp -a "$tmp/face/tuf/log" "$var/tuf/log"
}
t "its owner makes another log with the same keys" fork
word() { code 4 "$@" && grep -q "$word" "$tmp/err"; }
word="(log rollback)"
t "that is shorter, and found out" word
t "by the router, too" router_says log-rollback
rm -rf "$var/tuf/log" && cp -a "$tmp/honest" "$var/tuf/log"
t "the honest one is believed all the time" verify_says "300 entries"
face() {
	says "$tmp/face" 301 303 || return 1
	"$bin/kiln-tuf" serve --state "$tmp/face" --once
	rm -rf "$var/tuf/log" && cp -a "$tmp/face/tuf/log" "$var/tuf/log"
}
t "the other one grows beyond it" face
word="(log fork)"
t "and is found out by a dozen hashes" word --quick
t "and by all of it" word
t "the router takes no set of such a farm" router_says log-fork
cp -a "$tmp/agent" "$tmp/agent.kept"
sed 's/min_keys: 1/min_keys: 1, hold_keys: 1s/' "$tmp/agent.yaml" >"$tmp/held.yaml"
held() { "$bin/kiln-agent" check --config "$tmp/held.yaml"; }
t "after the days for which it holds other keys, it does" until_ok 20 held
t "and goes on from there" router
rm -rf "$tmp/agent" && cp -a "$tmp/agent.kept" "$tmp/agent"
rm -rf "$var/tuf/log" && cp -a "$tmp/honest" "$var/tuf/log"
t "nothing of it stayed" verify_says "the same as before"
t "nor with the router" router
mv "$var/tuf/log" "$tmp/away"
t "which goes on where a server has no log" router
mv "$tmp/away" "$var/tuf/log"

# --- damage ----------------------------------------------------------------------
bundle=$var/tuf/log/tile/entries/000
printf X | dd of="$bundle" bs=1 seek=1000 conv=notrunc 2>/dev/null
word="(log fork)"
t "one changed byte of an entry is found" word
cp "$tmp/honest/tile/entries/000" "$bundle"
rm "$var/tuf/log/tile/entries/001.p/44"
word="not there"
t "a missing part is, too" word
finish
