#!/bin/sh
# doctor.sh OUT: kiln doctor names the usual troubles, each really made, with a
# remedy; and exits 0 where there is none of them.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare --net --mount --propagation private sh "$0" "$@"
. tests/support/lib.sh
[ "$(id -u)" = 0 ] || {
	skip "it mounts small disks"
	finish
}
faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null) ||
    { echo "libfaketime is not installed" >&2; exit 1; }
state=$tmp/state
mkdir "$state" && mount -t tmpfs -o mode=755,size=8g tmpfs "$state" || exit 1
cleaned() {
	umount "$state" 2>/dev/null
	cleanup
}
trap cleaned EXIT
# says STATE WHAT WORDS: a finding with these words, and a remedy if it is one.
says() {
	"$bin/kiln" doctor --state "$state" --json >"$tmp/said"
	rc=$?
	cat "$tmp/said"
	[ "$1" != bad ] || [ $rc -eq 1 ] || return 1
	jq -e --arg s "$1" --arg w "$2" --arg t "$3" '[.[] | select(.state == $s and (.what | startswith($w))
	    and (.text | contains($t)) and ($s == "ok" or (.remedy | length > 10)))] | length > 0' "$tmp/said"
}
founded() { # by a clock so many days ago
	env LD_PRELOAD="$faketime" FAKETIME="-${1}d" "$bin/kiln-tuf" init --demo \
	    --state "$state" --service hello-image
}
t "a farm was founded 350 days ago" founded 350
t "its targets expire soon" says warn "role targets" expires
t "its timestamp has" says bad "role timestamp" expired
t "none of its programs runs" says warn kiln-builder "does not run"
t "no archive was read" says warn archive "no archive has been read"
t "there is room" says ok disk "GiB free"
t "the sandbox works" says ok sandbox "user namespace"
cp -R tests/support/recipes "$tmp/recipes" && chmod -R a+rX "$tmp/recipes"
agent() { # NAME: a recipe that is released as kiln-agent
	mkdir "$tmp/recipes/$1" && cp tests/support/recipes/hello/build.sh "$tmp/recipes/$1" &&
	    cat >"$tmp/recipes/$1/recipe.yaml" <<-EOF
		name: $1
		kind: agent
		summary: s
		suites: [bookworm]
		memory: 16MiB
		outputs: [agent]
		build: {packages: [sed], script: build.sh}
		EOF
}
two_agents() { agent one && agent two; }
t "two of its recipes are for the agent" two_agents
unreached() {
	"$bin/kiln-builder" --state "$state" --recipes "$tmp/recipes" --once 2>"$tmp/log"
	cat "$tmp/log"
	says bad "archive bookworm" since
}
t "without a network the archive is not reached" unreached
t "… and recipes are held for it" says warn "recipe hello" "never read"
t "two that would be released as one service are told in the log" grep -q \
    'warn same-service recipe=two .*as kiln-agent for .* and so is one' "$tmp/log"
released() { # as the builder enters what it has reproduced
	for r in one two; do
		d=$(echo $r | sha256sum | cut -c1-64)
		sqlite3 -cmd '.filectrl persist_wal 1' "$state/farm.db" \
		    "INSERT INTO plan (digest, recipe, stage, lock, made_at, verdict)
			VALUES ('$d', '$r', 'build', '$d', 1, 'reproduced');
		    INSERT INTO release (digest, service, arch, plan, made_at)
			VALUES ('$d', 'kiln-agent', 'amd64', '$d', 1)" || return 1
	done
}
t "… and both are" released
t "… which is said" says warn "service kiln-agent" "one and two are released as it for amd64"
t "a disk with little room is bad" sh -c "mount -o remount,size=600m '$state'"
t "… and said to be" says bad disk "GiB free"
t "so is one that nobody can write to" mount -o remount,ro,size=8g "$state"
t "… which has its own words" says bad disk "mounted read-only"
mount -o remount,rw "$state"
# A kernel that grants no user namespaces: in a changed root it does not.
mkdir "$tmp/root" && mount --rbind / "$tmp/root" || exit 1
jailed() {
	chroot "$tmp/root" "$bin/kiln" doctor --state "$state" --json >"$tmp/said"
	[ $? -eq 1 ] && cat "$tmp/said" &&
	    jq -e '.[] | select(.what == "sandbox" and .state == "bad") | .remedy | contains("user namespaces")' "$tmp/said"
}
t "no user namespaces: no sandbox, with what to allow" jailed
umount -R "$tmp/root"
clock() { says ok clock "kept by somebody" || says warn clock "nobody sets it"; }
t "the clock is judged" clock
finish
