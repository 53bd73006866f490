/*
 * watch-drop - decisions: who was refused, and why.
 *
 * The kernel counts every drop exactly and samples strangers; so once a second the growth of each
 * counter becomes one decision with its count, and with the flow of the last sample where there is
 * one. An access request is a decision of its own: without a vnep-edge nobody binds its source, so
 * it ends here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/recjson.h"
#include "watch.h"

int watch_port_of(const struct watch *w, uint16_t index)
{
	return index >= 1 && index <= w->config.access_count + 1 ? index - 1 : -1;
}

const char *watch_port_name(const struct watch *w, int port)
{
	if (port < 0)
		return "";
	return (unsigned)port < w->config.access_count ? w->config.access[port] : w->config.core;
}

static void describe(struct watch *w, struct vnep_decision *d, const struct vnep_tag *tag,
	const uint8_t *data, const struct vnep_frame *frame)
{
	*d = (struct vnep_decision){ .ts = vnep_wall_now(),
		.direction = tag->direction,
		.reason = VNEP_NO_MAPPING,
		.src_ip = frame->src,
		.dest_ip = frame->dest,
		.proto = frame->proto,
		.src_port = frame->src_port,
		.dest_port = frame->dest_port,
		.has_flow = true,
		.count = 1 };
	memcpy(d->src_mac.octet, data + 6, sizeof d->src_mac.octet);
	snprintf(d->in_iface, sizeof d->in_iface, "%s",
		watch_port_name(w, watch_port_of(w, tag->port)));
}

/* Why a known MAC has no binding: its record may say. */
static void blame(struct watch *w, struct vnep_decision *d)
{
	struct vnep_map_txn *txn = NULL;
	struct vnep_device device = { 0 };

	if (!w->store || vnep_map_begin(w->store, false, &txn, NULL) ||
		vnep_map_by_mac(txn, &d->src_mac, 0, d->dev)) {
		d->dev[0] = 0;
	} else if (!vnep_map_get_device(txn, d->dev, &device, NULL)) {
		if (device.port[0] && strcmp(device.port, d->in_iface))
			d->reason = VNEP_WRONG_PORT;
		else if (device.addr_count)
			d->reason = VNEP_SPOOFED_SOURCE;
	}
	vnep_device_release(&device);
	vnep_map_abort(txn);
}

int watch_access_request(struct watch *w, const struct vnep_tag *tag, const uint8_t *data,
	const struct vnep_frame *frame)
{
	struct vnep_decision d;

	describe(w, &d, tag, data, frame);
	blame(w, &d);
	vnep_decision_encode(&w->out, &d);
	return w->out.rc ? vnep_err_sys(&w->cli->err, ENOMEM, "decision") : 0;
}

void watch_sample(struct watch *w, const struct vnep_tag *tag, const uint8_t *data,
	const struct vnep_frame *frame)
{
	int port = watch_port_of(w, tag->port);

	if (port < 0)
		return;
	w->ports[port].has_sample = true;
	describe(w, &w->ports[port].sample, tag, data, frame);
}

static struct watch_counter *counter_get(struct watch *w, const char *name)
{
	struct watch_counter key = { 0 }, *c;

	snprintf(key.name, sizeof key.name, "%s", name);
	c = vnep_table_get(&w->counters, key.name);
	if (c)
		return c;
	c = malloc(sizeof *c);
	if (!c)
		return NULL;
	*c = key;
	if (vnep_table_put(&w->counters, c)) {
		free(c);
		return NULL;
	}
	return c;
}

/* "drop.REASON" or "drop.REASON.PORT" grew by count. */
static void tell_drop(struct watch *w, const char *name, uint64_t count)
{
	struct vnep_decision d = { .ts = vnep_wall_now() };
	char word[32];
	const char *port;
	int reason, i;

	snprintf(word, sizeof word, "%.*s", (int)strcspn(name, "."), name);
	reason = vnep_reason_parse(word);
	port = name[strlen(word)] ? name + strlen(word) + 1 : "";
	for (i = (int)w->config.access_count; i >= 0 && strcmp(watch_port_name(w, i), port); i--)
		;
	if (reason == VNEP_NO_MAPPING && i >= 0 && w->ports[i].has_sample) {
		d = w->ports[i].sample;
		w->ports[i].has_sample = false;
	} else if (i >= 0) {
		d.direction = i < (int)w->config.access_count ? VNEP_FROM_DEVICE : VNEP_TO_DEVICE;
		snprintf(d.in_iface, sizeof d.in_iface, "%s", port);
	}
	d.reason = reason > 0 ? (enum vnep_reason)reason : VNEP_REASON_NONE;
	d.count = count;
	vnep_decision_encode(&w->out, &d);
}

struct drops {
	struct watch *w;
	bool report;
};

static int take_counter(const char *name, uint64_t packets, uint64_t octets, void *arg)
{
	const struct drops *drops = arg;
	struct watch_counter *c;

	(void)octets;
	if (strncmp(name, "drop.", 5))
		return 0;
	c = counter_get(drops->w, name);
	if (!c)
		return vnep_err_sys(&drops->w->cli->err, ENOMEM, "counter");
	if (drops->report && packets > c->packets)
		tell_drop(drops->w, name + 5, packets - c->packets);
	c->packets = packets;
	return 0;
}

int watch_drops(struct watch *w, bool report)
{
	struct drops drops = { w, report };

	return vnep_acl_each_counter(w->acl, take_counter, &drops, &w->cli->err);
}
