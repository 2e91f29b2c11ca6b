head -c 400 /kiln/recipe/text | fold -w 80 >/out/out
