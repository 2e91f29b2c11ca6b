# What an owner tells a router, and what a router forgives: a plan approved by
# its hash, a set fetched before its time, a way out that is lost in probation,
# a machine that dies after the switch, a set that rots on the disk.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
. tests/support/lib.sh
probation=15s
more='updates: ask
notices: {mail: ["/usr/bin/tee", "-a", "$tmp/mail"], led: ["$tmp/led"],
  webhook: "http://198.51.100.1/hooks/nobody"}'
more=$(echo "$more" | sed "s|\$tmp|$tmp|g")
cat >"$tmp/led" <<EOF
#!/bin/sh
echo "\$1" >>$tmp/leds
EOF
chmod 755 "$tmp/led"
. tests/support/router.sh
farm_serves

json() { agent status --json | jq -r "$1"; }
is() { [ "$(json "$1")" = "$2" ]; }

# --- a word that the image does not know ------------------------------------------
line=$(grep -n 'config:' "$tmp/agent.yaml" | cut -d : -f 1)
unknown="$tmp/agent.yaml:$line:27: dns-dhcp: unknown option \"hots\" (did you mean \"hosts\"?"
wrong() { sed -i 's/config: {domain: lan, /&hots: [], /' "$tmp/agent.yaml"; }
right() { sed -i 's/hots: \[\], //' "$tmp/agent.yaml"; }
says_unknown() { # EXIT command…
	code=$1
	shift
	exits "$code" "$@" >"$tmp/said" 2>&1
	at=$?
	cat "$tmp/said"
	[ $at -eq 0 ] && grep -qF "$unknown" "$tmp/said"
}
wrong
t "an unknown option fails in the plan, with file, line and cause" \
    says_unknown 2 agent check
start_agent
t "the agent refuses the set for it" until_ok 60 is .cause config
t "and tells its owner the same" says_unknown 0 cat "$tmp/mail"
t "check asks the agent, and says so too" says_unknown 2 agent check
t "nothing was fetched" test ! -e "$st/store/$(printf %.2s "$(sha256sum "$guest/image")")"
kill $agent_pid
wait $agent_pid
right
start_agent

