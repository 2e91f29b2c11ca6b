# What a changed archive touches.
#
# The real index, as this machine's own apt reads it, and the same with ten
# packages changed, compressed as Debian does.  Counted is the whole way, from
# the new index's bytes in the store to the list of touched recipes, and each of
# its parts; "cold": with the old index to be read, too.  The peer is solving all
# afresh, which has to agree.
need sqlite3 xz
a_farm
say "what is touched"
touched=$tmp/touched
mkdir "$touched"
cp -al "$state/store" "$touched/store"
sqlite3 "$state/farm.db" ".backup '$touched/farm.db'"
line=$(sqlite3 -readonly "$state/farm.db" \
    "SELECT indexes FROM lock_kept WHERE indexes LIKE 'bookworm %' LIMIT 1" | head -n 1)
packages=$(echo "$line" | cut -d ' ' -f 2) sources=$(echo "$line" | cut -d ' ' -f 3)
xz -dc "$(in_store "$state" "$packages")" >"$tmp/Packages"
sed -n 's/^Package: //p' "$tmp/Packages" | LC_ALL=C sort -u >"$tmp/all-names"
# The same ten each time; libssl3 and perl-base among them touch many.
{
	printf '%s\n' libssl3 perl-base
	awk -v n="$(wc -l <"$tmp/all-names")" 'NR % int(n / 8) == 7' "$tmp/all-names" | head -n 8
} >"$tmp/ten"
awk 'NR == FNR { ten[$1] = 1; next }
    /^Package: / { hit = $2 in ten }
    hit && /^Version: / { $0 = $0 "+bench1" }
    { print }' "$tmp/ten" "$tmp/Packages" | xz >"$tmp/new.xz"
changed=$(sha256sum <"$tmp/new.xz" | cut -c1-64)
mkdir -p "$(dirname "$(in_store "$touched" "$changed")")"
mv "$tmp/new.xz" "$(in_store "$touched" "$changed")"
for n in 1000 10000; do
	"$out/tests/bench/bench_touched" "$touched" "$packages" "$changed" \
	    "$sources" "$tmp/all-names" $n >"$tmp/asked"
	read -r count hit other whole new compare ask cold all <"$tmp/asked"
	say "$count recipes: $hit touched, $other other closures; $whole ms: $new to read the new index, $compare to compare it, $ask to ask; $cold cold"
	for part in "=$whole" "-read=$new" "-compare=$compare" "-ask=$ask" "-cold=$cold"; do
		row "touched-$n${part%=*}.wall" "${part#*=}" "$all" ms 1 \
		    "solving all afresh, which agrees"
	done
done
