# For run.sh: what the same services take on a stock Debian, by apt's own word.
# A minimal system is what debootstrap's variant minbase begins with: packages of
# Priority required, and apt.  A proof may name the packages of its service in
# its first lines, "# stock: wireguard-tools"; else they are the recipe's sources
# and what its image takes from packages.
stock_names() { # SERVICE…
	for s; do
		names=$(word stock "$here/$s.sh")
		[ "$names" ] || names=$(sed -n -e 's/^sources: \[\(.*\)\]$/\1/p' \
		    -e '/^image:/,/^[a-z]/s/^  packages: \[\(.*\)\]$/\1/p' \
		    "recipes/$s/recipe.yaml" | tr -d , |
		    sed 's/\<\(coreutils\|dash\|erofs-utils\)\>//g')
		echo "$names"
	done | tr -s ' ' '\n' | grep . | sort -u >"$tmp/stock-names"
	# A source need not be a package, too.
	apt-cache pkgnames | grep -Fx -f "$tmp/stock-names"
}
# Nothing is installed: an empty list of packages, and a solver that only says.
stock_solve() { # NAME…
	apt-get -s -o Dir::State::status=/dev/null -o Debug::NoLocking=1 \
	    --no-install-recommends install '?priority(required)' apt "$@" |
	    sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p' | sort -u
}
# "PACKAGES BYTES" of a list NAME=VERSION on standard input: Installed-Size is in
# units of 1024 bytes.
stock_sum() {
	xargs apt-cache show | awk '/^Package: / {p = $2}
	    /^Installed-Size: / {size[p] = $2}
	    END {for (p in size) {n++; kib += size[p]}
		printf "%d %.0f\n", n, kib * 1024}'
}
stock_of() { # SERVICE…: one machine that has them all
	# shellcheck disable=SC2046
	stock_solve $(stock_names "$@") >"$tmp/stock" && [ -s "$tmp/stock" ] &&
	    stock_sum <"$tmp/stock"
}
