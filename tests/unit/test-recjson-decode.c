/* recjson: from a record to its struct, and back. */
#include "recjson.h"

TEST("recjson: what a device does not say has the defaults of record.h")
{
	struct vnep_json *json = good(DEVICE "}");
	struct vnep_device d = { 0 };
	char mac[VNEP_MAC_LEN];

	CHECK_INT(vnep_device_decode(json, &d, NULL), 0);
	CHECK_STR(d.dev, DEV);
	CHECK(d.has_mac);
	vnep_mac_print(&d.mac, mac);
	CHECK_STR(mac, "00:00:5e:00:53:01");
	CHECK(!vnep_json_get(json, "mac")); /* known by its URN, not written into the record */
	CHECK_INT(d.addr_max, 4);
	CHECK(d.consent);
	CHECK(!d.has_psm && !d.has_journal);
	CHECK_INT(d.journal, VNEP_JOURNAL_ASLEEP);
	CHECK_INT(d.form, VNEP_FORM_EDGE);
	CHECK_INT(d.addr_count + d.group_count + d.allow_count + d.vlan, 0);
	vnep_device_release(&d);
	vnep_json_free(json);
	json = good("{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-1\",\"vep\":\"2001:"
		    "db8::1\",\"psm\":{\"t3324_s\":0}}");
	CHECK_INT(vnep_device_decode(json, &d, NULL), 0);
	CHECK(!d.has_mac && d.has_psm && !d.has_journal);
	CHECK_INT(d.journal, VNEP_JOURNAL_BOTH);
	vnep_device_release(&d);
	vnep_json_free(json);
}

TEST("recjson: everything a device says is in the struct")
{
	struct vnep_json *json =
		good(DEVICE ",\"vpc\":\"acme\",\"form\":\"host\",\"mac\":\"00:00:5e:00:53:02\","
			    "\"port\":\"acc0\",\"vlan\":4094,"
			    "\"addr\":[\"2001:db8:a::2\",\"2001:db8:a::3\"],\"addr_max\":16,"
			    "\"region\":\"east\",\"name\":\"lamp.\","
			    "\"groups\":[\"a\",\"b\"],\"labels\":{\"k\":\"v\"},\"allow\":[{\"to\":"
			    "\"2001:db8::/32\",\"proto\":\"TCP\","
			    "\"ports\":[1,\"5683-65535\"]},{\"to\":\"::/"
			    "0\",\"proto\":255}],\"journal\":\"from-device\",\"consent\":false,"
			    "\"psm\":{\"t3324_s\":11160,\"t3412_s\":35712000},\"dl_buffering\":{"
			    "\"duration_s\":4294967295,"
			    "\"packet_count\":100,\"octets\":9007199254740991},\"replay\":{"
			    "\"mode\":\"as-recorded\",\"pps\":50,"
			    "\"keep\":\"last\"},\"revision\":42}");
	struct in6_addr second = ip6("2001:db8:a::3"), vep = ip6("2001:db8:b::77");
	struct vnep_device d = { 0 };

	CHECK_INT(vnep_device_decode(json, &d, NULL), 0);
	CHECK(vnep_ip6_equal(&d.vep, &vep));
	CHECK_STR(d.vpc, "acme");
	CHECK_INT(d.form, VNEP_FORM_HOST);
	CHECK_INT(d.mac.octet[5], 2);
	CHECK_STR(d.port, "acc0");
	CHECK_INT(d.vlan, 4094);
	CHECK_INT(d.addr_count, 2);
	CHECK(vnep_ip6_equal(&d.addr[1], &second));
	CHECK_INT(d.addr_max, 16);
	CHECK_STR(d.region, "east");
	CHECK_STR(d.name, "lamp.");
	CHECK_INT(d.group_count, 2);
	CHECK_STR(d.groups[1], "b");
	CHECK_INT(d.allow_count, 2);
	CHECK_INT(d.allow[0].to.len, 32);
	CHECK_INT(d.allow[0].proto, 6);
	CHECK_INT(d.allow[0].port_count, 2);
	CHECK_INT(d.allow[0].ports[0].first, 1);
	CHECK_INT(d.allow[0].ports[0].last, 1);
	CHECK_INT(d.allow[0].ports[1].first, 5683);
	CHECK_INT(d.allow[0].ports[1].last, 65535);
	CHECK_INT(d.allow[1].proto, 255);
	CHECK_INT(d.allow[1].port_count, 0);
	CHECK(d.has_journal && !d.consent && d.has_psm);
	CHECK_INT(d.journal, VNEP_JOURNAL_ASLEEP); /* no consent */
	CHECK_INT(d.t3324_s, 11160);
	CHECK_INT(d.t3412_s, 35712000);
	CHECK_INT(d.dl_duration_s, 4294967295);
	CHECK_INT(d.dl_packet_count, 100);
	CHECK_INT(d.dl_octets, 9007199254740991);
	CHECK_INT(d.replay_mode, VNEP_REPLAY_AS_RECORDED);
	CHECK_INT(d.replay_pps, 50);
	CHECK_INT(d.replay_keep, VNEP_KEEP_LAST);
	CHECK_INT(d.revision, 42);
	CHECK(!d.deleted);
	vnep_device_release(&d);
	vnep_json_free(json);
}

