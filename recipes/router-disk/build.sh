# A disk of four parts (README.md), from the packages of this environment, in
# which no maintainer's script has run: what those would have done for a router
# is done here.
. /kiln/uses/guest-init/initrd.sh # for entry
export TZ=UTC0
umask 022
set -- /boot/vmlinuz-*
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
	echo "not exactly one /boot/vmlinuz-*: $*"
	exit 1
fi
version=${1#/boot/vmlinuz-}
modules=lib/modules/$version
root=$PWD/root

# The parts, in MiB.  They are for ever: a later disk is written over an earlier
# one, and the state begins where it always did, behind this disk's second table.
core_at=1 root_at=2 boot_at=770 end=962 state_at=963

# --- modules -----------------------------------------------------------------
# What depmod says of all of them, and those that a router may meet.
mkdir -p dep/lib/modules
cp -R "/$modules" "dep/$modules"
depmod -b "$PWD/dep" "$version"
dep=dep/$modules/modules.dep

# needed FILE…: with what they need, one a line.
needed()
{
	awk 'NR == FNR { want[$0] = 1; next }
	    { sub(":", "", $1) }
	    $1 in want { for (i = 1; i <= NF; i++) print $i }' - "$dep" |
	    LC_ALL=C sort -u
}
cut -d : -f 1 "$dep" | grep -f /kiln/recipe/modules >modules.chosen
needed <modules.chosen >modules.list

# --- the router's files --------------------------------------------------------
# All of the environment, but for documents, what makes disks, and what is in
# one's place below.
mkdir "$root"
tar -C / -c --hard-dereference -X /kiln/recipe/left-out \
    --exclude="./usr/$modules" ./usr ./etc ./bin ./sbin ./lib ./lib64 |
    tar -C "$root" -x --no-same-owner
find "$root" -type d -exec chmod 0755 {} +
find "$root" -type f -perm /0111 -exec chmod 0755 {} +
find "$root" -type f ! -perm /0111 -exec chmod 0644 {} +
for folder in boot dev proc run sys tmp var root; do
	mkdir "$root/$folder"
done

copied() # LIST FOLDER: these modules, as /lib/modules/VERSION of a folder
{
	mkdir -p "$2/$modules"
	tar -C "dep/$modules" -c -T "$1" modules.builtin \
	    modules.builtin.modinfo modules.order |
	    tar -C "$2/$modules" -x --no-same-owner
	depmod -b "$2" "$version"
}
copied modules.list "$root"

# The agent: docs/formats.md, recipe.yaml.
agent=/kiln/uses/agent/agent
size=$((0x$(od -A n -t x1 -j 8 -N 8 "$agent" | tr -d ' \n')))
tail -c +17 "$agent" | head -c "$size" >"$root/usr/bin/kiln-agent"
tail -c +$((17 + size)) "$agent" >"$root/usr/bin/kiln-agent-fetch"
chmod 0755 "$root/usr/bin/kiln-agent" "$root/usr/bin/kiln-agent-fetch"
tar -x -f /kiln/uses/kiln-source/units.tar
for unit in packaging/systemd/kiln-agent*.service packaging/systemd/*.path; do
	install -m 0644 "$unit" "$root/usr/lib/systemd/system/"
done
# /etc/kiln is /boot.
grep -v /etc/kiln packaging/systemd/kiln-agent.tmpfiles \
    >"$root/usr/lib/tmpfiles.d/kiln-agent.conf"

# Its users keep their numbers from disk to disk: files on the state are theirs.
awk '$1 == "u" { $3 = 900 + n++ } { print }' \
    packaging/systemd/kiln-agent.sysusers \
    >"$root/usr/lib/sysusers.d/kiln-agent.conf"
cp /usr/share/base-passwd/passwd.master "$root/etc/passwd"
cp /usr/share/base-passwd/group.master "$root/etc/group"
rm -f "$root"/etc/shadow "$root"/etc/gshadow
systemd-sysusers --root="$root"
rm -f "$root"/etc/passwd- "$root"/etc/group- "$root"/etc/shadow- \
    "$root"/etc/gshadow- "$root"/etc/.pwd.lock
chmod 0600 "$root"/etc/shadow "$root"/etc/gshadow
# The day they were made is no day.
sed -i 's/^\([^:]*:[^:]*:\)[0-9]*:/\1:/' "$root/etc/shadow"
# Nobody has a password, so nobody comes in.
if grep -E '^[^:]*:[^!*]' "$root/etc/shadow"; then
	echo "somebody has a password"
	exit 1
fi

find /usr/share/ca-certificates/mozilla -name '*.crt' | LC_ALL=C sort |
    xargs cat >"$root/etc/ssl/certs/ca-certificates.crt"

# --- what is this disk's own ------------------------------------------------------
own() # PATH [MODE]: the file of the recipe by its last name
{
	install -D -m "${2:-0644}" "/kiln/recipe/${1##*/}" "$root$1"
}
own /etc/fstab
own /usr/lib/kiln/router-state 0755
sed -i "s/@STATE@/$((state_at * 2048))/" "$root/usr/lib/kiln/router-state"
own /usr/lib/kiln/router-network 0755
own /usr/lib/systemd/system/router-state.service
own /usr/lib/systemd/system/router-console.service
own /usr/lib/systemd/system/router-console.timer
own /usr/lib/systemd/network/60-bridges.link
own /usr/lib/systemd/network/60-br-lan.netdev
own /usr/lib/systemd/network/60-br-wan.netdev
own /usr/lib/systemd/network/60-br-wan.network
own /usr/lib/systemd/network/80-cards.network
own /usr/lib/systemd/system/kiln-agent-install.service.d/router-network.conf
: >"$root/etc/machine-id"
echo router >"$root/etc/hostname"
ln -sf /run/systemd/resolve/resolv.conf "$root/etc/resolv.conf"
ln -s ../proc/self/mounts "$root/etc/mtab"
ln -sfn /boot "$root/etc/kiln"
rm -rf "$root/etc/systemd/network"
ln -s /var/lib/kiln-router/network "$root/etc/systemd/network"
printf '127.0.0.1 localhost router\n::1 localhost\n' >"$root/etc/hosts"
system="systemctl --root=$root"
$system set-default multi-user.target
$system enable systemd-networkd.service systemd-resolved.service \
    systemd-timesyncd.service kiln-agent.service kiln-agent-install.path \
    router-state.service router-console.timer
