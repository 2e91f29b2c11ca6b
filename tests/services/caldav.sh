# caldav: by python3-caldav, and its history by git.
# tools: python3 git curl openssl jq
cal=http://192.0.2.84
prepare() {
	printf '%s\r\n' BEGIN:VCALENDAR VERSION:2.0 BEGIN:VEVENT UID:lunch \
	    DTSTART:20260304T110000Z END:VEVENT END:VCALENDAR >"$tmp/lunch.ics"
	/usr/bin/python3 -c 'import caldav' ||
	    echo "# no python3-caldav: tools/deps farm installs it"
}
settings() {
	jq -n --arg a "$(openssl passwd -6 of-anna)" \
	    --arg b "$(openssl passwd -6 of-ben)" \
	    --arg c "$(openssl passwd -6 of-carl)" '
	    {address: "192.0.2.84", config: {users: [
		{name: "anna", password: $a}, {name: "ben", password: $b},
		{name: "carl", password: $c}],
	    calendars: [
		{name: "family", title: "Family", write: ["anna"], read: ["ben"]},
		{name: "bens", write: ["ben"]}]}}'
}
client() { # WANTED USER CALENDAR VERB…
	wanted=$1 user=$2
	shift 2
	got=$(timeout 120 $at_lan /usr/bin/python3 tests/services/caldav-client.py \
	    $cal/ "$user" "of-$user" "$@")
	echo "got \"$got\""
	[ "$got" = "$wanted" ]
}
password_counts() {
	got=$(timeout 120 $at_lan /usr/bin/python3 tests/services/caldav-client.py \
	    $cal/ anna of-ben family list)
	[ "$got" = unknown ]
}
status() { # CODE USER PATH curl-options…
	code=$1 user=$2 path=$3
	shift 3
	got=$($at_lan curl -sS -m 60 -u "$user:of-$user" -o "$tmp/cal" \
	    -w '%{http_code}' "$@" "$cal$path")
	echo "status $got: $(head -c 300 "$tmp/cal")"
	[ "$got" = "$code" ]
}
clones() { # USER: the history is in $tmp/history
	rm -rf "$tmp/history"
	timeout 120 $at_lan git clone -q \
	    "http://$1:of-$1@${cal#http://}/history/family" "$tmp/history"
}
no_clone() { ! clones "$1"; }
history_is() {
	clones ben || return 1
	git -C "$tmp/history" log --reverse --format='%an: %s' |
	    tee "$tmp/cal.log"
	printf '%s\n' "calendar-server: the calendar begins" \
	    "anna: put dinner.ics: Dinner" "anna: put choir.ics: Choir" \
	    "anna: put dinner.ics: Supper" "anna: delete choir.ics: Choir" |
	    cmp - "$tmp/cal.log"
}
old_one() {
	git -C "$tmp/history" show HEAD~2:dinner.ics | grep -q '^SUMMARY:Dinner'
}
changed() { client "/calendars/family/choir.ics
/calendars/family/dinner.ics" ben family since "$cal_token"; }
took_token() {
	cal_token=$(timeout 120 $at_lan /usr/bin/python3 \
	    tests/services/caldav-client.py $cal/ ben of-ben family token)
	echo "token $cal_token"
	[ "$cal_token" ]
}
prove() {
	t "caldav: who is known finds her calendars" \
	    client /calendars/family/ anna family list
	t "caldav: … he finds his, and the one he may read" \
	    client "/calendars/bens/ /calendars/family/" ben family list
	t "caldav: … and who has none sees none" client "" carl family list
	t "caldav: another's password opens nothing" password_counts
	t "caldav: an event is put" \
	    client "" anna family put dinner 20260301T180000Z Dinner
	t "caldav: … and another" \
	    client "" anna family put choir 20260302T180000Z Choir
	t "caldav: a report of a day has the one and not the other" \
	    client Dinner ben family on 2026-03-01
	t "caldav: what changed since is told by a token" took_token
	t "caldav: an event is changed" \
	    client "" anna family change dinner Dinner Supper
	t "caldav: … and one deleted" client "" anna family delete choir
	t "caldav: … the report follows" client Supper ben family on 2026-03-01
	t "caldav: … and the token tells of both" changed
	t "caldav: who may read cannot put" \
	    client denied ben family put x 20260303T180000Z X
	t "caldav: … nor change" \
	    client denied ben family change dinner Supper X
	t "caldav: … nor delete" client denied ben family delete dinner
	t "caldav: who may not see it is told that there is nothing" \
	    status 404 carl /calendars/family/dinner.ics
	t "caldav: … and without a name nobody is told anything" \
	    status 401 nobody /calendars/family/dinner.ics
	t "caldav: what is no calendar is refused" \
	    status 403 anna /calendars/family/x.ics -X PUT --data-binary "BEGIN:X"
	t "caldav: … and who thinks it is another one by now" \
	    status 412 anna /calendars/family/dinner.ics -X PUT \
	    -H 'If-Match: "0"' --data-binary "@$tmp/lunch.ics"
	t "caldav: git clones the history: who did what" history_is
	t "caldav: … with all that was" old_one
	t "caldav: … but not for whom it is not" no_clone carl
}
