/*
 * retention - count, divide, settle what waits and must go, then let the journal take it out.
 *
 * Two walks over the index: the first one counts what each device has, the second one finds the events that go, and
 * settles those of them that wait. Both stop and go on, so the journal may grow and be delivered meanwhile: what the
 * second one believes of a device it asks when it comes to it, and what it finds waiting it settles before it stops.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/retention.h"

/* Packets and octets of frames. */
struct waiting {
	uint64_t packets, octets;
};

struct use {
	uint64_t octets;    /* on disk */
	uint64_t share;     /* of octets that may stay */
	uint64_t resume;    /* nothing in front of it is sent again */
	uint64_t dl_octets; /* of its own: 0 = no limit */
	struct vnep_wall dl_before;
	uint32_t count, dl_count;
	uint32_t vpc;
	bool known, no_consent, sleeps;
	/* of the second walk */
	uint64_t gone_octets, floor;
	uint32_t gone;
	struct waiting waiting[2], gone_waiting[2]; /* for the device; held from it */
	bool met;                                   /* by it */
	bool stays; /* an older event stays: so does what comes behind it */
	bool must;  /* what goes goes now, however little it is */
};

struct vpc {
	char name[VNEP_LABEL_MAX + 1];
	uint64_t octets, quota, reserve, share;
	bool by_quota; /* its own limit is the narrow one */
};

struct victim {
	struct vnep_outcome outcome;
	uint32_t frame_octets;
};

/* The octets of the journal between the VPCs, then those of each VPC between its devices: they stand together, in
 * the order of the VPCs. */
enum sharing { GROUP, PLACE, VPCS, DEVICES, HAND_OUT };

struct shares {
	enum sharing phase;
	struct vnep_division division;
	bool dividing; /* it has begun */
	size_t at;
	uint32_t *order; /* numbers of devices */
	uint64_t *demand, *share;
	uint64_t *vpc_demand, *vpc_reserve, *vpc_share;
	size_t *first; /* of each VPC, and of none behind the last one */
};

enum phase { COUNT, DIVIDE, FIND, PRUNE };

struct vnep_retaining {
	struct vnep_journal *journal;
	struct vnep_map_txn *map; /* of this step */
	struct vnep_retention limits;
	int64_t now_ns;
	bool dry;
	vnep_retention_settle *settle;
	void *arg;
	enum phase phase;
	struct vnep_journal_place place;
	struct vnep_journal_pruning *pruning;
	struct use *uses; /* by number of the device */
	size_t use_count;
	struct vpc *vpcs; /* the first one: of those that the map does not know */
	size_t vpc_count;
	struct shares shares;
	struct victim *victims;
	size_t victim_count, victim_cap;
	struct vnep_retention_result out;
	struct vnep_err *err; /* of this step */
};

static int no_memory(struct vnep_retaining *r)
{
	return vnep_err_sys(r->err, ENOMEM, "retention");
}

/* The first walk. */

static uint32_t vpc_of(struct vnep_retaining *r, const char *name)
{
	struct vnep_vpc record = { 0 };
	struct vpc *grown;

	for (uint32_t i = 0; i < r->vpc_count; i++)
		if (!strcmp(r->vpcs[i].name, name))
			return i;
	grown = realloc(r->vpcs, (r->vpc_count + 1) * sizeof *grown);
	if (!grown)
		return 0; /* counted with those of no VPC */
	r->vpcs = grown;
	grown[r->vpc_count] = (struct vpc){ .quota = r->limits.vpc_octets };
	memcpy(grown[r->vpc_count].name, name, strlen(name) + 1);
	if (*name && r->map && !vnep_map_get_vpc(r->map, name, &record, NULL)) {
		if (record.quota_octets)
			grown[r->vpc_count].quota = record.quota_octets;
		grown[r->vpc_count].reserve = record.quota_reserved_octets;
		vnep_vpc_release(&record);
	}
	return (uint32_t)r->vpc_count++;
}

/* What the map says of a device that was not met before. */
static int meet(struct vnep_retaining *r, const char *dev, uint32_t number)
{
	struct vnep_device device = { 0 };
	struct use *grown;
	size_t count = (size_t)number + 1;

	if (count > r->use_count) {
		grown = realloc(r->uses, count * sizeof *grown);
		if (!grown)
			return no_memory(r);
		memset(grown + r->use_count, 0, (count - r->use_count) * sizeof *grown);
		r->uses = grown;
		r->use_count = count;
	}
	if (r->uses[number].known)
		return 0;
	r->uses[number].known = true;
	if (!r->map || vnep_map_get_device(r->map, dev, &device, NULL))
		return 0;
	r->uses[number].no_consent = !device.consent;
	r->uses[number].sleeps = device.has_psm;
	r->uses[number].vpc = vpc_of(r, device.vpc);
	r->uses[number].dl_count = device.dl_packet_count;
	r->uses[number].dl_octets = device.dl_octets;
	if (device.dl_duration_s)
		r->uses[number].dl_before = vnep_steady_limit(
			r->limits.steady, device.dl_duration_s * INT64_C(1000000000));
	vnep_device_release(&device);
	return 0;
}

