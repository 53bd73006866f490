/*
 * watch-device - presence: the snapshot, and what changes it.
 *
 * The kernel says nothing when a packet refreshes an element of awake, or when one expires. So each
 * member has a timer: at its presumed end the kernel is asked, and either the timer is set anew or
 * the device is asleep. A packet in the ring for a device believed awake proves the expiry earlier.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "vnep/recjson.h"
#include "watch.h"

/* A device still waking then is told of again: somebody may have missed it. */
enum { WAKING_AGAIN_S = 5 };

static struct watch_device *device_get(struct watch *w, const struct in6_addr *vep)
{
	struct watch_device *d = vnep_table_get(&w->devices, vep);

	if (d)
		return d;
	d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->vep = *vep;
	d->state = VNEP_STATE_UNKNOWN;
	if (vnep_table_put(&w->devices, d)) {
		free(d);
		return NULL;
	}
	return d;
}

static void name_of(struct watch *w, const struct in6_addr *vep, char dev[static VNEP_URN_MAX + 1])
{
	struct vnep_map_txn *txn = NULL;

	if (!w->store || vnep_map_begin(w->store, false, &txn, NULL) ||
		vnep_map_by_vep(txn, vep, dev))
		dev[0] = 0;
	vnep_map_abort(txn);
}

/* A device without a name in the map goes by its endpoint, which is all that is known of it. */
static int tell(struct watch *w, struct watch_device *d, enum vnep_presence_state state,
	enum vnep_cause cause)
{
	struct vnep_presence p = {
		.ts = vnep_wall_now(), .state = state, .was = d->state, .cause = cause
	};

	name_of(w, &d->vep, p.dev);
	if (!p.dev[0])
		vnep_ip6_print(&d->vep, p.dev);
	d->state = state;
	vnep_presence_encode(&w->out, &p);
	return w->out.rc ? vnep_err_sys(&w->cli->err, ENOMEM, "presence") : 0;
}

static int arm(struct watch *w, struct watch_device *d, uint64_t left_ms)
{
	struct vnep_mono at = vnep_mono_now();

	if (left_ms == UINT64_MAX) {
		vnep_heap_remove(&w->timers, &d->timer);
		return 0;
	}
	if (left_ms > INT64_MAX / 2000000)
		left_ms = INT64_MAX / 2000000;
	at.ns += (int64_t)(left_ms + 1) * 1000000; /* just behind the end */
	return vnep_heap_set(&w->timers, &d->timer, at)
		       ? vnep_err_sys(&w->cli->err, ENOMEM, "timer")
		       : 0;
}

/* What does the kernel say? An end that is told of has its cause. */
static int look(struct watch *w, struct watch_device *d, enum vnep_cause end)
{
	uint64_t left;
	int rc = vnep_acl_awake_get(w->acl, &d->vep, &left, &w->cli->err);

	if (rc)
		return rc;
	if (left) {
		if (d->state != VNEP_STATE_AWAKE)
			rc = tell(w, d, VNEP_STATE_AWAKE, VNEP_CAUSE_NONE);
		return rc ? rc : arm(w, d, left);
	}
	vnep_heap_remove(&w->timers, &d->timer);
	return d->state == VNEP_STATE_AWAKE ? tell(w, d, VNEP_STATE_ASLEEP, end) : 0;
}

static int take_bound(const struct vnep_element *element, void *arg)
{
	struct watch *w = arg;
	struct watch_device *d = device_get(w, &element->vep);

	if (!d)
		return vnep_err_sys(&w->cli->err, ENOMEM, "device");
	if (d->state != VNEP_STATE_UNKNOWN || element->state == VNEP_STATE_AWAKE)
		return 0; /* a second address of it, or a member of awake, told there */
	return tell(w, d, VNEP_STATE_ASLEEP, VNEP_CAUSE_NONE);
}

