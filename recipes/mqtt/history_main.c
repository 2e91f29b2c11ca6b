/*
 * The collector: a client of the broker beside it, by a door that is open to
 * this machine alone.  What it keeps and how it answers: history.h.
 */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "recipes/mqtt/history.h"
#include "recipes/mqtt/mqtt_conf.h"

static struct history history;

static void
subscribe(struct mosquitto *m, void *arg, int rc)
{
	size_t i;

	(void)arg;
	if (rc != 0)
		return;
	mosquitto_subscribe(m, NULL, HISTORY_ASK, 1);
	for (i = 0; i < history.filters; i++)
		mosquitto_subscribe(m, NULL, history.filter[i].topic, 1);
}

static void
answer(struct mosquitto *m, const struct mosquitto_message *q)
{
	char *to = NULL;
	char *text =
	    history_answer(&history, q->payload, (size_t)q->payloadlen, &to);

	if (text != NULL)
		mosquitto_publish(
		    m, NULL, to, (int)strlen(text), text, 1, false);
	free(text);
	free(to);
}

static void
take(struct mosquitto *m, void *arg, const struct mosquitto_message *q)
{
	(void)arg;
	if (strcmp(q->topic, HISTORY_ASK) == 0)
		answer(m, q);
	/* what was retained before is told again at each start */
	else if (!q->retain &&
		 strncmp(q->topic, HISTORY_ANSWER, strlen(HISTORY_ANSWER)) != 0)
		history_take(&history, q->topic, time(NULL), q->payload,
		    (size_t)q->payloadlen);
}

static int
run(struct fault *f)
{
	auto_json json_t *config = NULL;
	struct mosquitto *m;
	char *text;
	size_t n;

	if (guest_read(MQTT_HISTORY, GUEST_CONFIG_MAX, &text, &n, f) == -1)
		return -1;
	config = guest_json("history", text, n, f);
	free(text);
	if (config == NULL ||
	    history_read(json_object_get(config, "history"), &history, f) == -1)
		return -1;
	mosquitto_lib_init();
	m = mosquitto_new("kiln-history", true, NULL);
	if (m == NULL)
		return fault_set(f, "no memory for a client");
	mosquitto_connect_callback_set(m, subscribe);
	mosquitto_message_callback_set(m, take);
	mosquitto_reconnect_delay_set(m, 1, 5, false);
	/* the broker may still be on its way */
	while (mosquitto_connect(m, "127.0.0.1", MQTT_INNER, 60) !=
	       MOSQ_ERR_SUCCESS)
		usleep(200000);
	mosquitto_loop_forever(m, -1, 1);
	return fault_set(f, "the broker is gone");
}

int
main(void)
{
	struct fault f;

	run(&f);
	fprintf(stderr, "history: %s\n", f.text);
	return 1;
}
