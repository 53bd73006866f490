/*
 * edge-guard - the rules are the edge's own: without them a port would be open, or shut. When somebody else takes the
 * table, a chain or a rule of it away, or changes one (`nft flush ruleset`), all of it is made anew at once.
 *
 * A table that is new counts from 0, and so does the ledger.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"
#include "vnep/recjson.h"

void edge_tell_note(struct vnep_edge *edge, const struct edge_port *port, const char *text)
{
	struct vnep_event note = { .ts = vnep_wall_now(), .kind = VNEP_KIND_NOTE };

	if (port)
		memcpy(note.port, port->name, sizeof note.port);
	else
		memcpy(note.edge, edge->config.name, sizeof note.edge);
	snprintf(note.text, sizeof note.text, "%s", text);
	vnep_event_encode(&edge->told, &note);
}

bool edge_guard_read(struct vnep_edge *edge)
{
	struct vnep_err err = { 0 };
	bool touched = false;

	if (!edge->guard)
		return false;
	if (vnep_acl_touched(edge->acl, edge->guard, &touched, &err))
		edge_warn(edge, "ruleset", &err);
	return touched;
}

/* The elements of `awake` went with the table. Who is held needs its own at once, the kernel queues for it; for the
 * others packets come by the ring by now, so they are handed over anew, in order. */
static void presence_again(struct vnep_edge *edge)
{
	struct edge_device *d;

	for (size_t i = 0; (d = vnep_table_next(&edge->by_vep, &i));) {
		struct vnep_err err = { 0 };

		if (d->life == VNEP_LIFE_HOLDING &&
			vnep_acl_awake_add(edge->acl, &d->vep, d->t3324_s * 1000ull, &err))
			edge_warn(edge, "presence", &err);
		if (d->life == VNEP_LIFE_AWAKE)
			edge_device_event(
				edge, d, VNEP_LIFE_PACKET, VNEP_CAUSE_FIRST_FRAME, vnep_wall_now());
	}
}

/* Once, and again only after it was otherwise. */
void edge_guard_filling(struct vnep_edge *edge)
{
	struct vnep_acl_fill fill;
	bool filling = vnep_acl_filling(edge->acl, &fill);
	char text[sizeof(((struct vnep_event *)0)->text)];

	if (filling && !edge->filling) {
		snprintf(text, sizeof text, "set %s has %llu of at most %u elements", fill.set,
			(unsigned long long)fill.count, fill.size);
		edge_say(edge, LOG_WARNING,
			"ruleset: %s: for more, a larger set-size after `vnep-acl clear`", text);
		edge_tell_note(edge, NULL, text);
	}
	edge->filling = filling;
}

void edge_guard(struct vnep_edge *edge)
{
	struct vnep_err err = { 0 };
	uint64_t changes = 0;

	if (!edge_guard_read(edge))
		return;
	if (edge_acl_again(edge, &changes, &err)) {
		edge_warn(edge, "ruleset", &err);
		return;
	}
	if (!changes)
		return; /* it was ours already */
	if (edge_ledger_follow(edge))
		presence_again(edge);
	edge_say(edge, LOG_WARNING,
		"ruleset: somebody else changed the table; it is restored, %llu kernel objects "
		"changed",
		(unsigned long long)changes);
	edge_tell_note(edge, NULL, "ruleset restored");
}
