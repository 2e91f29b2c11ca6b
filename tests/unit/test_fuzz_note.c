/* Replays the corpus of tests/fuzz/fuzz_note.c. */
#include "tests/fuzz/fuzz_note.c"

#define CORPUS "note"
#include "tests/support/fuzz_replay.h"
