#!/bin/sh
# Least work, scenario by scenario: what happens, and the list of tasks that
# it has to cost, written down by hand.  A trace counts the sandboxes that
# were really started; the ledger has to say the same.
set -u
. tests/support/lib.sh
. tests/support/archive/archive.sh

state=$tmp/state
recipes=$tmp/recipes
mkdir "$state" "$recipes" && chmod 755 "$state" "$recipes"
is() { [ "$1" = "$2" ] || { printf 'is "%s"\nnot "%s"\n' "$1" "$2"; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "no \"$2\" in \"$1\""; return 1 ;; esac; }
sql() { sqlite3 -batch -readonly "$state/farm.db" "$1"; }

# --- the archive -------------------------------------------------------------
# cc VERSION REMARK: a compiler that marks what it makes, and a remark in it
# that changes nothing.
cc() {
	mkdir -p "$tmp/cc/usr/bin"
	printf '#!/bin/sh\n# %s\necho "made of:"\ncat "$@"\n' "$2" \
	    >"$tmp/cc/usr/bin/mark"
	chmod 755 "$tmp/cc/usr/bin/mark"
	archive_deb bookworm cc "$1" "$tmp/cc"
}
text() { # SUITE NAME VERSION: a runtime library, as good as one
	mkdir -p "$tmp/$2/usr/lib/$2"
	echo "$2 $3" >"$tmp/$2/usr/lib/$2/version"
	archive_deb "$1" "$2" "$3" "$tmp/$2"
}

# --- recipes -----------------------------------------------------------------
recipe() { # NAME, recipe.yaml's text below its name on standard input
	mkdir -p "$recipes/$1"
	{
		printf 'name: %s\nsummary: For tests\nsuites: [bookworm, bookworm-security]\n' "$1"
		cat
	} >"$recipes/$1/recipe.yaml"
}
script() { cat >"$recipes/$1/build.sh"; }
built() { # NAME PACKAGES [USES]
	recipe "$1" <<-EOF
	kind: source
	build: {packages: [$2], script: build.sh}
	outputs: [out]
	budget: {memory: 256MiB, wall: 2m, log: 1MiB, output: 1MiB}
	${3:+uses: [$3]}
	EOF
}
imaged() { # NAME USED PACKAGE: its version file and an output
	recipe "$1" <<-EOF
	kind: image
	uses: [{recipe: $2, outputs: [out]}]
	image:
	  packages: [erofs-utils${3:+, $3}]
	  files:
	    - {path: /out, from: "use:$2/out", mode: "0644"}
	    ${3:+- {path: /version, from: "env:/usr/lib/$3/version", mode: "0644"\}}
	memory: 64MiB
	budget: {memory: 256MiB, wall: 2m, log: 1MiB, output: 1MiB}
	EOF
}

# --- asking --------------------------------------------------------------------
settings() { # audit percent
	printf 'audit: %s\nmirrors:\n' "$1"
	for s in bookworm bookworm-security; do
		printf '  - {uri: "%s", suite: %s, keyring: "%s"}\n' \
		    "$archive_uri" $s "$archive_keyring"
	done
} >"$state/kiln.yaml"
last="(SELECT max(id) FROM cycle)"
# Each task of the last cycle: runs, and the fewest that would have done.
tasks() {
	sql "SELECT group_concat(x, ', ') FROM (SELECT p.recipe || '/' ||
	    p.stage || ' ' || t.executed || '/' || t.needed AS x
	    FROM cycle_task t JOIN plan p ON p.digest = t.plan
	    WHERE t.cycle = $last ORDER BY 1)"
}
verdicts() {
	sql "SELECT group_concat(x, ', ') FROM (SELECT c.recipe || ' ' || verdict
	    AS x FROM current c JOIN plan p ON p.digest = c.plan
	    WHERE $1 ORDER BY 1)"
}
# A cycle under the trace.  The one that comes first asks /bin/true whether
# sandboxes work; that is no run.
cycle() { # EXIT [option…]
	want=$1
	shift
	strace -f -qq -s 4096 --seccomp-bpf -e trace=execve -o "$tmp/trace" \
	    "$bin/kiln-builder" --state "$state" --recipes "$recipes" --once \
	    "$@" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	[ $rc = "$want" ] || { echo "exit $rc"; cat "$tmp/out" "$tmp/err"; }
	[ $rc = "$want" ]
}
# costs LIST: the tasks of the last cycle, which the trace agrees with.
costs() {
	started=$(grep 'execve("[^"]*bwrap"' "$tmp/trace" |
	    grep -cv -e '"/bin/true"' -e ENOENT)
	is "$(tasks)" "$1" &&
	    is "$(sql "SELECT executed FROM cycle WHERE id = $last")" "$started" &&
	    is "$(sql "SELECT ifnull(sum(executed), 0) FROM cycle_task WHERE cycle = $last")" "$started"
}
# excess LIST: the reasons, of those that cost more than they had to.
excess() {
	is "$(sql "SELECT group_concat(DISTINCT reason) FROM cycle_task
	    WHERE cycle = $last AND executed > needed")" "$1" &&
	    is "$(sql "SELECT count(*) FROM cycle_task WHERE cycle = $last
	    AND (executed > needed) <> (reason IS NOT NULL)")" 0
}
stays="its output is the one that stood before, which lane A alone had confirmed; lane B ran for the record"

