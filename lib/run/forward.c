/* forward - what the netdev chains do to a frame, done to one in memory. */
#include <string.h>

#include "vnep/buf.h"
#include "vnep/err.h"
#include "vnep/forward.h"

enum {
	MACS = 12,
	TAG = 4,
	ETHERTYPE_8021Q = 0x8100,
	IP6_HEADER = 40,
	ICMP6_HEADER = 8,
	ICMP6_INFO = 128, /* types below are errors (RFC 4443 2.1) */
	TCP_FLAGS = 13,
	TCP_SYN = 0x02,
	TCP_OTHERS = 0x15, /* FIN, RST, ACK */
};

enum vnep_reason vnep_forward_replayable(const struct vnep_frame *frame, const uint8_t *data)
{
	if (frame->proto != IPPROTO_TCP)
		return VNEP_REASON_NONE;
	if (!frame->l4 || frame->fragment)
		return VNEP_NOT_REPLAYABLE;
	/* vnep_frame_parse saw 20 octets of it */
	return (data[frame->l4 + TCP_FLAGS] & (TCP_SYN | TCP_OTHERS)) == TCP_SYN
		       ? VNEP_REASON_NONE
		       : VNEP_NOT_REPLAYABLE;
}

void vnep_forward_retag(uint8_t *data, size_t *len, uint16_t vlan)
{
	bool tagged = *len >= MACS + TAG && vnep_be16(data + MACS) == ETHERTYPE_8021Q;

	if (vlan && tagged) {
		uint16_t tci = vnep_be16(data + MACS + 2);

		vnep_set_be16(data + MACS + 2, (uint16_t)((tci & 0xf000) | vlan));
	} else if (vlan) {
		memmove(data + MACS + TAG, data + MACS, *len - MACS);
		vnep_set_be16(data + MACS, ETHERTYPE_8021Q);
		vnep_set_be16(data + MACS + 2, vlan);
		*len += TAG;
	} else if (tagged) {
		memmove(data + MACS, data + MACS + TAG, *len - MACS - TAG);
		*len -= TAG;
	}
}

/*
 * The packet inside an ICMPv6 error went the other way: an error to the device quotes what the
 * device sent (source V), one from the device quotes what it was sent (destination L). The quoted
 * checksum follows where it was quoted; then the error's own is made anew, which is only honest if
 * it was right before.
 */
static enum vnep_reason translate_quoted(
	struct vnep_frame *f, uint8_t *data, const struct vnep_forward *how, bool to_device)
{
	struct vnep_frame quoted = { .l3 = (uint16_t)(f->l4 + ICMP6_HEADER), .end = f->end };
	const uint8_t *address;

	if (quoted.l3 + IP6_HEADER > f->end)
		return VNEP_MALFORMED;
	address = data + quoted.l3 + (to_device ? 8 : 24);
	if (memcmp(address, &how->was, sizeof how->was))
		return VNEP_REASON_NONE;
	quoted.proto = data[quoted.l3 + 6];
	quoted.l4 = (uint16_t)(quoted.l3 + IP6_HEADER);
	if (to_device)
		vnep_frame_set_src(&quoted, data, &how->becomes);
	else
		vnep_frame_set_dest(&quoted, data, &how->becomes);
	return VNEP_REASON_NONE;
}

static bool is_error(const struct vnep_frame *f)
{
	return f->proto == IPPROTO_ICMPV6 && f->l4 && !f->fragment && f->icmp_type < ICMP6_INFO;
}

/* Is it for (or from) the device? Form edge: V (or L) stands where it will be rewritten. Form host: V is one end, an
 * address of the device the other. */
static bool is_for(const struct vnep_forward *how, const struct vnep_frame *f, bool to_device)
{
	const struct in6_addr *device = to_device ? &f->dest : &f->src,
			      *other = to_device ? &f->src : &f->dest;

	if (!how->host_addr)
		return vnep_ip6_equal(device, &how->was);
	for (unsigned i = 0; i < how->host_addr_count; i++)
		if (vnep_ip6_equal(device, &how->host_addr[i]))
			return vnep_ip6_equal(other, &how->was);
	return false;
}

