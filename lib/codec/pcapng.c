/*
 * pcapng - the journal's blocks, encode and decode side by side.
 *
 * Every block of ours has the same frame:
 *
 *     type, length | fixed part, data | public options | PEN, "vnep", fields, CRC32 | end
 *
 * so one pair of functions opens and closes all of them, and one decoder checks all of them before
 * anything inside is believed.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "vnep/err.h"
#include "vnep/pcapng.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BLOCK_CUSTOM = 0x0bad,

	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_SHB_USERAPPL = 4,
	OPT_IF_NAME = 2,
	OPT_IF_TSRESOL = 9,
	OPT_EPB_FLAGS = 2,
	OPT_EPB_HASH = 3,
	OPT_EPB_PACKETID = 5,
	OPT_CUSTOM = 2989, /* binary, may be copied */

	PEN = 32473, /* RFC 5612: documentation */
	VERSION = 1, /* of our option */
	LINK_ETHERNET = 1,
	TSRESOL_NS = 9,
	HASH_CRC32 = 2,
	FLAG_INBOUND = 1,
	FLAG_OUTBOUND = 2,
	BLOCK_MIN = 12,
	WHAT_RECORD = 1,
	WHAT_SYNC = 2,
	WHAT_ERASED = 3,
	COMMENT_MAX = 256,
	CONN_WIDE = 0xffff, /* the number stands in 32 bits behind it */
	FIELDS_MIN = 16,    /* PEN, magic, version and padding, CRC32 */
};

static const char magic[4] = { 'v', 'n', 'e', 'p' };
static const uint32_t byte_order = 0x1a2b3c4d;

uint32_t vnep_pcapng_crc(uint32_t crc, const void *data, size_t len)
{
	return len ? (uint32_t)crc32_z(crc, data, len) : crc; /* of NULL zlib makes 0 */
}

uint32_t vnep_pcapng_crc_file(uint64_t file)
{
	uint8_t le[8];

	for (unsigned i = 0; i < 8; i++)
		le[i] = (uint8_t)(file >> 8 * i);
	return vnep_pcapng_crc(0, le, sizeof le);
}

/* Encode. */

static size_t padding(size_t len)
{
	return -len & 3;
}

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
	vnep_buf_put(out, magic, sizeof magic);
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

/* Short where it can be: a connection number below 65535 in 16 bits, the interface only if there is one. */
static size_t packet_fields(uint8_t *data, const struct vnep_pcapng_packet *packet)
{
	size_t name = strnlen(packet->in_iface, VNEP_IF_MAX), at = 4;
	uint32_t conn = packet->conn < CONN_WIDE ? packet->conn : CONN_WIDE;

	data[2] = (uint8_t)conn;
	data[3] = (uint8_t)(conn >> 8);
	if (conn == CONN_WIDE) {
		set_le32(data + at, packet->conn);
		at += 4;
	}
	memcpy(data + at, packet->in_iface, name);
	return at + name + padding(name);
}

void vnep_pcapng_put_packet(struct vnep_buf *out, const struct vnep_pcapng_packet *packet)
{
	uint8_t data[8 + VNEP_IF_MAX + 1] = { (uint8_t)packet->kind, packet->copy };
	struct vnep_buf fields = { .data = data, .len = packet_fields(data, packet) };
	uint32_t flags = packet->direction == VNEP_FROM_DEVICE ? FLAG_INBOUND
			 : packet->direction == VNEP_TO_DEVICE ? FLAG_OUTBOUND
							       : 0;
	uint64_t ts = (uint64_t)packet->ts.ns;
	size_t start = block_begin(out, BLOCK_PACKET);

	assert(packet->frame_len <= VNEP_PCAPNG_FRAME_MAX);
	vnep_buf_put_le32(out, packet->interface);
	vnep_buf_put_le32(out, (uint32_t)(ts >> 32));
	vnep_buf_put_le32(out, (uint32_t)ts);
	vnep_buf_put_le32(out, packet->frame_len);
	vnep_buf_put_le32(out, packet->length);
	put_padded(out, packet->frame, packet->frame_len);
	vnep_buf_put_le16(out, OPT_EPB_FLAGS);
	vnep_buf_put_le16(out, 4);
	vnep_buf_put_le32(out, flags);
	vnep_buf_put_le16(out, OPT_EPB_HASH);
	vnep_buf_put_le16(out, 5);
	vnep_buf_put_u8(out, HASH_CRC32);
	vnep_buf_put_be32(out, vnep_pcapng_crc(0, packet->frame, packet->frame_len));
	vnep_buf_put_zero(out, padding(5));
	vnep_buf_put_le16(out, OPT_EPB_PACKETID);
	vnep_buf_put_le16(out, 8);
	vnep_buf_put_le64(out, packet->seq);
	block_end(out, start, &fields);
}

