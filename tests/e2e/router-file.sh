# A router from nothing, by one file and without a network; enrolled when there
# is one; its programs put on anew, the router as it was.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
. tests/support/lib.sh
services_more='--service dns-resolver --service caldav --service kiln-agent'
. tests/support/router.sh
farm_serves
# Two more in the set, which no machine here boots, and the agent's own program.
service() { # NAME BYTES
	head -c "$2" "$guest/image" >"$tmp/$1"
	"$bin/tests/support/publish" "$var" vm "$1" 1 "$tmp/$1" router.lan
}
more() {
	service dns-resolver 65536 && service caldav 131072 &&
	    strip -o "$tmp/stripped" "$bin/kiln-agent" &&
	    bundle "$tmp/stripped" "$tmp/kiln-agent" &&
	    publish_agent 1 "$tmp/kiln-agent"
}
t "its set grows by two services and the agent" more

# --- the file --------------------------------------------------------------------
config() { # ROOT: as the router in the folder ROOT has it
	sed "s,$tmp/agent\$,$1,; s,$tmp/root.json,$1/root.json," "$tmp/agent.yaml"
}
st=$tmp/router
config "$st" >"$tmp/of-router.yaml"
both='--service dns-dhcp --service dns-resolver'
some=$both
write() { # OUT [option…]: of $some of the set's services
	to=$1
	shift
	# shellcheck disable=SC2086
	"$bin/kiln-tuf" router-file --root "$tmp/root.json" --arch amd64 $some \
	    --channel edge --config "$tmp/of-router.yaml" "$@" "${tree:-$var/tuf}" "$to"
}
token() { "$bin/kiln" fleet --state "$var" token home >"$tmp/token"; }
t "the farm gives a token" token
t "a router file is written" write "$tmp/router.kiln" --token-file "$tmp/token"
tree=$server/tuf
t "another is, from the farm's address" write "$tmp/again.kiln" --token-file "$tmp/token"
tree=
t "… the same to the last byte" cmp "$tmp/router.kiln" "$tmp/again.kiln"
t "it is for its owner's eyes" test "$(stat -c %a "$tmp/router.kiln")" = 600
t "it is an archive that anybody can list" sh -c 'tar -tf "$1" | grep -qx agent.yaml' sh "$tmp/router.kiln"
brings() { # FILE IMAGE
	tar -tf "$1" | grep -q "tuf/targets/.*$(sha256sum <"$2" | cut -c1-64)"
}
chosen() {
	for f in "$guest/image" "$tmp/dns-resolver" "$tmp/kiln-agent"; do
		brings "$tmp/router.kiln" "$f" || return 1
	done
	! brings "$tmp/router.kiln" "$tmp/caldav"
}
t "it brings the two services that were asked for and the agent, no third one" chosen
some=
t "one for which none is named is written" write "$tmp/all.kiln"
some=$both
t "… and brings the third, too" brings "$tmp/all.kiln" "$tmp/caldav"
echo "# $(stat -c %s "$tmp/router.kiln") bytes, $(tar -tf "$tmp/router.kiln" | wc -l) members"
t "a set that the farm does not have is refused" exits 1 write "$tmp/no" --channel stable
t "a service that is not in the set is refused" exits 2 write "$tmp/no" --service ntp
t "another farm's root is not" exits 4 sh -c '"$1" init --state "$2/other" --demo &&
    "$1" export-root --state "$2/other" >"$2/other.json"
    "$1" router-file --root "$2/other.json" --arch amd64 --channel edge --config "$2/of-router.yaml" \
	"$2/var/tuf" "$2/no"' sh "$bin/kiln-tuf" "$tmp"
t "and nothing of these is left" sh -c '! ls "$1"/no* "$1"/.tmp* 2>/dev/null' sh "$tmp"

# --- what is no router file ------------------------------------------------------
install() { # FOLDER FILE [option…]
	to=$1/agent.yaml file=$2
	shift 2
	"$bin/kiln-agent" install --config "$to" "$@" "$file"
}
cut_at() { # BYTES
	head -c "$1" "$tmp/router.kiln" >"$tmp/short.kiln"
	exits 2 install "$st" "$tmp/short.kiln"
}
token_ends=$(tar -tRf "$tmp/router.kiln" | sed -n 's/^block \([0-9]*\): token$/\1/p')
token_ends=$(((token_ends + 2) * 512))
# Its end is zeros, 10 KiB at most, behind the last image.
for n in 700 $token_ends 100000 $(($(stat -c %s "$tmp/router.kiln") - 10752)); do
	t "one that is cut off after $n bytes is refused" cut_at $n
