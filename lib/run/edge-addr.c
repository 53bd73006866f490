/*
 * edge-addr - the addresses of one device: which of them it uses, and which gives way to a new one.
 *
 * The kernel counts packets for each address of a binding and forwards without telling. So the edge looks, now and
 * then: an address is idle if nothing came from it between two looks that lie some seconds apart. Two things follow.
 * A device that has as many addresses as it may have, and renumbers, is not locked out: the oldest idle one gives way.
 * And packets to the device go to the address that it used last, not to one that it gave up since.
 */
#include <string.h>

#include "edge-priv.h"

enum {
	IDLE_S = 3,    /* shorter than any retry of a device that is refused meanwhile lasts */
	FOLLOW_S = 10, /* how often a device that speaks is looked at */
};

static bool older_than(const struct edge_device *d, int64_t s)
{
	return d->addr_looked.ns && vnep_mono_now().ns - d->addr_looked.ns >= s * 1000000000;
}

/* What came from each address since the look before; false: nobody knows. */
static bool look(
	struct vnep_edge *edge, struct edge_device *d, uint64_t since[static VNEP_ADDR_COUNT_MAX])
{
	uint64_t now[VNEP_ADDR_COUNT_MAX];
	bool before = d->addr_looked.ns != 0;
	struct vnep_err err = { 0 };

	if (vnep_acl_device_use(edge->acl, &d->vep, d->addr, d->addr_count, now, &err)) {
		edge_warn(edge, "addresses", &err);
		return false;
	}
	for (unsigned i = 0; i < d->addr_count; i++) {
		/* fewer than before: the element is a new one, and counts from 0 */
		since[i] = now[i] < d->addr_packets[i] ? now[i] : now[i] - d->addr_packets[i];
		d->addr_packets[i] = now[i];
	}
	d->addr_looked = vnep_mono_now();
	return before;
}

/* From here on is counted. */
void edge_addr_begin(struct vnep_edge *edge, struct edge_device *d)
{
	uint64_t since[VNEP_ADDR_COUNT_MAX];

	look(edge, d, since);
}

/* What it used before it fell silent says nothing about what it will use: from here on is counted, and it may be
 * looked at as soon as it speaks. */
void edge_addr_slept(struct vnep_edge *edge, struct edge_device *d)
{
	if (!d->bound || d->fixed_addr)
		return;
	edge_addr_begin(edge, d);
	d->addr_looked.ns -= IDLE_S * 1000000000LL;
}

/* The address at from comes to stand at to; those in between move up or down. */
static void move(struct edge_device *d, unsigned from, unsigned to)
{
	struct in6_addr addr = d->addr[from];
	uint64_t packets = d->addr_packets[from];
	unsigned low = from < to ? from : to, n = from < to ? to - from : from - to;

	memmove(d->addr + (from < to ? low : low + 1), d->addr + (from < to ? low + 1 : low),
		n * sizeof *d->addr);
	memmove(d->addr_packets + (from < to ? low : low + 1),
		d->addr_packets + (from < to ? low + 1 : low), n * sizeof *d->addr_packets);
	d->addr[to] = addr;
	d->addr_packets[to] = packets;
}

static unsigned addr_max(const struct edge_device *d)
{
	unsigned max = d->addr_max ? d->addr_max : 1;

	return max < VNEP_ADDR_COUNT_MAX ? max : VNEP_ADDR_COUNT_MAX;
}

bool edge_addr_room(struct vnep_edge *edge, struct edge_device *d)
{
	uint64_t since[VNEP_ADDR_COUNT_MAX];
	unsigned i = 0;

	if (d->addr_count < addr_max(d))
		return true;
	if (d->addr_looked.ns && !older_than(d, IDLE_S))
		return false; /* too soon to tell */
	if (!look(edge, d, since))
		return false;
	while (i < d->addr_count && since[i])
		i++;
	if (i == d->addr_count)
		return false; /* it uses them all */
	move(d, i, 0);
	return true;
}

void edge_addr_add(struct edge_device *d, const struct in6_addr *addr)
{
	if (edge_device_has_addr(d, addr))
		return;
	while (d->addr_count >= addr_max(d))
		move(d, 0, --d->addr_count);
	d->addr_packets[d->addr_count] = 0;
	d->addr[d->addr_count++] = *addr;
}

bool edge_addr_follow(struct vnep_edge *edge, struct edge_device *d)
{
	uint64_t since[VNEP_ADDR_COUNT_MAX];
	unsigned used = 0;

	if (!d->bound || d->form == VNEP_FORM_HOST || d->addr_count < 2 ||
		(d->addr_looked.ns && !older_than(d, FOLLOW_S)) || !look(edge, d, since))
		return false;
	for (unsigned i = 1; i < d->addr_count; i++)
		if (since[i] > since[used])
			used = i;
	if (since[d->addr_count - 1] || !since[used])
		return false; /* it uses the latest, or nothing can be said */
	move(d, used, d->addr_count - 1);
	return true;
}
