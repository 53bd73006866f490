/* mcast, coapmake: which addresses groups may have, and what an instruction looks like on the wire. */
#include <string.h>

#include "vnep/coap.h"
#include "vnep/coapmake.h"
#include "vnep/err.h"
#include "vnep/frame.h"
#include "vnep/mcast.h"
#include "t.h"

static int check(const char *text)
{
	struct in6_addr addr;

	CHECK(!vnep_ip6_parse(text, &addr, NULL));
	return vnep_mcast_check(&addr, NULL);
}

TEST("mcast: addresses by RFC 3306, 3956, 4607 and assigned ones are good")
{
	static const char *const good[] = { "ff35:40:2001:db8::8000:1", "ff35::8000:1", "ff02::fd",
		"ff05::fd", "ff3e:30:2001:db8:1::1", "ff75:140:2001:db8::1", "ff15::1:2",
		"ff12::1" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		CHECK_INT(check(good[i]), 0);
		if (check(good[i]))
			printf("# %s\n", good[i]);
	}
}

TEST("mcast: wrong scopes, flags and prefixes are refused, and so is what everybody listens to")
{
	static const char *const bad[] = { "2001:db8::1", "ff01::1:2", "ff00::5", "ff0f::5",
		"ff31::8000:1", "ff3f::1", "ff25:40:2001:db8::1", "ff55:140:2001:db8::1", "ff95::1",
		"ff35:41:2001:db8::1", "ff35:20:2001:db8:0:1::1", "ff35:140:2001:db8::1", "ff02::1",
		"ff02::2", "ff05::2", "ff02::1:ff00:5301", "ff02::16", "ff02::1:2", "ff05::1:3",
		"ff75::1", "ff75:1140:2001:db8::1" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CHECK_INT(check(bad[i]), VNEP_EVALUE);
		if (!check(bad[i]))
			printf("# %s\n", bad[i]);
	}
}

TEST("mcast: the error names the scope and its word")
{
	struct vnep_err err = { 0 };
	struct in6_addr addr;

	CHECK(!vnep_ip6_parse("ff31::1", &addr, NULL));
	CHECK_INT(vnep_mcast_check(&addr, &err), VNEP_EVALUE);
	CHECK_STR(
		err.text, "ff31::1 has scope 1 (interface-local): no device can be reached there");
	CHECK_STR(vnep_mcast_scope_text(5), "site-local");
	CHECK_STR(vnep_mcast_scope_text(6), "unassigned");
	CHECK_STR(vnep_mcast_scope_text(15), "reserved");
}

static struct vnep_datagram datagram(uint16_t vlan, const char *payload)
{
	struct vnep_datagram d = { .src_mac = { { 0, 0, 0x5e, 0, 0x53, 0xfe } },
		.vlan = vlan,
		.src_port = 49152,
		.dest_port = 5683,
		.hop_limit = 1,
		.payload = (const uint8_t *)payload,
		.payload_len = strlen(payload) };

	vnep_ip6_parse("2001:db8:b::fe", &d.src, NULL);
	vnep_ip6_parse("ff35:40:2001:db8::8000:1", &d.dest, NULL);
	vnep_ip6_multicast_mac(&d.dest, &d.dest_mac);
	return d;
}

TEST("datagram: what is made is read again, tagged or not, its checksum right")
{
	static const char *const payloads[] = { "", "x", "on", "a longer one" };
	uint8_t out[VNEP_DATAGRAM_HEAD + 16];

	for (unsigned i = 0; i < 8; i++) {
		struct vnep_datagram d = datagram(i & 1 ? 101 : 0, payloads[i / 2]);
		size_t len = vnep_datagram_make(out, &d), n;
		const uint8_t *payload;
		struct vnep_frame f;

		CHECK_INT(vnep_frame_parse(&f, out, len), 0);
		CHECK(f.end == len && f.vlan == d.vlan && f.hop_limit == 1);
		CHECK(f.src_port == 49152 && f.dest_port == 5683);
		CHECK(vnep_ip6_equal(&f.src, &d.src) && vnep_ip6_equal(&f.dest, &d.dest));
		CHECK(vnep_frame_checksum_ok(&f, out));
		CHECK(vnep_udp_payload(&f, out, &payload, &n) && n == d.payload_len);
		CHECK(!memcmp(payload, d.payload, n));
		CHECK(!memcmp(out, "\x33\x33\x80\x00\x00\x01", 6));
	}
}

