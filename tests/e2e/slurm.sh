# Builds on a real Slurm: three nodes, each a network and a process namespace,
# and what goes wrong with such.  KILN_SLURM=full (make slurm-test): all of it;
# otherwise what fits into `make test`.
if [ -z "${KILN_E2E_NS:-}" ]; then
	. tests/support/lib.sh
	if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
		skip "############ SLURM IS NOT INSTALLED: builds on an engine are NOT tested ############"
		finish
	fi
	if [ "$(id -u)" != 0 ]; then
		skip "############ NO ROOT: builds on an engine are NOT tested ############"
		finish
	fi
	as() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
	chown nobody:nogroup "$tmp"
	as mkdir "$tmp/bin"
	as cp "$bin/kiln-builder" "$bin/kiln-web" "$bin/kiln" "$bin/kiln-runner" "$tmp/bin"
	as cp -R tests/support/recipes "$tmp/recipes"
	as rm -R "$tmp/recipes/hello-image"
	# What needs the archive comes first; the rest has no way out.
	built() {
		as "$tmp/bin/kiln-builder" --once --state "$tmp/farm" --recipes "$tmp/recipes"
	}
	t "without an engine the farm builds on its own machine" built
	export KILN_E2E_NS="$tmp"
	{
		unshare -n sh "$0" "$out" 2>&1
		echo "rc $?"
	} | tee "$tmp/inner"
	rc=$(sed -n 's/^rc //p' "$tmp/inner")
	last=$(grep -E '^[0-9]+ passed, ' "$tmp/inner" | tail -n 1)
	p=${last%% passed*}
	f=${last#*, }
	f=${f%% failed*}
	passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
	[ $rc -eq 0 ] || [ $failed -gt 0 ] || failed=1
	finish
fi

work=$KILN_E2E_NS
. tests/support/lib.sh
. tests/support/slurm.sh
farm=$work/farm
full=${KILN_SLURM:-}
sql() { sqlite3 -batch -readonly "$farm/farm.db" "$1"; }
is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "no \"$2\" in \"$1\""; return 1 ;; esac; }

t "munge, slurmctld and three nodes come up" slurm_up
conf() { # LINE…: of kiln.yaml's exec
	{
		printf 'exec:\n  engine: slurm\n  server: http://%s:8080\n' $server
		printf '  runner: %s/bin/kiln-runner\n  cache: %s/cache\n' "$work" "$work"
		printf '  config: %s\n  partition: build\n' "$SLURM_CONF"
		printf '  memory: 256MiB\n  time: 0s\n  poll: 1s\n  grace: 4s\n'
		for line in "$@"; do printf '  %s\n' "$line"; done
	} >"$farm/kiln.yaml"
}
$nobody "$work/bin/kiln-web" --state "$farm" --listen $server:8080 >"$work/web.log" 2>&1 &
web=$!
pids="$pids $web"
t "the farm's server is up" until_ok 20 curl -fsS -o /dev/null http://$server:8080/healthz

# A plan that nobody has built yet: recipe NAME that says so and does COMMAND.
n=0
script() { # COMMAND…
	n=$((n + 1))
	{
		cat tests/support/recipes/hello/build.sh
		printf 'echo %s >>/out/hello\n' "$n"
		for line in "$@"; do printf '%s\n' "$line"; done
	} >"$work/recipes/hello/build.sh"
}
once() { as "$work/bin/kiln-builder" --once --offline --state "$farm" --recipes "$work/recipes"; }
begin() { # in the background
	$nobody "$work/bin/kiln-builder" --once --offline --state "$farm" \
	    --recipes "$work/recipes" >"$work/once" 2>&1 &
	builder=$!
	pids="$pids $builder"
}
ended() { # STATUS
	for _ in $(seq 600); do
		kill -0 "$builder" 2>/dev/null || break
		sleep 0.2
	done
	wait "$builder"
	got=$?
	cat "$work/once"
	is $got "$1"
}
plan="(SELECT plan FROM current WHERE recipe = 'hello')"
runs="(SELECT id FROM run WHERE plan = $plan)"
verdict() { is "$(sql "SELECT verdict FROM plan WHERE digest = $plan")" "$1"; }
attempts() { sql "SELECT group_concat(state, ' ') FROM (SELECT a.state FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan AND r.lane = '$1' ORDER BY a.number)"; }
state() { [ "$(sql "SELECT count(*) FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan AND r.lane = '$1' AND a.state = '$2'")" -ge 1 ]; }
# So many attempts were made, whatever became of them since.
tried() { [ "$(sql "SELECT count(*) FROM attempt WHERE run IN $runs")" -ge "$1" ]; }
node_of() { sql "SELECT a.node FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan AND r.lane = '$1' ORDER BY a.number DESC LIMIT 1"; }

