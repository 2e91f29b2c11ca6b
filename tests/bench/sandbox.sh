# What the sandbox costs: dnsmasq compiled in it and in a plain chroot.
a_farm
env="$out/tests/bench/bench_env"
say "dnsmasq in the sandbox and in a plain chroot"
for at in /sys/fs/cgroup/cpuacct /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup; do
	[ -e $at/cpuacct.usage ] || [ -e $at/cgroup.controllers ] || continue
	group=$at/kiln-bench-$$
	mkdir $group && break
done
[ -n "$group" ] || {
	say "no cgroup to measure processor time with"
	exit 1
}
build="$out/tests/bench/bench_build"
mkdir "$tmp/compile" "$tmp/senv"
cp -al "$state/store" "$tmp/compile/store"
"$env" make "$state" dns-dhcp "$tmp/senv"
senv=$(echo "$tmp"/senv/????????????????????????????????????????????????????????????????)
cp -a "$senv" "$tmp/root"
"$build" inputs "$state" dns-dhcp "$tmp/root"
mknod -m 666 "$tmp/root/dev/null" c 1 3
mount -t proc proc "$tmp/root/proc"
chmod 1777 "$tmp/root/tmp"
fresh_root="rm -rf '$tmp/root/build' '$tmp/root/out' && mkdir '$tmp/root/build' '$tmp/root/out' && chown 1000:1000 '$tmp/root/build' '$tmp/root/out'"
in_chroot="exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/build \
    LC_ALL=C.UTF-8 LANG=C.UTF-8 TZ=UTC SOURCE_DATE_EPOCH=1577836800 KILN_JOBS=1 KILN_ARCH=amd64 \
    chroot --userspec=1000:1000 '$tmp/root' /bin/sh -c 'cd /build && exec /bin/sh -eu /kiln/recipe/build.sh'"
n=$pairs
[ "$n" -ge 9 ] || n=9
"$out/tests/bench/pair" -n "$n" -g "$group" -N sandbox-compile \
    -o "exec '$build' sandbox '$state' dns-dhcp '$senv' '$tmp/compile'" \
    -B "$fresh_root" -p "$in_chroot" -c 'chroot ROOT sh build.sh (dnsmasq)' >>"$tmp/tsv"
ours_out=$("$build" sandbox "$state" dns-dhcp "$senv" "$tmp/compile" |
    sed -n 's/  dnsmasq$//p')
[ "$ours_out" = "$(sha256sum <"$tmp/root/out/dnsmasq" | cut -d ' ' -f 1)" ] || {
	say "the sandbox and the chroot gave different bytes"
	exit 1
}
umount "$tmp/root/proc"
rm -rf "$tmp/root" "$tmp/senv" "$tmp/compile"
goal sandbox-compile.cpu 1.03