TEST("recjson: a tombstone decodes with nothing but its id")
{
	struct vnep_json *json =
		good("{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV "\",\"deleted\":true}");
	struct vnep_device d = { 0 };
	struct vnep_vpc v = { 0 };

	CHECK_INT(vnep_device_decode(json, &d, NULL), 0);
	CHECK(d.deleted);
	vnep_device_release(&d);
	vnep_json_free(json);
	json = good("{\"type\":\"vpc\",\"v\":1,\"vpc\":\"acme\",\"deleted\":true}");
	CHECK_INT(vnep_vpc_decode(json, &v, NULL), 0);
	CHECK(v.deleted);
	CHECK_STR(v.vpc, "acme");
	vnep_vpc_release(&v);
	vnep_json_free(json);
}

TEST("recjson: the routes of a vpc come longest prefix first")
{
	struct vnep_json *json =
		good("{\"type\":\"vpc\",\"v\":1,\"vpc\":\"acme\",\"prefix\":\"2001:db8:b::/"
		     "64\",\"core_port\":\"up0\","
		     "\"core_vlan\":1,\"routes\":[{\"to\":\"::/0\",\"next_hop\":\"2001:db8:b::1\"},"
		     "{\"to\":\"2001:db8:c::/"
		     "48\",\"next_hop\":\"2001:db8:b::2\"}],\"quota\":{\"octets\":5}}");
	struct vnep_vpc v = { 0 };

	CHECK_INT(vnep_vpc_decode(json, &v, NULL), 0);
	CHECK_INT(v.prefix.len, 64);
	CHECK_STR(v.core_port, "up0");
	CHECK_INT(v.core_vlan, 1);
	CHECK_INT(v.route_count, 2);
	CHECK_INT(v.routes[0].to.len, 48);
	CHECK_INT(v.routes[0].next_hop.s6_addr[15], 2);
	CHECK_INT(v.routes[1].to.len, 0);
	CHECK_INT(v.quota_octets, 5);
	CHECK_INT(v.quota_reserved_octets, 0);
	vnep_vpc_release(&v);
	vnep_json_free(json);
}

TEST("recjson: a group decodes with its senders")
{
	struct vnep_json *json =
		good("{\"type\":\"group\",\"v\":1,\"group\":\"lights\",\"address\":\"ff35:40:2001:"
		     "db8::8000:1\","
		     "\"port\":5683,\"senders\":[\"2001:db8::1\",\"2001:db8::2\"]}");
	struct vnep_group g = { 0 };

	CHECK_INT(vnep_group_decode(json, &g, NULL), 0);
	CHECK_STR(g.group, "lights");
	CHECK_INT(g.address.s6_addr[0], 0xff);
	CHECK_INT(g.port, 5683);
	CHECK_INT(g.sender_count, 2);
	CHECK_INT(g.senders[1].s6_addr[15], 2);
	vnep_group_release(&g);
	vnep_json_free(json);
}

TEST("recjson: decode of a record that passed no check refuses, and leaves the struct alone")
{
	static const char *const lines[] = { DEVICE ",\"vlan\":70000}", DEVICE ",\"addr\":[1]}",
		DEVICE ",\"addr\":[\"::1\"]}", DEVICE ",\"groups\":[\"..\"]}",
		DEVICE ",\"allow\":[{\"to\":1}]}",
		DEVICE ",\"allow\":[{\"to\":\"::/0\",\"ports\":[1,2,3,4,5,6,7,8,9]}]}",
		DEVICE ",\"allow\":[1,{\"to\":\"x\"}]}", DEVICE ",\"psm\":{\"t3324_s\":-1}}" };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct vnep_device d = { .vlan = 42 };
		struct vnep_json *json = NULL;

		CHECK_INT(vnep_json_parse(lines[i], strlen(lines[i]), &json, NULL), 0);
		CHECK(vnep_device_decode(json, &d, NULL) < 0);
		CHECK_INT(d.vlan, 42);
		vnep_json_free(json);
	}
}

