/*
 * retention - count, divide, settle what waits and must go, then let the journal take it out.
 *
 * And what may be journaled at all.
 *
 * Two walks over the index: the first one counts what each device has, the second one finds the events that go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/retention.h"

enum { OUTCOMES_A_GROUP = 1000 };

struct use {
	uint64_t octets, waiting_octets;
	uint64_t share;     /* of octets that may stay */
	uint64_t dl_octets; /* of its own: 0 = no limit */
	int64_t dl_before_ns;
	uint32_t count, waiting, dl_count;
	uint32_t vpc;
	/* of the second walk */
	uint64_t gone_octets, gone_waiting_octets, floor;
	uint32_t gone, gone_waiting;
	bool stays; /* an older event stays: so does what comes behind it */
};

struct vpc {
	char name[VNEP_LABEL_MAX + 1];
	uint64_t octets, quota, reserve, share;
	bool by_quota; /* its own limit is the narrow one */
};

struct victim {
	uint32_t number;
	uint64_t seq;
	enum vnep_outcome_word word;
	enum vnep_reason reason;
};

struct retaining {
	struct vnep_journal *journal;
	struct vnep_map_txn *map;
	const struct vnep_retention *limits;
	int64_t now_ns;
	struct use *uses; /* by number of the device */
	size_t use_count;
	struct vpc *vpcs; /* the first one: of those that the map does not know */
	size_t vpc_count;
	struct victim *victims;
	size_t victim_count, victim_cap;
	struct vnep_retention_result *out;
	struct vnep_err *err;
};

void vnep_retention_divide(uint64_t limit, const uint64_t *demand, const uint64_t *reserve,
	size_t count, uint64_t *share)
{
	uint64_t low = 0, high = UINT64_MAX;

	/* the highest level at which it fits */
	while (low < high) {
		uint64_t level = low + (high - low - 1) / 2 + 1, sum = 0;
		bool fits = true;

		for (size_t i = 0; i < count && fits; i++) {
			uint64_t most = reserve && reserve[i] > level ? reserve[i] : level;
			uint64_t part = demand[i] < most ? demand[i] : most;

			fits = part <= limit - sum;
			sum += fits ? part : 0;
		}
		if (fits)
			low = level;
		else
			high = level - 1;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t most = reserve && reserve[i] > low ? reserve[i] : low;

		share[i] = demand[i] < most ? demand[i] : most;
	}
}

static int no_memory(struct retaining *r)
{
	return vnep_err_sys(r->err, ENOMEM, "retention");
}

/* The first walk. */

static uint32_t vpc_of(struct retaining *r, const char *name)
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
	grown[r->vpc_count] = (struct vpc){ .quota = r->limits->vpc_octets };
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
static int meet(struct retaining *r, const char *dev, uint32_t number)
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
	if (r->uses[number].count || !r->map || vnep_map_get_device(r->map, dev, &device, NULL))
		return 0;
	r->uses[number].vpc = vpc_of(r, device.vpc);
	r->uses[number].dl_count = device.dl_packet_count;
	r->uses[number].dl_octets = device.dl_octets;
	if (device.dl_duration_s)
		r->uses[number].dl_before_ns =
			r->now_ns - (int64_t)device.dl_duration_s * 1000000000;
	vnep_device_release(&device);
	return 0;
}

static int count(const struct vnep_journal_stored *stored, void *arg)
{
	struct retaining *r = arg;
	struct use *use;
	int rc = meet(r, stored->dev, stored->number);

	if (rc)
		return rc;
	use = &r->uses[stored->number];
	use->count++;
	use->octets += stored->octets;
	if (stored->pending) {
		use->waiting++;
		use->waiting_octets += stored->octets;
	}
	r->vpcs[use->vpc].octets += stored->octets;
	return 0;
}

/* Shares. */

static void divide_vpc(struct retaining *r, uint32_t vpc, uint64_t *demand, uint64_t *share)
{
	size_t n = 0;

	for (size_t i = 0; i < r->use_count; i++)
		if (r->uses[i].vpc == vpc)
			demand[n++] = r->uses[i].octets;
	vnep_retention_divide(r->vpcs[vpc].share, demand, NULL, n, share);
	n = 0;
	for (size_t i = 0; i < r->use_count; i++)
		if (r->uses[i].vpc == vpc)
			r->uses[i].share = share[n++];
}

