f=$(mktemp)
echo "generated from $f" >/out/out
