mkdir "$HOME/src" && cd "$HOME/src"
cp /kiln/recipe/thing.c . && gcc -g -c -o /out/out thing.c