static void put_custom(
	struct vnep_buf *out, uint32_t what, const void *data, size_t len, const char *comment)
{
	struct vnep_buf none = { 0 };
	size_t start = block_begin(out, BLOCK_CUSTOM);

	vnep_buf_put_le32(out, PEN);
	vnep_buf_put(out, magic, sizeof magic);
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
	snprintf(comment, sizeof comment, "%.128s: %llu erased of %llu", erased->dev,
		(unsigned long long)erased->seq, (unsigned long long)erased->count);
	if (data.rc)
		out->rc = data.rc;
	else
		put_custom(out, WHAT_ERASED, data.data, data.len, comment);
	vnep_buf_release(&data);
}

/* Decode. struct in reads the byte order of the section. */

struct in {
	struct vnep_rd rd;
	bool big;
};

static uint16_t get16(struct in *in)
{
	return in->big ? vnep_rd_be16(&in->rd) : vnep_rd_le16(&in->rd);
}

static uint32_t get32(struct in *in)
{
	return in->big ? vnep_rd_be32(&in->rd) : vnep_rd_le32(&in->rd);
}

static uint64_t get64(struct in *in)
{
	return in->big ? vnep_rd_be64(&in->rd) : vnep_rd_le64(&in->rd);
}

static struct in sub(const struct in *in, const uint8_t *data, size_t len)
{
	struct in part = { .big = in->big };

	vnep_rd_init(&part.rd, data, len);
	return part;
}

/* What the options of a block said. NULL: it was not there. */
struct options {
	const uint8_t *name, *flags, *hash, *packet_id, *tsresol, *ours;
	size_t name_len, hash_len, ours_len;
};

static bool is_ours(const struct in *in, const uint8_t *value, size_t len)
{
	struct in head = sub(in, value, len);

	return len >= FIELDS_MIN && get32(&head) == PEN && !memcmp(value + 4, magic, sizeof magic);
}

static void take_option(struct options *opt, const struct in *in, uint32_t block, uint16_t code,
	const uint8_t *value, size_t len)
{
	if (code == OPT_CUSTOM && is_ours(in, value, len)) {
		opt->ours = value;
		opt->ours_len = len;
	} else if (block == BLOCK_INTERFACE && code == OPT_IF_NAME) {
		opt->name = value;
		opt->name_len = len;
	} else if (block == BLOCK_INTERFACE && code == OPT_IF_TSRESOL && len == 1) {
		opt->tsresol = value;
	} else if (block == BLOCK_PACKET && code == OPT_EPB_FLAGS && len == 4) {
		opt->flags = value;
	} else if (block == BLOCK_PACKET && code == OPT_EPB_HASH) {
		opt->hash = value;
		opt->hash_len = len;
	} else if (block == BLOCK_PACKET && code == OPT_EPB_PACKETID && len == 8) {
		opt->packet_id = value;
	}
}

static int read_options(struct options *opt, struct in *in, uint32_t block, struct vnep_err *err)
{
	*opt = (struct options){ 0 };
	while (vnep_rd_left(&in->rd)) {
		uint16_t code = get16(in), len = get16(in);
		const uint8_t *value = vnep_rd_mem(&in->rd, len);

		vnep_rd_skip(&in->rd, padding(len));
		if (in->rd.overrun)
			return vnep_err_set(
				err, VNEP_EDAMAGED, "an option reaches beyond its block");
		if (code == OPT_END)
			return vnep_rd_left(&in->rd) || len
				       ? vnep_err_set(err, VNEP_EDAMAGED,
						 "octets behind the last option")
				       : 0;
		take_option(opt, in, block, code, value, len);
	}
	return 0;
}

