# State volumes: what a service wrote outlives its machine, goes over to the
# next image, is whole after a cut in the middle of the copy, and comes back with
# the set before.  And a program of the image says whether it is well.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
[ -n "${KILN_GUEST:-}" ] || [ ! -e "${1:-out/dev}/test-guest/image" ] ||
	export KILN_GUEST="$(cd "${1:-out/dev}" && pwd)/test-guest"
. tests/support/lib.sh
probation=1s
. tests/support/router.sh
. tests/support/box.sh
t "an image with a box is made" box_image "$tmp/one" 1
mkdir "$tmp/boxed" && cp "$guest/vmlinuz" "$guest/initrd" "$tmp/boxed/" &&
    cp "$tmp/one" "$tmp/boxed/image"
guest=$tmp/boxed
sed 's/^probation:.*/probation: 10m/' "$tmp/agent.yaml" >"$tmp/slow.yaml"
committed() { has "\"phase\":\"committed\".*\"set\":{\"counter\":$1"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
ends() {
	kill $agent_pid && until_ok 60 gone $agent_pid
}
qemu() { pgrep -P $agent_pid -f 'name kiln-dns-dhcp' | head -n 1; }
files() { ls "$st/volumes/dns-dhcp" | tr '\n' ' '; }
farm_serves
start_agent
t "the first set is committed" until_ok 150 committed 1
t "its box takes a line" until_ok 20 puts first
t "and has it" holds first
owned() {
	p=/proc/$(qemu)
	u=$(awk '/^Uid:/ {print $2}' "$p/status")
	l=$(awk '/^Max file size/ {print $4}' "$p/limits")
	stat -c '%u %a %s' "$st/volumes/dns-dhcp/state.1"
	echo "uid $u, files up to $l"
	[ "$(stat -c '%u %a %s' "$st/volumes/dns-dhcp/state.1")" = \
	    "$u 600 16777216" ] && [ "$l" = 16777216 ]
}
t "the file is its machine's alone, and QEMU can make none larger" owned

# --- an update -----------------------------------------------------------------
box_image "$tmp/two" 2
t "a second image is published" publish 2 "$tmp/two"
kill -USR1 $agent_pid
t "the second set is committed" until_ok 150 committed 2
t "the line is still there" until_ok 20 holds first
t "and another comes to it" puts second
t "the set before keeps its own file" [ "$(files)" = "state.1 state.2 " ]

# --- a cut in the middle of the copy ---------------------------------------------
box_image "$tmp/three" 3
t "a third image is published" publish 3 "$tmp/three"
t "the agent ends" ends
touch "$tmp/r"
if cp --reflink=always "$tmp/r" "$tmp/r2" 2>/dev/null; then
	echo "# this file system copies by reference: there is no middle"
else
	strace -f -o "$tmp/trace" -e trace=copy_file_range \
	    -e inject=copy_file_range:signal=KILL:when=2 \
	    "$bin/kiln-agent" run --config "$tmp/agent.yaml" 2>>"$tmp/agent.log" &
	cut=$!
	pids="$pids $cut"
	t "the agent is killed in the middle of a copy" until_ok 60 gone $cut
	t "which was the third volume's" [ "$(files)" = "state.1 state.2 state.3 " ]
fi

# --- one that is undone in its probation -------------------------------------------
"$bin/kiln-agent" run --config "$tmp/slow.yaml" 2>>"$tmp/agent.log" &
agent_pid=$!
pids="$pids $agent_pid"
t "the third set comes to its probation all the same" until_ok 150 \
    has '"phase":"probation"'
t "its machine has both lines, and takes a third" until_ok 20 puts third
t "so it has three" holds first second third
t "the owner undoes it" agent rollback
t "the second set serves again" until_ok 60 has '"phase":"rolled-back"'
t "the state went back with it" until_ok 20 holds first second
t "and can be written" puts fourth
t "what the third wrote is swept" [ "$(files)" = "state.1 state.2 " ]

if [ "${KILN_FAULTS:-}" = full ]; then
	# What the image's own program says counts: 150 s it has to become well.
	box_image "$tmp/four" 4 /var/lib/box/none/lines
	t "an image is published whose program will find it ill" publish 4 "$tmp/four"
	kill -USR1 $agent_pid
	ill() { has '"cause":"probe".*program well: the box cannot be written'; }
	t "it is not taken, for what its program said" until_ok 200 ill
	t "and nothing of the state is lost" holds first second fourth
	box_image "$tmp/five" 5
	export KILN_HANDOVER=exclusive
	t "one is published of the class exclusive" publish 5 "$tmp/five"
	t "the agent ends" ends
	start_agent
	t "it is committed" until_ok 150 committed 5
	t "and the lines came along" until_ok 20 holds first second fourth
fi
grep '^info state' "$tmp/agent.log" | sed 's/^/# /'
finish
