# The agent's own program comes by the same way as everything: a good one takes
# over with the machines that run, one that crashes or hangs is undone by the
# supervisor, and the LAN is served.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
[ -n "${KILN_GUEST:-}" ] || [ ! -e "${1:-out/dev}/test-guest/image" ] ||
	export KILN_GUEST="$(cd "${1:-out/dev}" && pwd)/test-guest"
. tests/support/lib.sh
services_more='--service kiln-agent'
probation=1s
. tests/support/router.sh

pid_of() { cat "$st/lock"; }
runs() { # the program of the agent that holds the state folder
	readlink "/proc/$(pid_of)/exe" | tee /dev/stderr | grep -q "$1"
}
record() { tee /dev/stderr <"$st/self/record" | grep -q "$1"; }
poll() { kill -USR1 "$(pid_of)"; }
qemu() { pgrep -P "$(pid_of)" -f 'name kiln-dns-dhcp' | head -n 1; }

farm_serves
"$bin/kiln-agent" supervise --deadline "${KILN_DEADLINE:-60}" \
    --config "$tmp/agent.yaml" 2>>"$tmp/agent.log" &
supervisor=$!
pids="$pids $supervisor"
t "the first set is committed" until_ok 150 has '"phase":"committed"'
t "what was installed runs" runs "^$bin/kiln-agent\$"

strip -o "$tmp/stripped" "$bin/kiln-agent"
bundle "$tmp/stripped" "$tmp/good"
good=$(sha256sum "$tmp/good" | cut -c1-64)
t "another program for the agent is published" publish_agent 2 "$tmp/good"
t "a client joins the LAN" client
pace
before="$(pid_of) $(qemu)"
load_on
poll
t "it takes over" until_ok 150 runs "$st/self/a/kiln-agent"
t "and is the good one" until_ok 120 \
    record "\"good\":{[^}]*\"image\":\"$good\""
same() {
	echo "$before: $(pid_of) $(qemu)"
	[ "$before" = "$(pid_of) $(qemu)" ]
}
t "in the same process, with the same machine" same
load_off "the agent's own update"
t "none of $queries queries a second is lost" none_lost
t "its set is the committed one" until_ok 20 \
    has '"phase":"committed".*"set":{"counter":2'
kept() { has '"service":"dns-dhcp"[^}]*"state":"running"'; }
t "and its machine is told as running" kept

# --- a bad one -------------------------------------------------------------------
undone() { # WHAT NUMBER
	bundle "$tmp/program" "$tmp/bad.$2"
	bad=$(sha256sum "$tmp/bad.$2" | cut -c1-64)
	t "one that $1 is published" publish_agent "$2" "$tmp/bad.$2"
	poll
	t "it is found to be bad" until_ok 150 record "\"bad\":\[[^]]*\"$bad\""
	t "the good one runs again" until_ok 60 runs "$st/self/a/kiln-agent"
	t "nothing is on trial" record '"trial":null'
	t "the machine answers again" until_ok 60 answers
	t "its set is the committed one all the same" until_ok 60 \
	    has "\"phase\":\"committed\".*\"set\":{\"counter\":$2"
}
printf '#!/bin/sh\nexit 1\n' >"$tmp/program"
undone crashes 3
told() { grep -q 'did not report to be healthy' "$tmp/agent.log"; }
t "the owner is told" until_ok 60 told
if [ "${KILN_FAULTS:-}" = full ]; then
	printf '#!/bin/sh\nexec sleep 10000\n' >"$tmp/program"
	undone hangs 4
	# Its machines run on while it hangs, up to the deadline.
	printf '#!/bin/sh\nexec 3>&-\nexec sleep 10000\n' >"$tmp/program"
	undone "does not report" 5
fi
grep -E 'supervise|info self|state=kept' "$tmp/agent.log" | sed 's/^/# /'
kill $supervisor
wait $supervisor
t "the supervisor ends its agent, and ends" [ $? -eq 0 ]
finish
