/* rooms: builder/schema.c builder/progress.c builder/inputs builder/plan
 * builder/bake builder/exec builder/runner/farm.c */
/* Replays the corpus of tests/fuzz/fuzz_handin.c. */
#include "tests/fuzz/fuzz_handin.c"

#define CORPUS "handin"
#include "tests/support/fuzz_replay.h"
