# voip: two telephones of a house, by SIPp.
# tools: sipp jq md5sum
sip=192.0.2.50
ha1() { printf '%s:home.test:%s' "$1" "$2" | md5sum | cut -c 1-32; }
prepare() {
	# [MESSAGE]… are SIPp's words; service is who is meant.
	head_of() { # METHOD URI
		cat <<END
<send retrans="500"><![CDATA[
$1 $2 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[field0]@home.test>;tag=[call_number]
Call-ID: [call_id]
Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>
END
	}
	register() { # CSEQ more-lines
		head_of REGISTER sip:home.test
		printf 'To: <sip:[field0]@home.test>\nCSeq: %s REGISTER\n' "$1"
		printf '%sExpires: 600\nContent-Length: 0\n\n]]></send>\n' "${2:-}"
	}
	invite() { # CSEQ more-lines
		head_of INVITE "sip:[field2]@home.test"
		printf 'To: <sip:[field2]@home.test>\nCSeq: %s INVITE\n' "$1"
		printf '%sContent-Type: application/sdp\n' "${2:-}"
		printf 'Content-Length: [len]\n\n'
		cat <<'END'
v=0
o=- 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

]]></send>
END
	}
	in_dialog() { # METHOD CSEQ attributes
		cat <<END
<send $3><![CDATA[
$1 [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
Max-Forwards: 70
From: <sip:[field0]@home.test>;tag=[call_number]
To: <sip:[field2]@home.test>[peer_tag_param]
Call-ID: [call_id]
CSeq: $2
Content-Length: 0

]]></send>
END
	}
	{
		echo '<?xml version="1.0"?><scenario name="register">'
		register 1
		echo '<recv response="401" auth="true"/>'
		register 2 '[field1]
'
		echo '<recv response="200"/></scenario>'
	} >"$tmp/register.xml"
	{
		echo '<?xml version="1.0"?><scenario name="call">'
		invite 1
		cat <<'END'
<recv response="100" optional="true"/>
<recv response="407" auth="true"/>
<send><![CDATA[
ACK sip:[field2]@home.test SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-2]
Max-Forwards: 70
From: <sip:[field0]@home.test>;tag=[call_number]
To: <sip:[field2]@home.test>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
END
		invite 2 '[field1]
'
		cat <<'END'
<recv response="100" optional="true"/>
<recv response="180" optional="true" rrs="true"/>
<recv response="200" rrs="true"/>
END
		in_dialog ACK "2 ACK" ""
		echo '<pause milliseconds="500"/>'
		in_dialog BYE "3 BYE" 'retrans="500"'
		echo '<recv response="200"/></scenario>'
	} >"$tmp/call.xml"
	sed 's/^REGISTER sip:home.test/REGISTER sip:elsewhere.test/
	    s/response="401" auth="true"/response="403"/
	    s/@home.test/@elsewhere.test/' "$tmp/register.xml" |
	    sed '/<recv response="403"/{s/$/<\/scenario>/;q}' \
	    >"$tmp/elsewhere.xml"
	# Its own words for who is called leave out the way back.
	sipp -sd uas | sed 's/^ *\[last_Via:\]/&\n[last_Record-Route:]/' \
	    >"$tmp/answer.xml"
}
settings() {
	jq -n --arg at $sip --arg alice "$(ha1 alice secret)" \
	    --arg bob "$(ha1 bob other)" '{address: $at, config:
	    {domain: "home.test", users: [{name: "alice", ha1: $alice},
		{name: "bob", ha1: $bob}]}}'
}
phone() { # SCENARIO ADDRESS PORT TRANSPORT NAME PASSWORD [WHOM]
	printf 'SEQUENTIAL\n%s;[authentication username=%s password=%s];%s\n' \
	    "$5" "$5" "$6" "${7:-nobody}" >"$tmp/phone.csv"
	timeout 40 $at_lan sipp $sip:5060 -sf "$tmp/$1.xml" -inf "$tmp/phone.csv" \
	    -i "$2" -p "$3" -t "$4" -m 1 -nostdin -recv_timeout 10000 \
	    -trace_err -error_file "$tmp/sipp.err" >"$tmp/sipp.out" 2>&1
	rc=$?
	tail -n 5 "$tmp/sipp.err" 2>/dev/null
	rm -f "$tmp/sipp.err"
	return $rc
}
rings() { # waits for one call
	$at_lan sipp -sf "$tmp/answer.xml" -i 192.0.2.9 -p 5070 -m 1 -nostdin \
	    >"$tmp/uas.out" 2>&1 &
	uas=$!
	pids="$pids $uas"
}
was_called() {
	until_ok 20 sh -c "! kill -0 $uas 2>/dev/null" && wait $uas
}
prove() {
	at_alice="192.0.2.100 5080" at_bob="192.0.2.9 5070"
	t "voip: nobody is registered yet, and cannot be called" \
	    exits 1 phone call $at_alice u1 alice secret bob
	t "voip: bob registers" phone register $at_bob u1 bob other
	t "voip: a wrong password is refused" \
	    exits 1 phone register $at_bob u1 bob secret
	t "voip: so is who has no name here" \
	    exits 1 phone register $at_bob u1 carol secret
	t "voip: another domain is not served" \
	    phone elsewhere $at_bob u1 bob other
	t "voip: alice registers over TCP" \
	    phone register 192.0.2.100 5082 t1 alice secret
	rings
	t "voip: alice calls bob, who answers, and hangs up" \
	    phone call $at_alice u1 alice secret bob
	t "voip: … bob's telephone had the whole call" was_called
	t "voip: who does not know alice's password cannot call in her name" \
	    exits 1 phone call $at_alice u1 alice wrong bob
}
