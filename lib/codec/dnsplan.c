/*
 * dnsplan - two sorted sets of records, walked side by side, name by name.
 *
 * Why a receipt for each record and not a mark for the name: the manager of the zone may add an AAAA record of
 * his own at our name, and withdrawing the device must leave it there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/buf.h"
#include "vnep/dnsplan.h"

static const char mark[] = "v=vnep1 owner=";

/* The records of one name in a set. */
struct span {
	struct vnep_dnsrr **rr;
	size_t count;
};

static struct span span_at(const struct vnep_dnsset *set, size_t first)
{
	size_t count = 0;

	while (first + count < set->count &&
		!strcmp(set->rr[first]->name, set->rr[first + count]->name))
		count++;
	return (struct span){ set->rr ? set->rr + first : NULL, count };
}

static void *grow(void *items, size_t *cap, size_t count, size_t size)
{
	void *grown = items;

	if (count < *cap)
		return items;
	*cap = *cap ? 2 * *cap : 64;
	grown = realloc(items, *cap * size);
	if (!grown)
		*cap = count;
	return grown;
}

int vnep_dnsplan_receipts(struct vnep_dnsset *want, const char *owner)
{
	char first[sizeof mark + VNEP_DNS_OWNER_MAX];
	size_t count = want->count;
	struct vnep_buf data;
	int rc = 0;

	snprintf(first, sizeof first, "%s%s", mark, owner);
	vnep_buf_init(&data);
	for (size_t i = 0; i < count && !rc; i++) {
		vnep_buf_reset(&data);
		vnep_dnsrr_put_data(&data, want->rr[i]);
		rc = data.rc ? data.rc
			     : vnep_dnsset_add_txt(want, want->rr[i]->name, want->rr[i]->ttl, first,
				       vnep_buf_str(&data));
	}
	vnep_buf_release(&data);
	return rc;
}

/* The first string of a TXT record, if it is the mark of a receipt: whose. Else NULL. */
static const char *receipt_owner(const struct vnep_dnsrr *rr, size_t *len)
{
	size_t n = sizeof mark - 1;

	if (rr->type != VNEP_DNS_TXT || rr->len < 1 + n || rr->data[0] < n ||
		rr->data[0] > rr->len - 1 || memcmp(rr->data + 1, mark, n))
		return NULL;
	*len = rr->data[0] - n;
	return (const char *)rr->data + 1 + n;
}

static bool is_receipt(const struct vnep_dnsrr *rr, const char *owner)
{
	size_t len;
	const char *whose = receipt_owner(rr, &len);

	return whose && len == strlen(owner) && !memcmp(whose, owner, len);
}

/* Is this the receipt of a record with these data? Its second string says so. */
static bool is_receipt_of(const struct vnep_dnsrr *rr, const char *text, size_t len)
{
	size_t at = 1 + (size_t)rr->data[0];

	return rr->len == at + 1 + len && rr->data[at] == len &&
	       !memcmp(rr->data + at + 1, text, len);
}

static bool has_receipt(struct span have, const char *owner, const struct vnep_dnsrr *rr)
{
	struct vnep_buf data;
	bool found = false;

	if (rr->type == VNEP_DNS_TXT)
		return is_receipt(rr, owner);
	vnep_buf_init(&data);
	vnep_dnsrr_put_data(&data, rr);
	for (size_t i = 0; i < have.count && data.len && !found; i++)
		found = is_receipt(have.rr[i], owner) &&
			is_receipt_of(have.rr[i], (const char *)data.data, data.len);
	vnep_buf_release(&data);
	return found;
}

static bool any_receipt(struct span have, const char *owner)
{
	for (size_t i = 0; i < have.count; i++)
		if (is_receipt(have.rr[i], owner))
			return true;
	return false;
}

bool vnep_dnsplan_is_ours(const struct vnep_dnsset *have, const char *name, const char *owner)
{
	size_t count, first = vnep_dnsset_range(have, name, &count);

	return any_receipt((struct span){ have->rr ? have->rr + first : NULL, count }, owner);
}

static const struct vnep_dnsrr *find(struct span span, const struct vnep_dnsrr *rr)
{
	for (size_t i = 0; i < span.count; i++)
		if (!vnep_dnsrr_order(span.rr[i], rr))
			return span.rr[i];
	return NULL;
}

