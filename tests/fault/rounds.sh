#!/bin/sh
# rounds.sh OUT: update, rollback, update … under 1,000 DNS queries a second
# (KILN_QUERIES; a busy host is asked less), KILN_ROUNDS times: none is lost.
[ -n "${KILN_E2E_NS:-}" ] || [ "$(id -u)" != 0 ] ||
	KILN_E2E_NS=1 exec unshare -n sh "$0" "$@"
[ -n "${KILN_GUEST:-}" ] || [ ! -e "${1:-out/dev}/test-guest/image" ] ||
	export KILN_GUEST="$(cd "${1:-out/dev}" && pwd)/test-guest"
. tests/support/lib.sh
rounds=${KILN_ROUNDS:-20}
. tests/support/router.sh
queries=${KILN_QUERIES:-1000}
farm_serves
json() { agent status --json | jq -r "$1"; }
is() { [ "$(json "$1")" = "$2" ]; }
start_agent
t "the first set is committed" until_ok 150 is .phase committed
t "a client joins the LAN" client
pace

counter=1
next() { # an image that is another one
	counter=$((counter + 1))
	another "$tmp/next" $counter && publish $counter "$tmp/next"
}
updated() {
	next || return
	load_on
	kill -USR1 $agent_pid
	until_ok 150 is .set.counter $counter && until_ok 30 is .phase committed
	rc=$?
	load_off "update $1" && none_lost && [ $rc = 0 ]
}
rolled_back() {
	running=$(json .set.counter)
	next && kill -USR1 $agent_pid && until_ok 150 is .phase probation ||
	    return
	load_on
	sleep 1
	agent rollback && until_ok 30 is .phase rolled-back &&
	    is .set.counter "$running"
	rc=$?
	load_off "rollback $1" && none_lost && [ $rc = 0 ]
}
total=0
for r in $(seq 1 "$rounds"); do
	t "round $r: an update under $queries queries a second loses none" \
	    updated "$r"
	total=$((total + $(awk '{print $2}' "$tmp/load")))
	t "round $r: and a rollback" rolled_back "$r"
	total=$((total + $(awk '{print $2}' "$tmp/load")))
done
echo "# $rounds rounds, $total queries"
finish
