/*
 * dns-wire - DNS messages through ldns.
 *
 * What ldns 1.8.3 does not do, done here or around:
 *   - ldns_update_pkt_new sets RD, a bit that must be zero in an UPDATE (RFC 2136 2.2), and leaves the ID at 0.
 *   - its TSIG verification compares MACs and nothing else: name, algorithm, time and fudge are ours to check.
 *   - ldns_axfr_next does not look at TSIG at all, so a transfer is read message by message here, each verified
 *     with the MAC of the one before. Streams in which some messages are unsigned (RFC 8945 5.3.1 allows it; BIND
 *     and knot sign each) cannot be verified by it: such a transfer counts as one that we do not get.
 *   - hmac-sha384 is misspelt in its table and hmac-sha224 missing: dnskey refuses them.
 *   - rdata are handed to it as they are (one field of unknown type), so that it compresses owner names only:
 *     RFC 2136 wants no compression inside SRV.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <ldns/ldns.h>

#include "dns-private.h"

enum { FUDGE_S = 300 };

static int no_memory(struct vnep_err *err)
{
	return vnep_err_sys(err, ENOMEM, "making a DNS message");
}

static ldns_rr *new_rr(const char *name, uint16_t type, ldns_rr_class class, uint32_t ttl,
	const uint8_t *data, size_t len)
{
	ldns_rr *rr = ldns_rr_new();
	ldns_rdf *owner = ldns_dname_new_frm_str(name), *field = NULL;

	if (len)
		field = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, len, data);
	if (!rr || !owner || (len && !field))
		goto fail;
	ldns_rr_set_owner(rr, owner);
	ldns_rr_set_type(rr, (ldns_rr_type)type);
	ldns_rr_set_class(rr, class);
	ldns_rr_set_ttl(rr, ttl);
	owner = NULL;
	if (field && !ldns_rr_push_rdf(rr, field))
		goto fail;
	return rr;
fail:
	ldns_rdf_deep_free(owner);
	ldns_rdf_deep_free(field);
	ldns_rr_free(rr);
	return NULL;
}

static int push_rr(ldns_rr_list *list, ldns_rr *rr)
{
	if (rr && ldns_rr_list_push_rr(list, rr))
		return 0;
	ldns_rr_free(rr);
	return -ENOMEM;
}

static int sign(ldns_pkt *pkt, const struct vnep_dnskey *key, struct dns_mac *mac)
{
	const ldns_rdf *field;

	*mac = (struct dns_mac){ 0 };
	if (!key)
		return 0;
	if (ldns_pkt_tsig_sign(pkt, key->name, key->secret, FUDGE_S, key->algorithm, NULL) !=
		LDNS_STATUS_OK)
		return -ENOMEM;
	field = ldns_rr_rdf(ldns_pkt_tsig(pkt), 3);
	if (!field || ldns_rdf_size(field) < 2 || ldns_rdf_size(field) - 2 > DNS_MAC_MAX)
		return -ENOMEM;
	mac->len = (uint16_t)(ldns_rdf_size(field) - 2);
	memcpy(mac->octets, ldns_rdf_data(field) + 2, mac->len);
	return 0;
}

/* Takes pkt, also when it fails. */
static int finish(struct vnep_buf *out, ldns_pkt *pkt, uint16_t id, const struct vnep_dnskey *key,
	struct dns_mac *mac, struct vnep_err *err)
{
	uint8_t *wire = NULL;
	size_t len = 0;
	int rc;

	ldns_pkt_set_id(pkt, id);
	ldns_pkt_set_rd(pkt, false);
	rc = sign(pkt, key, mac);
	if (!rc && ldns_pkt2wire(&wire, pkt, &len) != LDNS_STATUS_OK)
		rc = -ENOMEM;
	ldns_pkt_free(pkt);
	if (!rc && len > DNS_MESSAGE_MAX)
		rc = vnep_err_set(err, VNEP_ETOOBIG, "a DNS message of %zu octets", len);
	else if (!rc)
		vnep_buf_put(out, wire, len);
	LDNS_FREE(wire);
	return rc == -ENOMEM || out->rc ? no_memory(err) : rc;
}

int vnep_dnswire_query(struct vnep_buf *out, uint16_t id, const char *name, uint16_t type,
	const struct vnep_dnskey *key, struct dns_mac *mac, struct vnep_err *err)
{
	ldns_rdf *owner = ldns_dname_new_frm_str(name);
	ldns_pkt *pkt =
		owner ? ldns_pkt_query_new(owner, (ldns_rr_type)type, LDNS_RR_CLASS_IN, 0) : NULL;

	vnep_buf_reset(out);
	if (!pkt) {
		ldns_rdf_deep_free(owner);
		return no_memory(err);
	}
	return finish(out, pkt, id, key, mac, err);
}

