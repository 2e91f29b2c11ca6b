head -c 400 /kiln/recipe/text | fold -w "${COLUMNS:-80}" >/out/out
