# Encrypted keys with real processes: every command that opens one takes its
# passphrase in the same ways, and none of them leaves it anywhere.
. tests/support/lib.sh

var=$tmp/var
cred=$tmp/credentials
tuf() {
	verb=$1
	shift
	"$bin/kiln-tuf" "$verb" --state "$var" "$@"
}
sql() { sqlite3 -readonly "$var/tuf.db" "$1"; }
exits() { # STATUS command…
	want=$1
	shift
	"$@" >"$tmp/said" 2>&1
	got=$?
	cat "$tmp/said"
	[ $got = "$want" ]
}
says() { # WORDS STATUS command…
	words=$1
	shift
	exits "$@" && grep -qF -- "$words" "$tmp/said"
}
# Without a terminal, as a service has none: nothing can be asked.
alone() { setsid -w "$@" </dev/null; }

echo "passphrase of the offline keys 93711" >"$tmp/off"
echo "passphrase of the online keys 48205" >"$tmp/on"
echo "not it" >"$tmp/wrong"
chmod 600 "$tmp/off" "$tmp/on" "$tmp/wrong"
mkdir "$cred" && cp -p "$tmp/on" "$cred/kiln-tuf.passphrase" &&
    cp -p "$tmp/off" "$cred/kiln-tuf.offline-passphrase"
release() { # VERSION
	echo "image $1" >"$tmp/image" && echo "kernel $1" >"$tmp/k" &&
	    echo "initrd $1" >"$tmp/i" &&
	    "$bin/tests/support/publish" "$var" kernel kernel "$1" "$tmp/k" \
		"$tmp/i" microvm console=ttyS0 &&
	    "$bin/tests/support/publish" "$var" vm dns-dhcp "$1" "$tmp/image" x
}
found() {
	tuf init --passphrase-file "$tmp/off" --signer-passphrase-file "$tmp/on" \
	    --service kernel --service dns-dhcp && release 1
}
t "a farm is founded with encrypted keys" found

# --- each command, by file, by descriptor, by credential ------------------------
by_file="--signer-passphrase-file $tmp/on"
# shellcheck disable=SC2086
t "serve takes the passphrase from a file" tuf serve --once $by_file
# shellcheck disable=SC2086
t "so does refresh" tuf refresh $by_file
by_fd() { tuf "$@" --signer-passphrase-fd 7 7<"$tmp/on"; }
t "or from a descriptor" by_fd refresh
t "so does halt" by_fd halt --reason "a fire" edge
by_cred() { CREDENTIALS_DIRECTORY=$cred alone "$bin/kiln-tuf" "$@"; }
t "or as systemd's credential" by_cred refresh --state "$var"
t "resume takes both kinds from credentials" by_cred resume --state "$var" edge
t "so does promote" by_cred promote --state "$var"
t "so does withdraw" by_cred withdraw --state "$var" --reason bad dns-dhcp 1
t "so does rotate" by_cred rotate --state "$var" --yes timestamp
t "so does request" by_cred request --state "$var" --yes sets-stable
t "so does delegate" by_cred delegate --state "$var" --service ntp
t "a stranger finds nothing wrong" "$bin/kiln-tuf" check "$var/tuf"
t "a set is stopped again" by_cred halt --state "$var" --reason smoke stable
for verb in refresh promote "resume stable" "rotate --yes brake" \
    "halt --reason x edge" "withdraw --reason x kernel 1"; do
	# shellcheck disable=SC2086
	t "without any of them ${verb%% *} says what it lacks" says \
	    "there is no terminal" 1 alone "$bin/kiln-tuf" ${verb%% *} \
	    --state "$var" $(echo "$verb" | cut -s -d' ' -f2-)
done
t "a wrong passphrase is told" says "the passphrase does not open it" 4 \
    tuf promote --passphrase-file "$tmp/wrong" $by_file
chmod 644 "$tmp/wrong"
t "a passphrase that others may read is refused" says "others may read it" 4 \
    tuf promote --passphrase-file "$tmp/wrong" $by_file

