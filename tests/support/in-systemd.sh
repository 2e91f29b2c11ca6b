#!/bin/sh
# What tests/e2e/systemd.sh has told inside the machine: a line "ok SENTENCE" or
# "not ok SENTENCE" for each case.  Alone in it: what it stops and kills is its
# own.
exec 2>&1
out=$(mktemp)
t() {
	what=$1
	shift
	if "$@" >"$out" 2>&1; then
		echo "ok $what"
	else
		echo "not ok $what"
		tail -n 15 "$out" | sed 's/^/    /'
	fi
}
until_ok() { # SECONDS, of which an emulated machine gets four times as many
	end=$(($(date +%s) + 4 * $1))
	shift
	while ! "$@"; do
		[ "$(date +%s)" -lt $end ] || return 1
		sleep 0.5
	done
}
show() { systemctl show --value -p "$2" "$1"; }
is() { [ "$(show "$1" "$2")" = "$3" ] || { show "$1" "$2"; return 1; }; }
active() { is "$1" ActiveState active; }
main() { show "$1" MainPID; }
uid() { awk '/^Uid:/ {print $3}' "/proc/$1/status"; }
of() { awk -v k="$2:" '$1 == k {print $2}' "/proc/$1/status"; }

echo "# $(uname -sr), systemd $(systemctl --version | sed -n '1s/systemd \([^ ]*\).*/\1/p'), $(stat -f -c %T /sys/fs/cgroup)"
farm="kiln-builder kiln-tuf kiln-web"
# The signer and the databases come one after the other.
for u in $farm kiln-agent; do
	t "$u is active" until_ok 60 active $u
	active $u || journalctl -b -o cat -u $u -u $u-install | tail -n 25 | sed 's/^/# /'
done
t "kiln-upload has nothing to do and ended well" until_ok 30 is kiln-upload Result success
t "nothing of kiln has failed" sh -c '! systemctl --failed --plain --no-legend | grep kiln'
systemctl --failed --plain --no-legend | sed 's/^/# failed: /'

# --- who they are -------------------------------------------------------------
own_uid() { until_ok 20 is_uid "$1"; }
is_uid() { [ "$(uid "$(main "$1")")" = "$(id -u "$1")" ]; }
for u in $farm; do
	t "$u runs as the user $u" own_uid $u
	bounded() {
		p=$(main $u)
		echo "caps $(of "$p" CapEff) seccomp $(of "$p" Seccomp) nnp $(of "$p" NoNewPrivs)"
		[ "$(of "$p" CapEff)" = 0000000000000000 ] &&
		    [ "$(of "$p" Seccomp)" = 2 ] && [ "$(of "$p" NoNewPrivs)" = 1 ]
	}
	t "… without a capability, with a filter" bounded