/* Our option must be the last one, and its CRC32 that of everything in front of it. *fields is what
 * stands between version and CRC32. */
static int check(const struct options *opt, const struct in *in, const uint8_t *data, size_t len,
	struct in *fields, struct vnep_err *err)
{
	const uint8_t *end = opt->ours + opt->ours_len;
	struct in ours = sub(in, opt->ours + 8, opt->ours_len - 8);
	struct in tail = sub(in, end - 4, 4);

	if (end + 8 != data + len || opt->ours_len % 4 || vnep_be32(end) != OPT_END)
		return vnep_err_set(err, VNEP_EDAMAGED, "our option is not the last of its block");
	if (vnep_pcapng_crc(0, data, (size_t)(end - 4 - data)) != get32(&tail))
		return vnep_err_set(err, VNEP_EDAMAGED, "the CRC32 of a block does not agree");
	if (get32(&ours) != VERSION)
		return vnep_err_set(err, VNEP_EDAMAGED, "a block of a version we do not know");
	*fields = sub(in, ours.rd.at, vnep_rd_left(&ours.rd) - 4);
	return 0;
}

static int fields_end(const struct in *fields, struct vnep_err *err)
{
	if (fields->rd.overrun || vnep_rd_left(&fields->rd))
		return vnep_err_set(err, VNEP_EDAMAGED, "our option has the wrong length");
	return 0;
}

static int get_section(struct vnep_pcapng_block *out, struct in *fields, struct vnep_err *err)
{
	struct vnep_pcapng_section section = { .segment = get32(fields) };
	const uint8_t *boot;

	section.previous = get32(fields);
	section.previous_end = get64(fields);
	section.file = get64(fields);
	section.end = get64(fields);
	boot = vnep_rd_mem(&fields->rd, VNEP_PCAPNG_BOOT_LEN);
	if (boot)
		memcpy(section.boot, boot, VNEP_PCAPNG_BOOT_LEN);
	out->type = VNEP_PCAPNG_SECTION;
	out->section = section;
	return fields_end(fields, err);
}

static int get_interface(struct vnep_pcapng_block *out, const struct options *opt,
	struct in *fields, struct vnep_err *err)
{
	struct vnep_pcapng_interface interface = { .id = get32(fields) };

	if (!opt->name || opt->name_len > VNEP_URN_MAX || memchr(opt->name, 0, opt->name_len) ||
		!opt->tsresol || *opt->tsresol != TSRESOL_NS)
		return vnep_err_set(
			err, VNEP_EDAMAGED, "an interface without its name or resolution");
	memcpy(interface.name, opt->name, opt->name_len);
	out->type = VNEP_PCAPNG_INTERFACE;
	out->interface = interface;
	return fields_end(fields, err);
}

/* The fields of ours in a packet, and what its public options say. */
static int get_packet(struct vnep_pcapng_block *out, const struct options *opt, struct in *fields,
	struct vnep_pcapng_packet *packet, struct vnep_err *err)
{
	uint8_t kind = vnep_rd_u8(&fields->rd), copy = vnep_rd_u8(&fields->rd);
	const uint8_t *name;
	struct in part;
	uint32_t flags;
	size_t len;

