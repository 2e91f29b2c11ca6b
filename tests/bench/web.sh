# What routers ask for, beside nginx: timestamp.json whole and unchanged, and
# an image of 4 MiB.  Both servers have one process and 16 connections that are
# kept; wrk has the other processor.
need nginx wrk curl jq
say "serving, beside nginx"
served=$tmp/served
head -c 4194304 /dev/urandom >"$tmp/image"
quietly "$out/kiln-tuf" init --state "$served" --demo --service dns-dhcp --service kernel
quietly "$out/tests/support/publish" "$served" vm dns-dhcp 1 "$tmp/image" router.lan
quietly "$out/kiln-tuf" serve --state "$served" --once
serve "$served"
mkdir "$tmp/nginx"
peer_port=$((port + 100))
cat >"$tmp/nginx/conf" <<-NGINX
	worker_processes 1;
	pid $tmp/nginx/pid;
	error_log $tmp/nginx/error;
	worker_rlimit_nofile 20000;
	events { worker_connections 12000; }
	http {
		access_log off;
		sendfile on;
		tcp_nopush on;
		keepalive_requests 1000000000;
		types { application/json json; }
		default_type application/octet-stream;
		client_body_temp_path $tmp/nginx/body;
		proxy_temp_path $tmp/nginx/proxy;
		fastcgi_temp_path $tmp/nginx/fastcgi;
		uwsgi_temp_path $tmp/nginx/uwsgi;
		scgi_temp_path $tmp/nginx/scgi;
		server {
			listen 127.0.0.1:$peer_port;
			root $served;
		}
	}
NGINX
nginx -c "$tmp/nginx/conf" -e "$tmp/nginx/error" -g 'daemon off;' &
group_peer=$!
at_end 'kill $group_peer 2>/dev/null; wait $group_peer'
peer_url=http://127.0.0.1:$peer_port/tuf
until curl -s -o /dev/null "$peer_url/metadata/timestamp.json"; do sleep 0.2; done
worker=$(pgrep -P $group_peer)
# ticks PID: processor time so far, in 1/100 s.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
# load PID URL [HEADER]: microseconds for each request, then of its processor time.
seconds=${KILN_BENCH_SECONDS:-4}
load() {
	before=$(ticks "$1")
	wrk -t 1 -c 16 -d "$seconds" -H "${3:-Accept: */*}" "$2" >"$tmp/wrk"
	after=$(ticks "$1")
	if grep -E 'Non-2xx|Socket errors' "$tmp/wrk" >"$tmp/bad" && [ "${3:-}" = "" ]; then
		say "$2: $(cat "$tmp/bad")"
		exit 1
	fi
	awk -v t=$((after - before)) -v want="$seconds" '/requests in/ { n = $1 }
	    /^Requests\/sec/ { rate = $2 }
	    END { printf "%.2f %.2f\n", 1e6 / rate, 1e4 * t / n }' "$tmp/wrk"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# beside NAME PATH GOAL [unchanged]
beside() {
	ours_header= peer_header=
	if [ "${4:-}" ]; then
		ours_header="If-None-Match: $(curl -sI "$url/$2" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')"
		peer_header="If-None-Match: $(curl -sI "$peer_url/$2" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')"
		for one in "$url $ours_header" "$peer_url $peer_header"; do
			[ "$(curl -s -o /dev/null -w '%{http_code}' -H "${one#* }" "${one%% *}/$2")" = 304 ] || {
				say "$one: not 304"
				exit 1
			}
		done
	fi
	: >"$tmp/ours"
	: >"$tmp/theirs"
	i=0
	while [ $i -lt "$pairs" ]; do
		load "$web" "$url/$2" "$ours_header" >>"$tmp/ours"
		load "$worker" "$peer_url/$2" "$peer_header" >>"$tmp/theirs"
		i=$((i + 1))
	done
	for part in time:1 cpu:2; do
		row "serve-$1.${part%:*}" "$(cut -d ' ' -f "${part#*:}" "$tmp/ours" | median)" \
		    "$(cut -d ' ' -f "${part#*:}" "$tmp/theirs" | median)" us "$pairs" 'nginx, one worker, sendfile'
		goal "serve-$1.${part%:*}" "$3"
	done
}
beside timestamp-200 metadata/timestamp.json 1.0
beside timestamp-304 metadata/timestamp.json 1.0 unchanged
image=$(sha256sum "$tmp/image" | cut -c1-64)
# libmicrohttpd gives sendfile(2) 128 KiB at a time and asks epoll between: 25
# rounds for 3.2 MB, where nginx needs two.  The time is the same; what it costs
# more in processor time (strace -c shows nothing else) is the library's.
beside image-4m "targets/images/dns-dhcp/amd64/$image.$image" 1.1

# Who has asked and holds the connection, ten thousand of them.
idle() { # PID PORT: KiB more than without them
	free=$(awk '/^VmRSS/ { print $2 }' "/proc/$1/status")
	mkfifo "$tmp/hold"
	"$out/tests/support/idle" "$2" 10000 /tuf/metadata/1.root.json <"$tmp/hold" >"$tmp/idle" &
	idle=$!
	exec 8>"$tmp/hold"
	until grep -q open "$tmp/idle"; do
		kill -0 $idle
		sleep 0.2
	done
	echo $(($(awk '/^VmRSS/ { print $2 }' "/proc/$1/status") - free))
	exec 8>&-
	wait $idle
	rm "$tmp/hold"
}
row idle-10000.memory "$(idle "$web" "$port")" "$(idle "$worker" "$peer_port")" KiB 1 'nginx, one worker'
unserve
