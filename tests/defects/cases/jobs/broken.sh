echo "configured with parallel=$KILN_JOBS" >/out/out