	packet->conn = get16(fields);
	if (packet->conn == CONN_WIDE)
		packet->conn = get32(fields);
	len = vnep_rd_left(&fields->rd);
	name = vnep_rd_mem(&fields->rd, len);
	if (!name || len > VNEP_IF_MAX + 1 || (len > VNEP_IF_MAX && name[VNEP_IF_MAX]) ||
		kind >= VNEP_KIND_COUNT || copy > 1 || !opt->flags || !opt->packet_id ||
		!opt->hash || opt->hash_len != 5 || opt->hash[0] != HASH_CRC32)
		return vnep_err_set(err, VNEP_EDAMAGED, "a packet without one of its options");
	if (vnep_be32(opt->hash + 1) != vnep_pcapng_crc(0, packet->frame, packet->frame_len))
		return vnep_err_set(err, VNEP_EDAMAGED, "the hash of a packet does not agree");
	memset(packet->in_iface, 0, sizeof packet->in_iface);
	memcpy(packet->in_iface, name, len);
	part = sub(fields, opt->flags, 4);
	flags = get32(&part) & 3;
	part = sub(fields, opt->packet_id, 8);
	packet->seq = get64(&part);
	packet->kind = kind;
	packet->copy = copy;
	packet->direction = flags == FLAG_INBOUND    ? VNEP_FROM_DEVICE
			    : flags == FLAG_OUTBOUND ? VNEP_TO_DEVICE
						     : VNEP_DIRECTION_NONE;
	out->type = VNEP_PCAPNG_PACKET;
	out->packet = *packet;
	return fields_end(fields, err);
}

static int get_sync(struct vnep_pcapng_block *out, struct in *data, struct vnep_err *err)
{
	struct vnep_pcapng_sync sync = { .group = get64(data) };

	sync.start = get64(data);
	sync.file = get64(data);
	sync.crc = get32(data);
	out->type = VNEP_PCAPNG_SYNC;
	out->sync = sync;
	return fields_end(data, err);
}

static int get_erased(struct vnep_pcapng_block *out, struct in *data, struct vnep_err *err)
{
	struct vnep_pcapng_erased erased = { .seq = get64(data) };
	size_t len;
	const uint8_t *dev;

	erased.count = get64(data);
	erased.synced = get64(data);
	erased.disconnect = get64(data);
	erased.life = get64(data);
	erased.first.ns = (int64_t)get64(data);
	erased.life_ts.ns = (int64_t)get64(data);
	erased.conn = get32(data);
	erased.connected = get32(data);
	len = vnep_rd_left(&data->rd);
	dev = vnep_rd_mem(&data->rd, len);
	if (data->rd.overrun || !len || len > VNEP_URN_MAX || memchr(dev, 0, len) || !erased.seq ||
		!erased.count || erased.count > UINT64_MAX - erased.seq)
		return vnep_err_set(err, VNEP_EDAMAGED, "an erased range that is none");
	memcpy(erased.dev, dev, len);
	out->type = VNEP_PCAPNG_ERASED;
	out->erased = erased;
	return 0;
}

/* The fixed part of a packet block, before its options. */
static int packet_head(struct vnep_pcapng_packet *packet, struct in *in, struct vnep_err *err)
{
	uint32_t high, low;

	*packet = (struct vnep_pcapng_packet){ .interface = get32(in) };
	high = get32(in);
	low = get32(in);
	packet->ts.ns = (int64_t)((uint64_t)high << 32 | low);
	packet->frame_len = get32(in);
	packet->length = get32(in);
	packet->frame = vnep_rd_mem(&in->rd, packet->frame_len);
	vnep_rd_skip(&in->rd, padding(packet->frame_len));
	if (in->rd.overrun)
		return vnep_err_set(err, VNEP_EDAMAGED, "a packet reaches beyond its block");
	return 0;
}

static int foreign(struct vnep_pcapng_block *out)
{
	out->type = VNEP_PCAPNG_FOREIGN;
	return 0;
}

static int get_custom(struct vnep_pcapng_block *out, struct in *in, const uint8_t *data, size_t len,
	struct vnep_err *err)
{
	struct options opt;
	struct in fields, body;
	uint32_t pen = get32(in), what, body_len;
	const uint8_t *mark = vnep_rd_mem(&in->rd, sizeof magic), *text;
	int rc;

