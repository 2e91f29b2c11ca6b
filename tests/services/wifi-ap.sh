# wifi-ap: stations come by WPA2, by WPA3 and by its button, and not otherwise.
# with: dhcp
# tools: wpa_supplicant wpa_cli dhclient socat bsdtar
# kernel: kernel
#
# Radios are the kernel's simulated ones, and the air is inside one machine: it
# is the image as it is, and beside its services, in a root of its own that came
# with the initrd, lives a station: Debian's wpa_supplicant.
ap=192.0.2.80
prepare() {
	station
}
station() { # as an initrd: to the kernel's own something is added
	air=$tmp/air sta=$tmp/air/station
	mkdir -p "$air/dev" "$sta/dev" "$sta/proc" "$sta/sys" "$sta/run" "$sta/tmp"
	mknod "$air/dev/null" c 1 3 # what & reads from
	programs_into "$air" sh chroot
	programs_into "$sta" sh mount sleep sed grep ip dhclient \
	    wpa_supplicant wpa_cli
	station_of home wpa2 "a good password" WPA-PSK 0
	station_of home wpa3 "a good password" SAE 2
	station_of home wrong2 "another password" WPA-PSK 0
	station_of home wrong3 "another password" SAE 2
	echo 'ctrl_interface=/run/wpa
update_config=1
config_methods=virtual_push_button' >"$sta/button.conf"
	printf '#!/bin/sh\nexit 0\n' >"$sta/bin/none"
	chmod 0755 "$sta/bin/none"
	cat >"$air/init" <<'END'
#!/bin/sh
chroot /station /bin/sh /live $who &
exec /kiln-init
END
	cat >"$sta/live" <<'END'
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
say() { echo "station: $*" >/dev/console; }
ask() { wpa_cli -p /run/wpa -i wlan1 "$@" 2>/dev/null; }
state() { ask status | sed -n 's/^wpa_state=//p'; }
begins() { # FILE
	: >/tmp/log
	wpa_supplicant -i wlan1 -D nl80211 -c "/$1.conf" -f /tmp/log &
	pid=$!
}
comes_in() { # SECONDS
	n=0
	while [ $n -lt "$1" ] && [ "$(state)" != COMPLETED ]; do
		grep -q SSID-TEMP-DISABLED /tmp/log && return 1
		sleep 1
		n=$((n + 1))
	done
	[ "$(state)" = COMPLETED ]
}
ends() {
	kill $pid
	wait $pid
}
for try in "$@"; do
	begins $try
	if [ $try = button ]; then
		sleep 3
		ask wps_pbc >/dev/null
		comes_in 15 && say "button: in, and nobody pressed it"
		say "button: waits"
		comes_in 90 && say "button: in" || say "button: out"
	elif comes_in 60; then
		say "$try: in by $(ask status | sed -n 's/^key_mgmt=//p')"
		dhclient -4 -1 -sf /bin/none -lf /dev/null -pf "/tmp/pid-$try" -v \
		    wlan1 2>&1 | grep -q 'DHCPACK of 192.0.2.' &&
		    say "$try: has a lease"
	else
		say "$try: out, $(grep -o 'reason=[A-Z_]*' /tmp/log)"
	fi
	ends
done
END
	chmod 0755 "$air/init"
}
station_of() { # SSID NAME PASSWORD KEY_MGMT PROTECTED
	cat >"$sta/$2.conf" <<END
ctrl_interface=/run/wpa
network={
	ssid="$1"
	psk="$3"
	key_mgmt=$4
	ieee80211w=$5
}
END
}
wifi() { # ADDRESS WPS
	jq -n --arg at "$1" --argjson wps "$2" '{address: $at, config: {
	    ssid: "home", password: "a good password", country: "CH",
	    channel: 6, wps: $wps}}'
}
settings() { wifi $ap false; }
# Its console is $tmp/console-$besides.
on_air() { # ADDRESS WPS TRY…
	wifi "$1" "$2" >"$tmp/wifi-air.json"
	shift 2
	initrd_over "$tmp/air" "$tmp/air.initrd" || return 1
	its_initrd=$tmp/air.initrd its_mib=160
	its_words="mac80211_hwsim.radios=2 \"who=$*\""
	beside wifi-ap "$tmp/wifi-air.json"
	rc=$?
	its_initrd='' its_mib='' its_words=''
	return $rc
}
says_there() { # PATTERN
	grep -a '^station: ' "$tmp/console-$besides" | tail -n 1
	grep -aq "^station: $1" "$tmp/console-$besides"
}
says_ap() { # PATTERN ADDRESS [QUESTION]
	printf '%s' "${3:+$3
}" | $at_lan socat -t 5 - "TCP:$2:8021" | tee "$tmp/status"
	grep -q "$1" "$tmp/status"
}
prove() {
	t "wifi-ap: without a radio it says so" says_ap "^down no-radio" $ap
	t "wifi-ap: a machine has one, and a station beside it" \
	    on_air 192.0.2.81 false wpa2 wpa3 wrong2 wrong3
	t "wifi-ap: the station is in by WPA2" \
	    until_ok 120 says_there "wpa2: in by WPA2-PSK"
	t "wifi-ap: … and has a lease of the LAN's server" \
	    until_ok 60 says_there "wpa2: has a lease"
	t "wifi-ap: it is in by WPA3" \
	    until_ok 90 says_there "wpa3: in by SAE"
	t "wifi-ap: … and has a lease, too" \
	    until_ok 60 says_there "wpa3: has a lease"
	t "wifi-ap: another password is refused by WPA2" \
	    until_ok 120 says_there "wrong2: out, reason="
	t "wifi-ap: … and by WPA3" \
	    until_ok 120 says_there "wrong3: out, reason="
	t "wifi-ap: it says how many stations there are" \
	    says_ap "^up [0-9]" 192.0.2.81
	t "wifi-ap: there is no button unless it is wanted" \
	    says_ap ^off 192.0.2.81 button
	beside_goes $qemu
	t "wifi-ap: another machine has one" on_air 192.0.2.88 true button
	t "wifi-ap: … which gives nothing before it is pressed" \
	    until_ok 120 says_there "button: waits"
	t "wifi-ap: it is pressed" until_ok 30 says_ap ^on 192.0.2.88 button
	t "wifi-ap: … and the station has the key" \
	    until_ok 120 says_there "button: in[^,]*$"
	beside_goes $qemu
	[ $failed -eq $run_failed ] || tail -n 40 "$tmp/console-$besides" |
	    sed 's/^/# air: /'
}
