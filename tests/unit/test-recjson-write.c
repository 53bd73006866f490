/* recjson: records that are only written. */
#include "recjson.h"

static void expect(struct vnep_buf *buf, const char *line)
{
	CHECK_STR(vnep_buf_str(buf), line);
	vnep_json_free(canonical(buf));
}

TEST("recjson: decisions and presence are as RECORDS.md prints them")
{
	struct vnep_decision d = { .ts = { NOW_NS },
		.edge = "east-1",
		.dev = DEV,
		.direction = VNEP_FROM_DEVICE,
		.reason = VNEP_SPOOFED_SOURCE,
		.proto = 17,
		.src_port = 1,
		.dest_port = 5683,
		.has_flow = true,
		.src_mac = { { 0, 0, 0x5e, 0, 0x53, 1 } },
		.vlan = 101,
		.in_iface = "acc0",
		.count = 1 };
	const struct vnep_presence p = { .ts = { NOW_NS },
		.edge = "east-1",
		.dev = DEV,
		.state = VNEP_STATE_AWAKE,
		.was = VNEP_STATE_WAKING,
		.cause = VNEP_CAUSE_REPLAYED,
		.conn = 4 };
	struct vnep_buf buf = { 0 };

	d.src_ip = ip6("2001:db8:a::2");
	d.dest_ip = ip6("2001:db8:b::2");
	vnep_decision_encode(&buf, &d);
	expect(&buf,
		"{\"type\":\"decision\",\"v\":1," TS ",\"edge\":\"east-1\",\"dev\":\"" DEV "\","
		"\"direction\":\"from-device\",\"forwarding\":\"drop\",\"reason\":\"spoofed-"
		"source\","
		"\"src_ip\":\"2001:db8:a::2\",\"dest_ip\":\"2001:db8:b::2\",\"proto\":\"UDP\","
		"\"src_port\":1,"
		"\"dest_port\":5683,\"src_mac\":\"00:00:5e:00:53:01\",\"vlan\":101,\"in_iface\":"
		"\"acc0\",\"count\":1}\n");
	d = (struct vnep_decision){ .ts = { NOW_NS }, .accept = true, .count = 2 };
	vnep_decision_encode(&buf, &d);
	expect(&buf,
		"{\"type\":\"decision\",\"v\":1," TS ",\"forwarding\":\"accept\",\"count\":2}\n");
	vnep_presence_encode(&buf, &p);
	expect(&buf, "{\"type\":\"presence\",\"v\":1," TS ",\"edge\":\"east-1\",\"dev\":\"" DEV
		     "\",\"state\":\"awake\","
		     "\"was\":\"waking\",\"cause\":\"replayed\",\"conn\":4}\n");
	vnep_buf_release(&buf);
}

TEST("recjson: the status of an edge has every term, the reasons that are not zero, and the "
     "difference")
{
	struct vnep_ledger_terms t = { .arrived = 10,
		.segmented = 2,
		.forwarded = 4,
		.delivered = 3,
		.pending = 1,
		.answered = 1 };
	struct vnep_buf buf = { 0 };

	t.dropped[VNEP_NO_MAPPING] = 2;
	t.dropped[VNEP_POWER_WINDOW] = 3;
	vnep_ledger_encode(&buf, "east-1", (struct vnep_wall){ 0 }, &t);
	expect(&buf, "{\"type\":\"status\",\"v\":1,\"ts\":\"1970-01-01T00:00:00.000000Z\",\"edge\":"
		     "\"east-1\",\"arrived\":10,"
		     "\"segmented\":2,\"forwarded\":4,\"delivered\":3,\"pending\":1,\"answered\":1,"
		     "\"dropped\":{\"no-mapping\":2,\"power-window\":3},\"difference\":-2}\n");
	vnep_buf_release(&buf);
}

