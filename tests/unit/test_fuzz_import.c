/* rooms: router-agent/owner/import_dnsmasq.c
 * router-agent/owner/dnsmasq_words.c router-agent/conf.c */
/* Replays the corpus of tests/fuzz/fuzz_import.c. */
#include "tests/fuzz/fuzz_import.c"

#define CORPUS "import"
#include "tests/support/fuzz_replay.h"
