#!/bin/sh
# agent.sh OUT: a router's update and its way back killed before each call, cut
# off from its power, cut again while it recovers, and short of disk.  After
# each fault the agent starts twice in one: without a network, then with it,
# and I1 to I7 of fault-tests are looked at (tests/fault/ROWS.md).
set -u
# All of it is shared out to KILN_JOBS of us, who mostly wait for a machine.
if [ "${KILN_FAULTS:-}" = full ] && [ -z "${KILN_PART:-}" ]; then
	export KILN_SEED="${KILN_SEED:-$(date +%s)}"
	logs=$(mktemp -d) jobs=${KILN_JOBS:-$(($(nproc) + 1))} workers= rc=0
	for k in $(seq 0 $((jobs - 1))); do
		KILN_PART=$k/$jobs sh "$0" "$@" >"$logs/$k" 2>&1 &
		workers="$workers $!"
	done
	for w in $workers; do wait "$w" || rc=1; done
	cat "$logs"/*
	rm -r "$logs"
	exit $rc
fi
. tests/fault/router.sh

updates() { # WORD…
	versions "$state" >"$tmp/before"
	"$@" "$bin/kiln-agent" run --once --config "$tmp/agent.yaml"
}
act() { updates "$@"; }
kept_update() { fresh && act env && records >"$tmp/want.update"; }

# --- the sweeps ------------------------------------------------------------------
update() { sweep "SIGKILL in an update" all "$1" 8; }
update_states() { killed "what SIGKILL in an update leaves" "$1"; }
one_process() {
	lost_part='[a-z]'
	sweep "one process killed in an update" one "$1" 2
	lost_part=
}
power() { lost "power lost in an update" "$1"; }

# A disk that fails from some call on: the old set serves all the while.  A
# slice has one of the errors.
how= rc=0
broken() {
	errors="ENOSPC EIO EROFS"
	[ "${KILN_FAULTS:-}" = full ] ||
		errors=$(echo $errors | cut -d ' ' -f $((1 + seed % 3)))
	for error in $errors; do
		sweep "an update while the disk says $error" $error "$1" 4
	done
}

# The owner goes back in probation; a kill before that leaves the update.
going_back() {
	t "the owner goes back: the update, undisturbed" kept_update
	act() {
		versions "$state" >"$tmp/before"
		(until_ok 60 is .phase probation && agent rollback) \
		    >/dev/null 2>&1 &
		owner=$!
		"$@" "$bin/kiln-agent" run --once --config "$tmp/slow.yaml"
		done=$?
		kill $owner 2>/dev/null
		wait $owner
		return $done
	}
	went_back() { is .phase rolled-back && is .cause owner; }
	either() { at_last || went_back; }
	goal=either
}
owner_goes_back() {
	going_back
	sweep "SIGKILL in a rollback" all "$1" 8
}
owner_states() {
	going_back
	killed "what SIGKILL in a rollback leaves" "$1"
}

# P3: three cuts in a row, each in what the one before left.
thrice() {
	start=$(date +%s)
	t "an update, undisturbed" reference
	bad=0 tried=0
	for p in $(points "$calls" "$1" 8); do
		tried=$((tried + 1))
		cut_thrice "$p" >"$tmp/why" 2>&1 && continue
		bad=$((bad + 1))
		echo "# point $p: $(sed 's/^/#     /' "$tmp/why" | head -n 30)"
	done
	echo "# cut three times: $tried points, $bad bad," \
	    "$(($(date +%s) - start)) s"
	t "cut three times in a row, each comes to the same records" \
	    [ $bad = 0 -a $tried -gt 0 ]
}
cut_thrice() {
	k=$1
	for _ in 1 2 3; do # the count differs by a few, as in cut_at
		fresh || return
		act trace all "$k"
		rc=$?
		[ $rc = 99 ] || break
		k=$(cat "$tmp/seen")
	done
	case $rc in
	97 | 98 | 99) return 1 ;;
	esac
	for k in 2 3; do
		act trace all $((1 + ($1 * 7 * k + seed) % calls))
		case $? in
		97 | 98) return 1 ;;
		99) echo "# recovered before the cut" ;;
		esac
		raw || return
	done
	settled
}

# P5: power comes and goes, each time for a moment; the set is a good one.
flicker() {
	start=$(date +%s)
	flickers() {
		fresh && act env && records >"$tmp/want" && act trace count ||
		    return
		calls=$(cat "$tmp/seen") boots=0 short=0
		while [ $boots -lt "$1" ]; do
			boots=$((boots + 1))
			act trace all $((1 + (seed + boots * 37) % calls))
			case $? in
			137) short=$((short + 1)) && raw || return ;;
			99) ;; # what was left to do took fewer calls
			*) cat "$tmp/err"; return 1 ;;
			esac
		done
		[ $short -gt 0 ] || { echo "none was cut short"; return 1; }
		older=2
		settled
	}
	t "$1 boots cut short roll no good set back" flickers "$1"
	echo "# power flickered $1 times, $(($(date +%s) - start)) s"
}

all="update_states owner_states power update owner_goes_back one_process thrice
    broken flicker"
[ "${KILN_FAULTS:-}" = full ] ||
	all=$(echo $all | cut -d ' ' -f $((1 + seed % 9)))
for s in ${KILN_SWEEPS:-$all}; do
	echo "# sweep: $s"
	rm -rf "$known" "$tmp"/want*
	mkdir "$known"
	older=1 newer=2 goal=at_last
	act() { updates "$@"; }
	case $s in
	broken) $s 1 ;;
	flicker)
		[ "${KILN_FAULTS:-}" = full ] || $s 6
		case ${KILN_PART:-} in 0/*) $s 20 ;; esac ;;
	*) $s "${KILN_SLICE:-1}" ;;
	esac
	echo "# $(find "$known" -type f | wc -l) distinct states recovered"
done
finish
