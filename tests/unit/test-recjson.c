/* recjson: what is allowed, and what is canonical; the tables, and the manual that has all of them. */
#include "../../lib/codec/recjson-keys.h"
#include "recjson.h"

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
		"{\"type\":\"instruction\",\"v\":1,\"id\":\"x-1\",\"group\":\"lights\",\"method\":"
		"\"PUT\",\"uri\":\"/led?on=1\",\"content_format\":0,\"payload\":\"b24=\","
		"\"not_after\":\"2026-01-02T03:04:05.678901Z\"}",
		"{\"type\":\"ack\",\"v\":1,\"id\":\"x\",\"dev\":\"" DEV
		"\",\"via\":\"multicast\",\"evidence\":\"coap-ack\",\"code\":\"2.04\",\"rtt_us\":"
		"18211}",
		"{\"type\":\"result\",\"v\":1,\"id\":\"x\",\"group\":\"lights\",\"members\":120,"
		"\"sent\":117,\"acked\":110,\"pending\":3,\"expired\":0,\"failed\":0,\"elapsed_"
		"ms\":"
		"40}",
		"{\"type\":\"membership\",\"v\":1," TS ",\"dev\":\"" DEV
		"\",\"group\":\"lights\",\"state\":\"joined\"}",
		"{\"type\":\"membership\",\"v\":1," TS ",\"dev\":\"" DEV
		"\",\"group\":\"lights\",\"state\":\"refused\"}",
		"{\"type\":\"lamp\",\"v\":1,\"id\":\"x\",\"vlna\":1}",
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
	{ "{\"type\":\"vpc\",\"v\":1,\"vpc\":\"a\",\"prefix\":\"2001:db8::/64\",\"speaker\":"
	  "\"2001:db8:1::1\"}",
		"56: \"speaker\" is not in the prefix of its vpc" },
	{ "{\"type\":\"instruction\",\"v\":1,\"id\":\"a\"}", "1: missing key \"payload\"" },
	{ "{\"type\":\"instruction\",\"v\":1,\"uri\":\"/a\",\"payload\":\"\"}",
		"1: missing key \"method\"" },
	{ "{\"type\":\"instruction\",\"v\":1,\"method\":\"put\"}",
		"29: \"method\" must be GET, POST, PUT, DELETE, FETCH, PATCH or iPATCH, not "
		"\"put\"" },
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

int main(void)
{
	return t_run();
}
