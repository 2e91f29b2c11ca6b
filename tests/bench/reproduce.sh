# One image reproduced from a warm folder, beside the farm that builds it.
#
# Both build the same plans down to packages and sources in both lanes, with all
# packages and environments there.  The doubter also asks a server, checks each
# lock from the archive's signature down and reads every unpacked package again;
# the farm also judges and keeps records.
need sqlite3 curl
a_farm
say "one image, built by its farm and by a doubter"
again=$tmp/farm-again
mkdir -m 755 "$again"
for one in store env log work run git spool tuf keys router; do
	[ ! -e "$state/$one" ] || cp -al "$state/$one" "$again/" 2>/dev/null ||
	    { rm -rf "${again:?}/$one" && cp -a "$state/$one" "$again/"; }
done
sqlite3 "$state/farm.db" ".backup '$again/farm.db'"
chown --reference="$state/farm.db" "$again/farm.db"
image=$(sqlite3 -readonly "$state/farm.db" "SELECT o.digest FROM output o
    JOIN run r ON r.id = o.run JOIN current c ON c.plan = r.plan
    WHERE c.recipe = 'dns-dhcp' AND c.stage = 'image' AND r.state = 'succeeded' LIMIT 1")
[ -n "$image" ] || {
	say "$state never built dns-dhcp"
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
    --recipes '$top/recipes' --only dns-dhcp" \
    -c 'kiln-builder --once --offline: the same plans, both lanes'
pairs=$all_pairs
built=$(sqlite3 -readonly "$again/farm.db" "SELECT executed FROM cycle ORDER BY id DESC LIMIT 1")
[ "$built" -ge 6 ] || {
	say "the farm executed $built runs, not 6"
	exit 1
}
unserve
goal reproduce-image.wall 1.5