static int count(const struct vnep_journal_stored *stored, void *arg)
{
	struct vnep_retaining *r = arg;
	struct use *use;
	int rc = meet(r, stored->dev, stored->number);

	r->out.lost += stored->lost;
	if (rc || stored->lost)
		return rc;
	use = &r->uses[stored->number];
	use->count++;
	use->octets += stored->octets;
	r->vpcs[use->vpc].octets += stored->octets;
	return 0;
}

/* Shares. */

static void release_shares(struct shares *s)
{
	free(s->order);
	free(s->demand);
	free(s->share);
	free(s->vpc_demand);
	free(s->vpc_reserve);
	free(s->vpc_share);
	free(s->first);
	*s = (struct shares){ 0 };
}

static int start_shares(struct vnep_retaining *r)
{
	struct shares *s = &r->shares;
	size_t devices = r->use_count + 1, vpcs = r->vpc_count + 2;

	s->order = malloc(devices * sizeof *s->order); /* each of it is written before it is read */
	s->demand = malloc(devices * sizeof *s->demand);
	s->share = malloc(devices * sizeof *s->share);
	s->vpc_demand = calloc(vpcs, sizeof *s->vpc_demand);
	s->vpc_reserve = calloc(vpcs, sizeof *s->vpc_reserve);
	s->vpc_share = calloc(vpcs, sizeof *s->vpc_share);
	s->first = calloc(vpcs, sizeof *s->first);
	return s->order && s->demand && s->share && s->vpc_demand && s->vpc_reserve &&
			       s->vpc_share && s->first
		       ? 0
		       : no_memory(r);
}

/* How many devices each VPC has; then where those of each one begin. */
static void group(struct vnep_retaining *r)
{
	struct shares *s = &r->shares;

	if (s->at < r->use_count) {
		s->first[r->uses[s->at++].vpc + 2]++;
		return;
	}
	for (size_t i = 1; i < r->vpc_count + 2; i++)
		s->first[i] += s->first[i - 1];
	s->at = 0;
	s->phase = PLACE;
}

/* first[vpc + 1] moves on to where the next VPC begins. */
static void place(struct vnep_retaining *r)
{
	struct shares *s = &r->shares;
	size_t to;

	if (s->at < r->use_count) {
		to = s->first[r->uses[s->at].vpc + 1]++;
		s->order[to] = (uint32_t)s->at;
		s->demand[to] = r->uses[s->at++].octets;
		return;
	}
	for (size_t i = 0; i < r->vpc_count; i++) {
		const struct vpc *vpc = &r->vpcs[i];

		s->vpc_demand[i] =
			vpc->quota && vpc->quota < vpc->octets ? vpc->quota : vpc->octets;
		s->vpc_reserve[i] = vpc->reserve;
	}
	vnep_division_start(&s->division, r->limits.octets ? r->limits.octets : UINT64_MAX,
		s->vpc_demand, s->vpc_reserve, r->vpc_count, s->vpc_share);
	s->phase = VPCS;
}

static void divide_vpcs(struct vnep_retaining *r, size_t max)
{
	struct shares *s = &r->shares;

	if (vnep_division_step(&s->division, max))
		return;
	for (size_t i = 0; i < r->vpc_count; i++) {
		r->vpcs[i].share = s->vpc_share[i];
		r->vpcs[i].by_quota = s->vpc_share[i] == s->vpc_demand[i];
	}
	s->at = 0;
	s->phase = DEVICES;
}

/* Those of one VPC after the other. */
static void divide_devices(struct vnep_retaining *r, size_t max)
{
	struct shares *s = &r->shares;
	size_t first;

	if (s->at == r->vpc_count) {
		s->at = 0;
		s->phase = HAND_OUT;
		return;
	}
	first = s->first[s->at];
	if (!s->dividing) /* where there is enough, each gets what it asks for */
		vnep_division_start(&s->division,
			r->vpcs[s->at].share < r->vpcs[s->at].octets ? r->vpcs[s->at].share
								     : UINT64_MAX,
			s->demand + first, NULL, s->first[s->at + 1] - first, s->share + first);
	s->dividing = vnep_division_step(&s->division, max);
	s->at += !s->dividing;
}

