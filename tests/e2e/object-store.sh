#!/bin/sh
# The published tree in an object store: Debian's radosgw, with a monitor and a
# store in memory, on this machine alone.
set -u
. tests/support/lib.sh

is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "no \"$2\" in \"$1\""; return 1 ;; esac; }
for p in radosgw ceph-mon ceph-osd ceph; do
	command -v $p >/dev/null || {
		skip "NO OBJECT STORE WAS TRIED: $p is not installed (tools/deps test)"
		finish
	}
done
mkdir "$tmp/ceph"
starts() {
	timeout 300 tests/support/radosgw "$tmp/ceph" >"$tmp/line" || return 1
	read -r endpoint id secret p1 p2 p3 <"$tmp/line"
	pids="$pids $p3 $p2 $p1"
}
t "Debian's object store starts" starts
[ -n "${endpoint:-}" ] || finish

# s3 METHOD PATH [curl options]: by curl alone, so that kiln is not its own judge.
empty=$(printf '' | sha256sum | cut -d ' ' -f 1)
s3() {
	method=$1 path=$2
	shift 2
	curl -sS -X "$method" --aws-sigv4 aws:amz:us-east-1:s3 \
	    --user "$id:$secret" "$@" "$endpoint/$path"
}
put() { # FILE PATH
	s3 PUT "$2" -f -T "$1" -H "x-amz-content-sha256: $(sha256sum "$1" | cut -d ' ' -f 1)"
}
get() { curl -sf "$endpoint/$1"; }
header() { curl -sI "$endpoint/$1" | tr -d '\r' | sed -n "s/^$2: //Ip"; }

state=$tmp/state
conf() { # STATE PREFIX [ENDPOINT]
	cat >"$1/kiln.yaml" <<-EOT
	publish:
	  to: s3://routers/$2
	  endpoint: ${3:-$endpoint}
	  key: $tmp/key
	EOT
	chmod 644 "$1/kiln.yaml"
}
key() { # TEXT
	printf '%s\n' "$1" >"$tmp/key"
	chmod 600 "$tmp/key"
	chown "$(stat -c %u "$state/upload")" "$tmp/key"
}
upload() { "$bin/kiln-tuf" upload --once --state "${1:-$state}" >"$tmp/said" 2>&1; }
uploads() { upload "$@" || { cat "$tmp/said"; return 1; }; }
fails() { # CODE SENTENCE
	upload
	is $? "$1" && has "$(cat "$tmp/said")" "$2"
}
said() { has "$(cat "$tmp/said")" "$1"; }

founded() {
	"$bin/kiln-tuf" init --demo --state "$1" --service kernel --service dns-dhcp || return 1
	for i in a b c; do head -c 100000 /dev/urandom >"$tmp/$i"; done
	"$bin/tests/support/publish" "$1" kernel kernel 6.1 "$tmp/a" "$tmp/b" microvm quiet &&
	    "$bin/tests/support/publish" "$1" vm dns-dhcp 1.0 "$tmp/c" router.lan &&
	    "$bin/tests/support/publish" "$1" said 1 3 &&
	    "$bin/kiln-tuf" serve --once --state "$1"
}
t "a farm publishes" founded "$state"
key "$id:$secret"
conf "$state" stable

# --- what keeps it from being sent --------------------------------------------
t "a bucket that is not there is said to be so" fails 2 "no such bucket"
s3 PUT routers -H "x-amz-content-sha256: $empty" >/dev/null
cat >"$tmp/policy" <<-EOT
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
 "Action": ["s3:GetObject", "s3:ListBucket"],
 "Resource": ["arn:aws:s3:::routers", "arn:aws:s3:::routers/*"]}]}
EOT
t "anybody may read the bucket" s3 PUT 'routers?policy=' -f --data-binary "@$tmp/policy" \
    -H "x-amz-content-sha256: $(sha256sum "$tmp/policy" | cut -d ' ' -f 1)"
key "$id:wrong"
t "a wrong secret is refused in one sentence" fails 2 "refuses the key (403 SignatureDoesNotMatch)"
key "nobody:$secret"
t "… and so is a key that nobody has" fails 2 "refuses the key (403 InvalidAccessKeyId)"
key "$id"
t "… and a file that holds no secret" fails 2 "is not one line KEY-ID:SECRET"
key "$id:$secret"
chmod 644 "$tmp/key"
t "… and one that others may read" fails 2 "others may read this key"
key "$id:$secret"
conf "$state" ../stable
t "a prefix that leads elsewhere is refused" fails 2 "no plain path"
conf "$state" stable http://127.0.0.1:1
t "a store that does not answer: try again" fails 75 "cause=busy"
conf "$state" stable
t "nothing of all that has put a file there" is "$(s3 GET routers -H "x-amz-content-sha256: $empty" | grep -c '<Key>')" 0

