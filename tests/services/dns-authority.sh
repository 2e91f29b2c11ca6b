# dns-authority: a secondary follows, a primary is followed, and keys decide.
# tools: dig nsd knsupdate
authority=192.0.2.54
prepare() {
	for name in transfer acme wrong; do
		openssl rand -base64 32 >"$k/$name.tsig"
	done
	mkdir "$tmp/secondary"
	cat >"$tmp/secondary/nsd.conf" <<END
server:
	ip-address: 192.0.2.40
	username: ""
	chroot: ""
	zonesdir: "$tmp/secondary"
	pidfile: ""
	database: ""
	zonelistfile: "$tmp/secondary/list"
	xfrdfile: "$tmp/secondary/xfrd"
	xfrdir: "$tmp/secondary"
	server-count: 1
remote-control:
	control-enable: no
key:
	name: transfer
	algorithm: hmac-sha256
	secret: "$(cat "$k/transfer.tsig")"
zone:
	name: home.test
	allow-notify: $authority transfer
	request-xfr: AXFR $authority transfer
	outgoing-interface: 192.0.2.40
zone:
	name: work.test
	zonefile: work.zone
	provide-xfr: $authority transfer
	notify: $authority transfer
	outgoing-interface: 192.0.2.40
END
	printf '@ 60 SOA ns a 1 60 60 600 5\n@ 60 NS ns\nns 60 A 192.0.2.40\nwww 60 A 192.0.2.41\n' \
	    >"$tmp/secondary/work.zone"
	$at_lan ip address add 192.0.2.40/24 dev lan0
	secondary
}
secondary() {
	$at_lan nsd -d -c "$tmp/secondary/nsd.conf" 2>"$tmp/secondary/log" &
	nsd=$!
	pids="$pids $nsd"
}
# One that found nobody while the machine was not there yet waits for long.
again() { kill $nsd && wait $nsd; secondary; }
settings() {
	jq -n --arg transfer "$(cat "$k/transfer.tsig")" \
	    --arg acme "$(cat "$k/acme.tsig")" --arg at $authority '
	    {address: $at, config: {
	    keys: [{name: "transfer", secret: $transfer},
		{name: "acme", secret: $acme}],
	    zones: [{name: "home.test",
		records: [{name: "@", type: "NS", data: "ns"},
		    {name: "ns", type: "A", data: $at},
		    {name: "www", type: "A", data: "192.0.2.55", ttl: 60}],
		secondaries: [{address: "192.0.2.40", key: "transfer"}],
		update: [{key: "acme", name: "_acme-challenge"}]},
	    {name: "work.test",
		primaries: [{address: "192.0.2.40", key: "transfer"}]}]}}'
}
copied() { # ADDRESS: the zone, with its key
	$at_lan dig -b 192.0.2.40 +time=3 "@$authority" home.test AXFR \
	    -y "hmac-sha256:transfer:$(cat "$k/$1.tsig")" >"$tmp/axfr" 2>&1
	cat "$tmp/axfr"
	grep -q '^www\.home\.test\.' "$tmp/axfr"
}
taken_without_key() {
	$at_lan dig -b "$1" +time=3 "@$authority" home.test AXFR \
	    >"$tmp/axfr" 2>&1
	cat "$tmp/axfr"
	! grep -q '^www\.home\.test\.' "$tmp/axfr"
}
sets() { # KEYNAME KEYFILE NAME TYPE DATA
	printf 'server %s\nzone home.test.\nupdate add %s 60 %s %s\nsend\n' \
	    $authority "$3" "$4" "$5" |
	    timeout 20 $at_lan knsupdate \
		-y "hmac-sha256:$1:$(cat "$k/$2.tsig")" >"$tmp/update" 2>&1
	rc=$?
	cat "$tmp/update"
	[ $rc -eq 0 ] && ! grep -qi 'error\|REFUSED\|NOTAUTH\|BADSIG' "$tmp/update"
}
set_as() { # KEYNAME KEYFILE NAME TYPE DATA: refused, and not there
	! sets "$@" && says NXDOMAIN $authority "$3" "$4"
}
prove() {
	t "dns-authority: its secondary begins anew" again
	t "dns-authority: it answers for its zone" \
	    answers $authority www.home.test 192.0.2.55
	t "dns-authority: with authority" says 'flags:.* aa[ ;]' $authority www.home.test
	t "dns-authority: it asks nobody else" says REFUSED $authority www.other.test
	t "dns-authority: a secondary has the zone" \
	    until_ok 30 answers 192.0.2.40 www.home.test 192.0.2.55
	t "dns-authority: it has the zone it is a secondary of" \
	    until_ok 30 answers $authority www.work.test 192.0.2.41
	t "dns-authority: who has the key gets the zone" copied transfer
	t "dns-authority: a wrong key does not" exits 1 copied wrong
	t "dns-authority: no key does not" taken_without_key 192.0.2.40
	t "dns-authority: an update by key is taken" \
	    sets acme acme _acme-challenge.home.test. TXT '"token-1"'
	t "dns-authority: … and answered" \
	    says token-1 $authority _acme-challenge.home.test TXT
	t "dns-authority: … and the secondary told of it" until_ok 30 \
	    says token-1 192.0.2.40 _acme-challenge.home.test TXT
	t "dns-authority: a bad TSIG is refused" \
	    set_as acme wrong evil0.home.test. TXT x
	t "dns-authority: another name is refused" \
	    set_as acme acme evil.home.test. TXT x
	t "dns-authority: another type is refused" \
	    set_as acme acme evil2.home.test. A 192.0.2.66
	t "dns-authority: the transfer's key may not update" \
	    set_as transfer transfer evil3.home.test. TXT x
}
