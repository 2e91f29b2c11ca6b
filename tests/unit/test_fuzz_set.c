/* rooms: router-agent/set.c router-agent/set_wire.c router-agent/set_json.c
 * router-agent/probe_spec.c */
/* Replays the corpus of tests/fuzz/fuzz_set.c. */
#include "tests/fuzz/fuzz_set.c"

#define CORPUS "set"
#include "tests/support/fuzz_replay.h"
