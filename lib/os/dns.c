/* dns - a conversation with one authoritative server: connecting, judging its answers, transfer, update. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dns-private.h"

int vnep_dns_open(struct vnep_dns **out, const struct vnep_dns_config *config, struct vnep_err *err)
{
	struct vnep_dns *dns = calloc(1, sizeof *dns);
	int rc;

	if (!dns)
		return vnep_err_sys(err, ENOMEM, "opening a DNS conversation");
	dns->config = *config;
	dns->config.key = NULL;
	dns->net.fd = -1;
	if (config->key) {
		dns->key = *config->key;
		dns->signer = &dns->key;
	}
	if (getrandom(&dns->next_id, sizeof dns->next_id, GRND_NONBLOCK) != sizeof dns->next_id)
		dns->next_id = (uint16_t)vnep_mono_now().ns;
	rc = vnep_dns_connect(dns, err);
	if (rc)
		vnep_dns_close(dns);
	else
		*out = dns;
	return rc;
}

void vnep_dns_close(struct vnep_dns *dns)
{
	if (!dns)
		return;
	vnep_dnsnet_close(&dns->net);
	vnep_dnskey_wipe(&dns->key);
	free(dns);
}

struct vnep_mono vnep_dns_deadline(const struct vnep_dns *dns)
{
	return (struct vnep_mono){ vnep_mono_now().ns + dns->config.timeout_ns };
}

int vnep_dns_connect(struct vnep_dns *dns, struct vnep_err *err)
{
	if (vnep_dnsnet_usable(&dns->net) && dns->net.udp == dns->config.udp)
		return 0;
	return vnep_dnsnet_connect(
		&dns->net, &dns->config.server, dns->config.udp, vnep_dns_deadline(dns), err);
}

size_t vnep_dns_room(const struct vnep_dns *dns, const char *zone)
{
	enum { HEADER = 12, QUESTION = 4, TSIG = 10 + 16 + 16 + DNS_MAC_MAX };
	size_t taken = HEADER + strlen(zone) + 1 + QUESTION;

	if (dns->signer)
		taken += strlen(dns->signer->name) + 1 + TSIG;
	return (dns->config.udp ? VNEP_DNS_UDP_OCTETS : VNEP_DNS_TCP_OCTETS) - taken;
}

static int fail_key(struct vnep_dns *dns, const struct dns_answer *answer, struct vnep_err *err)
{
	const char *name = dns->key.name;
	int64_t off = answer->clock_off_s;

	switch (answer->rcode) {
	case DNS_BADKEY:
		vnep_err_set(err, VNEP_EPRIV, "the DNS server at %s knows no key \"%s\" (%s)",
			dns->net.where, name, dns->key.algorithm);
		return vnep_err_hint(err, "name and algorithm must be the same on both sides");
	case DNS_BADTIME:
		vnep_err_set(err, VNEP_EPRIV,
			"the clock of the DNS server at %s is %lld s %s: it refuses our signature",
			dns->net.where, (long long)(off < 0 ? -off : off),
			off < 0 ? "behind ours" : "ahead of ours");
		return vnep_err_hint(err, "set both clocks: 300 s may lie between them");
	default:
		vnep_err_set(err, VNEP_EPRIV,
			"the DNS server at %s has another secret for the key \"%s\"",
			dns->net.where, name);
		return vnep_err_hint(err, "copy the key file from the server");
	}
}

int vnep_dns_fail(struct vnep_dns *dns, const struct dns_answer *answer, const char *what,
	struct vnep_err *err)
{
	const char *where = dns->net.where;

	switch (answer->rcode) {
	case DNS_NOERROR: return 0;
	case DNS_BADSIG:
	case DNS_BADKEY:
	case DNS_BADTIME:
	case DNS_BADTRUNC: return fail_key(dns, answer, err);
	case DNS_NXDOMAIN:
	case DNS_YXDOMAIN:
	case DNS_YXRRSET:
	case DNS_NXRRSET:
		return vnep_err_set(err, VNEP_ECONFLICT,
			"%s: the DNS server at %s has changed meanwhile", what, where);
	case DNS_REFUSED:
	case DNS_NOTAUTH:
	case DNS_NOTZONE:
		vnep_err_set(err, VNEP_EPRIV, "%s: the DNS server at %s refuses that%s", what,
			where, dns->signer ? " to this key" : "");
		return vnep_err_hint(err,
			dns->signer ? "is it the primary server, and may this key change the zone?"
				    : "most servers want a key: --key FILE");
	case DNS_SERVFAIL:
		return vnep_err_set(err, VNEP_EUNAVAIL,
			"%s: the DNS server at %s is in trouble (SERVFAIL)", what, where);
	default:
		return vnep_err_set(err, -EPROTO, "%s: the DNS server at %s answers code %u", what,
			where, answer->rcode);
	}
}

int vnep_dns_trust(struct vnep_dns *dns, const struct dns_answer *answer, struct vnep_err *err)
{
	if (answer->verified)
		return 0;
	return vnep_err_set(err, -EPROTO, "an answer of the DNS server at %s is %s", dns->net.where,
		answer->mac_is_there ? "not signed with our key" : "not signed");
}

int vnep_dns_exchange(struct vnep_dns *dns, const struct vnep_buf *message, uint16_t id,
	const struct dns_mac *mac, struct dns_answer *answer, bool *sent, struct vnep_err *err)
{
	struct vnep_mono deadline = vnep_dns_deadline(dns);
	int rc = vnep_dns_connect(dns, err);
	struct vnep_buf in;
	bool lost;

	*sent = false;
	if (rc)
		return rc;
	vnep_buf_init(&in);
	*sent = true;
	rc = vnep_dnsnet_send(&dns->net, message, deadline, err);
	while (!rc) {
		rc = vnep_dnsnet_receive(&dns->net, &in, deadline, &lost, err);
		/* A datagram that is not for us is no reason to give up; on a connection it is. */
		if (!rc && dns->net.udp && (in.len < 2 || vnep_be16(in.data) != id))
			continue;
		if (!rc)
			rc = vnep_dnswire_read(
				in.data, in.len, dns->signer, mac, false, answer, NULL, NULL, err);
		if (!rc && answer->id != id)
			rc = vnep_err_set(err, -EPROTO,
				"the DNS server at %s answered another question", dns->net.where);
		break;
	}
	if (rc)
		vnep_dnsnet_close(&dns->net);
	vnep_buf_release(&in);
	return rc;
}

