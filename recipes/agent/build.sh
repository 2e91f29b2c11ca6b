# kiln-agent and kiln-agent-fetch, static, in one file: docs/formats.md.
recipe=agent
. /kiln/uses/guest-init/recipe.sh

tar -x -f /kiln/uses/libcurl/libcurl.tar
sed -i "s,=/usr,=$PWD/usr," usr/lib/pkgconfig/libcurl.pc
mkdir kiln
tar -x -f /kiln/uses/kiln-source/agent.tar -C kiln
export PKG_CONFIG_PATH="$PWD/usr/lib/pkgconfig"
cd kiln
make -s -j "$KILN_JOBS" V=router \
    CFLAGS="$flags $(pkg-config --cflags libcurl)" LDFLAGS="${link#-static }" \
    PKG_CONFIG="pkg-config --static" \
    out/router/kiln-agent out/router/kiln-agent-fetch
cd out/router
{
	printf kilnagt1
	size=$(stat -c %s kiln-agent)
	for shift in 56 48 40 32 24 16 8 0; do
		printf "\\$(printf %03o $((size >> shift & 255)))"
	done
	cat kiln-agent kiln-agent-fetch
} >/out/agent
chmod 0644 /out/agent
