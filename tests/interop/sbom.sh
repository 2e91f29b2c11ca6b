#!/bin/sh
# sbom.sh OUT: what the farm that pipe.sh left in OUT/test-farm tells of each
# image, read by validators that are not ours.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/lib.sh
here=$PWD/tests/interop
state=$bin/test-farm
if [ ! -e "$state/farm.db" ]; then
	echo "SKIP no farm to look at: tests/e2e/pipe.sh leaves one"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
mkdir "$tmp/sbom" || exit 1
services=$(sqlite3 -readonly "$state/farm.db" \
    "SELECT DISTINCT service FROM release ORDER BY service")
told() { # SERVICE FORMAT FILE
	"$bin/kiln" sbom --state "$state" --format "$2" "$1" >"$tmp/sbom/$3"
}
for s in $services; do
	t "$s: an SPDX document" told "$s" spdx "$s.spdx.json"
	t "$s: a CycloneDX document" told "$s" cyclonedx "$s.cdx.json"
	t "$s: a .buildinfo" told "$s" buildinfo "$s.buildinfo"
done
# Debian's own reader, and its parser of dependencies.
read_buildinfo() {
	perl -MDpkg::Control -MDpkg::Deps -MDpkg::Version -e '
	my $c = Dpkg::Control->new(type => CTRL_FILE_BUILDINFO);
	$c->load($ARGV[0]) or die "unreadable\n";
	for my $f (qw(Format Source Binary Architecture Version
	    Checksums-Sha256 Build-Architecture Installed-Build-Depends
	    Environment)) { die "no $f\n" unless defined $c->{$f}; }
	die "version\n" unless Dpkg::Version->new($c->{Version})->is_valid;
	my $d = deps_parse($c->{"Installed-Build-Depends"}) or die "depends\n";
	my @d = $d->get_deps();
	die "only " . @d . " packages\n" unless @d > 10;' "$1"
}
for s in $services; do
	t "$s: dpkg reads the .buildinfo" read_buildinfo "$tmp/sbom/$s.buildinfo"
done
published() {
	signed=$(sqlite3 -readonly "$state/farm.db" "SELECT d.digest FROM release l
	    JOIN run r ON r.plan = l.plan JOIN output o ON o.run = r.id
	    JOIN document d ON d.subject = o.digest AND d.format = 'spdx'
	    WHERE l.service = '$1' LIMIT 1")
	grep -qs "\"sbom\":\"$signed\"" "$state"/tuf/metadata/*.svc-"$1".json
}
for s in $services; do
	t "$s: its signed metadata names just that SPDX" published "$s"
done
t "a digest of which nothing is told is an error" \
    test "$("$bin/kiln" sbom --state "$state" "$(printf %064d 0)" 2>/dev/null;
    echo $?)" = 1
tests/support/node-modules "$here" || exit 1
t "public validators take them" node "$here/sbom.js" "$tmp/sbom"
cat "$tmp/case.out"
finish
