#!/bin/sh
# rebuilders.sh OUT: a service that two of three parties must sign.  Others hand
# their signatures in over HTTP; one signature and whatever else never
# publishes.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/lib.sh
here=$PWD/tests/interop
state=$tmp/farm
. tests/support/readers.sh
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1",
    () => { console.log(s.address().port); s.close(); })')
url=http://127.0.0.1:$port
sql() { sqlite3 -readonly "$state/tuf.db" "$1"; }
start_tuf() {
	"$bin/kiln-tuf" serve --state "$state" >>"$tmp/tuf.log" 2>&1 &
	daemon=$!
	pids="$pids $daemon"
}
stop_tuf() { # SIGNAL
	kill "-$1" "$daemon"
	wait "$daemon" 2>/dev/null
	return 0
}
found() {
	tuf init --demo --service ntp --service kernel && release 1 &&
	    tuf serve --once
}
ceremony "a farm is founded" found
"$bin/kiln-web" --state "$state" --listen "127.0.0.1:$port" \
    >"$tmp/web.log" 2>&1 &
pids="$pids $!"
get() { curl -fsS --max-time 20 "$url$1"; }
t "kiln-web serves" until_ok 60 get /api/v1/drafts
nothing_waits() { get /api/v1/drafts | grep -q '"drafts": *\[\]'; }
t "nothing waits for signatures" nothing_waits

# --- two more rebuilders join, and two of three must sign -------------------------
for who in ada bob eve; do
	mkdir "$tmp/$who"
	t "$who makes a key" "$bin/kiln-tuf" key --dir "$tmp/$who" --demo new $who
