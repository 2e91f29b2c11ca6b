cd /kiln/recipe/parts
ls -U | while read -r f; do cat "$f"; done >/out/out
