# An environment from the store, beside mmdebstrap with the same packages.
need mmdebstrap dpkg-scanpackages
a_farm
env="$out/tests/bench/bench_env"
"$env" list "$state" guest-init >"$tmp/list"
say "environment of $(wc -l <"$tmp/list") packages"
# The peer gets the same .debs, as a local archive: no network on either side.
mkdir "$tmp/debs" "$tmp/env"
while read -r name version arch sha path; do
	ab=$(printf %.2s "$sha")
	cp "$state/store/$ab/$sha" "$tmp/debs/${path##*/}"
	printf '%s=%s\n' "$name" "$version" >>"$tmp/names"
done <"$tmp/list"
(cd "$tmp/debs" && dpkg-scanpackages -m . >Packages 2>/dev/null)
include=$(paste -sd, "$tmp/names")
extract="mmdebstrap --quiet --mode=root --variant=extract \
    --include='$include' \
    bookworm '$tmp/root' 'deb [trusted=yes] copy:$tmp/debs ./'"
shown='mmdebstrap --variant=extract --include=LOCK bookworm DIR copy:DEBS'
ours="exec '$env' make '$state' guest-init '$tmp/env'"
pair -N environment-unpack -b "rm -rf '$tmp/env' && mkdir '$tmp/env'" -o "$ours" \
    -B "rm -rf '$tmp/root'" -p "$extract" -c "$shown"
pair -N environment-assemble \
    -b "find '$tmp/env' -mindepth 1 -maxdepth 1 ! -name deb -exec rm -rf {} +" \
    -o "$ours" -B "rm -rf '$tmp/root'" -p "$extract" -c "$shown"

# One package of the list is new: the others are there, as after an update.
one=$(awk '{ print $4 }' "$tmp/list" | tail -n 1)
pair -N environment-one-new \
    -b "find '$tmp/env' -mindepth 1 -maxdepth 1 ! -name deb -exec rm -rf {} +
	rm -rf '$tmp/env/deb/$one'" \
    -o "$ours" -B "rm -rf '$tmp/root'" -p "$extract" -c "$shown"
rm -rf "$tmp/root"
goal environment-one-new.wall 0.05
