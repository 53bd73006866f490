/* pcapng - the journal's blocks, encoded. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "pcapng-private.h"
#include "vnep/crc32.h"

uint32_t vnep_pcapng_crc(uint32_t crc, const void *data, size_t len)
{
	return vnep_crc32(crc, data, len);
}

uint32_t vnep_pcapng_crc_file(uint64_t file)
{
	uint8_t le[8];

	for (unsigned i = 0; i < 8; i++)
		le[i] = (uint8_t)(file >> 8 * i);
	return vnep_pcapng_crc(0, le, sizeof le);
}

uint32_t vnep_pcapng_mix(uint32_t mix, const uint8_t *block, size_t len)
{
	const uint8_t *own =
		block + len - BLOCK_MIN; /* behind it the end of options, and the length */

	mix ^= own[0] | (uint32_t)own[1] << 8 | (uint32_t)own[2] << 16 | (uint32_t)own[3] << 24;
	mix = (mix + 0x811c9dc5) * 0x9e3779b1;
	return mix << 15 | mix >> 17;
}

uint32_t vnep_pcapng_group_check(uint64_t file, const uint8_t *group, size_t len)
{
	uint32_t crc = vnep_pcapng_crc(vnep_pcapng_crc_file(file), group, len), mix = 0;
	size_t at = 0, block;

	for (; len - at >= BLOCK_MIN; at += block) {
		block = group[at + 4] | (size_t)group[at + 5] << 8 | (size_t)group[at + 6] << 16 |
			(size_t)group[at + 7] << 24;
		if (block < BLOCK_MIN || block > len - at)
			break; /* what we wrote ourselves has no such block */
		mix = vnep_pcapng_mix(mix, group + at, block);
	}
	return crc ^ mix;
}

/* Encode. */

static size_t block_begin(struct vnep_buf *out, uint32_t type)
{
	size_t start = out->len;

	vnep_buf_put_le32(out, type);
	vnep_buf_put_le32(out, 0); /* block_end knows */
	return start;
}

static void put_padded(struct vnep_buf *out, const void *data, size_t len)
{
	vnep_buf_put(out, data, len);
	vnep_buf_put_zero(out, padding(len));
}

static void put_option(struct vnep_buf *out, uint16_t code, const void *data, size_t len)
{
	vnep_buf_put_le16(out, code);
	vnep_buf_put_le16(out, (uint16_t)len);
	put_padded(out, data, len);
}

