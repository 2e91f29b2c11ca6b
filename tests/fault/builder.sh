#!/bin/sh
# builder.sh OUT: a build cycle killed, cut off from its power, and without
# room.
set -u
. tests/fault/own.sh
. tests/support/lib.sh
. tests/fault/lib.sh
own_tmpfs || exit

base=$tmp/base recipes=$tmp/recipes state=$tmp/s
sql() { sqlite3 -batch -readonly "$state/farm.db" "$1"; }

# The farm has built the small recipes; then one of them changed: compile and
# assemble again, in two lanes each, and release.
prepare() {
	"$bin/kiln-builder" --state "$base" --recipes tests/support/recipes \
	    --once && echo "audit: 0" >"$base/kiln.yaml" || return
	mkdir "$state" && mv "$base/env" "$state" &&
	    cp -R tests/support/recipes "$recipes" &&
	    sed -i 's/\.in >/.in | tr a-z A-Z >/' "$recipes/hello/build.sh"
}
t "a farm builds what is then built anew" prepare

# What never changes in place is linked; env/ stays: it knows its inodes.
fresh() {
	find "$state" -mindepth 1 -maxdepth 1 ! -name env -exec rm -rf {} + &&
	    rm -rf "$state.stage" && cp -al "$base"/. "$state" &&
	    rm -f "$state"/*.db* "$state/work/lock" &&
	    cp -a "$base"/*.db* "$state" &&
	    cp -a "$base/work/lock" "$state/work"
}
once() {
	"$bin/kiln-builder" --state "$state" --recipes "$recipes" --once \
	    --offline --jobs 1
}
act() {
	"$@" "$bin/kiln-builder" --state "$state" --recipes "$recipes" --once \
	    --offline --jobs 1
}
again() {
	# Hidden temporaries are swept when they are a day old.
	find "$state" -name '.tmp-*' -exec touch -d '2 days ago' {} +
	once
}
raw() { :; }
records() {
	sql "
	SELECT 'plan', digest, recipe, stage, lock, verdict FROM plan
	    ORDER BY digest;
	SELECT 'stands', recipe, stage, plan FROM current ORDER BY 2, 3;
	SELECT 'run', plan, lane, state, environment, cause FROM run
	    WHERE audit = 0 AND state <> 'lost' ORDER BY plan, lane;
	SELECT 'output', r.plan, r.lane, o.name, o.digest, o.size FROM output o
	    JOIN run r ON r.id = o.run ORDER BY r.plan, r.lane, o.name;
	SELECT 'release', service, arch, plan FROM release ORDER BY plan;
	SELECT 'event', kind, subject, text FROM event
	    ORDER BY kind, subject, text;
	SELECT 'led', e.kind, e.subject, p.kind, p.subject FROM event e
	    JOIN event p ON p.id = e.parent ORDER BY 2, 3, 4, 5;
	SELECT 'recipe', name, kind, tree, lock, error FROM recipe ORDER BY name;
	SELECT 'open', (SELECT count(*) FROM cycle WHERE finished_at IS NULL),
	    (SELECT count(*) FROM progress WHERE ended_at IS NULL)"
	ls "$state"/work "$state"/log/runs "$state"/env "$state"/env/deb |
	    sed "s,$state,,"
	find "$state" -name '.tmp-*' | sed "s,$state/,left behind: ,"
	# Whatever a row names is there, and is what its name says.
	(cd "$state/store" && sql "SELECT substr(h, 1, 2) || '/' || h FROM (
	    SELECT log AS h FROM run UNION SELECT record FROM run
	    UNION SELECT verdict_record FROM plan UNION SELECT digest FROM plan
	    UNION SELECT digest FROM release UNION SELECT digest FROM output)
	    WHERE h IS NOT NULL" | xargs sha256sum 2>&1 |
	    awk '{ n = $2; sub(/.*\//, "", n); if ($1 != n) print "damaged:", $0 }')
}
sweep "SIGKILL in a build cycle" all 6
lost "power lost in a build cycle" 8
finish
