# For run.sh: the bytes of what runs in an image, by where they come from: a
# recipe, a source that one compiles, or the Debian package whose file it is.

# Where an output comes from: a program of the recipe's own, or what it is built
# from.
origin() { # RECIPE OUTPUT
	if grep -qs "^program $2 " "recipes/$1/build.sh" ||
	    [ "$1" = guest-init ]; then
		echo "$1"
	else
		sed -n 's/^upstream: //p' "recipes/$1/recipe.yaml"
	fi
}
# /lib is /usr/lib in a machine, and either in a package.
merged() { sed 's,^\.*/,/,; s,^/\(bin\|sbin\|lib[0-9]*\)/,/usr/\1/,'; }
# Every file of every package that the image's environment has: PATH, tab, NAME.
owners() { # RECIPE
	lock=$(sql "SELECT p.lock FROM current c JOIN plan p ON p.digest = c.plan
	    WHERE c.recipe = '$1$of' AND c.stage = 'image'")
	jq -r '.image[] | "\(.name) \(.sha256)"' "$(stored "$lock")" |
	    while read -r package digest; do
		dpkg-deb --fsys-tarfile "$(stored "$digest")" | tar -t |
		    merged | sed "s/\$/	$package/"
	done
}
entries() { # RECIPE: its image's, PATH, tab, FROM
	case $arch in
	arm64) triplet=aarch64-linux-gnu loader=/lib/ld-linux-aarch64.so.1 ;;
	*) triplet=x86_64-linux-gnu loader=/lib64/ld-linux-x86-64.so.2 ;;
	esac
	sed -n 's/.*{path: "*\([^,"]*\)"*, from: "\([^"]*\)".*/\1	\2/p' \
	    "recipes/$1/recipe.yaml" |
	    sed "s,{triplet},$triplet,g; s,{loader},$loader,g"
}
# Of an entry's files: ORIGIN, tab, BYTES each.
parts_of() { # RECIPE PATH FROM
	case $3 in
	use:*) name=${3#use:} name=$(origin "${name%%/*}" "${name#*/}") ;;
	output:*) name=$(origin "$1" "${3#output:}") ;;
	recipe:*) name=$1 ;;
	env:*) (cd "$tmp/root-$1" && find ".$2" -type f -printf "%s\t%p\n") |
		while IFS='	' read -r bytes path; do
			path=$(echo "${3#env:}${path#".$2"}" | merged)
			printf '%s\t%s\n' "$(awk -F '\t' -v path="$path" '
			    $1 == path {print $2; exit}' "$tmp/owners")" "$bytes"
		done
		return ;;
	*) return ;;
	esac
	[ "$name" != "$1" ] || name="this recipe"
	find "$tmp/root-$1$2" -type f -printf "$name\t%s\n"
}
# Lines ORIGIN, tab, BYTES, the largest first; 1 if that is not all there is.
parts() { # RECIPE
	has_image "$1" || return 0
	owners "$1" >"$tmp/owners"
	entries "$1" | while IFS='	' read -r path from; do
		parts_of "$1" "$path" "$from"
	done | awk -F '\t' '{n[$1] += $2} END {for (k in n) print k "\t" n[k]}' |
	    sort -t "$(printf '\t')" -k 2,2rn -k 1,1 >"$tmp/summed"
	cat "$tmp/summed"
	find "$tmp/root-$1" -type f -printf '%s\n' |
	    awk -v summed="$tmp/summed" 'BEGIN {
		FS = "\t"
		while ((getline <summed) > 0) {
			left -= $2
			if ($1 == "") bad = 1
		}
	    }
	    {left += $1}
	    END {
		if (left) print left " bytes are nobody'"'"'s" >"/dev/stderr"
		if (bad) print "a file is of no package" >"/dev/stderr"
		exit left != 0 || bad
	    }'
}
