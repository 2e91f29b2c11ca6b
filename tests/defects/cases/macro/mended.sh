gcc -O2 -o /out/out /kiln/recipe/main.c
