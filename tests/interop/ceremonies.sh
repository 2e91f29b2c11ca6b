#!/bin/sh
# ceremonies.sh OUT: every ceremony by kiln-tuf, and after each of them the tree
# as it is seen by kiln-tuf check, by tuf-js and by kiln-agent tuf-client.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/lib.sh
here=$PWD/tests/interop
state=$tmp/farm
. tests/support/readers.sh

# --- a farm whose keys all lie here -------------------------------------------
found() {
	tuf init --demo --service ntp --service kernel && release 1 &&
	    tuf serve --once
}
ceremony "a farm is founded" found
t "compressed forms were among what they downloaded" \
    grep -q '^# .* targets: .*transport [1-9]' "$tmp/readers"

# A thief has driven versions up; the first thing is to make clients forget.
forge() {
	(cd "$here" && node ceremonies.js forge "$state/tuf" \
	    "$state/keys/online" "$tmp/stolen")
}
t "a thief drives snapshot and timestamp up" forge
(cd "$here" && node ceremonies.js read "the thief's tree is read" \
    "$tmp/stolen" "$tmp/clients" "$bin/kiln-agent") >"$tmp/readers" 2>&1
cat "$tmp/readers"
passed=$((passed + $(grep -c '^ok ' "$tmp/readers")))
failed=$((failed + 4 - $(grep -c '^ok ' "$tmp/readers")))
ceremony "snapshot and timestamp are rotated (fast-forward recovery)" \
    tuf rotate --yes snapshot timestamp
for role in timestamp snapshot sets-edge brake transport rebuilder release \
    targets root; do
	ceremony "$role is rotated" tuf rotate --yes $role
done
ceremony "root, targets and timestamp are rotated at once" \
    tuf rotate --yes root targets timestamp
ceremony "a service is delegated" tuf delegate --service web
ceremony "root is signed for another term" tuf request --yes root targets
gone() { ! ls "$state"/keys/online/timestamp.key "$state"/keys/online/brake.key; }
t "keys that were rotated away are removed by a later ceremony" gone

# --- a rebuilder joins and leaves ---------------------------------------------
other=$tmp/other
mkdir "$other"
t "another rebuilder makes a key" \
    "$bin/kiln-tuf" key --dir "$other" --demo new other
ceremony "the rebuilder joins svc-ntp" \
    tuf rotate --yes --add "$other/other.pub" svc-ntp
id=$("$bin/kiln-tuf" key --dir "$other" list | awk '{print $2}')
name=$(tuf key list | awk '$1 ~ /online\/rebuilder/ && /svc-ntp/ {print $1; exit}')
own=$(tuf key list | awk '$1 ~ /online\/rebuilder/ && /svc-ntp/ {print $2; exit}')
held() {
	before=$(ls "$state"/tuf/metadata | grep -c targets)
	tuf rotate --yes --remove "$own" svc-ntp &&
	    [ "$(ls "$state"/tuf/metadata | grep -c targets)" -eq "$before" ] &&
	    tuf status | grep -q 'svc-ntp .*must be signed again'
}
ceremony "a farm's own key leaves before the other signed: nothing moves" held
ceremony "and comes back" tuf rotate --yes \
    --add "$state/keys/$name.pub" svc-ntp
ceremony "the rebuilder leaves" tuf rotate --yes --remove "$id" svc-ntp

