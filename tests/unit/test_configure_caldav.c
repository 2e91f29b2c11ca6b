/* rooms: recipes/guest-init recipes/caldav */
/* libs: -lexpat -lcrypt */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "recipes/caldav/ask.h"
#include "recipes/caldav/conf.h"
#include "recipes/caldav/door.h"
#include "recipes/caldav/keep.h"

#define CONFIGURE cal_conf
#include "tests/support/configured.h"

/* of "secret", as `openssl passwd -6 -salt salt` writes it */
#define HASH                                                           \
	"$6$salt$egUxKNxDs8kPfh8iPMNcosMhb2eWah6d3R44JDm5Rj/j/XWR5E33" \
	"QPd0YmHXoDHOIDR6kL5D3JcQcz0O8FHE00"
#define USER(name) "{\"name\":\"" name "\",\"password\":\"" HASH "\"}"
#define USERS "\"users\":[" USER("anna") "," USER("ben") "]"
#define ONE "\"calendars\":[{\"name\":\"home\",\"write\":[\"anna\"]}]"

static void
rights_are_of_users_that_are_there(void **state)
{
	auto_json json_t *j =
	    parsed("{" USERS ",\"calendars\":[{\"name\":\"home\",\"write\":["
		   "\"anna\"],\"read\":[\"ben\"]},{\"name\":\"bens\","
		   "\"title\":\"Ben's\",\"write\":[\"ben\"]}]}");
	struct fault f = { "" };
	struct cal_conf c;

	(void)state;
	assert_int_equal(cal_conf_read(j, &c, &f), 0);
	assert_int_equal(c.calendar[0].write, 1);
	assert_int_equal(c.calendar[0].read, 3);
	assert_string_equal(c.calendar[0].title, "home");
	assert_int_equal(c.calendar[1].read, 2);
	assert_string_equal(c.calendar[1].title, "Ben's");
}

static void
what_cannot_be_is_refused(void **state)
{
	(void)state;
	refuses("{}", "users");
	refuses("{" USERS "}", "calendars");
	refuses("{" USERS ",\"calendars\":[]}", "none");
	refuses("{" USERS "," ONE ",\"port\":1}", "port");
	refuses("{\"users\":[{\"name\":\"a\",\"password\":\"x\"}]," ONE "}",
	    "no hash");
	refuses("{\"users\":[" USER("../a") "]," ONE "}", "label");
	refuses(
	    "{\"users\":[" USER("anna") "," USER("anna") "]," ONE "}", "twice");
	refuses("{" USERS ",\"calendars\":[{\"name\":\"a\",\"write\":["
		"\"carl\"]}]}",
	    "no user");
	refuses("{" USERS ",\"calendars\":[{\"name\":\"a\"}]}", "nobody");
	refuses("{" USERS ",\"calendars\":[{\"name\":\".git\",\"write\":["
		"\"anna\"]}]}",
	    "label");
}

static void
a_password_opens_its_own_door_alone(void **state)
{
	auto_json json_t *j = parsed("{" USERS "," ONE "}");
	struct fault f = { "" };
	struct cal_conf c;

	(void)state;
	assert_int_equal(cal_conf_read(j, &c, &f), 0);
	/* ben:secret, twice: the second is known by its sum */
	assert_int_equal(door_opens(&c, "Basic YmVuOnNlY3JldA=="), 1);
	assert_int_equal(door_opens(&c, "Basic YmVuOnNlY3JldA=="), 1);
	assert_int_equal(door_opens(&c, "Basic YmVuOnNlY3JlVA=="), -1);
	/* carl:secret, who is nobody */
	assert_int_equal(door_opens(&c, "Basic Y2FybDpzZWNyZXQ="), -1);
	assert_int_equal(door_opens(&c, "Basic YmVu"), -1);
	assert_int_equal(door_opens(&c, "Bearer YmVuOnNlY3JldA=="), -1);
	assert_int_equal(door_opens(&c, NULL), -1);
}

/* --- objects --------------------------------------------------------------*/

#define EVENT(lines)                                                    \
	"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:u\r\n" lines "\r\nEND:" \
	"VEVENT\r\nEND:VCALENDAR\r\n"

static struct ics
read_ics(const char *text)
{
	struct fault f = { "" };
	struct ics ics;

	if (ics_read(text, strlen(text), &ics, &f) == -1)
		fail_msg("%s", f.text);
	return ics;
}

static void
a_span_is_never_too_small(void **state)
{
	struct ics i = read_ics(
	    EVENT("DTSTART:20260301T180000Z\r\nDTEND:20260301T200000Z"));
	int64_t from, to;

	(void)state;
	assert_int_equal(ics_utc("20260301T180000Z", &from), 0);
	assert_int_equal(ics_utc("20260301T200000Z", &to), 0);
	assert_true(i.from == from && i.to >= to && i.to <= to + 7200);
	i = read_ics(
	    EVENT("DTSTART;TZID=\"a:b\":20260301T180000\r\nDURATION:PT2H"));
	assert_true(i.from == from - 14 * 3600 && i.to >= to + 14 * 3600);
	i = read_ics(
	    EVENT("DTSTART:20260301T180000Z\r\nRRULE:FREQ=DAI\r\n LY"));
	assert_true(i.from == from && i.to == INT64_MAX);
	i = read_ics(EVENT("DTSTART:20260201T180000Z\r\nDURATION:PT2H\r\n"
			   "RRULE:FREQ=DAILY;UNTIL=20260301T180000Z"));
	assert_true(i.to >= to && i.to < to + 4 * 86400);
	i = read_ics(EVENT("SUMMARY:some day"));
	assert_true(i.from == INT64_MIN && i.to == INT64_MAX);
	assert_string_equal(i.summary, "some day");
}

