# `kiln recipe new` makes a recipe that is good, and compiles.
. tests/support/lib.sh
mkdir "$tmp/recipes"
cp -R recipes/guest-init "$tmp/recipes/"
new() { "$bin/kiln" recipe new --recipes "$tmp/recipes" "$@"; }
refused() { # NAME
	new "$1"
	[ $? -eq 2 ]
}
t "kiln recipe new makes a folder" new hello
t "… in which nothing is left to be filled in" \
    sh -c "! grep -r '@' '$tmp/recipes/hello'"
t "the builder takes it" "$bin/kiln-builder" -n --recipes "$tmp/recipes"
t "a second of that name is refused" refused hello
for name in "" Hello a/b .. -x kernel self "$(printf 'a%.0s' $(seq 41))"; do
	t "\"$name\" is no name for one" refused "$name"
done
compiles() { # FILE…
	(cd "$tmp" && gcc -std=c17 -D_GNU_SOURCE -I. -Wall -Wextra -Werror \
	    -o program "$@" recipes/guest-init/guest.c \
	    recipes/guest-init/files.c recipes/guest-init/pem.c -ljansson)
}
t "its configure program compiles" compiles recipes/hello/configure_main.c \
    recipes/hello/conf.c
t "its service compiles" compiles recipes/hello/serve_main.c
listed() { # as the recipe says, with the folders above
	sed -n 's/.*{path: \([^,]*\),.*/\1/p' "$tmp/recipes/hello/recipe.yaml" |
	    while read -r path; do
		while [ "$path" ]; do
			echo "${path#/}"
			path=${path%/*}
		done
	done | LC_ALL=C sort -u >"$tmp/said"
	sed 's/^. [0-7]* //' "$tmp/recipes/hello/files.list" >"$tmp/list"
	diff "$tmp/said" "$tmp/list"
}
t "its list of files is that of its image" listed
# `make recipe-test` follows that page.
named() {
	for f in "$tmp/recipes/hello"/*; do
		grep -q "^|.*\`${f##*/}\`.*|" recipes/README.md ||
		    { echo "${f##*/} is not in the table"; return 1; }
	done
}
t "recipes/README.md says what each file is" named
known() {
	sed -n 's/^kiln \([a-z]*\)\(.*\)/\1 \2/p' recipes/README.md >"$tmp/lines"
	[ "$(wc -l <"$tmp/lines")" -ge 5 ] || return 1
	while read -r verb words; do
		"$bin/kiln" help "$verb" >"$tmp/help" || return 1
		for o in $words; do
			case $o in --*) grep -q -e "$o" "$tmp/help" ||
			    { echo "$verb knows no $o"; return 1; } ;; esac
		done
	done <"$tmp/lines"
}
t "… and its commands and their options are kiln's" known
finish
