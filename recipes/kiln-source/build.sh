# What the agent is made of is a file of its own: while it stays the same, so
# does the agent, whatever else changes.
pack() # OUTPUT FILE…
{
	to=/out/$1
	shift
	tar -c -f "$to" -C kiln --sort=name --mtime="@$SOURCE_DATE_EPOCH" \
	    --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw "$@"
	chmod 0644 "$to"
}
mkdir kiln
tar -x -f /kiln/recipe/kiln.tar.xz -C kiln --strip-components=1
# What programs are made of: not their tests, recipes and documents.
pack kiln.tar Makefile packaging/rules.mk LICENSE lib builder tuf-repo web \
    router-agent
rm -f kiln/lib/db*.c
pack agent.tar Makefile packaging/rules.mk LICENSE lib router-agent
# The agent's units and users, for a machine that is nothing but a router.
pack units.tar $(cd kiln && echo packaging/systemd/kiln-agent*)
