#!/bin/sh
# kiln-builder against the real archive, with recipes of a few lines.
set -u
. tests/support/lib.sh

state=$tmp/state
good=tests/support/recipes
bad=$tmp/bad
cp -R tests/support/recipes-bad "$bad"
# Other tests of this kind may run on the host: its sleep is known by its length.
slow=13.$((100000 + $$))
sed -i "s/sleep 13.125/sleep $slow/" "$bad/slow/build.sh"

# By root, and by nobody in particular: what the farm's folder is for.
run() {
	"$bin/kiln-builder" --state "$state" "$@" 2>"$tmp/err"
}
# Read-only: a writer that closes last would take the journal away from those
# who may only read.
sql() { sqlite3 -batch -readonly "$state/farm.db" "$1"; }
blob() {
	h=$(sql "$1")
	cat "$state/store/$(echo "$h" | cut -c1-2)/$h"
}
is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "no \"$2\" in \"$1\""; return 1 ;; esac; }
fails_with() {
	want=$1
	shift
	"$@" >"$tmp/out" 2>&1
	is $? "$want"
}

# --- before anything runs ----------------------------------------------------
t "good recipes pass the check" "$bin/kiln-builder" -n --recipes $good
t "a wrong recipe fails the check with 2" \
    fails_with 2 "$bin/kiln-builder" -n --recipes "$bad"
t "… and is named with line and column" \
    has "$(cat "$tmp/out")" 'broken/recipe.yaml:5:1: unknown key "bulid"'
waits() { # for a file that somebody has to lay there
	cp -R $good "$tmp/waits"
	sed -i 's/script: build.sh/&\n  files: [laid.tar]/' "$tmp/waits/hello/recipe.yaml"
	"$bin/kiln-builder" -n --recipes "$tmp/waits" >"$tmp/out" 2>&1 || return 1
	has "$(cat "$tmp/out")" 'no file "laid.tar"' &&
	    has "$(cat "$tmp/out")" "hello-image: waits for hello, which is held"
}
t "a recipe without a file that is to be laid there is held, not wrong" waits
t "an unknown option is 2" fails_with 2 "$bin/kiln-builder" --frob
t "an unknown recipe is 2" \
    fails_with 2 run --once --offline --recipes $good --only nobody
t "… behind a known one, too" fails_with 2 \
    run --once --offline --recipes $good --only hello --only nobody

nowhere() {
	fails_with 1 "$bin/kiln" builds --state "$tmp/nowhere" &&
	    has "$(cat "$tmp/out")" "there is no farm in $tmp/nowhere: " &&
	    [ ! -e "$tmp/nowhere" ]
}
t "a folder that is no farm is called that, and stays away" nowhere

# --- one cycle ---------------------------------------------------------------
first() {
	run --once --recipes $good >"$tmp/out" || { cat "$tmp/out" "$tmp/err"; return 1; }
	has "$(cat "$tmp/out")" "hello-image          image" &&
	    has "$(cat "$tmp/out")" "executed 4, releases 1"
}
t "a first cycle builds each plan twice and releases the image" first
t "two lanes ran for each plan" \
    is "$(sql "SELECT group_concat(lane, '') FROM (SELECT lane FROM run ORDER BY plan, lane)")" ABAB
t "both plans are reproduced" \
    is "$(sql "SELECT group_concat(DISTINCT verdict) FROM plan")" reproduced
t "the verdict says what was varied and what was not" \
    has "$(blob "SELECT verdict_record FROM plan WHERE stage = 'image'")" \
    '"not_varied":["build-path","cpu","kernel"]'
said() {
	is "$(sql "SELECT count(*), count(DISTINCT run), count(DISTINCT plan) FROM attestation WHERE predicate = '$1'")" "4|4|2"
}
t "each run has its provenance" said provenance
t "… and its part in the verdict" said reproduction
inputs() {
	blob "SELECT a.digest FROM attestation a JOIN run r ON r.record = a.run WHERE a.predicate = 'provenance' AND r.lane = 'B' AND a.plan = (SELECT digest FROM plan WHERE stage = 'image')" >"$tmp/statement"
	blob "SELECT digest FROM plan WHERE stage = 'image'" | grep -o '"sha256":"[0-9a-f]*"' >"$tmp/inputs"
	[ -s "$tmp/inputs" ] || return 1
	while read -r one; do
		has "$(cat "$tmp/statement")" "$one" || return 1
	done <"$tmp/inputs"
}
t "… which names every input of the plan by digest" inputs
t "the release has the service's version and its probe" \
    has "$(blob "SELECT digest FROM release")" '"kind":"kiln/probe","port":80'
