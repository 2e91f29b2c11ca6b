# What the LAN feels of an update and of a rollback, beside the same load
# without one: 1,000 DNS queries a second and a new DHCP client every 20 ms.
a_guest
say "a router under load"
(cd "$top" && KILN_GUEST=$guest quietly sh tests/bench/switch_run.sh "$out" "$tmp/felt")
sed 's/^/bench:   /' "$tmp/felt" >&2
most() { # KEY WHAT
	awk -v k="$1" -v w="$2" '$1 == k && $2 == w && $3 > m { m = $3 }
	    END { print m + 0 }' "$tmp/felt"
}
still=$(most gap none)
for what in update rollback; do
	row switch-gap-$what "$(most gap $what)" "$still" ms "${KILN_ROUNDS:-2}" \
	    'the longest gap between answers without a switch'
	row switch-gap-$what-most "$(most gap $what)" 100 ms "${KILN_ROUNDS:-2}" 'the goal'
	row switch-gap-$what-more $(($(most gap $what) - still)) 50 ms \
	    "${KILN_ROUNDS:-2}" 'the goal, over no switch'
	row switch-held-$what "$(most held $what)" 250 ms "${KILN_ROUNDS:-2}" 'the goal'
	goal switch-gap-$what-most 1
	goal switch-gap-$what-more 1
	goal switch-held-$what 1
done