static int add_step(struct vnep_dnsplan *plan, enum vnep_dns_op op, const struct vnep_dnsrr *rr)
{
	struct vnep_dnsstep *step = grow(plan->step, &plan->step_cap, plan->steps, sizeof *step);

	if (!step)
		return -ENOMEM;
	plan->step = step;
	step[plan->steps++] = (struct vnep_dnsstep){ op, rr };
	return 0;
}

static int add_change(struct vnep_dnsplan *plan, const char *name, enum vnep_dns_what what,
	bool unused, size_t first)
{
	struct vnep_dnschange *change = grow(plan->change, &plan->cap, plan->count, sizeof *change);

	if (!change)
		return -ENOMEM;
	plan->change = change;
	change[plan->count++] =
		(struct vnep_dnschange){ name, what, unused, first, plan->steps - first };
	return 0;
}

/* Whose it is, as far as its records tell. */
static void say_why(struct span have, char *out, size_t cap)
{
	const char *whose;
	struct vnep_buf types;
	size_t len;

	for (size_t i = 0; i < have.count; i++) {
		whose = receipt_owner(have.rr[i], &len);
		if (whose) {
			snprintf(out, cap, "belongs to vnep owner \"%.*s\"",
				(int)(len < VNEP_DNS_OWNER_MAX ? len : VNEP_DNS_OWNER_MAX), whose);
			return;
		}
	}
	vnep_buf_init(&types);
	for (size_t i = 0; i < have.count && types.len < 64; i++) {
		if (i && have.rr[i]->type == have.rr[i - 1]->type)
			continue;
		vnep_buf_put_str(&types, i ? ", " : "");
		vnep_dnstype_put(&types, have.rr[i]->type);
	}
	snprintf(out, cap, "has records of somebody else (%s)", vnep_buf_str(&types));
	vnep_buf_release(&types);
}

/* The name at or above this one that is a zone of its own; the zone's own name has NS records and a SOA. */
static const char *delegation(const struct vnep_dnsset *have, const char *name)
{
	for (const char *at = name; at && *at; at = strchr(at, '.'), at += at != NULL) {
		size_t count, first = vnep_dnsset_range(have, at, &count);
		bool cut = false, zone = false;

		for (size_t i = first; i < first + count; i++) {
			cut = cut || have->rr[i]->type == VNEP_DNS_NS;
			zone = zone || have->rr[i]->type == VNEP_DNS_SOA;
		}
		if (zone)
			return NULL;
		if (cut)
			return at;
	}
	return NULL;
}

static int leave(struct vnep_dnsplan *plan, struct span want, struct span have, const char *cut)
{
	struct vnep_dnsleft *left =
		grow(plan->left, &plan->left_cap, plan->left_count, sizeof *left);

	if (!left)
		return -ENOMEM;
	plan->left = left;
	left[plan->left_count].name = want.rr[0]->name;
	if (!cut)
		say_why(have, left[plan->left_count].why, sizeof left->why);
	else if (strcmp(cut, want.rr[0]->name) != 0)
		snprintf(left[plan->left_count].why, sizeof left->why,
			"lies below \"%.63s\", which is delegated", cut);
	else
		snprintf(left[plan->left_count].why, sizeof left->why,
			"is delegated, or lies below what is");
	plan->left_count++;
	return 0;
}

static int take_unused(struct vnep_dnsplan *plan, struct span want)
{
	size_t first = plan->steps;
	int rc = 0;

	for (size_t i = 0; i < want.count && !rc; i++)
		rc = add_step(plan, VNEP_DNS_PUT, want.rr[i]);
	return rc ? rc : add_change(plan, want.rr[0]->name, VNEP_DNS_ADD, true, first);
}

/* A record whose TTL changes is deleted and added again: servers differ in what adding alone does. */
static int delete_ours(
	struct vnep_dnsplan *plan, struct span want, struct span have, const char *owner)
{
	int rc = 0;

	for (size_t i = 0; i < have.count && !rc; i++) {
		const struct vnep_dnsrr *wanted = find(want, have.rr[i]);

		if ((!wanted || wanted->ttl != have.rr[i]->ttl) &&
			has_receipt(have, owner, have.rr[i]))
			rc = add_step(plan, VNEP_DNS_DELETE, have.rr[i]);
	}
	return rc;
}

