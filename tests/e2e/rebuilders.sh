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
tuf_starts() {
	nsenter -n -t "$farmer" "$bin/kiln-tuf" serve --state "$farm" \
	    >>"$tmp/tuf.log" 2>&1 &
	tuf=$!
	pids="$pids $tuf"
}
tuf_gone() { ! kill -0 "$tuf"; }
tuf_starts
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

# --- the recipes' maintainer -----------------------------------------------------
"$bin/kiln-tuf" key --dir "$tmp" --demo new mary >>"$tmp/log" 2>&1
for who in ada eve; do
	echo "doubt: {maintainers: [\"$(cat "$tmp/mary.pub")\"]}" >"$tmp/$who/kiln.yaml"
done
signed_by() { # KEY RECIPE…
	key=$1
	shift
	for r; do
		"$bin/kiln" recipe sign --yes --key "$key" \
		    --recipes "$work/recipes" "$r" || return 1
	done
}
cycle() { # the farm reads its recipes again
	at farmer "$bin/kiln-builder" --once --offline --state "$farm" \
	    --recipes "$work/recipes"
}
wants() { # WHO WORDS: it does not sign, and says why
	rebuilds "$1" && return 1
	grep "not-signed role=svc-hello-image" "$tmp/$1/log" | grep -q "$2"
}
no_builds() { [ -z "$(ls "$tmp/$1/work/env/deb" 2>/dev/null)" ]; }

