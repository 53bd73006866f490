/*
 * ndjson - lines in (cut from any stream of bytes) and records out (an escape-safe writer).
 *
 * Lines   feed bytes as they come; next lends one line at a time, without its newline, until the next
 *         call of feed or next. A line over VNEP_LINE_MAX is reported once as VNEP_ETOOBIG (with its
 *         line number) and skipped to its end. A last line without a newline is given by vnep_lines_end.
 * Writer  writes straight into a vnep_buf; errors are those of the buffer (sticky). Strings are taken as
 *         UTF-8; what is not valid UTF-8 becomes U+FFFD, control bytes are escaped. Keys in call order.
 */
#ifndef VNEP_NDJSON_H
#define VNEP_NDJSON_H

#include <stdbool.h>
#include <stdint.h>

#include "vnep/addr.h"
#include "vnep/buf.h"
#include "vnep/clock.h"

struct vnep_err;

struct vnep_lines {
	struct vnep_buf buf;
	size_t at;     /* start of the next line in buf */
	size_t seen;   /* how far the search for a newline came */
	unsigned line; /* number of the line lent last, 1-based */
	bool skipping; /* inside a line that was too long */
};

void vnep_lines_init(struct vnep_lines *lines);
void vnep_lines_release(struct vnep_lines *lines);
int vnep_lines_feed(struct vnep_lines *lines, const void *data, size_t len); /* 0 or -ENOMEM */
/* 1: *text, *len hold a line. 0: feed more. VNEP_ETOOBIG: that line is skipped, go on. Empty lines and
 * lines of white space are passed over (and counted). */
int vnep_lines_next(struct vnep_lines *lines, const char **text, size_t *len);
int vnep_lines_end(struct vnep_lines *lines, const char **text, size_t *len); /* 1 or 0 */

struct vnep_jw {
	struct vnep_buf *buf;
	bool comma; /* a comma is due before the next member */
};

/* {"type":"<type>","v":1 … }\n */
void vnep_jw_record(struct vnep_jw *w, struct vnep_buf *buf, const char *type);
void vnep_jw_end_record(struct vnep_jw *w);

/* Members; key NULL inside arrays. */
void vnep_jw_object(struct vnep_jw *w, const char *key);
void vnep_jw_end_object(struct vnep_jw *w);
void vnep_jw_array(struct vnep_jw *w, const char *key);
void vnep_jw_end_array(struct vnep_jw *w);
void vnep_jw_str(struct vnep_jw *w, const char *key, const char *value);
void vnep_jw_opt_str(struct vnep_jw *w, const char *key, const char *value); /* nothing for NULL and "" */
/* From 2^53 on a decimal string: JSON readers (jq 1.6) would round the number. */
void vnep_jw_u64(struct vnep_jw *w, const char *key, uint64_t value);
void vnep_jw_i64(struct vnep_jw *w, const char *key, int64_t value);
void vnep_jw_bool(struct vnep_jw *w, const char *key, bool value);
void vnep_jw_ip6(struct vnep_jw *w, const char *key, const struct in6_addr *addr);
void vnep_jw_mac(struct vnep_jw *w, const char *key, const struct vnep_mac *mac);
void vnep_jw_ts(struct vnep_jw *w, const char *key, struct vnep_wall ts);
void vnep_jw_base64(struct vnep_jw *w, const char *key, const uint8_t *data, size_t len);
void vnep_jw_raw(struct vnep_jw *w, const char *key, const char *json, size_t len); /* JSON as it is */

/* RFC 4648 section 4, strict. out needs len / 4 * 3 octets. 0 or VNEP_ESYNTAX. */
int vnep_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

#endif
