# The kernel of a guest, from Debian's sources and ./config, and an initrd that
# finds the root disk: there are no modules.
. /kiln/uses/guest-init/initrd.sh

tar -x -f /usr/src/linux-source-*.tar.xz --strip-components=1
mkdir firmware
cp /lib/firmware/regulatory.db-upstream firmware/regulatory.db
export KBUILD_BUILD_TIMESTAMP="@$SOURCE_DATE_EPOCH" KBUILD_BUILD_USER=kiln \
    KBUILD_BUILD_HOST=kiln KBUILD_BUILD_VERSION=1
make -s KCONFIG_ALLCONFIG=/kiln/recipe/config allnoconfig
# A line that names what this kernel does not know, or that needs another, is
# dropped by the above without a word.
grep '^CONFIG_' /kiln/recipe/config | while read -r line; do
	grep -qxF "$line" .config || { echo "did not come true: $line"; exit 1; }
done
# Not -s: a build that says nothing for 20 minutes is stopped.  At the end zstd
# takes more than 2 GiB.
make -j "$KILN_JOBS" bzImage
install -m 0644 arch/x86/boot/bzImage /out/vmlinuz
initrd </dev/null
