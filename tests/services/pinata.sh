# pinata: nobody gets the secret.
# tools: openssl socat
prepare() {
	certificate theirs mallory DNS:mallory 2>/dev/null
}
settings() {
	jq -n '{address: "192.0.2.30", config: {secret: "kiln-prize-7f3a"}}'
}
shows_authority() {
	$at_lan socat -T 5 - TCP:192.0.2.30:10001 </dev/null >"$k/pinata.pem"
	openssl x509 -in "$k/pinata.pem" -noout -subject -ext basicConstraints |
	    tee "$tmp/subject"
	grep -q 'pinata authority' "$tmp/subject"
}
# By the name and number of theirs, but by another key.
imitate() {
	authority "pinata authority" 2>/dev/null &&
	    certificate "pinata authority" forged DNS:forged 2>/dev/null
}
talks() { # openssl-options…
	{ sleep 2; } | timeout 15 $at_lan openssl s_client \
	    -connect 192.0.2.30:10000 -CAfile "$k/pinata.pem" \
	    -verify_return_error -quiet "$@" >"$tmp/said" 2>"$tmp/told"
	cat "$tmp/told" "$tmp/said"
}
refused() { # PATTERN openssl-options…
	pattern=$1
	shift
	talks "$@"
	grep -q "$pattern" "$tmp/told" && ! grep -q kiln-prize "$tmp/said"
}
not_in_image() {
	! grep -aq kiln-prize "$(stored "$(image_of pinata)")"
}
prove() {
	t "pinata: its authority is for all to see" shows_authority
	t "pinata: who shows no certificate is refused" \
	    refused 'alert certificate required'
	t "pinata: who shows another authority's is refused" \
	    refused 'alert unknown ca' -cert "$k/mallory.pem" -key "$k/mallory.key"
	t "pinata: an authority of the same name is made" imitate
	t "pinata: who shows one of its certificates is refused" \
	    refused 'alert unknown ca\|alert decrypt error\|alert bad certificate' \
	    -cert "$k/forged.pem" -key "$k/forged.key"
	t "pinata: TLS 1.2 is refused" refused 'protocol version' -tls1_2
	t "pinata: the secret is not in the image" not_in_image
}
