echo "searched in $PATH" >/out/out
