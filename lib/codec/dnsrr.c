/* dnsrr - DNS names and records without a resolver. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/addr.h"
#include "vnep/buf.h"
#include "vnep/dnsrr.h"
#include "vnep/err.h"

enum { LABEL_MAX = 63, TEXT_MAX = 254, NIBBLES = 32 };

static const char arpa[] = "ip6.arpa.";

int vnep_dnsname_read(const char *text, char out[static VNEP_DNS_NAME_LEN], struct vnep_err *err)
{
	char name[VNEP_DNS_NAME_LEN];
	size_t n = strlen(text), label = 0;

	if (n && text[n - 1] == '.')
		n--;
	for (size_t i = 0; i < n && n < TEXT_MAX; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '.' ? !label : !isalnum(c) && c != '-' && c != '_')
			n = 0;
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			n = 0;
		name[i] = (char)tolower(c);
	}
	if (!n || n >= TEXT_MAX || !label)
		return vnep_err_set(err, VNEP_EVALUE, "\"%.300s\" is not a DNS name", text);
	memcpy(out, name, n);
	memcpy(out + n, ".", 2);
	return 0;
}

bool vnep_dnsname_in(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	return n >= z && !strcmp(name + n - z, zone) && (n == z || name[n - z - 1] == '.');
}

/* The last count hex digits first, each a label. */
static void put_nibbles(const struct in6_addr *addr, unsigned count, char *out)
{
	for (unsigned i = count; i-- > 0;) {
		uint8_t octet = addr->s6_addr[i / 2];

		*out++ = "0123456789abcdef"[i % 2 ? octet & 15 : octet >> 4];
		*out++ = '.';
	}
	memcpy(out, arpa, sizeof arpa);
}

void vnep_dnsname_reverse(const struct in6_addr *addr, char out[static VNEP_DNS_NAME_LEN])
{
	put_nibbles(addr, NIBBLES, out);
}

int vnep_dnszone_reverse(const char *text, char out[static VNEP_DNS_NAME_LEN], struct vnep_err *err)
{
	char name[VNEP_DNS_NAME_LEN];
	struct vnep_prefix prefix;
	int rc;

	if (strchr(text, ':')) {
		rc = vnep_prefix_parse(text, &prefix, err);
		if (rc)
			return rc;
		if (prefix.len % 4 || !prefix.len)
			return vnep_err_set(err, VNEP_EVALUE,
				"\"%s\": a zone of ip6.arpa ends at a hex digit, at /4, /8, ... "
				"/128",
				text);
		put_nibbles(&prefix.addr, prefix.len / 4, out);
		return 0;
	}
	rc = vnep_dnsname_read(text, name, err);
	if (!rc && !vnep_dnsname_in(name, arpa))
		rc = vnep_err_set(err, VNEP_EVALUE,
			"\"%s\" is neither a zone below ip6.arpa nor an IPv6 prefix", text);
	if (!rc)
		memcpy(out, name, sizeof name);
	return rc;
}

void vnep_dnsset_release(struct vnep_dnsset *set)
{
	for (size_t i = 0; i < set->count; i++)
		free(set->rr[i]);
	free(set->rr);
	*set = (struct vnep_dnsset){ 0 };
}

int vnep_dnsset_add(struct vnep_dnsset *set, const char *name, uint16_t type, uint32_t ttl,
	const void *data, size_t len)
{
	size_t name_size = strlen(name) + 1;
	struct vnep_dnsrr *rr;
	uint8_t *octets;

	if (len > UINT16_MAX)
		return -EMSGSIZE;
	if (set->count == set->cap) {
		size_t cap = set->cap ? 2 * set->cap : 64;
		struct vnep_dnsrr **grown = realloc(set->rr, cap * sizeof *grown);

		if (!grown)
			return -ENOMEM;
		set->rr = grown;
		set->cap = cap;
	}
	rr = malloc(sizeof *rr + len + name_size);
	if (!rr)
		return -ENOMEM;
	octets = (uint8_t *)(rr + 1);
	if (len)
		memcpy(octets, data, len);
	memcpy(octets + len, name, name_size);
	*rr = (struct vnep_dnsrr){ ttl, type, (uint16_t)len, (const char *)octets + len, octets };
	set->rr[set->count++] = rr;
	return 0;
}

int vnep_dnsset_add_aaaa(
	struct vnep_dnsset *set, const char *name, uint32_t ttl, const struct in6_addr *addr)
{
	return vnep_dnsset_add(set, name, VNEP_DNS_AAAA, ttl, addr, sizeof *addr);
}

