# pppoe: the provider's line comes up, is refused, drops, and comes back.
# tools: pppd pppoe-server socat bsdtar
# kernel: kernel
#
# The concentrator is Debian's pppoe-server with Debian's pppd, in a machine on
# the provider's cable: the kernel of whoever runs this need not know PPP.  It
# is 198.18.1.1, which says whom it sees.
pppoe=192.0.2.70
prepare() {
	$at_lan ip route add 198.18.1.0/24 via $pppoe &&
	    $at_router ip tuntap add bras0 mode tap &&
	    $at_router ip link set bras0 master br-wan up &&
	    concentrator
}
concentrator() { # its initrd, of this machine's own programs
	b=$tmp/bras
	mkdir -p "$b/dev" "$b/proc" "$b/etc/ppp" "$b/tmp" "$b/var/run" "$b/run"
	programs_into "$b" sh mount ip socat pppd pppoe-server
	mkdir -p "$b/usr/lib/pppd"
	cp -aL /usr/lib/pppd/. "$b/usr/lib/pppd/"
	# CHAP wants the names of both sides.
	echo '"me@isp.test" * "two words" *' >"$b/etc/ppp/chap-secrets"
	cp "$b/etc/ppp/chap-secrets" "$b/etc/ppp/pap-secrets"
	for how in chap pap; do
		printf 'require-%s\nname bras\nlcp-echo-interval 2\n' $how \
		    >"$b/etc/ppp/$how"
	done
	: >"$b/etc/ppp/options"
	echo root:x:0:0:root:/:/bin/sh >"$b/etc/passwd"
	# Debian's server knows no PPPoE of the kernel, its pppd does:
	# pty "pppoe … -e SESSION:MAC …" becomes the session's number and MAC.
	cat >"$b/session" <<'END'
#!/bin/sh
for word in $2; do
	case $word in *:*:*:*:*:*:*) session=$word ;; esac
done
shift 2
exec /usr/sbin/pppd plugin rp-pppoe.so rp_pppoe_sess "$session" eth0 "$@"
END
	cat >"$b/init" <<'END'
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t devtmpfs none /dev
mount -t proc none /proc
ip link set lo up
ip address add 198.18.1.1/32 dev lo
ip link set eth0 up
pppoe-server -q /session -I eth0 -C bras -L 198.18.1.2 -R 198.18.2.10 -N 8 -O /etc/ppp/$how
exec socat TCP-LISTEN:8700,fork,reuseaddr SYSTEM:'echo $SOCAT_PEERADDR'
END
	chmod 0755 "$b/init" "$b/session"
	bsdtar -c -f "$tmp/bras.cpio" --format=newc -C "$b" .
}
login() { # ADDRESS PASSWORD
	jq -n --arg at "$1" --arg secret "$2" '{address: $at,
	    wan: {address: "10.255.255.2", prefix: 24},
	    config: {user: "me@isp.test", password: $secret}}'
}
settings() { login $pppoe "two words"; }
provider_starts() { # chap | pap
	$at_router qemu-system-x86_64 -nodefaults -no-user-config -no-reboot \
	    -display none -machine microvm,pit=on,pic=on,rtc=on \
	    -accel tcg,tb-size=16 -cpu max -smp 1 -m 128 \
	    -kernel "$(stored "$(kernel_part vmlinuz)")" \
	    -initrd "$tmp/bras.cpio" \
	    -append "console=ttyS0 quiet panic=-1 how=$1 $khz" \
	    -netdev tap,id=n,ifname=bras0,script=no,downscript=no \
	    -device virtio-net-device,netdev=n,mac=02:00:00:00:99:01 \
	    -device virtio-rng-device -serial file:"$tmp/console-bras" \
	    </dev/null >"$tmp/bras.out" 2>&1 &
	bras=$!
	pids="$pids $bras"
}
line_is() { # PATTERN [ADDRESS]
	$at_lan socat -T 3 - "TCP:${2:-$pppoe}:8863" </dev/null |
	    tee "$tmp/status"
	grep -q "$1" "$tmp/status"
}
goes_out() {
	got=$(timeout 5 $at_lan socat -T 3 - \
	    TCP:198.18.1.1:8700,connect-timeout=3 </dev/null)
	echo "got \"$got\""
	case $got in 198.18.2.1?) ;; *) return 1 ;; esac
}
with_another_password() {
	login 192.0.2.71 wrong >"$tmp/pppoe-wrong.json" &&
	    beside pppoe "$tmp/pppoe-wrong.json"
}
prove() {
	t "pppoe: nobody answers, and the line is down" \
	    until_ok 60 line_is "^down unanswered"
	t "pppoe: … and nothing goes out" exits 1 goes_out
	provider_starts chap
	t "pppoe: a provider that wants CHAP answers, and the line is up" \
	    until_ok 90 line_is "^up 198.18.2.1"
	t "pppoe: the LAN goes out by its address" until_ok 20 goes_out
	t "pppoe: another machine has a wrong password …" with_another_password
	wrong=$qemu
	t "pppoe: … and is refused" \
	    until_ok 90 line_is "^down refused" 192.0.2.71
	t "pppoe: … which nobody else notices" goes_out
	beside_goes $wrong
	t "pppoe: the provider drops the line" beside_goes $bras
	t "pppoe: … which is seen" until_ok 60 line_is ^down
	t "pppoe: … and nothing goes out" exits 1 goes_out
	provider_starts pap
	t "pppoe: it comes back, wants PAP, and the line is up" \
	    until_ok 120 line_is "^up 198.18.2.1"
	t "pppoe: … and so is the LAN's way out" until_ok 20 goes_out
	[ $failed -eq $run_failed ] || tail -n 20 "$tmp/console-bras" |
	    sed 's/^/# bras: /'
}