static int divide(struct retaining *r)
{
	size_t n = r->use_count > r->vpc_count ? r->use_count : r->vpc_count;
	uint64_t *memory = calloc(n + 1, 3 * sizeof *memory);
	uint64_t *demand = memory, *reserve = memory + n, *share = memory + 2 * n;

	if (!memory)
		return no_memory(r);
	for (size_t i = 0; i < r->vpc_count; i++) {
		const struct vpc *vpc = &r->vpcs[i];

		demand[i] = vpc->quota && vpc->quota < vpc->octets ? vpc->quota : vpc->octets;
		reserve[i] = vpc->reserve;
	}
	vnep_retention_divide(r->limits->octets ? r->limits->octets : UINT64_MAX, demand, reserve,
		r->vpc_count, share);
	for (size_t i = 0; i < r->vpc_count; i++) {
		r->vpcs[i].share = share[i];
		r->vpcs[i].by_quota = share[i] == demand[i];
	}
	for (uint32_t i = 0; i < r->vpc_count; i++)
		if (r->vpcs[i].share < r->vpcs[i].octets)
			divide_vpc(r, i, demand, share);
	for (size_t i = 0; i < r->use_count; i++)
		if (r->vpcs[r->uses[i].vpc].share >= r->vpcs[r->uses[i].vpc].octets)
			r->uses[i].share = r->uses[i].octets;
	free(memory);
	return 0;
}

/* The second walk. */

static int add_victim(struct retaining *r, const struct vnep_journal_stored *stored,
	enum vnep_outcome_word word, enum vnep_reason reason)
{
	struct use *use = &r->uses[stored->number];
	struct victim *grown;

	use->gone_waiting++;
	use->gone_waiting_octets += stored->octets;
	if (r->victim_count == r->victim_cap) {
		r->victim_cap = r->victim_cap ? 2 * r->victim_cap : 256;
		grown = realloc(r->victims, r->victim_cap * sizeof *grown);
		if (!grown)
			return no_memory(r);
		r->victims = grown;
	}
	r->victims[r->victim_count++] =
		(struct victim){ stored->number, stored->seq, word, reason };
	return 0;
}

/* Why the event goes out of the journal; VNEP_REASON_NONE: it does not. */
static enum vnep_reason goes(const struct retaining *r, const struct vnep_journal_stored *stored)
{
	const struct use *use = &r->uses[stored->number];

	if (use->stays)
		return VNEP_REASON_NONE;
	if (stored->ts.ns < r->limits->before.ns)
		return VNEP_EXPIRED;
	if (r->limits->packets && use->count - use->gone > r->limits->packets)
		return VNEP_DL_PACKET_COUNT;
	if (use->octets - use->gone_octets > use->share)
		return r->vpcs[use->vpc].by_quota ? VNEP_QUOTA_VPC : VNEP_QUOTA_REGION;
	return VNEP_REASON_NONE;
}

/* Why it waits no longer, by what its device is owed. */
static enum vnep_reason exceeds(const struct retaining *r, const struct vnep_journal_stored *stored)
{
	const struct use *use = &r->uses[stored->number];

	if (stored->ts.ns < use->dl_before_ns)
		return VNEP_DL_DURATION;
	if (use->dl_count && use->waiting - use->gone_waiting > use->dl_count)
		return VNEP_DL_PACKET_COUNT;
	if (use->dl_octets && use->waiting_octets - use->gone_waiting_octets > use->dl_octets)
		return VNEP_DL_OCTETS;
	return VNEP_REASON_NONE;
}

static int find(const struct vnep_journal_stored *stored, void *arg)
{
	struct retaining *r = arg;
	enum vnep_reason reason;
	struct use *use;

	if (stored->number >= r->use_count) /* came since the first walk */
		return 0;
	use = &r->uses[stored->number];
	reason = goes(r, stored);
	if (reason) {
		use->gone++;
		use->gone_octets += stored->octets;
		use->floor = stored->seq + 1;
		r->out->events++;
	} else {
		use->stays = true;
		reason = stored->pending ? exceeds(r, stored) : VNEP_REASON_NONE;
	}
	if (!reason || !stored->pending)
		return 0;
	return add_victim(r, stored,
		reason == VNEP_EXPIRED || reason == VNEP_DL_DURATION ? VNEP_OUTCOME_EXPIRED
								     : VNEP_OUTCOME_FAILED,
		reason);
}

