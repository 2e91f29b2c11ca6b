/* rooms: router-agent/trust/rules.c router-agent/trust/brake.c
 * router-agent/trust/turn.c router-agent/clock.c router-agent/set.c
 * tests/support/tuf */
/* Replays the corpus of tests/fuzz/fuzz_rules.c. */
#include "tests/fuzz/fuzz_rules.c"

#define CORPUS "rules"
#include "tests/support/fuzz_replay.h"
