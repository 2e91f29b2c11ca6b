# For run.sh: each image booted alone, by hand, with the kernel and the
# configuration that the proofs had: how long until it answers its first probe,
# and with how little memory it still does.  Then the table of docs/services.md.
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
		-lf /dev/null -pf "$tmp/bench.pid" t0 2>&1 | grep -q DHCPOFFER ;;
	*) timeout 2 $at_bench bash -c \
		"exec 3<>/dev/tcp/$2/$(probe_word "$1" port)" 2>/dev/null ;;
	esac
}
volume_of() { # SERVICE: NAME:PATH, or nothing
	sed -n '/^volumes:/,/^[a-z]/s/.*{name: \([^,]*\), path: \([^,]*\),.*/\1:\2/p' \
	    "recipes/$1/recipe.yaml"
}
boots() { # SERVICE MIB: milliseconds until it answers, its volume new
	volume=$(volume_of "$1") volume_drive=
	if [ "$volume" ]; then
		truncate -s 0 "$tmp/volume" && truncate -s 64M "$tmp/volume" &&
		    mkfs.ext4 -q -F "$tmp/volume" || return 1
		volume_drive="-drive id=vol,file=$tmp/volume,format=raw,if=none -device virtio-blk-device,drive=vol,serial=${volume%%:*}"
	fi
	address=$(jq -r .address "$tmp/$1.json")
	config_disk "$1" "$tmp/$1.json" 1 "$tmp/disk" "$volume"
	began_ms=$(($(date +%s%N) / 1000000))
	# shellcheck disable=SC2086
	machine "$at_bench" "$1" "$2" "$tmp/disk" 1 t0 t1 $volume_drive
	end=$(($(date +%s) + 25)) ms=
	while kill -0 $qemu 2>/dev/null && [ "$(date +%s)" -lt $end ]; do
		answered "$1" "$address" || { sleep 0.05; continue; }
		ms=$(($(date +%s%N) / 1000000 - began_ms))
		break
	done
	kill $qemu 2>/dev/null
	wait $qemu 2>/dev/null
	[ "$ms" ] && echo "$ms"
}
least() { # SERVICE MIB: the least multiple of 8 that works, by halves
	low=32 high=$2
	while [ $((high - low)) -gt 8 ]; do
		mid=$(((low + high) / 16 * 8))
		if boots "$1" $mid >/dev/null; then high=$mid; else low=$mid; fi
	done
	echo $high
}
# Where an output comes from: a program of the recipe's own, what it is built
# from, or a package.
origin() { # RECIPE OUTPUT
	if grep -qs "^program $2 " "recipes/$1/build.sh" ||
	    [ "$1" = guest-init ]; then
		echo "$1"
	elif grep -q '^sources:' "recipes/$1/recipe.yaml"; then
		sed -n 's/^upstream: //p' "recipes/$1/recipe.yaml"
	else
		echo packages
	fi
}
# Bytes of what runs, by where it comes from.
parts() { # SERVICE
	sed -n 's/.*{path: \([^,]*\), from: "\([^"]*\)".*/\1 \2/p' \
	    "recipes/$1/recipe.yaml" | while read -r path from; do
		[ -e "$tmp/root-$1$path" ] || continue
		bytes=$(find "$tmp/root-$1$path" -type f -printf '%s\n' |
		    awk '{n += $1} END {print n + 0}')
		case $from in
		use:*) name=${from#use:} name=$(origin "${name%%/*}" "${name#*/}") ;;
		output:*) name=$(origin "$1" "${from#output:}") ;;
		recipe:*) name=$1 ;;
		env:*) name=packages ;;
		*) continue ;;
		esac
		[ "$name" != "$1" ] || name="this recipe"
		printf '%s\t%s\n' "$name" "$bytes"
	done | awk -F '\t' '{n[$1] += $2} END {for (k in n) print n[k] "\t" k}' |
	    sort -rn | awk -F '\t' '{printf "%s%s %d", (NR > 1 ? ", " : ""), $2, $1}'
}
version_of() { # SERVICE
	jq -r .version "$(stored "$(sql "SELECT digest FROM release
	    WHERE service = '$1' AND arch = '$arch' ORDER BY made_at DESC, rowid DESC LIMIT 1")")"
}
programs_row() { # RECIPE: what has no machine
	read -r good bad <"$tmp/$1.proof"
	bytes=0
	for digest in $(outputs_of "$1$of" build | cut -d '|' -f 2); do
		bytes=$((bytes + $(wc -c <"$(stored "$digest")")))
	done
	printf '| [%s](../recipes/%s/README.md) | %s | %d | programs, no image | – | – | – | %s | [%d of %d](../tests/services/%s.sh) |\n' \
	    "$1" "$1" "$(outputs_of kiln-source build |
		sed -n "s/^$(sed -n 's/^upstream: //p' "recipes/$1/recipe.yaml")|\(.\{12\}\).*/\1/p")" \
	    "$bytes" "$(sql "SELECT p.verdict FROM current c JOIN plan p
		ON p.digest = c.plan WHERE c.recipe = '$1$of'
		AND c.stage = 'build'")" "$good" $((good + bad)) "$1"
}
row() { # SERVICE
	has_image "$1" || { programs_row "$1"; return; }
	mib=$(given_mib "$1") fastest=
	for _ in 1 2; do
		ms=$(boots "$1" "$mib") || return 1
		[ "$fastest" ] && [ "$fastest" -le "$ms" ] || fastest=$ms
	done
	read -r good bad <"$tmp/$1.proof"
	bytes=$(wc -c <"$(stored "$(image_of "$1")")")
	printf '| [%s](../recipes/%s/README.md) | %s | %d | %s | %s | %s | %s | %s | [%d of %d](../tests/services/%s.sh) |\n' \
	    "$1" "$1" "$(version_of "$1")" "$bytes" "$(parts "$1")" \
	    "$(awk "BEGIN {printf \"%.1f\", $fastest / 1000}")" "$mib" \
	    "$(least "$1" "$mib")$([ "$kernel" = kernel ] || echo ", ${kernel%"$of"}")" \
	    "$(sql "SELECT p.verdict FROM current c JOIN plan p
		ON p.digest = c.plan WHERE c.recipe = '$1$of'
		AND c.stage = 'image'")" "$good" $((good + bad)) "$1"
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
# Rows of another architecture, each behind that of the machine's own.
write_rows() {
	bench_net || return 1
	for s in $services; do
		row "$s" >"$tmp/row-$s" || return 1
		awk -v row="$(sed "s/^\(| [^|]*)\) |/\1, $arch |/" "$tmp/row-$s")" \
		    -v own="| [$s](" -v other="), $arch |" '
			index($0, own) == 1 && index($0, other) {next}
			{print}
			index($0, own) == 1 && !done {print row; done = 1}
		' docs/services.md >"$tmp/services.md" || return 1
		cp "$tmp/services.md" docs/services.md
	done
}
# A row for each service that ran; those of others stay as they are.
write_table() {
	bench_net || return 1
	for s in $services; do row "$s" >"$tmp/row-$s" || return 1; done
	{
		cat <<'END'
# Services

Written by `make farm-test`, which bakes every image in both lanes, compares its files with the recipe's `files.list`, has the agent boot it, and asks it with a real client.
Seconds from starting QEMU (TCG, one processor, by hand) to the first answer, the fastest of two; memory as the recipe gives it, and the least multiple of 8 with which it still answers, in MiB; the kernel is recipes/kernel unless a row names another.

| service | version | image, bytes | of these, by origin | answers after, s | memory | least | verdict | proof |
|---|---|---|---|---|---|---|---|---|
END
		for s in $all; do
			if [ -e "$tmp/row-$s" ]; then
				cat "$tmp/row-$s"
				grep -s "^| \[$s\]([^)]*), " docs/services.md
			else
				grep -s "^| \[$s\]" docs/services.md
			fi
		done
	} >"$tmp/services.md"
	total=$(awk -F '|' '/^\| \[/ && !/no image|^[^|]*\|[^|]*\), / {n += $4} END {print n + 0}' "$tmp/services.md")
	[ "$images" ] || {
		awk 'under && !/^\|/; /^\| \[/ {under = 1}' docs/services.md \
		    >>"$tmp/services.md"
		cp "$tmp/services.md" docs/services.md
		return
	}
	cat >>"$tmp/services.md" <<END

$(stock_says "$total")

$(baked_says)

All images together: $total bytes. The kernel they share: $(wc -c <"$(stored "$(kernel_part vmlinuz)")") bytes, its initrd $(wc -c <"$(stored "$(kernel_part initrd)")").
END
	cp "$tmp/services.md" docs/services.md
}
