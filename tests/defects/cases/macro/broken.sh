# A wrapper that hands its compiler a clean environment, or nearly.
env -u SOURCE_DATE_EPOCH gcc -O2 -o /out/out /kiln/recipe/main.c