/* Outcomes. */

struct naming {
	struct retaining *r;
	size_t next; /* victims come in order of their devices */
	struct vnep_outcome *batch;
	size_t count;
	bool dry;
	vnep_retention_cb *told;
	void *arg;
};

static int write_batch(struct naming *n)
{
	struct vnep_journal *journal = n->r->journal;
	int rc = n->dry ? 0 : vnep_journal_begin(journal, n->r->err);

	for (size_t i = 0; !rc && !n->dry && i < n->count; i++)
		rc = vnep_journal_outcome(journal, &n->batch[i], n->r->err);
	if (!rc && !n->dry)
		rc = vnep_journal_commit(journal, n->r->err);
	else if (!n->dry)
		vnep_journal_abort(journal);
	for (size_t i = 0; !rc && i < n->count; i++) {
		n->r->out->settled++;
		rc = n->told ? n->told(&n->batch[i], n->arg) : 0;
	}
	n->count = 0;
	return rc;
}

static int settle_device(const struct vnep_journal_device *device, void *arg)
{
	struct naming *n = arg;
	struct retaining *r = n->r;
	int rc = 0;

	while (!rc && n->next < r->victim_count && r->victims[n->next].number == device->number) {
		const struct victim *victim = &r->victims[n->next++];
		struct vnep_outcome *outcome = &n->batch[n->count++];

		*outcome = (struct vnep_outcome){ .seq = victim->seq,
			.ts.ns = r->now_ns,
			.outcome = victim->word,
			.reason = victim->reason };
		memcpy(outcome->dev, device->dev, sizeof outcome->dev);
		if (n->count == OUTCOMES_A_GROUP)
			rc = write_batch(n);
	}
	return rc;
}

static int settle(struct retaining *r, bool dry, vnep_retention_cb *told, void *arg)
{
	struct naming n = { .r = r, .dry = dry, .told = told, .arg = arg };
	int rc;

	n.batch = calloc(OUTCOMES_A_GROUP, sizeof *n.batch);
	if (!n.batch)
		return no_memory(r);
	rc = vnep_journal_each_device(r->journal, false, settle_device, &n, r->err);
	if (!rc)
		rc = write_batch(&n);
	free(n.batch);
	return rc;
}

static uint64_t floor_of(const struct vnep_journal_device *device, void *arg)
{
	const struct retaining *r = arg;

	return device->number < r->use_count ? r->uses[device->number].floor : 0;
}

bool vnep_consent_may_keep(struct vnep_consent *consent, const struct vnep_event *event)
{
	bool waits = event->direction == VNEP_TO_DEVICE && !event->copy;

	if (!consent->map || !event->frame || waits)
		return true;
	if (strcmp(consent->dev, event->dev) != 0) {
		consent->given = vnep_map_consents(consent->map, event->dev);
		memcpy(consent->dev, event->dev, sizeof consent->dev);
	}
	return consent->given;
}

int vnep_consent_refuse(const struct vnep_event *event, struct vnep_err *err)
{
	return vnep_err_set(err, VNEP_EVALUE,
		"%s does not consent: only what waits for it is journaled", event->dev);
}

int vnep_retention_apply(struct vnep_journal *journal, struct vnep_map_txn *map,
	const struct vnep_retention *limits, bool dry, vnep_retention_cb *told, void *arg,
	struct vnep_retention_result *out, struct vnep_err *err)
{
	struct retaining r = { .journal = journal,
		.map = map,
		.limits = limits,
		.now_ns = vnep_wall_now().ns,
		.out = out,
		.err = err };
	int rc;

	*out = (struct vnep_retention_result){ 0 };
	vpc_of(&r, "");
	rc = r.vpcs ? 0 : no_memory(&r);
	if (!rc)
		rc = vnep_journal_each_stored(journal, count, &r, err);
	if (!rc)
		rc = divide(&r);
	if (!rc)
		rc = vnep_journal_each_stored(journal, find, &r, err);
	if (!rc)
		rc = settle(&r, dry, told, arg);
	if (!rc && !dry && (out->events || limits->before.ns))
		rc = vnep_journal_prune(journal, floor_of, &r,
			limits->before.ns ? limits->before : (struct vnep_wall){ INT64_MIN },
			&out->pruned, err);
	free(r.uses);
	free(r.vpcs);
	free(r.victims);
	return rc;
}