archive_start && archive_base bookworm && cc 1 one &&
    text bookworm librun 1 && text bookworm libsec 1 &&
    archive_publish bookworm && archive_publish bookworm-security || {
	echo "not ok the archive stands"
	exit 1
}
settings 0

# base ← mid ← svc (image, librun); alone ← edge (image, libsec)
built base cc
echo 'mark /kiln/recipe/text >/out/out' | script base
echo one >"$recipes/base/text"
built mid dash '{recipe: base, outputs: [out]}'
echo 'head -n 1 /kiln/uses/base/out >/out/out' | script mid
imaged svc mid librun
built alone dash
echo 'echo alone >/out/out' | script alone
imaged edge alone libsec

# --- 1: nothing is known ---------------------------------------------------------
t "1: at first everything is built, twice" cycle 0
t "… at the lower limit" costs \
    "alone/build 2/2, base/build 2/2, edge/image 2/2, mid/build 2/2, svc/image 2/2"
t "… for no reason but that" excess ""
t "… after what it uses" is "$(sql "SELECT group_concat(recipe) FROM
    (SELECT recipe FROM plan WHERE recipe IN ('base', 'mid', 'svc') ORDER BY judged_at, rowid)")" base,mid,svc

# --- 2: nothing changed -----------------------------------------------------------
t "2: the same archive again" cycle 0
t "… costs nothing" costs ""

# --- 3: a runtime library -----------------------------------------------------------
bump() { text bookworm librun 2 && archive_publish bookworm && cycle 0; }
t "3: a runtime library changes" bump
t "… one image is assembled, nothing is compiled" costs "svc/image 2/2"

# --- 4: another compiler, the same output ------------------------------------------
compiler() { cc 2 two && archive_publish bookworm && cycle 0; }
t "4: another compiler gives the same bytes" compiler
t "… which stop the wave at once" costs "base/build 2/1"
t "… and the ledger owns to the run too many" excess "$stays"

# --- 5: back -----------------------------------------------------------------------------
revert() {
	cc 1 one && text bookworm librun 1 && archive_publish bookworm && cycle 0
}
t "5: the archive goes back to what it had" revert
t "… which costs nothing" costs ""
t "… and what stood then stands again" is "$(sql "SELECT count(*) FROM plan p
    JOIN current c ON c.plan = p.digest WHERE p.recipe = 'svc' AND
    p.rowid = (SELECT min(rowid) FROM plan WHERE recipe = 'svc')")" 1

