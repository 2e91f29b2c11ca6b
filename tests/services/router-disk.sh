# router-disk: a plain machine starts from it and becomes a router by one file; a
# new disk over the old one leaves it the router it was.
# with: dns-dhcp
# tools: zstd mcopy qemu-system-x86_64 debugfs sfdisk
#
# A machine in an emulated machine is slow beyond what a router waits for; what is
# asked here is the router's own word.
disk=$tmp/router.disk
state_at=$((963 << 20))
unpacked() {
	zstd -d -q -f -o "$tmp/disk.raw" \
	    "$(stored "$(outputs_of router-disk build | cut -d '|' -f 2)")" &&
	    sfdisk -d "$tmp/disk.raw"
}
written() { # as dd does
	dd if="$tmp/disk.raw" of="$disk" bs=1M conv=notrunc,sparse status=none
}
rewritten() { # to the last zero
	dd if="$tmp/disk.raw" of="$disk" bs=1M conv=notrunc status=none
}
file_is_made() {
	cat >"$tmp/of-disk.yaml" <<-END
	state: /var/lib/kiln-agent
	server: ["http://203.0.113.200"]
	channel: edge
	demo: true
	trust: {root: /var/lib/kiln-agent/root.json, min_keys: 1}
	accel: tcg
	lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
	reports: off
	services:
	  dns-dhcp:
	    address: 192.0.2.53
	    config: {domain: lan, hosts: [{name: router, address: 192.0.2.53}]}
	END
	# In a whole run the channel has more services than there is room for.
	"$bin/kiln-tuf" router-file --root "$tmp/root.json" --arch amd64 \
	    --channel edge --service dns-dhcp --config "$tmp/of-disk.yaml" "$var/tuf" "$tmp/router.kiln"
}
put_there() {
	printf '[Match]\nMACAddress=52:54:00:00:00:02\n[Network]\nBridge=br-lan\n' \
	    >"$tmp/lan.network"
	mcopy -i "$disk@@770M" "$tmp/router.kiln" "$tmp/lan.network" ::
}
starts() { # NAME [qemu option…]
	console=$tmp/disk-$1.console
	shift
	: >"$console"
	qemu-system-x86_64 -M q35 -cpu max -accel tcg,thread=multi -smp 2 -m 1024 \
	    -nodefaults -no-user-config -display none -no-reboot "$@" \
	    -device VGA -serial "file:$console" \
	    -drive "file=$disk,format=raw,if=virtio,cache=unsafe" \
	    -netdev user,id=wan,restrict=on -device virtio-net-pci,netdev=wan \
	    -netdev user,id=lan,restrict=on \
	    -device virtio-net-pci,netdev=lan,mac=52:54:00:00:00:02 \
	    >"$tmp/disk.qemu" 2>&1 </dev/null &
	machine=$!
	pids="$pids $machine"
}
# Its power is cut.
ends() { kill -9 $machine; wait $machine; true; }
tells() { grep -aq "$1" "$console"; }
kept() { # NAME: the router's own, once the journal of its ext4 is played
	rm -rf "$tmp/state" "$tmp/kept-$1"
	mkdir "$tmp/kept-$1" &&
	    dd if="$disk" of="$tmp/state" bs=1M skip=963 conv=sparse status=none || return 1
	e2fsck -fp "$tmp/state"
	[ $? -le 1 ] &&
	    debugfs -R "rdump /lib/kiln-agent $tmp/kept-$1" "$tmp/state" &&
	    ls -l "$tmp/kept-$1/kiln-agent"
}
same() { # FILE of before and after
	cmp "$tmp/kept-1/kiln-agent/$1" "$tmp/kept-2/kiln-agent/$1"
}
# What a slow machine needs.
long=${KILN_VM_SECONDS:-150}
prove() {
	rm -f "$disk"
	t "router-disk: it is a disk" unpacked
	truncate -s 4G "$disk"
	t "router-disk: it is written to one" written
	t "router-disk: a router file is made" file_is_made
	t "router-disk: … and put on it, with a word on its cards" put_there
	starts bios
	t "router-disk: it starts by a BIOS, and the agent is active" \
	    until_ok "$long" tells '^active'
	t "router-disk: the set of the file is good, and its machine begun" \
	    until_ok "$long" tells '^[a-z-]*: dns-dhcp'
	ends
	tr -cd '[:print:]\n' <"$console" | tail -n 12 | sed 's/^/# /'
	t "router-disk: after the power was cut the state is whole" kept 1
	t "router-disk: the configuration is the owner's" \
	    cmp "$tmp/of-disk.yaml" "$tmp/kept-1/kiln-agent/agent.yaml"
	t "router-disk: a new disk is written over it" rewritten
	starts efi -bios /usr/share/ovmf/OVMF.fd
	t "router-disk: it starts by EFI, and the agent is active" \
	    until_ok "$long" tells '^active'
	t "router-disk: … with the set that the file brought" \
	    until_ok "$long" tells '^[a-z-]*: dns-dhcp'
	ends
	tr -cd '[:print:]\n' <"$console" | tail -n 12 | sed 's/^/# /'
	t "router-disk: the state is still there" kept 2
	for file in agent.yaml root.json device.key; do
		t "router-disk: $file is the same" same $file
	done
}
