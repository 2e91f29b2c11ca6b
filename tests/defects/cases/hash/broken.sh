perl /kiln/recipe/table.pl >/out/out
