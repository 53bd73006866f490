/*
 * publish-send - a plan becomes UPDATE messages, one at a time.
 *
 * The next message waits for the answer to the last one, so a slow server sets the pace. A message is done in full
 * or not at all, which settles every doubt:
 *   - a prerequisite does not hold: halves of the message are tried, until the name that changed is alone; it is
 *     reported, the others go on.
 *   - no answer: the server is asked what it has at the first name of the message. As wanted: all of the message was
 *     done. Otherwise it is sent again; if a prerequisite does not hold then, it may have been done after we asked,
 *     and the server is asked once more.
 */
#include <errno.h>
#include <time.h>

#include "publish.h"
#include "vnep/clock.h"

enum { TRIES = 5, FIRST_WAIT_MS = 200 };

struct sending {
	struct publish *p;
	const struct publish_zone *zone;
	const struct vnep_dnsplan *plan;
	struct publish_done *done;
	size_t at;    /* the first change that is not settled */
	size_t limit; /* of changes in a message; 0 = what fits */
	int tries;    /* of this message */
	bool unsure;  /* it was sent before, and nobody said what became of it */
};

size_t publish_pack(const struct publish *p, const struct publish_zone *zone,
	const struct vnep_dnsplan *plan, size_t first, size_t limit)
{
	size_t room = p->dns ? vnep_dns_room(p->dns, zone->name)
			     : (p->udp ? VNEP_DNS_UDP_OCTETS : VNEP_DNS_TCP_OCTETS) / 2,
	       count = 0;

	while (first + count < plan->count && (!limit || count < limit)) {
		size_t octets = vnep_dnschange_octets(plan, &plan->change[first + count]);

		if (octets > room)
			break;
		room -= octets;
		count++;
	}
	return count;
}

static void sleep_ns(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	if (ns > 0)
		while (nanosleep(&t, &t) && errno == EINTR)
			;
}

static void settle(struct sending *s, size_t count)
{
	for (size_t i = s->at; i < s->at + count; i++)
		s->done->count[s->plan->change[i].what]++;
	s->at += count;
	s->tries = 0;
	s->unsure = false;
	s->limit = s->limit * 2 < s->limit ? 0 : s->limit * 2;
}

/* Has the server what the first change of the message leads to? 1, 0 or an error. */
static int is_applied(struct sending *s)
{
	const char *name = s->plan->change[s->at].name;
	struct vnep_dnsset want = { 0 }, have = { 0 };
	struct vnep_dnsplan rest = { 0 };
	int rc = vnep_dns_ask(s->p->dns, &name, 1, &have, &s->p->cli->err);
	size_t first;

	if (!rc) {
		vnep_dnsset_sort(&have);
		first = vnep_dnsset_range(&s->zone->want, name, &want.count);
		want.rr = s->zone->want.rr ? s->zone->want.rr + first : NULL;
		rc = vnep_dnsplan_make(&rest, &want, &have, s->p->owner);
	}
	if (!rc)
		rc = !rest.count && !rest.left_count;
	vnep_dnsplan_release(&rest);
	vnep_dnsset_release(&have);
	return rc;
}

static void say_conflict(struct sending *s)
{
	struct vnep_err err = { 0 };

	vnep_err_set(&err, VNEP_ECONFLICT,
		"%s: \"%s\" changed while we published, and is left as it is", s->zone->name,
		s->plan->change[s->at].name);
	vnep_cli_error(s->p->cli, &err);
	s->p->conflicts++;
	s->at++;
	s->limit = 1;
}

/* A message of which nobody knows. 1: it was done, 0: it was not, or the server cannot be asked now. */
static int find_out(struct sending *s, size_t count)
{
	struct vnep_err before = s->p->cli->err;
	int rc = is_applied(s);

	if (rc == 1)
		settle(s, count);
	if (rc >= 0)
		return rc;
	s->p->cli->err = before;
	return rc == VNEP_EUNAVAIL ? 0 : before.code;
}

static int halve(struct sending *s, size_t count)
{
	int rc = s->unsure ? find_out(s, count) : 0;

	if (rc)
		return rc < 0 ? rc : 0;
	s->unsure = false;
	s->tries = 0;
	s->limit = count / 2;
	if (count == 1)
		say_conflict(s);
	return 0;
}

static int send_one(struct sending *s, size_t count)
{
	int rc = vnep_dns_update(s->p->dns, s->zone->name, s->plan, s->at, count, &s->p->cli->err);

	if (!rc) {
		settle(s, count);
		return 0;
	}
	if (rc == VNEP_ECONFLICT)
		return halve(s, count);
	if ((rc != VNEP_EUNKNOWN && rc != VNEP_EUNAVAIL) || ++s->tries == TRIES)
		return rc;
	sleep_ns((int64_t)FIRST_WAIT_MS * 1000000 << (s->tries - 1));
	if (rc == VNEP_EUNAVAIL)
		return 0;
	s->unsure = true;
	rc = find_out(s, count);
	return rc < 0 ? rc : 0;
}

static int too_long(struct sending *s)
{
	struct vnep_err err = { 0 };

	vnep_err_set(&err, VNEP_EDIFFERS, "%s: \"%s\" has more records than a message holds",
		s->zone->name, s->plan->change[s->at].name);
	vnep_cli_error(s->p->cli, &err);
	s->at++;
	return 0;
}

int publish_send(struct publish *p, const struct publish_zone *zone,
	const struct vnep_dnsplan *plan, struct publish_done *done)
{
	struct sending s = { p, zone, plan, done, .at = 0 };
	int rc = 0;

	while (!rc && s.at < plan->count) {
		struct vnep_mono start = vnep_mono_now();
		size_t limit = !s.limit || (p->rate && p->rate < s.limit) ? p->rate : s.limit;
		size_t before = s.at, count = publish_pack(p, zone, plan, s.at, limit);

		rc = count ? send_one(&s, count) : too_long(&s);
		if (p->rate && s.at > before && s.at < plan->count)
			sleep_ns((int64_t)((s.at - before) * 1000000000 / p->rate) -
				 (vnep_mono_now().ns - start.ns));
	}
	return rc;
}