static enum vnep_reason translate(
	const struct vnep_forward *how, struct vnep_frame *f, uint8_t *data, bool to_device)
{
	enum vnep_reason reason = VNEP_REASON_NONE;

	if (to_device)
		vnep_frame_set_dest(f, data, &how->becomes);
	else
		vnep_frame_set_src(f, data, &how->becomes);
	if (is_error(f)) {
		reason = translate_quoted(f, data, how, to_device);
		vnep_frame_checksum_set(f, data);
	}
	return reason;
}

static enum vnep_reason rewrite(const struct vnep_forward *how, const uint8_t *frame, size_t len,
	uint8_t *out, size_t *out_len, bool to_device)
{
	enum vnep_reason reason = VNEP_REASON_NONE;
	struct vnep_frame f;
	size_t packet;
	int rc = vnep_frame_parse(&f, frame, len);

	if (rc)
		return rc == VNEP_ESHORT ? VNEP_MALFORMED : VNEP_NOT_IPV6;
	if (!is_for(how, &f, to_device))
		return VNEP_NOT_FOR_US;
	packet = (size_t)(f.end - f.l3);
	if (how->mtu && packet > how->mtu)
		return VNEP_TOO_BIG;
	if (is_error(&f) && !vnep_frame_checksum_ok(&f, frame))
		return VNEP_MALFORMED;
	memcpy(out, frame, f.end); /* padding behind the packet stays behind */
	if (!how->keep_hop && !vnep_frame_hop(&f, out))
		return VNEP_NOT_REPLAYABLE;
	if (!how->host_addr)
		reason = translate(how, &f, out, to_device);
	vnep_frame_set_macs(out, &how->dest_mac, &how->src_mac);
	*out_len = f.end;
	vnep_forward_retag(out, out_len, how->vlan);
	return reason;
}

enum vnep_reason vnep_forward_to_device(const struct vnep_forward *how, const uint8_t *frame,
	size_t len, uint8_t *out, size_t *out_len)
{
	return rewrite(how, frame, len, out, out_len, true);
}

enum vnep_reason vnep_forward_from_device(const struct vnep_forward *how, const uint8_t *frame,
	size_t len, uint8_t *out, size_t *out_len)
{
	return rewrite(how, frame, len, out, out_len, false);
}

int vnep_forward_place(const struct vnep_device *device, const struct vnep_binding *binding,
	struct vnep_binding *out, struct vnep_err *err)
{
	const char *missing = !device->port[0] ? "port" : !device->addr_count ? "addr" : "mac";

	if (binding && !binding->deleted && binding->addr_count && binding->port[0]) {
		*out = *binding;
		return 0;
	}
	if (!device->port[0] || !device->addr_count || !device->has_mac) {
		vnep_err_set(err, VNEP_ENOTFOUND,
			"%s is attached nowhere, and its record has no fixed %s", device->dev,
			missing);
		vnep_err_hint(err, "vnep-edge writes its binding when it attaches");
		return VNEP_ENOTFOUND;
	}
	*out = (struct vnep_binding){
		.vlan = device->vlan, .mac = device->mac, .addr_count = device->addr_count
	};
	memcpy(out->dev, device->dev, sizeof out->dev);
	memcpy(out->port, device->port, sizeof out->port);
	memcpy(out->addr, device->addr, sizeof out->addr);
	return 0;
}

void vnep_forward_init(struct vnep_forward *how, const struct vnep_device *device,
	const struct vnep_binding *place, const struct vnep_mac *port_mac, uint32_t mtu)
{
	*how = (struct vnep_forward){ .was = device->vep,
		.becomes = place->addr[place->addr_count - 1],
		.dest_mac = place->mac,
		.src_mac = *port_mac,
		.vlan = place->vlan,
		.mtu = mtu };
	if (device->form == VNEP_FORM_HOST) {
		how->host_addr = device->addr;
		how->host_addr_count = device->addr_count;
	}
}