TEST("instruction: it is over when its time has come, not before; without a time never")
{
	const struct vnep_wall t = { 1767323045250000000 };
	uint8_t frame[14] = { 0 };

	CHECK(!vnep_mcast_is_over(frame, sizeof frame, t));
	vnep_mcast_set_until(frame, (struct vnep_wall){ 0 });
	CHECK(!vnep_mcast_is_over(frame, sizeof frame, t));
	vnep_mcast_set_until(frame, t);
	CHECK(vnep_mcast_is_over(frame, sizeof frame, t));
	CHECK(!vnep_mcast_is_over(frame, sizeof frame, (struct vnep_wall){ t.ns - 100000000 }));
	CHECK(!vnep_mcast_is_over(frame, 11, t));
	CHECK_INT(frame[6], 6);
}

static const uint8_t token[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

static int make(struct vnep_buf *out, const char *uri, uint32_t format, const char *payload)
{
	struct vnep_coap_request r = { .head = { VNEP_COAP_NON, 3, 0x1234, 8, { 0 } },
		.uri = uri,
		.content_format = format,
		.payload = (const uint8_t *)payload,
		.payload_len = strlen(payload) };

	memcpy(r.head.token, token, sizeof token);
	vnep_buf_reset(out);
	return vnep_coap_make(out, &r, NULL);
}

TEST("coap: a request is made octet by octet as RFC 7252 says")
{
	static const uint8_t want[] = { 0x58, 3, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 0xb3, 'l', 'e',
		'd', 0x02, 'a', '/', 0x10, 0x33, 'o', '=', '1', 0x01, 'p', 0xff, 'o', 'n' };
	struct vnep_buf out = { 0 };
	struct vnep_coap head;

	CHECK_INT(make(&out, "/led/a%2f?o=1&p", 0, "on"), 0);
	CHECK(out.len == sizeof want && !memcmp(out.data, want, sizeof want));
	CHECK(vnep_coap_head_read(&head, out.data, out.len));
	CHECK(head.type == VNEP_COAP_NON && head.code == 3 && head.mid == 0x1234);
	CHECK(head.token_len == 8 && !memcmp(head.token, token, 8));
	CHECK(!vnep_coap_head_read(&head, out.data, 11));
	CHECK(!vnep_coap_head_read(&head, out.data, 3));
	vnep_buf_release(&out);
}

TEST("coap: long segments and formats take more octets; the root has no option")
{
	char uri[300] = "/";
	struct vnep_buf out = { 0 };

	CHECK_INT(make(&out, "/", VNEP_COAP_NO_FORMAT, ""), 0);
	CHECK_INT((int)out.len, 12);
	memset(uri + 1, 'a', 255);
	CHECK_INT(make(&out, uri, 0x1234, ""), 0);
	CHECK_INT((int)out.len, 12 + 2 + 255 + 3);
	CHECK(out.data[12] == 0xbd && out.data[13] == 255 - 13);
	CHECK(!memcmp(out.data + out.len - 3, "\x12\x12\x34", 3));
	memset(uri + 1, 'a', 256);
	CHECK_INT(make(&out, uri, 0, ""), VNEP_EVALUE);
	vnep_buf_release(&out);
}

TEST("coap: a uri that is no path, or badly encoded, is refused")
{
	static const char *const bad[] = { "led", "coap://x/led", "/a%", "/a%2", "/a%2g", "/a#b",
		"/a/../b", "/.", "/%2e%2E" };
	struct vnep_buf out = { 0 };
	char code[VNEP_COAP_CODE_LEN];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(make(&out, bad[i], 0, ""), VNEP_EVALUE);
	vnep_buf_release(&out);
	vnep_coap_code_print(0x44, code);
	CHECK_STR(code, "2.04");
	CHECK(!vnep_coap_method_text(0) && !vnep_coap_method_text(8));
	CHECK_STR(vnep_coap_method_text(7), "iPATCH");
}

int main(void)
{
	return t_run();
}
