#!/bin/sh
# upgrade.sh OUT: what farms and routers of former releases left behind
# (tests/upgrade), taken over by the programs of this one.  With KILN_HISTORY=1
# (make upgrade-test) the agents of then are built from git's history and run
# beside the farm of now.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
. tests/support/lib.sh
ip link set lo up 2>/dev/null
is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }
exits() { # CODE SENTENCE command…
	want=$1 words=$2
	shift 2
	"$@" >"$tmp/said" 2>&1
	rc=$?
	cat "$tmp/said"
	[ $rc -eq "$want" ] && grep -q "$words" "$tmp/said"
}
faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null) ||
    { echo "libfaketime is not installed" >&2; exit 1; }
port=$((20000 + $$ % 20000))
server=http://127.0.0.1:$port
serve() { # STATE: by this release's kiln-web
	"${web:-$bin}/kiln-web" --state "$1" --listen "127.0.0.1:$port" 2>"$tmp/web.log" &
	web_pid=$!
	pids="$pids $web_pid"
	until_ok 20 curl -fsS -o /dev/null $server/tuf/metadata/timestamp.json
}
unserve() {
	kill $web_pid
	wait $web_pid 2>/dev/null
}
asks() { # FOLDER [SERVICE]: agent.yaml of a router that wants it
	cat >"$1/agent.yaml" <<-EOF
	state: $1/agent
	server: ["$server"]
	channel: edge
	arch: amd64
	demo: true
	trust: {root: $1/root.json, min_keys: 1}
	lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
	services:
	  ${2:-hello-image}: {address: 192.0.2.54}
	reports: full
	EOF
	mkdir -p "$1/agent"
}

# As the programs of then left it: the users of the system, else lib/drop.h's
# numbers.
own() { # ROLE NUMBER FILE…
	who=$(id -u "$1" 2>/dev/null || echo $((60800 + $2)))
	shift 2
	chown -R "$who:$who" "$@"
}
owners() {
	[ "$(id -u)" = 0 ] || return 0
	chown -R 0:0 "$1"
	own kiln-builder 0 "$1"/farm.db* && own kiln-tuf 3 "$1"/tuf.db* "$1/tuf" &&
	    own kiln-signer 4 "$1/keys/online" && own kiln-web 5 "$1"/web.db*
}
version() { sqlite3 -batch "$farm/$db.db" ".filectrl persist_wal 1" "PRAGMA user_version = $1" >/dev/null; }
mkdir "$tmp/none"
# The agent of then, built, asks and tells the farm of now.
beside() {
	commit=$(cat "$kept/commit")
	if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
		skip "$name: git has no $commit here, so its agent cannot be built"
		return
	fi
	then=$tmp/tree-$name
	mkdir "$then" && git archive "$commit" | tar -x -C "$then"
	t "$name: its agent is built" sh -c "cd '$then' && CCACHE_BASEDIR='$then' make -s -j2 WERROR= \
	    out/dev/kiln-agent \$(grep -q kiln-agent-fetch Makefile && echo out/dev/kiln-agent-fetch)"
	t "$name: it takes what the farm of now offers" exits 0 hello-image \
	    "$then/out/dev/kiln-agent" check --config "$tmp/$name/agent.yaml"
	mkdir "$tmp/$name/new"
	sed "s,^state:.*,state: $tmp/$name/new," "$tmp/$name/agent.yaml" >"$tmp/$name/new.yaml"
	t "$name: so does one that starts today" exits 0 hello-image \
	    "$then/out/dev/kiln-agent" check --config "$tmp/$name/new.yaml"
	reports=$(sqlite3 -readonly "$farm/web.db" "SELECT count(*) FROM report")
	sed -i 's/^  hello-image:/  ntp:/' "$tmp/$name/new.yaml"
	"$then/out/dev/kiln-agent" run --config "$tmp/$name/new.yaml" 2>"$tmp/then.log" &
	told=$!
	pids="$pids $told"
	more() { [ "$(sqlite3 -readonly "$farm/web.db" "SELECT count(*) FROM report")" -gt "$reports" ]; }
	t "$name: and what it reports arrives" until_ok 30 more
	kill $told
	wait $told 2>/dev/null
}

for kept in tests/upgrade/*/; do
	name=$(basename "$kept")
	farm=$tmp/$name/state
	mkdir -p "$farm" && tar -C "$farm" -xJf "$kept/farm.tar.xz" || exit 1
	tar -C "$tmp/$name" -xJf "$kept/agent.tar.xz"
	cp "$kept/root.json" "$tmp/$name/"
	for db in farm tuf web; do
		command sqlite3 -batch "$farm/$db.db" ".filectrl persist_wal 1" \
		    "PRAGMA journal_mode = WAL" ".read $kept/$db.sql" >/dev/null || exit 1
	done
	owners "$farm" || exit 1
	was=$(sqlite3 -readonly "$farm/tuf.db" "SELECT max(counter) FROM published_set")
	t "$name: kiln-builder takes it over" \
	    "$bin/kiln-builder" --state "$farm" --once --offline --recipes "$tmp/none"
	t "$name: kiln-web takes it over and serves" serve "$farm"
	asks "$tmp/$name"
	t "$name: a router that was upgraded first takes what its farm offers" exits 0 hello-image \
	    env LD_PRELOAD="$faketime" FAKETIME="@$(date -u -d "@$(cat "$kept/made-at")" "+%F %T")" TZ=UTC \
	    "$bin/kiln-agent" check --config "$tmp/$name/agent.yaml"
	t "$name: kiln-tuf takes the farm over and publishes" \
	    "$bin/kiln-tuf" serve --once --state "$farm"
	t "$name: a stranger finds nothing wrong" "$bin/kiln-tuf" check --root "$kept/root.json" "$farm/tuf"
	t "$name: its set is the one it had" is \
	    "$(sqlite3 -readonly "$farm/tuf.db" "SELECT max(counter) FROM published_set")" "$was"
	t "$name: a router that is not upgraded is answered as before" \
	    node tests/upgrade/replay.js $port "$kept/exchange"
	for page in / /builds /releases /fleet /trust /api/v1/recipes; do
		t "$name: $page" curl -fsS -o /dev/null "$server$page"
	done
	t "$name: the builds of then are told of" sh -c \
	    "curl -fsS '$server/builds' | grep -q hello-image"
	t "$name: a router that was upgraded with it, too" exits 0 hello-image \
	    "$bin/kiln-agent" check --config "$tmp/$name/agent.yaml"
	[ -z "${KILN_HISTORY:-}" ] || beside
	unserve
	for p in "farm kiln-builder --once --offline --recipes $tmp/none" "tuf kiln-tuf serve --once" \
	    "web kiln-web --listen 127.0.0.1:$port"; do
		set -- $p
		db=$1 program=$2
		shift 2
		at=$(sqlite3 -readonly "$farm/$db.db" "PRAGMA user_version")
		version $((at + 1))
		case $program in kiln-tuf) verb=serve && shift ;; *) verb= ;; esac
		t "$name: $program refuses a database of a newer one, in words" \
		    exits 2 "written by a newer kiln" "$bin/$program" $verb --state "$farm" "$@"
		version "$at"
	done
done
finish