static void
refuses_ics(const char *text)
{
	struct fault f = { "" };
	struct ics ics;

	assert_int_equal(ics_read(text, strlen(text), &ics, &f), -1);
}

static void
what_is_no_calendar_is_refused(void **state)
{
	(void)state;
	refuses_ics("");
	refuses_ics("BEGIN:VCALENDAR\nEND:VCALENDAR\n");
	refuses_ics("BEGIN:VEVENT\nUID:u\nEND:VEVENT\n");
	refuses_ics("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\n"
		    "END:VCALENDAR\n");
	refuses_ics("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nEND:VCALENDAR\n");
	refuses_ics(EVENT("DTSTART:20261301T180000Z"));
	refuses_ics(EVENT("UID:another"));
	refuses_ics(EVENT("no colon"));
	refuses_ics(EVENT("END:VEVENT\r\nBEGIN:VTODO\r\nUID:u"));
	refuses_ics(EVENT("X:y") "BEGIN:VCALENDAR\n");
}

static void
a_condition_looks_at_its_own_kind(void **state)
{
	static const char text[] = EVENT(
	    "SUMMARY:Dinner\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nEND:VALARM");
	struct ics_filter c = { .name = "SUMMARY", .text = "dinn" };

	(void)state;
	assert_true(ics_matches(text, sizeof text - 1, "VEVENT", &c, 1));
	assert_false(ics_matches(text, sizeof text - 1, "VTODO", &c, 1));
	c.negate = true;
	assert_false(ics_matches(text, sizeof text - 1, "VEVENT", &c, 1));
	c = (struct ics_filter){ .name = "COMPLETED", .absent = true };
	assert_true(ics_matches(text, sizeof text - 1, "VEVENT", &c, 1));
}

static void
a_name_stays_in_its_folder(void **state)
{
	(void)state;
	assert_true(keep_name_ok("1b-2@home.ics"));
	assert_false(keep_name_ok("../a.ics"));
	assert_false(keep_name_ok("a/b.ics"));
	assert_false(keep_name_ok(".git.ics"));
	assert_false(keep_name_ok("-a.ics"));
	assert_false(keep_name_ok(".ics"));
	assert_false(keep_name_ok("a.txt"));
}

/* --- questions ------------------------------------------------------------*/

#define NS "xmlns=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\""

static void
a_query_is_understood(void **state)
{
	static const char xml[] =
	    "<c:calendar-query " NS "><prop><getetag/><c:calendar-data/>"
	    "<x xmlns=\"y\"/></prop><c:filter><c:comp-filter "
	    "name=\"VCALENDAR\"><c:comp-filter name=\"VEVENT\">"
	    "<c:time-range start=\"20260301T000000Z\"/><c:prop-filter "
	    "name=\"UID\"><c:text-match>u</c:text-match></c:prop-filter>"
	    "</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>";
	static struct ask a;
	struct fault f = { "" };
	int64_t from;

	(void)state;
	assert_int_equal(ask_read(xml, sizeof xml - 1, &a, &f), 0);
	assert_int_equal(a.kind, ASK_QUERY);
	assert_int_equal(a.props, 3);
	assert_int_equal(a.prop[0].prop, PROP_ETAG);
	assert_int_equal(a.prop[2].prop, PROP_UNKNOWN);
	assert_string_equal(a.prop[2].space, "y");
	assert_string_equal(a.component, "VEVENT");
	assert_int_equal(ics_utc("20260301T000000Z", &from), 0);
	assert_true(a.from == from && a.before == INT64_MAX);
	assert_int_equal(a.filters, 1);
	assert_string_equal(a.filter[0].text, "u");
	ask_release(&a);
}

static void
refuses_xml(const char *xml)
{
	static struct ask a;
	struct fault f = { "" };

	assert_int_equal(ask_read(xml, strlen(xml), &a, &f), -1);
	ask_release(&a);
}

static void
what_is_no_question_is_refused(void **state)
{
	(void)state;
	refuses_xml("<propfind " NS ">");
	refuses_xml("<other " NS "/>");
	refuses_xml("<!DOCTYPE a [<!ENTITY b \"c\">]><propfind " NS "/>");
	refuses_xml("<c:calendar-query " NS "><c:filter><c:comp-filter "
		    "name=\"VCALENDAR\"><c:time-range start=\"then\"/>"
		    "</c:comp-filter></c:filter></c:calendar-query>");
	refuses_xml("<c:calendar-query " NS "><c:filter><c:param-filter "
		    "name=\"X\"/></c:filter></c:calendar-query>");
	refuses_xml("<propfind " NS "><a><a><a><a><a><a><a><a><a><a><a><a><a>"
		    "<a><a><a><a/></a></a></a></a></a></a></a></a></a></a></a>"
		    "</a></a></a></a></a></propfind>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rights_are_of_users_that_are_there),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(a_password_opens_its_own_door_alone),
		cmocka_unit_test(a_span_is_never_too_small),
		cmocka_unit_test(what_is_no_calendar_is_refused),
		cmocka_unit_test(a_condition_looks_at_its_own_kind),
		cmocka_unit_test(a_name_stays_in_its_folder),
		cmocka_unit_test(a_query_is_understood),
		cmocka_unit_test(what_is_no_question_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
