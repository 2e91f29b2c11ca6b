#!/bin/sh
# install.sh OUT: the Debian packages in a fresh Debian root: installed, used,
# upgraded, removed, purged.  `make install-test` runs it; it fetches what a new
# machine would.
set -u
. tests/support/lib.sh
. tests/support/debroot.sh

version=$(sed -n 's/^#define KILN_VERSION "\(.*\)"/\1/p' lib/cli.h)
arch=$(dpkg --print-architecture)
debs=$PWD/out/deb
root=$tmp/root
units='kiln-builder kiln-tuf kiln-upload kiln-web kiln-agent kiln-agent-install'
in_root() { inside "$holder" "$@"; }

echo "# packages of the last commit"
make --no-print-directory -s deb >"$tmp/deb.log" 2>&1 || {
	cat "$tmp/deb.log"
	exit 1
}
t "lintian has nothing to say" sh -c "lintian --allow-root --fail-on error,warning \
    $debs/kiln-*_${version}_$arch.deb >'$tmp/lintian' 2>&1 || { cat '$tmp/lintian'; false; }"

echo "# a fresh Debian root"
fresh_root "$root" >"$tmp/boot.log" 2>&1 || {
	tail "$tmp/boot.log"
	exit 1
}
hold "$root" || exit 1
mkdir "$root/debs"
cp "$debs"/kiln-*_"${version}"_"$arch".deb "$root/debs/"
rm -f "$root"/debs/*dbgsym*
in_root apt-get -q update >"$tmp/apt.log" 2>&1

t "the packages install with what they depend on" \
    in_root sh -c 'apt-get -q -y --no-install-recommends install /debs/kiln-*.deb'
t "each program says its version" in_root sh -ec "for p in kiln kiln-builder kiln-runner kiln-tuf kiln-web kiln-agent; do
    test \"\$(\$p --version)\" = \"\$p $version\"; done"
t "each program has a user of its own" in_root sh -ec 'for u in kiln-builder kiln-fetch kiln-index kiln-tuf \
    kiln-signer kiln-web kiln-cli kiln-transport kiln-env kiln-git kiln-differ kiln-upload kiln-agent-fetch kiln-agent-verify kiln-agent-unpack; do
    id -u $u; done | sort -u | wc -l | grep -qx 15'
t "its units are well-formed" in_root sh -ec 'systemd-analyze verify --man=no /lib/systemd/system/kiln*.service /lib/systemd/system/kiln*.path'
exposure() { # UNIT: as systemd counts it where it does not run: a little more
	in_root systemd-analyze security --offline=true "/lib/systemd/system/$1.service" 2>/dev/null |
	    sed -n 's/.*level for [^:]*: \([0-9.]*\) .*/\1/p'
}
for u in $units; do echo "# $u: exposure $(exposure $u)"; done
t "man finds each page" in_root sh -ec 'for p in 1/kiln 5/kiln.yaml 5/kiln-recipe 5/kiln-agent.yaml 8/kiln-builder 8/kiln-runner \
    8/kiln-tuf 8/kiln-web 8/kiln-agent 8/kiln-agent-fetch; do
    test -e /usr/share/man/man$p.${p%%/*}.gz; done' 
t "bash completes commands and options" in_root bash -ec '. /usr/share/bash-completion/completions/kiln
    COMP_WORDS=(kiln why --js) COMP_CWORD=2; _kiln; test "${COMPREPLY[*]}" = --json
    COMP_WORDS=(kiln ver) COMP_CWORD=1; _kiln; test "${COMPREPLY[*]}" = verify'
cat >"$root/completes.zsh" <<'EOF'
zmodload zsh/zpty
completes() { # LINE END RESULT: after a tab END is shown, and the line is RESULT
	zpty z zsh -f -i
	zpty -w z "PS1='ready> '; autoload -U compinit; compinit -D -u; print go''ne"
	zpty -r -m z out '*gone*'
	zpty -w -n z "$1"$'\t'
	zpty -r -m z out "*$2*"
	zpty -d z
	[[ ${out//[^[:print:]]/} == *$3* ]]
}
completes "kiln ver" ify "kiln verify" && completes "kiln why --js" on "kiln why --json"
EOF
t "zsh installs" in_root apt-get -q -y --no-install-recommends install zsh
t "… and completes commands and options" in_root timeout 120 zsh -f /completes.zsh
t "the shipped recipes are good" in_root sh -ec 'cd /; kiln-builder -n'
t "a farm's keys are made" in_root sh -ec 'kiln-tuf init --state /var/lib/kiln --demo --service dns-dhcp'
t "… by whom they belong to" in_root sh -ec '
    test "$(stat -c %U /var/lib/kiln/keys/online)" = kiln-signer
    test "$(stat -c %U /var/lib/kiln/tuf)" = kiln-tuf
    test "$(stat -c %U /var/lib/kiln)" = root'
t "kiln-tuf publishes" in_root kiln-tuf serve --state /var/lib/kiln --once

echo "# a next version"
next=$version+next1
for p in kiln-cli kiln-farm kiln-agent; do
	dpkg-deb -R "$debs/${p}_${version}_$arch.deb" "$tmp/next" &&
	    sed -i "s/^Version: .*/Version: $next/; s/(= $version)/(= $next)/" "$tmp/next/DEBIAN/control" &&
	    dpkg-deb -b "$tmp/next" "$root/debs/${p}_${next}_$arch.deb" >/dev/null || exit 1
	rm -rf "$tmp/next"
done
before=$(sha256sum "$root/var/lib/kiln/tuf/metadata/1.root.json")
t "an upgrade installs" in_root sh -c "apt-get -q -y --no-install-recommends install /debs/kiln-*_${next}_*.deb"
t "… and leaves the farm as it was" test "$before" = \
    "$(sha256sum "$root/var/lib/kiln/tuf/metadata/1.root.json")"
t "… which goes on" in_root kiln-tuf serve --state /var/lib/kiln --once
t "a downgrade is refused by apt unless asked for" in_root sh -c \
    "! apt-get -q -y install /debs/kiln-*_${version}_$arch.deb"

echo "# and away"
t "the packages are removed" in_root apt-get -q -y remove kiln-farm kiln-cli kiln-agent
t "… with every program" sh -c "! ls '$root'/usr/bin/kiln* 2>/dev/null"
t "a purge keeps the farm's keys and says so" sh -c "nsenter --mount -t $holder env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y purge kiln-farm kiln-cli kiln-agent >'$tmp/purge' &&
    grep -q 'keys and records and stays' '$tmp/purge' && test -e '$root/var/lib/kiln/keys/online'"
t "nothing else of kiln is left" sh -c "! find '$root/usr' '$root/lib/systemd' '$root/etc' \
    -name '*kiln*' | grep ."
finish