/* A name of _read as wire octets: each dot gives its place to the length of the label behind it. */
static size_t put_name(const char *name, uint8_t out[static VNEP_DNS_NAME_LEN])
{
	size_t n = 0;

	while (*name) {
		size_t label = strcspn(name, ".");

		out[n++] = (uint8_t)label;
		memcpy(out + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	out[n++] = 0;
	return n;
}

int vnep_dnsset_add_ptr(struct vnep_dnsset *set, const char *name, uint32_t ttl, const char *target)
{
	uint8_t data[VNEP_DNS_NAME_LEN];

	return vnep_dnsset_add(set, name, VNEP_DNS_PTR, ttl, data, put_name(target, data));
}

/* Priority and weight are 0: whoever serves a region serves it as well as the others. */
int vnep_dnsset_add_srv(
	struct vnep_dnsset *set, const char *name, uint32_t ttl, uint16_t port, const char *target)
{
	uint8_t data[6 + VNEP_DNS_NAME_LEN] = { 0 };

	vnep_set_be16(data + 4, port);
	return vnep_dnsset_add(set, name, VNEP_DNS_SRV, ttl, data, 6 + put_name(target, data + 6));
}

int vnep_dnsset_add_txt(struct vnep_dnsset *set, const char *name, uint32_t ttl, const char *first,
	const char *second)
{
	size_t a = strlen(first), b = strlen(second);
	uint8_t data[512];

	if (a > 255 || b > 255)
		return -EMSGSIZE;
	data[0] = (uint8_t)a;
	memcpy(data + 1, first, a);
	data[1 + a] = (uint8_t)b;
	memcpy(data + 2 + a, second, b);
	return vnep_dnsset_add(set, name, VNEP_DNS_TXT, ttl, data, 2 + a + b);
}

int vnep_dnsrr_order(const struct vnep_dnsrr *a, const struct vnep_dnsrr *b)
{
	int order = strcmp(a->name, b->name);

	if (!order)
		order = (a->type > b->type) - (a->type < b->type);
	if (!order)
		order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int order_slots(const void *a, const void *b)
{
	return vnep_dnsrr_order(
		*(const struct vnep_dnsrr *const *)a, *(const struct vnep_dnsrr *const *)b);
}

void vnep_dnsset_sort(struct vnep_dnsset *set)
{
	size_t kept = 0;

	if (!set->count)
		return;
	qsort(set->rr, set->count, sizeof *set->rr, order_slots);
	for (size_t i = 1; i < set->count; i++) {
		if (vnep_dnsrr_order(set->rr[kept], set->rr[i]))
			set->rr[++kept] = set->rr[i];
		else
			free(set->rr[i]);
	}
	set->count = kept + 1;
}

static size_t lower_bound(const struct vnep_dnsset *set, const char *name, bool behind)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(set->rr[middle]->name, name);

		if (order < 0 || (behind && !order))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t vnep_dnsset_range(const struct vnep_dnsset *set, const char *name, size_t *count)
{
	size_t first = lower_bound(set, name, false);

	*count = lower_bound(set, name, true) - first;
	return first;
}

void vnep_dnstype_put(struct vnep_buf *out, uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *word;
	} words[] = { { 1, "A" }, { 2, "NS" }, { VNEP_DNS_CNAME, "CNAME" }, { VNEP_DNS_SOA, "SOA" },
		{ VNEP_DNS_PTR, "PTR" }, { 15, "MX" }, { VNEP_DNS_TXT, "TXT" },
		{ VNEP_DNS_AAAA, "AAAA" }, { VNEP_DNS_SRV, "SRV" }, { 39, "DNAME" } };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].type == type) {
			vnep_buf_put_str(out, words[i].word);
			return;
		}
	vnep_buf_printf(out, "TYPE%u", type);
}

/* Inside quotes a quote, a backslash and what does not print are escaped (RFC 1035 5.1). */
static void put_octet(struct vnep_buf *out, uint8_t c)
{
	if (c == '"' || c == '\\')
		vnep_buf_printf(out, "\\%c", c);
	else if (c < 0x20 || c > 0x7e)
		vnep_buf_printf(out, "\\%03u", c);
	else
		vnep_buf_put_u8(out, c);
}

static void put_strings(struct vnep_buf *out, struct vnep_rd *rd)
{
	const char *space = "";

	while (vnep_rd_left(rd) && !rd->overrun) {
		uint8_t len = vnep_rd_u8(rd);
		const uint8_t *text = vnep_rd_mem(rd, len);

		vnep_buf_printf(out, "%s\"", space);
		for (uint8_t i = 0; text && i < len; i++)
			put_octet(out, text[i]);
		vnep_buf_put_str(out, "\"");
		space = " ";
	}
}

static void put_wire_name(struct vnep_buf *out, struct vnep_rd *rd)
{
	uint8_t len;

	while ((len = vnep_rd_u8(rd)) && !rd->overrun) {
		const uint8_t *label = vnep_rd_mem(rd, len);

		for (uint8_t i = 0; label && i < len; i++) {
			if (isalnum(label[i]) || label[i] == '-' || label[i] == '_')
				vnep_buf_put_u8(out, label[i]);
			else
				vnep_buf_printf(out, "\\%03u", label[i]);
		}
		vnep_buf_put_str(out, ".");
	}
}

void vnep_dnsrr_put_data(struct vnep_buf *out, const struct vnep_dnsrr *rr)
{
	char text[VNEP_IP6_LEN];
	struct in6_addr addr;
	struct vnep_rd rd;

	vnep_rd_init(&rd, rr->data, rr->len);
	switch (rr->type) {
	case VNEP_DNS_AAAA:
		if (rr->len != sizeof addr)
			break;
		memcpy(&addr, rr->data, sizeof addr);
		vnep_ip6_print(&addr, text);
		vnep_buf_put_str(out, text);
		break;
	case VNEP_DNS_TXT: put_strings(out, &rd); break;
	case VNEP_DNS_SRV:
		for (int i = 0; i < 3; i++)
			vnep_buf_printf(out, "%u ", vnep_rd_be16(&rd));
		put_wire_name(out, &rd);
		break;
	case VNEP_DNS_PTR: put_wire_name(out, &rd); break;
	default: break;
	}
}
