# kiln reproduce as a doubter uses it: a farm that runs, a folder of one's own,
# and everybody who might lie.
. tests/support/lib.sh

farm=$tmp/farm
port=$((20000 + $$ % 20000))
url=http://127.0.0.1:$port
sql() { sqlite3 -batch -readonly "$farm/farm.db" "$1"; }
blob() { echo "$farm/store/$(echo "$1" | cut -c1-2)/$1"; }

# doubt MINE OPTION…: in a folder of that name
doubt() {
	mine=$1
	shift
	"$bin/kiln" reproduce --state "$tmp/$mine" "$@" >"$tmp/said" 2>"$tmp/err"
	got=$?
	cat "$tmp/said" "$tmp/err"
	return $got
}
# ends STATUS WORDS COMMAND…: it exits so and says these words
ends() {
	want=$1 words=$2
	shift 2
	"$@" >"$tmp/ends" 2>&1
	is=$?
	cat "$tmp/ends"
	[ $is = "$want" ] || { echo "exit $is, not $want"; return 1; }
	grep -qF -e "$words" "$tmp/ends" || { echo "it does not say: $words"; return 1; }
}

founded() {
	"$bin/kiln-builder" --once --state "$farm" --recipes tests/support/recipes &&
	    "$bin/kiln-tuf" init --state "$farm" --demo --service hello-image &&
	    "$bin/kiln-tuf" serve --state "$farm" --once
}
t "a farm builds and publishes an image" founded
"$bin/kiln-web" --state "$farm" --listen "127.0.0.1:$port" >"$tmp/web.log" 2>&1 &
pids="$pids $!"
t "its server answers" until_ok 20 curl -fsS -o "$tmp/page" "$url/healthz"
image=$(sql "SELECT digest FROM output WHERE name = 'image' LIMIT 1")
build=$(sql "SELECT min(r.id) FROM run r JOIN output o ON o.run = r.id WHERE o.name = 'hello'")
root=$farm/tuf/metadata/1.root.json

# --- from the server ----------------------------------------------------------
t "an image is reproduced by its digest in an empty folder, and who signed is said" \
    ends 0 "reproduced: image $image of hello-image: 2 plans built again in lanes A and B" \
    doubt a --from "$url" --root "$root" "$image"
t "… whose keys they are" grep -q "svc-hello-image signs for it with 1 of at least 1 keys" "$tmp/ends"
left() { [ -z "$(find "$tmp/a/store" -name "$image")" ]; }
t "… and its bytes do not stay behind" left

# Warm, with the outputs there: still every plan runs, in both lanes.
here() { echo "$tmp/$1/store/$(echo "$2" | cut -c1-2)/$2"; }
warm() {
	for o in $(sql "SELECT DISTINCT digest FROM output"); do
		mkdir -p "$(dirname "$(here a "$o")")"
		cp -a "$(blob "$o")" "$(here a "$o")" || return 1
	done
	strace -f -qq --seccomp-bpf -s 200 -e trace=execve -o "$tmp/trace" \
	    "$bin/kiln" reproduce --state "$tmp/a" --from "$url" --root "$root" \
	    --keep "$image" 2>"$tmp/err" || return 1
	[ -n "$(find "$tmp/a/store" -name "$image")" ] &&
	    [ "$(grep -c 'execve("/bin/sh", \["/bin/sh", "-eu", "/kiln/recipe/build.sh"\]' "$tmp/trace")" = 2 ] &&
	    [ "$(grep -c 'execve("/bin/sh", \["/bin/sh", "-eu", "/kiln/assemble"\]' "$tmp/trace")" = 2 ]
}
t "with all outputs there from an earlier time each plan still runs in both lanes" warm
kept() { grep "^kept: .* hello-image A image" "$tmp/err" | { read -r _ path _; sha256sum <"$path" | grep -q "^$image "; }; }
t "--keep says where the image lies" kept
t "a build is named by its number" ends 0 "reproduced: hello " \
    doubt a --from "$url" --lanes A "$build"
t "… or by the URL of its page" ends 0 "reproduced: hello " \
    doubt a --lanes A "$url/build/$build"
on_disk() { cp "$(blob "$image")" "$tmp/some-file" && doubt a --from "$url" --root "$root" --lanes A "$tmp/some-file"; }
t "a file is looked up by its hash" ends 0 "reproduced: image $image" on_disk
json() {
	doubt a --from "$url" --root "$root" --lanes B --json "$image" &&
	    grep -q '"outcome": "reproduced"' "$tmp/said" &&
	    grep -q '"variations"' "$tmp/said" && grep -q '"role": "svc-hello-image"' "$tmp/said"
}
t "--json says the same" json

# --- who is not to be trusted --------------------------------------------------
"$bin/kiln-tuf" init --state "$tmp/other" --demo --service hello-image >"$tmp/log" 2>&1
t "by another root the answer is 4" ends 4 "(threshold)" \
    doubt a --from "$url" --root "$tmp/other/tuf/metadata/1.root.json" "$image"
