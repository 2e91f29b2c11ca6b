# storage: files that outlive the machine, by OpenSSH's own sftp.
# tools: sftp ssh ssh-keygen jq mkfs.ext4
# stock: openssh-server
#
# The farm makes another image, with one folder more; the agent changes to it and
# keeps the volume.  A second machine, started by hand with a disk of its own, is
# pulled out like a cable and followed by another with the same disk.
storage=192.0.2.65 storage_again=192.0.2.66
ssh_key() { ssh-keygen -q -t ed25519 -N "" -C "" -f "$k/$1"; }
public() { cut -d ' ' -f 1,2 "$k/$1.pub"; }
prepare() {
	for n in host.ssh writer.ssh reader.ssh stranger.ssh; do
		ssh_key $n
	done
	head -c 3000000 /dev/urandom >"$tmp/large"
}
storage_settings() { # ADDRESS
	jq -n --arg at "$1" --arg host "$(folded host.ssh)" \
	    --arg writer "$(public writer.ssh)" \
	    --arg reader "$(public reader.ssh)" '
	    {address: $at, config: {host_key: $host, keys: [
		{name: "writer", key: $writer},
		{name: "reader", key: $reader, readonly: true}]}}'
}
settings() { storage_settings $storage; }
ssh_options() { # KEY
	echo "storage $(public host.ssh)" >"$k/known.ssh"
	printf -- '-o UserKnownHostsFile=%s -o HostKeyAlias=storage ' "$k/known.ssh"
	printf -- '-o StrictHostKeyChecking=yes -o IdentitiesOnly=yes '
	printf -- '-o ConnectTimeout=10 -o BatchMode=yes -F none -i %s' "$k/$1"
}
by() { # KEY ADDRESS sftp-commands
	printf '%s\n' "$3" >"$tmp/batch"
	# shellcheck disable=SC2046
	timeout 60 $at_lan sftp $(ssh_options "$1") -b "$tmp/batch" "storage@$2"
}
puts() { # ADDRESS
	by writer.ssh "$1" "mkdir deep
put -f $tmp/large deep/large
put $tmp/large second
rename second first"
}
gets() { # KEY ADDRESS
	rm -f "$tmp/back"
	by "$1" "$2" "get deep/large $tmp/back" && cmp "$tmp/back" "$tmp/large"
}
refused() { # WORDS KEY ADDRESS sftp-commands
	words=$1
	shift
	by "$@" >"$tmp/told" 2>&1
	rc=$?
	cat "$tmp/told"
	[ $rc -ne 0 ] && [ $rc -ne 124 ] &&
	    grep -q "$words" "$tmp/told"
}
no_shell() {
	# shellcheck disable=SC2046
	timeout 10 $at_lan ssh $(ssh_options writer.ssh) "storage@$storage" \
	    'echo shell' </dev/null >"$tmp/told" 2>&1
	cat -v "$tmp/told"
	! grep -q shell "$tmp/told"
}
no_way_on() {
	# shellcheck disable=SC2046
	timeout 15 $at_lan ssh $(ssh_options writer.ssh) -W 192.0.2.100:22 \
	    "storage@$storage" </dev/null >"$tmp/told" 2>&1
	cat "$tmp/told"
	grep -q 'prohibited' "$tmp/told"
}
bakes() { # RECIPES
	"$bin/kiln-builder" --once --state "$var" --recipes "$1" \
	    --only "$kernel" --only storage >"$tmp/storage.bake" 2>&1 ||
	    { cat "$tmp/storage.bake"; false; }
}
another_image() {
	old=$(image_of storage)
	cp -r recipes "$tmp/recipes" || return
	sed 's/\(.*path: \)\/tmp\(, from: "dir:".*\)/&\n\1\/mnt\2/' \
	    recipes/storage/recipe.yaml >"$tmp/recipes/storage/recipe.yaml"
	bakes "$tmp/recipes"
	new=$(image_of storage)
	echo "from $old to $new"
	[ "$new" ] && [ "$new" != "$old" ] &&
	    "$bin/kiln-tuf" serve --once --state "$var"
}
changed_over() {
	agent status --json >"$tmp/status.json"
	jq -e --arg image "$new" '.phase == "committed" and any(.services[];
	    .service == "storage" and .image == $image and
	    .state == "running")' "$tmp/status.json"
}
changes_over() { kill -USR1 $agent_pid && until_ok 240 changed_over; }
as_before() { # what the farm has is the tree's again
	bakes recipes && [ "$(image_of storage)" = "$old" ]
}
with_disk() {
	storage_settings $storage_again >"$tmp/again.json" &&
	    beside storage "$tmp/again.json" "$tmp/storage.ext4" files:/data &&
	    until_ok 60 by writer.ssh $storage_again pwd
}
disk() { truncate -s 64M "$tmp/storage.ext4" && mkfs.ext4 -q "$tmp/storage.ext4"; }
prove() {
	t "storage: files are written, and read back by who may only read" \
	    puts $storage
	t "storage: … to the last byte" gets reader.ssh $storage
	t "storage: who may only read cannot write" \
	    refused "open .*denied" reader.ssh $storage "put $tmp/large third"
	t "storage: … nor remove" refused "delete .*denied" reader.ssh $storage "rm first"
	t "storage: a stranger is refused" \
	    refused "(publickey)" stranger.ssh $storage pwd
	t "storage: there is no shell" no_shell
	t "storage: and no way on into the LAN" no_way_on
	t "storage: what is the machine's own cannot be changed" \
	    refused "open .*denied" writer.ssh $storage \
	    "put $tmp/large /run/storage/sshd_config"
	t "storage: the farm makes another image" another_image
	t "storage: … the agent changes to it" changes_over
	t "storage: … and the files are still there" \
	    until_ok 30 gets reader.ssh $storage
	t "storage: … and can be changed" by writer.ssh $storage "rm first"
	t "storage: the farm goes back to the image before" as_before
	t "storage: a machine with a disk of its own is started" disk
	t "storage: … answers" with_disk
	t "storage: … takes files" puts $storage_again
	t "storage: … and goes without a word" beside_goes $qemu
	t "storage: another with the same disk" with_disk
	t "storage: … has them" gets reader.ssh $storage_again
	beside_goes $qemu
}