# --- all is well --------------------------------------------------------------
conf "lane_b: elsewhere"
script
built() {
	once || return 1
	verdict reproduced
}
t "a plan is built on the nodes, and reproduced" built
t "its lanes ran on two nodes" \
    is "$(sql "SELECT count(DISTINCT node) FROM attempt WHERE run IN $runs AND state = 'won'")" 2
t "in one environment, which the nodes made" \
    is "$(sql "SELECT count(*), count(DISTINCT environment) FROM run WHERE plan = $plan")" "2|1"
secrets() { # of the jobs' scripts, as the nodes have them
	cat "$work"/slurm/spool.n*/job*/slurm_script 2>/dev/null | sed -n 's/^secret //p'
}
names() {
	as squeue --me -h -t all -o '%j' | grep -vE '^[0-9a-f]{32}$' && return 1
	is "$(sql "SELECT count(*) FROM attempt WHERE length(secret) <> 64 OR id = secret")" 0
}
t "jobs are called by their attempts' names alone" names
status() {
	as "$work/bin/kiln" exec status --state "$farm" --json >"$work/status" &&
	    is "$(jq -r '[.nodes[].name] | sort | join(" ")' "$work/status")" "n1 n2 n3" &&
	    is "$(jq -r '.engines[0].name' "$work/status")" slurm
}
t "kiln exec status names the engine and its nodes" status
page() {
	curl -fsS http://$server:8080/api/v1/nodes >"$work/page.json" &&
	    is "$(jq -r '.nodes | length' "$work/page.json")" 3 &&
	    curl -fsS http://$server:8080/nodes | grep -q '>n2<'
}
t "so does the dashboard" page
not_yours() {
	for path in blob/$(printf '%064d' 0) handin; do
		is "$(curl -s -o /dev/null -w '%{http_code}' -H 'Kiln-Secret: 1' -d '{}' \
		    -X "$([ $path = handin ] && echo POST || echo PUT)" \
		    http://$server:8080/api/v1/attempts/$(sql 'SELECT id FROM attempt LIMIT 1')/$path)" 403 ||
		    return 1
	done
}
t "without its secret nobody speaks for an attempt" not_yours

# --- too large for every node --------------------------------------------------
too_large() {
	sed -i 's/memory: 512MiB/memory: 100GiB/' "$work/recipes/hello/recipe.yaml"
	script
	once
	is $? 1
	sed -i 's/memory: 100GiB/memory: 512MiB/' "$work/recipes/hello/recipe.yaml"
	as "$work/bin/kiln" exec status --state "$farm" | tee "$work/status" |
	    grep -q 'held .*hello/build  needs an operator'
}
t "what fits no node is held for an operator, with the engine's words" too_large

# --- the scheduler is killed as soon as it took a job ----------------------------
forgets() {
	script
	begin
	until_ok 20 tried 1 || return 1
	ctld_kill
	sleep 1 # nothing is known meanwhile, and nothing changes
	ctld_up
	ended 0 && verdict reproduced
}
t "a scheduler killed right after a submission loses no build" forgets
t "and none counts twice" \
    is "$(sql "SELECT count(*), count(DISTINCT run) FROM attempt WHERE run IN $runs AND state = 'won'")" "2|2"
echo "# attempts: $(attempts A), $(attempts B)"

