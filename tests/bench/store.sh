# A release of 1 GB to an object store, beside curl sending the same files to
# another bucket of the same radosgw, without hashing them (UNSIGNED-PAYLOAD).
need radosgw ceph-mon ceph-osd ceph curl
say "an object store"
quietly mkdir "$tmp/ceph"
"$top/tests/support/radosgw" "$tmp/ceph" >"$tmp/line"
read -r endpoint id secret p1 p2 p3 <"$tmp/line"
at_end 'kill $p3 $p2 $p1 2>/dev/null; wait $p1 2>/dev/null'
bucket() {
	curl -sSf -X PUT --aws-sigv4 aws:amz:us-east-1:s3 --user "$id:$secret" \
	    -H "x-amz-content-sha256: $(printf '' | sha256sum | cut -d ' ' -f 1)" "$endpoint/$1"
}
# The first object of a bucket costs this server a second, whoever sends it.
for one in ours peers; do
	bucket $one
	echo first >"$tmp/first"
	curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 --user "$id:$secret" \
	    -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" -T "$tmp/first" "$endpoint/$one/first"
done
pub=$tmp/published
quietly "$out/kiln-tuf" init --state "$pub" --demo --service dns-dhcp --service kernel
mb=${KILN_BENCH_MB:-1000}
for i in 1 2 3 4 5 6 7 8; do
	head -c $((mb * 125000)) /dev/urandom >"$tmp/image"
	quietly "$out/tests/support/publish" "$pub" vm dns-dhcp $i "$tmp/image" router.lan
	# Not serve: compressed forms are another bench's.
	quietly "$out/kiln-tuf" refresh --state "$pub"
done
printf '%s:%s\n' "$id" "$secret" >"$tmp/key"
chmod 600 "$tmp/key"
chown "$(stat -c %u "$pub/upload")" "$tmp/key"
cat >"$pub/kiln.yaml" <<-EOT
publish: {to: "s3://ours/stable", endpoint: "$endpoint", key: $tmp/key}
EOT
chmod 644 "$pub/kiln.yaml"
seconds() { date +%s.%N; }
spent() { awk "BEGIN { printf \"%.2f\", $2 - $1 }"; }
a=$(seconds)
"$out/kiln-tuf" upload --once --state "$pub" >&2
b=$(seconds)
(cd "$pub" && find tuf -type f -printf 'upload-file = "%p"\nurl = "'"$endpoint"'/peers/%p"\n') >"$tmp/curl"
c=$(seconds)
(cd "$pub" && curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 --user "$id:$secret" \
    -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" -K "$tmp/curl")
d=$(seconds)
row store-publish.wall "$(spent "$a" "$b")" "$(spent "$c" "$d")" s 1 "curl -T, one file after the other"
goal store-publish.wall 1.1
# The same again: nothing is sent.
a=$(seconds)
"$out/kiln-tuf" upload --once --state "$pub" >&2
b=$(seconds)
row store-again.wall "$(spent "$a" "$b")" "$(spent "$c" "$d")" s 1 "curl -T, all of it again"
