#!/bin/sh
# Git repositories as sources: over file and http, moved, forced, lost, private;
# and the whole chain from a forge's hook to a build.
set -u
. tests/support/lib.sh

state=$tmp/state
repo=$tmp/thing
secret="correct horse battery"
umask 022

sql() { sqlite3 -batch -readonly "$state/farm.db" "$1"; }
is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "no \"$2\" in \"$1\""; return 1 ;; esac; }
g() {
	git -C "$repo" -c user.name=A -c user.email=a@example.org \
	    -c commit.gpgsign=false -c init.defaultBranch=main "$@"
}
commit() { # TEXT: what the repository says from now on
	echo "$1" >"$repo/hello"
	g add -A && g commit -q -m "$1"
}
recipe() { # FOLDER NAME URL REF: a recipe that takes its output from there
	mkdir -p "$1/$2"
	cat >"$1/$2/recipe.yaml" <<-END
		name: $2
		kind: source
		summary: A greeting out of a repository, for tests
		upstream: thing
		suites: [bookworm]
		build:
		  packages: [dash, tar]
		  script: build.sh
		sources:
		  - {git: "$3", ref: $4, name: thing}
		outputs: [hello]
		budget: {memory: 512MiB, wall: 2m, log: 1MiB, output: 1MiB}
	END
	printf 'tar xf /kiln/sources/thing.tar\ncp thing/hello /out/hello\n' \
	    >"$1/$2/build.sh"
}
output() { # RECIPE: the bytes that stand for it
	h=$(sql "SELECT o.digest FROM current c JOIN run r ON r.plan = c.plan
	    JOIN output o ON o.run = r.id WHERE c.recipe = '$1' LIMIT 1")
	cat "$state/store/$(echo "$h" | cut -c1-2)/$h"
}
once() { "$bin/kiln-builder" --state "$state" --once "$@" >"$tmp/out" 2>"$tmp/err"; }

mkdir "$repo"
g init -q && commit one
recipe "$tmp/recipes" thing "file://$repo" main

# --- one after the other -----------------------------------------------------
built() {
	once --recipes "$tmp/recipes" || { cat "$tmp/out" "$tmp/err"; return 1; }
	is "$(output thing)" one
}
t "a repository's files are what a build gets" built
t "the lock names the commit" \
    has "$("$bin/kiln" lock show --state "$state" thing)" \
    "commit $(g rev-parse HEAD), tree $(g rev-parse 'HEAD^{tree}')"
unmoved() {
	once --recipes "$tmp/recipes" && has "$(cat "$tmp/out")" "executed 0" &&
	    is "$(sql "SELECT solved, kept FROM cycle ORDER BY id DESC LIMIT 1")" "0|1"
}
t "a ref that has not moved solves and runs nothing" unmoved
amended() {
	echo two >"$repo/hello"
	g commit -q -a --amend -m two || return 1
	once --recipes "$tmp/recipes" || { cat "$tmp/err"; return 1; }
	is "$(output thing)" two
}
t "a forced ref is followed" amended
gone() {
	g branch -q -m main trunk
	once --recipes "$tmp/recipes" || { cat "$tmp/err"; return 1; }
	has "$(cat "$tmp/out")" "executed 0" &&
	    has "$(sql "SELECT text FROM event WHERE kind = 'git-refused'")" \
		"thing main: the repository has no such ref (cause=missing)"
}
t "a lost ref is told, and what was locked still holds" gone
g branch -q -m trunk main

# --- from a hook to a build --------------------------------------------------
printf 'poll: 7d\n' >"$tmp/slow.yaml"
"$bin/kiln-builder" --state "$state" --recipes "$tmp/recipes" \
    --config "$tmp/slow.yaml" 2>"$tmp/builder.log" &
builder=$!
node tests/support/listen.js "$bin/kiln-web" --state "$state" \
    >"$tmp/web.port" 2>"$tmp/web.log" &
pids="$pids $builder $!"
cycles() { sql "SELECT count(*) FROM cycle WHERE finished_at IS NOT NULL"; }
settled() { [ "$(cycles)" -gt "$before" ]; }
before=$(cycles)
t "the builder looks once when it starts" until_ok 60 settled
t "kiln-web is given a port" until_ok 20 test -s "$tmp/web.port"
port=$(cat "$tmp/web.port")
t "… and serves" until_ok 20 grep -q serving "$tmp/web.log"
printf '%s\n' "$secret" >"$state/keys/hooks/forge"
chmod 644 "$state/keys/hooks/forge"
hook() { node tests/support/hook.js "http://127.0.0.1:$port/hooks/forge" "$@"; }
commit three
t "a hook with another secret is refused" is "$(hook "another secret of a stranger" 1)" 403
before=$(cycles)
t "a signed hook is taken" is "$(hook "$secret" 1)" 202
three() { [ "$(output thing 2>/dev/null)" = three ]; }
t "… and what was pushed is built, though the next look is a week away" until_ok 90 three
chain() {
	is "$(sql "WITH RECURSIVE up(id, kind, parent) AS (
	    SELECT id, kind, parent FROM event WHERE id =
	     (SELECT max(id) FROM event WHERE kind = 'plan-made')
	    UNION ALL SELECT e.id, e.kind, e.parent FROM event e JOIN up ON e.id = up.parent)
	    SELECT group_concat(kind, ' < ') FROM up")" \
	    "plan-made < lock-changed < git-changed"
}
t "the chain of events leads from the build to the moved ref" chain
first=$(sql "SELECT max(id) FROM cycle")
t "the same hook sent twenty times is taken" is "$(hook "$secret" 20)" 202

# --- over http, meanwhile ----------------------------------------------------
mkdir "$tmp/srv" "$tmp/srv/private"
node tests/support/git-http.js "$tmp/srv" >"$tmp/git.port" 2>"$tmp/git.log" &
pids="$pids $!"
git clone -q --bare "$repo" "$tmp/srv/thing.git"
git clone -q --bare "$repo" "$tmp/srv/private/thing.git"
t "a git server listens" until_ok 20 test -s "$tmp/git.port"
http=http://127.0.0.1:$(cat "$tmp/git.port")
far=$tmp/far
recipe "$tmp/far-recipes" thing "$http/thing.git" main
over_http() {
	(state=$far && once --recipes "$tmp/far-recipes" ||
	    { cat "$tmp/out" "$tmp/err"; false; }) &&
	    is "$(sqlite3 -readonly "$far/farm.db" "SELECT digest FROM git_tar")" \
		"$(sql "SELECT t.digest FROM git_tar t JOIN git_ref r ON r.tree = t.tree")"
}
t "over http the same commit is the same bytes" over_http
: >"$tmp/srv/requests"
again() {
	(state=$far && once --recipes "$tmp/far-recipes") &&
	    has "$(cat "$tmp/out")" "executed 0" &&
	    is "$(cat "$tmp/srv/requests")" \
		"GET /thing.git/info/refs?service=git-upload-pack"
}
t "… and an unmoved ref costs one request" again
recipe "$tmp/far-recipes" hidden "$http/private/thing.git" main
locked_out() {
	(state=$far && once --recipes "$tmp/far-recipes" --only hidden)
	has "$(cat "$tmp/out")" "the server wants a name and password: name a file of credentials in kiln.yaml"
}
t "a private repository without credentials holds its recipe, with the reason" locked_out
(umask 077 && echo operator:secret >"$tmp/credentials" && echo operator:wrong >"$tmp/wrong")
[ "$(id -u)" = 0 ] && chown "$(stat -c %u "$far/git")" "$tmp/credentials" "$tmp/wrong"
config() { printf 'credentials:\n  - {url: "%s/private/", file: %s}\n' "$http" "$1" >"$tmp/far.yaml"; }
wrong() {
	config "$tmp/wrong"
	(state=$far && once --recipes "$tmp/far-recipes" --only hidden --config "$tmp/far.yaml")
	has "$(cat "$tmp/out")" "the server refuses the credentials"
}
t "… with wrong ones, too" wrong
private() {
	config "$tmp/credentials"
	(state=$far && once --recipes "$tmp/far-recipes" --only hidden --config "$tmp/far.yaml" ||
	    { cat "$tmp/out" "$tmp/err"; false; })
}
t "… and with good ones it is built" private
t "no password reached a database or the log" \
    sh -c "! grep -a -q operator:secret '$far'/*.db* '$tmp/err'"

# --- recipes out of a repository ---------------------------------------------
mkdir -p "$tmp/farm"
(repo=$tmp/farm && g init -q && mkdir "$repo/kiln" &&
    recipe "$repo/kiln" ours "$http/thing.git" main && g add -A && g commit -q -m first)
git clone -q --bare "$tmp/farm" "$tmp/srv/private/farm.git"
recipes_in() {
	config "$tmp/credentials"
	printf 'recipes:\n  - {git: "%s/private/farm.git", ref: main, folder: kiln}\n' \
	    "$http" >>"$tmp/far.yaml"
}
recipes_in
from_git() { (state=$far && once --config "$tmp/far.yaml" || { cat "$tmp/out" "$tmp/err"; false; }); }
named() {
	from_git && has "$(cat "$tmp/out")" "ours " &&
	    is "$(sqlite3 -readonly "$far/farm.db" "SELECT name, origin FROM recipe")" \
		"ours|$http/private/farm.git $(git -C "$tmp/farm" rev-parse HEAD)"
}
t "recipes come out of a private repository, at a commit that is remembered" named
edited() {
	(repo=$tmp/farm && echo ': another script' >>"$repo/kiln/ours/build.sh" &&
	    g commit -q -a -m second && g push -q "$tmp/srv/private/farm.git" main) || return 1
	from_git && has "$(cat "$tmp/out")" "executed 2" &&
	    is "$(sqlite3 -readonly "$far/farm.db" "SELECT e.text, u.kind FROM event e
		JOIN event u ON u.id = e.parent WHERE e.kind = 'recipe-changed'")" \
		"the files of the recipe ours changed: it is of $http/private/farm.git $(git -C "$tmp/farm" rev-parse HEAD)|git-changed"
}
t "a new commit there makes a new plan, and is the reason for it" edited
unreachable() {
	mv "$tmp/srv/private/farm.git" "$tmp/srv/private/away.git"
	from_git && has "$(cat "$tmp/out")" "executed 0"
	rc=$?
	mv "$tmp/srv/private/away.git" "$tmp/srv/private/farm.git"
	return $rc
}
t "a repository that is gone leaves its recipes as they were" unreachable
never() {
	printf 'recipes:\n  - {git: "%s/nothing.git", ref: main}\n' "$http" >"$tmp/none.yaml"
	(state=$far && once --config "$tmp/none.yaml")
	is $? 1 && is "$(sqlite3 -readonly "$far/farm.db" "SELECT count(*) FROM recipe")" 1 &&
	    has "$(sqlite3 -readonly "$far/farm.db" "SELECT text FROM event WHERE kind = 'recipes-missing'")" \
		"nothing.git main"
}
t "one that was never there loads nothing, and what was known stays" never

# --- the brake ---------------------------------------------------------------
t "the twenty hooks make the builder look once more" until_ok 90 \
    sh -c "[ \"\$(sqlite3 -readonly '$state/farm.db' 'SELECT count(*) FROM cycle WHERE id > $first')\" -ge 1 ]"
braked() {
	kill "$builder"
	wait "$builder"
	is "$(sql "SELECT count(*) FROM cycle WHERE id > $first")" 1 &&
	    [ "$(sql "SELECT (SELECT started_at FROM cycle WHERE id > $first)
		- (SELECT started_at FROM cycle WHERE id = $first)")" -ge 59 ]
}
t "… once, and a minute after the first" braked
finish
