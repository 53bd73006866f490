/*
 * dns-ask - what a server has at many names, when it does not give its zone to us.
 *
 * A window of questions is on its way at any time (RFC 7766 6.2.1.1), so the round trip is paid once for many.
 * Two questions a name: its TXT records, which hold the receipts, and the records of the kind that vnep has there.
 * A name that exists with neither has other records, or is just the parent of another name: a third question
 * (ANY) tells, because the parent of a name is free to take.
 *
 * A name below a delegation is answered by a referral, or, where the server has that zone, too, from there: what is
 * not there comes with another SOA.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns-private.h"

enum { WINDOW = 64, TRIES = 4 };

struct question {
	const char *name;
	uint16_t type;
	bool answered, empty; /* empty: the name exists, without such records */
};

struct asking {
	struct vnep_dns *dns;
	struct question *list;
	size_t count;
	struct {
		struct question *question; /* NULL: free */
		uint16_t id;
		struct dns_mac mac;
	} slot[WINDOW];
	unsigned on_the_way;
	struct vnep_buf message;
	struct vnep_dnsset *have;
};

static int send_question(struct asking *a, struct question *q, struct vnep_err *err)
{
	unsigned i = 0;
	int rc;

	while (a->slot[i].question)
		i++;
	a->slot[i].id = a->dns->next_id++;
	rc = vnep_dnswire_query(
		&a->message, a->slot[i].id, q->name, q->type, a->dns->signer, &a->slot[i].mac, err);
	if (rc)
		return rc;
	a->slot[i].question = q;
	a->on_the_way++;
	return vnep_dnsnet_send(&a->dns->net, &a->message, vnep_dns_deadline(a->dns), err);
}

/* Where the name has a CNAME, the SOA is of the zone that this leads to, and says nothing of the name. */
static bool is_elsewhere(const struct asking *a, const struct dns_answer *answer)
{
	return (answer->rcode == DNS_NOERROR && !answer->authoritative) ||
	       (!answer->named && answer->zone[0] && a->dns->zone[0] &&
		       strcmp(answer->zone, a->dns->zone) != 0);
}

static int judge(
	struct asking *a, struct question *q, const struct dns_answer *answer, struct vnep_err *err)
{
	int rc = answer->rcode == DNS_NXDOMAIN ? 0 : vnep_dns_fail(a->dns, answer, q->name, err);

	if (!rc)
		rc = vnep_dns_trust(a->dns, answer, err);
	if (!rc && answer->truncated && q->type == VNEP_DNS_ANY)
		rc = vnep_dnsset_add(a->have, q->name, VNEP_DNS_ANY, 0, NULL, 0);
	else if (!rc && answer->truncated)
		rc = vnep_err_set(err, -EPROTO, "%s has more records than a datagram holds: %s",
			q->name, "leave out --udp");
	if (!rc && is_elsewhere(a, answer))
		rc = vnep_dnsset_add(a->have, q->name, VNEP_DNS_NS, 0, NULL, 0);
	/* The answer to ANY may be the NS records alone: those of the zone itself delegate nothing. */
	if (!rc && q->type == VNEP_DNS_ANY && !strcmp(q->name, a->dns->zone))
		rc = vnep_dnsset_add(a->have, q->name, VNEP_DNS_SOA, 0, NULL, 0);
	q->answered = !rc;
	q->empty = answer->rcode == DNS_NOERROR && !answer->records && !is_elsewhere(a, answer);
	return rc;
}

/* Take one answer; one that belongs to no question is dropped. */
static int take_answer(struct asking *a, struct vnep_err *err)
{
	struct dns_answer answer;
	bool lost;
	int rc = vnep_dnsnet_receive(
		&a->dns->net, &a->message, vnep_dns_deadline(a->dns), &lost, err);
	uint16_t id;

	if (rc || a->message.len < 2)
		return rc;
	id = vnep_be16(a->message.data);
	for (unsigned i = 0; i < WINDOW; i++) {
		struct question *q = a->slot[i].question;

		if (!q || a->slot[i].id != id)
			continue;
		a->slot[i].question = NULL;
		a->on_the_way--;
		rc = vnep_dnswire_read(a->message.data, a->message.len, a->dns->signer,
			&a->slot[i].mac, false, &answer, q->name, a->have, err);
		return rc ? rc : judge(a, q, &answer, err);
	}
	return 0;
}

/* Until all are answered, or no answer comes. */
static int ask_once(struct asking *a, struct vnep_err *err)
{
	size_t next = 0;
	int rc = vnep_dns_connect(a->dns, err);

	for (unsigned i = 0; i < WINDOW; i++)
		a->slot[i].question = NULL;
	a->on_the_way = 0;
	while (!rc && (next < a->count || a->on_the_way)) {
		if (next == a->count || a->on_the_way == WINDOW)
			rc = take_answer(a, err);
		else if (a->list[next].answered)
			next++;
		else
			rc = send_question(a, &a->list[next++], err);
	}
	return rc;
}

/* What was not answered is asked again: on a new connection, or in new datagrams. */
static int ask_all(struct asking *a, struct vnep_err *err)
{
	int rc = VNEP_EUNAVAIL;

	for (int i = 0; i < TRIES && rc == VNEP_EUNAVAIL; i++) {
		rc = ask_once(a, err);
		if (rc)
			vnep_dnsnet_close(&a->dns->net);
	}
	return rc;
}

static uint16_t type_at(const char *name)
{
	return name[0] == '_'                       ? VNEP_DNS_SRV
	       : vnep_dnsname_in(name, "ip6.arpa.") ? VNEP_DNS_PTR
						    : VNEP_DNS_AAAA;
}

/* Of names that exist with neither kind of record. Reuses the list. */
static int ask_rest(struct asking *a, struct vnep_err *err)
{
	size_t rest = 0;

	for (size_t i = 0; i + 1 < a->count; i += 2)
		if (a->list[i].empty && a->list[i + 1].empty)
			a->list[rest++] =
				(struct question){ a->list[i].name, VNEP_DNS_ANY, false, false };
	a->count = rest;
	return rest ? ask_all(a, err) : 0;
}

int vnep_dns_ask(struct vnep_dns *dns, const char *const *names, size_t count,
	struct vnep_dnsset *have, struct vnep_err *err)
{
	struct asking a = { .dns = dns, .count = 2 * count, .have = have };
	int rc;

	if (!count)
		return 0;
	a.list = calloc(a.count, sizeof *a.list);
	if (!a.list)
		return vnep_err_sys(err, ENOMEM, "asking for %zu names", count);
	vnep_buf_init(&a.message);
	for (size_t i = 0; i < count; i++) {
		a.list[2 * i] = (struct question){ names[i], VNEP_DNS_TXT, false, false };
		a.list[2 * i + 1] = (struct question){ names[i], type_at(names[i]), false, false };
	}
	rc = ask_all(&a, err);
	if (!rc)
		rc = ask_rest(&a, err);
	vnep_buf_release(&a.message);
	free(a.list);
	return rc;
}