# --- publishing ----------------------------------------------------------------
files=$(find "$state/tuf" -type f | wc -l)
t "the tree is sent" uploads
t "… all of it" said "sent $files files"
t "a stranger finds it whole over HTTP" "$bin/kiln-tuf" check "$endpoint/routers/stable/tuf"
# By when each request began: all of a rank before all of the next.
order() {
	sed -n 's/.*\[\([^]]*\)\] "PUT \/routers\/stable\/tuf\/\([^ ]*\) HTTP[^"]*" 200 .*/\1 \2/p' \
	    "$tmp/ceph/rgw.log" | awk '{
		rank = /targets\// ? 1 : /timestamp.json/ ? 7 : /root.json/ ? 6 : \
		    /snapshot.json/ ? 5 : /\/[0-9]+.targets.json/ ? 4 : /log\/tile/ ? 1 : \
		    /log\/checkpoint/ ? 8 : 3
		n++
		if (!(rank in first) || $1 < first[rank]) first[rank] = $1
		if ($1 > last[rank]) last[rank] = $1
	} END {
		for (a in first) for (b in first)
			if (a < b && last[a] > first[b]) { print a, "after", b; bad = 1 }
		print n, "were sent"; exit bad || n < '"$files"'
	}'
}
ordered() { until_ok 10 order && order; }
t "the server saw targets first, then roles, snapshot and root, the timestamp last" ordered
target=$(cd "$state" && find tuf/targets/images/dns-dhcp -type f)
t "a file named by its hash may be kept for ever" \
    is "$(header "routers/stable/$target" Cache-Control)" "public, max-age=31536000, immutable"
t "… a version of a role as well" \
    is "$(header routers/stable/tuf/metadata/1.root.json Cache-Control)" "public, max-age=31536000, immutable"
t "… and timestamp.json for seconds" \
    is "$(header routers/stable/tuf/metadata/timestamp.json Cache-Control)" "public, max-age=10, must-revalidate"
t "status says so" has "$("$bin/kiln-tuf" status --state "$state")" "s3://routers/stable: complete"
t "a second time nothing is sent" uploads
t "… and only timestamp and checkpoint are looked at" said "sent 0 files, 0 B; 2 were there"
rm "$state/upload/uploaded.json"
t "without its note it asks for each file" uploads
t "… and sends none again" said "sent 0 files, 0 B; $files were there"

# --- a router -------------------------------------------------------------------
"$bin/kiln-tuf" export-root --state "$state" >"$tmp/root.json"
mkdir "$tmp/router"
cat >"$tmp/router.yaml" <<-EOT
state: $tmp/router
server: ["$endpoint/routers/stable"]
channel: edge
arch: amd64
demo: true
trust: {root: $tmp/root.json, min_keys: 1}
lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
services:
  dns-dhcp: {address: 192.0.2.53, config: {domain: lan}}
EOT
offered() {
	"$bin/kiln-agent" check --config "$tmp/router.yaml" >"$tmp/out" || return 1
	has "$(cat "$tmp/out")" "set $1 of edge/amd64 is offered"
}
t "a router takes its set from the object store" offered 1
got() { get "routers/stable/$target" | cmp - "$tmp/c"; }
t "… and its image, byte for byte" got

# --- cut off --------------------------------------------------------------------
again() { # VERSION: a release with an image of 3 MB
	"$bin/tests/support/publish" "$state" said 4 6 || return 1
	head -c 3000000 /dev/urandom >"$tmp/c"
	"$bin/tests/support/publish" "$state" vm dns-dhcp "$1" "$tmp/c" router.lan &&
	    "$bin/kiln-tuf" serve --once --state "$state"
}
relay() { # HOW
	: >"$tmp/relay"
	node tests/support/cut.js "${endpoint##*:}" 1000000 "$1" >"$tmp/relay" &
	relay=$!
	pids="$pids $relay"
	until_ok 10 grep -q '[0-9]' "$tmp/relay"
	conf "$state" stable "http://127.0.0.1:$(head -n 1 "$tmp/relay")"
}
image() { sha256sum "$tmp/c" | cut -d ' ' -f 1; }
t "a new release comes" again 2.0
path=routers/stable/tuf/targets/images/dns-dhcp/amd64/$(image).$(image)
before=$(get routers/stable/tuf/metadata/timestamp.json | sha256sum)
absent() { is "$(curl -s -o /dev/null -w '%{http_code}' "$endpoint/$1")" 404; }
same() { is "$(get routers/stable/tuf/metadata/timestamp.json | sha256sum)" "$before"; }
relay always
t "an upload that is cut off each time: try again" fails 75 "cause=busy"
t "… no part of it became an object" absent "$path"
t "… and routers see what they saw before" same
t "status counts what waits" has "$("$bin/kiln-tuf" status --state "$state")" "files wait: "
relay stall
killed() {
	"$bin/kiln-tuf" upload --once --state "$state" >"$tmp/said" 2>&1 &
	up=$!
	until_ok 20 grep -q cut "$tmp/relay"
	kill -9 $up
	wait $up
	is $? 137
}
t "killed in the middle of a file" killed
t "… no part of it became an object either" absent "$path"
t "… and routers see what they saw before" same
relay end
t "the next run goes on, although it is cut off once" uploads
t "… with what is missing" is "$(curl -s "$endpoint/$path" | sha256sum | cut -d ' ' -f 1)" "$(image)"
t "a router is offered the new release" offered 2
conf "$state" stable
head -c 1000 "$tmp/c" >"$tmp/half"
put "$tmp/half" "$path"
rm "$state/upload/uploaded.json"
t "half a file that another program left is found" uploads
t "… said" said "replaced 1 half one"
t "… and made whole" is "$(curl -s "$endpoint/$path" | sha256sum | cut -d ' ' -f 1)" "$(image)"

