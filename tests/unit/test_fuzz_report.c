/* rooms: web web/pages web/api */
/* Replays the corpus of tests/fuzz/fuzz_report.c. */
#include "tests/fuzz/fuzz_report.c"

#define CORPUS "report"
#include "tests/support/fuzz_replay.h"
