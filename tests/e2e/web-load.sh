# kiln-web with many who only hold a connection: all are there at once, cost
# little, stand in nobody's way, and leave nothing behind.
. tests/support/lib.sh

many=10000
room=$(ulimit -Hn)
[ "$room" = unlimited ] || [ "$room" -ge 20000 ] || many=$((room / 3))
var=$tmp/var
listens() { curl -s -o "$tmp/body" "http://127.0.0.1:$port/healthz"; }
web_up() {
	"$bin/kiln-tuf" init --state "$var" --demo --service kernel || return
	port=18600
	while [ $port -lt 18640 ]; do
		"$bin/kiln-web" --state "$var" --listen 127.0.0.1:$port \
		    >"$tmp/web.log" 2>&1 &
		web=$!
		until_ok 10 web_or_gone && kill -0 $web && {
			pids="$pids $web"
			return
		}
		port=$((port + 1))
	done
	cat "$tmp/web.log"
	return 1
}
web_or_gone() { ! kill -0 $web || grep -q serving "$tmp/web.log"; }
t "a farm is served" web_up
t "and answers" until_ok 10 listens
descriptors() { find "/proc/$web/fd" -mindepth 1 | wc -l; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$web/status"; }
before=$(descriptors)
memory=$(resident)

mkfifo "$tmp/hold"
"$bin/tests/support/idle" $port $many /tuf/metadata/1.root.json <"$tmp/hold" \
    >"$tmp/idle" 2>&1 &
idle=$!
pids="$pids $idle"
exec 8>"$tmp/hold"
held() { ! kill -0 $idle || grep -q open "$tmp/idle"; }
t "$many connections come" until_ok 60 held
t "and are there at once" grep -x "$many open" "$tmp/idle"
# Each has read a request and given an answer before it fell silent.
cheap() {
	each=$((($(resident) - memory) / (many / 1000)))
	echo "# $each KiB for each thousand: $(resident) KiB in all"
	[ $each -lt 16384 ]
}
t "a thousand of them cost less than 16 MiB" cheap
grep '^#' "$tmp/case.out"
t "others are served meanwhile" listens
t "pages too" curl -sf -o "$tmp/body" "http://127.0.0.1:$port/trust"
exec 8>&-
all_gone() { [ "$(descriptors)" -le $((before + 4)) ]; }
t "who goes leaves no descriptor behind" until_ok 30 all_gone
t "the server still answers" listens
kill -TERM $web
wait $web
ended=$?
t "and ends when it is told to" test $ended = 0
finish
