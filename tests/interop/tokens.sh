#!/bin/sh
# tokens.sh OUT: root and release keys on PKCS#11 tokens (SoftHSM), and after
# each ceremony the tree as others see it.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/lib.sh
here=$PWD/tests/interop
state=$tmp/farm
. tests/support/readers.sh

module=
for m in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
	[ -e "$m" ] && module=$m
done
[ -n "$module" ] || { echo "softhsm2 is not installed" >&2; exit 1; }
mkdir "$tmp/tokens" "$tmp/alice" "$tmp/bob" "$tmp/carol"
printf 'directories.tokendir = %s\nlog.level = ERROR\n' "$tmp/tokens" \
    >"$tmp/softhsm2.conf"
export SOFTHSM2_CONF="$tmp/softhsm2.conf"
token() { # LABEL PIN
	softhsm2-util --init-token --free --label "$1" --pin "$2" \
	    --so-pin 87654321 && (umask 077 && echo "$2" >"$tmp/pin-$1")
}
uri() { # LABEL [OBJECT]
	echo "pkcs11:token=$1${2:+;object=$2}?module-path=$module"
}
says() { # WORDS STATUS command…
	words=$1
	shift
	exits "$@" >"$tmp/said" 2>&1
	rc=$?
	cat "$tmp/said"
	[ $rc = 0 ] && grep -qF -- "$words" "$tmp/said"
}
tokens() {
	token alice 246810 && token bob 135791 && token carol 998877 &&
	    token release 112233
}
t "four people have a token each" tokens
key() { "$bin/kiln-tuf" key "$@"; }
make() { # WHO
	key new --dir "$tmp/$1" --token "$(uri "$1")" \
	    --pin-file "$tmp/pin-$1" "$1"
}
t "alice makes a key on hers" make alice
t "bob makes one on his" make bob
t "and so does carol" make carol
no_seed() {
	grep -q '^kiln-key 1 token$' "$tmp/alice/alice.key" &&
	    grep -q '^pkcs11:.*serial=' "$tmp/alice/alice.key" &&
	    ! grep -q 246810 "$tmp/alice/alice.key"
}
t "the key file names the token and holds neither seed nor PIN" no_seed

# --- what a token says when it cannot -------------------------------------------
echo 000000 >"$tmp/wrong" && chmod 600 "$tmp/wrong"
import() { key import --dir "$tmp/alice" --as x --pin-file "$@"; }
t "a wrong PIN is told, and tried once" says "the PIN is wrong" 4 \
    import "$tmp/wrong" "$(uri alice alice)"
t "no such token is told" says "no token fits" 1 \
    import "$tmp/pin-alice" "$(uri nobody)"
t "no such key is told" says "has no such private key" 1 \
    import "$tmp/pin-alice" "$(uri alice eve)"
t "a URI without a token is refused" says "names no token" 2 \
    import "$tmp/pin-alice" "pkcs11:object=alice"
t "a PIN in a URI is refused" says "does not belong into a URI" 2 \
    import "$tmp/pin-alice" "$(uri alice alice)&pin-value=246810"
t "a module that is none is told" says "libnone.so" 1 \
    import "$tmp/pin-alice" "pkcs11:token=alice?module-path=/libnone.so"
p256() {
	"$bin/tests/support/tokenkey" "$module" alice 246810 other &&
	    says "not an Ed25519 key" 2 import "$tmp/pin-alice" \
		"$(uri alice other)"
}
t "a key of another kind is refused" p256
t "a name that is taken is not made again" says "has a key of that name" 2 \
    key new --dir "$tmp/bob" --token "$(uri alice alice)" \
    --pin-file "$tmp/pin-alice" y
t "without a PIN and a terminal it says what it lacks" says \
    "PIN of token alice: there is no terminal" 1 setsid -w \
    "$bin/kiln-tuf" key import --dir "$tmp/alice" --as x "$(uri alice alice)"
t "a key that lies on a token is known by its URI" key import \
    --dir "$tmp/bob" --as copy --pin-file "$tmp/pin-alice" \
    "$(uri alice alice)"
same() { cmp "$tmp/bob/copy.pub" "$tmp/alice/alice.pub"; }
t "and is the same key" same

# --- the farm ---------------------------------------------------------------------
for w in off on; do
	echo "passphrase $w" >"$tmp/$w" && chmod 600 "$tmp/$w"
