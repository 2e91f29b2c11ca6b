# As `make install` would have them.
recipe=kiln
. /kiln/uses/guest-init/recipe.sh

mkdir kiln
tar -x -f /kiln/uses/kiln-source/kiln.tar -C kiln
cd kiln
make -s -j "$KILN_JOBS" PREFIX=/usr CFLAGS="$flags" \
    LDFLAGS="${link#-static }" all
for program in kiln kiln-builder kiln-runner kiln-tuf kiln-web kiln-agent \
    kiln-agent-fetch; do
	install -m 0755 out/dev/$program /out/$program
done
