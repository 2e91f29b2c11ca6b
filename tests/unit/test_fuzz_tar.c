/* rooms: router-agent/trust/tar.c */
/* Replays the corpus of tests/fuzz/fuzz_tar.c. */
#include "tests/fuzz/fuzz_tar.c"

#define CORPUS "tar"
#include "tests/support/fuzz_replay.h"