t "without any root it is 4, and says what to do" ends 4 "--tofu" \
    doubt a --from "$url" "$image"
print=$(sha256sum "$root" | cut -c1-64)
t "--tofu takes the farm's own root and prints its fingerprint" \
    ends 0 "taken on first use: SHA-256 $print" \
    doubt a --from "$url" --tofu --lanes A "$image"
t "… which is kept" ends 0 "$print" doubt a --from "$url" --lanes A "$image"
nobody=$(echo "$image" | tr 0123456789abcdef 123456789abcdef0)
t "what nobody built is said in one sentence, and could not be tried" \
    ends 75 "has no record of a build that gave $nobody" \
    doubt a --from "$url" --root "$root" "$nobody"
t "without a farm to ask it is wrong usage" ends 2 "--from URL" doubt a "$image"
t "what is nothing of all that is wrong usage" ends 2 "is no file, and neither" \
    doubt a --from "$url" hello-image
t "nobody answers: try again" ends 75 "cause=busy" \
    doubt a --from http://127.0.0.1:1 --root "$root" "$image"
t "a farm's own folder is refused" ends 2 "is a farm" \
    "$bin/kiln" reproduce --state "$farm" --from "$url" --root "$root" "$image"

# A server that sends other bytes: refused by name, whatever it is.
flip() { # FILE: one byte in its middle, in place
	chmod u+w "$1" && node -e '
	const fs = require("fs"), f = fs.openSync(process.argv[1], "r+"), b = Buffer.alloc(1);
	const at = fs.fstatSync(f).size >> 1;
	fs.readSync(f, b, 0, 1, at);
	b[0] ^= 1;
	fs.writeSync(f, b, 0, 1, at);' "$1"
}
lies() { # DIGEST NAME MINE
	rm -f "$(here "$3" "$1")"
	flip "$(blob "$1")" || return 1
	ends 4 "$2" doubt "$3" --from "$url" --root "$root" --lanes A "$image"
	r=$?
	flip "$(blob "$1")"
	grep -q "refused" "$tmp/ends" && return $r
}
of_plan() { # STAGE KEY NAME: its digest in that plan
	p=$(sql "SELECT plan FROM current WHERE stage = '$1'")
	tr '{' '\n' <"$(blob "$p")" | grep "\"$2\":\"$3\"" |
	    sed 's/.*"sha256":"\([0-9a-f]*\)".*/\1/' | head -n 1
}
t "a server that sends another package is refused, and it is named" \
    lies "$(of_plan image name sed)" "sed_" b
t "… another script" lies "$(of_plan build path build.sh)" "build.sh" b
t "… another lock" \
    lies "$(sql "SELECT lock FROM plan WHERE recipe = 'hello'")" "lock of hello" b
t "… another InRelease" \
    lies "$(sql "SELECT inrelease FROM suite")" "InRelease" b
t "… and with true bytes it goes on in the same folder" \
    ends 0 "reproduced: image $image" \
    doubt b --from "$url" --root "$root" --lanes A "$image"

# A server that has a package no more: the archive has it.
fallback() {
	deb=$(of_plan image name sed)
	mv "$(blob "$deb")" "$tmp/deb" && rm -f "$(here b "$deb")" || return 1
	doubt b --from "$url" --root "$root" --lanes A "$image"
	r=$?
	mv "$tmp/deb" "$(blob "$deb")"
	[ -e "$(here b "$deb")" ] && return $r
}
t "what the server does not have comes from the archive" \
    ends 0 "reproduced: image $image" fallback

# --- what does not come out -----------------------------------------------------
cp -R tests/support/recipes-bad "$tmp/bad"
"$bin/kiln-builder" --once --offline --state "$farm" --recipes "$tmp/bad" \
    --only dated >"$tmp/log" 2>&1
dated=$(sql "SELECT r.id FROM run r JOIN plan p ON p.digest = r.plan WHERE p.recipe = 'dated' AND r.lane = 'A'")
explained() {
	doubt a --from "$url" --diff "$dated"
	[ $? = 3 ] && grep -q '^dated, line 1, offset' "$tmp/said" &&
	    grep -q "^lane B's date: " "$tmp/said" && grep -q "SOURCE_DATE_EPOCH" "$tmp/said" &&
	    tail -n 1 "$tmp/said" | grep -q "^not reproduced: dated build, lane B: dated is"
}
t "a build that embeds the date is not reproduced, and --diff names the cause" explained

