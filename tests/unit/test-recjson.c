#include <stdint.h>

#include "../../lib/codec/recjson-keys.h"
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

/* ---- helpers ---- */

static int check_line(const char *line, struct vnep_json **json, struct vnep_err *err)
{
	size_t len = strcspn(line, "\n");
	int rc = vnep_json_parse(line, len, json, err);

	return rc ? rc : vnep_recjson_check(*json, line, len, err);
}

/* The canonical form of a record, or "COLUMN: message"; lent until the next call. */
static const char *checked(const char *line)
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
static struct vnep_json *canonical(struct vnep_buf *line)
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

static struct vnep_json *good(const char *line)
{
	struct vnep_json *json = NULL;

	CHECK_INT(check_line(line, &json, NULL), 0);
	return json;
}

static struct in6_addr ip6(const char *text)
{
	struct in6_addr addr = { 0 };

	CHECK_INT(vnep_ip6_parse(text, &addr, NULL), 0);
	return addr;
}

/* ---- check ---- */

TEST("recjson: a record becomes canonical: known keys in order, one form each, unknown ones last")
{
	CHECK_STR(checked("{\"x-rack\":{\"b\":1,\"a\":2},\"vep\":\"2001:DB8:B:0::77\",\"dev\":"
			  "\"URN:DEV:MAC:00005E005301\","
			  "\"v\":1,\"type\":\"device\",\"mac\":\"00-00-5E-00-53-01\",\"vlan\":0,"
			  "\"name\":\"Lamp.Example\","
			  "\"addr\":[\"2001:DB8:A::0:2\"],\"groups\":[],\"deleted\":false}"),
		DEVICE ",\"mac\":\"00:00:5e:00:53:01\",\"addr\":[\"2001:db8:a::2\"],\"name\":"
		       "\"lamp.example\","
		       "\"x-rack\":{\"b\":1,\"a\":2}}");
}

TEST("recjson: policies have one form: words in capitals, ports as numbers, nested keys in order")
{
	CHECK_STR(
		checked(DEVICE
			",\"allow\":[{\"ports\":[5683,\"80\",\"7-7\",\"1-10\"],\"proto\":\"udp\","
			"\"to\":\"2001:DB8::/32\"},"
			"{\"to\":\"2001:db8::1\",\"proto\":58},{\"to\":\"::/0\",\"proto\":\"47\"},"
			"{\"to\":\"::/0\",\"proto\":\"IPv6-ICMP\"}]}"),
		DEVICE ",\"allow\":[{\"to\":\"2001:db8::/"
		       "32\",\"proto\":\"UDP\",\"ports\":[5683,80,7,\"1-10\"]},"
		       "{\"to\":\"2001:db8::1/128\",\"proto\":\"ICMPV6\"},{\"to\":\"::/"
		       "0\",\"proto\":\"47\"},"
		       "{\"to\":\"::/0\",\"proto\":\"ICMPV6\"}]}");
}

TEST("recjson: times become UTC with six digits")
{
	CHECK_STR(checked("{\"type\":\"binding\",\"v\":1,\"dev\":\"" DEV
			  "\",\"port\":\"acc0\",\"mac\":\"00:00:5e:00:53:01\","
			  "\"since\":\"2026-01-02T05:04:05+02:00\"}"),
		"{\"type\":\"binding\",\"v\":1,\"dev\":\"" DEV
		"\",\"port\":\"acc0\",\"mac\":\"00:00:5e:00:53:01\","
		"\"since\":\"2026-01-02T03:04:05.000000Z\"}");
}

