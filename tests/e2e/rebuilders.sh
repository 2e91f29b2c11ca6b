# Three rebuilders beside a farm, each in a network of its own, and a router
# that wants two of them: one builds again and signs, one signs something else,
# one is not there.
if [ -z "${KILN_E2E_NS:-}" ]; then
	. tests/support/lib.sh
	farm=$tmp/farm
	if [ "$(id -u)" != 0 ]; then
		skip "networks of their own want root"
		finish
	fi
	# What needs the archive comes first; the rest has no way out.
	cp -R tests/support/recipes "$tmp/recipes"
	built() {
		"$bin/kiln-builder" --once --state "$farm" --recipes "$tmp/recipes"
	}
	t "a farm builds an image" built
	export KILN_E2E_NS="$tmp"
	unshare -n sh "$0" "$out" >"$tmp/inner" 2>&1
	rc=$?
	cat "$tmp/inner"
	last=$(tail -n 1 "$tmp/inner")
	p=${last%% passed*}
	f=${last#*, }
	f=${f%% failed*}
	passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
	[ $rc -eq 0 ] || [ $failed -gt 0 ] || failed=1
	finish
fi

work=$KILN_E2E_NS
. tests/support/lib.sh
farm=$work/farm
url=http://10.9.0.1
sql() { sqlite3 -batch -readonly "$farm/$1" "$2"; }

# --- networks ------------------------------------------------------------------
# A bridge in the middle, a namespace for each party.
ip link add br0 type bridge && ip link set br0 up
n=0
party() { # NAME: a namespace, whose holder is $NAME
	n=$((n + 1))
	unshare -n sleep 100000 &
	pid=$!
	pids="$pids $pid"
	eval "$1=$pid"
	for _ in $(seq 50); do
		[ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
		sleep 0.1
	done
	ip link add "v$n" type veth peer name eth0 netns $pid &&
	    ip link set "v$n" master br0 up &&
	    nsenter -n -t $pid ip link set lo up &&
	    nsenter -n -t $pid ip address add "10.9.0.$n/24" dev eth0 &&
	    nsenter -n -t $pid ip link set eth0 up
}
at() { # NAME command…
	eval "holder=\$$1"
	shift
	nsenter -n -t "$holder" "$@"
}
t "the farm has a network of its own" party farmer
for who in ada bob eve router; do
	t "so has $who" party $who
done

# --- the farm, and who may sign -------------------------------------------------
for who in ada bob eve; do
	mkdir "$tmp/$who"
	"$bin/kiln-tuf" key --dir "$tmp/$who" --demo new $who >>"$tmp/log" 2>&1
done
found() {
	echo kernel >"$tmp/k" && echo initrd >"$tmp/i" &&
	    "$bin/kiln-tuf" init --state "$farm" --demo --service hello-image \
		--service kernel &&
	    "$bin/tests/support/publish" "$farm" kernel kernel 6.1 "$tmp/k" \
		"$tmp/i" microvm console=ttyS0 &&
	    "$bin/kiln-tuf" rotate --state "$farm" --yes \
		--add "$tmp/ada/ada.pub" --add "$tmp/bob/bob.pub" \
		--add "$tmp/eve/eve.pub" --threshold 2 svc-hello-image &&
	    "$bin/kiln-tuf" rotate --state "$farm" --yes \
		--add "$tmp/ada/ada.pub" --threshold 2 svc-kernel &&
	    "$bin/kiln-tuf" export-root --state "$farm" >"$tmp/root.json"
}
t "three rebuilders join the farm's own, and two must sign" found
nsenter -n -t "$farmer" "$bin/kiln-tuf" serve --state "$farm" >"$tmp/tuf.log" 2>&1 &
pids="$pids $!"
nsenter -n -t "$farmer" "$bin/kiln-web" --state "$farm" --listen 10.9.0.1:80 \
    >"$tmp/web.log" 2>&1 &
pids="$pids $!"
get() { at ada curl -fsS --max-time 20 "$url$1"; }
page() { # WORDS
	get /trust >"$tmp/page"
	sed -n '/is not published/,/<\/ul>/p' "$tmp/page"
	tr -d '\n' <"$tmp/page" | sed 's/<[^>]*>//g' | grep -q "$1"
}
waits() { get /api/v1/drafts | grep -q '"svc-hello-image"'; }
t "a version waits" until_ok 60 waits
keyid() { "$bin/kiln-tuf" key --dir "$tmp/$1" list | awk '{print substr($2, 1, 8)}'; }
t "the page says how many have signed" until_ok 20 page "1 of 2 signatures"
t "and that eve is silent" page "$(keyid eve) is silent"

cat >"$tmp/agent.yaml" <<END
state: $tmp/agent
server: ["$url"]
channel: edge
demo: true
trust: {root: $tmp/root.json, min_keys: 2}
lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
services:
  hello-image:
    address: 192.0.2.53
    config: {}
END
takes() { at router "$bin/kiln-agent" check --config "$tmp/agent.yaml" --json; }
takes_none() { ! takes; }
t "a router gets nothing yet" takes_none

# --- somebody signs something else ------------------------------------------------
lies() { # WHO: a signature over another image, under the right key
	draft=$(get /api/v1/draft/svc-hello-image) || return 1
	old=$(echo "$draft" | grep -o 'hello-image/[a-z0-9]*/[0-9a-f]*' | head -n 1 | sed 's,.*/,,')
	new=$(echo "$old" | tr 0123456789abcdef 123456789abcdef0)
	echo "$draft" | sed "s/$old/$new/g" | tr -d '\n' >"$tmp/$1/draft"
	"$bin/kiln-tuf" cosign --yes --key "$tmp/$1/$1.key" \
	    --out "$tmp/$1/sig" svc-hello-image "$tmp/$1/draft" &&
	    [ "$(at "$1" curl -sS -o "$tmp/$1/answer" -w '%{http_code}' \
		--data-binary "@$tmp/$1/sig" "$url/api/v1/signature")" = 409 ]
}
t "bob signs another image, and is refused" lies bob
t "the page names him" page "$(keyid bob) does not count"
t "a router still gets nothing" takes_none

# --- and somebody builds --------------------------------------------------------
rebuilds() { # WHO
	at "$1" "$bin/kiln" rebuilder --once --follow "$url" \
	    --key "$tmp/$1/$1.key" --state "$tmp/$1/work" 2>&1 |
	    tee "$tmp/$1/log"
}
signs() { rebuilds "$1" && grep -q "info signed .*role=svc-hello-image" "$tmp/$1/log"; }
was=$(sql tuf.db "SELECT coalesce(max(version), 0) FROM role
    WHERE name = 'svc-hello-image' AND published_at IS NOT NULL")
t "ada builds it again and signs" signs ada
# The kernel here is no build of the farm's: ada's hand signs it.
kernel() {
	get /api/v1/draft/svc-kernel >"$tmp/ada/kernel" &&
	    "$bin/kiln-tuf" cosign --yes --key "$tmp/ada/ada.key" \
		--out "$tmp/ada/sig" svc-kernel "$tmp/ada/kernel" &&
	    at ada curl -fsS -o "$tmp/ada/answer" --data-binary \
		"@$tmp/ada/sig" "$url/api/v1/signature"
}
t "a kernel that no build gave ada does not sign by herself" \
    grep -q "not-signed role=svc-kernel" "$tmp/ada/log"
t "but by hand" kernel
listed() {
	v=$(sql tuf.db "SELECT coalesce(max(version), 0) FROM role
	    WHERE name = 'svc-hello-image' AND published_at IS NOT NULL")
	[ "$v" -gt "$1" ]
}
t "two of four have signed, and it is published" until_ok 60 listed "$was"
image=$(sql farm.db "SELECT digest FROM output WHERE name = 'image' LIMIT 1")
honest() { takes | tee "$tmp/plan" | grep -q "$image"; }
t "the router, which wants two keys for each, gets the honest image" until_ok 60 honest
t "nothing is left to do for ada" rebuilds ada

# --- two of three are corrupt -------------------------------------------------------
second() {
	sed -i '$ a echo again >>/out/hello' "$work/recipes/hello/build.sh" &&
	    at farmer "$bin/kiln-builder" --once --offline --state "$farm" \
		--recipes "$work/recipes" &&
	    [ "$(sql farm.db "SELECT count(*) FROM release WHERE service = 'hello-image'")" = 2 ]
}
listed 0
was=$v
t "the farm builds another image" second
first=$image
image=$(sql farm.db "SELECT o.digest FROM output o JOIN run r ON r.id = o.run
    WHERE o.name = 'image' ORDER BY r.id DESC LIMIT 1")
t "which waits" until_ok 60 waits
t "bob lies again" lies bob
t "and so does ada now" lies ada
t "the page says that only the farm itself has signed" \
    until_ok 20 page "1 of 2 signatures"
t "it names bob" page "$(keyid bob) does not count"
t "and ada" page "$(keyid ada) does not count"
t "and eve, who is not there" page "$(keyid eve) is silent"
old_one() {
	! listed "$was" && honest_of "$first"
}
honest_of() { takes | tee "$tmp/plan" | grep -q "$1"; }
t "nothing is published, and the router stays with what is honest" old_one
t "eve comes and builds" signs eve
t "with her it is published" until_ok 60 listed "$was"
t "and the router gets it" until_ok 60 honest_of "$image"
finish
