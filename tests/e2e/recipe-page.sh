#!/bin/sh
# recipe-page.sh OUT: recipes/README.md is followed, block by block as it stands
# there, in a copy of this checkout with its programs and no farm.  Then what
# each block said is looked at.  `make recipe-test` runs it: minutes.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare --mount --propagation private sh "$0" "$@"
set -u
. tests/support/lib.sh
[ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] || {
	skip "it wants root and /dev/net/tun"
	finish
}
# A doubter's packages would stay in /var/cache/kiln.
mount -t tmpfs -o mode=755 tmpfs /var/cache || exit 1
tree=$tmp/tree
mkdir -p "$tree/out/dev" && chmod 755 "$tree"
git ls-files -z | xargs -0 cp -a --parents -t "$tree" || exit 1
(cd "$bin" && tar c --exclude=./tests/test_\* --exclude=./tests/unit \
    --exclude=./test-\* .) | tar x -C "$tree/out/dev" || exit 1

# One shell for all of them, so that PATH stays; each block's words in a file.
awk -v said="$tmp/said" '
    /^\*\*[0-9]\. / { step = substr($1, 3, 1) }
    /^```sh run$/ { printf "{\n"; block = 1; next }
    /^```$/ && block { printf "} >%s.%d 2>&1\n", said, step; block = 0 }
    block { print }' recipes/README.md >"$tmp/script"
(cd "$tree" && exec bash -eu "$tmp/script" </dev/null)
rc=$?
[ $rc -eq 0 ] || for last in "$tmp"/said.*; do :; done
[ $rc -eq 0 ] || tail -n 40 "$last" | cut -c1-200 | sed "s/^/# step ${last##*.}: /"
says() { grep "$2" "$tmp/said.$1" || { tail -n 20 "$tmp/said.$1"; return 1; }; } # STEP PATTERN
t "every block of the page ends well" test $rc -eq 0
t "1: a recipe is begun" says 1 '^./recipes/hello$'
t "2: its image is reproduced" \
    says 2 '^built  *hello  *image image  *[0-9a-f]\{64\} .* reproduced$'
t "… and the work is told" says 2 '^work .* sandboxes started'
t "3: why says what led there" says 3 'hello/image .* reproduced'
t "… and that it may be published" says 3 'released as hello'
t "5: its list of files is the image's" says 5 '^ok hello: its image holds'
t "… and a router's machine greets" says 5 '^ok hello: who connects is greeted'
t "6: it is reproduced from a bundle" says 6 '^reproduced: image [0-9a-f]\{64\} of hello: '
finish