# --- the farm restarts, and its spool is spoilt ----------------------------------
here() { [ "$(sqlite3 -batch -readonly "$farm/web.db" "SELECT count(*) FROM handin WHERE attempt IN ($1)")" = "$2" ]; }
of_plan() { sql "SELECT group_concat(quote(a.id)) FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan$1"; }
restarts() {
	script
	# Both lanes are submitted, and neither runs before the farm is dead.
	conf
	as scontrol update PartitionName=build State=DOWN
	begin
	until_ok 30 tried 2 && until_ok 30 state A waits && until_ok 30 state B waits || return 1
	kill -9 "$builder"
	wait "$builder"
	as scontrol update PartitionName=build State=UP
	until_ok 20 here "$(of_plan)" 2 || { echo "not handed in: $(of_plan)"; return 1; }
	# The spool is another program's: what lies there is not believed.
	a=$(sql "SELECT a.id FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan AND r.lane = 'A'")
	for file in "$farm/spool/$a"-*; do
		size=$(stat -c %s "$file")
		as sh -c 'chmod u+w "$1"; head -c "$2" /dev/zero >"$1"' sh "$file" "$size"
	done
	begin
	ended 0 && verdict reproduced
}
t "a farm that was killed goes on with what its nodes did meanwhile" restarts
conf "lane_b: elsewhere"
t "what was not touched counts as it was" is "$(attempts B)" won
t "what was spoilt in spool/ is refused, and built again" is "$(attempts A)" "refused won"

if [ "$full" != full ]; then
	echo "# the rest: make slurm-test"
	finish
fi

# --- the farm is told to stop ------------------------------------------------------
stops() {
	script 'sleep 10'
	begin
	until_ok 30 state A runs || return 1
	kill -TERM "$builder"
	ended 1 || return 1
	begin
	ended 0 && verdict reproduced && is "$(attempts A)" won
}
t "a farm that is told to stop leaves its nodes alone, and goes on with them" stops

# --- somebody changes his mind ------------------------------------------------------
cancelled() {
	script 'sleep 60'
	$nobody "$work/bin/kiln-builder" --offline --state "$farm" \
	    --recipes "$work/recipes" >"$work/once" 2>&1 &
	builder=$!
	pids="$pids $builder"
	until_ok 30 state A runs || return 1
	as sqlite3 -cmd '.timeout 10000' "$farm/web.db" "INSERT INTO request (at, kind, argument, by) VALUES (1, 'cancel',
	    '{\"reason\":\"no more\",\"run\":$(sql "SELECT id FROM run WHERE plan = $plan AND lane = 'A'")}', 'ada')"
	until_ok 30 state A cancelled || return 1
	gone() { [ "$(as squeue --me -h -t running,pending -o %j | wc -l)" = 0 ]; }
	until_ok 20 gone || { as squeue --me -h -t running,pending; return 1; }
	kill -TERM "$builder"
	ended 0
	is "$(sql "SELECT DISTINCT cause FROM run WHERE plan = $plan")" cancelled
}
t "a build that is cancelled ends on its node" cancelled

# --- a site where nothing runs --------------------------------------------------------
ask() { # KIND
	as sqlite3 -cmd '.timeout 10000' "$farm/web.db" "INSERT INTO request (at, kind, argument, by) VALUES (1, '$1',
	    '{\"reason\":\"go on\",\"run\":$(sql "SELECT id FROM run WHERE plan = $plan AND lane = 'A' LIMIT 1")}', 'ada')"
}
enough() {
	conf "attempts: 2"
	sed -i 's,runner: .*,runner: /nonexistent/kiln-runner,' "$farm/kiln.yaml"
	script
	once && return 1
	is "$(attempts A)" "lost lost" &&
	    has "$(as "$work/bin/kiln" exec status --state "$farm")" "needs an operator: attempt 2 of it"
}
t "a build that no node can run is held after so many attempts" enough
once_more() {
	conf
	ask retry
	$nobody "$work/bin/kiln-builder" --offline --state "$farm" \
	    --recipes "$work/recipes" >"$work/once" 2>&1 &
	builder=$!
	pids="$pids $builder"
	until_ok 60 verdict reproduced || { cat "$work/once"; return 1; }
	kill -TERM "$builder"
	ended 0
}
t "and goes on when an operator asks for it" once_more
swept() {
	is "$(sqlite3 -batch -readonly "$farm/web.db" "SELECT count(*) FROM handin")" \
	    "$(sqlite3 -batch -readonly "$farm/web.db" "SELECT count(DISTINCT attempt) FROM upload")" &&
	    [ "$(ls "$farm/spool" | cut -c1-32 | sort -u | wc -l)" -le 2 ]
}
t "what was taken does not stay in spool/" swept
conf "lane_b: elsewhere"