	if (pen != PEN || !mark || memcmp(mark, magic, sizeof magic))
		return foreign(out);
	what = get32(in);
	body_len = get32(in);
	text = vnep_rd_mem(&in->rd, body_len);
	vnep_rd_skip(&in->rd, padding(body_len));
	if (in->rd.overrun)
		return vnep_err_set(err, VNEP_EDAMAGED, "a record reaches beyond its block");
	rc = read_options(&opt, in, BLOCK_CUSTOM, err);
	if (!rc && !opt.ours)
		rc = vnep_err_set(err, VNEP_EDAMAGED, "a record without its check");
	if (!rc)
		rc = check(&opt, in, data, len, &fields, err);
	if (!rc)
		rc = fields_end(&fields, err);
	if (rc)
		return rc;
	body = sub(in, text, body_len);
	if (what == WHAT_SYNC)
		return get_sync(out, &body, err);
	if (what == WHAT_ERASED)
		return get_erased(out, &body, err);
	if (what != WHAT_RECORD)
		return vnep_err_set(err, VNEP_EDAMAGED, "a custom block of a kind we do not know");
	out->type = VNEP_PCAPNG_RECORD;
	out->record = (struct vnep_pcapng_record){ (const char *)text, body_len };
	return 0;
}

/* Section, interface, packet: fixed part, options, ours. */
static int get_standard(struct vnep_pcapng_block *out, uint32_t type, struct in *in,
	const uint8_t *data, size_t len, struct vnep_err *err)
{
	struct vnep_pcapng_packet packet;
	struct options opt;
	struct in fields;
	int rc = 0;

	if (type == BLOCK_PACKET)
		rc = packet_head(&packet, in, err);
	else
		vnep_rd_skip(&in->rd, type == BLOCK_SECTION ? 16 : 8);
	if (!rc && in->rd.overrun)
		rc = vnep_err_set(err, VNEP_EDAMAGED, "a block too short for its type");
	if (!rc)
		rc = read_options(&opt, in, type, err);
	if (rc)
		return rc;
	if (!opt.ours)
		return foreign(out);
	rc = check(&opt, in, data, len, &fields, err);
	if (rc)
		return rc;
	if (type == BLOCK_SECTION)
		return get_section(out, &fields, err);
	if (type == BLOCK_INTERFACE)
		return get_interface(out, &opt, &fields, err);
	return get_packet(out, &opt, &fields, &packet, err);
}

static int section_order(bool *big, const uint8_t *data, size_t len, struct vnep_err *err)
{
	struct vnep_rd rd;
	uint32_t le;

	if (len < BLOCK_MIN)
		return VNEP_ESHORT;
	vnep_rd_init(&rd, data + 8, 4);
	le = vnep_rd_le32(&rd);
	if (le != byte_order && le != __builtin_bswap32(byte_order))
		return vnep_err_set(err, VNEP_ESYNTAX, "not pcapng: no byte-order magic");
	*big = le != byte_order;
	return 0;
}

int vnep_pcapng_get(struct vnep_pcapng_block *out, bool *big, const uint8_t *data, size_t len,
	struct vnep_err *err)
{
	struct in in, tail;
	uint32_t type, total;
	bool order = *big;
	int rc;

	if (len < 8)
		return VNEP_ESHORT;
	if (vnep_be32(data) == BLOCK_SECTION) { /* reads the same in both orders */
		rc = section_order(&order, data, len, err);
		if (rc)
			return rc;
	}
	in = (struct in){ .big = order };
	vnep_rd_init(&in.rd, data, len);
	type = get32(&in);
	total = get32(&in);
	if (total < BLOCK_MIN || total % 4 || total > VNEP_PCAPNG_BLOCK_MAX)
		return vnep_err_set(err, VNEP_ESYNTAX, "a block of %u octets", total);
	if (total > len)
		return VNEP_ESHORT;
	tail = sub(&in, data + total - 4, 4);
	if (get32(&tail) != total)
		return vnep_err_set(err, VNEP_EDAMAGED, "the two lengths of a block do not agree");
	in = sub(&in, data + 8, total - BLOCK_MIN);
	*out = (struct vnep_pcapng_block){ .len = total };
	if (type == BLOCK_CUSTOM)
		rc = get_custom(out, &in, data, total, err);
	else if (type == BLOCK_SECTION || type == BLOCK_INTERFACE || type == BLOCK_PACKET)
		rc = get_standard(out, type, &in, data, total, err);
	else
		rc = foreign(out);
	if (!rc)
		*big = order;
	return rc;
}
