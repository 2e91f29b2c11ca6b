# The router's program: what its processes take of memory beside other
# updaters', and its own code.
need rauc swupdate ostree bsdtar mksquashfs sqlite3 dbus-run-session openssl
a_guest

# --- memory ------------------------------------------------------------------
say "a router's two sets"
(cd "$top" && KILN_GUEST=$guest quietly sh tests/bench/agent_run.sh "$out" "$tmp/peaks")
say "each process of the agent, KiB: its highest resident memory; at rest its share"
sort "$tmp/peaks" | sed 's/^/bench:   /' >&2
ours_idle=$(awk '$1 == "pss" { s += $2 } END { print s }' "$tmp/peaks")
ours_peak=$(awk '$1 == "peak" && $2 > m { m = $2 } END { print m }' "$tmp/peaks")
ours_fetch=$(awk '$1 == "peak" && $3 == "kiln-agent-fetch" { print $2 }' "$tmp/peaks")
pss_below() { # PID: the sum of its and its children's shares
	for p in $1 $(pgrep -P "$1"); do
		sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$p/smaps_rollup"
	done | awk '{ s += $1 } END { print s }'
}
mkdir "$tmp/peers"
cd "$tmp/peers"
truncate -s 64M slot.0 slot.1
quietly openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem \
    -days 3650 -subj /CN=bench -addext extendedKeyUsage=emailProtection
cat >rauc.conf <<E1
[system]
compatible=bench
bootloader=noop
[keyring]
path=$tmp/peers/cert.pem
[slot.rootfs.0]
device=$tmp/peers/slot.0
type=raw
bootname=A
[slot.rootfs.1]
device=$tmp/peers/slot.1
type=raw
bootname=B
E1
cat >rauc.sh <<'E1'
DBUS_STARTER_BUS_TYPE=session rauc -c rauc.conf --override-boot-slot=A service \
    >rauc.log 2>&1 &
echo $! >rauc.pid
sleep 2
touch ready
while [ ! -e enough ]; do sleep 0.1; done
kill $!
E1
dbus-run-session -- sh rauc.sh 2>/dev/null &
session=$!
until [ -e ready ]; do sleep 0.1; done
rauc_idle=$(pss_below "$(cat rauc.pid)")
touch enough
wait $session || :
swupdate -k cert.pem -w "-r $tmp/peers -p 18999" >swupdate.log 2>&1 &
swupdate=$!
sleep 2
swupdate_idle=$(pss_below $swupdate)
kill $swupdate
wait $swupdate 2>/dev/null || :
row agent-idle-pss-rauc "$ours_idle" "$rauc_idle" KiB 1 'rauc service'
row agent-idle-pss-swupdate "$ours_idle" "$swupdate_idle" KiB 1 'swupdate -w'
goal agent-idle-pss-rauc 1
goal agent-idle-pss-swupdate 1

# The same image taken in by each.
peak_of() { # COMMAND…: the highest of its processes
	"$@" >peer.log 2>&1 &
	peer=$!
	"$out/tests/support/peaks" $peer >peer.peaks
	wait $peer || {
		cat peer.log >&2
		exit 1
	}
	awk '$1 == "peak" && $2 > m { m = $2 } END { print m }' peer.peaks
}
mkdir bundle tree
cp -L "$guest/image" bundle/image.img
cp -L "$guest/image" tree/image
cat >bundle/manifest.raucm <<E1
[update]
compatible=bench
version=1
[bundle]
format=plain
[image.rootfs]
filename=image.img
E1
quietly rauc bundle --cert=cert.pem --key=key.pem bundle bench.raucb
rauc_peak=$(peak_of rauc --keyring=cert.pem info bench.raucb)
sum=$(sha256sum "$guest/image" | cut -c1-64)
cp -L "$guest/image" image
cat >sw-description <<E1
software = { version = "1.0"; hardware-compatibility = [ "1" ];
  images: ( { filename = "image"; device = "$tmp/peers/slot.0"; type = "raw";
      sha256 = "$sum"; } ); }
E1
quietly openssl cms -sign -in sw-description -out sw-description.sig -signer cert.pem \
    -inkey key.pem -outform DER -nosmimecap -binary
bsdtar --format=newc -cf bench.swu sw-description sw-description.sig image
swupdate_peak=$(peak_of swupdate -H bench:1 -k cert.pem -i bench.swu)
quietly ostree --repo=repo init --mode=archive
quietly ostree --repo=repo commit -b bench tree
quietly ostree --repo=client init --mode=bare-user
quietly ostree --repo=client remote add --no-gpg-verify origin "file://$tmp/peers/repo"
ostree_peak=$(peak_of ostree --repo=client pull origin bench)
row agent-peak-rauc "$ours_peak" "$rauc_peak" KiB 1 'rauc info BUNDLE (its signature)'
row agent-peak-swupdate "$ours_peak" "$swupdate_peak" KiB 1 'swupdate -i IMAGE.swu'
row agent-peak-ostree "$ours_peak" "$ostree_peak" KiB 1 'ostree pull (file:)'
row agent-peak-fetch-ostree "$ours_fetch" "$ostree_peak" KiB 1 'ostree pull (file:)'

# --- its own code ------------------------------------------------------------
for p in kiln-agent kiln-agent-fetch; do
	strip -o "$tmp/$p" "$out/$p"
done
own=$(stat -c %s "$tmp/kiln-agent" "$tmp/kiln-agent-fetch" | awk '{ s += $1 } END { print s / 1024 }')
row agent-code-rauc "$own" "$(stat -L -c %s "$(command -v rauc)" | awk '{ print $1 / 1024 }')" \
    KiB 1 'the program rauc'
row agent-code-swupdate "$own" \
    "$(stat -L -c %s "$(command -v swupdate)" | awk '{ print $1 / 1024 }')" KiB 1 \
    'the program swupdate'
cd "$top"
