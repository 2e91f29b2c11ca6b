/* Optimal string alignment distance, for short words only. */
#include <stdint.h>
#include <string.h>

#include "lib/near.h"

#define WORD_MAX 48

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t rows[3][WORD_MAX + 1];

	if (la > WORD_MAX || lb > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = rows[i % 3];
		const size_t *up = rows[(i + 2) % 3];
		const size_t *upup = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t d = up[j - 1] + (a[i - 1] != b[j - 1]);

			d = least(d, least(up[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d = least(d, upup[j - 2] + 1);
			now[j] = d;
		}
	}
	return rows[la % 3][lb];
}

void
near_init(struct near *n, const char *typed)
{
	n->typed = typed;
	n->best = NULL;
	n->distance = SIZE_MAX;
}

void
near_try(struct near *n, const char *word)
{
	size_t len = strlen(n->typed), d = distance(n->typed, word);

	if (len < strlen(word))
		len = strlen(word);
	if (d < n->distance && 3 * d <= len + 1) {
		n->best = word;
		n->distance = d;
	}
}
