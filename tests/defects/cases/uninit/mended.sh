gcc -O0 -o pack /kiln/recipe/pack.c
./pack clean >/out/out