done
# user USER UNIT: some process of the unit is that user's.
user() {
	want=$(id -u "$1")
	for p in $(cat "/sys/fs/cgroup$(show "$2" ControlGroup)/cgroup.procs" \
	    "/sys/fs/cgroup$(show "$2" ControlGroup)"/*/cgroup.procs 2>/dev/null); do
		[ "$(uid "$p")" != "$want" ] || return 0
	done
	return 1
}
t "the signer is a process of its own user" until_ok 20 user kiln-signer kiln-tuf

# --- how much they may ---------------------------------------------------------
# Ten is everything; SECURITY.md says what keeps each from less.
score() { # UNIT
	got=$(systemd-analyze security --no-pager "$1.service" 2>/dev/null |
	    sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p')
	echo "# $1: exposure $got" >>/run/scores
	most=$(sed -n "s/^| $1.service | \([0-9.]*\) .*/\1/p" /SECURITY.md)
	echo "$got, at most $most"
	[ -n "$got" ] && awk -v a="$got" -v b="$most" 'BEGIN { exit !(a <= b) }'
}
for u in $farm kiln-upload kiln-agent kiln-agent-install; do
	t "systemd counts $u no more exposed than SECURITY.md has it" score $u
done
cat /run/scores

# --- what they do ---------------------------------------------------------------
page() { curl -fsS -m 20 "http://127.0.0.1:8080/$1"; }
t "the dashboard answers" until_ok 20 page ""
built() { kiln why --state /var/lib/kiln hello-image 2>&1 | grep -q reproduced; }
t "an image is built twice in sandboxes, and reproduced" until_ok 240 built
kiln why --state /var/lib/kiln hello-image 2>&1 | sed 's/^/# /' | head -n 5
bounds() { journalctl -u kiln-builder -o cat | grep -o 'cgroup v2: .*'; }
t "its builds were bounded by cgroup v2" bounds
bounds | head -n 1 | sed 's/^/# /'
published() { ls /var/lib/kiln/tuf/targets/images/hello-image/*/*; }
t "kiln-tuf published it" until_ok 60 published
t "and the dashboard serves it" until_ok 20 page tuf/metadata/timestamp.json

# kiln-web ends with 75 until the builder has made the folder.
for u in kiln-builder kiln-tuf kiln-agent; do
	t "$u has run since it was started" is $u NRestarts 0
done
journalctl -b -o cat -u kiln-builder -u kiln-tuf -u kiln-web -u kiln-agent |
    grep -E '^error|^kiln-[a-z]*( [a-z]+)?:' | cut -c1-160 | head -n 12 | sed 's/^/# journal: /'

# --- a router from a file ---------------------------------------------------------
t "the router file was installed when the machine started" \
    test -e /var/lib/kiln-agent/agent.yaml
t "… and taken away, with what is secret in it" test ! -e /etc/kiln/router.kiln
demo() { kiln-agent status | grep -q demo; }
t "its set is refused, since it is a demonstration's" until_ok 60 demo
kiln-agent status --why | sed 's/^/# /'
lan() { ip -brief address show br-lan | grep -q 192.0.2.1; }
t "the LAN's bridge is there" until_ok 20 lan
broken() { echo nonsense >/etc/kiln/router.kiln; until_ok 30 is kiln-agent-install ActiveState failed; }
t "a file that is none fails the installation" broken
t "… and is left to its owner" test -e /etc/kiln/router.kiln
rm -f /etc/kiln/router.kiln
t "… and the agent runs on" until_ok 30 active kiln-agent

# --- logs ---------------------------------------------------------------------------
for u in $farm kiln-agent; do
	t "$u's log is the journal's, which rotates it" sh -c \
	    'journalctl -u "$1" -o cat | grep -q .' sh $u
done
journal() { journalctl --rotate && journalctl --vacuum-size=1M; }
t "the journal is rotated under their hands" journal
t "no log of theirs grows anywhere else" sh -c '! find /var/lib/kiln/log /var/lib/kiln-agent/log /var/log \
    -name "*kiln*" -type f -size +0 2>/dev/null | grep .'
t "what is to be cleaned, the builder cleans, without a timer" sh -c '! systemctl list-timers --all --no-legend | grep kiln'

# --- death and reload ---------------------------------------------------------------------
reborn() { now=$(main "$1"); [ "$now" != 0 ] && [ "$now" != "$before" ] && active "$1"; }
for u in $farm kiln-agent; do
	before=$(main $u)
	t "$u dies of SIGKILL" kill -9 "$before"
	t "… and is there again" until_ok 60 reborn $u
done
t "the dashboard answers again" until_ok 60 page ""
before=$(main kiln-web)
reload() { systemctl reload kiln-web && active kiln-web && [ "$(main kiln-web)" = "$before" ]; }
t "kiln-web reads its certificate anew without an end" reload

# --- the end --------------------------------------------------------------------------------
t "the farm stops" systemctl stop kiln.target
t "the agent stops" systemctl stop kiln-agent
for u in $farm kiln-agent; do
	clean() { is $u ActiveState inactive && is $u Result success; }
	t "$u ended clean" clean
done
left() { ! pgrep -l "kiln|bwrap"; }
t "nobody of theirs is left" left
t "the farm starts again" systemctl start kiln.target
for u in $farm; do
	t "$u is active" until_ok 60 active $u
done
journalctl -b -p warning -o cat -u 'kiln*' | cut -c1-160 | sort | uniq -c | sort -rn | head -n 12 | sed 's/^/# journal: /'
echo "# the end"