# --- a node loses power ----------------------------------------------------------
power() {
	script 'sleep 10'
	begin
	until_ok 30 state A runs || return 1
	node=$(node_of A)
	first=$(sql "SELECT a.id FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan AND r.lane = 'A'")
	stolen=$(grep -l "$first" "$work"/slurm/spool.*/job*/slurm_script) || return 1
	cp "$stolen" "$work/stolen"
	node_power_loss "${node#n}"
	ended 0 && verdict reproduced
}
t "a build whose node loses power is built on another" power
t "the lost attempt stays told" is "$(attempts A)" "lost won"
again() { node_up "${node#n}" && until_ok 20 idle 3; }
t "the node comes back" again

# --- who stole a node hands something else in --------------------------------------
secret=$(sed -n 's/^secret //p' "$work/stolen")
at=http://$server:8080/api/v1/attempts/$first
put() { # FILE DIGEST
	curl -s -o "$work/said" -w '%{http_code}' -H "Kiln-Secret: $secret" -T "$1" "$at/blob/$2"
}
digest() { sha256sum "$1" | cut -c1-64; }
spoiled() {
	echo "something else" >"$work/evil"
	is "$(put "$work/evil" "$(printf 'f%063d' 0)")" 409 &&
	    [ -z "$(ls "$farm/spool" | grep "$first")" ]
}
t "an upload with another digest is refused, and gone" spoiled
cut_short() {
	head -c 500000 /dev/urandom >"$work/big"
	# 500,000 bytes are told, some come, and the line is cut.
	{
		printf 'PUT /api/v1/attempts/%s/blob/%s HTTP/1.1\r\nHost: x\r\nKiln-Secret: %s\r\nContent-Length: 500000\r\n\r\n' \
		    "$first" "$(digest "$work/big")" "$secret"
		head -c 200000 "$work/big"
	} | timeout 3 bash -c "exec 3<>/dev/tcp/$server/8080; cat >&3"
	until_ok 10 sh -c "! ls '$farm/spool' | grep -q '$first'"
}
t "an upload that is cut short leaves nothing" cut_short
too_much() {
	head -c 4000000 /dev/zero >"$work/huge"
	is "$(put "$work/huge" "$(digest "$work/huge")")" 413
}
t "an attempt has a quota" too_much
late() {
	echo "log" >"$work/log"
	is "$(put "$work/evil" "$(digest "$work/evil")")" 201 &&
	    is "$(curl -s -o "$work/said" -w '%{http_code}' -H "Kiln-Secret: $secret" \
		-d "$(handin)" "$at/handin")" 409 &&
	    is "$(put "$work/log" "$(digest "$work/log")")" 201 &&
	    is "$(curl -s -o "$work/said" -w '%{http_code}' -H "Kiln-Secret: $secret" \
		-d "$(handin)" "$at/handin")" 202
}
handin() {
	jq -cn --arg a "$first" --arg t "$(sed -n 's/^ticket //p' "$work/stolen")" \
	    --arg p "$(sql "SELECT $plan")" --arg e "$(sql "SELECT environment FROM run WHERE plan = $plan LIMIT 1")" \
	    --arg o "$(digest "$work/evil")" --arg l "$(digest "$work/log")" '{kind: "kiln/handin", v: 1, attempt: $a,
	    ticket: $t, plan: $p, lane: "A", node: "n9", outcome: "succeeded", cause: "", message: "", environment: $e,
	    machine: {cpu: "x", kernel: "6.1", cores: 1}, variations: [], started: 1, finished: 2, wall_ms: 1, cpu_ms: 1,
	    max_rss_kib: 1, outputs: [{name: "hello", sha256: $o, size: 15}], log: {sha256: $l, size: 4}}'
}
t "a late hand-in waits until all it names is there" late
alarm() {
	once
	once
	verdict differs && has "$(attempts A)" differs &&
	    has "$(sql "SELECT text FROM event WHERE kind = 'audit-alarm' ORDER BY id DESC LIMIT 1")" "gave other bytes"
}
t "other bytes from a second copy take the verdict back" alarm