t "the SBOM is SPDX of the lock" \
    has "$(blob "SELECT digest FROM release" |
	sed -n 's/.*"sbom":"\([0-9a-f]*\)".*/\1/p' | {
	read -r h
	cat "$state/store/$(echo "$h" | cut -c1-2)/$h"
    })" '"spdxVersion":"SPDX-2.3"'
sbom() { "$bin/kiln" sbom --state "$tmp/other" "$@" >"$tmp/out" 2>&1; }
of_arch() { # as a farm with images of another architecture has it
	cp -a "$state" "$tmp/other" &&
	    sbom hello-image && has "$(cat "$tmp/out")" SPDX-2.3 &&
	    sqlite3 -cmd '.filectrl persist_wal 1' "$tmp/other/farm.db" \
		"UPDATE release SET arch = 'riscv64'" >"$tmp/sql" || return 1
	fails_with 1 sbom hello-image && has "$(cat "$tmp/out")" "nothing of that name" &&
	    sbom --arch riscv64 hello-image && has "$(cat "$tmp/out")" SPDX-2.3 &&
	    fails_with 2 sbom --arch sparc hello-image
}
t "kiln sbom of a service is of this machine's architecture, or of --arch" of_arch
t "the log of lane B shows another date, zone, user and host" \
    has "$(blob "SELECT log FROM run WHERE lane = 'B' ORDER BY id LIMIT 1")" \
    "as 4242 on zork.contrary.example"
t "no run's folder and no live log is left" \
    is "$(ls "$state/work" "$state/log/runs" | grep -c run-)" 0

# --- least work --------------------------------------------------------------
second() {
	run --once --recipes $good >"$tmp/out" || { cat "$tmp/err"; return 1; }
	has "$(cat "$tmp/out")" "executed 0, releases 0"
}
t "a second cycle runs nothing" second
t "… and solves no lock" \
    is "$(sql "SELECT solved, kept, executed, needed FROM cycle ORDER BY id DESC LIMIT 1")" "0|2|0|0"
t "the first cycle executed no more than the lower limit" \
    is "$(sql "SELECT executed, needed FROM cycle WHERE executed > 0 ORDER BY id LIMIT 1")" "4|4"
offline() {
	http_proxy=http://127.0.0.1:9/ "$bin/kiln-builder" --state "$state" \
	    --recipes $good --once --offline >"$tmp/out" 2>&1 &&
	    has "$(cat "$tmp/out")" "executed 0"
}
t "without a network what is locked still holds" offline
cut_off() {
	cp -R $good "$tmp/good"
	sed -i 's/^sed/# another script\nsed/' "$tmp/good/hello/build.sh"
	run --once --offline --recipes "$tmp/good" >"$tmp/out" || return 1
	has "$(cat "$tmp/out")" "executed 2, releases 0"
}
t "an unchanged output stops the wave" cut_off
t "… and why it was built is remembered" \
    has "$(sql "SELECT text FROM event WHERE kind = 'plan-made' ORDER BY id DESC LIMIT 1")" \
    "the recipe's files: build.sh"
t "… what led to it, too" \
    is "$(sql "SELECT e.text FROM event e JOIN event m ON m.parent = e.id WHERE m.kind = 'plan-made' ORDER BY m.id DESC LIMIT 1")" \
    "the files of the recipe hello changed"
t "the ledger owns to the one run more than the limit" \
    has "$(sql "SELECT t.executed, t.needed, t.reason FROM cycle_task t JOIN cycle c ON c.id = t.cycle ORDER BY c.id DESC LIMIT 1")" \
    "2|1|its output is the one that stood before"
why() { "$bin/kiln" why --state "$state" "$@" >"$tmp/why" 2>&1 || { cat "$tmp/why"; return 1; }; }
tells() { why hello && has "$(cat "$tmp/why")" "the files of the recipe hello changed" &&
    has "$(cat "$tmp/why")" "no release followed"; }
t "kiln why tells the chain from the change to the build" tells
counts() { why --cycle last && has "$(cat "$tmp/why")" "executed 2, lower limit 1" &&
    has "$(cat "$tmp/why")" "excess: its output is the one that stood before"; }
