/* metrics - the families, and their text. */
#include <string.h>

#include "vnep/err.h"
#include "vnep/json.h"
#include "vnep/metrics.h"
#include "vnep/recjson.h"

enum { NAME_CAP = 64 };

static const struct vnep_metric metrics[VNEP_METRIC_COUNT] = {
	[VNEP_METRIC_FRAMES] = { "vnep_frames", VNEP_COUNTER, "term",
		"Frames by the terms of the conservation law; taken-back: were forwarded, became "
		"pending." },
	[VNEP_METRIC_DROPPED] = { "vnep_dropped_frames", VNEP_COUNTER, "reason",
		"Frames that were dropped, by the reason." },
	[VNEP_METRIC_PENDING] = { "vnep_pending_frames", VNEP_GAUGE, NULL,
		"Frames that wait in the journal for their devices." },
	[VNEP_METRIC_DIFFERENCE] = { "vnep_unaccounted_frames", VNEP_GAUGE, NULL,
		"Difference of the conservation law, without its sign: 0, or something is wrong." },
	[VNEP_METRIC_DEVICES] = { "vnep_devices", VNEP_GAUGE, "state",
		"Devices that are bound, or were asked for, by their state." },
	[VNEP_METRIC_MAP_DEVICES] = { "vnep_map_devices", VNEP_GAUGE, NULL, "Devices of the map." },
	[VNEP_METRIC_MAP_REVISION] = { "vnep_map_revision", VNEP_GAUGE, NULL,
		"Revision of the map that kernel and edge follow." },
	[VNEP_METRIC_REPLAYING] = { "vnep_replaying_devices", VNEP_GAUGE, NULL,
		"Devices that get their backlog." },
	[VNEP_METRIC_REPLAYED] = { "vnep_replayed_frames", VNEP_COUNTER, NULL,
		"Frames of the backlog that were sent since the edge started." },
	[VNEP_METRIC_JOURNAL_EVENTS] = { "vnep_journal_events", VNEP_GAUGE, NULL,
		"Events that the journal holds." },
	[VNEP_METRIC_JOURNAL_OCTETS] = { "vnep_journal_octets", VNEP_GAUGE, NULL,
		"Octets of its segments." },
	[VNEP_METRIC_JOURNAL_SEGMENTS] = { "vnep_journal_segments", VNEP_GAUGE, NULL,
		"Segments of the journal." },
	[VNEP_METRIC_JOURNAL_OLDEST] = { "vnep_journal_oldest_timestamp_seconds", VNEP_GAUGE, NULL,
		"When the oldest event of the journal was, in seconds since 1970; 0: it is "
		"empty." },
	[VNEP_METRIC_PORT_UP] = { "vnep_port_up", VNEP_GAUGE, "port",
		"1: the port is there, up and has its carrier." },
	[VNEP_METRIC_PORT_WAKING] = { "vnep_port_replaying_devices", VNEP_GAUGE, "port",
		"Devices at the port that wait for their turn of replay." },
	[VNEP_METRIC_MLD] = { "vnep_mld", VNEP_COUNTER, "event",
		"What was asked, heard and found out about listeners of groups." },
	[VNEP_METRIC_LISTENERS] = { "vnep_mld_listeners", VNEP_GAUGE, NULL,
		"Devices that listen to a group that their record names, once for each." },
	[VNEP_METRIC_CLIENTS] = { "vnep_control_clients", VNEP_GAUGE, NULL,
		"Clients of the control socket, this one among them." },
	[VNEP_METRIC_START] = { "vnep_start_timestamp_seconds", VNEP_GAUGE, NULL,
		"When the edge started, in seconds since 1970." },
};

const struct vnep_metric *vnep_metric(enum vnep_metric_id id)
{
	return &metrics[id];
}

static const char *suffix(const struct vnep_metric *m)
{
	return m->type == VNEP_COUNTER ? "_total" : "";
}

const struct vnep_metric *vnep_metric_find(const char *sample)
{
	for (size_t i = 0; i < VNEP_METRIC_COUNT; i++) {
		size_t n = strlen(metrics[i].name);

		if (!strncmp(sample, metrics[i].name, n) &&
			!strcmp(sample + n, suffix(&metrics[i])))
			return &metrics[i];
	}
	return NULL;
}

void vnep_metric_encode(
	struct vnep_buf *out, enum vnep_metric_id id, const char *label, uint64_t value)
{
	const struct vnep_metric *m = &metrics[id];
	char name[NAME_CAP];

	strcpy(name, m->name);
	strcat(name, suffix(m));
	vnep_stat_encode(out, name, m->label, label, value);
}

/* Backslash, quote and newline are escaped in a label's value. */
static void put_label(struct vnep_buf *out, const char *name, const char *value)
{
	vnep_buf_printf(out, "{%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			vnep_buf_printf(out, "\\%c", *value);
		else if (*value == '\n')
			vnep_buf_put_str(out, "\\n");
		else
			vnep_buf_put_u8(out, (uint8_t)*value);
	}
	vnep_buf_put_str(out, "\"}");
}

int vnep_metric_text(struct vnep_buf *out, const struct vnep_json *stat,
	const struct vnep_metric **family, struct vnep_err *err)
{
	const char *name = vnep_json_get_str(stat, "name", "");
	const struct vnep_metric *m = vnep_metric_find(name);
	const char *label = NULL;
	int64_t value;

	if (m && m->label)
		label = vnep_json_get_str(vnep_json_get(stat, "labels"), m->label, NULL);
	if (!m || (m->label && !label) || !vnep_json_int(vnep_json_get(stat, "value"), &value))
		return vnep_err_set(
			err, VNEP_EPROTO, "\"%.64s\" is no number of this version of vnep", name);
	if (*family != m)
		vnep_buf_printf(out, "# TYPE %s %s\n# HELP %s %s\n", m->name,
			m->type == VNEP_COUNTER ? "counter" : "gauge", m->name, m->help);
	*family = m;
	vnep_buf_put_str(out, name);
	if (label)
		put_label(out, m->label, label);
	vnep_buf_printf(out, " %lld\n", (long long)value);
	return out->rc;
}

void vnep_metric_text_end(struct vnep_buf *out)
{
	vnep_buf_put_str(out, "# EOF\n");
}
