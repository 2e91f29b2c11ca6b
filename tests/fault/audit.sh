#!/bin/sh
# audit.sh OUT: a builder killed while an audit finds what no plan tells.
set -u
. tests/fault/own.sh
. tests/support/lib.sh
. tests/fault/lib.sh
own_tmpfs || exit

base=$tmp/base first=$tmp/first recipes=$tmp/recipes state=$tmp/s
act_max=3
sql() { sqlite3 -batch -readonly "$state/farm.db" "$1"; }

# What is built looks at a limit, which is no input of its plan; then the limit
# changes, and all that is skipped is audited.
prepare() {
	cp -R tests/support/recipes "$first" &&
	    echo 'ulimit -v >/out/hello' >"$first/hello/build.sh" &&
	    "$bin/kiln-builder" --state "$base" --recipes "$first" --once &&
	    echo "audit: 100" >"$base/kiln.yaml" &&
	    mkdir "$state" && mv "$base/env" "$state" &&
	    cp -R "$first" "$recipes" &&
	    sed -i 's/512MiB/300MiB/' "$recipes/hello/recipe.yaml"
}
t "a farm takes for reproduced what is not" prepare

fresh() {
	find "$state" -mindepth 1 -maxdepth 1 ! -name env -exec rm -rf {} + &&
	    rm -rf "$state.stage" && cp -al "$base"/. "$state" &&
	    rm -f "$state"/*.db* "$state/work/lock" &&
	    cp -a "$base"/*.db* "$state" &&
	    cp -a "$base/work/lock" "$state/work"
}
act() {
	"$@" "$bin/kiln-builder" --state "$state" --recipes "$recipes" --once \
	    --offline --jobs 1
}
# 3: the alarm; 1: it was given before, and holds what uses the plan.
again() {
	find "$state" -name '.tmp-*' -exec touch -d '2 days ago' {} +
	"$bin/kiln-builder" --state "$state" --recipes "$recipes" --once \
	    --offline --jobs 1
	[ $? -le 3 ]
}
raw() { :; }
records() {
	sql "
	SELECT 'plan', digest, recipe, stage, lock, verdict FROM plan
	    ORDER BY digest;
	SELECT 'release', service, withheld FROM release ORDER BY plan;
	SELECT 'alarm', count(*), max(subject) FROM event
	    WHERE kind = 'audit-alarm';
	SELECT 'left', count(*) FROM run
	    WHERE state IN ('queued', 'running');
	SELECT 'open', (SELECT count(*) FROM cycle WHERE finished_at IS NULL),
	    (SELECT count(*) FROM progress WHERE ended_at IS NULL)"
	ls "$state"/work "$state"/log/runs
	find "$state" -name '.tmp-*' | sed "s,$state/,left behind: ,"
}
undone() {
	fresh && act env >"$tmp/out" 2>&1
	[ $? -eq 3 ] && records >"$tmp/is" &&
	    grep -q '^alarm|1|hello/build$' "$tmp/is" &&
	    grep -q '|hello|build|.*|differs$' "$tmp/is" &&
	    ! grep -q '^release|[^|]*|$' "$tmp/is" || { cat "$tmp/is"; false; }
}
t "an audit takes it back" undone
sweep "SIGKILL in an audit" all 20
finish