done
t "what is none at all is refused" exits 2 install "$st" "$tmp/agent.yaml"
t "one for another folder is refused" exits 2 install "$tmp/elsewhere" "$tmp/router.kiln"
sed -i 's/^demo: true/&\narch: arm64/' "$tmp/of-router.yaml"
t "a file for arm64 routers by mistake is written" write "$tmp/arm.kiln"
config "$st" >"$tmp/of-router.yaml"
t "… and refused" exits 2 install "$st" "$tmp/arm.kiln"
t "and nothing is installed" test ! -e "$st/agent.yaml"

# --- one that was changed on its way ----------------------------------------------
bad=$tmp/bad
image=$(sha256sum <"$tmp/dns-resolver" | cut -c1-64)
config "$bad" |
    sed 's/^services:/&\n  dns-resolver: {address: 192.0.2.54}/' >"$tmp/of-router.yaml"
t "a file for a router of both services is written" write "$tmp/bad.kiln"
config "$st" >"$tmp/of-router.yaml"
spoil() { # in the middle of the image
	at=$(tar -tRf "$tmp/bad.kiln" | sed -n "s/^block \([0-9]*\): tuf.*$image.*/\1/p")
	[ -n "$at" ] && printf X | dd of="$tmp/bad.kiln" bs=1 seek=$(((at + 40) * 512)) conv=notrunc
}
t "a byte of the second one's image is changed" spoil
ip address del 198.51.100.1/32 dev lo
t "it is installed, since the owner's part is whole" install "$bad" "$tmp/bad.kiln"
t "its set is not taken" exits 75 "$bin/kiln-agent" run --once --config "$bad/agent.yaml"
why() { "$bin/kiln-agent" status --why --config "$bad/agent.yaml" | tee /dev/stderr | grep -q "$1"; }
t "… for that image: all else was in the file" why "images/dns-resolver/amd64/$image: .*other bytes"

# --- a router, offline ------------------------------------------------------------
t "the file is installed without a network" install "$st" "$tmp/router.kiln"
t "its secrets are root's alone" test \
    "$(stat -c %a "$st/agent.yaml" "$st/router.kiln" "$st/token" | sort -u)" = 600
agent() {
	verb=$1
	shift
	"$bin/kiln-agent" "$verb" --config "$st/agent.yaml" "$@"
}
start_agent() {
	"$bin/kiln-agent" run --config "$st/agent.yaml" 2>>"$tmp/agent.log" &
	agent_pid=$!
	pids="$pids $agent_pid"
}
start_agent
t "its set is committed" until_ok 150 has '"phase":"committed"'
t "the machine answers from the LAN" until_ok 10 answers
t "its token waits" test -e "$st/token"

# --- … and with one ----------------------------------------------------------------
ip address add 198.51.100.1/32 dev lo
kill -USR1 $agent_pid
t "with a network it enrols by itself" until_ok 30 test -e "$st/enrolled"
gone() { [ ! -e "$st/token" ] && [ ! -e "$st/router.kiln" ]; }
t "the token is gone, and the file" until_ok 5 gone
listed() { "$bin/kiln" fleet --state "$var" list | grep -q "$(cut -c1-12 "$st/enrolled").*home"; }
t "the farm lists it" listed
kill $agent_pid
wait $agent_pid

# --- its programs put on anew -------------------------------------------------------
key=$(sha256sum <"$st/device.key")
sed -i 's/^probation: .*/probation: 6s/' "$st/agent.yaml"
owners=$(sha256sum <"$st/agent.yaml")
ip address del 198.51.100.1/32 dev lo
kept() { install "$st" "$tmp/router.kiln" | tee /dev/stderr | grep -q 'is kept; .* stays'; }
t "installed anew, the configuration is kept" kept
t "… to the letter, and the device's key" test "$key $owners" = \
    "$(sha256sum <"$st/device.key") $(sha256sum <"$st/agent.yaml")"
t "… and no token waits again" test ! -e "$st/token"
start_agent
t "the machine answers without a network" until_ok 60 answers
t "while it runs, nothing is installed over it" exits 75 install "$st" "$tmp/router.kiln"
t "the end is clean" sh -c "kill $agent_pid"
wait $agent_pid
t "it ends with 0" test $? -eq 0
tail -n 20 "$tmp/agent.log" | sed 's/^/# /'
finish
