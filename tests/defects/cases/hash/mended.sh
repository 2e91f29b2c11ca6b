perl /kiln/recipe/table.pl sorted >/out/out
