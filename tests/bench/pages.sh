# Each page and list on the records of two years: 1,000,000 runs and 100,000
# routers, written by the rooms that write them in earnest.
#   KILN_BENCH_RUNS, KILN_BENCH_ROUTERS   how many of them
need curl jq sqlite3
runs=${KILN_BENCH_RUNS:-1000000}
routers=${KILN_BENCH_ROUTERS:-100000}
years=$work/years-$runs-$routers
chmod 755 "$work" "$tmp"
# A farm that has published three sets, then its past.  One that is here already
# is brought to this version, and gone on with if making it was interrupted;
# but for tuf.db, whose owner would look at each of a million runs.
version=$(sed -n 's/^#define TUF_SCHEMA \([0-9]*\).*/\1/p' "$top/lib/schema.h")
[ ! -e "$years/founded" ] ||
    [ "$(sqlite3 -readonly "$years/tuf.db" 'PRAGMA user_version')" = "$version" ] ||
    rm "$years/founded"
if [ ! -e "$years/founded" ]; then
	rm -rf "$years"
	quietly "$out/kiln-tuf" init --state "$years" --demo --service dns-dhcp --service kernel
	head -c 100000 /dev/urandom >"$tmp/vmlinuz"
	head -c 200000 /dev/urandom >"$tmp/initrd"
	quietly "$out/tests/support/publish" "$years" kernel kernel 6.1 "$tmp/vmlinuz" \
	    "$tmp/initrd" microvm console=ttyS0
	for version in 1 2 3; do
		head -c 400000 /dev/urandom >"$tmp/image"
		quietly "$out/tests/support/publish" "$years" vm dns-dhcp $version \
		    "$tmp/image" router.lan
		quietly "$out/kiln-tuf" serve --state "$years" --once
	done
	: >"$years/founded"
fi
say "a farm of $runs runs and $routers routers: minutes if it is new"
quietly "$out/tests/bench/history" "$years" "$runs" "$routers"
serve "$years"
host=${url%/tuf}
ask() { sqlite3 -readonly "$years/$1.db" "$2"; }
fetch() { curl -sSf "$host$1"; }

# What pages say is what the rows say: 20 of each by chance.
seed=${KILN_BENCH_SEED:-$(date +%s)}
say "rows by chance, seed $seed"
some() {
	awk -v seed="$seed" -v n="$2" -v max="$1" \
	    'BEGIN { srand(seed); for (; n > 0; n--) print 1 + int(rand() * max) }'
}
same() {
	[ -n "$3" ] && [ "$2" = "$3" ] || {
		say "$1 says $2, its rows $3"
		exit 1
	}
}
for id in $(some "$runs" 20); do
	same "/api/v1/builds/$id" "$(fetch "/api/v1/builds/$id" |
	    jq -r '[(.run | .recipe, .stage, .lane, .state, .wall_ms, .plan, .verdict),
	        ([.lane_outputs[] | select(.run == '"$id"') | .digest] | join(" "))] | join("|")')" \
	    "$(ask farm "SELECT p.recipe, p.stage, r.lane, r.state, r.wall_ms, r.plan, p.verdict,
	        ifnull((SELECT group_concat(digest, ' ') FROM (SELECT digest FROM output WHERE run = r.id
	        ORDER BY name)), '') FROM run r JOIN plan p ON p.digest = r.plan WHERE r.id = $id")"
done
for row in $(some "$routers" 20); do
	id=$(ask web "SELECT id FROM router WHERE rowid = $row")
	same "/api/v1/routers/$id" "$(fetch "/api/v1/routers/$id" |
	    jq -r '[(.about[0] | .state, .cause // "", .channel, .counter, .set, .sequence),
	        (.reports | length)] | join("|")')" \
	    "$(ask web "SELECT state, ifnull(cause, ''), channel, counter, set_sha, sequence,
	        (SELECT count(*) FROM report r WHERE r.router = router.id) FROM router WHERE rowid = $row")"