# --- tuf.db lost, and put back from an old copy ---------------------------------
old_copy() {
	cp -p "$state"/tuf.db* "$tmp/" && release 2 &&
	    tuf serve --once && tuf halt --reason "does not boot" edge &&
	    tuf withdraw --reason "bad" ntp 2 && release 3 &&
	    tuf serve --once && tuf status >"$tmp/status.before"
}
ceremony "a set is stopped and a release withdrawn" old_copy
put_back() {
	cp -p "$tmp"/tuf.db* "$state/" && exits 4 tuf refresh
}
t "an old copy of tuf.db is noticed and publishes nothing" put_back
readers "with an old copy of tuf.db"
recovered() {
	before=$(ls "$state"/tuf/metadata)
	tuf recover && tuf status >"$tmp/status.after" &&
	    for f in $before; do
		[ -e "$state/tuf/metadata/$f" ] || return 1
	    done
}
ceremony "tuf.db is recovered from the tree" recovered
kept() {
	grep '^set edge' "$tmp/status.before" | cut -d' ' -f1-3 >"$tmp/a"
	grep '^set edge' "$tmp/status.after" | cut -d' ' -f1-3 >"$tmp/b"
	cat "$tmp/status.after"
	[ -s "$tmp/a" ] && cmp "$tmp/a" "$tmp/b"
}
t "sets are what they were" kept
next() { release 4 && tuf serve --once; }
ceremony "a release after that is published" next
gone_db() { rm "$state"/tuf.db* && tuf recover; }
min_serial() {
	f=$(ls "$state"/tuf/metadata/*.svc-ntp.json | sort -V | tail -n 1)
	[ "$(grep -o '"min_serial":[0-9]*' "$f")" = '"min_serial":3' ]
}
t "and what was withdrawn stays withdrawn" min_serial
ceremony "tuf.db is gone altogether, and recovered" gone_db
ceremony "timestamp is rotated after that" tuf rotate --yes timestamp
ceremony "a set is promoted" tuf promote

# --- two of three, elsewhere ---------------------------------------------------
rm -rf "$tmp/clients"
state=$tmp/real
printf 'one\n' >"$tmp/one" && printf 'two\n' >"$tmp/two" &&
    printf 'mine\n' >"$tmp/mine" && chmod 600 "$tmp/one" "$tmp/two" "$tmp/mine"
strict() {
	tuf init --service ntp --service kernel --passphrase-file "$tmp/one" \
	    --signer-passphrase-file "$tmp/two" && release 1 &&
	    tuf serve --once --signer-passphrase-file "$tmp/two"
}
ceremony "a farm with encrypted keys is founded" strict
sealed() {
	! grep -L '^kiln-key 1 argon2id ' "$state"/keys/*/*.key | grep .
}
t "no key lies on disk as it is" sealed
# Without a terminal nothing could be asked for either.
pruned() {
	mv "$state/keys/online" "$tmp/away" &&
	    setsid -w "$bin/kiln-tuf" prune --state "$state"
	rc=$?
	mv "$tmp/away" "$state/keys/online"
	return $rc
}
ceremony "the tree is pruned without any key" pruned
holder=$tmp/holder
mkdir -p "$holder/home" && cp -p "$state"/keys/offline/*.key \
    "$state"/keys/offline/*.pub "$holder"
rm "$state"/keys/offline/root-*.key "$state"/keys/offline/targets-*.key
t "without offline keys nothing can be rotated here" exits 1 \
    tuf rotate --yes --signer-passphrase-file "$tmp/two" timestamp
request() {
	tuf rotate --out "$tmp/request" --signer-passphrase-file "$tmp/two" \
	    timestamp >"$tmp/words" && grep 'timestamp: drops key' "$tmp/words"
}
t "a request is written, with the change in words" request
nonet=
unshare -n true 2>/dev/null && nonet="unshare -n"
sign() { # REQUEST KEY
	(cd / && $nonet "$bin/kiln-tuf" sign --yes --passphrase-file \
	    "$tmp/one" --key "$holder/$2.key" "$1") >"$tmp/signed" &&
	    cat "$tmp/signed" && grep -q 'timestamp: takes in key' "$tmp/signed"
}
cp "$tmp/request" "$tmp/copy"
t "one holder signs, without network and farm" sign "$tmp/request" root-1
t "k-1 signatures are not accepted" exits 75 tuf accept "$tmp/request"
t "the same holder twice is still one" sign "$tmp/request" root-1
t "and not accepted either" exits 75 tuf accept "$tmp/request"
wrong() {
	exits 2 "$bin/kiln-tuf" sign --yes --passphrase-file "$tmp/one" \
	    --key "$holder/targets-1.key" "$tmp/request"
}
t "a key that may not sign it adds nothing" wrong
twisted() {
	sed 's/2\(\\*"*,* *\\*"version\)/3\1/; s/"threshold\\":2/"threshold\\":1/' \
	    "$tmp/request" >"$tmp/twisted"
	! cmp -s "$tmp/request" "$tmp/twisted" &&
	    exits 4 tuf accept "$tmp/twisted"
}
t "a request that was changed after signing is refused" twisted
t "another holder signs a copy" sign "$tmp/copy" root-3
ceremony "both copies together are accepted" tuf accept \
    --signer-passphrase-file "$tmp/two" "$tmp/request" "$tmp/copy"
t "a request that was accepted is not accepted again" exits 2 \
    tuf accept "$tmp/request" "$tmp/copy"
own_key() {
	"$bin/kiln-tuf" key --dir "$holder/home" --new-passphrase-file \
	    "$tmp/mine" new alice &&
	    old=$("$bin/kiln-tuf" key --dir "$holder" list |
		awk '$1 == "root-2" {print $2}') &&
	    tuf rotate --out "$tmp/request" --add "$holder/home/alice.pub" \
		--remove "$old" root &&
	    (cd / && "$bin/kiln-tuf" sign --yes --passphrase-file "$tmp/one" \
		--key "$holder/root-1.key" --key "$holder/root-3.key" \
		"$tmp/request") &&
	    tuf accept --signer-passphrase-file "$tmp/two" "$tmp/request"
}
ceremony "a holder's own key takes the place of a first one" own_key
moved() {
	"$bin/kiln-tuf" key --dir "$holder/home" --as kept --passphrase-file \
	    "$tmp/one" --new-passphrase-file "$tmp/mine" import \
	    "$holder/root-1.key" &&
	    ! (cd / && "$bin/kiln-tuf" sign --yes --passphrase-file \
		"$tmp/one" --key "$holder/home/kept.key" "$tmp/request")
}
t "an imported key opens with its new passphrase alone" moved
finish
