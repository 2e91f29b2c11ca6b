echo "prefix=$HOME/.local" >/out/out