# --- and somebody builds --------------------------------------------------------
rebuilds() { # WHO
	at "$1" "$bin/kiln" rebuilder --once --follow "$url" \
	    --key "$tmp/$1/$1.key" --state "$tmp/$1/work" \
	    --config "$tmp/$1/kiln.yaml" >"$tmp/$1/log" 2>&1
	got=$?
	cat "$tmp/$1/log"
	return $got
}
signs() { rebuilds "$1"; grep -q "info signed .*role=svc-hello-image" "$tmp/$1/log"; }
was=$(sql tuf.db "SELECT coalesce(max(version), 0) FROM role
    WHERE name = 'svc-hello-image' AND published_at IS NOT NULL")
t "ada, who wants recipes that mary signed, signs nothing without" \
    wants ada "recipe hello-image: no maintainer has signed it"
all() { signed_by "$tmp/mary.key" hello hello-image && cycle; }
t "mary signs all" all
t "ada builds it again and signs" signs ada
# What she says of her runs: in the log, served, and on the build's page.
plan=$(sql farm.db "SELECT plan FROM current WHERE recipe = 'hello-image'")
build=$(sql farm.db "SELECT min(id) FROM run WHERE plan = '$plan'")
heard() { # COUNT VERDICT: so many statements of that verdict about the plan
	[ "$(sql tuf.db "SELECT count(*) FROM statement s JOIN log_entry USING
	    (digest, key) WHERE s.plan = '$plan' AND verdict = '$2'
	    AND s.key = '$(cat "$tmp/ada/ada.pub")'")" = "$1" ]
}
t "what ada says of both her runs is in the farm's log" until_ok 60 heard 2 reproduced
statement=$(sql tuf.db "SELECT min(digest) FROM statement WHERE plan = '$plan'")
served() {
	get "/attestation/$statement" >"$tmp/envelope" || return 1
	[ "$(jq -r .payload "$tmp/envelope" | base64 -d | sha256sum | cut -c1-64)" = "$statement" ] &&
	    jq -e '.signatures | length == 1' "$tmp/envelope" &&
	    jq -r .payload "$tmp/envelope" | base64 -d |
	    jq -e '.predicate.builder == "rebuilder" and .predicate.verdict == "reproduced"'
}
t "the envelope is served under its SHA-256" served
t "the log proves it" at ada "$bin/kiln" log verify --from "$url" \
    --root "$tmp/root.json" --seen "$tmp/seen" --statement "$statement"
told() {
	get "/build/$build" | tr -d '\n' | sed 's/<[^>]*>/ /g' |
	    grep -q "rebuilder $(keyid ada), lane"
}
t "and the build's page names her" told
t "the same envelope again changes nothing" at bob curl -fsS -o "$tmp/answer" \
    --data-binary "@$tmp/envelope" "$url/api/v1/attestation"
stranger() { # by a key that no service lists
	jq -r .payload "$tmp/envelope" | base64 -d >"$tmp/text"
	"$bin/kiln-tuf" attest --yes --key "$tmp/mary.key" --out "$tmp/hers" "$tmp/text" &&
	    [ "$(at bob curl -sS -o "$tmp/answer" -w '%{http_code}' --data-binary \
		"@$tmp/hers" "$url/api/v1/attestation")" = 403 ]
}
t "nobody but a rebuilder is heard" stranger
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
t "eve does not sign what was changed behind mary's back" \
    wants eve "recipe hello: build.sh is not what its maintainer signed"
t "mary reads the change and signs it" all
# One word of what routers will be told, and it is no word of a recipe.
kill "$tuf"
t "kiln-tuf ends" until_ok 20 tuf_gone
forge() { # OLD NEW: a memory, in the version that waits
	sqlite3 -cmd ".filectrl persist_wal 1" "$farm/tuf.db" \
	    "UPDATE role SET signed = replace(signed, '\"memory\":$1', '\"memory\":$2')
	    WHERE name = 'svc-hello-image' AND file IS NULL"
}
t "the farm's owner writes another memory into what is to be signed" \
    forge 67108864 67108865
t "which eve has not derived, and does not sign" \
    wants eve 'what is said of it as "memory" is not what recipe and records give'
t "nor has she built anything for it" no_builds eve
t "the owner takes it back" forge 67108865 67108864
tuf_starts
t "eve comes and builds" signs eve
t "with her it is published" until_ok 60 listed "$was"
t "and the router gets it" until_ok 60 honest_of "$image"

# --- what one machine cannot see ---------------------------------------------------
# Where its environment lies outside: the same in both lanes of one farm.
third() {
	cat >>"$work/recipes/hello/build.sh" <<-'END'
		sed -n 's/^[0-9]* [0-9]* [0-9:]* \([^ ]*\) \/ .*/\1/p' /proc/self/mountinfo >>/out/hello
	END
	signed_by "$tmp/mary.key" hello && cycle &&
	    [ "$(sql farm.db "SELECT count(*) FROM release WHERE service = 'hello-image'")" = 3 ]
}
listed 0
was=$v
t "a build that embeds its farm's path is reproduced there" third
t "and waits" until_ok 60 waits
no_sign() {
	rebuilds ada
	[ $? = 3 ] && grep "not-signed role=svc-hello-image" "$tmp/ada/log" |
	    grep -q "is not reproduced: hello build, lane"
}
t "ada does not sign: it is another one with her" no_sign
plan=$(sql farm.db "SELECT plan FROM current WHERE recipe = 'hello'")
build=$(sql farm.db "SELECT min(id) FROM run WHERE plan = '$plan'")
bad() { [ "$(sql tuf.db "SELECT count(*) FROM statement s JOIN log_entry USING
    (digest, key) WHERE s.plan = '$plan' AND verdict = 'differs'")" -ge 1 ]; }
t "and says so: the log has it" until_ok 60 bad
shown() {
	get "/build/$build" | tr -d '\n' | sed 's/<[^>]*>/ /g' |
	    grep -q "differs *rebuilder $(keyid ada), lane"
}
t "the build's page shows it" shown
unlisted() { ! listed "$was"; }
t "nothing is published" unlisted
mended() {
	sed -i '$ d' "$work/recipes/hello/build.sh" &&
	    echo "echo four >>/out/hello" >>"$work/recipes/hello/build.sh" &&
	    signed_by "$tmp/mary.key" hello && cycle &&
	    [ "$(sql farm.db "SELECT count(*) FROM release WHERE service = 'hello-image'")" = 4 ]
}
t "the farm mends it" mended
t "what nobody signs holds up nothing: ada signs the next one" until_ok 20 signs ada
t "which is published" until_ok 60 listed "$was"
finish
