/* fuzz-text - URNs, addresses, numbers, times: what is taken has one form, and that form is taken again. */
#include "fuzz.h"
#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/num.h"
#include "vnep/urn.h"

static void urn(const char *text, struct vnep_err *err)
{
	char once[VNEP_URN_MAX + 1], twice[VNEP_URN_MAX + 1];
	struct vnep_mac mac;

	if (vnep_urn_canonical(text, once, err))
		return;
	HOLDS(!vnep_urn_canonical(once, twice, NULL) && !strcmp(once, twice));
	HOLDS(vnep_urn_mac(once, &mac) == !strncmp(once, "urn:dev:mac:", 12));
}

static void addresses(const char *text, struct vnep_err *err)
{
	char out[VNEP_PREFIX_LEN];
	struct vnep_prefix p, p2;
	struct in6_addr a, a2;
	struct vnep_mac m, m2;

	if (!vnep_mac_parse(text, &m, err)) {
		vnep_mac_print(&m, out);
		HOLDS(!vnep_mac_parse(out, &m2, NULL) && vnep_mac_equal(&m, &m2));
	}
	if (!vnep_ip6_parse(text, &a, err)) {
		vnep_ip6_print(&a, out);
		HOLDS(!vnep_ip6_parse(out, &a2, NULL) && vnep_ip6_equal(&a, &a2));
	}
	if (!vnep_prefix_parse(text, &p, err)) {
		vnep_prefix_print(&p, out);
		HOLDS(!vnep_prefix_parse(out, &p2, NULL) && p.len == p2.len &&
			vnep_prefix_covers(&p, &p2));
		HOLDS(vnep_prefix_has(&p, &p.addr));
	}
}

static void numbers(const char *text, struct vnep_err *err)
{
	uint64_t v = 0;
	int64_t ns = 0;

	if (!vnep_num_u64(text, 5, 4094, &v, err))
		HOLDS(v >= 5 && v <= 4094);
	if (!vnep_num_duration_ns(text, &ns, err))
		HOLDS(ns >= 0);
	vnep_num_octets(text, &v, err);
}

static void times(const char *text, struct vnep_err *err)
{
	struct vnep_wall t, again;
	char out[VNEP_TS_LEN];

	if (vnep_wall_parse(text, &t, err))
		return;
	HOLDS(t.ns >= 0);
	vnep_wall_print(t, out);
	if (strcmp(text, "now") &&
		t.ns < 9214646400000000000) /* what is written for 2262 is not read */
		HOLDS(!vnep_wall_parse(out, &again, NULL) && again.ns == t.ns / 1000 * 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnep_err err = { 0 };
	char *text = malloc(size + 1);
	const char *dash = memchr(data, '\n', size);

	memcpy(text, data, size);
	text[size] = 0;
	urn(text, &err);
	addresses(text, &err);
	numbers(text, &err);
	times(text, &err);
	if (dash) { /* two words of a line each */
		text[dash - (const char *)data] = 0;
		HOLDS(vnep_near(text, text + (dash - (const char *)data) + 1) ||
			strcmp(text, text + (dash - (const char *)data) + 1) || strlen(text) < 3 ||
			strlen(text) > 63);
	}
	for (const char *p = err.text; *p; p++)
		HOLDS((unsigned char)*p >= 0x20 && *p != 0x7f);
	free(text);
	return 0;
}