static int take_awake(const struct in6_addr *vep, uint64_t left_ms, void *arg)
{
	struct watch *w = arg;
	struct watch_device *d = device_get(w, vep);
	int rc = d ? 0 : vnep_err_sys(&w->cli->err, ENOMEM, "device");

	if (!rc && d->state != VNEP_STATE_AWAKE)
		rc = tell(w, d, VNEP_STATE_AWAKE, VNEP_CAUSE_NONE);
	return rc ? rc : arm(w, d, left_ms);
}

int watch_presence_snapshot(struct watch *w)
{
	int rc = vnep_acl_awake_each(w->acl, take_awake, w, &w->cli->err);

	return rc ? rc : vnep_acl_each_element(w->acl, take_bound, w, &w->cli->err);
}

static int wake(struct watch *w, struct watch_device *d)
{
	struct vnep_mono now = vnep_mono_now();
	int rc = 0;

	/* It had fallen asleep unseen, or the frame is older than its waking. */
	if (d->state == VNEP_STATE_AWAKE)
		rc = look(w, d, VNEP_CAUSE_T3324_EXPIRED);
	if (rc || d->state == VNEP_STATE_AWAKE)
		return rc;
	if (d->state == VNEP_STATE_WAKING && now.ns - d->waking.ns < WAKING_AGAIN_S * 1000000000LL)
		return 0;
	d->waking = now;
	return tell(w, d, VNEP_STATE_WAKING, VNEP_CAUSE_NONE);
}

/* The endpoint of the frame's device: an end of it, or of form host, which nobody rewrites, the other one. */
static const struct in6_addr *endpoint_of(
	struct watch *w, const struct vnep_tag *tag, const struct vnep_frame *frame)
{
	bool from = tag->direction == VNEP_FROM_DEVICE;
	const struct in6_addr *device = from ? &frame->src : &frame->dest,
			      *other = from ? &frame->dest : &frame->src;
	char dev[VNEP_URN_MAX + 1];
	struct vnep_map_txn *txn;
	bool host;

	if (!w->store || vnep_map_begin(w->store, false, &txn, NULL))
		return device;
	host = vnep_map_by_vep(txn, device, dev) && !vnep_map_by_ends(txn, device, other, dev);
	vnep_map_abort(txn);
	return host ? other : device;
}

int watch_presence_frame(
	struct watch *w, const struct vnep_tag *tag, const struct vnep_frame *frame)
{
	const struct in6_addr *vep = endpoint_of(w, tag, frame);
	struct watch_device *d;

	if (tag->reason != VNEP_TAG_WAKE && tag->reason != VNEP_TAG_NOT_AWAKE)
		return 0;
	if (tag->reason == VNEP_TAG_NOT_AWAKE) {
		d = vnep_table_get(&w->devices, vep);
		return d && d->state == VNEP_STATE_AWAKE ? look(w, d, VNEP_CAUSE_T3324_EXPIRED) : 0;
	}
	d = device_get(w, vep);
	return d ? wake(w, d) : vnep_err_sys(&w->cli->err, ENOMEM, "device");
}

/* A replacement is a deletion and an addition: the kernel says what is now. */
int watch_presence_change(const struct in6_addr *vep, bool awake, void *watch)
{
	struct watch *w = watch;
	struct watch_device *d = device_get(w, vep);

	(void)awake;
	return d ? look(w, d, VNEP_CAUSE_ADMIN) : vnep_err_sys(&w->cli->err, ENOMEM, "device");
}

int watch_presence_timers(struct watch *w)
{
	struct vnep_mono now = vnep_mono_now();
	struct vnep_heap_node *first;
	int rc = 0;

	while (!rc && (first = vnep_heap_first(&w->timers)) && first->at.ns <= now.ns) {
		struct watch_device *d =
			(struct watch_device *)(void *)((char *)first -
							offsetof(struct watch_device, timer));

		vnep_heap_remove(&w->timers, first);
		rc = look(w, d, VNEP_CAUSE_T3324_EXPIRED);
	}
	return rc;
}