done
both="--passphrase-file $tmp/off --signer-passphrase-file $tmp/on"
# shellcheck disable=SC2086
found() {
	tuf init $both --service ntp --service kernel && release 1 &&
	    tuf serve --once --signer-passphrase-file "$tmp/on"
}
ceremony "a farm is founded" found
tuf_key() { "$bin/kiln-tuf" key --state "$state" list; }
replace() { # ROLE OLD-KEY WHO
	old=$(tuf_key | awk -v k="offline/$2" '$1 == k {print $2}')
	# shellcheck disable=SC2086
	tuf rotate --yes $both --pin-file "$tmp/pin-alice" --add "$tmp/$3/$3.pub" --remove "$old" "$1"
}
ceremony "carol's key takes the place of the first targets key" \
    replace targets targets-1 carol
cp -p "$tmp/carol/carol.key" "$tmp/carol/carol.pub" "$state/keys/offline"
rm "$state/keys/offline/targets-1.key"
mv "$state/keys/offline/targets-2.key" "$tmp/away"
# shellcheck disable=SC2086
termed() {
	tuf request --yes $both --pin-file "$tmp/pin-carol" targets
}
ceremony "targets is signed for another term by carol's token and one file" \
    termed
rm "$state"/keys/offline/carol.*
mv "$tmp/away" "$state/keys/offline/targets-2.key"
ceremony "alice's key takes the place of the first root key" \
    replace root root-1 alice
cp -p "$tmp/alice/alice.key" "$tmp/alice/alice.pub" "$state/keys/offline"
ceremony "bob's that of the second, signed by alice's token too" \
    replace root root-2 bob
rm "$state"/keys/offline/alice.*
rm "$state"/keys/offline/root-1.key "$state"/keys/offline/root-2.key \
    "$state"/keys/offline/root-3.key
asked() {
	tuf rotate --out "$tmp/request" --signer-passphrase-file "$tmp/on" \
	    snapshot timestamp
}
t "new keys for snapshot and timestamp are asked for" asked
nonet=
unshare -n true 2>/dev/null && nonet="unshare -n"
sign() { # KEY PIN-OF
	(cd / && $nonet "$bin/kiln-tuf" sign --yes --key "$1" \
	    --pin-file "$tmp/pin-$2" "$tmp/request")
}
t "alice signs by the file that names her token" sign \
    "$tmp/alice/alice.key" alice
t "one of two is not enough" exits 75 tuf accept \
    --signer-passphrase-file "$tmp/on" "$tmp/request"
cp "$tmp/bob/bob.pub" "$tmp/bob/copy.pub"
t "a file that names another key than its token has is refused" says \
    "the token has another key" 4 sign "$tmp/bob/copy.key" alice
t "a token that may not sign it adds nothing" exits 2 sign \
    "$(uri alice other)" alice
t "bob signs by URI" sign "$(uri bob bob)" bob
ceremony "the root that two tokens signed is accepted" tuf accept \
    --signer-passphrase-file "$tmp/on" "$tmp/request"

# --- the release key -----------------------------------------------------------------
released() {
	key new --dir "$state/keys/offline" --token "$(uri release)" \
	    --pin-file "$tmp/pin-release" release-2 &&
	    old=$(tuf_key | awk '$1 == "offline/release-1" {print $2}') &&
	    tuf rotate --yes --passphrase-file "$tmp/off" \
		--pin-file "$tmp/pin-release" \
		--signer-passphrase-file "$tmp/on" \
		--add "$state/keys/offline/release-2.pub" --remove "$old" \
		release && rm "$state/keys/offline/release-1.key"
}
ceremony "the release key moves to a token" released
promoted() {
	tuf promote --pin-file "$tmp/pin-release" \
	    --signer-passphrase-file "$tmp/on" --waves 0:10,24:100
}
t "a wrong PIN promotes nothing" exits 4 tuf promote --pin-file "$tmp/wrong" \
    --signer-passphrase-file "$tmp/on"
ceremony "a set is promoted with it" promoted
# shellcheck disable=SC2086
stopped() {
	tuf halt --signer-passphrase-file "$tmp/on" --reason smoke stable &&
	    tuf resume --pin-file "$tmp/pin-release" \
		--signer-passphrase-file "$tmp/on" stable
}
ceremony "stopped, and resumed with it" stopped
renewed() {
	tuf request --yes --pin-file "$tmp/pin-release" \
	    --signer-passphrase-file "$tmp/on" sets-stable
}
ceremony "and its role is signed for another term" renewed
online() {
	cp "$tmp/alice/alice.key" "$state/keys/online/brake-2.key" &&
	    cp "$tmp/alice/alice.pub" "$state/keys/online/brake-2.pub" &&
	    chown --reference="$state/keys/online/brake.key" \
		"$state/keys/online/brake-2.key" &&
	    ! tuf refresh --signer-passphrase-file "$tmp/on"
}
t "the signer has nothing to do with tokens" online
finish