# --- a node is cut off and goes on -------------------------------------------------
cut() {
	script 'sleep 10'
	begin
	until_ok 30 state A runs || return 1
	node=$(node_of A)
	first=$(sql "SELECT a.id FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan AND r.lane = 'A'")
	until_ok 20 sh -c "ls '$work/cache/work/$first/runs' | grep -q run" || return 1
	node_cut "${node#n}"
	ended 0 && verdict reproduced
}
t "a build whose node is cut off is built on another" cut
comes_late() {
	node_join "${node#n}"
	until_ok 60 here "'$first'" 1 || return 1
	once && verdict reproduced && has "$(attempts A)" same
}
t "both copies ran; the late one is compared, and is the same" comes_late
until_ok 20 idle 3

# --- lane B on another make of processor ---------------------------------------------
conf "lane_b: other-cpu" "cpu_features: [intel, amd]"
other() {
	script
	once && verdict reproduced || return 1
	# n1 and n3 are called intel, n2 amd.
	case "$(node_of A) $(node_of B)" in n2\ n[13] | n[13]\ n2) ;; *) echo "$(node_of A) $(node_of B)"; return 1 ;; esac
}
t "lane B runs on another make of processor" other

# --- a scheduler that does not answer -----------------------------------------------
frozen() {
	script
	kill -STOP "$ctld"
	begin
	until_ok 30 state A submitting || return 1
	sleep 4 # the client gives up, and cannot know
	kill -CONT "$ctld"
	ended 0 && verdict reproduced
}
t "a submission of unknown end is looked up by its name" frozen
echo "# attempts: $(attempts A), $(attempts B)"

# --- memory and time ------------------------------------------------------------------
as scontrol update PartitionName=build State=DOWN
memory() {
	script 'x=$(head -c 150000000 /dev/zero | tr "\\0" a)' 'sleep 8'
	begin
	until_ok 30 state A waits || return 1
	first=$(sql "SELECT a.id FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan AND r.lane = 'A'")
	as scontrol update "JobId=$(as squeue --me -h -n "$first" -o %A)" MinMemoryNode=60 || return 1
	as scontrol update PartitionName=build State=UP
	ended 0 && verdict reproduced && has "$(attempts A)" "lost won"
}
t "a job that the engine kills for its memory is tried again" memory
own_time() {
	sed -i 's/wall: 2m/wall: 2s/' "$work/recipes/hello/recipe.yaml"
	script 'sleep 20'
	once
	sed -i 's/wall: 2s/wall: 2m/' "$work/recipes/hello/recipe.yaml"
	verdict failed && is "$(sql "SELECT DISTINCT cause FROM run WHERE plan = $plan AND state = 'failed'")" timeout
}
t "a build that takes longer than it may is a result, not a loss" own_time
too_long() {
	script
	as scontrol update PartitionName=build State=DOWN
	begin
	until_ok 30 state A waits || return 1
	first=$(sql "SELECT a.id FROM attempt a JOIN run r ON r.id = a.run WHERE r.plan = $plan AND r.lane = 'A'")
	job=$(as squeue --me -h -n "$first" -o %A)
	as scontrol update "JobId=$job" TimeLimit=1 || return 1
	kill -STOP "$web" # its node waits for the farm, patiently
	as scontrol update PartitionName=build State=UP
	until_ok 90 state A lost || return 1
	kill -CONT "$web"
	ended 0 && verdict reproduced && has "$(attempts A)" "lost won"
}
t "a job that hangs is ended by the engine's clock, and tried again" too_long
finish