static int ask_soa(
	struct vnep_dns *dns, const char *zone, struct dns_answer *answer, struct vnep_err *err)
{
	struct vnep_buf message;
	struct dns_mac mac;
	bool sent;
	uint16_t id = dns->next_id++;
	int rc;

	vnep_buf_init(&message);
	rc = vnep_dnswire_query(&message, id, zone, VNEP_DNS_SOA, dns->signer, &mac, err);
	if (!rc)
		rc = vnep_dns_exchange(dns, &message, id, &mac, answer, &sent, err);
	vnep_buf_release(&message);
	return rc;
}

int vnep_dns_check(struct vnep_dns *dns, const char *zone, struct vnep_err *err)
{
	struct dns_answer answer;
	int rc = ask_soa(dns, zone, &answer, err);

	if (rc)
		return rc;
	if (answer.rcode != DNS_NXDOMAIN)
		rc = vnep_dns_fail(dns, &answer, zone, err);
	if (!rc)
		rc = vnep_dns_trust(dns, &answer, err);
	if (!rc && (!answer.authoritative || answer.first_type != VNEP_DNS_SOA)) {
		vnep_err_set(err, VNEP_EPRIV, "the DNS server at %s has no zone \"%s\"",
			dns->net.where, zone);
		rc = vnep_err_hint(err, "--server wants the primary server of the zone");
	}
	if (!rc)
		snprintf(dns->zone, sizeof dns->zone, "%s", zone);
	return rc;
}

