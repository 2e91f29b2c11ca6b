# kiln-tuf check as a stranger uses it: a folder or an address, every defect
# in one list, and an exit status for each kind of end.
. tests/support/lib.sh

var=$tmp/var
tuf=$bin/kiln-tuf
found() {
	echo kernel >"$tmp/k" && echo initrd >"$tmp/i" &&
	    echo image >"$tmp/image" &&
	    "$tuf" init --state "$var" --demo --service kernel --service dns-dhcp &&
	    "$bin/tests/support/publish" "$var" kernel kernel 6.1 "$tmp/k" \
		"$tmp/i" microvm console=ttyS0 &&
	    "$bin/tests/support/publish" "$var" vm dns-dhcp 1 "$tmp/image" \
		router.lan &&
	    "$tuf" serve --state "$var" --once
}
t "a farm is founded and published" found
tree=$tmp/tree
fresh() { rm -rf "$tree" && cp -a "$var/tuf" "$tree"; }
fresh

# Any web server will do: here one that serves a folder.
serve() {
	node -e '
	const fs = require("fs"), http = require("http"), path = require("path");
	const s = http.createServer((q, a) => {
		if (q.url.startsWith("/broken/")) { a.writeHead(500); return a.end(); }
		fs.readFile(path.join(process.argv[1], path.normalize(q.url)), (e, d) => {
			a.writeHead(e ? 404 : 200);
			a.end(d);
		});
	});
	s.listen(0, "127.0.0.1", () => console.log(s.address().port));
	' "$tree" >"$tmp/port" &
	pids="$pids $!"
	until_ok 20 test -s "$tmp/port" && port=$(cat "$tmp/port")
}
serve
url=http://127.0.0.1:$port/

# ends STATUS WORDS… -- COMMAND…: it exits so and says all of these.
ends() {
	want=$1
	shift
	: >"$tmp/words"
	while [ "$1" != -- ]; do
		echo "$1" >>"$tmp/words"
		shift
	done
	shift
	got=0
	"$@" >"$tmp/said" 2>&1 || got=$?
	cat "$tmp/said"
	[ $got -eq "$want" ] || {
		echo "exit $got, not $want"
		return 1
	}
	while read -r w; do
		grep -qF -e "$w" "$tmp/said" || {
			echo "it does not say: $w"
			return 1
		}
	done <"$tmp/words"
}
for where in "$tree" "$url"; do
	kind=folder
	[ "$where" = "$tree" ] || kind=address
	fresh
	t "a $kind: nothing wrong is 0" ends 0 "nothing wrong" -- "$tuf" check "$where"
	t "a $kind: with the root one trusts" ends 0 "nothing wrong" -- \
	    "$tuf" check --root "$var/tuf/metadata/1.root.json" "$where"

	# Three defects of three kinds: all are told, and the status is 4.
	image=$(find "$tree/targets/images/dns-dhcp" -type f | head -n 1)
	set=$(find "$tree/targets/sets/edge" -type f | head -n 1)
	printf 'imagE\n' >"$image"
	rm "$set"
	brake=$(find "$tree/metadata" -name '*.brake.json')
	sed -i 's/"version":1/"version":2/' "$brake"
	t "a $kind: every defect is told, and the status is 4" ends 4 \
	    "wrong: svc-dns-dhcp: target images/dns-dhcp/" \
	    "its SHA-256 is not the listed one (wrong bytes)" \
	    "wrong: sets-edge: " \
	    "wrong: brake: brake.json: " -- "$tuf" check "$where"
	t "a $kind: the same as JSON" ends 4 '"findings"' '"where": "brake"' -- \
	    "$tuf" check --json "$where"
	fresh
	rm "$tree/metadata/1.root.json"
	t "a $kind: without a root it is 4" ends 4 "1.root.json" -- \
	    "$tuf" check "$where"
	fresh
	printf '{"signatures":[]}' >"$tree/metadata/timestamp.json"
	t "a $kind: a timestamp that is none is 4" ends 4 "wrong: timestamp" -- \
	    "$tuf" check "$where"
	fresh
	head -c 20000 /dev/zero >>"$tree/metadata/timestamp.json"
	t "a $kind: a timestamp without end is 4" ends 4 "wrong: timestamp" -- \
	    "$tuf" check "$where"
done
fresh
"$tuf" init --state "$tmp/other" --demo --service kernel >"$tmp/log" 2>&1
t "another farm's root: 4" ends 4 "wrong: " -- \
    "$tuf" check --root "$tmp/other/tuf/metadata/1.root.json" "$url"
t "nobody answers: 75, for it may pass" ends 75 "cause=" -- \
    "$tuf" check http://127.0.0.1:1/
t "a server that fails: 75" ends 75 "cause=" -- "$tuf" check "${url}broken/"
t "no such folder: 1" ends 1 "" -- "$tuf" check "$tmp/nowhere"
t "two names: 2" ends 2 "name one folder or address" -- "$tuf" check a b
finish
