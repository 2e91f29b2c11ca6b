# guest-init: in a machine nobody but init is root, who ends is started again, and
# what is off is off in good order.
# with: dns-dhcp
# tools: cc bsdtar socat mkfs.ext4 dumpe2fs e2fsck debugfs
#
# It is dns-dhcp's image as it is, with a volume on its /tmp and the agent's port;
# beside its init inside.c looks on.
alone=192.0.2.57
starts_alone() {
	truncate -s 64M "$tmp/alone.ext4" && mkfs.ext4 -q "$tmp/alone.ext4" &&
	    inside "$tmp/inside.initrd" || return 1
	jq -n --arg at $alone '{address: $at, config: {domain: "lan",
	    hosts: [{name: "alone", address: $at}]}}' >"$tmp/alone.json"
	its_initrd=$tmp/inside.initrd its_words=volume=/tmp
	its_devices="-device virtio-serial-device
	    -chardev socket,id=control,path=$tmp/control,server=on,wait=off
	    -device virtserialport,chardev=control,name=org.kiln.control"
	beside dns-dhcp "$tmp/alone.json" "$tmp/alone.ext4" word:/tmp
	rc=$?
	its_initrd='' its_words='' its_devices=''
	return $rc
}
tells_alone() { # REGEX: a line
	seen_inside $besides | grep -qx "$1"
}
resolves_alone() { answers $alone alone.lan $alone; }
processes() { # of init's: PID NAME FIELD=VALUE…
	seen_inside $besides | sed -n 's/^process //p'
}
one_root() {
	processes
	[ "$(processes | grep -c ' Uid=0,0,0,0 ')" = 1 ] &&
	    processes | grep -q '^1 init Uid=0,0,0,0 '
}
services_line() { # NAME: UID and names of capabilities
	sed -n "s/^$1 \([0-9]*\) \([^ ]*\) .*/\1 \2/p" \
	    "$tmp/root-dns-dhcp/etc/kiln/services"
}
mask() { # NAME,…: of linux/capability.h, as /proc says it
	bits=0
	for cap in $(echo "$1" | tr , ' '); do
		case $cap in
		- | state) continue ;;
		net_bind_service) n=10 ;;
		net_admin) n=12 ;;
		net_raw) n=13 ;;
		*) return 1 ;;
		esac
		bits=$((bits | 1 << n))
	done
	printf '%016x' $bits
}
as_its_line() { # all that is not init is one of a service, and has no more
	processes | grep -v '^1 ' >"$tmp/others"
	cat "$tmp/others"
	[ -s "$tmp/others" ] || return 1
	while read -r _ name has; do
		# shellcheck disable=SC2046
		set -- $(services_line "$name")
		[ $# -eq 2 ] && caps=$(mask "$2") || return 1
		u=$1,$1,$1,$1
		echo "wanted $name $u $caps"
		[ "$has" = "Uid=$u Gid=$u Groups= CapInh=$caps CapPrm=$caps CapEff=$caps CapBnd=$caps CapAmb=$caps NoNewPrivs=1" ] ||
		    return 1
	done <"$tmp/others"
}
mounts() { seen_inside $besides | sed -n 's/^mount [^ ]* //p'; }
root_is_read_only() {
	mounts | tail -n 20
	mounts | grep -q '^/ erofs ro,' && tells_alone 'root Read-only file system'
}
# Nor has the rest a device of its own or a program with rights.
nothing_runs_from() { # what can be written
	mounts | awk '$3 ~ /^rw/ {n++; print
		if ($3 !~ /nosuid/ || $3 !~ /noexec/ ||
		    ($2 != "devtmpfs" && $3 !~ /nodev/)) bad = 1}
	    END {exit bad || n < 4}'
}
again() { # HOW: it was, and the next is another
	seen_inside $besides | awk -v how="$1" '
	    $1 == how {pid = $2; print}
	    $1 == "again" && pid && !next_one {next_one = $2; print}
	    END {exit !(pid && next_one && pid != next_one)}'
}
says_port() { # LINE: as the agent does, and it is well
	timeout 40 socat -t 0.2 "UNIX-CONNECT:$tmp/control" \
	    SYSTEM:"echo '$1'; read -r said; echo \$said >'$tmp/said'"
	cat "$tmp/said"
	grep -qx ok "$tmp/said"
}
volume_says() { # WORD: of its superblock
	dumpe2fs -h "$tmp/alone.ext4" 2>/dev/null |
	    grep -E '^Filesystem (features|state):' | tee /dev/stderr |
	    grep -qw "$1"
}
in_use() { tells_alone wrote && volume_says needs_recovery; }
is_gone() { ! kill -0 $qemu; }
by_itself() {
	wait $qemu
	rc=$?
	tail -n 5 "$tmp/console-$besides"
	[ $rc -eq 0 ] && grep -aq '^kiln-init: off' "$tmp/console-$besides" &&
	    ! grep -aqi 'panic\|not all services stopped' "$tmp/console-$besides"
}
clean() {
	! volume_says needs_recovery && volume_says clean &&
	    e2fsck -fn "$tmp/alone.ext4"
}
word_kept() {
	[ "$(debugfs -R 'cat /word' "$tmp/alone.ext4" 2>/dev/null)" = kept ]
}
prove() {
	t "guest-init: a machine is started, and looked at from inside" starts_alone
	t "guest-init: … all its processes" until_ok 60 tells_alone listed
	t "guest-init: none of them is root but init" one_root
	t "guest-init: a service's has its own uid, the capabilities of its line, and gets no more" \
	    as_its_line
	t "guest-init: the root cannot be written" root_is_read_only
	t "guest-init: … and from what can, no program runs" nothing_runs_from
	t "guest-init: the service answers" until_ok 30 resolves_alone
	t "guest-init: the agent's port sets the clock, and its process is killed" \
	    says_port "clock 2000000000"
	t "guest-init: … another is started" until_ok 30 again killed
	t "guest-init: … and answers" until_ok 30 resolves_alone
	t "guest-init: the clock is set again, and it ends by itself" \
	    says_port "clock 2100000000"
	t "guest-init: … another is started" until_ok 30 again ended
	t "guest-init: … and answers" until_ok 30 resolves_alone
	t "guest-init: something is written to its volume, which is in use" \
	    until_ok 30 in_use
	t "guest-init: the agent's port takes the word to switch off" \
	    says_port poweroff
	t "guest-init: … and the machine is gone" until_ok 15 is_gone
	t "guest-init: … by itself, with all that it ran" by_itself
	t "guest-init: … its volume is clean" clean
	t "guest-init: … and has what was written last" word_kept
	[ $failed -eq $run_failed ] || tail -n 40 "$tmp/console-$besides" |
	    sed 's/^/# alone: /'
}
