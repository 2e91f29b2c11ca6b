# exec_run.sh OUT RESULTS: builds on a Slurm of its own with one, two and three
# nodes.  Inside `unshare -n` the second time.  RESULTS gets lines "NAME VALUE".
results=$2
. tests/support/lib.sh
recipes=3 seconds=6
if [ -z "${KILN_E2E_NS:-}" ]; then
	chown nobody:nogroup "$tmp"
	nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
	$nobody mkdir "$tmp/bin" "$tmp/recipes"
	$nobody cp "$bin/kiln-builder" "$bin/kiln-web" "$bin/kiln-runner" "$tmp/bin"
	for n in $(seq $recipes); do
		$nobody cp -R tests/support/recipes/hello "$tmp/recipes/hello$n"
		$nobody sed -i "s/^name: hello/name: hello$n/; s/wall: 2m/wall: 1h/" \
		    "$tmp/recipes/hello$n/recipe.yaml"
		$nobody sed -i "\$ a echo $n >>/out/hello" "$tmp/recipes/hello$n/build.sh"
	done
	$nobody "$tmp/bin/kiln-builder" --once --state "$tmp/farm" \
	    --recipes "$tmp/recipes" >"$tmp/first" 2>&1 || {
		cat "$tmp/first"
		exit 1
	}
	KILN_E2E_NS=$tmp unshare -n sh "$0" "$1" "$results"
	exit
fi
work=$KILN_E2E_NS
. tests/support/slurm.sh
farm=$work/farm
slurm_up || exit 1
# A run takes all processors of a node: one at a time on each.
cat >"$farm/kiln.yaml" <<END
exec:
  engine: slurm
  server: http://$server:8080
  runner: $work/bin/kiln-runner
  cache: $work/cache
  config: $SLURM_CONF
  partition: build
  memory: 256MiB
  time: 1m
  poll: 1s
  cpus: 4
END
$nobody "$work/bin/kiln-web" --state "$farm" --listen $server:8080 >"$work/web.log" 2>&1 &
pids="$pids $!"
until_ok 20 curl -fsS -o /dev/null http://$server:8080/healthz || exit 1

round=0
once() { # SECONDS: every recipe anew, in both lanes; *took: milliseconds
	round=$((round + 1))
	for n in $(seq $recipes); do
		printf 'echo round %s >>/out/hello\nsleep %s\n' $round "$1" |
		    cat tests/support/recipes/hello/build.sh - >"$work/build.sh"
		printf 'echo %s >>/out/hello\n' "$n" >>"$work/build.sh"
		as cp "$work/build.sh" "$work/recipes/hello$n/build.sh"
	done
	began=$(date +%s%N)
	as "$work/bin/kiln-builder" --once --offline --state "$farm" \
	    --recipes "$work/recipes" >"$work/once" 2>&1 || {
		cat "$work/once"
		exit 1
	}
	took=$((($(date +%s%N) - began) / 1000000))
}
once 0 # environments are unpacked
runs=$((2 * recipes))
echo "sum_s $((runs * seconds))" >"$results"
for nodes in 1 2 3; do
	for n in 1 2 3; do
		if [ $n -le $nodes ]; then s=RESUME; else s=DRAIN; fi
		as scontrol update NodeName=n$n State=$s Reason=bench 2>/dev/null
	done
	once $seconds
	echo "nodes$nodes $took" >>"$results"
done
# One after the other on one node: the job's own time is all there is.
for n in 2 3; do as scontrol update NodeName=n$n State=DRAIN Reason=bench; done
once 0
echo "ours $((took / runs))" >>"$results"
began=$(date +%s%N)
for n in $(seq $runs); do
	printf '#!/bin/sh\ntrue\n' | as sbatch --parsable --no-requeue -J "bare$n" -n 1 \
	    -c 4 --mem 1280M -t 61 -C amd64 -D / -o /dev/null -e /dev/null \
	    -p build >"$work/bare"
done
until_ok 120 sh -c "[ -z \"\$(squeue -h -t PENDING,RUNNING,COMPLETING)\" ]" || exit 1
echo "bare $((($(date +%s%N) - began) / 1000000 / runs))" >>"$results"
