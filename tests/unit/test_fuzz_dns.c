/* rooms: router-agent/change/dns.c */
/* Replays the corpus of tests/fuzz/fuzz_dns.c. */
#include "tests/fuzz/fuzz_dns.c"

#define CORPUS "dns"
#include "tests/support/fuzz_replay.h"
