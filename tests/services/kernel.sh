# kernel: both lanes made the same, it has walls, and little memory is enough.
# with: dns-dhcp
# tools: cc bsdtar
# kernel: kernel
#
# What it must have for each service is that service's proof.  From inside, beside
# the services of dns-dhcp's image, inside.c looks on.
bare=192.0.2.58
both_lanes_of_kernel() {
	plan=$(sql "SELECT plan FROM current WHERE recipe = '$kernel'")
	sql "SELECT verdict FROM plan WHERE digest = '$plan'" |
	    grep -qx reproduced || return 1
	record=$(stored "$(sql "SELECT verdict_record FROM plan WHERE digest = '$plan'")")
	jq -c '{lanes, varied, not_varied}' "$record"
	jq -e '.lanes == ["A", "B"]' "$record"
}
looks() {
	inside "$tmp/kernel.initrd" || return 1
	jq -n --arg at $bare '{address: $at, config: {domain: "lan"}}' \
	    >"$tmp/bare.json"
	its_initrd=$tmp/kernel.initrd
	beside dns-dhcp "$tmp/bare.json"
	rc=$?
	its_initrd=''
	return $rc
}
has_told() { seen_inside $besides | grep -qx listed; }
no_flaw() {
	seen_inside $besides | sed -n 's/^flaw //p' | tee "$tmp/flaws"
	[ "$(wc -l <"$tmp/flaws")" -ge 8 ] &&
	    ! grep -v -E '^[^ ]+ (Not affected|Mitigation: )' "$tmp/flaws"
}
stays_as_it_is() { # ENOSYS alone
	for call in init_module finit_module kexec_load bpf; do
		seen_inside $besides | grep "^call $call " | tee "$tmp/call"
		grep -q 'Function not implemented$' "$tmp/call" || return 1
	done
}
prove() {
	t "kernel: lane A and lane B left the same" both_lanes_of_kernel
	t "kernel: a machine is started, and looked at from inside" looks
	t "kernel: … until it has told" until_ok 60 has_told
	t "kernel: no flaw of a processor is left open" no_flaw
	t "kernel: no module, no other kernel, no program of BPF can be loaded" \
	    stays_as_it_is
	beside_goes $qemu
	bench_net
	t "kernel: with 40 MiB dns-dhcp answers" boots dns-dhcp 40 200
	for image in $images; do
		[ "$image" = dns-dhcp ] ||
		    t "kernel: … and $image with 64" boots "$image" 64 200
	done
	[ $failed -eq $run_failed ] || tail -n 40 "$tmp/console-$besides" |
	    sed 's/^/# bare: /'
}