TEST("decode: without consent nothing is journaled but what the device missed")
{
	static const char *const lines[] = { DEVICE ",\"consent\":false}",
		DEVICE ",\"consent\":false,\"psm\":{\"t3324_s\":10}}",
		DEVICE ",\"consent\":false,\"journal\":\"both\"}",
		DEVICE ",\"consent\":false,\"journal\":\"from-device\"}" };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct vnep_json *json = good(lines[i]);
		struct vnep_device device;

		CHECK_INT(vnep_device_decode(json, &device, NULL), 0);
		CHECK_INT(device.journal, VNEP_JOURNAL_ASLEEP);
		vnep_device_release(&device);
		vnep_json_free(json);
	}
}

/* ---- there and back ---- */

TEST("recjson: a binding comes back as it was")
{
	struct vnep_binding b = { .dev = DEV,
		.region = "east",
		.edge = "east-1",
		.epoch = 7,
		.port = "acc0",
		.vlan = 101,
		.mac = { { 0, 0, 0x5e, 0, 0x53, 1 } },
		.addr_count = 2,
		.since = { NOW_NS },
		.revision = 9 };
	struct vnep_binding back = { 0 };
	struct vnep_buf buf = { 0 };
	struct vnep_json *json;

	b.addr[0] = ip6("2001:db8:a::2");
	b.addr[1] = ip6("2001:db8:a::3");
	vnep_binding_encode(&buf, &b);
	json = canonical(&buf);
	CHECK_INT(vnep_binding_decode(json, &back, NULL), 0);
	CHECK_STR(back.dev, DEV);
	CHECK_STR(back.region, "east");
	CHECK_STR(back.edge, "east-1");
	CHECK_STR(back.port, "acc0");
	CHECK_INT(back.epoch, 7);
	CHECK_INT(back.vlan, 101);
	CHECK_INT(back.since.ns, NOW_NS);
	CHECK_INT(back.revision, 9);
	CHECK_INT(back.addr_count, 2);
	CHECK(vnep_mac_equal(&back.mac, &b.mac));
	CHECK(vnep_ip6_equal(&back.addr[0], &b.addr[0]) &&
		vnep_ip6_equal(&back.addr[1], &b.addr[1]));
	vnep_json_free(json);
	vnep_buf_release(&buf);
}

static void event_and_back(const struct vnep_event *event)
{
	struct vnep_event back = { 0 };
	struct vnep_buf buf = { 0 }, frame = { 0 };
	struct vnep_json *json;

	vnep_event_encode(&buf, event);
	json = canonical(&buf);
	CHECK_INT(vnep_event_decode(json, &back, &frame, NULL), 0);
	CHECK_INT(back.frame_len, event->frame_len);
	CHECK(!event->frame == !back.frame);
	if (back.frame)
		CHECK(!memcmp(back.frame, event->frame, event->frame_len));
	CHECK_STR(back.dev, event->dev);
	CHECK_STR(back.port, event->port);
	CHECK_STR(back.edge, event->edge);
	CHECK_STR(back.in_iface, event->in_iface);
	CHECK_STR(back.text, event->text);
	CHECK(back.seq == event->seq && back.ts.ns == event->ts.ns && back.count == event->count);
	CHECK(back.kind == event->kind && back.direction == event->direction &&
		back.reason == event->reason);
	CHECK(back.conn == event->conn && back.copy == event->copy && back.length == event->length);
	vnep_json_free(json);
	vnep_buf_release(&buf);
	vnep_buf_release(&frame);
}

TEST("recjson: events of every kind come back as they were, to the nanosecond")
{
	struct vnep_event e = { .dev = DEV,
		.seq = 1017,
		.ts = { NOW_NS + 234 },
		.conn = 3,
		.kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.in_iface = "up0",
		.frame = udp_frame,
		.frame_len = sizeof udp_frame,
		.length = sizeof udp_frame };

	event_and_back(&e);
	e.copy = true;
	e.direction = VNEP_FROM_DEVICE;
	e.length = 1500; /* the ring cut it */
	e.ts.ns = NOW_NS;
	e.seq = UINT64_MAX;
	event_and_back(&e);
	e.frame_len = 7; /* no IPv6 in it */
	event_and_back(&e);
	e = (struct vnep_event){ .dev = DEV,
		.seq = 1018,
		.ts = { NOW_NS },
		.kind = VNEP_KIND_GAP,
		.count = 3,
		.reason = VNEP_DL_PACKET_COUNT };
	event_and_back(&e);
	e = (struct vnep_event){ .port = "acc0",
		.ts = { NOW_NS },
		.kind = VNEP_KIND_GAP,
		.count = 3,
		.reason = VNEP_OVERRUN };
	event_and_back(&e);
	e = (struct vnep_event){ .edge = "east-1",
		.ts = { 0 },
		.kind = VNEP_KIND_NOTE,
		.text = "ruleset \"vnep\" restored\n" };
	event_and_back(&e);
}