# --- the terminal, without echo --------------------------------------------------
asked() {
	mkfifo "$tmp/typed"
	script -qfec "'$bin/kiln-tuf' refresh --state '$var'" "$tmp/seen" \
	    <"$tmp/typed" >/dev/null 2>&1 &
	asking=$!
	exec 8>"$tmp/typed"
	until_ok 60 grep -q "passphrase of the online keys: " "$tmp/seen"
	cat "$tmp/on" >&8
	wait $asking
	rc=$?
	exec 8>&-
	cat "$tmp/seen"
	[ $rc = 0 ] && grep -q "^published" "$tmp/seen" &&
	    ! grep -q 48205 "$tmp/seen"
}
t "the terminal asks, and shows nothing of what is typed" asked

# --- what a signer that runs leaves to be seen -----------------------------------
"$bin/kiln-tuf" serve --state "$var" --signer-passphrase-file "$tmp/on" \
    >"$tmp/serve.log" 2>&1 &
daemon=$!
pids="$pids $daemon"
t "the daemon serves" until_ok 60 grep -q serving "$tmp/serve.log"
signer=
for p in /proc/[0-9]*; do
	{ tr '\0' ' ' <"$p/cmdline"; } 2>/dev/null | grep -q -- '-x signer' &&
	    [ "$(awk '/^PPid/{print $2}' "$p/status")" = "$daemon" ] &&
	    signer=${p#/proc/}
done
t "its signer runs" test -n "$signer"
field() { awk -v f="$1:" '$1 == f {print $2}' "/proc/$signer/status"; }
t "no core of the signer is written" sh -c \
    "awk '/^Max core file size/ {exit !(\$5 == 0 && \$6 == 0)}' \
    /proc/$signer/limits"
t "its keys are in locked memory" test "$(field VmLck)" -ge 4
# /proc of a process that is not dumpable belongs to root.
t "it cannot be dumped or traced" test "$(stat -c %u "/proc/$signer/mem")" = 0
t "it filters system calls" test "$(field Seccomp)" = 2
t "it can gain no rights" test "$(field NoNewPrivs)" = 1
t "no argument and no variable holds a passphrase" sh -c \
    "! cat /proc/$signer/cmdline /proc/$daemon/cmdline /proc/$signer/environ \
    /proc/$daemon/environ | grep -aq -e 48205 -e 93711"
# Only root may look into other processes.  The signer needs the passphrase for
# keys that a rotation adds; nobody else keeps it.  A shell that was told it is
# found: if even that were not, finding nothing would say nothing.
wiped() {
	mkfifo "$tmp/never"
	sh -c 'read -r x <"$1"; echo >"$2"; read -r y; : "$x" "$y"' sh "$tmp/on" \
	    "$tmp/read" <"$tmp/never" &
	control=$!
	exec 9>"$tmp/never"
	until_ok 60 test -s "$tmp/read"
	"$bin/tests/support/memfind" -p "$control,$signer,$daemon" \
	    "$tmp/on" >"$tmp/found"
	exec 9>&-
	wait $control
	cat "$tmp/found"
	grep -q "^on $control " "$tmp/found" &&
	    grep -q "^on $signer (locked) " "$tmp/found" &&
	    ! grep -q "^on $daemon " "$tmp/found"
}
if [ "$(id -u)" = 0 ]; then
	t "the passphrase is in locked pages of the signer and nowhere else" wiped
else
	skip "where the passphrase is: only root may look"
fi
kill $daemon
wait $daemon 2>/dev/null

# --- kiln up hands systemd's credential on ----------------------------------------
CREDENTIALS_DIRECTORY=$cred "$bin/kiln" up --state "$var" --offline \
    --listen 127.0.0.1:0 >"$tmp/up.log" 2>&1 &
up=$!
pids="$pids $up"
serving() { grep -q serving "$var/log/kiln-tuf.log"; }
t "kiln up gives kiln-tuf its credential" until_ok 60 serving
kill $up
wait $up 2>/dev/null
finish
