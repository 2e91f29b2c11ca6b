# For the scripts in tests/e2e that run the router's part alone, in a network
# namespace of its own: a tree that kiln-tuf made, kiln-web before it, machines
# that boot, and agent.yaml with the lines of $more added to it and $config as
# the service's configuration.  The guest is
# taken from $KILN_GUEST (vmlinuz, initrd, image), else from what `make run`
# built.
guest=${KILN_GUEST:-$tmp/guest}
# What the recipe says that its configuration may say, as JSON.
KILN_CONFIG=$(sed -n '/^config:/,/^[^ ]/s/^  \([^ ]*\): \([^#]*[^# ]\).*/"\1":"\2"/p' \
    recipes/dns-dhcp/recipe.yaml | paste -s -d , | sed 's/.*/{&}/')
export KILN_CONFIG
from_farm() {
	images=var/tuf/targets/images
	mkdir -p "$guest"
	for f in "$images"/kernel/amd64/*; do
		[ -e "$f" ] || return 1
		# A Linux kernel has "HdrS" at 514.
		if [ "$(dd if="$f" bs=1 skip=514 count=4 2>/dev/null)" = HdrS ]; then
			ln -sf "$PWD/$f" "$guest/vmlinuz"
		else
			ln -sf "$PWD/$f" "$guest/initrd"
		fi
	done
	for f in "$images"/dns-dhcp/amd64/*; do
		ln -sf "$PWD/$f" "$guest/image"
	done
	[ -e "$guest/image" ]
}
if [ "$(id -u)" != 0 ] || [ ! -c /dev/net/tun ]; then
	skip "the agent wants root and /dev/net/tun"
	finish
fi
if [ -z "${KILN_GUEST:-}" ] && ! from_farm; then
	skip "no guest to boot: set KILN_GUEST or use make run first"
	finish
fi

var=$tmp/var
[ -n "${config:-}" ] ||
	config='{domain: lan, hosts: [{name: router, address: 192.0.2.53}],
      dhcp: {start: 192.0.2.100, end: 192.0.2.200, lease: 3600}}'
st=$tmp/agent
server=http://198.51.100.1
ip link set lo up
ip address add 198.51.100.1/32 dev lo
cat >"$tmp/agent.yaml" <<EOF
state: $st
server: ["$server"]
channel: edge
demo: true
trust: {root: $tmp/root.json, min_keys: 1}
poll: 1h
probation: ${probation:-5s}
accel: ${KILN_ACCEL:-tcg}
lan: {bridge: br-lan, address: 192.0.2.1, prefix: 24}
services:
  dns-dhcp:
    address: 192.0.2.53
    config: $config
reports: full
${more:-}
EOF
agent() {
	verb=$1
	shift
	"$bin/kiln-agent" "$verb" --config "$tmp/agent.yaml" "$@"
}
publish() { # VERSION IMAGE
	"$bin/tests/support/publish" "$var" vm dns-dhcp "$1" "$2" router.lan &&
	    "$bin/kiln-tuf" serve --once --state "$var"
}
# kilnagt1, length, kiln-agent, kiln-agent-fetch
bundle() { # AGENT FILE
	printf 'kilnagt1' >"$2"
	size=$(stat -L -c %s "$1")
	for shift in 56 48 40 32 24 16 8 0; do
		# shellcheck disable=SC2059
		printf "\\$(printf %03o $((size >> shift & 255)))" >>"$2"
	done
	cat "$1" "$bin/kiln-agent-fetch" >>"$2"
}
publish_agent() { # VERSION FILE
	"$bin/tests/support/publish" "$var" agent kiln-agent "$1" "$2" &&
	    "$bin/kiln-tuf" serve --once --state "$var"
}
start_agent() {
	"$bin/kiln-agent" run --config "$tmp/agent.yaml" 2>>"$tmp/agent.log" &
	agent_pid=$!
	pids="$pids $agent_pid"
}
has() { agent status --json | grep -q "$1"; }
asks() { "$bin/kiln-agent" probe dns 192.0.2.53 router.lan 2>/dev/null; }
answers() { asks | grep -q '192\.0\.2\.53'; }
exits() { # CODE command…
	want=$1
	shift
	"$@"
	[ $? -eq "$want" ]
}
found() {
	"$bin/kiln-tuf" init --state "$var" --demo --service dns-dhcp \
	    --service kernel ${services_more:-} &&
	    "$bin/kiln-tuf" export-root --state "$var" >"$tmp/root.json" &&
	    "$bin/tests/support/publish" "$var" kernel kernel 6.1 \
		"$guest/vmlinuz" "$guest/initrd" \
		"${machine:-microvm,pit=on,pic=on,rtc=on}" \
		"${cmdline:-console=ttyS0 quiet pci=off panic=-1}" &&
	    publish 1 "$guest/image"
}
farm_serves() {
	t "a farm is founded and publishes a set" found
	"$bin/kiln-web" --state "$var" --listen 198.51.100.1:80 \
	    2>"$tmp/web.log" &
	web_pid=$!
	pids="$pids $web_pid"
	t "kiln-web serves it" until_ok 20 \
	    curl -fsS -o /dev/null $server/tuf/metadata/timestamp.json
}
another() { # FILE PAGES
	cat "$guest/image" >"$1"
	dd if=/dev/zero bs=4096 count="$2" >>"$1" 2>/dev/null
}

# A client of the LAN, in a namespace of its own behind a port of the bridge.
in_lan() { nsenter -n -t $lan "$@"; }
elsewhere() {
	[ "$(readlink /proc/$lan/ns/net)" != "$(readlink /proc/self/ns/net)" ]
}
client() {
	unshare -n sleep 100000 &
	lan=$!
	pids="$pids $lan"
	until_ok 5 elsewhere &&
	    ip link add lan0 type veth peer name eth0 &&
	    ip link set lan0 master br-lan up &&
	    ip link set eth0 netns $lan &&
	    in_lan ip address add 192.0.2.77/24 dev eth0 &&
	    in_lan ip link set eth0 up &&
	    until_ok 10 in_lan "$bin/kiln-agent" probe dns 192.0.2.53 router.lan
}
# Those who ask; $ahead: a command that puts them before all else on this host.
clients() { in_lan ${ahead:-} "$@"; }
queries=${KILN_QUERIES:-100} # a second
load_on() {
	rm -f "$tmp/enough"
	clients "$bin/tests/support/dnsload" 192.0.2.53 router.lan $queries \
	    "$tmp/enough" >"$tmp/load" 2>&1 &
	loader=$!
	pids="$pids $loader"
}
load_off() { # WHAT
	sleep 2
	touch "$tmp/enough"
	wait $loader
	echo "# $1: $(cat "$tmp/load")"
}
none_lost() {
	cat "$tmp/load"
	read -r _ n _ got _ bad _ wrong _ twice _ <"$tmp/load"
	[ "$n" -gt $((queries * 2)) ] && [ "$bad" -eq 0 ] &&
	    [ "$wrong" -eq 0 ] && [ "$twice" -eq 0 ]
}
# An emulated guest serves as much as the host lets it, and while a second one
# boots that is a fraction: it is asked little here, and less on a busy host, so
# that what a switch loses is not mixed with what was too much for the host.
# tests/fault/rounds.sh and `make bench` ask 1,000 a second.
every=${KILN_DHCP_MS:-100} # ms between two new DHCP clients
pace() {
	load_on
	sleep 4
	load_off "without a switch"
	read -r _ _ _ _ _ lost _ _ _ _ _ gap _ <"$tmp/load"
	if [ "${lost:-1}" -gt 0 ] || [ "${gap:-1000}" -gt 150 ]; then
		queries=40 every=250
		echo "# this host is busy: $queries queries a second"
	fi
}
