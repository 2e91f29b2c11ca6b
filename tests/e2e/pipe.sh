# The straight pipe, whole: archive, two lanes, publication, router, answer;
# then killed everywhere, started again, and built elsewhere from its locks.
. tests/support/lib.sh

state=$tmp/farm/var
mkdir -p "$tmp/farm"
port=$((20000 + $$ % 20000))
up="$bin/kiln up --demo --state $state --recipes recipes --listen 127.0.0.1:$port"

sql() { sqlite3 -readonly "$state/farm.db" "$1"; }
digests() { sqlite3 -readonly "$1/farm.db" \
    "SELECT p.recipe, p.stage, o.name, o.digest FROM current c
     JOIN plan p ON p.digest = c.plan JOIN output o ON o.run =
     (SELECT max(id) FROM run WHERE plan = p.digest AND state = 'succeeded')
     WHERE p.verdict = 'reproduced' ORDER BY 1, 2, 3"; }
pid_of() { pgrep -P "$up_pid" -f "bin/$1" | head -n 1; }
has() { grep -q "$1" "$2"; }
start_up() { # LOG [option…]: in the background, its pid in $up_pid
	log=$1
	shift
	$up "$@" >"$log" 2>&1 </dev/null &
	up_pid=$!
	pids="$pids $up_pid"
}
stop_up() {
	kill "$up_pid" 2>/dev/null
	wait "$up_pid" 2>/dev/null
}

either() {
	$up --all --recipe mqtt 2>"$tmp/either"
	[ $? -eq 2 ] && [ ! -e "$state" ] && has "exclude each other" "$tmp/either"
}
t "--all and --recipe together are a wrong usage" either

# --- cold, with kiln-builder killed while it builds ---------------------------
start_up "$tmp/first.log"
first=$up_pid
building() { [ -n "$(sql "SELECT id FROM run WHERE state = 'running'")" ]; }
t "a cold start comes to building" until_ok 300 building
t "kiln-builder dies of SIGKILL while it builds" kill -9 "$(pid_of kiln-builder)"
second_up() {
	$up --once >"$tmp/second-up.log" 2>&1
	[ $? -eq 75 ] && has "$first" "$tmp/second-up.log"
}
t "a second kiln up on the same folder exits 75 and names the first" second_up
t "the first start reaches the answered query" \
    until_ok 900 has "kiln is up" "$tmp/first.log"
cat "$tmp/first.log" | sed 's/^/# /'
t "it says what was built, with digest and verdict" \
    has "^built .*dns-dhcp.* image .*[0-9a-f]\{64\}.*reproduced" "$tmp/first.log"
starters() {
	[ "$(sql "SELECT group_concat(service) FROM
	    (SELECT DISTINCT service FROM release ORDER BY 1)")" = dns-dhcp,kernel ]
}
t "nothing was baked but what the demonstration's router runs" starters
t "it says which set the router runs" \
    has "^router .*edge set" "$tmp/first.log"
t "dig asked from the LAN and the virtual machine answered" \
    has "^query .*router\.lan\..*192\.0\.2\.53" "$tmp/first.log"

# A guest for the router's own test: what was just built.
keep_guest() {
	mkdir -p "$bin/test-guest"
	digests "$state" >"$tmp/digests"
	for o in vmlinuz initrd image; do
		d=$(awk -F'|' -v o=$o '$3 == o {print $4; exit}' "$tmp/digests")
		[ -n "$d" ] || return 1
		cp -f "$state/store/$(echo "$d" | cut -c1-2)/$d" \
		    "$bin/test-guest/$o" || return 1
	done
}
t "kernel, initrd and image lie in the store under their digests" keep_guest

# --- walls, with the real processes running -----------------------------------
web=$(pid_of kiln-web)
web_uid=$(awk '/^Uid:/ {print $2}' "/proc/$web/status" 2>/dev/null)
cannot_write() {
	[ -n "$web_uid" ] && [ "$web_uid" != 0 ] || return 1
	for f in "$@"; do
		setpriv --reuid "$web_uid" --regid "$web_uid" --clear-groups \
		    sh -c ': >>"$1"' sh "$f" 2>/dev/null && return 1
	done
	return 0
}
blob=$(find "$state/store" -type f | head -n 1)
t "kiln-web's uid cannot write farm.db, tuf.db, their journals or the store" \
    cannot_write "$state/farm.db" "$state/farm.db-wal" "$state/farm.db-journal" \
    "$state/tuf.db" "$state/tuf.db-wal" "$state/tuf.db-journal" \
    "$state/store/new" "$blob" "$state/tuf/metadata/timestamp.json" \
    "$state/keys/online/x" "$state/new"
# Everything below a process, however deep.
below() { for c in $(pgrep -P "$1"); do echo "$c"; below "$c"; done; }
# This farm's processes, and whatever else runs under one of their uids; of the
# other processes of this machine nothing is said.
farm_pids() {
	{ echo "$up_pid" && below "$up_pid"; } >"$tmp/farm.pids"
	uids=$(while read -r p; do
		awk '/^Uid:/ && $2 != 0 {print $2}' "/proc/$p/status"
	done <"$tmp/farm.pids" 2>/dev/null | sort -u | paste -sd, -)
	{ cat "$tmp/farm.pids" && pgrep -u "$uids"; } | sort -u | paste -sd, -
}
signer_only() {
	"$bin/tests/support/memfind" -p "$(farm_pids)" \
	    "$state"/keys/online/*.key >"$tmp/seeds"
	cat "$tmp/seeds"
	# Every key is somewhere, and nowhere but in the signer.
	for k in "$state"/keys/online/*.key; do
		grep -q "^$(basename "$k") " "$tmp/seeds" || return 1
	done
	! grep -v -- "-x signer" "$tmp/seeds"
}
t "of this farm's processes the signer alone has an online key's seed in memory" \
    signer_only
distinct() {
	n=0
	for p in kiln-builder kiln-tuf kiln-web; do
		awk '/^Uid:/ {print $2}' "/proc/$(pid_of $p)/status"
	done | sort -u >"$tmp/uids"
	[ "$(wc -l <"$tmp/uids")" = 3 ] && ! grep -qx 0 "$tmp/uids"
}
t "builder, tuf and web run under three uids, none of them root" distinct

# --- the dashboard and the published tree -------------------------------------
get() { curl -fsS --max-time 10 "http://127.0.0.1:$port$1"; }
page() { get "$1" >"$tmp/page" && grep -q "$2" "$tmp/page"; }
t "the dashboard shows the pipe" page / ">reproduced<"
t "recipes show digests and verdicts" page /recipes reproduced
t "a build's log can be read" page /build/1/log.json '"log"'
# DSSE's encoding made by hand, verified by a program that is not ours.
attested() {
	h=$(sql "SELECT digest FROM attestation WHERE predicate = 'provenance' LIMIT 1")
	id=$(sql "SELECT r.id FROM run r JOIN attestation a ON a.run = r.record WHERE a.digest = '$h'")
	page "/build/$id" "/attestation/$h" &&
	    get "/attestation/$h" >"$tmp/envelope" || return 1
	key=$(sqlite3 -batch -readonly "$state/tuf.db" "SELECT key FROM attestation WHERE digest = '$h'")
	field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" "$tmp/envelope"; }
	field payload | base64 -d >"$tmp/statement" || return 1
	field sig | base64 -d >"$tmp/sig" || return 1
	{ printf 'DSSEv1 28 application/vnd.in-toto+json %s ' \
	    "$(wc -c <"$tmp/statement")"; cat "$tmp/statement"; } >"$tmp/pae"
	# RFC 8410: an Ed25519 key's SubjectPublicKeyInfo
	sqlite3 :memory: \
	    "SELECT writefile('$tmp/key.der', x'302a300506032b6570032100$key')" &&
	    openssl pkeyutl -verify -pubin -inkey "$tmp/key.der" -keyform DER \
	    -rawin -in "$tmp/pae" -sigfile "$tmp/sig" &&
	    [ "$(sha256sum <"$tmp/statement" | cut -c 1-64)" = "$h" ] &&
	    has '"predicateType":"https://slsa.dev/provenance/v1"' "$tmp/statement"
}
t "a run's signed provenance is served, and OpenSSL verifies it" \
    until_ok 30 attested
t "the router's report has arrived, signed" \
    until_ok 60 page /routers.json '"committed"'
t "the tree passes kiln-tuf check as a stranger sees it" \
    "$bin/kiln-tuf" check "http://127.0.0.1:$port/tuf/"
ranges() {
	d=$(digests "$state" | awk -F'|' '$3 == "image" {print $4; exit}')
	get "/blob/$d" >"$tmp/whole" &&
	    curl -fsS -r 100-199 "http://127.0.0.1:$port/blob/$d" >"$tmp/part" &&
	    dd if="$tmp/whole" bs=1 skip=100 count=100 2>/dev/null |
	    cmp - "$tmp/part" && [ "$(sha256sum <"$tmp/whole" | cut -c1-64)" = "$d" ]
}
t "blobs come whole and in ranges" ranges
etag() {
	e=$(curl -fsSI "http://127.0.0.1:$port/tuf/metadata/timestamp.json" |
	    tr -d '\r' | sed -n 's/^ETag: //p')
	[ -n "$e" ] && [ "$(curl -sS -o /dev/null -w '%{http_code}' \
	    -H "If-None-Match: $e" \
	    "http://127.0.0.1:$port/tuf/metadata/timestamp.json")" = 304 ]
}
t "an unchanged timestamp is answered 304" etag

# --- a backup of a farm that runs -------------------------------------------------
backed_up() {
	"$bin/kiln" backup --state "$state" --json "$tmp/backup" >"$tmp/backup.json" &&
	    [ "$(stat -c %a "$tmp/backup")" = 700 ] &&
	    "$bin/kiln" backup --state "$state" --keep 1 --json "$tmp/backup" >"$tmp/more.json" &&
	    [ "$("$bin/kiln" backup --list "$tmp/backup" | wc -l)" = 1 ] &&
	    [ "$(jq .new_bytes "$tmp/more.json")" -lt $(($(jq .bytes "$tmp/backup.json") / 4)) ]
}
t "a farm that runs is backed up, and again with what is new" backed_up

# --- killed everywhere ----------------------------------------------------------
comes_back() { # PROGRAM: killed, it is started again
	old=$(pid_of "$1")
	kill -9 "$old" || return 1
	again() {
		new=$(pid_of "$1")
		[ -n "$new" ] && [ "$new" != "$old" ]
	}
	until_ok 30 again "$1"
}
t "kiln-tuf killed comes back" comes_back kiln-tuf
t "kiln-web killed comes back" comes_back kiln-web
t "kiln-agent killed comes back" comes_back kiln-agent
below "$up_pid" >"$tmp/below"
kill -9 "$up_pid"
wait "$up_pid" 2>/dev/null
nobody_left() {
	[ -s "$tmp/below" ] || return 1
	while read -r p; do
		kill -0 "$p" 2>/dev/null && return 1
	done <"$tmp/below"
	return 0
}
t "kill -9 of kiln up takes everything it started along" \
    until_ok 30 nobody_left

# --- again: nothing to do -------------------------------------------------------
runs=$(sql "SELECT count(*) FROM run")
again() {
	strace -f -qq --seccomp-bpf -y -e trace=execve,openat,openat2 -o "$tmp/trace" \
	    $up --once >"$tmp/again.log" 2>&1
}
t "kiln up --demo --once again exits 0" again
sed 's/^/# /' "$tmp/again.log"

# A farm for the browser's test: links where the file system allows.
keep_farm() {
	rm -rf "$bin/test-farm"
	mkdir -m 755 "$bin/test-farm" || return 1
	for f in store tuf log run spool; do
		cp -al "$state/$f" "$bin/test-farm/" 2>/dev/null ||
		    { rm -rf "$bin/test-farm/$f" &&
			cp -a "$state/$f" "$bin/test-farm/"; } || return 1
	done
	cp -a "$state"/*.db "$state"/*.db-* "$bin/test-farm/"
}
t "what it leaves can be looked at" keep_farm
t "it says that there was nothing to build" has "nothing to build" "$tmp/again.log"
no_sandbox() { grep -q execve "$tmp/trace" && ! grep -q 'execve.*bwrap' "$tmp/trace"; }
t "a trace shows no sandbox started" no_sandbox
t "and no run was added" test "$runs" = "$(sql "SELECT count(*) FROM run")"
offline_closed() {
	# Who opened an offline key?  Only ceremonies, which end at once.
	awk '/execve\("/ {cmd[$1] = $0} /keys\/offline.*\.key/ {print cmd[$1]}' \
	    "$tmp/trace" | grep -vE '"(init|delegate|export-root)"' >"$tmp/offline"
	cat "$tmp/offline"
	! [ -s "$tmp/offline" ]
}
t "no long-lived process opened an offline key" offline_closed

# --- restored ---------------------------------------------------------------------
restored() {
	"$bin/kiln" restore --state "$tmp/restored" "$tmp/backup" &&
	    "$bin/kiln" verify --state "$tmp/restored" --offline &&
	    "$bin/kiln-tuf" check --root "$state/tuf/metadata/1.root.json" "$tmp/restored/tuf" &&
	    digests "$state" >"$tmp/here.txt" && digests "$tmp/restored" >"$tmp/there.txt" &&
	    [ -s "$tmp/here.txt" ] && cmp "$tmp/here.txt" "$tmp/there.txt"
}
t "a restored farm is sound and has the same records" restored
owned() { (cd "$1" && find keys tuf store -printf '%p %u %m\n' | sort); }
same_owners() {
	owned "$tmp/restored" >"$tmp/owned" && owned "$state" >"$tmp/owners" &&
	    # What came after the backup is not in it, and nothing else differs.
	    ! comm -13 "$tmp/owners" "$tmp/owned" | grep .
}
t "… and its files belong to the same users" same_owners
goes_on() {
	"$bin/kiln-tuf" serve --state "$tmp/restored" --once &&
	    "$bin/kiln-tuf" check "$tmp/restored/tuf" &&
	    "$bin/kiln-builder" --state "$tmp/restored" --recipes recipes --once --offline \
	        --only dns-dhcp --only kernel-debian &&
	    [ "$(sqlite3 -readonly "$tmp/restored/farm.db" "SELECT count(*) FROM run")" = "$runs" ]
}
t "… and goes on: it publishes, and builds nothing again" goes_on
refused() { # SENTENCE command…: does not exit 0 and says so
	sentence=$1
	shift
	"$@" >"$tmp/refused" 2>&1
	rc=$?
	cat "$tmp/refused"
	[ $rc -ne 0 ] && has "$sentence" "$tmp/refused"
}
t "a folder with something in it is not restored into" \
    refused "is not empty" "$bin/kiln" restore --state "$tmp/restored" "$tmp/backup"
damaged() {
	h=$(jq -r '.files[] | select(.path == "farm.db") | .sha256' "$tmp/backup"/*.json)
	f=$tmp/backup/store/$(echo "$h" | cut -c1-2)/$h
	chmod u+w "$f" && printf X | dd of="$f" bs=1 seek=5000 conv=notrunc 2>/dev/null &&
	    refused "farm.db is damaged in the backup" \
	        "$bin/kiln" restore --state "$tmp/other" "$tmp/backup" && [ ! -e "$tmp/other" ]
}
t "a backup with a byte changed is refused by the file's name" damaged

# --- elsewhere, later, from the same locks ---------------------------------------
elsewhere() {
	mkdir -p "$tmp/a longer/path/to another"
	there="$tmp/a longer/path/to another/checkout"
	mkdir "$there" && chmod -R go+rx "$tmp/a longer" &&
	    cp -r recipes "$there/recipes" && cp -r "$bin" "$there/bin" || return 1
	for r in $(sql "SELECT name FROM recipe ORDER BY name"); do
		"$bin/kiln" lock export --state "$state" "$r" "$tmp/$r.lock" &&
		    (cd "$there" && bin/kiln lock import --state var "$tmp/$r.lock") ||
		    return 1
	done
	(cd "$there" && bin/kiln-builder --once --offline --state var \
	    --recipes recipes --only dns-dhcp --only kernel-debian) || return 1
	digests "$state" >"$tmp/here.txt"
	digests "$there/var" >"$tmp/there.txt"
	cat "$tmp/here.txt"
	[ -s "$tmp/here.txt" ] && cmp "$tmp/here.txt" "$tmp/there.txt"
}
t "another checkout gives the same digests from the same locks" elsewhere
finish
