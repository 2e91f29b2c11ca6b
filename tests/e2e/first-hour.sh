#!/bin/sh
# first-hour.sh OUT: in a fresh Debian root the packages are installed and
# docs/first-hour.md is followed, block by block as it stands there, to a router
# that answers, an upgrade and a restore.  Farm, router and laptop are that root;
# the router has a network of its own.  After each step its own assertions are
# made; a step without any fails.  `make first-hour-test` runs it.
set -u
. tests/support/lib.sh
. tests/support/debroot.sh
began=$(date +%s)
[ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] || {
	skip "it wants root and /dev/net/tun"
	finish
}
version=$(sed -n 's/^#define KILN_VERSION "\(.*\)"/\1/p' lib/cli.h)
next=$version+next1
arch=$(dpkg --print-architecture)
root=$tmp/root

# --- steps ---------------------------------------------------------------------
step_begin() { # NAME
	step=$1 step_rc=0 step_at=$(date +%s) before=$((passed + failed)) bad=$failed
}
step_end() {
	count=$((passed + failed - before))
	if [ $count -eq 0 ]; then
		failed=$((failed + 1))
		echo "not ok $step asserted nothing"
	fi
	printf '# step "%s": exit %s, %s assertions, %s failed, %s s\n' "$step" \
	    "$step_rc" "$count" $((failed - bad)) $(($(date +%s) - step_at))
	[ "$step_rc" -eq 0 ] && [ $failed -eq $bad ] || {
		echo "# $(($(date +%s) - began)) s in all"
		finish
	}
}
is() { [ "$1" = "$2" ] || { echo "is \"$1\", not \"$2\""; return 1; }; }

# --- packages and a root ---------------------------------------------------------
step_begin "packages of this version and of a next one"
make --no-print-directory -s deb >"$tmp/deb.log" 2>&1 &&
    make --no-print-directory -s deb VERSION="$next" >>"$tmp/deb.log" 2>&1 || {
	step_rc=$?
	tail "$tmp/deb.log"
}
for p in kiln-farm kiln-cli kiln-agent; do
	t "$p $version and $next" test -s "out/deb/${p}_${version}_$arch.deb" \
	    -a -s "out/deb/${p}_${next}_$arch.deb"
done
step_end

step_begin "a fresh Debian root"
fresh_root "$root" >"$tmp/boot.log" 2>&1 || {
	step_rc=$?
	tail "$tmp/boot.log"
}
t "nothing of kiln is in it" sh -c "! find '$root' -xdev -iname '*kiln*' | grep ."
mkdir "$root/debs" "$root/root/next"
for p in kiln-farm kiln-cli kiln-agent; do
	cp "out/deb/${p}_${version}_$arch.deb" "$root/debs/"
	cp "out/deb/${p}_${next}_$arch.deb" "$root/root/next/"
done
hold "$root" && farm=$holder && hold "$root" --net && router=$holder || exit 1
n=$(($$ % 200 + 20))
cable=kfh$n
ip link add "$cable" type veth peer name wan0 netns "$router" &&
    ip address add 10.213.$n.1/30 dev "$cable" && ip link set "$cable" up || exit 1
nsenter --net -t "$router" sh -ec "ip link set lo up; ip address add 10.213.$n.2/30 dev wan0
    ip link set wan0 up; ip link add br-lan type bridge; ip link set br-lan up"
away() {
	cleanup
	ip link delete "$cable" 2>/dev/null
}
trap away EXIT
on_farm() { inside "$farm" "$@"; }
on_router() { inside "$router" "$@"; }
t "it has a root of its own, in which user namespaces are made" \
    on_farm unshare --user --map-root-user true
step_end

