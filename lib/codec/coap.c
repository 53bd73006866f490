/* coap - options of a message, one after the other, each a step on from the number before. */
#include <netinet/in.h>
#include <string.h>

#include "vnep/buf.h"
#include "vnep/coap.h"

enum { UDP_HEADER = 8, COAP_HEADER = 4, URI_PATH = 11, CONTENT_FORMAT = 12, PAYLOAD_MARKER = 0xff };

bool vnep_udp_payload(
	const struct vnep_frame *frame, const uint8_t *data, const uint8_t **payload, size_t *len)
{
	size_t udp_len;

	if (frame->proto != IPPROTO_UDP || !frame->l4 || frame->fragment ||
		frame->l4 + UDP_HEADER > frame->end)
		return false;
	udp_len = vnep_be16(data + frame->l4 + 4);
	if (udp_len < UDP_HEADER || udp_len > (size_t)(frame->end - frame->l4))
		return false;
	*payload = data + frame->l4 + UDP_HEADER;
	*len = udp_len - UDP_HEADER;
	return true;
}

/* The delta or length of an option: four bits, or one or two octets more. */
static uint32_t extended(struct vnep_rd *rd, uint8_t nibble, bool *bad)
{
	if (nibble < 13)
		return nibble;
	if (nibble == 13)
		return 13u + vnep_rd_u8(rd);
	if (nibble == 14)
		return 269u + vnep_rd_be16(rd);
	*bad = true;
	return 0;
}

static void add_segment(struct vnep_coap_body *out, const uint8_t *value, size_t len)
{
	size_t at = strlen(out->path), room = VNEP_COAP_PATH_MAX - at;

	if (!room)
		return;
	out->path[at++] = '/';
	if (len > room - 1)
		len = room - 1;
	if (memchr(value, '/', len) || memchr(value, 0, len))
		out->whole = false; /* the text could mean another path, too */
	for (size_t i = 0; i < len; i++)
		out->path[at + i] = (char)(value[i] ? value[i] : '?');
	out->path[at + len] = 0;
}

/* Options that do not change what the path names: Uri-Path, Content-Format, Max-Age, Accept, Size1. */
static bool is_plain(uint32_t number)
{
	return number == URI_PATH || number == CONTENT_FORMAT || number == 14 || number == 17 ||
	       number == 60;
}

static bool read_options(struct vnep_coap_body *out, struct vnep_rd *rd)
{
	uint32_t number = 0, len;
	const uint8_t *value;
	bool bad = false;

	while (vnep_rd_left(rd)) {
		uint8_t first = vnep_rd_u8(rd);

		if (first == PAYLOAD_MARKER) {
			out->payload_len = vnep_rd_left(rd);
			out->payload = vnep_rd_mem(rd, out->payload_len);
			return out->payload_len > 0; /* a marker without a payload is malformed */
		}
		number += extended(rd, first >> 4, &bad);
		len = extended(rd, first & 15, &bad);
		value = vnep_rd_mem(rd, len);
		if (bad || rd->overrun)
			return false;
		out->whole = out->whole && is_plain(number);
		if (number == URI_PATH && strlen(out->path) + 1 + len > VNEP_COAP_PATH_MAX)
			out->whole = false;
		if (number == URI_PATH)
			add_segment(out, value, len);
		if (number == CONTENT_FORMAT && len <= 2)
			out->content_format = len == 0 ? 0 : len == 1 ? value[0] : vnep_be16(value);
	}
	return true;
}

bool vnep_coap_body_read(
	struct vnep_coap_body *out, const struct vnep_frame *frame, const uint8_t *data)
{
	struct vnep_rd rd;
	const uint8_t *payload;
	size_t len;

	*out = (struct vnep_coap_body){ .content_format = -1, .whole = true };
	if (!vnep_coap_read(&out->head, frame, data) ||
		!vnep_udp_payload(frame, data, &payload, &len))
		return false;
	vnep_rd_init(&rd, payload, len);
	vnep_rd_skip(&rd, COAP_HEADER + (size_t)out->head.token_len);
	if (rd.overrun || !read_options(out, &rd))
		return false;
	if (!out->path[0] && out->head.code >= 1 && out->head.code < 32)
		strcpy(out->path, "/");
	return true;
}
