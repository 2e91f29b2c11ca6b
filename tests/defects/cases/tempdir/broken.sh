cd "$(mktemp -d)"
cp /kiln/recipe/thing.c . && gcc -g -c -o /out/out thing.c