/* A record that somebody else has there with other data keeps its TTL: it decides for the whole set. */
static int put_wanted(
	struct vnep_dnsplan *plan, struct span want, struct span have, const char *owner)
{
	int rc = 0;

	for (size_t i = 0; i < want.count && !rc; i++) {
		const struct vnep_dnsrr *there = find(have, want.rr[i]);

		if (!there || (there->ttl != want.rr[i]->ttl && has_receipt(have, owner, there)))
			rc = add_step(plan, VNEP_DNS_PUT, want.rr[i]);
	}
	return rc;
}

static int change_ours(
	struct vnep_dnsplan *plan, struct span want, struct span have, const char *owner)
{
	size_t first = plan->steps, required;
	int rc = 0;

	for (size_t i = 0; i < have.count && !rc; i++)
		if (have.rr[i]->type == VNEP_DNS_TXT)
			rc = add_step(plan, VNEP_DNS_REQUIRE, have.rr[i]);
	required = plan->steps;
	if (!rc)
		rc = delete_ours(plan, want, have, owner);
	if (!rc)
		rc = put_wanted(plan, want, have, owner);
	if (rc)
		return rc;
	if (plan->steps == required) {
		plan->steps = first;
		plan->same++;
		return 0;
	}
	return add_change(plan, have.rr[0]->name, want.count ? VNEP_DNS_CHANGE : VNEP_DNS_WITHDRAW,
		false, first);
}

int vnep_dnsplan_make(struct vnep_dnsplan *plan, const struct vnep_dnsset *want,
	const struct vnep_dnsset *have, const char *owner)
{
	size_t w = 0, h = 0;
	int rc = 0;

	while (!rc && (w < want->count || h < have->count)) {
		const char *cut = NULL;
		int order = w == want->count   ? 1
			    : h == have->count ? -1
					       : strcmp(want->rr[w]->name, have->rr[h]->name);
		struct span wanted = { 0 }, there = { 0 };

		if (order <= 0)
			wanted = span_at(want, w);
		if (order >= 0)
			there = span_at(have, h);
		w += wanted.count;
		h += there.count;
		if (wanted.count)
			cut = delegation(have, wanted.rr[0]->name);
		if (cut) {
			rc = leave(plan, wanted, there, cut);
			wanted.count = 0;
			if (rc || !any_receipt(there, owner))
				continue;
		}
		if (!there.count)
			rc = take_unused(plan, wanted);
		else if (any_receipt(there, owner))
			rc = change_ours(plan, wanted, there, owner);
		else if (wanted.count)
			rc = leave(plan, wanted, there, NULL);
	}
	return rc;
}

void vnep_dnsplan_release(struct vnep_dnsplan *plan)
{
	free(plan->change);
	free(plan->step);
	free(plan->left);
	*plan = (struct vnep_dnsplan){ 0 };
}

size_t vnep_dnschange_octets(const struct vnep_dnsplan *plan, const struct vnep_dnschange *change)
{
	enum { RR_OCTETS = 10 };
	size_t name = strlen(change->name) + 1, octets = change->unused ? name + RR_OCTETS : 0;

	for (size_t i = 0; i < change->count; i++)
		octets += name + RR_OCTETS + plan->step[change->first + i].rr->len;
	return octets;
}

void vnep_dnschange_put(
	struct vnep_buf *out, const struct vnep_dnsplan *plan, const struct vnep_dnschange *change)
{
	static const char *const words[] = { "prereq yxrrset", "update delete", "update add" };

	if (change->unused)
		vnep_buf_printf(out, "prereq nxdomain %s\n", change->name);
	for (size_t i = 0; i < change->count; i++) {
		const struct vnep_dnsstep *step = &plan->step[change->first + i];

		vnep_buf_printf(out, "%s %s ", words[step->op], change->name);
		if (step->op == VNEP_DNS_PUT)
			vnep_buf_printf(out, "%u ", step->rr->ttl);
		vnep_dnstype_put(out, step->rr->type);
		vnep_buf_put_str(out, " ");
		vnep_dnsrr_put_data(out, step->rr);
		vnep_buf_put_str(out, "\n");
	}
}
