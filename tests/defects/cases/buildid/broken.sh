gcc -O2 -Wl,--build-id=uuid -o /out/out /kiln/recipe/thing.c
