# kiln: the farm's own programs, the same in both lanes, and nothing of where
# they were built in them.
# tools: strings jq
kiln_programs='kiln kiln-builder kiln-runner kiln-tuf kiln-web kiln-agent kiln-agent-fetch'
taken_out() {
	mkdir -p "$tmp/kiln-bin"
	for program in $kiln_programs; do
		digest=$(outputs_of kiln build | sed -n "s/^$program|//p")
		install -m 755 "$(stored "$digest")" "$tmp/kiln-bin/$program" ||
		    return 1
	done
}
both_lanes() { # the one verdict, of runs in A and in B with what was varied
	plan=$(sql "SELECT plan FROM current WHERE recipe = 'kiln' AND stage = 'build'")
	sql "SELECT verdict FROM plan WHERE digest = '$plan'" |
	    grep -qx reproduced || return 1
	record=$(stored "$(sql "SELECT verdict_record FROM plan WHERE digest = '$plan'")")
	jq -c '{lanes, varied, not_varied}' "$record"
	jq -e '.lanes == ["A", "B"] and
	    (.varied | contains(["date", "file-order", "home", "hostname",
		"jobs", "locale", "path", "timezone", "uid"]))' "$record"
}
says_nothing() { # REGEX
	for program in $kiln_programs; do
		! strings -n 4 "$tmp/kiln-bin/$program" | grep -E "$1" || {
			echo "in $program"
			return 1
		}
	done
}
no_build_id() {
	for program in $kiln_programs; do
		! readelf -n "$tmp/kiln-bin/$program" | grep -i 'build id' || return 1
	done
}
run_here() {
	for program in $kiln_programs; do
		"$tmp/kiln-bin/$program" --version >"$tmp/version" 2>&1
		cat "$tmp/version"
		grep -qx "$program $("$bin/kiln" --version | cut -d ' ' -f 2)" \
		    "$tmp/version" || [ $program = kiln-agent-fetch ] || return 1
	done
	grep -q 'is started by kiln-agent' "$tmp/version"
}
bakes() { # itself a recipe, from nothing
	"$tmp/kiln-bin/kiln-builder" --once --state "$tmp/by-baked" \
	    --recipes recipes --only kiln-source 2>"$tmp/by-baked.log" ||
	    { tail "$tmp/by-baked.log"; return 1; }
	was=$(outputs_of kiln-source build)
	is=$(var=$tmp/by-baked outputs_of kiln-source build)
	echo "$was"
	[ "$was" = "$is" ]
}
prove() {
	t "kiln: every program is there" taken_out
	t "kiln: lane A and lane B left the same, with all that was varied" both_lanes
	t "kiln: no program holds the folder it was built in" \
	    says_nothing '/build/kiln'
	t "kiln: … nor this tree's, nor a day" \
	    says_nothing "$PWD|[A-Z][a-z]{2} [ 0-9][0-9] 20[0-9]{2}"
	t "kiln: … nor a build id" no_build_id
	t "kiln: they run here" run_here
	t "kiln: the baked builder bakes the same from nothing" bakes
	echo "# kiln: $(cat "$tmp/kiln-bin/"* | wc -c) bytes in seven programs"
}
