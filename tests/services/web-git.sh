# web-git: a page, and what a push makes of it.
# tools: git node openssl curl jq
web=http://192.0.2.82 web_secret=the-secret-of-the-hook
in_work() { git -C "$tmp/pages" -c user.name=t -c user.email=t@home.test "$@"; }
pushes() { # WORDS
	printf '<p>%s</p>\n' "$1" >"$tmp/pages/index.html" &&
	    in_work add -A && in_work commit -q -m "$1" &&
	    in_work push -q "$tmp/forge/pages.git" HEAD:main
}
prepare() {
	certificate ours forge IP:192.0.2.100 2>/dev/null
	git init -q --bare "$tmp/forge/pages.git"
	git init -q "$tmp/pages"
	mkdir "$tmp/pages/sub" "$tmp/pages/.hidden"
	echo '{"a":1}' >"$tmp/pages/sub/data.json"
	echo hidden >"$tmp/pages/.hidden/file"
	ln -s /run/web/config.json "$tmp/pages/link"
	pushes first
	$at_lan node tests/services/git-server.js "$tmp/forge" 192.0.2.100 8443 \
	    "$k/forge.key" "$k/forge.pem" 2>"$tmp/forge.log" &
	forge=$!
	pids="$pids $forge"
}
settings() {
	jq -n --arg authority "$(folded ours.pem)" --arg hook $web_secret '
	    {address: "192.0.2.82", config: {
	    repository: "https://192.0.2.100:8443/pages.git",
	    authority: $authority, hook: $hook}}'
}
get() { # STATUS PATH curl-options…
	status=$1 path=$2
	shift 2
	got=$($at_lan curl -sS --max-time 10 --path-as-is -o "$tmp/page" \
	    -D "$tmp/heads" -w '%{http_code}' "$@" "$web$path")
	echo "status $got: $(cat "$tmp/page")"
	[ "$got" = "$status" ]
}
shows() { # WORDS
	get 200 / && grep -q "<p>$1</p>" "$tmp/page"
}
json() {
	get 200 /sub/data.json && grep -qi 'content-type: application/json' \
	    "$tmp/heads"
}
unchanged() {
	tag=$(sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p' "$tmp/heads")
	echo "tag $tag"
	[ "$tag" ] && get 304 / -H "If-None-Match: $tag"
}
link_is_words() {
	get 200 /link && [ "$(cat "$tmp/page")" = /run/web/config.json ]
}
rings() { # STATUS SECRET
	echo '{"ref":"refs/heads/main"}' >"$tmp/event"
	get "$1" /.hook --data-binary "@$tmp/event" \
	    -H "X-Hub-Signature-256: sha256=$(openssl dgst -sha256 -hmac "$2" \
		-r "$tmp/event" | cut -d ' ' -f 1)"
}
pushed_and_told() { pushes "$1" && rings 202 $web_secret; }
goes() { kill $forge && until_ok 10 sh -c "! kill -0 $forge 2>/dev/null"; }
impostor() { # another authority's certificate for the same address
	certificate theirs impostor IP:192.0.2.100 2>/dev/null
	$at_lan node tests/services/git-server.js "$tmp/forge" 192.0.2.100 8443 \
	    "$k/impostor.key" "$k/impostor.pem" 2>"$tmp/forge.log" &
	forge=$!
	pids="$pids $forge"
	until_ok 10 $at_lan curl -sk -o "$tmp/page" \
	    https://192.0.2.100:8443/pages.git/HEAD
}
distrusted() { agent console web-git | grep 'certificate' | tail -n 1 | grep .; }
prove() {
	t "web-git: what the repository holds is shown" until_ok 30 shows first
	t "web-git: a page that is known is not sent again" unchanged
	t "web-git: a file has its type" json
	t "web-git: a link is not followed" link_is_words
	t "web-git: what begins with a dot is nobody's business" \
	    get 404 /.hidden/file
	t "web-git: nor is what lies outside" get 404 /../config.json
	t "web-git: only GET" get 405 / --data-binary x
	t "web-git: a push, and its hook" pushed_and_told second
	t "web-git: … and the page changes" until_ok 30 shows second
	pushes third
	t "web-git: a hook with another secret is refused" rings 403 no-secret
	t "web-git: … and nothing is looked at" shows second
	t "web-git: the forge goes" goes
	t "web-git: … its hook still rings" rings 202 $web_secret
	t "web-git: … and the page stays" shows second
	t "web-git: somebody else comes in its place" impostor
	t "web-git: … and is not believed" until_ok 30 distrusted
	t "web-git: … and the page stays" shows second
}
