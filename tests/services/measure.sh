# For run.sh: each image booted alone, by hand, with the kernel and the
# configuration that the proofs had: how long until it answers its first probe,
# and with how little memory it still does.  That is recorded in the farm, beside
# the proof's cases, and the table of docs/services.md written from there.
bench_net() {
	new_ns && bench=$ns_pid
	at_bench="nsenter --net=/proc/$bench/ns/net"
	$at_bench ip link set lo up &&
	    $at_bench ip tuntap add t0 mode tap &&
	    $at_bench ip address add 192.0.2.1/24 dev t0 &&
	    $at_bench ip link set t0 up &&
	    $at_bench ip tuntap add t1 mode tap && $at_bench ip link set t1 up
}
probe_word() { # SERVICE KEY: of its first probe
	sed -n "/^probes:/,/^[a-z]/s/.*- {\(.*\)}.*/\1/p" \
	    "recipes/$1/recipe.yaml" | head -n 1 | tr ',' '\n' |
	    sed -n "s/^ *$2: *//p"
}
answered() { # SERVICE ADDRESS
	case $(probe_word "$1" type) in
	dns) timeout 2 $at_bench dig +time=1 +tries=1 "@$2" \
		"$(probe_word "$1" name)" 2>/dev/null | grep -q 'status: NOERROR' ;;
	dhcp) timeout 3 $at_bench dhclient -4 -1 -d -sf /bin/true \
		-cf "$tmp/bench.conf" -lf /dev/null -pf "$tmp/bench.pid" t0 2>&1 | grep -q DHCPOFFER ;;
	*) timeout 2 $at_bench bash -c \
		"exec 3<>/dev/tcp/$2/$(probe_word "$1" port)" 2>/dev/null ;;
	esac
}
volume_of() { # SERVICE: NAME:PATH, or nothing
	sed -n '/^volumes:/,/^[a-z]/s/.*{name: \([^,]*\), path: \([^,]*\),.*/\1:\2/p' \
	    "recipes/$1/recipe.yaml"
}
# A server of DHCP asks the agent for its leases first: it is told of none.
keeper=
keep_leases() { # SERVICE
	[ -z "$keeper" ] || ! ours "$keeper" || kill "$keeper"
	keeper= lease_port=
	[ "$(probe_word "$1" type)" = dhcp ] || return 0
	printf 'initial-interval 1;\nbackoff-cutoff 1;\n' >"$tmp/bench.conf"
	cat >"$tmp/keeper" <<'END'
while read -r word token; do
	[ "$word" != init ] || printf 'begin %s\nend %s\n' "$token" "$token"
done
END
	rm -f "$tmp/leases.sock"
	socat "UNIX-LISTEN:$tmp/leases.sock" "EXEC:sh $tmp/keeper" &
	keeper=$!
	pids="$pids $keeper"
	until_ok 5 test -S "$tmp/leases.sock" || return 1
	lease_port="-device virtio-serial-device -chardev socket,id=leases,path=$tmp/leases.sock -device virtserialport,chardev=leases,name=org.kiln.state"
}
boots() { # SERVICE MIB [SECONDS]: milliseconds until it answers, its volume new
	volume=$(volume_of "$1") volume_drive=
	if [ "$volume" ]; then
		truncate -s 0 "$tmp/volume" && truncate -s 64M "$tmp/volume" &&
		    mkfs.ext4 -q -F "$tmp/volume" || return 1
		volume_drive="-drive id=vol,file=$tmp/volume,format=raw,if=none -device virtio-blk-device,drive=vol,serial=${volume%%:*}"
	fi
	address=$(jq -r .address "$tmp/$1.json")
	config_disk "$1" "$tmp/$1.json" 1 "$tmp/disk" "$volume"
	keep_leases "$1" || return 1
	began_ms=$(($(date +%s%N) / 1000000))
	# shellcheck disable=SC2086
	machine "$at_bench" "$1" "$2" "$tmp/disk" 1 t0 t1 $volume_drive $lease_port
	end=$(($(date +%s) + ${3:-25})) ms=
	while kill -0 $qemu 2>/dev/null && [ "$(date +%s)" -lt $end ]; do
		answered "$1" "$address" || { sleep 0.05; continue; }
		ms=$(($(date +%s%N) / 1000000 - began_ms))
		break
	done
	kill $qemu 2>/dev/null
	wait $qemu 2>/dev/null
	[ "$ms" ] && echo "$ms"
}
# By halves, above what the kernel takes for itself; a machine that is short of
# memory may come up later, so it has three times as long as one that is not.
least() { # SERVICE MIB MS: the least multiple of 8 that works
	low=16 high=$2 patience=$(($3 * 3 / 1000 + 4))
	while [ $((high - low)) -gt 8 ]; do
		mid=$(((low + high) / 16 * 8))
		if boots "$1" $mid $patience >/dev/null; then
			high=$mid
		else
			low=$mid
		fi
	done
	echo $high
}
takes() { # SERVICE: what its machine takes, if it has one
	has_image "$1" || { echo '{}'; return; }
	mib=$(given_mib "$1") fastest=
	for _ in 1 2; do
		ms=$(boots "$1" "$mib") || return 1
		[ "$fastest" ] && [ "$fastest" -le "$ms" ] || fastest=$ms
	done
	printf '{"accel":"tcg","answer_ms":%d,"least":%d,"memory":%d}' \
	    "$fastest" $(($(least "$1" "$mib" "$fastest") * 1048576)) $((mib * 1048576))
}
resource() { # NAME SHA256
	printf '{"name":"%s","digest":{"sha256":"%s"}}\n' "$1" "$2"
}
# An in-toto statement of it (docs/formats.md, "proof"), into the farm.
record() { # SERVICE
	takes=$(takes "$1") || return 1
	stage=image
	has_image "$1" || stage=build
	outputs_of "$1$of" $stage | while IFS='|' read -r name digest; do
		resource "$name" "$digest"
	done >"$tmp/subject"
	{
		resource "$1.sh" "$(sha256sum <"$here/$1.sh" | cut -d ' ' -f 1)"
		[ $stage = build ] || for part in vmlinuz initrd; do
			resource $part "$(kernel_part $part)"
		done
	} >"$tmp/with"
	parts "$1" >"$tmp/parts" || return 1
	jq -cSjn --slurpfile subject "$tmp/subject" --slurpfile with "$tmp/with" \
	    --rawfile cases "$tmp/$1.proof" --rawfile parts "$tmp/parts" \
	    --arg arch "$arch" --arg at "$(date -u +%FT%TZ)" \
	    --argjson takes "$takes" '
	    def came(how): [$cases | split("\n")[] | select(startswith(how)) |
		.[(how | length):]];
	    {_type: "https://in-toto.io/Statement/v1", $subject,
	    predicateType: "https://in-toto.io/attestation/test-result/v0.1",
	    predicate: {configuration: $with,
	    result: (if came("not ok ") == [] then "PASSED" else "FAILED" end),
	    passedTests: came("ok "), failedTests: came("not ok "),
	    kiln_measured: ($takes + {$arch, $at, parts:
		[$parts | split("\n")[] | select(. != "") | split("\t") |
		{origin: .[0], bytes: (.[1] | tonumber)}]})}}' >"$tmp/statement" &&
	    "$bin/kiln" proof record --state "$var" "$tmp/statement"
}
stock_says() { # BYTES of all images: for the services that have a row
	# shellcheck disable=SC2046
	set -- "$1" $(stock_of $(sed -n 's/^| \[\([^]]*\)\].*/\1/p' \
	    "$tmp/services.md" | sort -u)) $(stock_of)
	[ $# -eq 5 ] || return 1
	echo "One stock Debian with the same services takes $3 bytes in $2 packages by apt's Installed-Size, without Recommends and without a kernel; $5 of them in $4 packages are there before any service (\`debootstrap --variant=minbase\`). All images together take $(($1 * 100 / $3)) % of that."
}
# Of a farm that began from nothing; one that goes on has the sentence of before.
baked_says() {
	if [ "$full" ] && [ -s "$tmp/ledger" ]; then
		echo "Baked from nothing, both lanes: $(cat "$tmp/ledger")."
	else
		grep -s '^Baked from nothing' docs/services.md
	fi
}
# Programs without a release have their source's digest for a version.
versions() { # as JSON
	for s in $all; do
		upstream=$(sed -n 's/^upstream: //p' "recipes/$s/recipe.yaml")
		[ "$upstream" ] && ! has_image "$s" || continue
		printf '{"%s":"%s"}\n' "$s" "$(outputs_of kiln-source build |
		    sed -n "s/^$upstream|\(.\{12\}\).*/\1/p")"
	done | jq -cs 'add | with_entries(select(.value != ""))'
}
# What the farm has recorded, a line of the table each.
recorded() {
	"$bin/kiln" proof show --json --state "$var" |
	    jq -r --arg own "$own" --argjson versions "$(versions)" '
	    def mib: if . then . / 1048576 else "–" end;
	    def seconds: if . then (. / 100 | round) |
		"\(. / 10 | floor).\(. % 10)" else "–" end;
	    .[] | select(.record) | .arch as $arch |
	    (.recipe | rtrimstr(".\($arch)")) as $name |
	    (.kernel_recipe // "kernel" | rtrimstr(".\($arch)")) as $kernel |
	    "| [\($name)](../recipes/\($name)/README.md)\(
		if $arch != $own then ", \($arch)" else "" end) | \(
		.version // $versions[$name] // "" |
		if . == "" then "–" else . end) | \(.bytes) | \(
		if .image then [.parts[:4][] | "\(.origin) \(.bytes)"] +
		    (.parts[4:] | if . == [] then [] else ["\(length) more \(
		    map(.bytes) | add)"] end) | join(", ")
		else "programs, no image" end) | \(.answer_ms | seconds) | \(
		.memory | mib) | \(.least | mib)\(
		if $kernel != "kernel" then ", \($kernel)" else "" end) | \(
		.verdict) | [\(.passed) of \(.passed + .failed)](../tests/services/\(
		.script)) |"'
}
# Rows of which the farm knows nothing stay as they are.
write_table() {
	recorded >"$tmp/recorded" || return 1
	{
		cat <<'END'
# Services

Written by `make farm-test`, which bakes every image in both lanes, compares its files with the recipe's `files.list`, has the agent boot it, asks it with a real client, and records in the farm what it saw (`kiln proof show`, the dashboard's page "Proofs").
Seconds from starting QEMU (TCG, one processor, by hand) to the first answer, the fastest of two; memory as the recipe gives it, and the least multiple of 8 with which it still answers, in MiB; the kernel is recipes/kernel unless a row names another.

| service | version | image, bytes | of these, by origin | answers after, s | memory | least | verdict | proof |
|---|---|---|---|---|---|---|---|---|
END
		for s in $all; do
			awk -F '|' -v name=" [$s](" '
				index($2, name) == 1 && !seen[$2]++' \
			    "$tmp/recorded" docs/services.md | LC_ALL=C sort
		done
	} >"$tmp/services.md"
	if [ -z "$images" ] || [ "$of" ]; then
		awk 'under && !/^\|/; /^\| \[/ {under = 1}' docs/services.md \
		    >>"$tmp/services.md"
		cp "$tmp/services.md" docs/services.md
		return
	fi
	total=$(awk -F '|' '/^\| \[/ && !/no image|^[^|]*\|[^|]*\), / {n += $4} END {print n + 0}' "$tmp/services.md")
	cat >>"$tmp/services.md" <<END

$(stock_says "$total")

$(baked_says)

All images together: $total bytes. The kernel they share: $(wc -c <"$(stored "$(kernel_part vmlinuz)")") bytes, its initrd $(wc -c <"$(stored "$(kernel_part initrd)")").
END
	cp "$tmp/services.md" docs/services.md
}
