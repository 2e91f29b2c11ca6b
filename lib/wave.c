#include "lib/wave.h"

#include <string.h>

#include "lib/json.h"

#define HOURS_MAX (24 * 365)

unsigned
wave_place(const struct hash *device, const struct hash *release)
{
	uint8_t both[2 * sizeof(device->b)];
	struct hash h;
	unsigned n = 0;

	memcpy(both, device->b, sizeof(device->b));
	memcpy(both + sizeof(device->b), release->b, sizeof(release->b));
	hash_bytes(&h, both, sizeof(both));
	for (size_t i = 0; i < sizeof(h.b); i++)
		n = (n * 256 + h.b[i]) % 100;
	return n;
}

int
wave_after(
    const json_t *waves, unsigned place, int64_t *seconds, struct err *err)
{
	int64_t hours, percent, found = WAVE_NEVER;

	if (waves == NULL || json_is_null(waves))
		waves = NULL;
	else if (!json_is_array(waves) ||
		 json_array_size(waves) > WAVE_LIST_MAX)
		return err_set(err, ERR_INPUT, "set: waves is no short list");
	for (size_t i = 0; i < json_array_size(waves); i++) {
		const json_t *w = json_array_get(waves, i);

		if (js_int("wave", w, "after_h", 0, HOURS_MAX, &hours, err) ==
			-1 ||
		    js_int("wave", w, "percent", 0, 100, &percent, err) == -1)
			return -1;
		if (found == WAVE_NEVER && place < percent)
			found = hours * 3600;
	}
	*seconds = json_array_size(waves) ? found : 0;
	return 0;
}