t "kiln why --cycle names the excess and its reason" counts
t "kiln why of nothing that is known fails" fails_with 1 why nobody
bump() { "$bin/kiln" plan --state "$state" --bump "$@" 2>&1; }
forecast() {
	before=$(sql "SELECT max(id) FROM event")
	has "$(bump sed=99)" " → 99" &&
	    has "$(bump sed=99)" "2 of 2 plans" &&
	    is "$(sql "SELECT max(id) FROM event")" "$before"
}
t "kiln plan says what a new version would rebuild, and does nothing" forecast
locked() { "$bin/kiln" lock show --state "$state" hello | awk '$1 == "sed" { print $2; exit }'; }
same_version() { has "$(bump "sed=$(locked)")" "0 of 2 plans"; }
t "… nothing for the version that is locked" same_version
t "… and refuses a package that no lock has" fails_with 1 bump no-such=1
now() { "$bin/kiln" plan --state "$state" --recipes "$1" 2>&1; }
t "kiln plan alone says that nothing would be rebuilt" has "$(now $good)" "0 of 2 plans"
edited() {
	cp -R $good "$tmp/edited"
	echo more >>"$tmp/edited/hello/hello.in"
	before=$(sql "SELECT max(id) FROM event")
	has "$(now "$tmp/edited")" "the recipe, its lock or kiln's rules are others" &&
	    has "$(now "$tmp/edited")" "uses hello of hello, if that comes out other" &&
	    has "$(now "$tmp/edited")" "2 of 2 plans" &&
	    is "$(sql "SELECT max(id) FROM event")" "$before"
}
t "… and, of edited recipes, which would, doing nothing" edited
companion() {
	lib=$("$bin/kiln" lock show --state "$state" hello | awk '$1 == "libc-bin" { print $2; exit }')
	[ "$("$bin/kiln" lock show --state "$state" hello | awk '$1 == "libc6" { print $2; exit }')" = "$lib" ] &&
	    "$bin/kiln" plan --state "$state" --json --bump libc-bin=99 >"$tmp/a" &&
	    "$bin/kiln" plan --state "$state" --json --bump libc6=99 >"$tmp/b" &&
	    is "$(grep -c '"recipe"' "$tmp/a")" "$(grep -c '"recipe"' "$tmp/b")"
}
t "packages of one source move together" companion
revert() {
	run --once --offline --recipes $good >"$tmp/out" || return 1
	has "$(cat "$tmp/out")" "executed 0"
}
t "a revert costs nothing" revert
bakes() { # RECIPES RECIPE
	"$bin/kiln" build --state "$state" --offline --recipes "$@" >"$tmp/out" 2>"$tmp/err"
}
baked() {
	bakes $good hello-image &&
	    has "$(cat "$tmp/out")" "nothing to build: every plan already has its verdict" &&
	    grep -q "^built .*hello-image .* reproduced" "$tmp/out" &&
	    [ ! -e "$state/log/kiln-web.log" ]
}
t "kiln build says what came of a recipe, and starts no server" baked

# --- what goes wrong ---------------------------------------------------------
differs() {
	run --once --offline --recipes "$bad" --only dated-image >"$tmp/out"
	is $? 1 && has "$(cat "$tmp/out")" "differs" &&
	    has "$(cat "$tmp/out")" "whose verdict is differs"
}
t "a build that embeds the date differs, and holds its users" differs
t "… both outputs are kept" \
    is "$(sql "SELECT count(DISTINCT o.digest) FROM output o WHERE name = 'dated'")" 2
t "… and nothing is released of it" \
    is "$(sql "SELECT count(*) FROM release WHERE service LIKE 'dated%'")" 0
t "… and both runs of it are told as differing" \
    is "$(sql "SELECT count(DISTINCT run) FROM attestation WHERE verdict = 'differs'")" 2
again() {
	run --once --offline --recipes "$bad" --only dated-image >"$tmp/out"
	is $? 1 && has "$(cat "$tmp/out")" "executed 0"
}
t "… and it is not tried again" again
told() {
	fails_with 1 bakes "$bad" dated-image &&
	    has "$(cat "$tmp/err")" "dated-image: held; " &&
	    fails_with 3 bakes "$bad" dated &&
	    grep -q "^built .*dated .*differs" "$tmp/out" &&
	    has "$(cat "$tmp/err")" "dated: differs; " &&
	    fails_with 1 bakes "$bad" nobody &&
	    has "$(cat "$tmp/err")" 'there is no recipe "nobody"'
}
t "… and kiln build fails of it, and of what nobody knows" told
others() {
	run --once --offline --recipes "$bad" >"$tmp/out"
	is $? 1 && has "$(cat "$tmp/out")" "slow                 build" &&
	    is "$(sql "SELECT error IS NOT NULL FROM recipe WHERE name = 'broken'")" 1 &&
	    is "$(sql "SELECT error IS NULL FROM recipe WHERE name = 'slow'")" 1
}