$system mask getty.target getty@.service serial-getty@.service \
    systemd-networkd-wait-online.service

# --- the initrd ---------------------------------------------------------------------
grep -f /kiln/recipe/modules.initrd "$dep" | cut -d : -f 1 | needed \
    >small.list
copied small.list "$PWD/small"
# Those that drive a disk, in the order of loading with all that they need.
sed 's,.*/,,; s,\.ko$,,' small.list | while read -r name; do
	modprobe -d "$PWD/small" -S "$version" --show-depends "$name"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
    sed "s,^$PWD/small,," >small.order
{
	echo '#mtree'
	for folder in bin dev modules proc root sys; do
		entry "./$folder" dir 0755
	done
	entry ./init file 0755 content=/kiln/recipe/init
	entry ./bin/busybox file 0755 content=/usr/bin/busybox
	while read -r file; do
		echo "/modules/${file##*/}"
		entry "./modules/${file##*/}" file 0644 "content=small$file" >&3
	done 3>small.entries <small.order >small.modules
	cat small.entries
	entry ./modules/order file 0644 content=small.modules
} >initrd.mtree
bsdtar -c -f initrd.tar --format=ustar @initrd.mtree
bsdtar -c -f initrd.cpio --format=newc @initrd.tar
zstd -q -19 --single-thread -o initrd initrd.cpio

# --- the parts ------------------------------------------------------------------------
mkfs.erofs -T"$SOURCE_DATE_EPOCH" -U 6b696c6e-0000-4000-8000-000000000001 \
    --all-root -x-1 root.erofs "$root" >/dev/null
[ "$(stat -c %s root.erofs)" -le $(((boot_at - root_at) << 20)) ] || {
	echo "the root has outgrown its part"
	exit 1
}
echo 'linux /vmlinuz console=tty0 console=ttyS0,115200 quiet panic=10 systemd.gpt_auto=0
initrd /initrd
boot' >grub.cfg
grub-mkimage -O x86_64-efi -p / -c grub.cfg -o BOOTX64.EFI \
    fat part_gpt linux efi_gop
# 3: the boot part's number.
grub-mkimage -O i386-pc -p '(,gpt3)/' -c grub.cfg -o core.img \
    biosdisk fat part_gpt linux

truncate -s $(((end - boot_at) << 20)) boot.fat
mkfs.vfat -F 32 --invariant -i 6b696c6e -n KILN-BOOT boot.fat
mmd -i boot.fat ::EFI ::EFI/BOOT
mcopy -i boot.fat BOOTX64.EFI ::EFI/BOOT/BOOTX64.EFI
mcopy -i boot.fat "$1" ::vmlinuz
mcopy -i boot.fat initrd ::initrd

# --- the disk -------------------------------------------------------------------------
truncate -s $((state_at << 20)) disk
sfdisk -q disk <<END
label: gpt
label-id: 6b696c6e-0000-4000-8000-000000000010
start=$((core_at << 11)), size=2048, type=21686148-6449-6E6F-744E-656564454649, name=kiln-bios, uuid=6b696c6e-0000-4000-8000-000000000011
start=$((root_at << 11)), size=$(((boot_at - root_at) << 11)), type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=kiln-root, uuid=6b696c6e-0000-4000-8000-000000000012
start=$((boot_at << 11)), size=$(((end - boot_at) << 11)), type=uefi, name=kiln-boot, uuid=6b696c6e-0000-4000-8000-000000000013
END
put() # FILE AT: at so many bytes
{
	dd if="$1" of=disk bs=4k seek="$2" oflag=seek_bytes conv=notrunc,sparse \
	    status=none
}
sector() # N FILE AT: its number where GRUB has the place for it
{
	number=$1
	for _ in 1 2 3 4 5 6 7 8; do
		printf "\\$(printf %03o $((number & 255)))"
		number=$((number >> 8))
	done | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}
# What grub-install would write by ioctl: boot.img in front of the table, which
# loads the first sector of core.img, which loads the rest.
head -c 440 /usr/lib/grub/i386-pc/boot.img >boot.img
sector $((core_at << 11)) boot.img 92
sector $(((core_at << 11) + 1)) core.img 500
[ "$(stat -c %s core.img)" -le 1048576 ]
put boot.img 0
put core.img $((core_at << 20))
put root.erofs $((root_at << 20))
put boot.fat $((boot_at << 20))
echo "root $(($(stat -c %s root.erofs) >> 20)) MiB, $(find "$root" | wc -l) files;" \
    "initrd $(stat -c %s initrd), modules $(wc -l <modules.list)"
du -m "$root"/usr/* "$root"/usr/lib/* "$root"/usr/share/* | sort -rn | head -n 40
zstd -q -10 --single-thread -o /out/router-disk.zst disk
chmod 0644 /out/router-disk.zst
