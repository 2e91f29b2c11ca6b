#!/bin/sh
# first-hour.sh OUT: docs/first-hour.md, block by block as it stands there, on
# three hosts: the farm is this machine, router and laptop have a folder and the
# router a network of its own.  `make first-hour-test` runs it.
set -u
. tests/support/lib.sh
start=$(date +%s)
[ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] || {
	skip "it wants root and /dev/net/tun"
	finish
}

# The router's network: a cable to the farm, and a bridge for its LAN.
unshare -n sleep 100000 &
router=$!
pids="$pids $router"
in_router() { nsenter -n -t "$router" "$@"; }
apart() { [ "$(readlink /proc/$router/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
until_ok 5 apart
n=$(($$ % 200 + 20))
cable=kfh$((n))
ip link add "$cable" type veth peer name wan0 netns "$router" &&
    ip address add 10.213.$n.1/30 dev "$cable" && ip link set "$cable" up || exit 1
in_router sh -ec "ip link set lo up; ip address add 10.213.$n.2/30 dev wan0; ip link set wan0 up
    ip link add br-lan type bridge; ip link set br-lan up"
away() {
	cleanup
	ip link delete "$cable" 2>/dev/null
}
trap away EXIT

mkdir "$tmp/etc" || exit 1
cat >"$tmp/names" <<EOF
export PATH=$bin:$PATH FARM=$tmp/farm KEYS=$tmp/stick SECRETS=$tmp/etc/secrets ROUTER=$tmp/router
export SHIPPED=$PWD/recipes RECIPES=$tmp/etc/recipes BACKUP=$tmp/backup SERVER=10.213.$n.1:8080 ETC=$tmp/etc LAPTOP=$tmp/laptop
EOF
awk -v to="$tmp/block" '
    /^## / { head = substr($0, 4) }
    /^```sh / { n++; file = sprintf("%s.%02d.%s", to, n, $2); print head >(file ".head"); next }
    /^```$/ { if (file) { close(file); close(file ".head") } file = ""; next }
    file { print >file }' docs/first-hour.md

limit=${KILN_BLOCK_SECONDS:-900}
step() {
	case $1 in
	*.router) in_router timeout "$limit" bash -e "$tmp/run.$2" ;;
	*) timeout "$limit" bash -e "$tmp/run.$2" ;;
	esac
}
for block in "$tmp"/block.*; do
	case $block in *.head | *.all) continue ;; esac
	number=$(basename "$block" | cut -d . -f 2)
	# What runs on is given to this script, to be ended with it.
	{
		cat "$tmp/names" "$tmp"/block.*.all
		cat "$block"
		echo 'jobs -p >>"'"$tmp"'/jobs"; disown -a'
	} >"$tmp/run.$number"
	if step "$block" "$number" >"$tmp/said.$number" 2>&1; then
		passed=$((passed + 1))
		echo "ok $(cat "$block.head"), block $number"
	else
		failed=$((failed + 1))
		echo "not ok $(cat "$block.head"), block $number"
		tail -n 30 "$tmp/said.$number" | sed 's/^/    /'
		[ -e "$tmp/etc/up.log" ] && tail -n 5 "$tmp/etc/up.log" | sed 's/^/    # /'
		[ -e "$tmp/etc/agent.log" ] && tail -n 10 "$tmp/etc/agent.log" | sed 's/^/    # /'
		break
	fi
	pids="$pids $(cat "$tmp/jobs" 2>/dev/null | tr '\n' ' ')"
done
echo "# $(($(date +%s) - start)) s"
finish
