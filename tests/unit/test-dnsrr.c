/* Unit tests of dnsrr: names, records as octets and as text, sets. */
#include "t.h"
#include "vnep/addr.h"
#include "vnep/buf.h"
#include "vnep/dnsrr.h"
#include "vnep/err.h"

static const char *data_text(const struct vnep_dnsrr *rr)
{
	static char text[2048];
	struct vnep_buf out;

	vnep_buf_init(&out);
	vnep_dnsrr_put_data(&out, rr);
	snprintf(text, sizeof text, "%s", vnep_buf_str(&out));
	vnep_buf_release(&out);
	return text;
}

TEST("dnsrr: a name becomes lower case and absolute, what is none is refused")
{
	static const char *const bad[] = { "", ".", "..", "a..b", ".a", "a b", "\"a\"", "a\\.b",
		"a/b" };
	char out[VNEP_DNS_NAME_LEN], text[300];

	CHECK_INT(vnep_dnsname_read("Lamp-1.IoT.example", out, NULL), 0);
	CHECK_STR(out, "lamp-1.iot.example.");
	CHECK_INT(vnep_dnsname_read("_vnep._udp.x.", out, NULL), 0);
	CHECK_STR(out, "_vnep._udp.x.");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(vnep_dnsname_read(bad[i], out, NULL), VNEP_EVALUE);
	memset(text, 'a', sizeof text);
	text[63] = 0;
	CHECK_INT(vnep_dnsname_read(text, out, NULL), 0);
	text[63] = 'a';
	text[64] = 0;
	CHECK_INT(vnep_dnsname_read(text, out, NULL), VNEP_EVALUE);
	memset(text, 'a', sizeof text);
	for (int i = 1; i < 300; i += 2)
		text[i] = '.';
	text[253] = 0;
	CHECK_INT(vnep_dnsname_read(text, out, NULL), 0);
	CHECK_INT(strlen(out), 254);
	memcpy(text + 252, "aa", 3);
	CHECK_INT(vnep_dnsname_read(text, out, NULL), VNEP_EVALUE);
}

TEST("dnsrr: a name is in its zone, and not in one that ends alike")
{
	CHECK(vnep_dnsname_in("a.iot.example.", "iot.example."));
	CHECK(vnep_dnsname_in("iot.example.", "iot.example."));
	CHECK(!vnep_dnsname_in("riot.example.", "iot.example."));
	CHECK(!vnep_dnsname_in("example.", "iot.example."));
}

TEST("dnsrr: reverse names and zones are nibbles, last first")
{
	char out[VNEP_DNS_NAME_LEN];
	struct in6_addr addr;

	CHECK_INT(vnep_ip6_parse("2001:db8:b::1f", &addr, NULL), 0);
	vnep_dnsname_reverse(&addr, out);
	CHECK_STR(out, "f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
	CHECK_INT(vnep_dnszone_reverse("2001:db8:b::/48", out, NULL), 0);
	CHECK_STR(out, "b.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
	CHECK_INT(vnep_dnszone_reverse("2001:db8:b000::/36", out, NULL), 0);
	CHECK_STR(out, "b.8.b.d.0.1.0.0.2.ip6.arpa.");
	CHECK_INT(vnep_dnszone_reverse("8.B.D.0.1.0.0.2.ip6.ARPA", out, NULL), 0);
	CHECK_STR(out, "8.b.d.0.1.0.0.2.ip6.arpa.");
	CHECK_INT(vnep_dnszone_reverse("2001:db8::/33", out, NULL), VNEP_EVALUE);
	CHECK_INT(vnep_dnszone_reverse("::/0", out, NULL), VNEP_EVALUE);
	CHECK_INT(vnep_dnszone_reverse("iot.example", out, NULL), VNEP_EVALUE);
}

TEST("dnsrr: records as octets and as text")
{
	struct vnep_dnsset set = { 0 };
	struct in6_addr addr;
	static const uint8_t srv[] = "\0\0\0\0\x16\x33\4edge\7example";
	static const uint8_t odd[] = "\5a\"\\\x01\xff\1 ";

	vnep_ip6_parse("2001:db8::1", &addr, NULL);
	CHECK_INT(vnep_dnsset_add_aaaa(&set, "a.", 300, &addr), 0);
	CHECK_INT(vnep_dnsset_add_srv(&set, "a.", 300, 5683, "edge.example."), 0);
	CHECK_INT(vnep_dnsset_add_ptr(&set, "a.", 300, "lamp.example."), 0);
	CHECK_INT(vnep_dnsset_add_txt(&set, "a.", 300, "one", "two"), 0);
	CHECK_INT(vnep_dnsset_add(&set, "a.", VNEP_DNS_TXT, 0, odd, sizeof odd - 1), 0);
	CHECK_STR(data_text(set.rr[0]), "2001:db8::1");
	CHECK_STR(data_text(set.rr[1]), "0 0 5683 edge.example.");
	CHECK_INT(set.rr[1]->len, sizeof srv);
	CHECK(!memcmp(set.rr[1]->data, srv, sizeof srv));
	CHECK_STR(data_text(set.rr[2]), "lamp.example.");
	CHECK_STR(data_text(set.rr[3]), "\"one\" \"two\"");
	CHECK_STR(data_text(set.rr[4]), "\"a\\\"\\\\\\001\\255\" \" \"");
	vnep_dnsset_release(&set);
}

TEST("dnsrr: a sorted set has each record once and finds a name's")
{
	struct vnep_dnsset set = { 0 };
	size_t count;

	CHECK_INT(vnep_dnsset_add(&set, "b.", 1, 5, "x", 1), 0);
	CHECK_INT(vnep_dnsset_add(&set, "a.", 2, 5, "", 0), 0);
	CHECK_INT(vnep_dnsset_add(&set, "b.", 1, 9, "x", 1), 0);
	CHECK_INT(vnep_dnsset_add(&set, "b.", 1, 5, "", 0), 0);
	vnep_dnsset_sort(&set);
	CHECK_INT(set.count, 3);
	CHECK_INT(vnep_dnsset_range(&set, "b.", &count), 1);
	CHECK_INT(count, 2);
	CHECK_INT(vnep_dnsset_range(&set, "ab.", &count), 1);
	CHECK_INT(count, 0);
	vnep_dnsset_release(&set);
	vnep_dnsset_sort(&set);
	CHECK_INT(vnep_dnsset_range(&set, "a.", &count), 0);
	CHECK_INT(count, 0);
}

int main(void)
{
	return t_run();
}
