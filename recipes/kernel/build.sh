# The kernel of a guest, from Debian's sources, ./config and what ./config.ARCH
# adds for its processor, and an initrd that finds the root disk: there are no
# modules.
. /kiln/uses/guest-init/initrd.sh
case $KILN_ARCH in
amd64) image=arch/x86/boot/bzImage; set -- ;;
arm64)
	image=arch/arm64/boot/Image.gz
	set -- ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
	;;
*) echo "there is no config.$KILN_ARCH"; exit 1 ;;
esac

tar -x -f /usr/src/linux-source-*.tar.xz --strip-components=1
mkdir firmware
cp /lib/firmware/regulatory.db-upstream firmware/regulatory.db
cat /kiln/recipe/config "/kiln/recipe/config.$KILN_ARCH" >config
export KBUILD_BUILD_TIMESTAMP="@$SOURCE_DATE_EPOCH" KBUILD_BUILD_USER=kiln \
    KBUILD_BUILD_HOST=kiln KBUILD_BUILD_VERSION=1
make -s "$@" KCONFIG_ALLCONFIG=config allnoconfig
# A line that names what this kernel does not know, or that needs another, is
# dropped by the above without a word.
grep '^CONFIG_' config | while read -r line; do
	grep -qxF "$line" .config || { echo "did not come true: $line"; exit 1; }
done
# Not -s: a build that says nothing for 20 minutes is stopped.  At the end zstd
# takes more than 2 GiB.
make -j "$KILN_JOBS" "$@" "${image##*/}"
install -m 0644 "$image" /out/vmlinuz
initrd </dev/null