# --- killed in the middle ----------------------------------------------------
running() { [ "$(sql "SELECT count(*) FROM run WHERE state = 'running'")" -gt 0 ]; }
sleeps_not() { [ -z "$(pgrep -fx "sleep $slow")" ]; }
killed() {
	run --once --offline --recipes "$bad" --only slow --jobs 1 >"$tmp/out" &
	pid=$!
	until_ok 60 running || return 1
	fails_with 75 run --once --offline --recipes "$bad" || return 1
	has "$(cat "$tmp/err")" "another kiln-builder has this farm" || return 1
	has "$(cat "$tmp/err")" "locked by process $(cat "$state/work/lock")" ||
	    return 1
	fails_with 75 bakes "$bad" slow || return 1
	has "$(cat "$tmp/err")" "builds what changes by itself" || return 1
	until_ok 20 grep -q begin "$state"/log/runs/run-*.log
	live=$(cat "$state"/log/runs/run-*.log)
	kill -9 "$(cat "$state/work/lock")"
	wait $pid
	has "$live" begin || return 1
	# Well before it would have ended by itself.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleeps_not && return 0
		sleep 0.5
	done
	echo "the build outlived its builder"
	return 1
}
t "a second builder is told who has the farm; kill -9 ends the build, too" killed
resumed() {
	run --once --offline --recipes "$bad" --only slow >"$tmp/out" ||
	    { cat "$tmp/out" "$tmp/err"; return 1; }
	is "$(sql "SELECT group_concat(state) FROM (SELECT r.state FROM run r JOIN plan p ON p.digest = r.plan WHERE p.recipe = 'slow' ORDER BY r.id)")" \
	    "lost,succeeded,succeeded" &&
	    is "$(sql "SELECT verdict FROM plan WHERE recipe = 'slow'")" reproduced
}
t "what was running is lost, run again, and ends as if nothing had been" resumed
t "one bad recipe holds only itself" others
chosen() {
	run --once --offline --recipes "$bad" --only slow --only dated-image >"$tmp/out"
	is "$(cut -d ' ' -f 1 "$tmp/out" | sort -u | tr '\n' ' ')" \
	    "dated dated-image executed slow "
}
t "--only said twice takes both and what they use, and no others" chosen

stopped() {
	sed -i "s/sleep $slow/sleep 60/" "$bad/slow/build.sh"
	run --once --offline --recipes "$bad" --only slow >"$tmp/out" &
	pid=$!
	until_ok 60 running || return 1
	kill -TERM "$(cat "$state/work/lock")"
	wait $pid
	is $? 1 && is "$(sql "SELECT count(*) FROM run WHERE state = 'running'")" 0 &&
	    is "$(sql "SELECT DISTINCT cause FROM run WHERE cause = 'stopped'")" stopped
}
t "SIGTERM stops at once and leaves nothing running" stopped

# --- the loop ----------------------------------------------------------------
cycles() { sql "SELECT count(*) FROM cycle WHERE finished_at IS NOT NULL"; }
more_cycles() { [ "$(cycles)" -gt "$before" ]; }
looping() {
	before=$(cycles)
	run --offline --recipes "$tmp/good" >"$tmp/out" &
	pids="$pids $!"
	pid=$!
	until_ok 60 more_cycles || return 1
	before=$(cycles)
	echo changed >>"$tmp/good/hello/hello.in"
	until_ok 60 more_cycles || return 1
	kill -TERM "$(cat "$state/work/lock")"
	wait $pid
	is $? 0 && is "$(sql "SELECT count(*) FROM release")" 2
}
t "the loop sees a changed recipe, builds and releases it" looping

