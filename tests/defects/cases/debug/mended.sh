mkdir "$HOME/src" && cd "$HOME/src"
cp /kiln/recipe/thing.c .
gcc -g -ffile-prefix-map="$PWD=." -c -o /out/out thing.c
