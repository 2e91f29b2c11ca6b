sed "s/@WHO@/hello/" /kiln/recipe/hello.in >/out/hello
echo "made hello with $KILN_JOBS jobs as $(id -u) on $(hostname) at $(date)"
