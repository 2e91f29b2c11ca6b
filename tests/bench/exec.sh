# Builds on Slurm: how much of the nodes is used, and what each job costs beside
# a bare one.  The builds sleep, so that this machine's processors are not what
# is measured.
need slurmctld munged
say "a Slurm with three nodes"
(cd "$top" && quietly sh tests/bench/exec_run.sh "$out" "$tmp/exec")
value() { awk -v k="$1" '$1 == k { print $2 }' "$tmp/exec"; }
sum=$(value sum_s)
for nodes in 1 2 3; do
	ms=$(value nodes$nodes)
	say "$nodes nodes: $(awk "BEGIN { printf \"%.0f builds an hour, of %.0f by their own time\",
	    6 * 3600000 / $ms, 6 * 3600 * $nodes / $sum }")"
	row "exec-nodes-$nodes" "$(awk "BEGIN { print $ms / 1000 }")" \
	    "$(awk "BEGIN { print $sum / $nodes }")" s 1 "sum of the builds' times, by $nodes"
done
row exec-job "$(value ours)" "$(value bare)" ms 6 'sbatch of true'
