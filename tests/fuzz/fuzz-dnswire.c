/*
 * fuzz-dnswire - any bytes as the answer of a server: read without and with a key, into records that hold together,
 * from which a plan can be made and printed.
 *
 * Without the secret nobody makes an answer that is verified: with a key no record may come out.
 */
#include "fuzz.h"
#include "../../lib/os/dns-private.h"

static void check_records(struct vnep_dnsset *have)
{
	struct vnep_dnsset want = { 0 };
	struct vnep_dnsplan plan = { 0 };
	struct vnep_buf text;

	vnep_buf_init(&text);
	for (size_t i = 0; i < have->count; i++) {
		size_t n = strlen(have->rr[i]->name);

		HOLDS(n && have->rr[i]->name[n - 1] == '.');
		vnep_dnsrr_put_data(&text, have->rr[i]);
	}
	vnep_dnsset_sort(have);
	HOLDS(!vnep_dnsset_add_ptr(&want, "a.example.", 300, "b.example."));
	HOLDS(!vnep_dnsplan_receipts(&want, "me"));
	vnep_dnsset_sort(&want);
	HOLDS(!vnep_dnsplan_make(&plan, &want, have, "me"));
	for (size_t i = 0; i < plan.count; i++) {
		HOLDS(vnep_dnschange_octets(&plan, &plan.change[i]));
		vnep_dnschange_put(&text, &plan, &plan.change[i]);
	}
	vnep_dnsplan_release(&plan);
	vnep_dnsset_release(&want);
	vnep_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vnep_dnskey key = { "vnep-key.", "hmac-sha256.",
		"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" };
	struct dns_mac before = { .len = 32 };
	struct vnep_dnsset have = { 0 };
	struct dns_answer answer;
	struct vnep_err err = { 0 };

	if (!vnep_dnswire_read(data, size, NULL, &before, false, &answer, NULL, &have, &err))
		HOLDS(answer.verified);
	check_records(&have);
	vnep_dnsset_release(&have);
	if (!vnep_dnswire_read(data, size, &key, &before, true, &answer, "a.example.", &have, &err))
		HOLDS(!answer.verified && answer.mac.len <= DNS_MAC_MAX);
	HOLDS(!have.count);
	return 0;
}