static int put_change(ldns_rr_list *before, ldns_rr_list *updates, const struct vnep_dnsplan *plan,
	const struct vnep_dnschange *change)
{
	int rc = change->unused ? push_rr(before, new_rr(change->name, VNEP_DNS_ANY,
							  LDNS_RR_CLASS_NONE, 0, NULL, 0))
				: 0;

	for (size_t i = 0; i < change->count && !rc; i++) {
		const struct vnep_dnsstep *step = &plan->step[change->first + i];
		const struct vnep_dnsrr *rr = step->rr;

		rc = push_rr(step->op == VNEP_DNS_REQUIRE ? before : updates,
			new_rr(change->name, rr->type,
				step->op == VNEP_DNS_DELETE ? LDNS_RR_CLASS_NONE : LDNS_RR_CLASS_IN,
				step->op == VNEP_DNS_PUT ? rr->ttl : 0, rr->data, rr->len));
	}
	return rc;
}

int vnep_dnswire_update(struct vnep_buf *out, uint16_t id, const char *zone,
	const struct vnep_dnsplan *plan, size_t first, size_t count, const struct vnep_dnskey *key,
	struct dns_mac *mac, struct vnep_err *err)
{
	ldns_rr_list *before = ldns_rr_list_new(), *updates = ldns_rr_list_new();
	ldns_rdf *owner = ldns_dname_new_frm_str(zone);
	ldns_pkt *pkt = NULL;
	int rc = before && updates && owner ? 0 : -ENOMEM;

	vnep_buf_reset(out);
	for (size_t i = first; i < first + count && !rc; i++)
		rc = put_change(before, updates, plan, &plan->change[i]);
	if (!rc)
		pkt = ldns_update_pkt_new(owner, LDNS_RR_CLASS_IN, before, updates, NULL);
	ldns_rr_list_deep_free(before);
	ldns_rr_list_deep_free(updates);
	if (!pkt) {
		ldns_rdf_deep_free(owner);
		return no_memory(err);
	}
	return finish(out, pkt, id, key, mac, err);
}

/* A name as text in lower case, which the caller frees. */
static char *name_text(const ldns_rdf *name)
{
	ldns_rdf *copy = ldns_rdf_clone(name);
	char *text = NULL;

	if (copy) {
		ldns_dname2canonical(copy);
		text = ldns_rdf2str(copy);
		ldns_rdf_deep_free(copy);
	}
	return text;
}

/* The rdata of the types that we publish, uncompressed, names in lower case. */
static int put_rdata(struct vnep_buf *data, const ldns_rr *rr)
{
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		ldns_rdf *field = ldns_rdf_clone(ldns_rr_rdf(rr, i));

		if (!field)
			return -ENOMEM;
		if (ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME)
			ldns_dname2canonical(field);
		vnep_buf_put(data, ldns_rdf_data(field), ldns_rdf_size(field));
		ldns_rdf_deep_free(field);
	}
	return data->rc;
}

static bool is_published(uint16_t type)
{
	return type == VNEP_DNS_AAAA || type == VNEP_DNS_TXT || type == VNEP_DNS_PTR ||
	       type == VNEP_DNS_SRV;
}

/* What a signer makes by itself makes no name "in use" (NSEC3 has names of its own). */
static bool is_of_signer(uint16_t type)
{
	return type == VNEP_DNS_RRSIG || type == VNEP_DNS_NSEC || type == 50 || type == 51;
}

static int keep_rr(const ldns_rr *rr, const char *only, struct vnep_dnsset *have, bool *named)
{
	uint16_t type = (uint16_t)ldns_rr_get_type(rr);
	struct vnep_buf data;
	char *name;
	int rc = 0;

	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN || is_of_signer(type))
		return 0;
	name = name_text(ldns_rr_owner(rr));
	vnep_buf_init(&data);
	if (!name)
		rc = -ENOMEM;
	else if (is_published(type))
		rc = put_rdata(&data, rr);
	if (!rc && (!only || !strcmp(only, name))) {
		*named = true;
		rc = vnep_dnsset_add(have, name, type, ldns_rr_ttl(rr), data.data, data.len);
	}
	vnep_buf_release(&data);
	LDNS_FREE(name);
	return rc;
}

static uint64_t be48(const ldns_rdf *field)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 6 && i < ldns_rdf_size(field); i++)
		v = v << 8 | ldns_rdf_data(field)[i];
	return v;
}

static bool field_is_name(const ldns_rdf *field, const char *name)
{
	ldns_rdf *wanted = ldns_dname_new_frm_str(name);
	bool same = wanted && field && ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME &&
		    !ldns_dname_compare(field, wanted);

	ldns_rdf_deep_free(wanted);
	return same;
}

/* Name, algorithm and time, which ldns leaves to its caller. */
static bool is_our_signature(const ldns_rr *tsig, const struct vnep_dnskey *key)
{
	const ldns_rdf *when = ldns_rr_rdf(tsig, 1), *fudge = ldns_rr_rdf(tsig, 2);
	int64_t off;

	if (ldns_rr_rd_count(tsig) != 7 || !field_is_name(ldns_rr_owner(tsig), key->name) ||
		!field_is_name(ldns_rr_rdf(tsig, 0), key->algorithm) || ldns_rdf_size(when) != 6 ||
		ldns_rdf_size(fudge) != 2)
		return false;
	off = (int64_t)be48(when) - (int64_t)time(NULL);
	if (off < 0)
		off = -off;
	return off <= ldns_rdf2native_int16(fudge);
}

