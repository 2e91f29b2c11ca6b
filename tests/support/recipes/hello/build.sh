sed "s/@WHO@/$KILN_RECIPE/" /kiln/recipe/hello.in >/out/hello
echo "made hello with $KILN_JOBS jobs as $(id -u) on $(hostname) at $(date)"