# --- 6: in the middle of the chain -------------------------------------------------------
middle() {
	echo 'tail -n 1 /kiln/uses/base/out >/out/out' | script mid && cycle 0
}
t "6: the recipe in the middle changes what it makes" middle
t "… it and what holds its output are made again" costs \
    "mid/build 2/2, svc/image 2/2"
reworded() {
	echo 'sed -n \$p /kiln/uses/base/out >/out/out' | script mid && cycle 0
}
t "… and says it in other words" reworded
t "… which goes no further" costs "mid/build 2/1"
lossy() {
	printf 'zero\none\n' >"$recipes/base/text" && cycle 0
}
t "… the first one changes, and the middle shows no trace of it" lossy
t "… two outputs, of which one is new" costs "base/build 2/2, mid/build 2/1"
t "… and each excess has its reason" excess "$stays"

# --- 7: the same plan twice ----------------------------------------------------------------
twins() {
	for r in twin-a twin-b; do
		built $r cc
		echo 'echo twin >/out/out' | script $r
		imaged $r-image $r
	done
	cycle 0
}
t "7: two recipes ask for the same" twins
# twin-a-image and twin-b-image hold outputs of recipes with two names.
t "… they are one plan, which runs once for both" is \
    "$(sql "SELECT count(DISTINCT plan), count(*) FROM current WHERE recipe IN ('twin-a', 'twin-b')")" "1|2"
t "… two runs, and two for each image" costs \
    "twin-a-image/image 2/2, twin-a/build 2/2, twin-b-image/image 2/2"
t "… and both have their release" is \
    "$(sql "SELECT count(*) FROM release WHERE service LIKE 'twin-%'")" 2

# --- 8: a security update while others wait ---------------------------------------------------
secure() {
	cc 3 three && archive_publish bookworm &&
	    text bookworm-security libsec 2 &&
	    archive_publish bookworm-security && cycle 0 --jobs 1
}
t "8: a security update comes with much else" secure
t "… the tasks are those of both" costs \
    "base/build 2/1, edge/image 2/2, twin-a/build 2/1"
t "… and it went first" is "$(sql "SELECT subject FROM event WHERE kind = 'verdict' AND id >
    (SELECT max(id) FROM event WHERE kind = 'archive-changed') ORDER BY id LIMIT 1")" edge
t "… as the queue was told" is "$(sql "SELECT group_concat(recipe) FROM task WHERE urgent AND state = 'done'")" "alone,edge"

# --- 9: two outputs for one plan ----------------------------------------------------------------
differs() {
	built dated dash
	echo 'date +%Y-%m-%d >/out/out' | script dated
	imaged dated-image dated
	cycle 1
}
t "9: a plan gives two outputs" differs
t "… both lanes ran, and nothing that would use them" costs "dated/build 2/2"
t "… its verdict says so" is "$(verdicts "c.recipe LIKE 'dated%'")" "dated differs"
t "… and what waits for it says why" is \
    "$(sql "SELECT state, why FROM task WHERE recipe = 'dated-image'")" \
    "held|uses out of dated, whose verdict is differs"
again() { cycle 1 && costs ""; }
t "… it is not tried again" again
mended() {
	echo 'echo today >/out/out' | script dated && cycle 0 &&
	    costs "dated-image/image 2/2, dated/build 2/2"
}
t "… until its recipe is mended" mended

# --- 10: what was skipped is looked at again -------------------------------------------------------
audited() {
	text bookworm librun 2 && archive_publish bookworm && cycle 0 &&
	    costs "svc/image 2/2" && settings 100 &&
	    text bookworm librun 1 && archive_publish bookworm && cycle 0
}
t "10: a library comes and goes, and all that is skipped is audited" audited
t "… one run in one lane, which was not needed" costs "svc/image 1/0"
t "… for that reason" excess "audit: a random share of what was skipped runs again"
t "… and nothing was wrong" is "$(sql "SELECT count(*) FROM event WHERE kind = 'audit-alarm'")" 0