done
join() {
	tuf rotate --yes --add "$tmp/ada/ada.pub" --add "$tmp/bob/bob.pub" \
	    --threshold 2 svc-ntp
}
t "ada and bob join svc-ntp, and two must sign" join
start_tuf
waits() { # ROLE: and its version is $version
	version=$(sql "SELECT max(version) FROM role WHERE name = '$1'
	    AND file IS NULL")
	[ -n "$version" ] && get "/api/v1/draft/$1" >"$tmp/draft.$version"
}
t "a version that one has signed waits" until_ok 60 waits svc-ntp
waits svc-ntp
readers "while it waits"
cosign() { # WHO ROLE DRAFT
	"$bin/kiln-tuf" cosign --yes --key "$tmp/$1/$1.key" \
	    --out "$tmp/$1/sig" "$2" "$3"
}
hand_in() { # FILE
	curl -sS --max-time 20 -o "$tmp/answer" -w '%{http_code}' \
	    --data-binary "@$1" "$url/api/v1/signature" >"$tmp/code"
	cat "$tmp/code" "$tmp/answer"
}
answers() { # CODE FILE
	hand_in "$2" && [ "$(cat "$tmp/code")" = "$1" ]
}
listed() { # VERSION: of svc-ntp, by the published snapshot
	v=$(sql "SELECT max(snapshot_version) FROM publication")
	grep -q "\"svc-ntp.json\":{[^}]*}[^}]*\"version\":$1[,}]" \
	    "$state/tuf/metadata/$v.snapshot.json"
}
t "ada signs it elsewhere" cosign ada svc-ntp "$tmp/draft.$version"
t "and hands it in" answers 202 "$tmp/ada/sig"
t "it is published" until_ok 60 listed "$version"
readers "two of three have signed"
t "nothing waits any more" until_ok 60 nothing_waits
first=$version

# --- one signature and anything else -------------------------------------------------
t "a new release comes" release 2
kill -HUP $daemon 2>/dev/null
wait $daemon 2>/dev/null
start_tuf
t "and waits" until_ok 60 waits svc-ntp
waits svc-ntp
cp "$tmp/ada/sig" "$tmp/old"
t "a signature of the version before is refused" answers 409 "$tmp/old"
t "eve signs it, too" cosign eve svc-ntp "$tmp/draft.$version"
t "a key that the role is not delegated to is refused" answers 403 \
    "$tmp/eve/sig"
sed "s/\"key\":\"[0-9a-f]*\"/\"key\":\"$(tr -d '\n' <"$tmp/bob/bob.pub")\"/" \
    "$tmp/eve/sig" >"$tmp/forged"
t "so is her signature under bob's key" answers 403 "$tmp/forged"
sed 's/"key":"[0-9a-f]*"/"key":"0100000000000000000000000000000000000000000000000000000000000000"/' \
    "$tmp/eve/sig" >"$tmp/small"
t "and a key of small order" answers 400 "$tmp/small"
own() {
	key=$(sql "SELECT key FROM signature WHERE name = 'svc-ntp'
	    AND version = $version")
	sig=$(sql "SELECT sig FROM signature WHERE name = 'svc-ntp'
	    AND version = $version")
	sed "s/\"key\":\"[0-9a-f]*\"/\"key\":\"$key\"/
	    s/\"sig\":\"[0-9a-f]*\"/\"sig\":\"$sig\"/" "$tmp/eve/sig" >"$tmp/own"
	answers 202 "$tmp/own"
}
t "the farm's own signature once more is taken" own
seen() { [ "$(sql "SELECT count(*) FROM handed_in")" = "$1" ]; }
t "looked at" until_ok 60 seen 2
t "and counted once" test "$(sql "SELECT count(*) FROM signature
    WHERE name = 'svc-ntp' AND version = $version")" = 1
echo '{"kind":"kiln/signature","v":2}' >"$tmp/new"
t "another form is refused" answers 400 "$tmp/new"
head -c 3000 /dev/zero | tr '\0' ' ' >"$tmp/long"
t "so is anything long" answers 400 "$tmp/long"
sed 's/"role":"svc-ntp"/"role":"timestamp"/' "$tmp/eve/sig" >"$tmp/online"
t "no other role takes signatures" answers 403 "$tmp/online"
not_listed() { ! listed "$version" && listed "$first"; }
t "and what stood still stands" not_listed
readers "one of two has signed"

# --- restarts and replays ---------------------------------------------------------------
stop_tuf KILL
start_tuf
same_draft() {
	get /api/v1/draft/svc-ntp >"$tmp/again" &&
	    cmp "$tmp/again" "$tmp/draft.$version"
}
t "killed and started again, it waits for the same bytes" same_draft
t "and has not published them" not_listed
t "bob signs" cosign bob svc-ntp "$tmp/draft.$version"
cp "$tmp/bob/sig" "$tmp/bob/first"
t "bob signs the same again" cosign bob svc-ntp "$tmp/draft.$version"
t "which gives the same" cmp "$tmp/bob/sig" "$tmp/bob/first"
sed 's/"expires":"20\([0-9]*\)-01/"expires":"20\1-02/; t
    s/"expires":"20\([0-9]*\)-[0-9]*/"expires":"20\1-01/' \
    "$tmp/draft.$version" >"$tmp/twin"
t "another draft of that version he does not sign" exits 4 cosign bob \
    svc-ntp "$tmp/twin"
t "nor the version before" exits 4 cosign bob svc-ntp "$tmp/draft.$first"
t "nor one that lists what is not the service's" exits 4 cosign bob \
    svc-kernel "$tmp/draft.$version"
stop_tuf TERM
t "his is handed in while kiln-tuf is down" answers 202 "$tmp/bob/first"
digest=$(sha256sum "$tmp/bob/first" | cut -d' ' -f1)
t "it lies in spool/ under its digest" test -e "$state/spool/$digest"
cp "$state/spool/$digest" "$tmp/kept"
cp "$tmp/forged" "$state/spool/$digest"
start_tuf
other() {
	sql "SELECT text FROM handed_in WHERE taken = 0" |
	    grep -q "has other content"
}
t "what was changed there is noticed" until_ok 60 other
t "and publishes nothing" not_listed
stop_tuf TERM
start_tuf
t "ada signs it, too" cosign ada svc-ntp "$tmp/draft.$version"
t "and hands it in" answers 202 "$tmp/ada/sig"
t "then it is published" until_ok 60 listed "$version"
readers "again two of three"
t "what comes later is told to wait for the next version" answers 409 \
    "$tmp/bob/first"
keys() {
	f=$state/tuf/metadata/$version.svc-ntp.json
	[ "$(grep -o '"keyid"' "$f" | wc -l)" = 2 ]
}
t "the published file has the two signatures it was made with" keys

# --- one leaves ---------------------------------------------------------------------------
id=$("$bin/kiln-tuf" key --dir "$tmp/ada" list | awk '{print $2}')
leave() { tuf rotate --yes --remove "$id" svc-ntp; }
t "ada leaves, and what she signed falls under its threshold" leave
t "a version waits" until_ok 60 waits svc-ntp
waits svc-ntp
t "ada's signature does not count any more" cosign ada svc-ntp \
    "$tmp/draft.$version"
t "and is refused" answers 403 "$tmp/ada/sig"
t "bob signs" cosign bob svc-ntp "$tmp/draft.$version"
t "and hands it in" answers 202 "$tmp/bob/sig"
t "then the tree goes on" until_ok 60 listed "$version"
readers "a rebuilder has left"
stop_tuf TERM
finish
