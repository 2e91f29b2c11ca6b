make -s -j"$KILN_JOBS" -f /kiln/recipe/Makefile.mended
cp list /out/out
