# Assembles an image: kiln's own script, run in the sandbox like a build.sh.
#
# /kiln/files has a line for each entry, fields divided by a tab:
#   TYPE PATH MODE WHAT     TYPE: output use env recipe dir link
# Sorted by path, so that a folder comes before what lies in it.  Names hold
# no blanks (recipe.yaml's rules).  Whoever runs it, the image is the same:
# every mode is set, times are the recipe's clock, owners are root.

umask 022
root=/build/root
mkdir "$root"

# From an environment, a folder is copied with all it holds.  Links inside it
# stay links; one that is named itself is followed.
copy_env() {
	if [ -d "$1" ]; then
		mkdir -p "$2"
		cp -R -P "$1/." "$2/"
		find "$2" -type d -exec chmod 0755 {} +
		find "$2" -type f -perm /0111 -exec chmod 0755 {} +
		find "$2" -type f ! -perm /0111 -exec chmod 0644 {} +
	else
		cp -L "$1" "$2"
		chmod "$3" "$2"
	fi
}

tab=$(printf '\t')
while IFS=$tab read -r type path mode what; do
	to=$root$path
	mkdir -p "${to%/*}"
	case $type in
	output | use)
		cp "/kiln/uses/$what" "$to"
		chmod "$mode" "$to"
		;;
	env)
		if [ ! -e "$what" ]; then
			echo "assemble: no $what in the environment" >&2
			exit 1
		fi
		copy_env "$what" "$to" "$mode"
		;;
	recipe)
		cp "/kiln/recipe/$what" "$to"
		chmod "$mode" "$to"
		;;
	dir)
		mkdir -p "$to"
		chmod "$mode" "$to"
		;;
	link)
		ln -s "$what" "$to"
		;;
	*)
		echo "assemble: unknown entry $type" >&2
		exit 1
		;;
	esac
done </kiln/files

# No compression: the image is read in place and packed for transport alone.
# A name-based UUID of no particular meaning; a random one would differ.
mkfs.erofs -T"$SOURCE_DATE_EPOCH" -U 6b696c6e-0000-4000-8000-000000000001 \
    --all-root -x-1 /out/image "$root" >/dev/null
echo "assembled $(find "$root" | wc -l) entries, $(wc -c </out/image) bytes"
