gcc -O2 -Wl,--build-id=sha1 -o /out/out /kiln/recipe/thing.c