TEST("recjson: an event carries the flow of its frame, for jq")
{
	const struct vnep_event e = { .dev = DEV,
		.seq = 7,
		.ts = { NOW_NS + 1 },
		.conn = 3,
		.kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.frame = udp_frame,
		.frame_len = sizeof udp_frame,
		.length = sizeof udp_frame };
	struct vnep_buf buf = { 0 };

	vnep_event_encode(&buf, &e);
	CHECK_STR(vnep_buf_str(&buf), EVENT
		",\"seq\":7," TS ",\"ns\":\"1767323045678901001\",\"conn\":3,"
		"\"kind\":\"data\",\"direction\":\"to-device\",\"src_ip\":\"2001:db8:b::2\",\"src_"
		"port\":40000,"
		"\"dest_ip\":\"2001:db8:b::77\",\"dest_port\":5683,\"proto\":\"UDP\",\"hop_limit\":"
		"63,\"vlan\":101,"
		"\"length\":75,\"frame\":"
		"\"AABeAFMBAABeAFMCgQAAZYbdYAAAAAARET8gAQ24AAsAAAAAAAAAAAACIAENuAALAAAAAAAAAAAAd5xA"
		"FjMAEQAAcGF5bG9hZC0h\"}\n");
	vnep_buf_release(&buf);
}

TEST("recjson: an event's instant is ns, else us, else ts")
{
	static const struct {
		const char *members;
		int64_t ns;
	} cases[] = { { ",\"ts\":\"2026-01-02T03:04:05.678901Z\"", NOW_NS },
		{ ",\"us\":1767323045678901", NOW_NS },
		{ "," TS ",\"ns\":\"1767323045678901234\"", NOW_NS + 234 }, { "", 0 },
		{ ",\"us\":9007199254740990", 9007199254740990000 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vnep_buf frame = { 0 };
		struct vnep_event e = { 0 };
		struct vnep_json *json;
		char line[300];

		snprintf(line, sizeof line, EVENT ",\"kind\":\"connect\"%s}", cases[i].members);
		json = good(line);
		CHECK_INT(vnep_event_decode(json, &e, &frame, NULL), 0);
		CHECK_INT(e.ts.ns, cases[i].ns);
		vnep_json_free(json);
		vnep_buf_release(&frame);
	}
}

TEST("recjson: a frame longer than the packet was is refused")
{
	struct vnep_json *json = good(EVENT
		",\"kind\":\"data\",\"direction\":\"to-device\",\"length\":13,\"frame\":\"" FRAME
		"\"}");
	struct vnep_buf frame = { 0 };
	struct vnep_event e = { .seq = 42 };
	struct vnep_err err = { 0 };

	CHECK_INT(vnep_event_decode(json, &e, &frame, &err), VNEP_EVALUE);
	CHECK_STR(err.text, "\"length\" of 13 is less than the 14 octets of \"frame\"");
	CHECK_INT(e.seq, 42);
	vnep_json_free(json);
	vnep_buf_release(&frame);
}

TEST("recjson: checkpoints and outcomes come back as they were")
{
	const struct vnep_checkpoint c = { .dev = DEV,
		.ts = { NOW_NS },
		.conn = 3,
		.cursor = VNEP_CURSOR_SYNCED,
		.cause = VNEP_CAUSE_T3324_EXPIRED,
		.resume_seq = 1012,
		.head_seq = 1018 };
	const struct vnep_outcome o = { .dev = DEV,
		.seq = 1017,
		.ts = { NOW_NS },
		.outcome = VNEP_OUTCOME_FAILED,
		.reason = VNEP_QUOTA_VPC,
		.evidence = VNEP_EVIDENCE_POLICY,
		.attempt = 2 };
	struct vnep_checkpoint c2 = { 0 };
	struct vnep_outcome o2 = { 0 };
	struct vnep_buf buf = { 0 };
	struct vnep_json *json;

	vnep_checkpoint_encode(&buf, &c);
	json = canonical(&buf);
	CHECK_INT(vnep_checkpoint_decode(json, &c2, NULL), 0);
	CHECK_STR(c2.dev, DEV);
	CHECK(c2.ts.ns == c.ts.ns && c2.conn == 3 && c2.resume_seq == 1012 && c2.head_seq == 1018);
	CHECK(c2.cursor == VNEP_CURSOR_SYNCED && c2.cause == VNEP_CAUSE_T3324_EXPIRED);
	vnep_json_free(json);
	vnep_outcome_encode(&buf, &o);
	json = canonical(&buf);
	CHECK_INT(vnep_outcome_decode(json, &o2, NULL), 0);
	CHECK_STR(o2.dev, DEV);
	CHECK(o2.seq == 1017 && o2.ts.ns == o.ts.ns && o2.attempt == 2);
	CHECK(o2.outcome == o.outcome && o2.reason == o.reason && o2.evidence == o.evidence);
	vnep_json_free(json);
	vnep_buf_release(&buf);
}

int main(void)
{
	return t_run();
}
