gcc -O2 -o names /kiln/recipe/names.c
./names numbered >/out/out