# A farm whose keys and builder are in wrong hands: all its records and
# signatures say that plan and image belong together, and they do not.
liar=$tmp/liar
forged() {
	cp -a "$farm" "$liar" && cp "$(blob "$image")" "$tmp/forged" &&
	    flip "$tmp/forged" || return 1
	fake=$(sha256sum <"$tmp/forged" | cut -c1-64)
	put() { # FILE: into the store; its digest is $hex
		hex=$(sha256sum <"$1" | cut -c1-64)
		mkdir -p "$liar/store/$(echo "$hex" | cut -c1-2)" &&
		    cp "$1" "$liar/store/$(echo "$hex" | cut -c1-2)/$hex"
	}
	put "$tmp/forged" && fake=$hex || return 1
	verdict=$(sql "SELECT verdict_record FROM plan WHERE recipe = 'hello-image'")
	sed "s/$image/$fake/g" "$(blob "$verdict")" >"$tmp/verdict"
	put "$tmp/verdict" && judged=$hex || return 1
	sed "s/$image/$fake/g; s/$verdict/$judged/g" \
	    "$(blob "$(sql "SELECT digest FROM release")")" >"$tmp/release"
	put "$tmp/release" &&
	    sqlite3 -cmd ".filectrl persist_wal 1" "$liar/farm.db" \
		"UPDATE output SET digest = '$fake' WHERE digest = '$image';
		UPDATE plan SET verdict_record = '$judged' WHERE recipe = 'hello-image';
		INSERT INTO release (digest, service, arch, plan, made_at)
		SELECT '$hex', service, arch, plan, made_at + 1 FROM release;" &&
	    chown --reference="$farm/farm.db" "$liar"/farm.db* &&
	    "$bin/kiln-tuf" serve --state "$liar" --once
}
t "a farm in wrong hands signs an image that its plan does not give" forged
"$bin/kiln-web" --state "$liar" --listen "127.0.0.1:$((port + 1))" >"$tmp/liar.log" 2>&1 &
pids="$pids $!"
t "… and serves it" until_ok 20 curl -fsS -o "$tmp/page" "http://127.0.0.1:$((port + 1))/healthz"
caught() {
	ends 3 "not reproduced: hello-image image, lane A: image is $image and should be $fake" \
	    doubt a --from "http://127.0.0.1:$((port + 1))" --root "$root" --lanes A "$fake" &&
	    grep -q "svc-hello-image signs for it" "$tmp/ends"
}
t "the doubter says that it is not what they say" caught

# --- from a bundle, without a network ------------------------------------------
bundle() { "$bin/kiln" bundle --state "$farm" "$image" "$tmp/image.kiln"; }
t "kiln bundle writes one file" bundle
again() { "$bin/kiln" bundle --state "$farm" "$image" "$tmp/again.kiln" && cmp "$tmp/image.kiln" "$tmp/again.kiln"; }
t "… the same again" again
named() {
	"$bin/kiln" bundle --state "$farm" --unpublished hello-image "$tmp/named.kiln" &&
	    tar xOf "$tmp/named.kiln" origin.json | grep -q "$image" &&
	    tar tf "$tmp/named.kiln" >"$tmp/list" && ! grep metadata "$tmp/list"
}
t "… of a recipe's image, by its name, and without who signs" named
t "… and refuses what was never built" ends 2 "neither a recipe" \
    "$bin/kiln" bundle --state "$farm" nobody "$tmp/nobody.kiln"
listed() { tar tf "$tmp/image.kiln" >"$tmp/list" && [ "$(head -n 2 "$tmp/list" | paste -sd' ')" = "bundle.json origin.json" ]; }
t "… which tar can list" listed
if [ "$(id -u)" = 0 ]; then
	offline() {
		unshare -n "$bin/kiln" reproduce --state "$tmp/c" --lanes A --root "$root" "$1"
	}
	t "from the bundle it is reproduced in an empty folder with the network cut" \
	    ends 0 "reproduced: image $image" offline "$tmp/image.kiln"
	bad=$tmp/flipped.kiln
	flipped() {
		cp "$tmp/image.kiln" "$bad" && flip "$bad" &&
		    ends 4 "bundle: blobs/" offline "$bad"
	}
	t "one flipped byte is refused by the name of its member" flipped
	t "… and a bundle of another farm's image by the wrong root" \
	    ends 4 "metadata of the bundle" doubt a \
	    --root "$tmp/other/tuf/metadata/1.root.json" "$tmp/image.kiln"
fi
t "what is no bundle is said to be none" \
    ends 2 "it is no bundle" sh -c "head -c 20000 /dev/zero >'$tmp/no.kiln'; \
    '$bin/kiln' reproduce --state '$tmp/a' --root '$root' '$tmp/no.kiln'"

# --- without root --------------------------------------------------------------
if [ "$(id -u)" = 0 ]; then
	mkdir "$tmp/plain" && chown 12345 "$tmp/plain" && cp "$root" "$tmp/root.json"
	plain() {
		setpriv --reuid 12345 --regid 12345 --clear-groups env \
		    XDG_CACHE_HOME="$tmp/plain" "$bin/kiln" reproduce --from "$url" \
		    --root "$tmp/root.json" "$image"
	}
	t "an ordinary user reproduces it, too" ends 0 "reproduced: image $image" plain
	t "… in a folder of the user's own" test -d "$tmp/plain/kiln/store"
fi
finish