TEST("recjson: the status of a device, full and bare")
{
	struct vnep_status s = { .ts = { NOW_NS },
		.dev = DEV,
		.region = "east",
		.edge = "east-1",
		.state = VNEP_STATE_ASLEEP,
		.conn = 3,
		.since = { NOW_NS },
		.last_seen = { NOW_NS },
		.next_expected = { NOW_NS },
		.port = "acc0",
		.vlan = 101,
		.has_mac = true,
		.mac = { { 0, 0, 0x5e, 0, 0x53, 1 } },
		.addr_count = 1,
		.resume_seq = 1012,
		.head_seq = 1018,
		.pending = 6,
		.pending_octets = 396,
		.has_counts = true,
		.accepted = 120,
		.dropped = 2 };
	struct vnep_buf buf = { 0 };

	s.vep = ip6("2001:db8:b::77");
	s.addr[0] = ip6("2001:db8:a::2");
	vnep_status_encode(&buf, &s);
	vnep_json_free(canonical(&buf));
	s = (struct vnep_status){ .ts = { NOW_NS }, .dev = DEV };
	vnep_status_encode(&buf, &s);
	expect(&buf,
		"{\"type\":\"status\",\"v\":1,\"ts\":\"2026-01-02T03:04:05.678901Z\",\"dev\":\"" DEV
		"\","
		"\"state\":\"unknown\",\"resume_seq\":0,\"head_seq\":0,\"pending\":0,\"pending_"
		"octets\":0}\n");
	vnep_buf_release(&buf);
}

TEST("recjson: what verify, list and watch say is canonical")
{
	struct vnep_element e = { .dev = DEV,
		.port = "acc0",
		.vlan = 101,
		.mac = { { 0, 0, 0x5e, 0, 0x53, 1 } },
		.addr_count = 1,
		.packets = 5,
		.octets = 500,
		.last_seen = { NOW_NS },
		.state = VNEP_STATE_AWAKE };
	struct vnep_err err = { 0 };
	struct vnep_buf buf = { 0 };

	e.vep = ip6("2001:db8:b::77");
	e.addr[0] = ip6("2001:db8:a::2");
	vnep_element_encode(&buf, &e);
	vnep_json_free(canonical(&buf));
	vnep_appended_encode(&buf, DEV, 1017);
	expect(&buf, "{\"type\":\"appended\",\"v\":1,\"dev\":\"" DEV
		     "\",\"seq\":1017,\"durable\":true}\n");
	vnep_stat_encode(&buf, "vnep_frames_total", "term", "pending", UINT64_MAX);
	expect(&buf, "{\"type\":\"stat\",\"v\":1,\"name\":\"vnep_frames_total\",\"labels\":{"
		     "\"term\":\"pending\"},"
		     "\"value\":\"18446744073709551615\"}\n");
	vnep_stat_encode(&buf, "n", NULL, NULL, 1);
	expect(&buf, "{\"type\":\"stat\",\"v\":1,\"name\":\"n\",\"value\":1}\n");
	vnep_sync_encode(&buf, 42);
	expect(&buf, "{\"type\":\"sync\",\"v\":1,\"revision\":42}\n");
	vnep_sync_encode_after(&buf, 42, 0);
	expect(&buf, "{\"type\":\"sync\",\"v\":1,\"revision\":42,\"after_revision\":0}\n");
	vnep_difference_encode(&buf, "missing", "{\"a\":1}\n", 8);
	expect(&buf,
		"{\"type\":\"difference\",\"v\":1,\"what\":\"missing\",\"record\":{\"a\":1}}\n");
	vnep_err_place(&err, "-", 17, 3);
	vnep_err_set(&err, VNEP_ENOTFOUND, "no such device \"x\"");
	vnep_err_hint(&err, "look");
	vnep_error_encode(&buf, "vnep-map", &err);
	expect(&buf, "{\"type\":\"error\",\"v\":1,\"tool\":\"vnep-map\",\"error_tag\":\"data-"
		     "missing\",\"title\":\"not found\","
		     "\"detail\":\"no such device "
		     "\\\"x\\\"\",\"file\":\"-\",\"line\":17,\"column\":3,\"hint\":\"look\","
		     "\"exit\":1}\n");
	vnep_buf_release(&buf);
}

int main(void)
{
	return t_run();
}
