/* rooms: tuf-repo */
/* Replays the corpus of tests/fuzz/fuzz_signer.c. */
#include "tests/fuzz/fuzz_signer.c"

#define CORPUS "signer"
#include "tests/support/fuzz_replay.h"
