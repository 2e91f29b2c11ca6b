# What a farm answers to routers that ask whether there is anything new: the
# simulator's own checks, two at a time, of kiln-web and of nginx before the
# same tree.
need nginx curl
say "a fleet's polls"
: >"$tmp/polls"
i=0
while [ $i -lt "$pairs" ]; do
	"$top/tests/fleet/run" "$out" served 2 "${KILN_BENCH_CHECKS:-400}" >"$tmp/two"
	paste -s "$tmp/two" >>"$tmp/polls"
	i=$((i + 1))
done
middle() { cut -f "$1" "$tmp/polls" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
row fleet-served/s "$(middle 1)" "$(middle 2)" requests/s "$pairs" "nginx, the same checks"
