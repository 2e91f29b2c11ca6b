# What the build.sh of a service begins with:
#
#	recipe=NAME; . /kiln/uses/guest-init/recipe.sh
#
# $flags and $link make static programs that are the same wherever they are
# built.  The sources of a recipe include each other from the root of the
# project (recipes/NAME/x.h), so that unit tests compile the very same ones.
flags="-O2 -g0 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
flags="$flags -ffile-prefix-map=$PWD=."
link='-static -Wl,--build-id=none -Wl,-z,relro -Wl,-z,noexecstack -s'

mkdir -p recipes
ln -s /kiln/recipe "recipes/$recipe"
ln -s /kiln/uses/guest-init recipes/guest-init

# unpack NAME: a Debian source package, with Debian's patches if it has any, as
# ./NAME.
unpack()
{
	mkdir "$1"
	for file in /kiln/sources/"$1"_*.orig.tar.* \
	    /kiln/sources/"$1"_*.debian.tar.*; do
		case $file in
		*.asc) ;;
		*.orig.tar.*) tar -x -f "$file" -C "$1" --strip-components=1 ;;
		*) [ ! -e "$file" ] || tar -x -f "$file" -C "$1" ;;
		esac
	done
	[ -e "$1/debian/patches/series" ] || return 0
	while read -r patch rest; do
		case $patch in '' | '#'*) continue ;; esac
		patch -d "$1" -p1 -s < "$1/debian/patches/$patch"
	done < "$1/debian/patches/series"
}

# program OUTPUT FILE.c… [-lLIBRARY…]: sources of the recipe's folder, with
# libguest.
program()
{
	to=$1 files= libs=
	shift
	for word in "$@"; do
		case $word in
		-*) libs="$libs $word" ;;
		*) files="$files recipes/$recipe/$word" ;;
		esac
	done
	gcc -std=c17 -D_GNU_SOURCE -I. $flags -Wall -Wextra -Werror $link \
	    -o "/out/$to" $files recipes/guest-init/libguest.a $libs -ljansson
	chmod 0755 "/out/$to"
}
