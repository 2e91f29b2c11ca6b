# agent: what the farm baked takes over from the agent that was installed.
# with: dns-dhcp
# tools: strace readelf tar qemu-aarch64
slots=$tmp/agent/self
agent_digest=$(outputs_of "agent$of" build | cut -d '|' -f 2)
tells() { tee /dev/stderr <"$slots/record" | grep -q "$1"; }
is_good() { tells "\"good\":{[^}]*\"image\":\"$agent_digest\""; }
holder() { cat "$tmp/agent/lock"; }
runs_it() {
	readlink "/proc/$(holder)/exe" | tee /dev/stderr |
	    grep -q "^$slots/[ab]/kiln-agent\$"
}
same_files() { # the slot holds what was baked, and nothing else did
	slot=$(readlink "/proc/$(holder)/exe") slot=${slot%/*}
	{
		head -c 8 "$(stored "$agent_digest")"
		printf '%016x' "$(wc -c <"$slot/kiln-agent")" |
		    sed 's/../\\x&/g' | xargs -0 env printf
		cat "$slot/kiln-agent" "$slot/kiln-agent-fetch"
	} | cmp - "$(stored "$agent_digest")"
}
static() { # no interpreter, no library
	for program in kiln-agent kiln-agent-fetch; do
		! readelf -ld "$slot/$program" | grep -E 'INTERP|NEEDED' || return 1
	done
}
checked() { agent status --json | jq -r .checked; }
asked_since() { [ "$(checked)" != "$asked" ]; }
traced() { ! grep -q '^TracerPid:.0$' "/proc/$(holder)/status"; }
fetches() { # by the program that came with it
	asked=$(checked)
	strace -f -qq -e trace=execve -o "$tmp/execs" -p "$(holder)" &
	tracer=$!
	pids="$pids $tracer"
	until_ok 20 traced && kill -USR1 "$(holder)" && until_ok 60 asked_since
	ret=$?
	kill $tracer
	wait $tracer
	grep -m 5 kiln-agent-fetch "$tmp/execs"
	[ $ret -eq 0 ] && grep -q "execve(\"$slot/kiln-agent-fetch\".* = 0" "$tmp/execs"
}
protocols() { # of the curl in it, as its own build says
	tar -x -O -f "$(stored "$(outputs_of "libcurl$of" build | cut -d '|' -f 2)")" \
	    usr/lib/pkgconfig/libcurl.pc | grep '^supported_protocols=' |
	    tee /dev/stderr | grep -qx 'supported_protocols="HTTP HTTPS"'
}
once_started() {
	grep 'service=dns-dhcp state=' "$tmp/agent.log"
	[ "$(grep -c 'service=dns-dhcp state=started' "$tmp/agent.log")" = 1 ]
}
# Of another architecture: no slot of this machine's agent is for it.
taken_out() {
	slot=$tmp/agent-programs
	mkdir -p "$slot"
	whole=$(stored "$agent_digest")
	bytes=$((0x$(head -c 16 "$whole" | tail -c 8 | od -An -tx1 | tr -d ' ')))
	tail -c +17 "$whole" | head -c "$bytes" >"$slot/kiln-agent"
	tail -c +$((17 + bytes)) "$whole" >"$slot/kiln-agent-fetch"
	chmod 755 "$slot"/*
	for program in kiln-agent kiln-agent-fetch; do
		readelf -h "$slot/$program" | grep Machine: | grep -q AArch64 ||
		    return 1
	done
}
emulated() {
	qemu-aarch64 "$slot/kiln-agent" --version | tee /dev/stderr |
	    grep -qx "$("$bin/kiln-agent" --version)"
}
fetcher_emulated() { # it knows that nobody but the agent starts it
	qemu-aarch64 "$slot/kiln-agent-fetch" 2>&1 | tee /dev/stderr |
	    grep -q 'is started by kiln-agent'
}
prove_foreign() {
	t "agent: it is two programs of $arch" taken_out
	t "agent: they are static" static
	t "agent: it tells its version, which is this one" emulated
	t "agent: what fetches for it runs, too" fetcher_emulated
	t "agent: … and speaks HTTP alone" protocols
}
prove() {
	[ -z "$of" ] || { prove_foreign; return; }
	t "agent: it takes over" until_ok 120 runs_it
	t "agent: … and is the good one once all machines answer" \
	    until_ok 120 is_good
	t "agent: it is what was baked, byte by byte" same_files
	t "agent: it is static" static
	t "agent: it asks the farm again, by the program that came with it" fetches
	t "agent: … which speaks HTTP alone" protocols
	t "agent: its set is committed" until_ok 60 committed
	t "agent: its machine was not started anew" once_started
	t "agent: the LAN is served" says 'status: NOERROR' 192.0.2.53 router.lan
	echo "# agent: $(wc -c <"$slot/kiln-agent") bytes, kiln-agent-fetch" \
	    "$(wc -c <"$slot/kiln-agent-fetch") bytes"
}
