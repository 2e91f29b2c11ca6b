# The TUF client, and publishing, beside tuf-js.
need node
say "TUF clients"
(cd "$top/tests/interop" &&
    { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent; })
farm=$tmp/farm
head -c 8388608 /dev/urandom >"$tmp/image"
quietly "$out/kiln-tuf" init --state "$farm" --demo --service dns-dhcp --service kernel
quietly "$out/tests/support/publish" "$farm" vm dns-dhcp 1 "$tmp/image" router.lan
quietly "$out/kiln-tuf" serve --state "$farm" --once
serve "$farm"
target=images/dns-dhcp/amd64/$(sha256sum "$tmp/image" | cut -c1-64)
root=$farm/tuf/metadata/1.root.json
client="$out/kiln-agent tuf-client"
fresh="rm -rf '$tmp/md' '$tmp/got' && mkdir '$tmp/got' '$tmp/md' && $client --metadata-dir '$tmp/md' init '$root'"
fresh_js="rm -rf '$tmp/js' '$tmp/got' && mkdir '$tmp/js' '$tmp/got' && cp '$root' '$tmp/js/root.json'"
node="exec node '$top/tests/bench/tuf-js.js' '$tmp/js' $url/metadata"
pair -N tuf-refresh -b "$fresh" \
    -o "exec $client --metadata-url $url/metadata --metadata-dir '$tmp/md' refresh" \
    -B "$fresh_js" -p "$node" -c 'node tuf-js refresh'
pair -N tuf-download -b "$fresh" \
    -o "exec $client --metadata-url $url/metadata --metadata-dir '$tmp/md' \
        --target-name $target --target-dir '$tmp/got' --target-base-url $url/targets download" \
    -B "$fresh_js" -p "$node $target $url/targets '$tmp/got/image'" \
    -c 'node tuf-js refresh and an 8 MiB target'
cmp -s "$tmp/got/image" "$tmp/image" || {
	say "the downloaded target is not the image"
	exit 1
}
# Both folders are up to date now; each poll asks for root and timestamp.
poll() {
	node "$top/tests/bench/poll-bytes.js" "$1" "$pairs" "$url" "$tmp/js" "" "" -- \
	    "$out/kiln-agent" tuf-client --metadata-url @URL@/metadata \
	    --metadata-dir "$tmp/md" refresh >>"$tmp/tsv"
}
poll tuf-poll
unserve

# From a farm that has them on record to a tree that clients read, by the
# program itself: journal, database, check and syncs included.  Then one target
# more.  The peer's classes sign the same lists in the same bins.
forms="$out/tests/bench/forms"
for n in 10000 100000; do
	say "publishing $n targets"
	bins=256 few=$pairs
	[ $n -eq 10000 ] || bins=512 few=3
	rm -rf "$farm"
	quietly "$out/kiln-tuf" init --state "$farm" --demo --service dns-dhcp
	quietly "$out/kiln-tuf" serve --state "$farm" --once
	rm -rf "$tmp/empty"
	cp -a "$farm" "$tmp/empty"
	"$forms" "$farm" 0 $n
	rm -rf "$tmp/full"
	mv "$farm" "$tmp/full"
	mkdir "$farm"
	published="exec '$out/kiln-tuf' serve --state '$farm' --once"
	again="rm -rf '$farm' && cp -al '$tmp/full' '$farm' && \
	    rm -rf '$farm'/tuf.db* '$farm/tuf/metadata' '$farm/keys' '$farm/run' && \
	    cp -a '$tmp/full/keys' '$tmp/full/run' '$tmp/full'/tuf.db* '$farm' && \
	    cp -a '$tmp/full/tuf/metadata' '$farm/tuf'"
	js="exec node '$top/tests/bench/tuf-js-publish.js'"
	"$out/tests/bench/pair" -n "$few" -N tuf-publish-$n -b "$again" -o "$published" \
	    -B "rm -rf '$tmp/repo' && mkdir '$tmp/repo'" \
	    -p "$js first '$tmp/full/tuf/targets' '$tmp/repo' $bins" \
	    -c "node @tufjs/models: hash, list in $bins bins, sign, write" >>"$tmp/tsv"
	# A client of both kinds that has seen this, and a second form.
	serve "$farm"
	sh -ec "$fresh; $client --metadata-url $url/metadata --metadata-dir '$tmp/md' refresh"
	sh -ec "$fresh_js; exec node '$top/tests/bench/tuf-js.js' '$tmp/js' $url/metadata"
	poll tuf-poll-$n
	"$out/tests/bench/pair" -n "$few" -N tuf-publish-one-of-$n \
	    -b "n=\$(cat '$tmp/next' 2>/dev/null || echo $n); \
	        '$forms' '$farm' \$n 1; echo \$((n + 1)) >'$tmp/next'" \
	    -o "$published" -B : \
	    -p "$js add '$farm/tuf/targets' '$tmp/repo' $bins" \
	    -c 'node @tufjs/models: one more, its bin signed again' >>"$tmp/tsv"
	rm -f "$tmp/next"
	mv "$tmp/md" "$tmp/md.seen"
	mv "$tmp/js" "$tmp/js.seen"
	new=$(printf 'image %d' $n | sha256sum | cut -c1-64)
	new=transport/many/amd64/$new.zst
	node "$top/tests/bench/poll-bytes.js" tuf-update-of-$n "$pairs" "$url" "$tmp/js" \
	    "rm -rf '$tmp/md' '$tmp/js' '$tmp/got'; mkdir '$tmp/got'; \
	     cp -a '$tmp/md.seen' '$tmp/md'; cp -a '$tmp/js.seen' '$tmp/js'" "$new" -- \
	    "$out/kiln-agent" tuf-client --metadata-url @URL@/metadata --metadata-dir "$tmp/md" \
	    --target-name "$new" --target-dir "$tmp/got" --target-base-url @URL@/targets \
	    download >>"$tmp/tsv"
	rm -rf "$tmp/md.seen" "$tmp/js.seen"
	unserve
done
