# For run.sh: where the time of the farm's largest cycle went, which is the one
# that began from nothing, task by task, and how much of it no sandbox had.  Slots
# are how many ran at once at most; what they could have run while the cycle
# lasted, less what they did, is waste: polling, solving, fetching, unpacking,
# comparing, and waiting for what others make.
ledger() { # FILE: the tasks; prints one sentence
	sqlite3 -readonly -separator ' ' "$var/farm.db" "
	    SELECT c.started_at, c.finished_at, r.started_at, r.finished_at,
		r.wall_ms, r.cpu_ms, r.lane, p.stage, r.recipe
	    FROM (SELECT * FROM cycle WHERE executed > 0
		AND finished_at IS NOT NULL
		ORDER BY executed DESC, id DESC LIMIT 1) c
	    JOIN run r ON r.started_at BETWEEN c.started_at
		AND c.finished_at
	    JOIN plan p ON p.digest = r.plan
	    WHERE r.state IN ('succeeded', 'failed') ORDER BY r.started_at, r.id" |
	    awk -v tasks="$1" '
		NR == 1 {
			print "from,s wall,s cpu,s lane task" >tasks
			from = $1; end = $2; first = $3
		}
		{
			printf "%d %.1f %.1f %s %s/%s\n", $3 - from, $5 / 1000,
			    $6 / 1000, $7, $9, $8 >tasks
			n++; wall += $5 / 1000; cpu += $6 / 1000
			at[$3]++; at[$4]--
			if ($3 < first) first = $3
			if ($8 == "build") compile += $5 / 1000
		}
		END {
			if (n == 0) exit 1
			for (t = from; t <= end; t++) {
				now += at[t]
				if (now > slots) slots = now
			}
			all = (end - from) * slots
			printf "%d tasks in %d s, %d at once: %.0f s of sandboxes (%.0f s of them compile, %.0f s of processor); %.1f %% of the time no sandbox had, %.1f %% once the inputs were there\n",
			    n, end - from, slots, wall, compile, cpu,
			    100 * (1 - wall / all),
			    100 * (1 - wall / ((end - first) * slots))
		}'
}
