# A signed Debian archive made on the spot, for scripts that have sourced
# tests/support/lib.sh:
#   archive_start            key and server; $archive_uri, $archive_keyring
#   archive_base SUITE       packages that every environment starts from, with
#                            this machine's own dash, coreutils and so on in
#                            one of them
#   archive_deb SUITE NAME VERSION DIR   a package of that folder's files; one
#                            of the same name in that suite is replaced
#   archive_own SUITE NAME PACKAGE…      files of installed packages as NAME
#   archive_publish SUITE    indexes and InRelease as things stand
archive=$tmp/archive

archive_start() {
	mkdir -p "$archive/www/debian/pool" "$archive/gpg" || return 1
	chmod 700 "$archive/gpg"
	gpg --homedir "$archive/gpg" --batch --quiet --passphrase '' \
	    --quick-generate-key archive@example.org ed25519 sign never &&
	    gpg --homedir "$archive/gpg" --batch --quiet --export \
		>"$archive/keyring.gpg" || return 1
	chmod 644 "$archive/keyring.gpg"
	archive_keyring=$archive/keyring.gpg
	node tests/support/archive/serve.js "$archive/www" "$archive/port" \
	    </dev/null >"$archive/serve.log" 2>&1 &
	pids="$pids $!"
	until_ok 60 test -e "$archive/port" || return 1
	archive_uri=http://127.0.0.1:$(cat "$archive/port")/debian/
	archive_day=$(($(date +%s) - 86400))
}

archive_stop() {
	gpgconf --homedir "$archive/gpg" --kill all
}

archive_deb() {
	suite=$1 name=$2 version=$3 dir=$4
	pool=pool/main/$name/${name}_${version}_amd64.deb
	mkdir -p "$dir/DEBIAN" "$archive/www/debian/pool/main/$name" \
	    "$archive/stanzas/$suite" || return 1
	printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.org>\nDescription: for tests\n' \
	    "$name" "$version" >"$dir/DEBIAN/control"
	chmod -R go-w,a+rX "$dir"
	SOURCE_DATE_EPOCH=1577836800 dpkg-deb --root-owner-group -Zgzip -z1 \
	    -b "$dir" "$archive/www/debian/$pool" >/dev/null || return 1
	{
		grep -v '^$' "$dir/DEBIAN/control"
		printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "$pool" \
		    "$(wc -c <"$archive/www/debian/$pool")" \
		    "$(sha256sum <"$archive/www/debian/$pool" | cut -c1-64)"
	} >"$archive/stanzas/$suite/$name"
}

archive_own() {
	own=$archive/own/$2
	mkdir -p "$own" || return 1
	suite=$1 name=$2
	shift 2
	dpkg -L "$@" | sort -u | grep -v -e '^/usr/share/' -e '/gconv' |
	    while read -r f; do
		case ${f#/} in
		*/*) # /bin itself is a link here and a folder in packages
			if [ -f "$f" ] || [ -L "$f" ]; then
				echo "${f#/}"
			fi
			;;
		esac
	done >"$archive/list"
	tar -C / -cf "$archive/tar" -T "$archive/list" &&
	    tar -C "$own" -xf "$archive/tar" || return 1
	archive_deb "$suite" "$name" 1 "$own"
}

archive_base() {
	archive_own "$1" coreutils coreutils dash findutils sed libc6 \
	    libacl1 libattr1 libgmp10 libselinux1 libpcre2-8-0 || return 1
	archive_own "$1" libfaketime libfaketime || return 1
	archive_own "$1" erofs-utils erofs-utils liblz4-1 libuuid1 || return 1
	mkdir -p "$archive/own/base-passwd/usr/share/base-passwd" &&
	    cp /usr/share/base-passwd/*.master \
		"$archive/own/base-passwd/usr/share/base-passwd" &&
	    archive_deb "$1" base-passwd 1 "$archive/own/base-passwd" || return 1
	for name in base-files bash bzip2 dash debianutils diffutils \
	    findutils grep gzip hostname libc-bin mawk sed tar xz-utils; do
		archive_deb "$1" "$name" 1 "$archive/own/empty-$name" || return 1
	done
}

archive_index() { # SUITE PATH: standard input, compressed, its Release line
	to=$archive/www/debian/dists/$1/$2
	mkdir -p "${to%/*}/by-hash/SHA256" || return 1
	xz -c >"$to" || return 1
	sum=$(sha256sum <"$to" | cut -c1-64)
	cp "$to" "${to%/*}/by-hash/SHA256/$sum"
	printf ' %s %s %s\n' "$sum" "$(wc -c <"$to")" "$2"
}

# Each state is a minute younger than the one before: an archive never goes
# back in time, whatever it holds.
archive_publish() {
	archive_day=$((archive_day + 60))
	{
		printf 'Origin: Test\nSuite: %s\nCodename: %s\nDate: %s\nAcquire-By-Hash: yes\nSHA256:\n' \
		    "$1" "$1" "$(LC_ALL=C date -u -d "@$archive_day" \
			'+%a, %d %b %Y %H:%M:%S UTC')"
		mkdir -p "$archive/stanzas/$1"
		find "$archive/stanzas/$1" -type f | sort | xargs -r cat |
		    archive_index "$1" main/binary-amd64/Packages.xz
		: | archive_index "$1" main/source/Sources.xz
	} >"$archive/Release" || return 1
	gpg --homedir "$archive/gpg" --batch --yes --quiet --pinentry-mode \
	    loopback --passphrase '' --clearsign -o "$archive/InRelease" \
	    "$archive/Release" &&
	    mv "$archive/InRelease" "$archive/www/debian/dists/$1/InRelease"
}
