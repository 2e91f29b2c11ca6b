# Every service baked in both lanes, its files looked at, booted by the agent and
# asked by a client that nobody here wrote: `make farm-test`.  It takes minutes,
# so `make test` leaves it out.  A proof is a file beside this one: lib.sh says
# how it looks.
#
#	run.sh OUT [SERVICE…]   these alone, and what must run beside them
#
# The machines have the small kernel in a full run and where a proof names it,
# else Debian's, which is baked sooner; KERNEL names either.
#
# ARCH=arm64 has those built whose recipe names it, and run by an emulator; a full
# run does so, too.
#
# KILN_FARM_STATE names a farm to go on with.  A full run measures each image,
# records it in the farm (`kiln proof`) and writes docs/services.md from what is
# recorded there; with MEASURE=1 so does one of some services, and rows of which
# the farm knows nothing stay.  UPDATE=1 writes recipes/NAME/files.list as the image is.
. tests/support/lib.sh
[ $# -eq 0 ] || shift
here=tests/services

if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ]; then
	skip "the agent wants root and /dev/net/tun"
	finish
fi
var=${KILN_FARM_STATE:-$tmp/var}
. $here/lib.sh

own=$(dpkg --print-architecture)
arch=${ARCH:-$own}
of= # what the farm calls recipes of another architecture: NAME$of
[ "$arch" = "$own" ] || of=.$arch

# --- which ---------------------------------------------------------------------
all=$(cd $here && ls -- *.sh | sed -n 's/\.sh$//; /^lib$/d; /^run$/d; /^machine$/d; /^measure$/d; /^parts$/d; /^stock$/d; /^ledger$/d; p')
services=
want() { # SERVICE…: each behind what must run beside it
	while [ $# -gt 0 ]; do
		[ -e "$here/$1.sh" ] || { echo "no proof $here/$1.sh"; exit 2; }
		want $(word with "$here/$1.sh")
		case " $services " in *" $1 "*) ;; *) services="$services $1" ;; esac
		shift
	done
}
for_arch() { # of all, those whose recipe names it
	for s in $all; do
		[ "$of" ] && ! grep -q "^arch:.*[[ ]$arch[],]" \
		    "recipes/$s/recipe.yaml" || echo "$s"
	done
}
want ${*:-$(for_arch)}
full=$([ $# -eq 0 ] && echo yes)
# The others have no machine: programs of kiln's own.
images=$(for s in $services; do ! has_image "$s" || echo "$s"; done)
for p in jq openssl fsck.erofs $(for s in $services; do
	word tools "$here/$s.sh"; done); do
	command -v "$p" >/dev/null && continue
	skip "no $p: tools/deps farm installs it"
	finish
done

# --- baked ---------------------------------------------------------------------
kernel=kernel-debian
for s in $services; do
	[ ! "$full" ] && [ -z "$(word kernel "$here/$s.sh")" ] || kernel=kernel
done
kernel=${KERNEL:-$kernel}$of
case " $services " in *" kiln "* | *" agent "* | *" router-disk "*)
	t "kiln's own source is that of the last commit" make -s kiln-source ;;
esac
only=$(for s in ${images:+${kernel%"$of"}} $services; do
	echo "--only $s$of"
done)
echo "arch: [$arch]" >"$tmp/kiln.yaml"
"$bin/kiln-builder" --once --state "$var" --recipes recipes \
    ${of:+--config "$tmp/kiln.yaml"} $only \
    >"$tmp/baked" 2>"$tmp/bake.log"
baked=$?
sed 's/^/# /' "$tmp/baked"
[ $baked -eq 0 ] || tail -n 20 "$tmp/bake.log" | sed 's/^/# /'
t "every recipe is reproduced" test $baked -eq 0
. $here/ledger.sh
if ledger "$tmp/tasks" >"$tmp/ledger"; then
	column -t "$tmp/tasks" | sed 's/^/# /'
	sed 's/^/# /' "$tmp/ledger"
fi
published=$(for s in ${images:+kernel} $services; do service_of "$s"; done |
    sort -u)
released() {
	for s in $published; do
		sql "SELECT 1 FROM release WHERE service = '$s' AND
		    arch = '$arch'" | grep -q 1 ||
		    { echo "no release of $s"; return 1; }
	done
}
t "and its service released" released
outputs_of() { # RECIPE STAGE: lines NAME|DIGEST
	sql "SELECT o.name, o.digest FROM current c JOIN output o ON o.run =
	    (SELECT max(id) FROM run WHERE plan = c.plan
		AND state = 'succeeded')
	    WHERE c.recipe = '$1' AND c.stage = '$2'"
}
image_of() { # RECIPE: digest
	outputs_of "$1$of" image | cut -d '|' -f 2
}
stored() { # DIGEST
	echo "$var/store/${1%${1#??}}/$1"
}

# --- what is in the images -----------------------------------------------------
listed() { # RECIPE
	rm -rf "$tmp/root-$1"
	fsck.erofs --extract="$tmp/root-$1" --preserve-perms \
	    "$(stored "$(image_of "$1")")" >"$tmp/fsck" 2>&1 || {
		cat "$tmp/fsck"
		return 1
	}
	(cd "$tmp/root-$1" && find . -mindepth 1 -printf '%y %#m %P %l\n') |
	    sed 's/ $//' | LC_ALL=C sort -k 3 >"$tmp/files-$1"
	[ "${UPDATE:-}" != 1 ] || [ "$of" ] ||
	    cp "$tmp/files-$1" "recipes/$1/files.list"
	expected "$1" | diff -u - "$tmp/files-$1"
}
# The lists are those of amd64.
expected() { # RECIPE
	case $arch in
	arm64) sed 's/x86_64-linux-gnu/aarch64-linux-gnu/
		s,lib64/ld-linux-x86-64.so.2,lib/ld-linux-aarch64.so.1,
		s,lib64$,lib,' "recipes/$1/files.list" | LC_ALL=C sort -u -k 3 ;;
	*) cat "recipes/$1/files.list" ;;
	esac
}
for s in $images; do
	t "$s: its image holds what recipes/$s/files.list says, and no more" \
	    listed "$s"
