# For tests/services/run.sh and the proofs beside it, one file for each service.
# A proof's second line names what it needs besides itself:
#
#	# with: dns-dhcp            services that must run beside it
#	# tools: dig nsd            programs; tools/packages has their packages
#	# kernel: kernel            the small kernel: Debian's lacks something
#
# and it defines three functions:
#
#	prepare   makes what the service's configuration needs, starts servers
#	settings  prints the service's part of agent.yaml, as JSON
#	prove     t "SERVICE: sentence" command…
#
# What prepare writes into $tmp/SERVICE.yaml becomes lines of agent.yaml.
# It is read before each of them, and all share the names below.  One of a recipe
# without an image has prove alone.
k=$tmp/keys
mkdir -p "$k"
sql() { sqlite3 -readonly "$var/farm.db" "$1"; }
agent() {
	verb=$1
	shift
	$at_router "$bin/kiln-agent" "$verb" --config "$tmp/agent.yaml" "$@"
}
exits() { # CODE command…
	want=$1
	shift
	"$@"
	[ $? -eq "$want" ]
}
word() { # NAME FILE: the words behind "# NAME:" in its first lines
	sed -n "1,4s/^# $1: //p" "$2"
}

has_image() { # RECIPE: of a service; what a kernel's has so called is none
	grep -q '^image:' "recipes/$1/recipe.yaml" && [ "$1" != kernel ]
}
service_of() { # RECIPE: what it is released as
	case $1 in
	agent) echo kiln-agent ;;
	guest-init | kiln | router-disk) ;;
	*) echo "$1" ;;
	esac
}

# --- networks ------------------------------------------------------------------
# A router, its LAN (192.0.2.0/24, the test's clients at .100) and what its
# provider's cable leads to (203.0.113.0/24).
new_ns() { # its pid is in $ns_pid
	unshare -n sleep 100000 &
	ns_pid=$!
	pids="$pids $ns_pid"
	other() { [ "$(readlink /proc/$ns_pid/ns/net)" != \
	    "$(readlink /proc/self/ns/net)" ]; }
	until_ok 5 other
}
networks() {
	new_ns && router=$ns_pid
	new_ns && lan=$ns_pid
	new_ns && wan=$ns_pid
	# No functions: what runs in the background must have the pid that $! says.
	at_router="nsenter --net=/proc/$router/ns/net"
	at_lan="nsenter --net=/proc/$lan/ns/net"
	at_wan="nsenter --net=/proc/$wan/ns/net"
}
wire() {
	for ns in "$at_router" "$at_lan" "$at_wan"; do
		$ns ip link set lo up || return 1
	done
	$at_router ip address add 198.51.100.1/32 dev lo &&
	    $at_router ip link add br-lan type bridge &&
	    $at_router ip link add port1 type veth peer name lan0 netns "$lan" &&
	    $at_router ip link set port1 master br-lan &&
	    $at_router ip link set port1 up &&
	    $at_lan ip address add 192.0.2.100/24 dev lan0 &&
	    $at_lan ip address add 192.0.2.9/24 dev lan0 &&
	    $at_lan ip address add 192.0.2.8/24 dev lan0 &&
	    $at_lan ip link set lan0 up &&
	    $at_lan ip route add default via 192.0.2.1 &&
	    $at_router ip link add br-wan type bridge &&
	    $at_router ip link set br-wan up &&
	    $at_router ip link add port2 type veth peer name wan0 netns "$wan" &&
	    $at_router ip link set port2 master br-wan &&
	    $at_router ip link set port2 up &&
	    $at_wan ip address add 203.0.113.1/24 dev wan0 &&
	    $at_wan ip link set wan0 up
}

# --- certificates --------------------------------------------------------------
authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -subj "/CN=$1" -days 2 -keyout "$k/$1.key" -out "$k/$1.pem"
}
certificate() { # AUTHORITY NAME SAN
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -subj "/CN=$2" -keyout "$k/$2.key" -out "$k/$2.csr" &&
	    echo "subjectAltName=$3" >"$k/$2.ext" &&
	    openssl x509 -req -in "$k/$2.csr" -CA "$k/$1.pem" \
		-CAkey "$k/$1.key" -CAcreateserial -days 2 \
		-extfile "$k/$2.ext" -out "$k/$2.pem"
}
authorities() {
	authority ours && authority theirs
}
folded() { tr '\n' ' ' <"$k/$1" | sed 's/ $//'; }

# --- asking --------------------------------------------------------------------
ask() { # SERVER NAME dig-options…
	server=$1 name=$2
	shift 2
	$at_lan dig +time=3 +tries=3 "@$server" "$name" "$@"
}
says() { # PATTERN SERVER NAME dig-options…
	word=$1
	shift
	ask "$@" >"$tmp/answer"
	cat "$tmp/answer"
	grep -q "$word" "$tmp/answer"
}
answers() { # SERVER NAME ADDRESS
	says "IN[[:space:]]A[[:space:]]$3" "$1" "$2" A
}

# A client of DHCP on eth0, with FOLDER/conf: what it was given stands in
# FOLDER/FAMILY.leases, and on no card, since its script is not for a test's.
dhcp_bound='bound to\|Bound to\|RCV: Reply'
dhcp_ended() { grep -q "$dhcp_bound" "$1" || ! kill -0 "$asker"; }
asks_dhcp() { # AT FAMILY FOLDER
	: >>"$3/$2.leases"
	: >"$3/$2.log" # what the last one said is no answer
	timeout 60 $1 dhclient "-$2" -1 -d -sf /bin/true -cf "$3/conf" \
	    -lf "$3/$2.leases" -pf "$3/$2.pid" eth0 >"$3/$2.log" 2>&1 &
	asker=$!
	pids="$pids $asker"
	until_ok 30 dhcp_ended "$3/$2.log"
	! ours "$asker" || kill "$asker"
	wait "$asker" 2>/dev/null
	cat "$3/$2.log"
	grep -q "$dhcp_bound" "$3/$2.log"
}

# --- machines of this machine's own programs -----------------------------------
# Into FOLDER: programs of the PATH, and the libraries that they name.
programs_into() { # FOLDER PROGRAM…
	to=$1
	shift
	for part in bin sbin lib lib64; do
		mkdir -p "$to/usr/$part"
		[ -e "$to/$part" ] || ln -s "usr/$part" "$to/$part"
	done
	for p in "$@"; do
		file=$(command -v "$p") || return 1
		for from in "$file" $(ldd "$file" 2>/dev/null |
		    grep -o '/[^ ]*'); do
			mkdir -p "$to${from%/*}"
			[ -e "$to$from" ] || cp -L "$from" "$to$from"
		done
	done
}
