# For the build.sh of a kernel:
#
#	. /kiln/uses/guest-init/initrd.sh; initrd <LIST
#
# makes /out/initrd of initrd-init and of the modules that LIST names in the
# order of loading: FILE, and behind it the groups it belongs to, if any.
#
# The archive is described line by line, so nothing of it comes from the disk
# but contents: no umask, no clock and no order of a folder.
entry()
{
	echo "$1 type=$2 mode=$3 uid=0 gid=0 time=$SOURCE_DATE_EPOCH.0 ${4:-}"
}
initrd()
{
	{
		echo '#mtree'
		for folder in dev modules root; do
			entry "./$folder" dir 0755
		done
		entry ./init file 0755 content=/kiln/uses/guest-init/initrd-init
		entry ./modules.order file 0644 content=modules.order
		: >modules.order
		while read -r file groups; do
			name=/modules/${file##*/}
			echo "$name${groups:+ $groups}" >>modules.order
			entry ".$name" file 0644 "content=$file"
		done
	} >initrd.mtree
	# By way of ustar, which has no room for the inode and device numbers of
	# the files' contents.
	bsdtar -c -f initrd.tar --format=ustar @initrd.mtree
	bsdtar -c -f initrd.cpio --format=newc @initrd.tar
	zstd -q -19 --single-thread -o /out/initrd initrd.cpio
	chmod 0644 /out/initrd
}