static void set_le32(uint8_t *at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

/* Our option with its fields, the check, the end. */
static void block_end(struct vnep_buf *out, size_t start, const struct vnep_buf *fields)
{
	size_t option = FIELDS_MIN + fields->len;
	size_t len = out->len - start + 4 + option + 4 + 4;

	if (fields->rc)
		out->rc = fields->rc;
	vnep_buf_put_le16(out, OPT_CUSTOM);
	vnep_buf_put_le16(out, (uint16_t)option);
	vnep_buf_put_le32(out, PEN);
	vnep_buf_put(out, MAGIC, MAGIC_LEN);
	vnep_buf_put_le32(out, VERSION);
	vnep_buf_put(out, fields->data, fields->len);
	if (out->rc)
		return;
	set_le32(out->data + start + 4, (uint32_t)len);
	vnep_buf_put_le32(out, vnep_pcapng_crc(0, out->data + start, out->len - start));
	vnep_buf_put_le32(out, OPT_END);
	vnep_buf_put_le32(out, (uint32_t)len);
}

void vnep_pcapng_put_section(struct vnep_buf *out, const struct vnep_pcapng_section *section)
{
	static const char application[] = "vnep " VNEP_VERSION;
	struct vnep_buf fields = { 0 };
	char boot[VNEP_PCAPNG_BOOT_LEN] = "";
	size_t start = block_begin(out, BLOCK_SECTION);

	memcpy(boot, section->boot, strnlen(section->boot, sizeof boot));
	vnep_buf_put_le32(out, byte_order);
	vnep_buf_put_le16(out, 1);
	vnep_buf_put_le16(out, 0);
	vnep_buf_put_le64(out, UINT64_MAX); /* the section ends with the file */
	put_option(out, OPT_SHB_USERAPPL, application, sizeof application - 1);
	vnep_buf_put_le32(&fields, section->segment);
	vnep_buf_put_le32(&fields, section->previous);
	vnep_buf_put_le64(&fields, section->previous_end);
	vnep_buf_put_le64(&fields, section->file);
	vnep_buf_put_le64(&fields, section->end);
	vnep_buf_put(&fields, boot, sizeof boot);
	block_end(out, start, &fields);
	vnep_buf_release(&fields);
}

void vnep_pcapng_put_interface(struct vnep_buf *out, const struct vnep_pcapng_interface *interface)
{
	static const uint8_t resolution = TSRESOL_NS;
	uint8_t id[4];
	struct vnep_buf fields = { .data = id, .len = sizeof id };
	size_t start = block_begin(out, BLOCK_INTERFACE);

	vnep_buf_put_le16(out, LINK_ETHERNET);
	vnep_buf_put_le16(out, 0);
	vnep_buf_put_le32(out, 0); /* no snap length */
	put_option(out, OPT_IF_NAME, interface->name, strnlen(interface->name, VNEP_URN_MAX));
	put_option(out, OPT_IF_TSRESOL, &resolution, 1);
	set_le32(id, interface->id);
	block_end(out, start, &fields);
}

/* Packets are what a journal is made of: each is laid out at once, its octets counted beforehand. */

static uint8_t *le16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
	return at + 2;
}

static uint8_t *le32(uint8_t *at, uint32_t v)
{
	set_le32(at, v);
	return at + 4;
}

static uint8_t *option(uint8_t *at, unsigned code, size_t len)
{
	return le16(le16(at, code), (unsigned)len);
}

static uint8_t *padded(uint8_t *at, const void *data, size_t len)
{
	if (len)
		memcpy(at, data, len);
	memset(at + len, 0, padding(len));
	return at + len + padding(len);
}

/* The fixed part and the public options. */
static uint8_t *packet_head(uint8_t *at, const struct vnep_pcapng_packet *packet)
{
	uint32_t flags = packet->direction == VNEP_FROM_DEVICE ? FLAG_INBOUND
			 : packet->direction == VNEP_TO_DEVICE ? FLAG_OUTBOUND
							       : 0;
	uint64_t ts = (uint64_t)packet->ts.ns;

	at = le32(at, packet->interface);
	at = le32(at, (uint32_t)(ts >> 32));
	at = le32(at, (uint32_t)ts);
	at = le32(at, packet->frame_len);
	at = le32(at, packet->length);
	at = padded(at, packet->frame, packet->frame_len);
	at = le32(option(at, OPT_EPB_FLAGS, 4), flags);
	at = option(at, OPT_EPB_HASH, 5);
	*at++ = HASH_CRC32;
	vnep_set_be32(at, vnep_pcapng_crc(0, packet->frame, packet->frame_len));
	memset(at + 4, 0, padding(5));
	at = option(at + 4 + padding(5), OPT_EPB_PACKETID, 8);
	vnep_set_le64(at, packet->seq);
	return at + 8;
}