TEST("recjson: what is canonical stays as it is, octet by octet")
{
	static const char *const lines[] = {
		"{\"type\":\"vpc\",\"v\":1,\"vpc\":\"acme\",\"prefix\":\"2001:db8:b::/"
		"64\",\"core_port\":\"up0\",\"core_vlan\":900,"
		"\"routes\":[{\"to\":\"::/0\",\"next_hop\":\"2001:db8:b::1\"}],"
		"\"quota\":{\"octets\":1073741824,\"reserved_octets\":67108864}}",
		DEVICE
		",\"vpc\":\"acme\",\"form\":\"edge\",\"mac\":\"00:00:5e:00:53:01\",\"port\":"
		"\"acc0\",\"vlan\":101,"
		"\"addr\":[\"2001:db8:a::2\"],\"addr_max\":4,\"region\":\"east\",\"name\":"
		"\"thermostat-17.iot.example.\","
		"\"groups\":[\"lights\"],\"labels\":{\"model\":\"T-100\"},\"allow\":[{\"to\":"
		"\"2001:db8:b::/64\"}],"
		"\"journal\":\"both\",\"consent\":true,\"psm\":{\"t3324_s\":10,\"t3412_s\":43200},"
		"\"dl_buffering\":{\"duration_s\":86400,\"packet_count\":100,\"octets\":65536},"
		"\"replay\":{\"mode\":\"fast\",\"pps\":50,\"keep\":\"all\"},\"revision\":42,"
		"\"origin\":\"east-1\"}",
		"{\"type\":\"group\",\"v\":1,\"group\":\"lights\",\"address\":\"ff35:40:2001:db8::"
		"8000:1\",\"port\":5683,"
		"\"senders\":[\"2001:db8:b::2\"]}",
		"{\"type\":\"binding\",\"v\":1,\"dev\":\"" DEV
		"\",\"region\":\"east\",\"edge\":\"east-1\",\"epoch\":7,\"port\":\"acc0\","
		"\"vlan\":101,\"mac\":\"00:00:5e:00:53:01\",\"addr\":[\"2001:db8:a::2\"],\"since\":"
		"\"2026-01-02T03:04:05.678901Z\"}",
		"{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV "\",\"deleted\":true}",
		"{\"type\":\"presence\",\"v\":1," TS
		",\"region\":\"east\",\"state\":\"up\",\"was\":\"down\"}",
		"{\"type\":\"damage\",\"v\":1,\"segment\":\"1.pcapng\",\"offset\":0,\"octets\":12,"
		"\"records\":1}",
		"{\"type\":\"ack\",\"v\":1,\"id\":\"x\",\"vlna\":1}",
		"{\"type\":\"future\",\"v\":1,\"ts\":\"soon\",\"us\":9223372036854775807,\"ns\":"
		"\"x\"}",
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		CHECK_STR(checked(lines[i]), lines[i]);
}

TEST("recjson: a record without v is of version 1; types that nobody knows are passed on")
{
	CHECK_STR(
		checked("{\"n\":1,\"type\":\"future\"}"), "{\"type\":\"future\",\"v\":1,\"n\":1}");
	CHECK_STR(checked("{\"type\":\"sync\",\"revision\":1}"),
		"{\"type\":\"sync\",\"v\":1,\"revision\":1}");
}

static const struct {
	const char *line, *message;
} refused[] = {
	{ "[]", "1: a record must be an object, not an array" },
	{ "{\"v\":1}", "1: missing key \"type\"" },
	{ "{\"type\":1,\"v\":1}", "1: missing key \"type\"" },
	{ "{\"type\":\"device\",\"v\":2}",
		"18: \"v\" must be 1: this vnep knows no other version of records" },
	{ "{\"type\":\"device\",\"v\":\"1\"}",
		"18: \"v\" must be 1: this vnep knows no other version of records" },
	{ "{\"type\":\"device\",\"v\":1,\"vep\":\"2001:db8::1\"}", "1: missing key \"dev\"" },
	{ "{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV "\"}", "1: missing key \"vep\"" },
	{ "{\"type\":\"device\",\"v\":1,\"deleted\":true}", "1: missing key \"dev\"" },
	{ "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"a\"}", "1: missing key \"prefix\"" },
	{ "{\"type\":\"group\",\"v\":1,\"group\":\"a\"}", "1: missing key \"address\"" },
	{ DEVICE ",\"vlna\":1}", "84: unknown key \"vlna\" (did you mean \"vlan\"?)" },
	{ DEVICE ",\"addrMax\":1}", "84: unknown key \"addrMax\" (did you mean \"addr_max\"?)" },
	{ DEVICE ",\"dl-buffering\":{}}",
		"84: unknown key \"dl-buffering\" (did you mean \"dl_buffering\"?)" },
	{ DEVICE ",\"VLAN\":1}", "84: unknown key \"VLAN\" (did you mean \"vlan\"?)" },
	{ DEVICE ",\"psm\":{\"t3324\":10}}",
		"91: unknown key \"t3324\" in \"psm\" (did you mean \"t3324_s\"?)" },
	{ DEVICE ",\"vlan\":\"abc\"}",
		"84: \"vlan\" must be an integer from 1 to 4094, not \"abc\"" },
	{ DEVICE ",\"vlan\":4095}", "84: \"vlan\" must be an integer from 1 to 4094, not 4095" },
	{ DEVICE ",\"vlan\":-1}", "84: \"vlan\" must be an integer from 1 to 4094, not -1" },
	{ DEVICE ",\"vlan\":1.5}",
		"84: \"vlan\" must be an integer from 1 to 4094, not a number with a fraction" },
	{ DEVICE ",\"vlan\":null}", "84: \"vlan\" must be an integer from 1 to 4094, not null" },
	{ DEVICE ",\"addr_max\":17}", "84: \"addr_max\" must be an integer from 1 to 16, not 17" },
	{ DEVICE ",\"mac\":\"00:00:5e\"}", "84: \"mac\": \"00:00:5e\" is not a MAC address" },
	{ DEVICE ",\"mac\":\"01:00:5e:00:53:01\"}",
		"84: \"mac\": MAC \"01:00:5e:00:53:01\" is a group address" },
	{ DEVICE ",\"mac\":7}", "84: \"mac\" must be a MAC address, not 7" },
	{ DEVICE ",\"addr\":\"2001:db8::1\"}", "84: \"addr\" must be an array, not a string" },
	{ DEVICE ",\"addr\":[\"2001:db8::1\",\"fe80::1\"]}",
		"84: \"addr\" must be a unicast IPv6 address (not link-local), not \"fe80::1\"" },
	{ DEVICE ",\"form\":\"hots\",\"addr\":[\"2001:db8::1\"]}",
		"84: \"form\" must be edge or host, not \"hots\"" },
	{ DEVICE ",\"form\":\"host\"}", "84: \"form\" host needs a fixed \"addr\"" },
	{ DEVICE ",\"port\":\"a/b\"}",
		"84: \"port\" must be the name of an interface (1 to 15 octets), not \"a/b\"" },
	{ DEVICE ",\"port\":\"sixteen-octets-x\"}", "84: \"port\" must be the name of an interface "
						    "(1 to 15 octets), not \"sixteen-octets-x\"" },
	{ DEVICE ",\"vpc\":\"../x\"}", "84: \"vpc\" must be a name of 1 to 63 letters, digits, "
				       "'.', '_' and '-', not \"../x\"" },
	{ DEVICE ",\"name\":\"a..b\"}", "84: \"name\" must be a DNS name, not \"a..b\"" },
	{ DEVICE ",\"groups\":[\"a\",\"\"]}", "84: \"groups\" must be a name of 1 to 63 letters, "
					      "digits, '.', '_' and '-', not \"\"" },
	{ DEVICE ",\"labels\":{\"a\":1}}",
		"84: \"labels\" must be an object of strings, not an object" },
	{ DEVICE ",\"consent\":\"yes\"}", "84: \"consent\" must be true or false, not \"yes\"" },
	{ DEVICE ",\"journal\":\"all\"}",
		"84: \"journal\" must be asleep, from-device or both, not \"all\"" },
	{ DEVICE ",\"psm\":{}}", "84: missing key \"t3324_s\" in \"psm\"" },
	{ DEVICE ",\"psm\":{\"t3324_s\":11161}}",
		"91: \"psm.t3324_s\" must be an integer from 0 to 11160, not 11161" },
	{ DEVICE ",\"psm\":10}", "84: \"psm\" must be an object, not 10" },
	{ DEVICE ",\"replay\":{\"mode\":\"slow\"}}",
		"94: \"replay.mode\" must be fast, queue or as-recorded, not \"slow\"" },
	{ DEVICE ",\"allow\":[{\"to\":\"::/0\"},{\"proto\":\"UDP\"}]}",
		"84: missing key \"to\" in \"allow\"" },
	{ DEVICE ",\"allow\":[{\"to\":\"::/0\"},{\"to\":\"2001:db8::1/64\"}]}",
		"108: \"allow[1].to\": prefix \"2001:db8::1/64\" has bits behind its length" },
	{ DEVICE ",\"allow\":[{\"to\":\"::/0\"},{\"to\":\"::/0\",\"proto\":\"UPD\"}]}",
		"120: \"allow[1].proto\" must be UDP, TCP, ICMPV6 or a number from 1 to 255, not "
		"\"UPD\"" },
	{ DEVICE ",\"allow\":[{\"to\":\"::/0\",\"proto\":\"UDP\",\"ports\":[\"9-8\"]}]}",
		"120: \"allow[0].ports\" must be a port from 1 to 65535 or a range such as "
		"\"5683-5684\", not \"9-8\"" },
	{ DEVICE ",\"allow\":[{\"to\":\"::/0\",\"proto\":\"UDP\",\"ports\":[1,2,3,4,5,6,7,8,9]}]}",
		"120: \"allow[0].ports\" has 9 entries, more than 8" },
	{ DEVICE ",\"allow\":[{\"to\":\"::/0\"},{\"to\":\"::/0\",\"ports\":[1]}]}",
		"120: \"ports\" needs \"proto\" UDP or TCP" },
	{ DEVICE ",\"allow\":[1]}", "84: \"allow\" must be an object, not 1" },
	{ "{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV "\",\"vep\":\"ff02::1\"}",
		"61: \"vep\" must be a unicast IPv6 address (not link-local), not \"ff02::1\"" },
	{ "{\"type\":\"device\",\"v\":1,\"dev\":\"lamp\",\"vep\":\"2001:db8::1\"}",
		"24: \"dev\": \"lamp\" is not a device URN" },
	{ "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"a\",\"prefix\":\"2001:db8::/"
	  "64\",\"quota\":{\"octets\":1,\"reserved_octets\":2}}",
		"56: \"quota\" reserves more octets than it has" },
	{ "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"a\",\"prefix\":\"2001:db8::/"
	  "64\",\"routes\":[{\"to\":\"::/0\",\"next_hop\":\"x\"}]}",
		"79: \"routes[0].next_hop\" must be an IPv6 address, not \"x\"" },
	{ "{\"type\":\"group\",\"v\":1,\"group\":\"a\",\"address\":\"2001:db8::1\"}",
		"35: \"address\" must be an IPv6 multicast address, not \"2001:db8::1\"" },
	{ "{\"type\":\"binding\",\"v\":1,\"dev\":\"" DEV "\",\"mac\":\"00:00:5e:00:53:01\"}",
		"1: missing key \"port\"" },
	{ EVENT ",\"kind\":\"datum\"}", "60: \"kind\" must be data, instruction, connect, "
					"disconnect, gap, late, corrupt, erased or note, not "
					"\"datum\"" },
	{ EVENT ",\"kind\":\"data\",\"frame\":\"" FRAME "\"}", "1: missing key \"direction\"" },
	{ EVENT ",\"kind\":\"data\",\"direction\":\"to-device\"}", "1: missing key \"frame\"" },
	{ EVENT ",\"kind\":\"data\",\"direction\":\"to-device\",\"frame\":\"c2VjcmV0\\n\"}",
		"98: \"frame\" must be base64 (RFC 4648 section 4), not a string of 9 octets" },
	{ EVENT ",\"kind\":\"gap\"}", "1: missing key \"count\"" },
	{ EVENT ",\"kind\":\"gap\",\"count\":1,\"reason\":\"overrum\"}",
		"83: \"reason\" must be a word of the list in vnep-record(5), not \"overrum\"" },
	{ EVENT ",\"kind\":\"gap\",\"count\":1,\"reason\":\"none\"}",
		"83: \"reason\" must be a word of the list in vnep-record(5), not \"none\"" },
	{ EVENT ",\"kind\":\"note\",\"seq\":0}",
		"74: \"seq\" must be an integer from 1 to 9007199254740991, not 0" },
	{ EVENT ",\"kind\":\"note\",\"seq\":9007199254740992}",
		"74: \"seq\" must be an integer from 1 to 9007199254740991, not 9007199254740992" },
	{ EVENT ",\"kind\":\"note\",\"seq\":\"7\"}",
		"74: \"seq\" must be an integer from 1 to 9007199254740991, not \"7\"" },
	{ EVENT ",\"kind\":\"note\",\"ts\":\"now\"}",
		"74: \"ts\" must be a time such as \"2026-01-02T03:04:05Z\", not \"now\"" },
	{ EVENT ",\"kind\":\"note\",\"ts\":\"2026-01-02T03:04:05Z\",\"us\":1767323045000001}",
		"74: \"ts\" and \"us\" are different instants" },
	{ EVENT ",\"kind\":\"note\",\"us\":1767323045000001,\"ns\":\"1767323045000002000\"}",
		"96: \"ns\" and \"us\" are different instants" },
	{ EVENT ",\"kind\":\"note\",\"ns\":1767323045000002000}",
		"74: \"ns\" must be nanoseconds since 1970 as a decimal string, not "
		"1767323045000002000" },
	{ "{\"type\":\"event\",\"v\":1,\"kind\":\"connect\",\"port\":\"acc0\"}",
		"1: missing key \"dev\"" },
	{ "{\"type\":\"event\",\"v\":1,\"kind\":\"note\"}", "1: missing key \"dev\"" },
	{ "{\"type\":\"checkpoint\",\"v\":1,\"dev\":\"" DEV "\",\"cursor\":\"sync\"}",
		"65: \"cursor\" must be disconnect or synced, not \"sync\"" },
	{ "{\"type\":\"outcome\",\"v\":1,\"dev\":\"" DEV "\",\"outcome\":\"sent\"}",
		"1: missing key \"seq\"" },
	{ "{\"type\":\"status\",\"v\":1,\"dropped\":{\"because\":1}}",
		"24: \"dropped\" must be a number, or an object of numbers by reason, not an "
		"object" },
	{ "{\"type\":\"difference\",\"v\":1,\"what\":\"missing\",\"record\":\"x\"}",
		"45: \"record\" must be an object, not \"x\"" },
};

TEST("recjson: what is not allowed is refused, naming column, key, rule and value")
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		CHECK_STR(checked(refused[i].line), refused[i].message);
}