static bool mac_matches(ldns_pkt *pkt, const uint8_t *wire, size_t len,
	const struct vnep_dnskey *key, const struct dns_mac *before, bool more)
{
	uint8_t octets[2 + DNS_MAC_MAX];
	ldns_rdf *mac;
	bool same;

	vnep_set_be16(octets, before->len);
	memcpy(octets + 2, before->octets, before->len);
	mac = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, 2 + (size_t)before->len, octets);
	same = mac && ldns_pkt_tsig_verify_next(pkt, wire, len, key->name, key->secret, mac, more);
	ldns_rdf_deep_free(mac);
	return same;
}

/* The code of TSIG stands for that of the header; BADTIME comes with the time of the server. */
static void read_tsig(const ldns_rr *tsig, struct dns_answer *answer)
{
	const ldns_rdf *mac = ldns_rr_rdf(tsig, 3), *code = ldns_rr_rdf(tsig, 5),
		       *other = ldns_rr_rdf(tsig, 6);
	uint64_t theirs = 0;
	size_t len;

	if (ldns_rr_rd_count(tsig) != 7 || ldns_rdf_size(mac) < 2 || ldns_rdf_size(code) != 2)
		return;
	len = ldns_rdf_size(mac) - 2;
	answer->mac_is_there = len > 0;
	if (len <= DNS_MAC_MAX) {
		answer->mac.len = (uint16_t)len;
		memcpy(answer->mac.octets, ldns_rdf_data(mac) + 2, len);
	}
	if (ldns_rdf2native_int16(code))
		answer->rcode = ldns_rdf2native_int16(code);
	if (answer->rcode != DNS_BADTIME || ldns_rdf_size(other) != 8)
		return;
	for (size_t i = 2; i < 8; i++)
		theirs = theirs << 8 | ldns_rdf_data(other)[i];
	answer->clock_off_s = (int64_t)theirs - (int64_t)time(NULL);
}

static int read_zone(const ldns_pkt *pkt, struct dns_answer *answer)
{
	const ldns_rr_list *list = ldns_pkt_authority(pkt);
	size_t count = list ? ldns_rr_list_rr_count(list) : 0;
	char *name;

	for (size_t i = 0; i < count; i++) {
		if (ldns_rr_get_type(ldns_rr_list_rr(list, i)) != LDNS_RR_TYPE_SOA)
			continue;
		name = name_text(ldns_rr_owner(ldns_rr_list_rr(list, i)));
		if (!name)
			return -ENOMEM;
		snprintf(answer->zone, sizeof answer->zone, "%s", name);
		LDNS_FREE(name);
	}
	return 0;
}

static int read_records(
	const ldns_pkt *pkt, struct dns_answer *answer, const char *only, struct vnep_dnsset *have)
{
	const ldns_rr_list *list = ldns_pkt_answer(pkt);
	size_t count = list ? ldns_rr_list_rr_count(list) : 0;
	int rc = 0;

	answer->records = count;
	if (count) {
		answer->first_type = (uint16_t)ldns_rr_get_type(ldns_rr_list_rr(list, 0));
		answer->last_type = (uint16_t)ldns_rr_get_type(ldns_rr_list_rr(list, count - 1));
	}
	for (size_t i = 0; i < count && have && !rc; i++)
		rc = keep_rr(ldns_rr_list_rr(list, i), only, have, &answer->named);
	return rc;
}

int vnep_dnswire_read(const uint8_t *wire, size_t len, const struct vnep_dnskey *key,
	const struct dns_mac *before, bool more, struct dns_answer *answer, const char *only,
	struct vnep_dnsset *have, struct vnep_err *err)
{
	ldns_pkt *pkt = NULL;
	const ldns_rr *tsig;
	int rc;

	*answer = (struct dns_answer){ 0 };
	if (ldns_wire2pkt(&pkt, wire, len) != LDNS_STATUS_OK)
		return vnep_err_set(err, -EPROTO, "a malformed answer");
	answer->id = ldns_pkt_id(pkt);
	answer->rcode = ldns_pkt_get_rcode(pkt);
	answer->authoritative = ldns_pkt_aa(pkt);
	answer->truncated = ldns_pkt_tc(pkt);
	answer->is_update = ldns_pkt_get_opcode(pkt) == LDNS_PACKET_UPDATE;
	tsig = ldns_pkt_tsig(pkt);
	if (tsig)
		read_tsig(tsig, answer);
	answer->verified = !key || (tsig && answer->mac_is_there && is_our_signature(tsig, key) &&
					   mac_matches(pkt, wire, len, key, before, more));
	rc = ldns_pkt_qr(pkt) ? 0 : vnep_err_set(err, -EPROTO, "a question for an answer");
	if (!rc && answer->verified &&
		(read_records(pkt, answer, only, have) || read_zone(pkt, answer)))
		rc = no_memory(err);
	ldns_pkt_free(pkt);
	return rc;
}
