/* pcapng-get - the journal's blocks, decoded. */
#include <string.h>

#include "pcapng-private.h"
#include "vnep/err.h"

/* Reads the byte order of the section. */

struct in {
	struct vnep_rd rd;
	bool big;
};

/* As vnep_rd_mem, but here: a block has some twenty of them. */
static inline const uint8_t *mem(struct in *in, size_t len)
{
	const uint8_t *at = in->rd.at;

	if (in->rd.overrun || len > (size_t)(in->rd.end - at)) {
		in->rd.overrun = true;
		return NULL;
	}
	in->rd.at += len;
	return at;
}

static inline uint16_t get16(struct in *in)
{
	const uint8_t *p = mem(in, 2);

	if (!p)
		return 0;
	return (uint16_t)(in->big ? p[0] << 8 | p[1] : p[0] | p[1] << 8);
}

static inline uint32_t get32(struct in *in)
{
	const uint8_t *p = mem(in, 4);

	if (!p)
		return 0;
	return in->big ? vnep_be32(p)
		       : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				 (uint32_t)p[3] << 24;
}

static inline uint64_t get64(struct in *in)
{
	uint64_t first = get32(in), second = get32(in);

	return in->big ? first << 32 | second : second << 32 | first;
}

static struct in sub(const struct in *in, const uint8_t *data, size_t len)
{
	struct in part = { .big = in->big };

	part.rd.at = data;
	part.rd.end = data ? data + len : data;
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

	return len >= FIELDS_MIN && get32(&head) == PEN && !memcmp(value + 4, MAGIC, MAGIC_LEN);
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
		const uint8_t *value = mem(in, len);

		mem(in, padding(len));
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
	boot = mem(fields, VNEP_PCAPNG_BOOT_LEN);
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
	name = mem(fields, len);
	if (!name || len > VNEP_IF_MAX + 1 || (len > VNEP_IF_MAX && name[VNEP_IF_MAX]) ||
		kind >= VNEP_KIND_COUNT || copy > 2 || !opt->flags || !opt->packet_id ||
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
	packet->copy = copy == 1;
	packet->held = copy == 2;
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

static int get_erased(
	struct vnep_pcapng_block *out, struct in *data, bool lost, struct vnep_err *err)
{
	struct vnep_pcapng_erased erased = { .seq = get64(data), .lost = lost };
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
	dev = mem(data, len);
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
	packet->frame = mem(in, packet->frame_len);
	mem(in, padding(packet->frame_len));
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
	const uint8_t *mark = mem(in, MAGIC_LEN), *text;
	int rc;

	if (pen != PEN || !mark || memcmp(mark, MAGIC, MAGIC_LEN))
		return foreign(out);
	what = get32(in);
	body_len = get32(in);
	text = mem(in, body_len);
	mem(in, padding(body_len));
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
	if (what == WHAT_ERASED || what == WHAT_LOST)
		return get_erased(out, &body, what == WHAT_LOST, err);
	if (what == WHAT_LEDGER) {
		out->type = VNEP_PCAPNG_LEDGER;
		out->ledger = (struct vnep_pcapng_ledger){ text, body_len };
		return 0;
	}
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
		mem(in, type == BLOCK_SECTION ? 16 : 8);
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
