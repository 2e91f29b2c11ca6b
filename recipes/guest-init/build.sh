# Static programs of a guest.  The sources include each other from the root of
# the project, recipes/guest-init/..., so that its tests compile them too.
mkdir recipes
ln -s /kiln/recipe recipes/guest-init
case $(gcc -print-multiarch)/$KILN_ARCH in
x86_64-linux-gnu/amd64 | aarch64-linux-gnu/arm64) cross= ;;
*) cross=recipes/guest-init/cross.sh; . "$PWD/$cross" ;;
esac
flags="-std=c17 -D_GNU_SOURCE -I. -O2 -g0 -Wall -Wextra -Werror
    -fstack-protector-strong -D_FORTIFY_SOURCE=2
    -ffile-prefix-map=$PWD=. -ffunction-sections"
link='-static -Wl,--build-id=none -Wl,--gc-sections -Wl,-z,noexecstack -s'

for c in guest files forward pem config services control net nl disks child ports probes init_main; do
	gcc $flags -c -o $c.o recipes/guest-init/$c.c
done
gcc $link -o /out/init init_main.o config.o services.o control.o net.o nl.o \
    disks.o child.o ports.o probes.o guest.o -ljansson

# musl: a tenth of the size, and the initrd lies in the memory of every guest.
musl-gcc -std=c17 -D_GNU_SOURCE -Os -g0 -Wall -Wextra -Werror $link \
    -o /out/initrd-init recipes/guest-init/initrd_main.c

# For the recipes of services: their configure programs and their build.sh.
ar rcsD /out/libguest.a guest.o files.o forward.o nl.o pem.o
for file in guest.h files.h forward.h nl.h pem.h recipe.sh initrd.sh; do
	cp recipes/guest-init/$file /out/$file
done
if [ -n "$cross" ]; then
	rm /out/recipe.sh
	cat $cross recipes/guest-init/recipe.sh >/out/recipe.sh
fi
chmod 0755 /out/init /out/initrd-init
chmod 0644 /out/libguest.a /out/*.h /out/*.sh