/* About max devices. 1: there is more. */
static int divide(struct vnep_retaining *r, size_t max)
{
	struct shares *s = &r->shares;

	for (size_t done = 0; !max || done < max; done++) {
		if (s->phase == GROUP) {
			group(r);
		} else if (s->phase == PLACE) {
			place(r);
		} else if (s->phase == HAND_OUT) {
			if (s->at == r->use_count)
				return 0;
			r->uses[s->order[s->at]].share = s->share[s->at];
			s->at++;
		} else {
			if (s->phase == VPCS)
				divide_vpcs(r, max);
			else
				divide_devices(r, max);
			done += 16; /* it looked at some itself */
		}
	}
	return 1;
}

/* The second walk. */

static uint64_t left(uint64_t all, uint64_t gone)
{
	return all > gone ? all - gone : 0; /* some may have come since they were counted */
}

static int add_victim(
	struct vnep_retaining *r, const struct vnep_journal_stored *stored, enum vnep_reason reason)
{
	bool late = reason == VNEP_EXPIRED || reason == VNEP_DL_DURATION;
	struct use *use = &r->uses[stored->number];
	struct victim *grown;

	use->gone_waiting[stored->held].packets++;
	use->gone_waiting[stored->held].octets += stored->frame_octets;
	if (r->victim_count == r->victim_cap) {
		size_t cap = r->victim_cap ? 2 * r->victim_cap : 256;

		grown = realloc(r->victims, cap * sizeof *grown);
		if (!grown)
			return no_memory(r);
		r->victims = grown;
		r->victim_cap = cap;
	}
	grown = &r->victims[r->victim_count++];
	*grown = (struct victim){ .frame_octets = stored->frame_octets,
		.outcome = { .seq = stored->seq,
			.ts.ns = r->now_ns,
			.outcome = late ? VNEP_OUTCOME_EXPIRED : VNEP_OUTCOME_FAILED,
			.reason = reason } };
	snprintf(grown->outcome.dev, sizeof grown->outcome.dev, "%s", stored->dev);
	return 0;
}

/* Why the event goes out of the journal; VNEP_REASON_NONE: it does not. */
static enum vnep_reason goes(
	const struct vnep_retaining *r, const struct vnep_journal_stored *stored)
{
	const struct use *use = &r->uses[stored->number];

	if (stored->ts.ns < r->limits.before.ns)
		return VNEP_EXPIRED;
	if (r->limits.packets && left(use->count, use->gone) > r->limits.packets)
		return VNEP_DL_PACKET_COUNT;
	if (left(use->octets, use->gone_octets) > use->share)
		return r->vpcs[use->vpc].by_quota ? VNEP_QUOTA_VPC : VNEP_QUOTA_REGION;
	return VNEP_REASON_NONE;
}

/* It is of a device that shall have no history, and nobody waits for it any more. */
static bool is_history(const struct use *use, const struct vnep_journal_stored *stored)
{
	return use->no_consent && !stored->pending &&
	       !(stored->once_more && use->sleeps && stored->seq >= use->resume);
}

/* Why it waits no longer, by what its device is owed. */
static enum vnep_reason exceeds(
	const struct vnep_retaining *r, const struct vnep_journal_stored *stored)
{
	const struct use *use = &r->uses[stored->number];
	const struct waiting *all = &use->waiting[stored->held],
			     *gone = &use->gone_waiting[stored->held];

	if (stored->ts.ns < use->dl_before.ns)
		return VNEP_DL_DURATION;
	if (use->dl_count && left(all->packets, gone->packets) > use->dl_count)
		return VNEP_DL_PACKET_COUNT;
	if (use->dl_octets && left(all->octets, gone->octets) > use->dl_octets)
		return VNEP_DL_OCTETS;
	return VNEP_REASON_NONE;
}

/* What of the device may have changed since the first walk. */
static int meet_again(struct vnep_retaining *r, struct use *use, const char *dev)
{
	struct vnep_journal_device device;
	int rc = vnep_journal_device(r->journal, dev, &device, r->err);

	if (rc)
		return rc;
	use->met = true;
	use->waiting[true] = (struct waiting){ device.held, device.held_octets };
	use->waiting[false] = (struct waiting){ device.pending - device.held,
		device.pending_octets - device.held_octets };
	use->resume = vnep_journal_resume(&device);
	return 0;
}