# --- what goes from the tree ---
stray=tuf/targets/images/dns-dhcp/amd64/$(sha256sum "$tmp/half" | cut -d ' ' -f 1).stray
cp "$tmp/half" "$state/$stray"
t "what comes to the tree is sent" uploads
sent() { curl -s "$endpoint/routers/stable/$stray" | cmp - "$tmp/half"; }
t "… and there" sent
rm "$state/$stray"
t "what is pruned from it" uploads
t "… is removed" said "; removed 1"
t "… from the store" absent "routers/stable/$stray"
echo rotten >"$state/$stray"
t "a file that is not what its name says is refused by the store" fails 4 "is not what its name says"
rm "$state/$stray"
t "… and nothing else is held up" uploads

# --- somebody else --------------------------------------------------------------
cp -a "$state" "$tmp/old"
"$bin/kiln-tuf" refresh --state "$state" >/dev/null
t "a new timestamp is all that is sent" uploads
t "… one file" said "sent 1 files"
older() {
	upload "$tmp/old"
	is $? 4 && has "$(cat "$tmp/said")" "restored from an old backup"
}
t "a farm from an old backup does not go back" older
t "another farm publishes" founded "$tmp/other"
conf "$tmp/other" stable
stranger() {
	upload "$tmp/other"
	is $? 4 && has "$(cat "$tmp/said")" "is it the bucket of another farm?"
}
t "… but not over this one" stranger
put "$tmp/other/tuf/metadata/timestamp.json" routers/third/tuf/metadata/timestamp.json
conf "$state" third
t "a timestamp that this farm's keys did not sign stays" fails 4 "a timestamp.json of somebody else"
conf "$state" stable
t "the first tree is whole as before" "$bin/kiln-tuf" check "$endpoint/routers/stable/tuf"

# --- for as long as it runs -------------------------------------------------------
"$bin/kiln-tuf" upload --state "$state" >"$tmp/daemon" 2>&1 &
daemon=$!
pids="$pids $daemon"
until_ok 10 grep -q uploading "$tmp/daemon"
t "beside one that runs a second one may not" fails 75 "$daemon"
rotates() {
	"$bin/kiln-tuf" rotate --state "$state" --new --yes timestamp &&
	    "$bin/kiln-tuf" refresh --state "$state"
}
t "a key is rotated" rotates
arrived() { get routers/stable/tuf/metadata/2.root.json | cmp - "$state/tuf/metadata/2.root.json"; }
t "what is published arrives by itself" until_ok 20 arrived
stamped() { get routers/stable/tuf/metadata/timestamp.json | cmp - "$state/tuf/metadata/timestamp.json"; }
t "… the new root and what it changes" until_ok 20 stamped
t "… and the tree is whole" "$bin/kiln-tuf" check "$endpoint/routers/stable/tuf"
secrets() {
	! tr '\0' ' ' <"/proc/$daemon/cmdline" | grep -F "$secret" &&
	    ! grep -rF "$secret" "$tmp/daemon" "$tmp/said" "$state"
}
t "the secret stands in no command line, log or file of the farm" secrets
keyless() {
	[ "$(id -u)" = 0 ] || return 0
	is "$(stat -c %u "/proc/$daemon")" "$(stat -c %u "$state/upload")" &&
	    ! setpriv --reuid "$(stat -c %u "$state/upload")" --clear-groups \
		ls "$state/keys/online"
}
t "who sends it cannot look at the keys that sign" keyless
kill $daemon
wait $daemon
finish