# --- what an operator asks for -----------------------------------------------
# `slow` sleeps for a minute here.
ask() { # KIND RUN REASON
	curl -s -o "$tmp/out" -w '%{http_code}' -H "Authorization: Bearer $token" \
	    -d "{\"kind\":\"$1\",\"argument\":{\"run\":$2,\"reason\":\"$3\"}}" \
	    "http://127.0.0.1:$(cat "$tmp/web.port")/api/v1/requests"
}
serves() {
	node tests/support/listen.js "$bin/kiln-web" --state "$state" \
	    >"$tmp/web.port" 2>"$tmp/web.log" &
	pids="$pids $!"
	until_ok 20 grep -q serving "$tmp/web.log" &&
	    echo "correct horse" | "$bin/kiln-web" --state "$state" account set ada operator &&
	    "$bin/kiln-web" --state "$state" account token ada operator 1h >"$tmp/token"
}
t "a dashboard and an operator" serves
token=$(cat "$tmp/token")
first_run() { sql "SELECT min(id) FROM run WHERE state = 'running'"; }
gone() { ! running; }
cancelled() {
	run --offline --recipes "$bad" --only slow >"$tmp/loop" &
	pids="$pids $!"
	looper=$!
	until_ok 60 running || return 1
	id=$(first_run)
	is "$(ask cancel "$id" "wrong <branch>")" 202 || return 1
	until_ok 20 gone || return 1
	is "$(sql "SELECT state || ' ' || cause || ' ' || message FROM run WHERE id = $id")" \
	    "lost cancelled cancelled by ada: wrong <branch>" &&
	    has "$("$bin/kiln" builds --state "$state")" "cancelled by ada: wrong <branch>"
}
t "a build that is cancelled ends at once, and says by whom and why" cancelled
page() {
	curl -s "http://127.0.0.1:$(cat "$tmp/web.port")/build/$id" >"$tmp/page" &&
	    has "$(cat "$tmp/page")" "Cancelled by ada: wrong &lt;branch&gt;" &&
	    ! grep -q '<form class="line"' "$tmp/page"
}
t "… on its page as well, as text, and without forms for who is not signed in" page
retried() {
	is "$(ask retry "$id" "the right one now")" 202 || return 1
	until_ok 20 running || return 1
	is "$(ask cancel "$(first_run)" enough)" 202 && until_ok 20 gone
}
t "… and tried again when somebody asks for that" retried
t "what was asked stands in the audit log" is \
    "$(sqlite3 -batch -readonly "$state/web.db" "SELECT group_concat(what, ' ') FROM (SELECT what FROM audit WHERE who = 'ada' AND what IN ('cancel', 'retry') ORDER BY id)")" \
    "cancel retry cancel"
kill -TERM "$(cat "$state/work/lock")"
wait "$looper"

# --- keeping it in order -----------------------------------------------------
kiln() {
	c=$1
	shift
	"$bin/kiln" "$c" --state "$state" "$@" >"$tmp/out" 2>"$tmp/err"
}
prints() { kiln "$@"; cat "$tmp/out" "$tmp/err"; }
artifact() { echo "$state/store/$(echo "$1" | cut -c1-2)/$1"; }
t "kiln verify of a sound farm exits 0" kiln verify
script=$(sql "SELECT digest FROM lock WHERE recipe = 'hello' ORDER BY made_at DESC LIMIT 1")
deb=$(tr '{' '\n' <"$(artifact "$script")" | sed -n '/"name":"sed"/s/.*"sha256":"\([0-9a-f]*\)".*/\1/p' | head -n 1)
damaged() {
	chmod u+w "$(artifact "$deb")"
	echo rot >>"$(artifact "$deb")"
	kiln verify --offline
	is $? 1 && has "$(cat "$tmp/out")" "$deb: its bytes have another digest"
}
t "a package that rotted is named, and without the archive it stays so" damaged
nothing_goes() { fails_with 0 kiln gc --dry-run && has "$(cat "$tmp/out")" "would remove 0"; }
t "kiln gc would remove nothing that is in use" nothing_goes
mends() { kiln verify && has "$(cat "$tmp/out")" "fetched again: pool/" && kiln verify --offline; }
t "kiln verify fetches it again from the archive" mends
# --- what was measured of it ---------------------------------------------------
stands=$(sql "SELECT digest FROM output WHERE name = 'image' ORDER BY run DESC LIMIT 1")
resource() { printf '{"digest":{"sha256":"%s"},"name":"%s"}' "$2" "$1"; }
statement() { # IMAGE [KERNEL]
	printf '{"_type":"https://in-toto.io/Statement/v1","predicate":{"configuration":[%s%s],"failedTests":[],"kiln_measured":{%s"arch":"%s","at":"2026-01-01T00:00:00Z"%s,"parts":[{"bytes":2141232,"origin":"libc6"}]},"passedTests":["it greets"],"result":"PASSED"},"predicateType":"https://in-toto.io/attestation/test-result/v0.1","subject":[%s]}' \
	    "$(resource hello.sh "$1")" "${2:+,$(resource vmlinuz "$2")}" \
	    "${2:+\"accel\":\"tcg\",\"answer_ms\":900,}" \
	    "$(dpkg --print-architecture)" \
	    "${2:+,\"least\":1048576,\"memory\":2097152}" \
	    "$(resource image "$1")"
}
statement "$stands" >"$tmp/proof"
statement "$stands" "$stands" >"$tmp/foreign"
{ cat "$tmp/proof"; echo; } >"$tmp/blank"
t "nothing was said yet of an image that just came out" \
    fails_with 1 kiln proof show "$stands"
