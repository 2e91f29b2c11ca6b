/* rooms: router-agent/setting.c */
/* Replays the corpus of tests/fuzz/fuzz_setting.c. */
#include "tests/fuzz/fuzz_setting.c"

#define CORPUS "setting"
#include "tests/support/fuzz_replay.h"