/* Short where it can be: a connection number below 65535 in 16 bits, the interface only if there is one. */
void vnep_pcapng_put_packet(struct vnep_buf *out, const struct vnep_pcapng_packet *packet)
{
	size_t name = strnlen(packet->in_iface, VNEP_IF_MAX),
	       wide = packet->conn >= CONN_WIDE ? 4 : 0;
	size_t ours = FIELDS_MIN + 4 + wide + name + padding(name);
	size_t len = PACKET_FIXED + packet->frame_len + padding(packet->frame_len) + ours;
	uint8_t *start = vnep_buf_reserve(out, len), *at;

	assert(packet->frame_len <= VNEP_PCAPNG_FRAME_MAX);
	if (!start)
		return;
	at = le32(le32(start, BLOCK_PACKET), (uint32_t)len);
	at = option(packet_head(at, packet), OPT_CUSTOM, ours);
	at = le32(at, PEN);
	memcpy(at, MAGIC, MAGIC_LEN);
	at = le32(at + MAGIC_LEN, VERSION);
	*at++ = (uint8_t)packet->kind;
	*at++ = packet->held ? 2 : packet->copy;
	at = le16(at, wide ? CONN_WIDE : packet->conn);
	if (wide)
		at = le32(at, packet->conn);
	at = padded(at, packet->in_iface, name);
	at = le32(at, vnep_pcapng_crc(0, start, (size_t)(at - start)));
	at = le32(le32(at, OPT_END), (uint32_t)len);
	out->len += (size_t)(at - start);
}

static void put_custom(
	struct vnep_buf *out, uint32_t what, const void *data, size_t len, const char *comment)
{
	struct vnep_buf none = { 0 };
	size_t start = block_begin(out, BLOCK_CUSTOM);

	vnep_buf_put_le32(out, PEN);
	vnep_buf_put(out, MAGIC, MAGIC_LEN);
	vnep_buf_put_le32(out, what);
	vnep_buf_put_le32(out, (uint32_t)len);
	put_padded(out, data, len);
	if (comment && *comment)
		put_option(out, OPT_COMMENT, comment, strnlen(comment, COMMENT_MAX));
	block_end(out, start, &none);
}

void vnep_pcapng_put_record(struct vnep_buf *out, const char *json, size_t len, const char *comment)
{
	assert(len <= VNEP_PCAPNG_FRAME_MAX);
	put_custom(out, WHAT_RECORD, json, len, comment);
}

void vnep_pcapng_put_sync(struct vnep_buf *out, const struct vnep_pcapng_sync *sync)
{
	struct vnep_buf data = { 0 };

	vnep_buf_put_le64(&data, sync->group);
	vnep_buf_put_le64(&data, sync->start);
	vnep_buf_put_le64(&data, sync->file);
	vnep_buf_put_le32(&data, sync->crc);
	if (data.rc)
		out->rc = data.rc;
	else
		put_custom(out, WHAT_SYNC, data.data, data.len, NULL);
	vnep_buf_release(&data);
}

void vnep_pcapng_put_ledger(struct vnep_buf *out, const struct vnep_pcapng_ledger *ledger)
{
	put_custom(out, WHAT_LEDGER, ledger->data, ledger->len, NULL);
}

void vnep_pcapng_put_erased(struct vnep_buf *out, const struct vnep_pcapng_erased *erased)
{
	char comment[COMMENT_MAX];
	struct vnep_buf data = { 0 };

	vnep_buf_put_le64(&data, erased->seq);
	vnep_buf_put_le64(&data, erased->count);
	vnep_buf_put_le64(&data, erased->synced);
	vnep_buf_put_le64(&data, erased->disconnect);
	vnep_buf_put_le64(&data, erased->life);
	vnep_buf_put_le64(&data, (uint64_t)erased->first.ns);
	vnep_buf_put_le64(&data, (uint64_t)erased->life_ts.ns);
	vnep_buf_put_le32(&data, erased->conn);
	vnep_buf_put_le32(&data, erased->connected);
	vnep_buf_put(&data, erased->dev, strnlen(erased->dev, VNEP_URN_MAX));
	snprintf(comment, sizeof comment, "%.128s: %llu %s of %llu", erased->dev,
		(unsigned long long)erased->seq, erased->lost ? "lost" : "erased",
		(unsigned long long)erased->count);
	if (data.rc)
		out->rc = data.rc;
	else
		put_custom(
			out, erased->lost ? WHAT_LOST : WHAT_ERASED, data.data, data.len, comment);
	vnep_buf_release(&data);
}
