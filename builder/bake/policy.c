#include "builder/bake/policy.h"

#include <stdint.h>
#include <string.h>

#include "builder/bake/fixup.h"
#include "lib/sandbox.h"

/* In the program itself: it needs no installed data, and what enters the
 * digest is what runs. */
__asm__(".pushsection .rodata\n"
	"policy_script:\n"
	".incbin \"builder/policy/assemble.sh\"\n"
	"policy_script_end:\n"
	".byte 0\n"
	".balign 8\n"
	"policy_script_size: .quad policy_script_end - policy_script\n"
	".popsection\n");
extern const char policy_script[];
extern const uint64_t policy_script_size;

struct span
policy_assemble(void)
{
	return (struct span){ policy_script, policy_script_size };
}

void
policy_digest(struct hash *out)
{
	auto_buf struct buf fix = BUF_INIT;
	struct span script = policy_assemble();
	const char *sandbox = sandbox_policy();
	struct hasher h;

	fixup_text(&fix);
	hasher_init(&h);
	hasher_field(&h, "kiln/policy/1", 13);
	hasher_field(&h, sandbox, strlen(sandbox));
	hasher_field(&h, fix.data, fix.len);
	hasher_field(&h, script.p, script.n);
	hasher_end(&h, out);
}
