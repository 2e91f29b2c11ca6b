# A machine of arm64, booted, probed and committed by the agent as any other:
# Debian's arm64 kernel with an initrd of recipes/kernel-debian, guest-init and
# the programs of recipes/dns-dhcp cross-compiled, Debian's dnsmasq.  For
# `make arm64-test`: it wants out/arm64/root and the cross compiler.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
. tests/support/lib.sh
root=$PWD/out/arm64/root
if [ ! -e "$root/boot" ]; then
	skip "no out/arm64/root: make arm64"
	finish
fi
guest=$tmp/guest
work=$tmp/work
mkdir -p "$guest" "$work/build" "$work/out" "$work/uses/guest-init" "$work/image"
cc="aarch64-linux-gnu-gcc --sysroot=$root -std=c17 -D_GNU_SOURCE -I. -O2 -static"
compile() {
	# shellcheck disable=SC2046,SC2086
	$cc -o "$work/init" $(ls recipes/guest-init/*.c |
	    grep -v initrd_main) -ljansson &&
	    $cc -o "$work/uses/guest-init/initrd-init" \
		recipes/guest-init/initrd_main.c &&
	    $cc -o "$work/configure" recipes/dns-dhcp/configure_main.c \
		recipes/dns-dhcp/dnsmasq_conf.c \
		recipes/dns-dhcp/dnsmasq_dhcp.c recipes/guest-init/guest.c \
		-ljansson &&
	    $cc -o "$work/leases" recipes/dns-dhcp/leases_main.c
}
# The recipe's own script, with the arm64 kernel where its sandbox has one.
initrd() {
	triplet=$(gcc -print-multiarch)
	bwrap --unshare-all --ro-bind /usr/bin /usr/bin \
	    --ro-bind "/usr/lib/$triplet" "/usr/lib/$triplet" \
	    --ro-bind-try /usr/lib64 /usr/lib64 --symlink usr/bin /bin \
	    --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
	    --ro-bind "$root/boot" /boot \
	    --ro-bind "$root/lib/modules" /usr/lib/modules \
	    --ro-bind recipes/kernel-debian /kiln/recipe \
	    --ro-bind "$work/uses" /kiln/uses --bind "$work/out" /out \
	    --bind "$work/build" /build --chdir /build --dev /dev \
	    --setenv LC_ALL C.UTF-8 --setenv SOURCE_DATE_EPOCH 1577836800 \
	    sh -eu /kiln/recipe/build.sh &&
	    cp "$work/out/vmlinuz" "$work/out/initrd" "$guest/"
}
needed() {
	aarch64-linux-gnu-readelf -d "$@" |
	    sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u
}
# What files needs of libraries, and what these need.
libraries() {
	more=$(needed "$root/usr/sbin/dnsmasq")
	lib=lib/aarch64-linux-gnu
	mkdir -p "$work/image/$lib"
	cp -L "$root/lib/ld-linux-aarch64.so.1" "$work/image/lib/" || return 1
	while [ -n "$more" ]; do
		new=
		for l in $more; do
			[ ! -e "$work/image/$lib/$l" ] || continue
			for from in "$root/$lib/$l" "$root/usr/$lib/$l"; do
				[ ! -e "$from" ] ||
				    cp -L "$from" "$work/image/$lib/" || return 1
			done
			new="$new $work/image/$lib/$l"
		done
		more=
		# shellcheck disable=SC2086
		[ -z "$new" ] || more=$(needed $new)
	done
}
image() {
	i=$work/image
	libraries || return 1
	mkdir -p "$i/etc/kiln" "$i/usr/sbin" "$i/usr/lib/kiln" "$i/bin" \
	    "$i/dev" "$i/proc" "$i/run" "$i/sys" "$i/tmp"
	cp "$work/init" "$i/init" || return 1
	cp "$root/usr/sbin/dnsmasq" "$i/usr/sbin/"
	cp "$work/configure" "$i/etc/kiln/configure"
	cp "$work/leases" "$i/usr/lib/kiln/leases"
	cp "$work/leases" "$i/bin/sh"
	cp recipes/dns-dhcp/services "$i/etc/kiln/services"
	cp recipes/dns-dhcp/passwd recipes/dns-dhcp/group "$i/etc/"
	mkfs.erofs -T 1577836800 -U 00000000-0000-0000-0000-000000000000 \
	    --all-root "$guest/image" "$i"
}
t "guest-init and dns-dhcp's programs are cross-compiled" compile
t "the kernel's recipe makes an initrd of arm64" initrd
t "an image of arm64 is written" image
export KILN_ARCH=arm64 KILN_GUEST=$guest
machine=virt
cmdline="console=ttyAMA0 quiet panic=-1"
more="arch: arm64"
. tests/support/router.sh
farm_serves
start_agent
t "the set of arm64 is committed" until_ok 240 has '"phase":"committed"'
agent status | sed 's/^/# /'
t "the machine answers from the LAN" until_ok 10 answers
emulator() { pgrep -P $agent_pid -f 'qemu-system-aarch64.*kiln-dns-dhcp'; }
t "it is qemu-system-aarch64 that runs it" emulator
another "$tmp/two" 1
t "a second image of arm64 is published" publish 2 "$tmp/two"
kill -USR1 $agent_pid
t "the second set is committed" until_ok 240 \
    has '"phase":"committed".*"set":{"counter":2'
t "… with its leases handed over" grep -q 'handover' "$tmp/agent.log"
grep -E 'handover|switch' "$tmp/agent.log" | sed 's/^/# /'
finish
