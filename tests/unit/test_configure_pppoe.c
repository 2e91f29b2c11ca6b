/* rooms: recipes/guest-init recipes/pppoe */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/pppoe/dial.h"

#define CONFIGURE pppoe_conf
#define CONFIGURED PPPOE_OPTIONS
#include "tests/support/configured.h"

#define LOGIN "\"user\":\"me@isp\",\"password\":\"secret\""

static void
a_login_is_all_it_takes(void **state)
{
	(void)state;
	assert_true(says("{" LOGIN "}", "\nuser \"me@isp\"\n"));
	assert_true(says("{" LOGIN "}", "\npassword \"secret\"\n"));
	assert_true(says("{" LOGIN "}", "\nmtu 1492\nmru 1492\n"));
	assert_false(says("{" LOGIN "}", "refuse-pap"));
	assert_false(says("{" LOGIN "}", "refuse-chap"));
	assert_false(says("{" LOGIN "}", "pppoe-"));
}

/* Whoever writes a quotation mark gets no further option. */
static void
a_password_stays_one_word(void **state)
{
	(void)state;
	assert_true(
	    says("{\"user\":\"a b\",\"password\":\"x\\\" debug \\\\#\"}",
		"\nuser \"a b\"\npassword \"x\\\" debug \\\\#\"\n"));
	refuses("{\"user\":\"a\\nplugin x\",\"password\":\"b\"}", "user");
}

static void
a_password_may_be_kept_from_the_wire(void **state)
{
	(void)state;
	assert_true(says("{" LOGIN ",\"auth\":[\"chap\"]}", "\nrefuse-pap\n"));
	assert_true(says("{" LOGIN ",\"auth\":[\"pap\"]}", "\nrefuse-chap\n"));
	assert_false(says("{" LOGIN ",\"auth\":[\"pap\",\"chap\"]}", "\nrefuse-"
								     "pap"));
	refuses("{" LOGIN ",\"auth\":[]}", "neither");
	refuses("{" LOGIN ",\"auth\":[\"eap\"]}", "\"chap\" or \"pap\"");
	refuses("{" LOGIN ",\"auth\":\"chap\"}", "auth");
}

static void
names_and_sizes_are_looked_at(void **state)
{
	(void)state;
	assert_true(says("{" LOGIN ",\"service\":\"tv\",\"concentrator\":\"b1\""
			 ",\"mtu\":1480}",
	    "\npppoe-service \"tv\"\npppoe-ac \"b1\"\n"));
	refuses("{\"user\":\"me\"}", "password");
	refuses("{\"password\":\"me\"}", "user");
	refuses("{" LOGIN ",\"mtu\":1500}", "mtu");
	refuses("{" LOGIN ",\"plugin\":\"x\"}", "plugin");
}

static void
only_answers_come_in(void **state)
{
	char text[4096];
	FILE *f = fmemopen(text, sizeof text, "w");

	(void)state;
	assert_non_null(f);
	pppoe_rules(NULL, f);
	fclose(f);
	assert_non_null(
	    strstr(text, "\t\tct state established,related accept\n"
			 "\t\tiifname \"lan\" oifname \"ppp0\" accept\n\t}\n"));
	assert_non_null(strstr(text, "hook input priority filter; policy "
				     "drop"));
	assert_null(strstr(text, "iifname \"ppp0\""));
}

static void
who_is_refused_waits_longer(void **state)
{
	(void)state;
	assert_string_equal(pppoe_word(19), "refused");
	assert_string_equal(pppoe_word(16), "lost");
	assert_true(pppoe_pause(19) > pppoe_pause(16));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_is_all_it_takes),
		cmocka_unit_test(a_password_stays_one_word),
		cmocka_unit_test(a_password_may_be_kept_from_the_wire),
		cmocka_unit_test(names_and_sizes_are_looked_at),
		cmocka_unit_test(only_answers_come_in),
		cmocka_unit_test(who_is_refused_waits_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
