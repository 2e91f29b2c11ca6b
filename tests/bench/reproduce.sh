# One image reproduced from a warm folder, beside the farm that builds it.
#
# Both build the same plans down to packages and sources in both lanes, with all
# packages and environments there.  The doubter also asks a server, checks each
# lock from the archive's signature down and reads every unpacked package again;
# the farm also judges and keeps records.  KILN_BENCH_IMAGE: another recipe.
need sqlite3
a_farm
recipe=${KILN_BENCH_IMAGE:-dns-dhcp}
say "the image of $recipe, built by its farm and by a doubter"
again=$tmp/farm-again
mkdir -m 755 "$again"
cp -al "$state/store" "$again/store"
# Unpacked packages; environments know their own inodes, and are made again in
# the pair that does not count.
mkdir "$again/env"
chown --reference="$state/env" "$again/env"
cp -al "$state/env/deb" "$again/env/deb"
sqlite3 "$state/farm.db" ".backup '$again/farm.db'"
chown --reference="$state/farm.db" "$again/farm.db"
image=$(sqlite3 -readonly "$state/farm.db" "SELECT o.digest FROM output o
    JOIN run r ON r.id = o.run JOIN current c ON c.plan = r.plan
    WHERE c.recipe = '$recipe' AND c.stage = 'image' AND r.state = 'succeeded' LIMIT 1")
[ -n "$image" ] || {
	say "$state never built $recipe"
	exit 1
}
serve "$state"
reproduce="$out/kiln reproduce --state '$tmp/doubt' --from ${url%/tuf} --unpublished $image"
quietly sh -c "$reproduce" # the folder is warm from here on
forget="sqlite3 -cmd '.filectrl persist_wal 1' '$again/farm.db' 'DELETE FROM attestation;
    DELETE FROM output; DELETE FROM run;
    UPDATE plan SET verdict = NULL, verdict_record = NULL, judged_at = NULL;' >'$tmp/forget.log'
    chown --reference='$state/farm.db' '$again'/farm.db*"
all_pairs=$pairs pairs=${KILN_BENCH_PAIRS:-3}
pair -N reproduce-image -o "exec $reproduce" -B "$forget" \
    -p "exec '$out/kiln-builder' --once --offline --state '$again' \
    --recipes '$top/recipes' --only $recipe" \
    -c 'kiln-builder --once --offline: the same plans, both lanes'
pairs=$all_pairs
built=$(sqlite3 -readonly "$again/farm.db" "SELECT executed FROM cycle ORDER BY id DESC LIMIT 1")
[ "$built" -ge 6 ] || {
	say "the farm executed $built runs, not 6"
	exit 1
}
unserve
goal reproduce-image.wall 1.5