t "a statement of an image is refused for its kernel, which no recipe gave" \
    fails_with 2 kiln proof record "$tmp/proof" "$tmp/foreign"
t "… by name" has "$(cat "$tmp/err")" "$tmp/foreign: vmlinuz $(echo "$stands" | cut -c1-12) is no kernel of this farm"
t "… and one that is not canonical" fails_with 2 kiln proof record "$tmp/blank"
t "… and nothing was recorded, not of the good one beside it, either" \
    is "$(sql "SELECT count(*) FROM proof")" 0
t "the good one alone is" kiln proof record "$tmp/proof"
t "… and shown beside the image" \
    has "$(prints proof show "$stands")" "1 of 1 by hello.sh, 2026-01-01T00:00:00Z, reproduced"
t "… with the bytes of what runs in it, by package" \
    has "$(prints proof show "$stands")" "2.0 MiB  libc6"
t "… in JSON, too, by its digest" \
    has "$(prints proof show --json "$stands")" '"script": "hello.sh"'
t "of a recipe without an image there is nothing to say" \
    fails_with 1 kiln proof show hello
busy() {
	flock "$state/work/turn" "$bin/kiln" gc --state "$state" >"$tmp/out" 2>&1
	is $? 75 && has "$(cat "$tmp/out")" "try again"
}
t "while the builder is at work kiln gc exits 75" busy
collects() {
	echo 'keep: {plans: 1, age: 0s, logs: 0s}' >"$tmp/keep.yaml"
	kiln gc --config "$tmp/keep.yaml" --json || return 1
	has "$(cat "$tmp/out")" "release of hello-image that waits" &&
	    has "$(cat "$tmp/out")" '"slow/build"' &&
	    has "$(cat "$tmp/out")" "nothing names it any more" &&
	    { kiln verify --offline || { cat "$tmp/out" "$tmp/err"; return 1; }; } &&
	    has "$(prints gc --config "$tmp/keep.yaml")" "removed 0 (0.0 MiB)"
}
t "kiln gc removes what nothing names, once, and leaves a sound farm" collects
t "… and what was said of the image" \
    test -e "$(artifact "$(sql "SELECT digest FROM proof")")"
still() {
	run --once --offline --recipes "$tmp/good" >"$tmp/out" || { cat "$tmp/err"; return 1; }
	has "$(cat "$tmp/out")" "executed 0"
}
t "… in which nothing has to be built again" still
back() {
	sed -i "s/sleep 60/sleep $slow/" "$bad/slow/build.sh"
	run --once --offline --recipes "$bad" --only slow >"$tmp/out" || { cat "$tmp/err"; return 1; }
	has "$(cat "$tmp/out")" "executed 2" && has "$(cat "$tmp/out")" reproduced
}
t "… and what was removed is built when it is wanted again" back

# --- without root ------------------------------------------------------------
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	mkdir "$tmp/mine"
	chown 12345 "$tmp/mine"
	cp -R $good "$tmp/plain" && chmod -R a+rX "$tmp"
	plain() {
		setpriv --reuid 12345 --regid 12345 --clear-groups \
		    "$bin/kiln-builder" --state "$tmp/mine/state" \
		    --recipes "$tmp/plain" --once >"$tmp/out" 2>"$tmp/err" ||
		    { cat "$tmp/out" "$tmp/err"; return 1; }
		is "$(grep -c reproduced "$tmp/out")" 2
	}
	t "an ordinary user can build, too" plain
	same() {
		is "$(sqlite3 "$tmp/mine/state/farm.db" "SELECT digest FROM plan WHERE stage = 'image'")" \
		    "$(sql "SELECT digest FROM plan WHERE stage = 'image' ORDER BY made_at, rowid LIMIT 1")"
	}
	t "… and arrives at the same plan" same
fi
finish
