/* rooms: router-agent/trust/rules.c router-agent/trust/rules_order.c
 * router-agent/trust/keyset.c router-agent/trust/rules_image.c
 * router-agent/trust/rules_probe.c router-agent/trust/rules_serve.c
 * router-agent/trust/brake.c router-agent/trust/turn.c router-agent/boot.c
 * router-agent/clock.c router-agent/set.c router-agent/set_wire.c
 * router-agent/set_json.c router-agent/probe_spec.c tests/support/tuf */
/* Replays the corpus of tests/fuzz/fuzz_rules.c. */
#include "tests/fuzz/fuzz_rules.c"

#define CORPUS "rules"
#include "tests/support/fuzz_replay.h"
