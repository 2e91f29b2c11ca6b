#include "tuf-repo/roles.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ALARM (30 * DAY)

/* Delegations appear in targets in this order, services first: no search for
 * an image ever looks into a role that chooses or stops one. */
const struct rule rules[] = {
	{ "root", "root", false, true, false, NULL, 730 * DAY, 90 * DAY },
	{ "targets", "targets", false, true, false, NULL, 365 * DAY, 60 * DAY },
	{ "snapshot", "snapshot", true, true, false, NULL, 14 * DAY, 7 * DAY },
	{ "timestamp", "timestamp", true, true, false, NULL, 7 * DAY, 6 * DAY },
	{ "svc-", "rebuilder", true, false, true, "images/SERVICE/*/*",
	    365 * DAY, 60 * DAY },
	{ "sets-stable", "release", false, false, false, "sets/stable/*",
	    365 * DAY, 60 * DAY },
	{ "sets-edge", "sets-edge", true, false, false, "sets/edge/*",
	    365 * DAY, 60 * DAY },
	{ "brake", "brake", true, false, false, "brake/*/*", 365 * DAY,
	    60 * DAY },
	{ "transport", "transport", true, false, false, "transport/*/*/*",
	    365 * DAY, 60 * DAY },
};

const size_t rules_count = ARRAY_LEN(rules);

/* Transport's bins: delegated by itself, under its own key. */
static const struct rule bin_rule = { "transport-", "transport", true, false,
	true, NULL, 365 * DAY, 60 * DAY };

const char *
role_service(const char *role)
{
	if (strncmp(role, "svc-", 4) != 0 || !service_ok(role + 4))
		return NULL;
	return role + 4;
}

bool
role_is_bin(const char *role)
{
	return strncmp(role, "transport-", 10) == 0 &&
	       strspn(role + 10, "0123456789abcdef") == 3 && !role[13];
}

const char *
role_parent(const char *role)
{
	const struct rule *r = rule_of(role);

	if (r == &bin_rule)
		return "transport";
	return r && r->top ? "root" : "targets";
}

const struct rule *
rule_of(const char *role)
{
	if (role_is_bin(role))
		return &bin_rule;
	for (size_t i = 0; i < rules_count; i++) {
		if (strcmp(rules[i].role, "svc-") == 0) {
			if (role_service(role))
				return &rules[i];
		} else if (strcmp(rules[i].role, role) == 0) {
			return &rules[i];
		}
	}
	return NULL;
}

const char *
vouching_key(void)
{
	size_t i = 0;

	while (strcmp(rules[i].role, "svc-") != 0)
		i++;
	return rules[i].key;
}

bool
service_ok(const char *s)
{
	size_t n = strlen(s);
	bool letter = false;

	if (n == 0 || n >= SERVICE_MAX || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		bool low = s[i] >= 'a' && s[i] <= 'z';

		if (!low && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-')
			return false;
		letter |= low;
	}
	return letter;
}

int64_t
rule_expiry(const struct rule *r, int64_t from)
{
	if (r->lifetime < 30 * DAY)
		return from + r->lifetime;
	return (from / DAY + 1) * DAY + r->lifetime;
}

bool
rule_alarming(const struct rule *rule, int64_t left)
{
	int64_t late = rule->renew - 2 * DAY;

	if (!rule->online)
		return left <= rule->renew;
	return left <= (late < ALARM ? late : ALARM);
}

void
role_file(const char *role, int64_t version, char out[ROLE_FILE_MAX])
{
	int n;

	if (strcmp(role, "timestamp") == 0)
		n = snprintf(out, ROLE_FILE_MAX, "timestamp.json");
	else
		n = snprintf(out, ROLE_FILE_MAX, "%lld.%s.json",
		    (long long)version, role);
	assert(n > 0 && n < ROLE_FILE_MAX);
}
