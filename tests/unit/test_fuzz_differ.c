/* rooms: builder/judge/look.c builder/judge/look_archive.c
 * builder/judge/look_elf.c builder/judge/look_erofs.c
 * builder/judge/look_layer.c builder/judge/look_members.c
 * builder/judge/look_text.c */
/* Replays the corpus of tests/fuzz/fuzz_differ.c. */
#include "tests/fuzz/fuzz_differ.c"

#define CORPUS "differ"
#include "tests/support/fuzz_replay.h"