TEST("recjson: a hint says which word of the list is near, and what to do with null")
{
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };

	check_line(EVENT ",\"kind\":\"gap\",\"count\":1,\"reason\":\"overrum\"}", &json, &err);
	CHECK_STR(err.hint, "did you mean \"overrun\"?");
	vnep_json_free(json);
	check_line(DEVICE ",\"vpc\":null}", &json, &err);
	CHECK_STR(err.hint, "leave the key out where there is no value");
	vnep_json_free(json);
}

TEST("recjson: a payload is never in a message, and a long value is counted, not shown")
{
	char line[400], value[200];

	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = 0;
	snprintf(line, sizeof line, DEVICE ",\"journal\":\"%s\"}", value);
	CHECK_STR(checked(line),
		"84: \"journal\" must be asleep, from-device or both, not a string of 199 octets");
	snprintf(line, sizeof line,
		EVENT ",\"kind\":\"data\",\"direction\":\"to-device\",\"frame\":\"!%s\"}", value);
	CHECK(!strstr(checked(line), "xx"));
}

TEST("recjson: a key far from every known one is an extension; a near one of another object is too")
{
	CHECK_STR(checked(DEVICE ",\"rack\":7,\"t3324\":1}"), DEVICE ",\"rack\":7,\"t3324\":1}");
	CHECK_STR(checked(DEVICE ",\"labels\":{\"vlna\":\"x\"}}"),
		DEVICE ",\"labels\":{\"vlna\":\"x\"}}");
}

