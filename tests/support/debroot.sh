# For the scripts that want a fresh Debian root: `. tests/support/debroot.sh`
# after lib.sh, then
#   fresh_root FOLDER            Debian as this machine's own apt has it
#   hold FOLDER [unshare option] a machine made of it; $holder holds its mounts,
#                                for `inside $holder command…`
# Such a machine has the root of its own that user namespaces want (a chroot
# would not do), this host's kernel and processes, and no service manager.
fresh_root() {
	eval "$(apt-config shell codename APT::Default-Release)"
	mkdir "$1" && mmdebstrap --quiet --variant=apt "${codename:-bookworm}" "$1" \
	    $(ls /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources 2>/dev/null |
		while read -r f; do [ -s "$f" ] && echo "$f"; done) || return 1
	cp /etc/resolv.conf /etc/hosts "$1/etc/" 2>/dev/null
	cp /etc/apt/apt.conf.d/* "$1/etc/apt/apt.conf.d/" 2>/dev/null
	# No service is started in a folder.
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
}
hold() {
	folder=$1
	shift
	rm -f "$folder/.held"
	unshare --mount --propagation private "$@" sh -ec '
	    mount --bind "$1" "$1"
	    cd "$1"
	    mount -t proc proc proc
	    mount --rbind /dev dev
	    mount --make-rslave dev
	    mount -t sysfs -o ro sysfs sys
	    mount --move . /
	    exec chroot . sh -c "touch /.held; exec sleep 100000"' sh "$folder" >/dev/null 2>&1 &
	holder=$!
	pids="$pids $holder"
	until_ok 10 test -e "$folder/.held"
}
inside() {
	holder_=$1
	shift
	nsenter --mount --net -t "$holder_" env -i HOME=/root LC_ALL=C.UTF-8 \
	    PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}