done
same "/api/v1/routers" "$(fetch /api/v1/routers |
    jq -r '.freshness[0] | [.routers, .day, .week, .longer, .committed, .current, .behind] | join("|")')" \
    "$(ask web "SELECT count(*), sum(seen_at >= unixepoch() - 86400),
        sum(seen_at < unixepoch() - 86400 AND seen_at >= unixepoch() - 604800),
        sum(seen_at < unixepoch() - 604800), sum(state = 'committed'),
        sum(timestamp >= $(ask tuf 'SELECT max(timestamp_version) FROM publication') - 1),
        sum(timestamp < $(ask tuf 'SELECT max(timestamp_version) FROM publication') - 1)
        FROM router")"

# Each address 60 times; where there are many of a kind, others each time: the
# newest, which have their records, and some of any age.
times=60
router() { ask web "SELECT id FROM router WHERE rowid = $1"; }
output() { ask farm "SELECT digest FROM output WHERE run = $1 LIMIT 1"; }
image() { ask farm "SELECT digest FROM output WHERE run = $1 AND name = 'image'"; }
addresses() { # PATTERN: one address a line
	case $1 in
	*RUN*) some "$runs" $((times / 2)) && some 1000 $((times / 2)) |
		awk -v n="$runs" '{ print n + 1 - $1 }' ;;
	*ROUTER*) some "$routers" $times | while read -r r; do router "$r"; done ;;
	*RECIPE*) some 100 $times | awk '{ printf "svc-%03d\n", $1 - 1 }' ;;
	*IMAGE*) some "$runs" $((2 * times)) | while read -r r; do image "$r"; done | grep . ;;
	*DIGEST*) some "$runs" $times | while read -r r; do output "$r"; done | grep . ;;
	*) some 2 $times ;;
	esac | awk -v p="$1" '{ a = p; gsub(/RUN|ROUTER|RECIPE|DIGEST|IMAGE/, $1, a); print a }'
}
while read -r pattern accept; do
	addresses "$pattern" >"$tmp/asked"
	awk -v h="$host" '{ printf "url = \"%s%s\"\noutput = /dev/null\n", h, $1 }' \
	    "$tmp/asked" >"$tmp/curlrc"
	curl -sS -H "Accept: ${accept:-*/*}" -w '%{http_code} %{time_total}\n' -K "$tmp/curlrc" >"$tmp/took"
	if grep -vE '^(200|30[1237]) ' "$tmp/took" >"$tmp/bad"; then
		say "$pattern: $(sort "$tmp/bad" | head -n 1)"
		exit 1
	fi
	p95=$(sort -k 2n "$tmp/took" | awk '{ v[NR] = $2 } END { printf "%.2f", 1000 * v[int(NR * 0.95 + 0.5)] }')
	row "page-p95 $pattern" "$p95" 50 ms "$(wc -l <"$tmp/took")" 'the goal'
	goal "page-p95 $pattern" 1
done <<-PATTERNS
	/
	/api/v1/now
	/recipes
	/api/v1/recipes
	/recipe/RECIPE
	/api/v1/recipes/RECIPE
	/builds
	/api/v1/builds?limit=500
	/builds?after=500000
	/builds?state=failed
	/builds?state=running
	/builds?recipe=RECIPE
	/api/v1/builds?recipe=RECIPE&after=1000
	/build/RUN
	/api/v1/builds/RUN
	/build/RUN/log
	/compare/RUN/$((runs - 2))
	/api/v1/compare/RUN/1
	/image/DIGEST
	/api/v1/artifacts/DIGEST
	/releases
	/api/v1/releases
	/fleet
	/api/v1/routers?limit=500
	/fleet?state=rolled-back
	/fleet?channel=edge&after=50000
	/router/ROUTER
	/exposure
	/exposure?security=1
	/trust
	/find?q=lib001-00
	/find?q=RECIPE
	/find?q=RUN
	/find?q=DIGEST
	/metrics
	/feed.atom
	/healthz
	/all-builds application/json
	/job/RECIPE application/json
	/job/RECIPE/failed application/json
	/job/RECIPE/build/latest
	/hash?sha256=IMAGE
	/devices
	/api/v1/devices
PATTERNS
unserve
