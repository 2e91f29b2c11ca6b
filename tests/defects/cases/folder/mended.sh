cd /kiln/recipe/parts
ls | while read -r f; do cat "$f"; done >/out/out