# --- approval by hash ----------------------------------------------------------
t "the first set waits for its owner" until_ok 60 is .cause approval
hash=$(json .plan.hash)
t "the plan has a hash" test ${#hash} -eq 64
t "plan says the same" sh -c '"$1" plan --config "$2" --json | grep -q "$3"' \
    sh "$bin/kiln-agent" "$tmp/agent.yaml" "$hash"
another_hash=$(echo "$hash" | tr 0-9a-f 1-9a-f0)
t "another hash is not confirmed" exits 1 agent confirm "$another_hash"
t "nor applied" exits 1 agent apply --plan "$another_hash"
t "nothing was fetched yet" test ! -e "$st/store/$(printf %.2s "$(json '.plan.services[0].image')")"
# The fetcher is there only while something is fetched.
"$bin/tests/support/peaks" $agent_pid "$tmp/peaked" >"$tmp/peaks" &
peaks=$!
pids="$pids $peaks"
t "the owner wants it here already" agent fetch
fetched() {
	i=$(json '.plan.services[0].image')
	[ -e "$st/store/$(printf %.2s "$i")/$i" ]
}
t "so it is fetched" until_ok 30 fetched
touch "$tmp/peaked"
wait $peaks
t "and still waits" until_ok 10 is .cause approval
killed() {
	kill -9 $agent_pid
	wait $agent_pid
	# What is asked next is the new one's word.
	rm "/run/kiln-agent/$(printf %s "$st" | sha256sum | cut -c 1-16)/status.json"
	start_agent
	until_ok 30 is .cause approval
}
t "killed in the middle of it all it waits again" killed
t "the owner confirms the plan" agent confirm "$hash"
t "it is committed" until_ok 150 is .phase committed
# The image at least, though another life of the agent fetched it.
cost() {
	sqlite3 -readonly "$var/web.db" "SELECT body ->> '\$.update.bytes' FROM report
	    WHERE state = 'committed'"
}
costs() {
	i=$(json '.services[0].image')
	[ "$(cost)" -ge "$(stat -c %s "$st/store/$(printf %.2s "$i")/$i")" ]
}
t "its report says what was fetched before" until_ok 20 costs
t "and is the golden set" is .golden.counter 1
t "nothing is planned any more" is .plan null
told() { grep -qx "$1" "$tmp/leds"; }
t "the LED's program heard that the owner is asked" told needs-you
t "and that it was done" until_ok 10 told updated
mailed() { grep -q 'set 1 of edge is committed' "$tmp/mail"; }
t "a mail says so, too" until_ok 10 mailed
t "what the webhook's server answered is logged" \
    until_ok 10 grep -q 'hooks/nobody' "$tmp/agent.log"
doctor() {
	agent doctor
	agent doctor --json | jq -e '.[] | select(.what == "service") | .good'
}
t "the doctor finds the service well" doctor
lacks_mke2fs() {
	unshare -m sh -c 'mount --bind /dev/null "$(readlink -f "$(command -v mke2fs)")" &&
	    "$1" doctor --config "$2" --json' sh "$bin/kiln-agent" "$tmp/agent.yaml" |
	    jq -e '.[] | select(.what == "mke2fs") | .good | not'
}
t "… and mke2fs, which it misses where there is none" lacks_mke2fs
t "the console of its machine can be read" \
    sh -c '"$1" console --config "$2" dns-dhcp | grep .' \
    sh "$bin/kiln-agent" "$tmp/agent.yaml"
t "every file is what its name says" agent verify

# --- a day on which nothing happens -----------------------------------------------
# Every file of the state folder that is opened for writing, made, renamed or
# removed by the agent or a child of it, while it asks the server five times.
checked() { [ "$(json .checked)" != "$1" ]; }
# What was written through a descriptor that was open before shows in the times.
stamps() { find "$st" -printf '%p %T@ %C@ %s\n' | sort; }
five_polls() {
	stamps >"$tmp/stamps"
	strace -f -qq -y -p $agent_pid -o "$tmp/trace" \
	    -e trace=openat,openat2,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,truncate &
	tracer=$!
	until_ok 20 test -e "$tmp/trace" || return 1
	for _ in 1 2 3 4 5; do
		before=$(json .checked)
		# One a second at most: status has seconds.
		sleep 1
		kill -USR1 $agent_pid
		until_ok 60 checked "$before" || return 1
	done
	kill $tracer
	wait $tracer
	grep -F "$st" "$tmp/trace" | grep -E \
	    'O_WRONLY|O_RDWR|O_CREAT|rename|unlink|mkdir|link|creat|truncate' |
	    grep -v ENOENT >"$tmp/writes"
	echo "# calls seen: $(wc -l <"$tmp/trace"), writes to flash: $(wc -l <"$tmp/writes")" |
	    tee -a "$tmp/idle"
	cat "$tmp/writes"
	stamps | diff "$tmp/stamps" - || return 1
	[ "$(wc -l <"$tmp/trace")" -gt 50 ] && ! [ -s "$tmp/writes" ]
}
t "five polls that find nothing write nothing to flash" five_polls
cat "$tmp/idle"

# --- power comes back -----------------------------------------------------------------
# To all routers of a region at once: their first question is spread.
boots() {
	kill $agent_pid
	wait $agent_pid
	echo 00000000-0000-0000-0000-000000000000 >"$st/boot"
	start_agent
	until_ok 60 answers
}
t "the host was booted, and the LAN is served" boots
# At any moment of ten minutes: this one may come soon.
patient() { grep -Eq 'poll first-in=[0-5]?[0-9]?[0-9]$' "$tmp/agent.log"; }
t "its first question is at a moment of the next ten minutes" patient
kill -USR1 $agent_pid
asked() { [ "$(json '.checked != null')" = true ]; }
t "unless its owner wants it to" until_ok 30 asked

# --- how large it is ---------------------------------------------------------------
# Bytes of the stripped program; KiB of the resident process, its share of
# libraries counted (PSS), and the highest that the fetcher ever took.
small() {
	strip -o "$tmp/stripped" "$bin/kiln-agent" || return 1
	size=$(stat -c %s "$tmp/stripped")
	idle=$(awk '/^Pss:/ {print $2}' /proc/$agent_pid/smaps_rollup)
	own=$(awk '/^RssAnon:/ {print $2}' /proc/$agent_pid/status)
	cat "$tmp/peaks"
	fetch=$(awk '$1 == "peak" && $3 == "kiln-agent-fetch" {print $2}' "$tmp/peaks")
	[ -n "$fetch" ] || return 1
	echo "# stripped $size bytes; resident $idle KiB (PSS), $own KiB of its own; fetch at most $fetch KiB" |
	    tee "$tmp/small"
	[ "$size" -lt 409600 ] && [ "$idle" -lt 4096 ] && [ "$fetch" -lt 16384 ]
}
t "the agent stays below 400 KiB, 4 MiB idle and 16 MiB to fetch" small
cat "$tmp/small"

# --- the way out is lost in probation -------------------------------------------
ip link add wan0 type veth peer name wan1
ip link set wan1 up
ip link set wan0 up
ip address add 203.0.113.2/24 dev wan0
ip route add default via 203.0.113.1
another "$tmp/two" 1
t "a second set is published" publish 2 "$tmp/two"
kill -USR1 $agent_pid
t "it waits too" until_ok 30 is .plan.counter 2
t "it is applied at once" agent apply --plan "$(json .plan.hash)"
t "it is on probation" until_ok 150 is .phase probation
ip route del default
says() { grep -q "$1" "$tmp/agent.log"; }
t "the agent sees that the way out is lost" until_ok 12 says 'probation wan=lost'
# Longer than all of the probation.
sleep 17
t "so long it is not committed" is .phase probation
t "nor rolled back" is .trial.counter 2
ip route add default via 203.0.113.1
t "with the way out back it is committed" until_ok 60 is .set.counter 2
t "and nothing of the pause was held against it" says 'probation wan=back'

# --- back to the one before, and pinned ------------------------------------------
t "the owner goes back to the set before" agent rollback --previous
t "which is committed in its turn" until_ok 150 is .set.counter 1
kill -USR1 $agent_pid
t "the newer one waits, since the owner has pinned" until_ok 30 is .cause pin
t "the pin is taken off" agent pin off
kill -USR1 $agent_pid
t "and the newer one waits for its owner again" until_ok 30 is .cause approval

# --- a failure after the switch ----------------------------------------------------
t "the newer one is applied" agent apply
t "it is on probation" until_ok 150 is .phase probation
t "its machine dies" sh -c 'kill -9 $(pgrep -n -P "$1" -f "name kiln-dns-dhcp")' sh $agent_pid
t "the set before serves again" until_ok 60 is .phase rolled-back
t "the cause is named" is .cause died
t "the set is not bad" is '.bad | length' 0
why() { agent status --why | grep -q 'try 1 of 3 comes at'; }
t "it is to be tried again in an hour" until_ok 60 why
t "the LAN is served" until_ok 10 answers
t "the owner need not wait" agent apply
t "it is committed" until_ok 150 is .set.counter 2

# --- rot ----------------------------------------------------------------------------
kill $agent_pid
wait $agent_pid
image=$(json '.services[0].image')
rot() {
	f=$st/store/$(printf %.2s "$image")/$image
	chmod u+w "$f" && printf X | dd of="$f" bs=1 seek=4096 conv=notrunc
}
t "a bit of the running image rots" rot
t "verify sees it" exits 4 agent verify
ip address del 198.51.100.1/32 dev lo
start_agent
t "without a network the set before starts" until_ok 60 answers
t "which is the first" is .set.counter 1
ip address add 198.51.100.1/32 dev lo
kill -USR1 $agent_pid
t "with a network the newer one is offered again" until_ok 90 is .plan.counter 2
t "and applied" agent apply
t "it runs again" until_ok 150 is .set.counter 2

# --- without a network, from a stick ---------------------------------------------------
stick=$tmp/stick
mkdir "$stick"
another "$tmp/three" 2
t "a third set is published" publish 3 "$tmp/three"
ip address del 198.51.100.1/32 dev lo
t "it is copied onto a stick" cp -r "$var/tuf" "$stick/tuf"
chmod -R go+rX "$stick"
mv "$stick/tuf/metadata/timestamp.json" "$tmp/elsewhere.json"
ln -s "$tmp/elsewhere.json" "$stick/tuf/metadata/timestamp.json"
t "a stick with a link is imported" agent import "$stick"
t "and the link is not followed" until_ok 30 is .cause bad-input
mv "$tmp/elsewhere.json" "$stick/tuf/metadata/timestamp.json"
t "the stick is imported without it" agent import "$stick"
t "and its set is committed" until_ok 150 is .set.counter 3
t "the LAN is served" until_ok 10 answers

# --- ten years later ---------------------------------------------------------------------
# All the roots that it knows ended long ago, and 1,024 follow.
another "$tmp/four" 3
t "a fourth set is published" publish 4 "$tmp/four"
offline() {
	rm -r "$stick/tuf" && cp -r "$var/tuf" "$stick/tuf" &&
	    "$bin/tests/support/roots" "$stick/tuf/metadata" \
		"$var/keys/offline/root-1.key" 1024 &&
	    chmod -R go+rX "$stick" &&
	    cat "$stick/tuf/metadata/1.root.json" >"$st/metadata/root.json"
}
t "1,024 roots lie on the stick, all but the last of which ended" offline
start=$(date +%s)
t "the stick is imported" agent import "$stick"
t "in one run its set is committed" until_ok 150 is .set.counter 4
echo "# after $(($(date +%s) - start)) s"
newest_root() { [ "$(jq .signed.version "$st/metadata/root.json")" = 1025 ]; }
t "and root 1025 is trusted" newest_root
history() {
	[ "$(agent history --json | jq -r '[.[].state] | join(" ")')" = \
	    "refused committed committed committed rolled-back committed committed refused committed committed" ]
}
t "the history tells all of it" until_ok 10 history
agent history | sed 's/^/# /'
t "the end is clean" sh -c "kill $agent_pid"
wait $agent_pid
t "it ends with 0" test $? -eq 0
wrong
t "with an option unknown to what runs it does not start" \
    says_unknown 2 agent run
t "nor is the configuration well" says_unknown 2 agent run -n
right
t "without it all is well" agent run -n
tail -n 40 "$tmp/agent.log" | sed 's/^/# /'
finish
