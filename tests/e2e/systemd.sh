#!/bin/sh
# systemd.sh OUT: the packages' units under a running systemd: a Debian of this
# machine's own apt sources with the packages, as a machine of its own under
# QEMU's emulation, with the cgroup v2 that this host may not have.  What it says
# of itself on its second serial port is what is told here
# (tests/support/in-systemd.sh).  `make systemd-test` runs it; minutes.
set -u
. tests/support/lib.sh
. tests/support/debroot.sh
. tests/support/archive/archive.sh

version=$(sed -n 's/^#define KILN_VERSION "\(.*\)"/\1/p' lib/cli.h)
arch=$(dpkg --print-architecture)
debs=$PWD/out/deb
root=$tmp/root
in_root() { inside "$holder" "$@"; }

echo "# packages of the last commit"
make --no-print-directory -s deb >"$tmp/deb.log" 2>&1 || {
	cat "$tmp/deb.log"
	exit 1
}

echo "# a Debian with systemd, a kernel and the packages"
# The Debian alone is kept: with the day's packages it is a minute of each run.
kept=$out/systemd-root.tar
base() {
	[ ! -e "$kept" ] || return 0
	fresh_root "$tmp/base" && hold "$tmp/base" &&
	    inside "$holder" apt-get -q update &&
	    inside "$holder" apt-get -q -y --no-install-recommends install systemd-sysv \
		udev dbus curl procps iproute2 initramfs-tools linux-image-cloud-"$arch" ||
		return 1
	kill "$holder"
	rm -f "$tmp"/base/var/cache/apt/archives/*.deb
	tar -C "$tmp/base" --one-file-system -cf "$kept.part" . &&
	    mv "$kept.part" "$kept" && rm -rf --one-file-system "$tmp/base"
}
t "a Debian is there" base
made() {
	mkdir "$root" && tar -C "$root" --numeric-owner -xpf "$kept" && hold "$root" &&
	    mkdir "$root/debs" &&
	    cp "$debs"/kiln-*_"${version}"_"$arch".deb "$root/debs/" || return 1
	rm -f "$root"/debs/*dbgsym*
	in_root apt-get -q update &&
	    in_root sh -c 'apt-get -q -y --no-install-recommends install /debs/kiln-*.deb'
}
t "the packages install" made

# An archive of a few packages, so that it builds as on any day.
offered() {
	archive_start && archive_base bookworm && archive_publish bookworm
}
t "an archive is offered to it" offered
founded() {
	mkdir -p "$root/etc/kiln" &&
	    cp -R tests/support/recipes "$root/etc/kiln/recipes" &&
	    sed -i '/doc\/sed/d' "$root/etc/kiln/recipes/hello-image/recipe.yaml" &&
	    cp "$archive_keyring" "$root/etc/kiln/archive.gpg" &&
	    chmod 644 "$root/etc/kiln/archive.gpg" || return 1
	# QEMU's own network: this host is 10.0.2.2 there.
	printf 'mirrors:\n  - {uri: "http://10.0.2.2:%s/debian/", suite: bookworm, keyring: /etc/kiln/archive.gpg}\n' \
	    "$(cat "$archive/port")" >"$root/etc/kiln/kiln.yaml"
	in_root kiln-tuf init --state /var/lib/kiln --demo --service hello-image &&
	    in_root kiln-tuf export-root --state /var/lib/kiln >"$tmp/root.json"
}
t "a farm is founded in it" founded
# A router file with a set that it never comes to, since nobody has emulated
# machines in an emulated machine in a reasonable time: one that is demo.
file() {
	"$bin/kiln-tuf" init --state "$tmp/var" --demo --service kernel --service dns-dhcp &&
	    head -c 5000 /dev/urandom >"$tmp/image" && head -c 7000 /dev/urandom >"$tmp/small" &&
	    "$bin/tests/support/publish" "$tmp/var" kernel kernel 6.1 "$tmp/image" \
		"$tmp/small" microvm quiet &&
	    head -c 9000 /dev/urandom >"$tmp/other" &&
	    "$bin/tests/support/publish" "$tmp/var" vm dns-dhcp 1 "$tmp/other" router.lan &&
	    "$bin/kiln-tuf" serve --once --state "$tmp/var" &&
	    "$bin/kiln-tuf" export-root --state "$tmp/var" >"$tmp/demo.json" &&
	    cat >"$tmp/agent.yaml" <<-END &&
	state: /var/lib/kiln-agent
	server: ["http://192.0.2.200"]
	channel: edge
	trust: {root: /var/lib/kiln-agent/root.json, min_keys: 1}
	lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
	services:
	  dns-dhcp: {address: 192.0.2.53}
	END
	    "$bin/kiln-tuf" router-file --root "$tmp/demo.json" --arch "$arch" \
		--channel edge --config "$tmp/agent.yaml" "$tmp/var/tuf" "$root/etc/kiln/router.kiln"
}
t "a router file is put in its place" file
boots() {
	cp tests/support/in-systemd.sh SECURITY.md "$root/" &&
	    cat >"$root/etc/systemd/system/told.service" <<-'END' || return 1
	[Unit]
	Description=tells what the units do
	Wants=kiln.target
	After=multi-user.target kiln.target
	[Service]
	Type=oneshot
	ExecStart=/bin/sh /in-systemd.sh
	ExecStopPost=/bin/systemctl --no-block poweroff
	StandardOutput=file:/dev/ttyS1
	StandardError=journal
	[Install]
	WantedBy=multi-user.target
	END
	printf '[Match]\nName=e*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' \
	    >"$root/etc/systemd/network/e.network"
	ln -sf /etc/systemd/system/told.service "$root/etc/systemd/system/multi-user.target.wants/"
	in_root systemctl enable systemd-networkd systemd-networkd-wait-online >/dev/null 2>&1
	rm -rf "$root/var/cache/apt/archives" "$root/var/lib/apt/lists" "$root/debs" \
	    "$root/usr/sbin/policy-rc.d" "$root/etc/apt/sources.list.d"
	: >"$root/etc/machine-id"
	cp "$root"/boot/vmlinuz-* "$tmp/vmlinuz" && cp "$root"/boot/initrd.img-* "$tmp/initrd"
}
t "it will tell what its units do" boots
kill "$holder"
# No device, no mount: a file system made of a folder.
disk() {
	truncate -s 3G "$tmp/disk" &&
	    mkfs.ext4 -q -F -E lazy_itable_init=1 -d "$root" "$tmp/disk"
}
t "its disk is made of that folder" disk

echo "# and boots"
: >"$tmp/told"
qemu-system-x86_64 -M pc -cpu max -accel tcg,thread=multi -smp 2 -m 1536 \
    -nodefaults -no-user-config -display none -no-reboot \
    -serial "file:$tmp/console" -serial "file:$tmp/told" \
    -drive "file=$tmp/disk,format=raw,if=virtio,cache=unsafe" \
    -netdev user,id=n,restrict=off -device virtio-net-pci,netdev=n \
    -device virtio-rng-pci -kernel "$tmp/vmlinuz" -initrd "$tmp/initrd" \
    -append "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=false" \
    >"$tmp/qemu.log" 2>&1 </dev/null &
machine=$!
pids="$pids $machine"
ended() { ! kill -0 $machine; }
t "the machine came to its end by itself" until_ok "${KILN_VM_SECONDS:-300}" ended
tr -d '\r' <"$tmp/told"
told() { tr -d '\r' <"$tmp/told" | grep -c "^$1 "; }
passed=$((passed + $(told ok)))
failed=$((failed + $(told 'not ok')))
t "it told everything to the end" grep -q '^# the end' "$tmp/told"
[ $failed -eq 0 ] || tail -n 30 "$tmp/console" "$tmp/qemu.log"
archive_stop
finish