/* ---- decode ---- */

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

/* ---- written only ---- */

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

/* ---- tables ---- */

static void check_table(const struct vnep_key *keys)
{
	size_t n = 0;

	for (const struct vnep_key *key = keys; key->name; key++, n++) {
		bool number = key->kind == VNEP_VALUE_INT || key->kind == VNEP_VALUE_WORD ||
			      key->kind == VNEP_VALUE_PROTO;
		uint64_t most = key->size < 8 ? ((uint64_t)1 << 8 * key->size) - 1 : UINT64_MAX;

		if (number && key->size && key->max > most)
			printf("# %s: %llu does not fit its field\n", key->name,
				(unsigned long long)key->max),
				t_failed = 1;
		CHECK((key->kind == VNEP_VALUE_OBJECT) == !!key->nested);
		CHECK((key->kind == VNEP_VALUE_WORD) == !!key->words);
		if (key->nested)
			check_table(key->nested);
	}
	CHECK(n < 38); /* KEYS_MAX of recjson.c, less type and v and the end */
}

TEST("recjson: every range fits its field, every type has its word")
{
	for (int type = VNEP_RECORD_VPC; type <= VNEP_RECORD_DAMAGE; type++) {
		const char *word = vnep_record_type_text((enum vnep_record_type)type);

		check_table(vnep_keys_of((enum vnep_record_type)type));
		CHECK_INT(vnep_record_type_parse(word), type);
	}
	CHECK(!vnep_keys_of(VNEP_RECORD_UNKNOWN));
	CHECK_INT(vnep_record_type_parse("future"), VNEP_RECORD_UNKNOWN);
	CHECK_STR(vnep_record_type_text(VNEP_RECORD_UNKNOWN), "unknown");
}

