# openpgp: to and fro with GnuPG, which nobody here wrote either.
# tools: gpg gpgconf curl jq
pgp=http://192.0.2.37:11371
as_gpg() { gpg --homedir "$tmp/gpg" --batch --quiet --no-tty --trust-model always "$@"; }
token_of() { printf %s "$1" | sha256sum | cut -c 1-64; }
prepare() {
	(umask 077 && mkdir "$tmp/gpg")
	for who in machine friend stranger; do
		as_gpg --passphrase "" --quick-generate-key \
		    "$who <$who@home.test>" rsa2048 sign,cert 1w
		as_gpg --passphrase "" --quick-add-key "$(as_gpg --with-colons \
		    --list-keys "$who@home.test" | sed -n 's/^fpr:*\([0-9A-F]*\).*/\1/p' |
		    head -n 1)" rsa2048 encrypt 1w
	done 2>"$tmp/gpg.log"
	printf 'as it was\nto the last byte: \001\377' >"$tmp/message"
}
settings() {
	jq -n --arg key "$(as_gpg --export-secret-keys machine@home.test |
		base64 -w 0)" \
	    --arg friend "$(as_gpg --export friend@home.test | base64 -w 0)" \
	    --arg all "$(token_of all)" --arg some "$(token_of some)" '
	    {address: "192.0.2.37", config: {key: $key,
	    correspondents: [{name: "friend", certificate: $friend}],
	    clients: [{name: "mailer", token: $all,
		    may: ["sign", "verify", "encrypt", "decrypt"]},
		{name: "reader", token: $some, may: ["verify"]}]}}'
}
post() { # STATUS PATH TOKEN FILE curl-options…
	status=$1 path=$2 token=$3 file=$4
	shift 4
	got=$($at_lan curl -sS --max-time 30 -H "Authorization: Bearer $token" \
	    --data-binary "@$file" -o "$tmp/answer" -D "$tmp/heads" \
	    -w '%{http_code}' "$@" "$pgp$path")
	echo "status $got"
	[ "$got" = "$status" ]
}
certificate_is_ours() {
	$at_lan curl -sS --max-time 10 -o "$tmp/cert" "$pgp/" &&
	    gpg --homedir "$tmp/gpg" --batch --with-colons --show-keys \
		"$tmp/cert" >"$tmp/shown" 2>/dev/null &&
	    cat "$tmp/shown" && grep -q 'machine@home.test' "$tmp/shown" &&
	    ! grep -q '^sec' "$tmp/shown"
}
signs() {
	post 200 /sign all "$tmp/message" &&
	    as_gpg --status-fd 1 --verify "$tmp/answer" "$tmp/message" |
	    grep 'VALIDSIG\|GOODSIG.*machine@home.test'
}
verifies() {
	as_gpg -u friend@home.test --detach-sign -o - "$tmp/message" \
	    >"$tmp/sig" &&
	    post 200 /verify all "$tmp/message" \
		-H "Signature: $(base64 -w 0 "$tmp/sig")" &&
	    grep -i '^signed-by: friend' "$tmp/heads"
}
verifies_message() {
	as_gpg -u friend@home.test --armor --sign -o - "$tmp/message" \
	    >"$tmp/signed" &&
	    post 200 /verify some "$tmp/signed" && cmp "$tmp/answer" "$tmp/message"
}
refuses_stranger() {
	as_gpg -u stranger@home.test --detach-sign -o - "$tmp/message" \
	    >"$tmp/sig2" &&
	    post 422 /verify all "$tmp/message" \
		-H "Signature: $(base64 -w 0 "$tmp/sig2")"
}
refuses_changed() {
	sed s/was/is/ "$tmp/message" >"$tmp/changed"
	post 422 /verify all "$tmp/changed" \
	    -H "Signature: $(base64 -w 0 "$tmp/sig")"
}
encrypts() {
	post 200 "/encrypt?to=friend" all "$tmp/message" &&
	    as_gpg --decrypt -o "$tmp/plain" --yes "$tmp/answer" &&
	    cmp "$tmp/plain" "$tmp/message"
}
decrypts() {
	as_gpg -r machine@home.test --encrypt -o - "$tmp/message" >"$tmp/secret" &&
	    post 200 /decrypt all "$tmp/secret" && cmp "$tmp/answer" "$tmp/message"
}
# 64 MiB of zeros are some ten KiB on the way.
bursts() {
	head -c 64M /dev/zero | as_gpg -r machine@home.test -z 9 --encrypt -o - \
	    >"$tmp/bomb" &&
	    post 422 /decrypt all "$tmp/bomb"
}
not_for_friend() {
	as_gpg -r stranger@home.test --encrypt -o - "$tmp/message" >"$tmp/other" &&
	    post 422 /decrypt all "$tmp/other"
}
prove() {
	t "openpgp: its certificate is for all to see, its key is not" \
	    certificate_is_ours
	t "openpgp: what it signs GnuPG verifies" signs
	t "openpgp: what GnuPG signed it verifies, and names who" verifies
	t "openpgp: … in one piece with the message, too" verifies_message
	t "openpgp: a stranger's signature is refused" refuses_stranger
	t "openpgp: so is a friend's for other words" refuses_changed
	t "openpgp: what it encrypts GnuPG decrypts" encrypts
	t "openpgp: what GnuPG encrypted it decrypts" decrypts
	t "openpgp: what is for others it cannot" not_for_friend
	t "openpgp: what unpacks without end is refused" bursts
	t "openpgp: … and it still decrypts" decrypts
	t "openpgp: who has no token is refused" \
	    post 401 /sign wrong "$tmp/message"
	t "openpgp: a token that may only verify cannot sign" \
	    post 403 /sign some "$tmp/message"
	t "openpgp: who is no correspondent gets nothing" \
	    post 404 "/encrypt?to=stranger" all "$tmp/message"
	gpgconf --homedir "$tmp/gpg" --kill gpg-agent
}
