make -s -j"$KILN_JOBS" -f /kiln/recipe/Makefile
cp list /out/out
