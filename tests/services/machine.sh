# For run.sh: machines started by hand, with the kernel that the agent's have.
khz_of_agent() { # while the agent runs: what it tells its machines
	for p in /proc/[0-9]*; do
		{ tr '\0' '\n' <"$p/cmdline"; } 2>/dev/null |
		    grep -o 'tsc_early_khz=[0-9]*' && return
	done
}
kernel_part() { # vmlinuz | initrd
	sql "SELECT o.digest FROM current c JOIN output o ON o.run =
	    (SELECT max(id) FROM run WHERE plan = c.plan
		AND state = 'succeeded')
	    WHERE c.recipe = '$kernel' AND o.name = '$1'"
}
kernel_word() { # machine | cmdline: what its release tells the agent
	jq -r ".targets[0].custom.$1" "$(stored "$(sql "SELECT r.digest
	    FROM release r JOIN current c ON c.plan = r.plan
	    WHERE c.recipe = '$kernel'")")"
}
# SETTINGS as of agent.yaml; NUMBER gives its cards' addresses; VOLUME is
# NAME:PATH.
config_disk() { # NAME SETTINGS NUMBER DISK [VOLUME]
	jq -cSj --arg name "$1" --arg volume "${5:-}" \
	    --arg mac "02:00:00:00:0$3" --argjson clock "$(date +%s)" '
	    .wan as $wan |
	    {kind: "kiln/guest", v: 1, hostname: $name, clock: $clock,
	    log: "console", volumes: [$volume | select(. != "") | split(":") |
		{serial: .[0], path: .[1]}], config,
	    network: ([{mac: "\($mac):01", address, prefix: 24,
		gateway: (.gateway // "192.0.2.1")}] +
		if $wan then [{mac: "\($mac):02",
		    address: $wan.address, prefix: $wan.prefix}] else [] end +
		if .address6 then [{mac: "\($mac):01", address: .address6,
		    prefix: .prefix6}] else [] end)}
	    | if $wan then .network[0] |= (del(.gateway) + {name: "lan"})
		| .network[1].name = "wan" else . end' "$2" >"$tmp/text"
	{
		printf kilnconf
		printf '%016x' "$(wc -c <"$tmp/text")" | sed 's/../\\x&/g' |
		    xargs -0 env printf
		cat "$tmp/text"
	} >"$4"
	truncate -s %512 "$4"
}
# The kernel's own initrd with FOLDER over it, whose /init does what it does and
# goes on as /kiln-init.
initrd_over() { # FOLDER FILE
	own_initrd=$(stored "$(kernel_part initrd)")
	bsdtar -x -O -f "$own_initrd" init >"$1/kiln-init" &&
	    chmod 0755 "$1/kiln-init" &&
	    bsdtar -c -f "$2.cpio" --format=newc -C "$1" . &&
	    cp "$own_initrd" "$2" && chmod 0644 "$2" &&
	    truncate -s %512 "$2" && cat "$2.cpio" >>"$2"
}
# inside.c as such an initrd.
inside() { # FILE
	case $arch in
	arm64) compiler=aarch64-linux-gnu-gcc ;;
	*) compiler=cc ;;
	esac
	mkdir -p "$tmp/inside/inside/proc" "$tmp/inside/inside/sys" &&
	    $compiler -static -Os -o "$tmp/inside/init" $here/inside.c &&
	    initrd_over "$tmp/inside" "$1"
}
# Lines that it wrote, without its name.
seen_inside() { # NUMBER
	tr -d '\r' <"$tmp/console-$1" | sed -n 's/^inside: //p'
}
# Its pid is in $qemu, its console in $tmp/console-NUMBER.  With $its_initrd,
# $its_words and $its_devices it starts with another initrd, is told more as a
# kernel, and has more.
machine() { # AT SERVICE MIB DISK NUMBER TAP TAP qemu-options…
	at=$1 service=$2 mib=$3 disk=$4 number=$5 tap0=$6 tap1=$7
	shift 7
	kind=$(kernel_word machine)
	case $arch in
	arm64) emulator="qemu-system-aarch64 -cpu max,pauth=off"
		kind=$kind,gic-version=max ;;
	*) emulator="qemu-system-x86_64 -cpu max" ;;
	esac
	# shellcheck disable=SC2086
	$at $emulator -nodefaults -no-user-config -no-reboot \
	    -display none -machine $kind \
	    -accel tcg,tb-size=16 -smp 1 -m "$mib" \
	    -kernel "$(stored "$(kernel_part vmlinuz)")" \
	    -initrd "${its_initrd:-$(stored "$(kernel_part initrd)")}" \
	    -append "$(kernel_word cmdline) $khz ${its_words:-}" \
	    -drive id=root,file="$(stored "$(image_of "$service")")",format=raw,if=none,readonly=on,file.locking=off \
	    -device virtio-blk-device,drive=root,serial=root \
	    -drive id=conf,file="$disk",format=raw,if=none,readonly=on \
	    -device virtio-blk-device,drive=conf,serial=config \
	    -netdev tap,id=n0,ifname="$tap0",script=no,downscript=no \
	    -device virtio-net-device,netdev=n0,mac=02:00:00:00:0$number:01 \
	    -netdev tap,id=n1,ifname="$tap1",script=no,downscript=no \
	    -device virtio-net-device,netdev=n1,mac=02:00:00:00:0$number:02 \
	    -device virtio-rng-device -serial file:"$tmp/console-$number" \
	    ${its_devices:-} "$@" </dev/null >"$tmp/qemu.out" 2>&1 &
	qemu=$!
	pids="$pids $qemu"
}
# A machine on the router's two bridges, beside those of the agent.
besides=1
beside() { # SERVICE SETTINGS [VOLUME-FILE NAME:PATH]
	besides=$((besides + 1))
	n=$besides
	for way in lan wan; do
		$at_router ip tuntap add "by$n$way" mode tap &&
		    $at_router ip link set "by$n$way" master br-$way up || return 1
	done
	config_disk "$1" "$2" "$n" "$tmp/disk-$n" "${4:-}"
	volume=
	[ $# -lt 4 ] ||
	    volume="-drive id=vol,file=$3,format=raw,if=none -device virtio-blk-device,drive=vol,serial=${4%%:*}"
	# shellcheck disable=SC2086
	machine "$at_router" "$1" "${its_mib:-$(given_mib "$1")}" "$tmp/disk-$n" "$n" \
	    "by${n}lan" "by${n}wan" $volume
}
beside_goes() { # PID: like a cable that is pulled
	kill "$1" && until_ok 20 sh -c "! kill -0 $1 2>/dev/null"
}
given_mib() { # SERVICE: as the agent does, no less than the kernel wants
	for r in "$1" "${kernel%"$of"}"; do
		sed -n 's/^memory: \([0-9]*\)MiB/\1/p' "recipes/$r/recipe.yaml"
	done | sort -n | tail -n 1
}
