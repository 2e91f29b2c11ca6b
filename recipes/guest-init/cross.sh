# Before a recipe.sh or a build.sh where KILN_ARCH is not the machine's own:
# under their usual names, compilers and tools that make its programs.
case $KILN_ARCH in
amd64) triplet=x86_64 ;;
arm64) triplet=aarch64 ;;
riscv64) triplet=riscv64 ;;
*) echo "no compiler is known for $KILN_ARCH"; exit 1 ;;
esac
musl=/usr/lib/$triplet-linux-musl/musl-gcc.specs
triplet=$triplet-linux-gnu
mkdir .cross
cross()
{
	printf '#!/bin/sh\nexec %s "$@"%s\n' "$2" "${3:-}" >".cross/$1"
	chmod 0755 ".cross/$1"
}
for tool in gcc ar ld nm objcopy objdump ranlib readelf strip; do
	cross $tool $triplet-$tool
done
cross cc $triplet-gcc
cross pkg-config "env PKG_CONFIG_LIBDIR=/usr/lib/$triplet/pkgconfig:/usr/share/pkgconfig /usr/bin/pkg-config"
cross musl-gcc $triplet-gcc " -specs $musl"
PATH=$PWD/.cross:$PATH
# For what comes with a configure script.
printf 'host_alias=%s\ncross_compiling=yes\n' $triplet >.cross/config.site
export CONFIG_SITE="$PWD/.cross/config.site"
