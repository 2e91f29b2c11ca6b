/* rooms: tuf-repo/release.c tuf-repo/roles.c */
/* Replays the corpus of tests/fuzz/fuzz_release.c. */
#include "tests/fuzz/fuzz_release.c"

#define CORPUS "release"
#include "tests/support/fuzz_replay.h"