/* ---- manual ---- */

/* The part of vnep-record(5) that is about a type: from its .Ss to the next one. */
static char *manual_of(const char *type)
{
	static char page[100000];
	FILE *file = fopen("man/vnep-record.5", "r");
	size_t len = file ? fread(page, 1, sizeof page - 1, file) : 0;
	char heading[40], *from, *to;

	if (file)
		fclose(file);
	page[len] = 0;
	snprintf(heading, sizeof heading, "\n.Ss %s\n", type);
	from = strstr(page, heading);
	if (!from)
		return NULL;
	to = strstr(from + 1, "\n.S");
	if (to)
		to[1] = 0;
	return from;
}

static unsigned look_up(const char *manual, const char *parent, const struct vnep_key *keys)
{
	char name[80], row[100];
	unsigned n = 0;

	for (const struct vnep_key *key = keys; key->name; key++) {
		snprintf(name, sizeof name, "%s%s", parent, key->name);
		snprintf(row, sizeof row, "\n.It Va %s Ta ", name);
		n++;
		if (!strstr(manual, row))
			printf("# %s is not in the manual\n", name), t_failed = 1;
		if (!key->nested)
			continue;
		snprintf(row, sizeof row, "%s%s", name, key->flags & VNEP_KEY_LIST ? "[]." : ".");
		n += look_up(manual, row, key->nested);
	}
	return n;
}