# A limit is no input of a plan, so this script looks at what it must not.
leaky() {
	settings 0
	built leaky dash
	echo 'ulimit -v >/out/out' | script leaky
	imaged leaky-image leaky
	cycle 0 && costs "leaky-image/image 2/2, leaky/build 2/2"
}
t "11: a build that looks at what no plan tells is taken for reproduced" leaky
t "… and released" is "$(sql "SELECT count(*) FROM release WHERE service = 'leaky-image' AND withheld IS NULL")" 1
caught() {
	settings 100
	sed -i 's/256MiB/300MiB/' "$recipes/leaky/recipe.yaml"
	cycle 3
}
t "… until an audit gives other bytes, which is exit 3" caught
t "… its verdict differs" is "$(verdicts "c.recipe = 'leaky'")" "leaky differs"
t "… three runs stand in the verdict" has "$(sql "SELECT text FROM event WHERE kind = 'audit-alarm'")" \
    "build of leaky was reproduced, and lane"
t "… and nothing of it is published any more" is \
    "$(sql "SELECT count(*) FROM release WHERE service = 'leaky-image' AND withheld IS NULL")" 0
builds() {
	"$bin/kiln" builds --state "$state" >"$tmp/builds" 2>&1
	is $? 3 && has "$(cat "$tmp/builds")" "leaky/build" &&
	    "$bin/kiln" builds --json --state "$state" >"$tmp/builds.json"
	is $? 3 && node -e 'const j = JSON.parse(require("fs").readFileSync(0));
	    process.exit(j.alarms.length === 1 && j.alarms[0].recipe === "leaky" ? 0 : 1)' \
	    <"$tmp/builds.json"
}
t "… which kiln builds says, with exit 3" builds
page() {
	for port in $((21000 + $$ % 19000)) $((22000 + $$ % 18000)) \
	    $((23000 + $$ % 17000)); do
		"$bin/kiln-web" --state "$state" --listen 127.0.0.1:$port \
		    >"$tmp/web.log" 2>&1 </dev/null &
		web=$!
		pids="$pids $web"
		until_ok 30 shown && break
		kill $web 2>/dev/null
	done
	shown
	rc=$?
	kill $web
	wait $web
	return $rc
}
# The server is ours, and says it.
shown() {
	kill -0 $web && curl -fsS --max-time 10 "http://127.0.0.1:$port/" |
	    grep -q "run again says otherwise"
}
t "… and the dashboard" page
held() {
	cycle 1 && has "$(cat "$tmp/out")" "uses out of leaky, whose verdict is differs"
}
t "… and its users are held from then on" held

# --- the story -----------------------------------------------------------------------------------------
why() { "$bin/kiln" why --state "$state" "$@" >"$tmp/why" 2>&1 || { cat "$tmp/why"; return 1; }; }
chain() {
	why edge && has "$(cat "$tmp/why")" "libsec" &&
	    has "$(cat "$tmp/why")" "(security)" &&
	    has "$(cat "$tmp/why")" "archive-changed"
}
accounts() {
	e=$(sql "SELECT t.event FROM cycle_task t JOIN plan p ON p.digest = t.plan
	    WHERE p.recipe = 'edge' ORDER BY cycle DESC LIMIT 1")
	why --event "$e" && has "$(cat "$tmp/why")" "edge/image" &&
	    has "$(cat "$tmp/why")" "executed 2, lower limit 2"
}
free() {
	e=$(sql "SELECT id FROM event WHERE kind = 'archive-changed' ORDER BY id LIMIT 1 OFFSET 3")
	why --event last && why --event "$e"
}
t "kiln why tells the chain from the archive to the image" chain
t "kiln why --event tells what a change of the archive cost" accounts
t "… and of any event, what followed" free
archive_stop
finish
