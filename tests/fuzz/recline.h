/*
 * recline - what the short way made of a line, against the long way: shared by the unit test and the target.
 */
#ifndef RECLINE_H
#define RECLINE_H

#include <stdbool.h>
#include <string.h>

#include "vnep/recjson.h"

#define SAME(field) (!memcmp(&a->field, &b->field, sizeof a->field))

static bool recline_same_device(const struct vnep_device *a, const struct vnep_device *b)
{
	if (a->group_count != b->group_count || a->addr_count != b->addr_count ||
		a->allow_count || b->allow_count)
		return false;
	for (size_t i = 0; i < a->group_count; i++)
		if (strcmp(a->groups[i], b->groups[i]))
			return false;
	for (unsigned i = 0; i < a->addr_count; i++)
		if (!SAME(addr[i]))
			return false;
	return !strcmp(a->dev, b->dev) && !strcmp(a->vpc, b->vpc) && !strcmp(a->port, b->port) &&
	       !strcmp(a->region, b->region) && !strcmp(a->name, b->name) && SAME(vep) &&
	       a->form == b->form && a->has_mac == b->has_mac && SAME(mac) && a->vlan == b->vlan &&
	       a->addr_max == b->addr_max && a->has_journal == b->has_journal &&
	       a->journal == b->journal && a->consent == b->consent && a->has_psm == b->has_psm &&
	       a->t3324_s == b->t3324_s && a->t3412_s == b->t3412_s &&
	       a->dl_duration_s == b->dl_duration_s && a->dl_packet_count == b->dl_packet_count &&
	       a->dl_octets == b->dl_octets && a->replay_mode == b->replay_mode &&
	       a->replay_pps == b->replay_pps && a->replay_keep == b->replay_keep &&
	       a->revision == b->revision && a->deleted == b->deleted;
}

/* 1: the short way took the line and the long way agrees; 0: it did not take it; -1: they differ. */
static int recline_compare(const char *text, size_t len)
{
	struct vnep_buf fast = { 0 }, slow = { 0 };
	struct vnep_recline line = { 0 }, line2 = { 0 };
	struct vnep_device device, device2 = { 0 };
	struct vnep_json *json = NULL;
	int rc = 0;

	vnep_buf_put(&fast, "before", 6);
	if (!vnep_recjson_fast(text, len, &fast, &device, &line)) {
		rc = fast.len == 6 ? 0 : -1;
		goto out;
	}
	rc = -1;
	if (vnep_json_parse(text, len, &json, NULL) || vnep_recjson_check(json, text, len, NULL) ||
		vnep_device_decode(json, &device2, NULL) ||
		vnep_recjson_line(json, &slow, &line2))
		goto both;
	if (fast.len - 6 == slow.len && !memcmp(fast.data + 6, slow.data, slow.len) &&
		line.rev_at == line2.rev_at && line.revision == line2.revision &&
		recline_same_device(&device, &device2))
		rc = 1;
both:
	vnep_device_release(&device);
	vnep_device_release(&device2);
out:
	vnep_json_free(json);
	vnep_buf_release(&fast);
	vnep_buf_release(&slow);
	return rc;
}

#endif