step_begin "the packages are installed"
on_farm sh -ec 'apt-get -q update
    apt-get -q -y --no-install-recommends install /debs/*.deb
    apt-get -q -y --no-install-recommends install ca-certificates curl jq openssl bind9-dnsutils' \
    >"$tmp/apt.log" 2>&1 || {
	step_rc=$?
	tail "$tmp/apt.log"
}
for p in kiln kiln-builder kiln-tuf kiln-web kiln-agent; do
	t "$p says its version" is "$(on_farm $p --version)" "$p $version"
done
step_end

# --- what holds after each section -------------------------------------------------
url=http://10.213.$n.1:8080
farm_db() { sqlite3 -readonly "$root$folder/$1.db" "$2"; }
folder=/var/lib/kiln
agent_is() { # JQ-EXPRESSION VALUE
	is "$(on_router kiln-agent status --config /etc/kiln/agent.yaml --json | on_farm jq -r "$1")" "$2"
}
name_is() { # as BIND's own client sees it
	is "$(on_router dig +short +time=5 +tries=3 @192.0.2.53 router.lan)" 192.0.2.53
}
answers() { t "router.lan is answered on the LAN" until_ok 20 name_is; }
after_1() {
	t "no offline key is on the farm" sh -c "! ls '$root$folder'/keys/offline/*.key"
	t "the stick has root's, targets' and the release key" sh -c \
	    "cd '$root/media/stick' && ls root*.key targets*.key release*.key passphrase root.json"
	t "the online keys are the signer's alone" is \
	    "$(on_farm stat -c '%U %a' $folder/keys/online)" "kiln-signer 700"
	t "the root is the first" is "$(on_farm jq .signed.version /media/stick/root.json)" 1
}
after_2() {
	t "every plan was reproduced" is \
	    "$(farm_db farm "SELECT group_concat(DISTINCT verdict) FROM plan")" reproduced
	t "in both lanes" is "$(farm_db farm "SELECT group_concat(lane, '') FROM
	    (SELECT DISTINCT lane FROM run ORDER BY lane)")" AB
	t "a set was published" is "$(farm_db tuf "SELECT max(counter) FROM published_set")" 1
	t "the tree is served" on_farm curl -fsS -o /dev/null $url/tuf/metadata/timestamp.json
	t "the API has both recipes" sh -c \
	    "nsenter --mount --net -t $farm curl -fsS '$url/api/v1/recipes' >'$tmp/page' && grep -q dns-dhcp '$tmp/page' && grep -q kernel-debian '$tmp/page'"
}
after_3() {
	t "the first set is committed" until_ok 60 agent_is '"\(.phase) \(.set.counter)"' "committed 1"
	answers
	t "one device is in the fleet" is \
	    "$(farm_db web "SELECT count(*) FROM router WHERE standing = 'accepted'")" 1
}
after_4() {
	t "the second set is committed" until_ok 60 agent_is .set.counter 2
	t "the service of one's own greets" on_router bash -c \
	    'exec 3<>/dev/tcp/192.0.2.54/7000 && timeout 20 cat <&3 | grep hello'
	answers
}
after_5() {
	t "the bad set is not what runs" until_ok 60 agent_is .set.counter 2
	t "and is remembered as bad" agent_is .bad_counter 3
	answers
}
after_6() {
	t "the router is on stable" until_ok 60 agent_is '"\(.phase) \(.channel)"' "committed stable"
	t "the set it runs is signed for stable" until_ok 60 agent_is .set.counter 1
	answers
}
after_7() {
	t "the doubter's own build has the digest the router runs" grep -q \
	    "$(on_router kiln-agent status --config /etc/kiln/agent.yaml --json |
		on_farm jq -r '.services[] | select(.service == "dns-dhcp").image' | cut -c1-12)" \
	    "$said"
	t "and it says reproduced" grep -q reproduced "$said"
}
after_8() {
	for p in kiln kiln-builder kiln-tuf kiln-web kiln-agent; do
		t "$p is the next version" is "$(on_farm $p --version)" "$p $next"
	done
	t "nothing was built for it" is "$(farm_db farm \
	    "SELECT executed FROM cycle WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1")" 0
	t "the set stayed" until_ok 60 agent_is '"\(.phase) \(.set.counter)"' "committed 1"
	answers
}
after_9() {
	was=$folder
	for q in "farm SELECT count(*),max(digest) FROM plan" "farm SELECT count(*),max(record) FROM run" \
	    "tuf SELECT count(*),max(counter) FROM published_set" "web SELECT count(*),max(id) FROM router"; do
		folder=$was
		before_=$(farm_db ${q%% *} "${q#* }")
		folder=/var/backups/kiln.tried
		t "restored as it was: ${q##* } ($before_)" is "$(farm_db ${q%% *} "${q#* }")" "$before_"
	done
	t "nothing was built for it" is "$(farm_db farm \
	    "SELECT executed FROM cycle WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1")" 0
	t "the tree that is served is the restored one" is \
	    "$(on_farm curl -fsS $url/tuf/metadata/timestamp.json | sha256sum)" \
	    "$(sha256sum <"$root$folder/tuf/metadata/timestamp.json")"
	t "the router believes in it" until_ok 60 agent_is '"\(.phase) \(.set.counter)"' "committed 1"
	answers
}

# --- the text ------------------------------------------------------------------------
cat >"$tmp/names" <<EOF
export SERVER=10.213.$n.1:8080 NEXT=/root/next
EOF
awk -v to="$tmp/block" '
    /^## / { head = substr($0, 4) }
    /^```sh / { n++; file = sprintf("%s.%02d.%s", to, n, $2); print head >(file ".head"); next }
    /^```$/ { if (file) { close(file); close(file ".head") } file = ""; next }
    file { print >file }' docs/first-hour.md
limit=${KILN_BLOCK_SECONDS:-900}
head=
mkdir -p "$root/etc/kiln"
for block in "$tmp"/block.*; do
	case $block in *.head | *.all) continue ;; esac
	number=$(basename "$block" | cut -d . -f 2)
	if [ "$(cat "$block.head")" != "$head" ]; then
		[ -z "$head" ] || { after_${head%%.*}; step_end; }
		head=$(cat "$block.head")
		step_begin "$head"
		said=$tmp/said.${head%%.*}
	fi
	# What runs on is given to this script, to be ended with it.
	{
		cat "$tmp/names" "$tmp"/block.*.all
		cat "$block"
		echo 'jobs -p >>/root/jobs; disown -a'
	} >"$root/root/run.$number"
	case $block in *.router) where=$router ;; *) where=$farm ;; esac
	inside "$where" timeout "$limit" bash -e "/root/run.$number" >"$tmp/said" 2>&1
	step_rc=$?
	cat "$tmp/said" >>"$said"
	pids="$pids $(cat "$root/root/jobs" 2>/dev/null | tr '\n' ' ')"
	rm -f "$root/root/jobs"
	if [ $step_rc -ne 0 ]; then
		failed=$((failed + 1))
		echo "not ok $head, block $number: exit $step_rc"
		tail -n 30 "$tmp/said" | sed 's/^/    /'
		for log in up agent; do
			tail -n 10 "$root/etc/kiln/$log.log" 2>/dev/null | sed 's/^/    # /'
		done
		step_end
	fi
done
after_${head%%.*}
step_end
echo "# $(($(date +%s) - began)) s in all"
finish
