# For scripts behind router.sh: an image with a service that keeps lines on a
# state volume (box.c), made of the guest's own.
box_image() { # FILE VERSION [check-file]
	d=$tmp/box.root
	[ -d "$d" ] || {
		fsck.erofs --extract="$d" "$guest/image" >/dev/null &&
		    mkdir -p "$d/var/lib/box" "$d/usr/bin" &&
		    ${CC:-cc} -O2 -static -o "$d/usr/bin/box" tests/support/box.c &&
		    echo "box 901 dac_override /usr/bin/box serve /var/lib/box/lines 8080" \
			>>"$d/etc/kiln/services"
	} || return
	[ -z "${KILN_INIT:-}" ] || cp "$KILN_INIT" "$d/init"
	echo "well 901 dac_override /usr/bin/box check ${3:-/var/lib/box/lines}" \
	    >"$d/etc/kiln/probes" &&
	    echo "$2" >"$d/etc/box" &&
	    mkfs.erofs -T0 -U 00000000-0000-0000-0000-000000000001 \
		"$1" "$d" >/dev/null 2>&1
}
box=http://192.0.2.53:8080
puts() { curl -fsS -m 5 -o /dev/null "$box/$1"; }
lines() { curl -fsS -m 5 "$box/" | grep -v '^checked$' | tr '\n' ' '; }
holds() { # WORD…
	lines | tee /dev/stderr | grep -qx "$* "
}
export KILN_PROGRAM=well
export KILN_VOLUME='state /var/lib/box 16777216'
export KILN_PORTS='udp/53 tcp/53 udp/67 tcp/8080'