/* One message of a transfer. done: the SOA that ends it has come. */
static int transfer_next(struct vnep_dns *dns, struct vnep_buf *in, struct dns_mac *mac,
	size_t *records, bool *done, struct vnep_dnsset *have, struct vnep_err *err)
{
	struct dns_answer answer;
	bool lost;
	int rc = vnep_dnsnet_receive(&dns->net, in, vnep_dns_deadline(dns), &lost, err);

	if (!rc)
		rc = vnep_dnswire_read(in->data, in->len, dns->signer, mac, *records > 0, &answer,
			NULL, have, err);
	if (!rc)
		rc = vnep_dns_fail(dns, &answer, "zone transfer", err);
	if (!rc)
		rc = vnep_dns_trust(dns, &answer, err);
	if (!rc && (!answer.records || (!*records && answer.first_type != VNEP_DNS_SOA)))
		rc = vnep_err_set(
			err, -EPROTO, "a zone transfer that is none from %s", dns->net.where);
	if (rc)
		return rc;
	*records += answer.records;
	*done = *records > 1 && answer.last_type == VNEP_DNS_SOA;
	*mac = answer.mac;
	return 0;
}

int vnep_dns_transfer(
	struct vnep_dns *dns, const char *zone, struct vnep_dnsset *have, struct vnep_err *err)
{
	struct dns_net net = { .fd = -1 };
	struct vnep_dns on_tcp = *dns;
	struct vnep_buf message;
	struct dns_mac mac;
	size_t records = 0;
	bool done = false;
	int rc;

	/* A connection of its own: a server may hang up after a refusal, or in the middle. */
	on_tcp.net = net;
	on_tcp.config.udp = false;
	on_tcp.signer = dns->signer ? &on_tcp.key : NULL;
	vnep_buf_init(&message);
	rc = vnep_dnswire_query(
		&message, on_tcp.next_id, zone, VNEP_DNS_AXFR, on_tcp.signer, &mac, err);
	if (!rc)
		rc = vnep_dns_connect(&on_tcp, err);
	if (!rc)
		rc = vnep_dnsnet_send(&on_tcp.net, &message, vnep_dns_deadline(dns), err);
	while (!rc && !done)
		rc = transfer_next(&on_tcp, &message, &mac, &records, &done, have, err);
	if (rc == VNEP_EUNAVAIL)
		rc = vnep_err_set(err, -EPROTO, "zone transfer: the DNS server at %s broke it off",
			on_tcp.net.where);
	if (rc)
		vnep_dnsset_release(have);
	vnep_dnsnet_close(&on_tcp.net);
	vnep_dnskey_wipe(&on_tcp.key);
	vnep_buf_release(&message);
	return rc;
}

int vnep_dns_update(struct vnep_dns *dns, const char *zone, const struct vnep_dnsplan *plan,
	size_t first, size_t count, struct vnep_err *err)
{
	struct dns_answer answer;
	struct vnep_buf message;
	struct dns_mac mac;
	bool sent = false;
	uint16_t id = dns->next_id++;
	int rc;

	vnep_buf_init(&message);
	rc = vnep_dnswire_update(&message, id, zone, plan, first, count, dns->signer, &mac, err);
	if (!rc)
		rc = vnep_dns_exchange(dns, &message, id, &mac, &answer, &sent, err);
	vnep_buf_release(&message);
	if (!rc)
		rc = vnep_dns_fail(dns, &answer, zone, err);
	else if (sent)
		rc = vnep_err_set(err, VNEP_EUNKNOWN,
			"the DNS server at %s did not say whether it took a change",
			dns->net.where);
	/* An unsigned "done" may be anybody's. */
	if (!rc && vnep_dns_trust(dns, &answer, err))
		rc = err ? (err->code = VNEP_EUNKNOWN) : VNEP_EUNKNOWN;
	return rc;
}
