#!/bin/sh
# Devices come to a fleet and leave it, by the programs themselves; and what
# kiln.yaml says of the dashboard.
set -u
. tests/support/lib.sh

state=$tmp/state
is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "no \"$2\" in \"$1\""; return 1 ;; esac; }
fails_with() {
	want=$1
	shift
	"$@" >"$tmp/out" 2>&1
	is $? "$want"
}
fleet() { "$bin/kiln" fleet --state "$state" "$@"; }
serves() {
	: >"$tmp/web.port"
	: >"$tmp/web.log"
	node tests/support/listen.js "$bin/kiln-web" --state "$state" \
	    >"$tmp/web.port" 2>"$tmp/web.log" &
	web=$!
	pids="$pids $web"
	until_ok 20 grep -q "info serving" "$tmp/web.log"
}
ends() {
	kill "$web"
	wait "$web"
	true
}
status() { curl -s -o "$tmp/out" -w '%{http_code}' "http://127.0.0.1:$(cat "$tmp/web.port")$1"; }

t "a farm is founded" "$bin/kiln-tuf" init --demo --state "$state" --service dns-dhcp
t "… and has a dashboard" serves
"$bin/kiln-tuf" export-root --state "$state" >"$tmp/root.json"
device() { # NAME
	mkdir "$tmp/$1"
	cat >"$tmp/$1.yaml" <<-EOT
	state: $tmp/$1
	server: ["http://127.0.0.1:$(cat "$tmp/web.port")"]
	channel: edge
	arch: amd64
	demo: true
	trust: {root: $tmp/root.json, min_keys: 1}
	lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
	services:
	  dns-dhcp: {address: 192.0.2.53, config: {domain: lan}}
	EOT
}
device one
device two
enrol() { # NAME TOKEN
	echo "$2" | "$bin/kiln-agent" enrol --config "$tmp/$1.yaml"
}
fleet token attic 1h >"$tmp/token"
token=$(cat "$tmp/token")
t "a token is one line of 64 digits" is "${#token}" 64
t "it lets in a device" enrol one "$token"
t "… and answers the same device again" enrol one "$token"
t "… but no other one" fails_with 4 enrol two "$token"
t "what is no token never leaves the device" fails_with 2 enrol two rubbish
listed() { has "$(fleet list accepted)" "accepted attic" && is "$(fleet list | wc -l)" 1; }
t "the device is accepted, in the token's group" listed
id=$(fleet list accepted | cut -d ' ' -f 1)
shown() { is "$(status "/router/$id")" 200 && has "$(cat "$tmp/out")" "token of command line"; }
t "… and has a page that says by whom" shown
t "it is retired, for a reason that looks like an option" fleet retire "$id" --sold
again() { fleet token >"$tmp/token" && fails_with 4 enrol one "$(cat "$tmp/token")"; }
t "… and no token brings it back" again
t "a device that nobody has heard of cannot be accepted" fails_with 1 fleet accept "$(printf %064d 0)"
t "nor is there a standing of any other name" fails_with 2 fleet list lost
ends

# --- kiln.yaml ---------------------------------------------------------------
conf() {
	printf '%s\n' "$1" >"$state/kiln.yaml"
	chmod 644 "$state/kiln.yaml"
}
conf 'web: {reading: nobody}'
t "a word that kiln.yaml does not know keeps the dashboard from starting" \
    fails_with 2 "$bin/kiln-web" --state "$state" --listen 127.0.0.1:0
conf 'web: {certificate: /nowhere}'
t "… as does a certificate without its key" \
    fails_with 2 "$bin/kiln-web" --state "$state" --listen 127.0.0.1:0
conf 'web: {reading: accounts, approval: true}'
conf 'keep: {reports: 1h}'
t "… and reports that would go within a day" \
    fails_with 2 "$bin/kiln-web" --state "$state" --listen 127.0.0.1:0
# What a device said 100 days ago, 40 days ago and, last of all, a year ago.
sqlite3 -cmd ".filectrl persist_wal 1" "$state/web.db" "UPDATE router SET sequence = 3;
    INSERT INTO report (router, sequence, received_at, state, body) SELECT id, column1,
    unixepoch() - column2 * 86400, 'committed', '{}' FROM router,
    (VALUES (1, 100), (2, 40), (3, 365));" >/dev/null
kept() { is "$(sqlite3 -readonly "$state/web.db" "SELECT group_concat(sequence, ' ')
    FROM (SELECT sequence FROM report ORDER BY sequence)")" "$1"; }
t "there are reports of long ago" kept "1 2 3"
conf 'web: {reading: accounts, approval: true}'
t "reading may take an account" serves
t "reports older than 90 days are gone, but not what was said last" \
    until_ok 20 kept "2 3"
t "… then a page is for who has signed in" is "$(status /fleet)" 401
t "… and what routers fetch for everybody" is "$(status /tuf/metadata/1.root.json)" 200
ends
conf 'keep: {reports: 30d}'
serves
t "kiln.yaml may say less" until_ok 20 kept 3
finish