TEST("recjson: vnep-record(5) has every key of every record, and no other")
{
	for (int type = VNEP_RECORD_VPC; type <= VNEP_RECORD_DAMAGE; type++) {
		const char *word = vnep_record_type_text((enum vnep_record_type)type);
		const char *manual = manual_of(word);
		unsigned rows = 0;

		if (!manual) {
			printf("# %s is not in man/vnep-record.5 (run from the top of the tree)\n",
				word);
			t_failed = 1;
			continue;
		}
		for (const char *at = manual; (at = strstr(at, "\n.It Va ")); at++)
			rows++;
		CHECK_INT(rows, look_up(manual, "", vnep_keys_of((enum vnep_record_type)type)));
	}
}

TEST("recjson: vnep-record(5) has every word of every closed list")
{
	const struct vnep_key *keys;
	char page[100000];
	FILE *file = fopen("man/vnep-record.5", "r");
	size_t len = file ? fread(page, 1, sizeof page - 1, file) : 0;

	if (file)
		fclose(file);
	page[len] = 0;
	for (int type = VNEP_RECORD_VPC; type <= VNEP_RECORD_DAMAGE; type++)
		for (keys = vnep_keys_of((enum vnep_record_type)type); keys->name; keys++)
			for (int i = keys->words ? keys->words->first : 0; keys->words; i++) {
				const char *word = keys->words->text(i);

				if (*word == '?')
					break;
				if (!strstr(page, word))
					printf("# %s: %s\n", keys->name, word), t_failed = 1;
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

int main(void)
{
	return t_run();
}
