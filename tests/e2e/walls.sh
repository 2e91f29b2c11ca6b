#!/bin/sh
# walls.sh OUT: the table of SECURITY.md beside real processes, and no secret
# where others could read it.
. tests/support/lib.sh
if [ "$(id -u)" != 0 ]; then
	skip "only root gives each program a user of its own"
	finish
fi
state=$tmp/state
exits() { # CODE command…
	want=$1
	shift
	"$@"
	[ $? -eq "$want" ]
}

# --- a farm and a router, with secrets that are known --------------------------
secret() { echo "$1-$$-41f7c3e2" | tee -a "$tmp/secrets"; }
mkdir -m 700 "$tmp/credentials"
umask 077
secret offline >"$tmp/offline"
secret online >"$tmp/credentials/kiln-tuf.passphrase"
umask 022
t "a farm is founded" "$bin/kiln-tuf" init --state "$state" --service hello-image \
    --passphrase-file "$tmp/offline" --signer-passphrase-file "$tmp/credentials/kiln-tuf.passphrase"
"$bin/kiln-tuf" export-root --state "$state" >"$tmp/root.json"
cp -R tests/support/recipes "$tmp/recipes" && chmod -R a+rX "$tmp/recipes"
# Other tests of this kind may run on the host: its sleep is known by its length.
long=600.$((100000 + $$))
echo "sleep $long" >>"$tmp/recipes/hello/build.sh"
# The router has a network of its own, with a cable to the farm.
unshare --net sleep 100000 &
router=$!
pids="$pids $router"
apart() { [ "$(readlink /proc/$router/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
until_ok 5 apart
n=$(($$ % 200 + 20))
cable=kwl$n
ip link add "$cable" type veth peer name wan0 netns "$router" &&
    ip address add 10.214.$n.1/30 dev "$cable" && ip link set "$cable" up || exit 1
nsenter --net -t "$router" sh -ec "ip link set lo up; ip address add 10.214.$n.2/30 dev wan0; ip link set wan0 up"
away() {
	cleanup
	ip link delete "$cable" 2>/dev/null
}
trap away EXIT
server=10.214.$n.1:$((20000 + $$ % 20000))
cat >"$tmp/agent.yaml" <<EOF
state: $tmp/agent
server: ["http://$server"]
channel: edge
trust: {root: $tmp/root.json, min_keys: 1}
lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
services:
  ntp: {address: 192.0.2.54}
reports: full
EOF
started() { # LOG command…
	log=$1
	shift
	"$@" >"$log" 2>&1 &
	last=$!
	pids="$pids $last"
}
started "$tmp/web.log" "$bin/kiln-web" --state "$state" --listen "$server"
started "$tmp/builder.log" "$bin/kiln-builder" --state "$state" --recipes "$tmp/recipes" --jobs 1
started "$tmp/tuf.log" env CREDENTIALS_DIRECTORY="$tmp/credentials" "$bin/kiln-tuf" serve --state "$state"
mkdir "$tmp/agent"
started "$tmp/agent.log" nsenter --net -t "$router" "$bin/kiln-agent" run --config "$tmp/agent.yaml"
agent=$last
t "its dashboard serves" until_ok 60 curl -fsS -o /dev/null "http://$server/"
t "its signer is unlocked" until_ok 60 grep -q serving "$tmp/tuf.log"
secret password >"$tmp/password"
t "an operator has a password" sh -c \
    "'$bin/kiln-web' --state '$state' account set ada operator <'$tmp/password'"
"$bin/kiln-web" --state "$state" account token ada operator 1h | tee -a "$tmp/secrets" >"$tmp/token"
asked() {
	[ "$(curl -s -o "$tmp/out" -w '%{http_code}' -H "Authorization: Bearer $(cat "$tmp/token")" \
	    -d '{"kind":"cancel","argument":{"run":999999,"reason":"a look"}}' \
	    "http://$server/api/v1/requests")" != 401 ] || { cat "$tmp/out"; return 1; }
}
t "… and is let in by a token" asked
"$bin/kiln" fleet --state "$state" token home | tee -a "$tmp/secrets" >"$tmp/enrol"
t "the router comes to the fleet by a token" until_ok 20 sh -c \
    "nsenter --net -t $router '$bin/kiln-agent' enrol --config '$tmp/agent.yaml' <'$tmp/enrol'"
t "a build runs" until_ok 120 pgrep -fx "sleep $long"

# --- between which walls they live ----------------------------------------------
# Children of the agent live for a moment: it is asked again and again.
look() {
	rm -f "$tmp/stop"
	"$bin/tests/support/walls" "$tmp/stop" "$state" $pids >"$tmp/seen" 2>"$tmp/walls.err" &
	looker=$!
	for _ in 1 2 3 4 5 6; do
		kill -USR1 "$agent"
		sleep 0.4
	done
	touch "$tmp/stop"
	wait $looker
	for p in kiln-agent-fetch 'kiln-agent -x verify'; do
		grep -q "^$p|[1-9][^|]*|none|2 1|" "$tmp/seen" || return 1
	done
}
t "each of their processes is seen" until_ok 60 look
sed -n 's/^| `\(kiln-[^`]*\)` |\(.*\)/\1|\2/p' SECURITY.md >"$tmp/table"
uid_of() { # ROLE
	n=0
	for r in kiln-builder kiln-fetch kiln-index kiln-tuf kiln-signer kiln-web kiln-agent-fetch \
	    kiln-agent-verify kiln-cli kiln-transport kiln-env kiln-agent-unpack kiln-git kiln-differ; do
		[ "$r" = "$1" ] && { id -u "$1" 2>/dev/null || echo $((60800 + n)); return; }
		n=$((n + 1))
	done
	id -u "$1"
}
# One that ended may have been seen before it had given up anything, so of such
# a kind one that had is enough; each that lives must be as the table says.
as_told() {
	uid=$(uid_of "$user")
	name=$(id -nu "$uid" 2>/dev/null || echo "$uid")
	[ "$name" != root ] || name=0
	case $filter in *yes*) filter=2 ;; *) filter=0 ;; esac
	awk -F '|' -v p="$process" -v who="$name" -v f="$filter" -v net="$net" -v open="$open" '
	    function allowed(list, may, i, n, w) {
		n = split(list, w, " ")
		for (i = 1; i <= n; i++) {
			gsub(/-(wal|shm)/, "", w[i])
			if (index(" " may " ", " " w[i] " ") == 0 &&
			    !(w[i] !~ /=w$/ && index(" " may " ", " " w[i] "=w ")))
				return w[i]
		}
		return ""
	    }
	    $1 != p { next }
	    {
		split($2, id, " "); split($4, lim, " ")
		walls = who == "0" || ($3 == "none" && lim[2] == 1 && id[3] == 0)
		good = id[1] == who && lim[1] == f && walls
		if (p !~ /^kiln-agent/ && $5 !~ /mnt/) good = 0
		bad = allowed($6, net)
		if (bad == "") bad = allowed($7, open)
		if (good && bad == "") fine++
		else if ($8 == "alive" || bad != "") { print $0 (bad == "" ? "" : " has " bad); wrong++ }
	    }
	    END { if (!fine) print "none as told of " p; exit !(fine && !wrong) }' "$tmp/seen"
}
while IFS='|' read -r process user filter net open _; do
	user=$(echo $user) net=$(echo $net) open=$(echo $open)
	t "$process is $user" as_told
done <"$tmp/table"
t "that were all 12 of them" test "$(wc -l <"$tmp/table")" = 12
in_build() {
	awk -F '|' -v who="$(uid_of kiln-builder)" '
	    $1 != "sleep" || $5 !~ /user/ { next }
	    { print; split($2, id, " ")
	      ok = $3 == "none" && $4 == "2 1" && $5 == "user mnt pid net ipc uts" && $6 == "" && $7 == ""
	      n++; bad += !ok }
	    END { exit !(n && !bad) }' "$tmp/seen"
}
t "what a build starts has namespaces of its own, a filter and no rights" in_build
unknown() {
	awk -F '|' 'NR == FNR { known[$1] = 1; next } $1 ~ /^kiln/ && !($1 in known) { print; n++ }
	    END { exit n > 0 }' "$tmp/table" "$tmp/seen"
}
t "no process of kiln's is missing in the table" unknown

# --- what others could read ------------------------------------------------------
# Of all processes here, the logs, the databases and the farm's folder.  A
# variable that holds one is found: if even that were not, finding nothing would
# say nothing.
hunt() { # FILE…
	grep -aFl -f "$tmp/secrets" "$@" 2>/dev/null
}
env CONTROL="$(head -n 1 "$tmp/secrets")" sleep 100000 &
control=$!
pids="$pids $control"
in_process() { [ -n "$(hunt /proc/$control/environ)" ]; }
t "a secret in a variable would be found" until_ok 5 in_process
in_tree() {
	for p in $pids; do
		[ "$p" = "$control" ] || tree "$p"
	done
}
tree() {
	echo "/proc/$1/cmdline /proc/$1/environ"
	for c in $(pgrep -P "$1"); do tree "$c"; done
}
t "no argument and no variable holds one of $(wc -l <"$tmp/secrets")" sh -c \
    '! grep -aFl -f "$@"' sh "$tmp/secrets" $(in_tree)
t "no log holds one" exits 1 hunt "$tmp"/*.log
t "nothing in the farm's folder holds one" exits 1 sh -c \
    'grep -raFl -f "$1" "$2" "$3"' sh "$tmp/secrets" "$state" "$tmp/agent"
finish
