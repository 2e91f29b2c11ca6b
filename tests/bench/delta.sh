# What a router fetches for a security fix of a library: an image of unbound and
# its libraries, once with the library as it was in the stable release and once
# as in its security update, both of the archive.
need xdelta3 bsdiff mkfs.erofs
mkdir "$tmp/delta"
cd "$tmp/delta"
fixed() { # PACKAGE: the two newest versions that the archive has
	apt-cache madison "$1" | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' |
	    sort -uV | tail -n 2
}
closure='libc6 libevent-2.1-7 libnghttp2-14 libprotobuf-c1 unbound'
for library in libssl3 libexpat1; do
	versions=$(fixed $library)
	before=$(echo "$versions" | head -n 1) after=$(echo "$versions" | tail -n 1)
	[ "$before" != "$after" ] || {
		say "the archive has one version of $library"
		exit 1
	}
	others=libssl3
	[ $library = libexpat1 ] || others=libexpat1
	for v in "$before" "$after"; do
		rm -rf debs "root.$v"
		mkdir debs
		# shellcheck disable=SC2086
		(cd debs && quietly apt-get download $closure $others "$library=$v")
		for d in debs/*.deb; do dpkg-deb -x "$d" "root.$v"; done
		rm -rf "root.$v/usr/share"
	done
	for v in "$before" "$after"; do
		quietly mkfs.erofs -T 0 -U 00000000-0000-0000-0000-000000000000 \
		    --all-root "image.$v" "root.$v"
	done
	delta="$out/tests/bench/bench_delta"
	"$delta" "image.$after" - full.zst
	"$delta" "image.$after" "image.$before" ours
	xdelta3 -e -9 -S lzma -f -s "image.$before" "image.$after" theirs.xdelta
	bsdiff "image.$before" "image.$after" theirs.bsdiff
	kib() { stat -c %s "$1" | awk '{ print $1 / 1024 }'; }
	for peer in full.zst theirs.xdelta theirs.bsdiff; do
		case $peer in
		full.zst) name=full shown="the whole image, compressed" ;;
		*.xdelta) name=xdelta3 shown='xdelta3 -9 -S lzma' ;;
		*) name=bsdiff shown=bsdiff ;;
		esac
		row "agent-delta-$library-$name" "$(kib ours)" "$(kib $peer)" KiB 1 \
		    "$shown: $library $before to $after"
	done
	goal "agent-delta-$library-full" 0.1
	rm -rf root.* image.[0-9]*
done
cd "$top"
