/* mids - a table to look them up, and a list by time to forget them. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/flow.h"
#include "vnep/mids.h"

enum { COAP_ACK = 2 };

struct key {
	struct in6_addr src, dest;
	uint16_t src_port, dest_port, mid, zero;
};
struct vnep_mid {
	struct key key;
	struct vnep_mono at;
	struct vnep_mid *next;
};

void vnep_mids_init(struct vnep_mids *mids)
{
	*mids = (struct vnep_mids){ 0 };
	vnep_table_init(&mids->table, offsetof(struct vnep_mid, key), sizeof(struct key));
}

static void forget_first(struct vnep_mids *mids)
{
	struct vnep_mid *m = mids->first;

	mids->first = m->next;
	if (!mids->first)
		mids->last = NULL;
	vnep_table_remove(&mids->table, m);
	free(m);
}

void vnep_mids_release(struct vnep_mids *mids)
{
	while (mids->first)
		forget_first(mids);
	vnep_table_release(&mids->table);
}

static bool key_of(struct key *key, const uint8_t *frame, size_t len)
{
	struct vnep_coap coap;
	struct vnep_frame f;

	if (vnep_frame_parse(&f, frame, len) || !vnep_coap_read(&coap, &f, frame) ||
		coap.type >= COAP_ACK)
		return false;
	*key = (struct key){ f.src, f.dest, f.src_port, f.dest_port, coap.mid, 0 };
	return true;
}

static void forget_old(struct vnep_mids *mids, struct vnep_mono now)
{
	while (mids->first &&
		now.ns - mids->first->at.ns >= (int64_t)VNEP_EXCHANGE_LIFETIME_S * 1000000000)
		forget_first(mids);
}

bool vnep_mids_sent(struct vnep_mids *mids, const uint8_t *frame, size_t len, struct vnep_mono now,
	uint16_t *mid, unsigned *ago_s)
{
	const struct vnep_mid *m;
	struct key key;

	forget_old(mids, now);
	if (!mids->first || !key_of(&key, frame, len))
		return false;
	m = vnep_table_get(&mids->table, &key);
	if (!m)
		return false;
	*mid = key.mid;
	*ago_s = (unsigned)((now.ns - m->at.ns) / 1000000000);
	return true;
}

/* One that is sent again, because somebody wanted that, counts from its first time: its place in the list is there. */
void vnep_mids_note(struct vnep_mids *mids, const uint8_t *frame, size_t len, struct vnep_mono now)
{
	struct vnep_mid *m;
	struct key key;

	forget_old(mids, now);
	if (!key_of(&key, frame, len) || vnep_table_get(&mids->table, &key))
		return;
	if (mids->table.count == VNEP_MIDS_MAX)
		forget_first(mids);
	m = calloc(1, sizeof *m);
	if (!m)
		return;
	m->key = key;
	m->at = now;
	if (vnep_table_put(&mids->table, m)) {
		free(m);
		return;
	}
	if (mids->last)
		mids->last->next = m;
	else
		mids->first = m;
	mids->last = m;
}