done

# --- a router, and behind it a LAN ---------------------------------------------
networks
t "a router, a LAN and a provider are wired" wire
t "certificates are made" authorities
for s in $images; do
	. "$here/$s.sh"
	prepare
	settings >"$tmp/$s.json"
	t "$s: its settings are made" jq -e .config "$tmp/$s.json"
done

# --- published, and run by the agent -------------------------------------------
{
	cat <<END
state: $tmp/agent
server: ["http://198.51.100.1"]
channel: edge
demo: true
trust: {root: $tmp/root.json, min_keys: 1}
poll: 1h
probation: 5s
accel: ${KILN_ACCEL:-tcg}
${of:+arch: $arch}
lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
wan: {bridge: br-wan}
reports: off
END
	for s in $images; do
		[ ! -e "$tmp/$s.yaml" ] || cat "$tmp/$s.yaml"
	done
	echo services:
	for s in $images; do echo "  $s: $(jq -c . "$tmp/$s.json")"; done
} >"$tmp/agent.yaml"
publish() {
	# Keys of today: a farm that goes on may know fewer services.
	rm -rf "$var/tuf" "$var/tuf.db" "$var/tuf.db-wal" "$var/tuf.db-shm" \
	    "$var/keys"
	"$bin/kiln-tuf" init --state "$var" --demo \
	    $(for s in $published; do echo "--service $s"; done) &&
	    "$bin/kiln-tuf" export-root --state "$var" >"$tmp/root.json" &&
	    "$bin/kiln-tuf" serve --once --state "$var"
}
agent_pid=
# Under its supervisor it goes on as the one that was baked.
life=run
case "$of $services " in " "*" agent "*) life=supervise ;; esac
if [ "$images" ]; then
	t "all of it is published" publish
	$at_router "$bin/kiln-web" --state "$var" --listen 198.51.100.1:80 \
	    2>"$tmp/web.log" &
	pids="$pids $!"
	t "kiln-web serves it" until_ok 20 $at_router \
	    curl -fsS -o /dev/null http://198.51.100.1/tuf/metadata/timestamp.json
	began=$(date +%s)
	$at_router "$bin/kiln-agent" $life --config "$tmp/agent.yaml" \
	    2>"$tmp/agent.log" &
	agent_pid=$!
	pids="$pids $agent_pid"
	committed() { agent status --json | grep -q '"phase":"committed"'; }
	said_on_console() { agent console "$1" | tail -n 20 | sed "s/^/# $1: /"; }
	over() { committed || ! kill -0 $agent_pid; }
	until_ok 240 over
	t "every machine passes its probe, and the set is committed" committed
	if ! committed; then
		tail -n 40 "$tmp/agent.log" | sed 's/^/# /'
		for s in $services; do
			said_on_console "$s"
		done
		finish
	fi
	echo "# from nothing to committed: $(($(date +%s) - began)) s"
	agent status | sed 's/^/# /'
fi

. $here/machine.sh
. $here/parts.sh
. $here/measure.sh
. $here/stock.sh
khz=${images:+$(khz_of_agent)}

# --- asked ---------------------------------------------------------------------
for s in $services; do
	run_failed=$failed
	. "$here/$s.sh"
	: >"$tmp/cases"
	prove
	cp "$tmp/cases" "$tmp/$s.proof"
	[ $failed -eq $run_failed ] || ! has_image "$s" || said_on_console "$s"
done
if [ "$images" ]; then
	[ $failed -eq 0 ] || tail -n 40 "$tmp/agent.log" | sed 's/^/# /'
	kill $agent_pid
	until_ok 30 sh -c "! kill -0 $agent_pid"
fi

# --- measured ------------------------------------------------------------------
if [ "$full${MEASURE:-}" ] && [ $failed -eq 0 ]; then
	bench_net
	for s in $services; do
		t "$s: what it takes is recorded in the farm" record "$s"
	done
	[ $failed -ne 0 ] || t "docs/services.md is written from it" write_table
fi

# --- and for another machine ---------------------------------------------------
if [ "$full" ] && [ -z "$of" ]; then
	end_all # one kiln-web has a farm at a time
	t "those of arm64 are baked, booted and asked, too" \
	    env ARCH=arm64 KILN_FARM_STATE="$var" sh $here/run.sh "$bin"
fi
finish
