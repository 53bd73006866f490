/*
 * metrics - what an edge tells as numbers: the names of its stat records, and the same as OpenMetrics text.
 *
 * Shape   A stat record is a sample; samples of one family stand together. The table of the families is the one place
 *         where names, types and texts are. A value is an unsigned integer.
 * Source  OpenMetrics 1.0 (the text format of which RFC drafts speak): a counter's samples end in "_total", the text
 *         ends with "# EOF".
 */
#ifndef VNEP_METRICS_H
#define VNEP_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnep/buf.h"

struct vnep_json;

enum vnep_metric_type { VNEP_GAUGE, VNEP_COUNTER };

struct vnep_metric {
	const char *name; /* of the family: a counter's without "_total" */
	enum vnep_metric_type type;
	const char *label; /* the one that its samples have, or NULL */
	const char *help;
};

/* In the order in which an edge tells them. */
enum vnep_metric_id {
	VNEP_METRIC_FRAMES,
	VNEP_METRIC_DROPPED,
	VNEP_METRIC_PENDING,
	VNEP_METRIC_DIFFERENCE,
	VNEP_METRIC_DEVICES,
	VNEP_METRIC_MAP_DEVICES,
	VNEP_METRIC_MAP_REVISION,
	VNEP_METRIC_REPLAYING,
	VNEP_METRIC_REPLAYED,
	VNEP_METRIC_JOURNAL_EVENTS,
	VNEP_METRIC_JOURNAL_OCTETS,
	VNEP_METRIC_JOURNAL_SEGMENTS,
	VNEP_METRIC_JOURNAL_OLDEST,
	VNEP_METRIC_PORT_UP,
	VNEP_METRIC_PORT_WAKING,
	VNEP_METRIC_MLD,
	VNEP_METRIC_LISTENERS,
	VNEP_METRIC_CLIENTS,
	VNEP_METRIC_START,
	VNEP_METRIC_COUNT
};

const struct vnep_metric *vnep_metric(enum vnep_metric_id id);
/* The family of a sample's name; NULL: none of ours. */
const struct vnep_metric *vnep_metric_find(const char *sample);

/* A stat record. label: the value of the family's label, NULL where it has none. */
void vnep_metric_encode(
	struct vnep_buf *out, enum vnep_metric_id id, const char *label, uint64_t value);

/* A stat record as a line of OpenMetrics text, with what stands in front of its family where *family, the one of the
 * line before, is another. VNEP_EPROTO: this is no stat record of ours. */
int vnep_metric_text(struct vnep_buf *out, const struct vnep_json *stat,
	const struct vnep_metric **family, struct vnep_err *err);
void vnep_metric_text_end(struct vnep_buf *out);

#endif