static int find(const struct vnep_journal_stored *stored, void *arg)
{
	struct vnep_retaining *r = arg;
	enum vnep_reason reason = VNEP_REASON_NONE;
	struct use *use;
	bool history;
	int rc;

	if (stored->number >= r->use_count || !r->uses[stored->number].known)
		return 0; /* came since the first walk */
	use = &r->uses[stored->number];
	rc = use->met ? 0 : meet_again(r, use, stored->dev);
	if (rc)
		return rc;
	if (stored->lost)
		return stored->pending ? add_victim(r, stored, VNEP_IO_ERROR) : 0;
	history = is_history(use, stored);
	if (!use->stays)
		reason = goes(r, stored);
	if (!use->stays && (reason || history)) {
		use->gone++;
		use->gone_octets += stored->octets;
		use->floor = stored->seq + 1;
		use->must = use->must || history;
		r->out.events++;
	} else {
		use->stays = true;
		reason = stored->pending ? exceeds(r, stored) : VNEP_REASON_NONE;
	}
	return reason && stored->pending ? add_victim(r, stored, reason) : 0;
}

/* Before the step ends: later it might be delivered. */
static int settle(struct vnep_retaining *r)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->victim_count; i++) {
		rc = r->settle(&r->victims[i].outcome, r->victims[i].frame_octets, r->arg);
		r->out.settled += !rc;
	}
	r->victim_count = 0;
	return rc;
}

static uint64_t floor_of(const struct vnep_journal_device *device, bool *must, void *arg)
{
	const struct vnep_retaining *r = arg;

	if (device->number >= r->use_count)
		return 0;
	*must = r->uses[device->number].must;
	return r->uses[device->number].floor;
}

/* Steps. */

int vnep_retaining_new(struct vnep_retaining **out, struct vnep_journal *journal,
	const struct vnep_retention *limits, bool dry, vnep_retention_settle *settle_it, void *arg,
	struct vnep_err *err)
{
	struct vnep_retaining *r = calloc(1, sizeof *r);

	if (!r)
		return vnep_err_sys(err, ENOMEM, "retention");
	*r = (struct vnep_retaining){ .journal = journal,
		.limits = *limits,
		.now_ns = vnep_wall_now().ns,
		.dry = dry,
		.settle = settle_it,
		.arg = arg };
	vpc_of(r, "");
	if (!r->vpcs) {
		vnep_retaining_free(r);
		return vnep_err_sys(err, ENOMEM, "retention");
	}
	*out = r;
	return 0;
}

void vnep_retaining_free(struct vnep_retaining *r)
{
	if (!r)
		return;
	vnep_journal_prune_end(r->pruning);
	release_shares(&r->shares);
	free(r->uses);
	free(r->vpcs);
	free(r->victims);
	free(r);
}

const struct vnep_retention_result *vnep_retaining_result(const struct vnep_retaining *r)
{
	return &r->out;
}

static int step_count(struct vnep_retaining *r, size_t max)
{
	int rc = vnep_journal_each_stored(r->journal, &r->place, max, count, r, r->err);

	if (!rc)
		rc = start_shares(r);
	if (rc)
		return rc;
	r->phase = DIVIDE;
	return 1;
}

static int step_divide(struct vnep_retaining *r, size_t max)
{
	if (divide(r, max))
		return 1;
	release_shares(&r->shares);
	r->place = (struct vnep_journal_place){ 0 };
	r->phase = FIND;
	return 1;
}

static int step_find(struct vnep_retaining *r, size_t max)
{
	int more = vnep_journal_each_stored(r->journal, &r->place, max, find, r, r->err);
	int rc = more < 0 ? more : settle(r);

	if (rc || more)
		return rc ? rc : 1;
	r->phase = PRUNE;
	return !r->dry && (r->out.events || r->out.lost || r->limits.before.ns);
}

static int step_prune(struct vnep_retaining *r, size_t max)
{
	struct vnep_wall before = { r->limits.before.ns ? r->limits.before.ns : INT64_MIN };
	int rc = r->pruning ? 0
			    : vnep_journal_prune_start(&r->pruning, r->journal, floor_of, r, before,
				      &r->out.pruned, r->err);

	return rc ? rc : vnep_journal_prune_step(r->pruning, max, r->err);
}

int vnep_retaining_step(
	struct vnep_retaining *r, struct vnep_map_txn *map, size_t max, struct vnep_err *err)
{
	int rc = 0;

	r->map = map;
	r->err = err;
	switch (r->phase) {
	case COUNT: rc = step_count(r, max); break;
	case DIVIDE: rc = step_divide(r, max); break;
	case FIND: rc = step_find(r, max); break;
	case PRUNE: rc = step_prune(r, max); break;
	}
	r->map = NULL;
	r->err = NULL;
	return rc;
}
