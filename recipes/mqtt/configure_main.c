/* /etc/kiln/configure of the image: see mqtt_conf.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recipes/mqtt/mqtt_conf.h"

static int
write_files(const struct mqtt_files *files, struct fault *f)
{
	size_t i;

	/* root's, so that mosquitto can put nothing into its place */
	if (mkdir(MQTT_DIR, 0755) == -1)
		return fault_sys(f, "create " MQTT_DIR);
	for (i = 0; i < files->n; i++) {
		if (guest_write(files->at[i].path, 0400, MQTT_UID,
			files->at[i].text, files->at[i].n, f) == -1)
			return -1;
	}
	return 0;
}

static int
configure(struct fault *f)
{
	struct mqtt_files files = { 0 };
	auto_json json_t *config = NULL;
	char *text = NULL;
	size_t n;
	int ret;

	if (guest_read(GUEST_CONFIG, GUEST_CONFIG_MAX, &text, &n, f) == -1)
		return -1;
	config = guest_json("config", text, n, f);
	explicit_bzero(text, n);
	free(text);
	if (config == NULL)
		return -1;
	ret = mqtt_conf(config, &files, f);
	if (ret == 0)
		ret = write_files(&files, f);
	mqtt_files_release(&files);
	return ret;
}

int
main(void)
{
	struct fault f;

	if (configure(&f) == -1) {
		fprintf(stderr, "configure: %s\n", f.text);
		return 1;
	}
	return 0;
}
