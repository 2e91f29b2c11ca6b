# Every starter image, reproduced: from a running farm into an empty folder, and
# from its bundle with the network cut.  Minutes; `make reproduce-test`.
#   KILN_STARTERS_STATE   a farm that has built and published them
#   KILN_STARTERS         which of them (all)
. tests/support/lib.sh

services=${KILN_STARTERS:-dns-dhcp dns-resolver mqtt kernel}
farm=${KILN_STARTERS_STATE:-$tmp/farm}
port=$((20000 + $$ % 20000))
url=http://127.0.0.1:$port
sql() { sqlite3 -batch -readonly "$farm/farm.db" "$1"; }

founded() {
	[ ! -e "$farm/farm.db" ] || return 0
	only= named=
	for s in $services; do
		[ "$s" = kernel ] && r=kernel-debian || r=$s
		only="$only --only $r" named="$named --service $s"
	done
	"$bin/kiln-builder" --once --state "$farm" --recipes recipes $only &&
	    "$bin/kiln-tuf" init --state "$farm" --demo $named &&
	    "$bin/kiln-tuf" serve --state "$farm" --once
}
t "a farm builds and publishes the starters" founded
"$bin/kiln-web" --state "$farm" --listen "127.0.0.1:$port" >"$tmp/web.log" 2>&1 &
pids="$pids $!"
t "its server answers" until_ok 20 curl -fsS -o "$tmp/page" "$url/healthz"
root=$farm/tuf/metadata/1.root.json

image_of() { # the first target of the service's newest release
	sql "SELECT o.digest FROM release l JOIN run r ON r.plan = l.plan AND r.state = 'succeeded'
	    JOIN output o ON o.run = r.id WHERE l.service = '$1'
	    ORDER BY l.made_at DESC, o.name DESC LIMIT 1"
}
said() { # STATUS-LINE of the last one, and how long it took
	sed -n 's/^\(not \)\{0,1\}reproduced: /# &/p' "$tmp/out"
}
from_farm() {
	strace -f -qq --seccomp-bpf -e trace=execve -o "$tmp/trace" \
	    "$bin/kiln" reproduce --state "$tmp/mine" --from "$url" --root "$root" \
	    "$1" >"$tmp/out" 2>"$tmp/err" || { cat "$tmp/out" "$tmp/err"; return 1; }
	grep -q "^reproduced: .*$1" "$tmp/out"
}
compiled() {
	n=$(grep -cE 'execve\("[^"]*/(cc1|cc1plus|collect2)", .*= 0' "$tmp/trace")
	echo "$n compilers started"
	[ "$n" -gt 0 ]
}
from_bundle() {
	"$bin/kiln" bundle --state "$farm" "$1" "$tmp/$2.kiln" &&
	    unshare -n "$bin/kiln" reproduce --state "$tmp/cut-$2" --lanes B \
	    --root "$root" "$tmp/$2.kiln" >"$tmp/out" 2>"$tmp/err" ||
	    { cat "$tmp/out" "$tmp/err"; return 1; }
	grep -q "^reproduced: .*$1" "$tmp/out"
	r=$?
	rm -rf "$tmp/cut-$2" "$tmp/$2.kiln"
	return $r
}
for s in $services; do
	image=$(image_of "$s")
	t "$s: the farm's image is reproduced in a folder of one's own" from_farm "$image"
	said
	# A kernel is Debian's own: taken out of its package.
	[ "$s" = kernel ] ||
	    t "$s: and a trace shows the compilers" compiled
	[ "$s" = kernel ] || sed 's/^/# /' "$tmp/case.out"
	t "$s: and from its bundle, with the network cut" from_bundle "$image" "$s"
	said
done
finish
