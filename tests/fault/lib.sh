# For the scripts in this folder, after tests/support/lib.sh: sweeps.
#
# A script defines
#	state		the folder that all of it works in
#	fresh		makes it the prepared one
#	act WORD…	runs the work that is cut, as an argument of WORD…
#	act_max		its exit codes up to this one are good (0)
#	again		starts the program once more, undisturbed
#	records		prints what must come out, without times and ids
#	raw		says what is wrong right after the cut (may be empty)
# and calls `sweep`, `killed` and `lost` below.  KILN_FAULTS=full takes every
# point (every STRIDEth where one is given), of which KILN_PART=K/JOBS takes its
# share; else KILN_SLICE of them are taken by chance, which is KILN_SEED.
# KILN_SWEEPS: these of a script that has several.
cut=$bin/tests/fault/cut
record=$bin/tests/fault/record replay=$bin/tests/fault/replay
seed=${KILN_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
echo "# seed $seed (KILN_SEED)"

# A file system of our own: what is counted is told from all else by it, inode
# numbers are not used twice, and nobody waits for a disk.
own_tmpfs() {
	[ "$(id -u)" = 0 ] || return 0
	mount -t tmpfs -o mode=755,size=2g tmpfs "$tmp" || return
	trap 'umount -l "$tmp"; cleanup' EXIT
}

# points N HOWMANY [STRIDE]: those of 1..N that are tried.  A part has those
# that lie side by side: they leave the same behind.
points() {
	if [ "${KILN_FAULTS:-}" = full ]; then
		part=${KILN_PART:-0/1}
		seq $((1 + seed % ${3:-1})) "${3:-1}" "$1" |
		    awk -v n="$1" -v k="${part%/*}" -v jobs="${part#*/}" \
			'int(($1 - 1) * jobs / n) == k'
	else
		awk -v s="$seed" -v n="$1" -v k="$2" 'BEGIN {
			srand(s)
			while (i < k && i < n) {
				p = 1 + int(rand() * n)
				if (!(p in had)) { had[p] = 1; i++; print p }
			}
		}' | sort -n
	fi
}

# trace WORD…: the tool with fd 3 into $tmp/seen.
trace() { "$cut" "$tmp" "$@" 3>"$tmp/seen" >"$tmp/out" 2>"$tmp/err"; }

# Is it, after one more start, as the undisturbed run left it?
settled() {
	if ! again >"$tmp/out" 2>"$tmp/err2"; then
		echo "the next start failed:"
		tail -n 5 "$tmp/err2" "$tmp/out"
		return 1
	fi
	records >"$tmp/is" 2>&1
	diff "$tmp/want" "$tmp/is" >"$tmp/diff" && return
	head -n 20 "$tmp/diff"
	return 1
}

# One fault before call $2; 0: recovered.  A count that came out a little
# lower this time (what a build says comes in one piece or in two) is no
# reason to try nothing.
cut_at() {
	how=$1 k=$2
	for _ in 1 2 3; do
		fresh || return
		act trace "$how" "$k"
		rc=$?
		[ $rc = 99 ] || break
		k=$(cat "$tmp/seen")
	done
	case $rc in
	97 | 98 | 99) echo "no fault fired, or something outlived it ($rc)"
		return 1 ;;
	esac
	fired=$((fired + 1))
	raw || return
	settled
}

reference() {
	fresh && { act trace count || [ $? -le "${act_max:-0}" ]; } ||
	    { cat "$tmp/out" "$tmp/err"; return 1; }
	calls=$(cat "$tmp/seen")
	records >"$tmp/want"
	[ "$calls" -gt 0 ] && [ -s "$tmp/want" ]
}

# sweep SENTENCE all|one|ERROR HOWMANY [STRIDE]
sweep() {
	start=$(date +%s)
	t "$1: undisturbed" reference || :
	bad=0 fired=0 tried=0
	for p in $(points "$calls" "$3" "${4:-}"); do
		tried=$((tried + 1))
		cut_at "$2" "$p" >"$tmp/why" 2>&1 && continue
		bad=$((bad + 1))
		echo "# point $p: $(sed -n 's/^cut before/before/p' "$tmp/err")"
		sed 's/^/#     /' "$tmp/why" | head -n 30
	done
	echo "# $1: N=$calls calls, $tried points, $fired faults fired, $bad bad," \
	    "$(($(date +%s) - start)) s"
	t "$1: killed, each comes to the same records" [ $bad = 0 -a $fired = $tried -a $tried -gt 0 ]
}

# recorded SENTENCE: each change of the work, and the points between them.
recorded() {
	start=$(date +%s)
	recording() {
		fresh && act written && records >"$tmp/want" &&
		    "$replay" "$tmp/log" points >"$tmp/points"
	}
	written() { "$record" "$state" "$tmp/log" "$@" >"$tmp/out" 2>"$tmp/err" ||
	    [ $? -le "${act_max:-0}" ] ||
	    { cat "$tmp/out" "$tmp/err"; return 1; }; }
	t "$1: recorded" recording
}

# killed SENTENCE HOWMANY: what SIGKILL leaves on the disk at each point.  What
# it leaves in the kernel, and of other processes, takes a real one: sweep.
killed() {
	recorded "$1"
	sed 's/^/all /' "$tmp/points" >"$tmp/states"
	each_state "$@"
}

# lost SENTENCE HOWMANY: the power goes at each point where what the disk
# holds changes; once with nothing that was not synced, once with all names
# but not their bytes, once by chance.
lost() {
	recorded "$1"
	{
		awk '$2 ~ /sync/ { print "none", $0 }' "$tmp/points"
		awk '$2 !~ /write|truncate|chmod|chown|utimens/ {
		    print "names", $0 }' "$tmp/points"
		awk -v s="$seed" '$2 ~ /sync|rename/ { print s + NR, $0 }' \
		    "$tmp/points"
	} >"$tmp/states"
	each_state "$@"
}

each_state() { # SENTENCE HOWMANY
	states=$(wc -l <"$tmp/states")
	bad=0 tried=0
	for p in $(points "$states" "$2"); do
		tried=$((tried + 1))
		line=$(sed -n "${p}p" "$tmp/states")
		powered "$line" >"$tmp/why" 2>&1 && continue
		bad=$((bad + 1))
		echo "# state $p: $line"
		sed 's/^/#     /' "$tmp/why" | head -n 30
	done
	echo "# $1: $(wc -l <"$tmp/points") changes, $states states," \
	    "$tried tried, $bad bad, $(($(date +%s) - start)) s"
	t "$1: each state of the disk comes to the same records" \
	    [ $bad = 0 -a $tried -gt 0 ]
}

# powered "MODE POINT CALL…"
powered() {
	set -- $1
	fresh && "$replay" "$tmp/log" "$1" "$2" "$state" &&
	    rm -rf "$state.stage" && raw && settled
}
