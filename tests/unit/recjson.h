/* recjson - lines of records for unit tests, checked, and what decoders and encoders are asked in them. */
#ifndef RECJSON_H
#define RECJSON_H

#include <stdint.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/ndjson.h"
#include "vnep/recjson.h"

#define DEV    "urn:dev:mac:00005efffe005301"
#define DEVICE "{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV "\",\"vep\":\"2001:db8:b::77\""
#define EVENT  "{\"type\":\"event\",\"v\":1,\"dev\":\"" DEV "\""
#define FRAME  "AABeAFMBAABeAFMCht0="
#define TS     "\"ts\":\"2026-01-02T03:04:05.678901Z\",\"us\":1767323045678901"
#define NOW_NS 1767323045678901000

/* Ethernet, tag 101, IPv6, UDP 40000 to 5683, nine octets. */
static const uint8_t udp_frame[] = { 0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00, 0x5e, 0x00,
	0x53, 0x02, 0x81, 0x00, 0x00, 0x65, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 17, 17, 63, 0x20, 0x01,
	0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x20, 0x01, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0x77, 0x9c, 0x40, 0x16, 0x33, 0, 17, 0, 0, 'p', 'a', 'y', 'l', 'o', 'a',
	'd', '-', '!' };

static inline int check_line(const char *line, struct vnep_json **json, struct vnep_err *err)
{
	size_t len = strcspn(line, "\n");
	int rc = vnep_json_parse(line, len, json, err);

	return rc ? rc : vnep_recjson_check(*json, line, len, err);
}

/* The canonical form of a record, or "COLUMN: message"; lent until the next call. */
static inline const char *checked(const char *line)
{
	static struct vnep_buf buf;
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };

	vnep_buf_reset(&buf);
	if (check_line(line, &json, &err))
		vnep_buf_printf(&buf, "%u: %s", err.column, err.text);
	else
		vnep_json_dump(json, &buf);
	vnep_json_free(json);
	return vnep_buf_str(&buf);
}

/* A line of an encoder is canonical: check finds nothing to change. Returns its tree. */
static inline struct vnep_json *canonical(struct vnep_buf *line)
{
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };
	char text[4096];

	snprintf(text, sizeof text, "%s", vnep_buf_str(line));
	CHECK(line->len && text[line->len - 1] == '\n');
	text[strcspn(text, "\n")] = 0;
	CHECK_STR(checked(text), text);
	if (check_line(text, &json, &err))
		printf("# %s\n", err.text), t_failed = 1;
	vnep_buf_reset(line);
	return json;
}

static inline struct vnep_json *good(const char *line)
{
	struct vnep_json *json = NULL;

	CHECK_INT(check_line(line, &json, NULL), 0);
	return json;
}

static inline struct in6_addr ip6(const char *text)
{
	struct in6_addr addr = { 0 };

	CHECK_INT(vnep_ip6_parse(text, &addr, NULL), 0);
	return addr;
}

#endif
