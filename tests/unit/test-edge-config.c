/* edge-config: every key, every mistake, its line. */
#include <errno.h>
#include <unistd.h>

#include "vnep/edge.h"
#include "vnep/err.h"
#include "t.h"

struct mistakes {
	char text[8][900];
	unsigned count;
};

static void collect(const struct vnep_err *err, void *arg)
{
	struct mistakes *m = arg;

	if (m->count < 8)
		vnep_err_print(err, m->text[m->count], sizeof m->text[0]);
	m->count++;
}

/* Read text; the place is cut from what the mistakes say, "FILE:" becomes ":". */
static int read_text(struct vnep_edge_config *c, const char *text, size_t len, struct mistakes *m,
	struct vnep_err *err)
{
	char path[] = "/tmp/vnep-config-XXXXXX";
	int fd = mkstemp(path), rc;

	CHECK(fd >= 0);
	CHECK_INT(write(fd, text, len), len);
	close(fd);
	vnep_edge_config_init(c);
	rc = vnep_edge_config_read(c, path, m ? collect : NULL, m, err);
	for (unsigned i = 0; m && i < m->count && i < 8; i++)
		if (!strncmp(m->text[i], path, sizeof path - 1))
			memmove(m->text[i], m->text[i] + sizeof path - 1,
				strlen(m->text[i] + sizeof path - 1) + 1);
	unlink(path);
	return rc;
}

static int read_all(struct vnep_edge_config *c, const char *text, struct mistakes *m)
{
	*m = (struct mistakes){ 0 };
	return read_text(c, text, strlen(text), m, NULL);
}

TEST("config: every key in its section, with comments, blanks and a last line without its end")
{
	struct vnep_edge_config c;
	struct mistakes m;

	CHECK_INT(read_all(&c,
			  "# an edge\n"
			  "[edge]\n"
			  "name = east-1   # in records\n"
			  "\tregion=east\r\n"
			  "; ports\n"
			  "  [ports]  ; here they are\n"
			  "access = acc0, acc1,acc2\n"
			  "access = acc3\n"
			  "core=up0\n"
			  "journal-port = vnep-j8\n"
			  "announce = 250\n"
			  "\n"
			  "[replay]\nreplay-pps = 700\n"
			  "[acl]\n"
			  "set-size = 4096\n"
			  "[journal]\n"
			  "retain-age = 12h\nretain-octets = 1G\nretain-vpc-octets = 0\n"
			  "retain-packets = 100\nretain-every = 90s\n"
			  "segment-octets = 16M",
			  &m),
		0);
	CHECK_INT(m.count, 0);
	CHECK_STR(c.name, "east-1");
	CHECK_STR(c.region, "east");
	CHECK_INT(c.acl.access_count, 4);
	CHECK_STR(c.acl.access[0], "acc0");
	CHECK_STR(c.acl.access[2], "acc2");
	CHECK_STR(c.acl.access[3], "acc3");
	CHECK_STR(c.acl.core, "up0");
	CHECK_STR(c.acl.journal_port, "vnep-j8");
	CHECK_INT(c.acl.set_size, 4096);
	CHECK_INT(c.segment_octets, 16 << 20);
	CHECK_INT(c.retain.age_s, 43200);
	CHECK_INT(c.retain.octets, 1 << 30);
	CHECK_INT(c.retain.vpc_octets, 0);
	CHECK_INT(c.retain.packets, 100);
	CHECK_INT(c.retain.every_s, 90);
	CHECK_INT(c.replay_pps, 700);
	CHECK_INT(c.announce_pps, 250);
	CHECK_INT(vnep_edge_config_check(&c, NULL, NULL, NULL), 0);
}

TEST("config: so many announcements a second, none, or the default; 0 is not a word for it")
{
	struct vnep_edge_config c;
	struct mistakes m;

	CHECK_INT(read_all(&c, "announce = none\n", &m), 0);
	CHECK_INT(c.announce_pps, 0);
	CHECK_INT(read_all(&c, "", &m), 0);
	CHECK_INT(c.announce_pps, 1000);
	CHECK_INT(read_all(&c, "announce = 0\n", &m), VNEP_EVALUE);
	CHECK_INT(read_all(&c, "announce = all\n", &m), VNEP_EVALUE);
	CHECK_INT(c.announce_pps, 1000);
}

TEST("config: sections may be left out")
{
	struct vnep_edge_config c;
	struct mistakes m;

	CHECK_INT(read_all(&c, "access = acc0\ncore = up0\nregion = west\n", &m), 0);
	CHECK_STR(c.acl.core, "up0");
	CHECK_STR(c.region, "west");
	CHECK_INT(vnep_edge_config_check(&c, NULL, NULL, NULL), 0);
}

TEST("config: the defaults are a name that records take, region local and vnep-j0")
{
	struct vnep_edge_config c;
	char name[VNEP_LABEL_MAX + 1];

	vnep_edge_config_init(&c);
	CHECK(c.name[0] && !strchr(c.name, '.'));
	CHECK_STR(c.region, "local");
	CHECK_STR(c.acl.journal_port, "vnep-j0");
	CHECK(!c.acl.access_count && !c.acl.core[0] && !c.acl.set_size && !c.segment_octets);
	CHECK(!c.retain.age_s && !c.retain.octets && !c.retain.packets);
	CHECK_INT(c.retain.every_s, 60);
	memcpy(name, c.name, sizeof name);
	CHECK_INT(vnep_edge_config_set(&c, "name", name, NULL), 0);
}

TEST("config: all mistakes are reported, each with its line, and the first is returned")
{
	struct vnep_edge_config c;
	struct mistakes m;

	CHECK_INT(read_all(&c,
			  "[edge]\n"
			  "nmae = x\n"
			  "core = up0\n"
			  "just words\n"
			  "[prots]\n"
			  "access = acc0\n"
			  "[ports\n"
			  "[acl]\n"
			  "set-size = many\n",
			  &m),
		VNEP_EVALUE);
	CHECK_INT(m.count, 6);
	CHECK_STR(m.text[0], ":2: unknown key \"nmae\" (did you mean \"name\"?)");
	CHECK_STR(m.text[1], ":3: key \"core\" does not belong to [edge]");
	CHECK_STR(m.text[2], ":4: \"just words\" is not key = value");
	CHECK_STR(m.text[3], ":5: unknown section \"prots\" (did you mean \"ports\"?)");
	CHECK_STR(m.text[4], ":7: a section is [name], not \"[ports\"");
	CHECK_STR(m.text[5], ":9: \"many\" is not a number from 1024 to 268435456");
	CHECK_STR(c.acl.access[0], "acc0"); /* a mistake costs its line alone */
}

TEST("config: a key in the wrong section gets a hint where it belongs")
{
	struct vnep_edge_config c;
	struct vnep_err err = { 0 };
	static const char text[] = "[acl]\ncore = up0\n";

	CHECK_INT(read_text(&c, text, sizeof text - 1, NULL, &err), VNEP_EVALUE);
	CHECK_INT(err.line, 2);
	CHECK_STR(err.hint, "it belongs to [ports]");
}

TEST("config: without a report the first mistake ends the reading")
{
	struct vnep_edge_config c;
	struct vnep_err err = { 0 };
	static const char text[] = "core = up0\nbad\nregion = west\nworse\n";

	CHECK_INT(read_text(&c, text, sizeof text - 1, NULL, &err), VNEP_ESYNTAX);
	CHECK_INT(err.line, 2);
	CHECK_STR(c.acl.core, "up0");
	CHECK_STR(c.region, "local");
}

TEST("config: a key that is there twice is a mistake, but for access")
{
	struct vnep_edge_config c;
	struct mistakes m;

	CHECK_INT(read_all(&c, "core = up0\naccess = a0\naccess = a1\ncore = up1\n", &m),
		VNEP_EVALUE);
	CHECK_INT(m.count, 1);
	CHECK_STR(m.text[0], ":4: key \"core\" is set twice (first on line 1)");
	CHECK_STR(c.acl.core, "up0");
	CHECK_INT(c.acl.access_count, 2);
}

TEST("config: a bad value is refused with its text and changes nothing")
{
	static const char *const bad[][2] = {
		{ "name", "" },
		{ "name", "two words" },
		{ "name", "-x" },
		{ "name", "a\"b" },
		{ "name", "1234567890123456789012345678901234567890123456789012345678901234" },
		{ "region", "\xc3\xa9" },
		{ "core", "" },
		{ "core", "1234567890123456" },
		{ "core", "a/b" },
		{ "core", "a b" },
		{ "core", "." },
		{ "core", "eth0:1" },
		{ "journal-port", "" },
		{ "access", "" },
		{ "access", ",a0" },
		{ "access", "a0,1234567890123456" },
		{ "access", "a0,b/c" },
		{ "set-size", "1023" },
		{ "set-size", "268435457" },
		{ "set-size", "-1" },
		{ "set-size", "4096 " },
		{ "segment-octets", "1023k" },
		{ "segment-octets", "3G" },
		{ "segment-octets", "0" },
		{ "segment-octets", "99999999999999999999" },
		{ "segment-octets", "16MB" },
		{ "name2", "x" },
	};
	struct vnep_edge_config c, before;

	vnep_edge_config_init(&c);
	memcpy(&before, &c, sizeof c);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct vnep_err err = { 0 };

		if (vnep_edge_config_set(&c, bad[i][0], bad[i][1], &err) != VNEP_EVALUE) {
			printf("# %s = %s\n", bad[i][0], bad[i][1]);
			CHECK(false);
		}
		CHECK(err.text[0]);
		CHECK_INT(c.acl.access_count, 0);
		CHECK(!c.acl.core[0] && !strcmp(c.name, before.name) &&
			!strcmp(c.region, before.region));
		CHECK(!c.acl.set_size && !c.segment_octets &&
			!strcmp(c.acl.journal_port, "vnep-j0"));
	}
}

TEST("config: the longest names fit, and no more access ports than there may be")
{
	struct vnep_edge_config c;
	char name[32];

	vnep_edge_config_init(&c);
	CHECK_INT(vnep_edge_config_set(&c, "core", "123456789012345", NULL), 0);
	CHECK_INT(vnep_edge_config_set(&c, "region",
			  "123456789012345678901234567890123456789012345678901234567890123", NULL),
		0);
	for (unsigned i = 0; i < VNEP_PORTS_MAX; i++) {
		snprintf(name, sizeof name, "acc%u", i);
		CHECK_INT(vnep_edge_config_set(&c, "access", name, NULL), 0);
	}
	CHECK_INT(vnep_edge_config_check(&c, NULL, NULL, NULL), 0);
	CHECK_INT(vnep_edge_config_set(&c, "access", "acc99", NULL), VNEP_EVALUE);
	CHECK_INT(c.acl.access_count, VNEP_PORTS_MAX);
}

TEST("config: a NUL, a line without an end, a folder and a file that is not there are said, not "
     "read")
{
	static char text[10000];
	struct vnep_edge_config c;
	struct vnep_err err = { 0 };
	struct mistakes m = { 0 };

	CHECK_INT(
		read_text(&c, "core = up0\nname = a\0b\nregion = x\n", 34, &m, &err), VNEP_ESYNTAX);
	CHECK_INT(err.line, 2);
	CHECK_INT(m.count, 1);
	memset(text, 'x', sizeof text);
	CHECK_INT(read_text(&c, text, sizeof text, NULL, &err), VNEP_ETOOBIG);
	CHECK_INT(err.line, 1);
	memset(text, ' ', sizeof text);
	memcpy(text, "region = ", 9);
	memcpy(text + 4091, "west\n", 5);
	CHECK_INT(read_text(&c, text, 4096, NULL, &err),
		0); /* 4,095 octets and the end of the line */
	CHECK_STR(c.region, "west");
	vnep_edge_config_init(&c);
	CHECK_INT(vnep_edge_config_read(&c, "/", NULL, NULL, &err), -EISDIR);
	CHECK_INT(vnep_edge_config_read(&c, "/nowhere/edge.conf", NULL, NULL, &err), -ENOENT);
	CHECK_INT(vnep_edge_config_read(&c, "/dev/null", NULL, NULL, &err), 0);
}

TEST("config: check wants an access port, a core port, and each port once")
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{ "core = up0\n", "no access port" },
		{ "access = acc0\n", "no core port" },
		{ "access = acc0,acc1,acc0\ncore = up0\n", "access port acc0 is named twice" },
		{ "access = acc0,up0\ncore = up0\n", "port up0 has two uses" },
		{ "access = vnep-j0\ncore = up0\n", "port vnep-j0 has two uses" },
		{ "access = acc0\ncore = vnep-j0\n", "port vnep-j0 has two uses" },
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct vnep_edge_config c;
		struct vnep_err err = { 0 };
		struct mistakes m;

		CHECK_INT(read_all(&c, cases[i].text, &m), 0);
		CHECK_INT(vnep_edge_config_check(&c, NULL, NULL, &err), VNEP_EVALUE);
		CHECK_STR(err.text, cases[i].problem);
		CHECK(i > 1 || err.hint[0]);
	}
}

TEST("config: advertise takes a port, a /64 and words, in any order, with RFC 4861's defaults")
{
	struct vnep_edge_config c;
	struct mistakes m;
	const struct vnep_advertise *a = c.advertise;

	CHECK_INT(read_all(&c,
			  "[ports]\n"
			  "access = acc0,acc1\ncore = up0\n"
			  "advertise = acc0 2001:db8:a::/64\n"
			  "advertise=acc0\t2001:db8:c::/64  valid_s=7200  # the next one\n"
			  "advertise = acc1 2001:db8:a::/64 preferred_s=10 vlan=101 mtu=1280 "
			  "valid_s=4294967295 interval_s=4 lifetime_s=0\n",
			  &m),
		0);
	CHECK_INT(vnep_edge_config_check(&c, NULL, NULL, NULL), 0);
	CHECK_INT(c.advertise_count, 3);
	CHECK_STR(a[0].port, "acc0");
	CHECK_INT(a[0].prefix.len, 64);
	CHECK_INT(a[0].line, 4);
	CHECK(a[0].vlan == 0 && a[0].lifetime_s == 1800 && a[0].interval_s == 600 && a[0].mtu == 0);
	CHECK(a[0].valid_s == 2592000 && a[0].preferred_s == 604800);
	CHECK(a[1].valid_s == 7200 && a[1].preferred_s == 7200);
	CHECK(a[2].vlan == 101 && a[2].lifetime_s == 0 && a[2].interval_s == 4 && a[2].mtu == 1280);
	CHECK(a[2].valid_s == UINT32_MAX && a[2].preferred_s == 10);
}

TEST("config: every mistake of advertise is told, changes nothing, and has a hint where one helps")
{
	static const struct {
		const char *value, *text, *hint;
	} bad[] = {
		{ "", "advertise is PORT PREFIX [WORD=VALUE...], not \"\"", "such as" },
		{ "acc0", "advertise is PORT PREFIX [WORD=VALUE...], not \"acc0\"", "such as" },
		{ "acc0 vlan=1", "advertise is PORT", "such as" },
		{ "a/b 2001:db8:a::/64", "advertise needs the name of a link", "" },
		{ "acc0 2001:db8:a::/48", "advertise: \"2001:db8:a::/48\" is not a /64",
			"64 bits" },
		{ "acc0 2001:db8:a::", "is not a /64", "64 bits" },
		{ "acc0 2001:db8:a::1/64", "2001:db8:a::1/64", "" },
		{ "acc0 fe80::/64", "devices cannot have addresses in fe80::/64", "" },
		{ "acc0 ff02::/64", "devices cannot have addresses in ff02::/64", "" },
		{ "acc0 ::/64", "devices cannot have addresses in ::/64", "" },
		{ "acc0 2001:db8:a::/64 mut=1280", "unknown word \"mut\" (did you mean \"mtu\"?)",
			"" },
		{ "acc0 2001:db8:a::/64 flavour=1", "unknown word \"flavour\"", "there are vlan" },
		{ "acc0 2001:db8:a::/64 mtu", "mtu needs a value: mtu=N", "" },
		{ "acc0 2001:db8:a::/64 mtu=1279", "mtu: \"1279\" is not a number from 1280", "" },
		{ "acc0 2001:db8:a::/64 mtu=65536", "mtu: \"65536\"", "" },
		{ "acc0 2001:db8:a::/64 mtu=1280 mtu=1280", "mtu is said twice", "" },
		{ "acc0 2001:db8:a::/64 vlan=4095", "vlan: \"4095\" is not a number from 0 to 4094",
			"" },
		{ "acc0 2001:db8:a::/64 lifetime_s=9001", "lifetime_s: \"9001\"", "" },
		{ "acc0 2001:db8:a::/64 lifetime_s=599",
			"lifetime_s 599 is less than interval_s 600", "lose their router" },
		{ "acc0 2001:db8:a::/64 interval_s=3", "interval_s: \"3\" is not a number from 4",
			"" },
		{ "acc0 2001:db8:a::/64 interval_s=1801", "interval_s: \"1801\"", "" },
		{ "acc0 2001:db8:a::/64 valid_s=4294967296", "valid_s: ", "" },
		{ "acc0 2001:db8:a::/64 valid_s=10 preferred_s=11",
			"preferred_s 11 is more than valid_s 10", "preferred" },
		{ "acc9 2001:db8:9::/64",
			"advertise: 2001:db8:9::/64 on acc9 vlan 7 is there twice", "" },
		{ "acc9 2001:db8:8::/64", "lifetime_s 1800, but 900 before", "say the same" },
		{ "acc9 2001:db8:8::/64 lifetime_s=900", "interval_s 600, but 60 before",
			"say the same" },
		{ "acc9 2001:db8:8::/64 lifetime_s=900 interval_s=60", "mtu 0, but 1400 before",
			"say the same" },
	};
	struct vnep_edge_config c;

	vnep_edge_config_init(&c);
	CHECK_INT(
		vnep_edge_config_set(&c, "advertise",
			"acc9 2001:db8:9::/64 vlan=7 lifetime_s=900 interval_s=60 mtu=1400", NULL),
		0);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct vnep_err err = { 0 };
		char value[200];

		snprintf(value, sizeof value, "%s%s", bad[i].value,
			!strncmp(bad[i].value, "acc9", 4) ? " vlan=7" : "");
		CHECK_INT(vnep_edge_config_set(&c, "advertise", value, &err), VNEP_EVALUE);
		if (!strstr(err.text, bad[i].text) || !strstr(err.hint, bad[i].hint)) {
			printf("# %s: %s (%s)\n", value, err.text, err.hint);
			CHECK(false);
		}
		CHECK_INT(c.advertise_count, 1);
	}
}

TEST("config: what is advertised stands on an access port, and the line is told when it does not")
{
	struct vnep_edge_config c;
	struct vnep_err err = { 0 };
	struct mistakes m = { 0 };

	CHECK_INT(read_all(&c,
			  "advertise = acc7 2001:db8:a::/64\n"
			  "access = acc0\ncore = up0\n"
			  "advertise = up0 2001:db8:a::/64\n"
			  "advertise = acc0 2001:db8:a::/64 mtu=1500\n",
			  &m),
		0);
	CHECK_INT(vnep_edge_config_check(&c, collect, &m, &err), VNEP_EVALUE);
	CHECK_INT(m.count, 2);
	CHECK(strstr(m.text[0], ":1: advertise: acc7 is not an access port"));
	CHECK(strstr(m.text[1], ":4: advertise: up0 is not an access port"));
	CHECK_STR(err.hint, "did you mean acc0?");
	CHECK_INT(vnep_edge_advertise_fits(&c, &c.advertise[2], 1500, &err), 0);
	CHECK_INT(vnep_edge_advertise_fits(&c, &c.advertise[2], 1499, &err), VNEP_EVALUE);
	CHECK_STR(err.text, "advertise: mtu 1500 is more than acc0 has (1499)");
	CHECK_INT(err.line, 5);
}

TEST("config: at most 16 prefixes a link, and no more advertisements than there is room for")
{
	struct vnep_edge_config c;
	struct vnep_err err = { 0 };
	char value[64];

	vnep_edge_config_init(&c);
	for (unsigned i = 0; i < VNEP_ADVERTISE_MAX; i++) {
		snprintf(value, sizeof value, "acc%u 2001:db8:%x::/64", i / 16, i);
		CHECK_INT(vnep_edge_config_set(&c, "advertise", value, &err), 0);
		if (i == 15) {
			CHECK_INT(vnep_edge_config_set(
					  &c, "advertise", "acc0 2001:db8:ff::/64", &err),
				VNEP_EVALUE);
			CHECK_STR(err.text, "advertise: more than 16 prefixes on acc0 vlan 0");
		}
	}
	CHECK_INT(
		vnep_edge_config_set(&c, "advertise", "acc99 2001:db8:ff::/64", &err), VNEP_EVALUE);
	CHECK_INT(c.advertise_count, VNEP_ADVERTISE_MAX);
}

TEST("config: mld takes ports and words, with RFC 3810's defaults, and its lines are known")
{
	struct vnep_edge_config c;
	struct vnep_err err = { 0 };
	struct mistakes m = { 0 };
	const struct vnep_querier *q = c.querier;

	CHECK_INT(read_all(&c,
			  "[ports]\n"
			  "access = acc0,acc1,acc2,acc3\ncore = up0\n"
			  "mld = acc0 acc1\n"
			  "mld = acc2\tresponse_ms=60000  interval_s=600 # slower\n"
			  "mld = acc3 interval_s=5\n"
			  "mld = up0\nmld = acc7\n",
			  &m),
		0);
	CHECK_INT(c.querier_count, 6);
	CHECK_STR(q[1].port, "acc1");
	CHECK(q[1].interval_s == 125 && q[1].response_ms == 10000 && q[1].line == 4);
	CHECK(q[2].interval_s == 600 && q[2].response_ms == 60000 && q[2].line == 5);
	CHECK(q[3].interval_s == 5 && q[3].response_ms == 2500);
	CHECK_INT(vnep_edge_config_check(&c, collect, &m, &err), VNEP_EVALUE);
	CHECK_INT(m.count, 2);
	CHECK(strstr(m.text[0], ":7: mld: up0 is not an access port"));
	CHECK(strstr(m.text[1], ":8: mld: acc7 is not an access port"));
	CHECK_INT(read_all(&c, "mld = acc0\nmld =\nmld = acc0\n", &m), 0);
	CHECK_INT(c.querier_count, 1);
	CHECK_INT(c.querier[0].line, 3);
}

TEST("config: every mistake of mld is told, and changes nothing")
{
	static const struct {
		const char *value, *text, *hint;
	} bad[] = {
		{ "", "mld is PORT [PORT...] [WORD=VALUE...], not \"\"", "such as" },
		{ "interval_s=5", "mld is PORT", "such as" },
		{ "acc1 a/b", "mld needs the name of a link", "" },
		{ "acc1, acc2", "mld: ports are separated by blanks: \"acc1, acc2\"", "such as" },
		{ "acc1,acc2", "mld: ports are separated by blanks: \"acc1,acc2\"", "such as" },
		{ "acc1 acc0", "mld: acc0 is named twice", "" },
		{ "acc1 acc1", "mld: acc1 is named twice", "" },
		{ "acc1 flavour=5", "unknown word \"flavour\"",
			"there are interval_s, response_ms" },
		{ "acc1 interval_z=5", "(did you mean \"interval_s\"?)", "" },
		{ "acc1 interval_s=5 acc2", "mld: unknown word \"acc2\"", "there are" },
		{ "acc1 interval_s=1", "interval_s: \"1\" is not a number from 2 to 3600", "" },
		{ "acc1 interval_s=3601", "interval_s: \"3601\"", "" },
		{ "acc1 response_ms=99", "response_ms: \"99\" is not a number from 100", "" },
		{ "acc1 interval_s=5 interval_s=5", "interval_s is said twice", "" },
		{ "acc1 interval_s=5 response_ms=5000",
			"response_ms 5000 is not less than interval_s 5", "RFC 3810" },
	};
	struct vnep_edge_config c;

	vnep_edge_config_init(&c);
	CHECK_INT(vnep_edge_config_set(&c, "mld", "acc0", NULL), 0);
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct vnep_err err = { 0 };

		CHECK_INT(vnep_edge_config_set(&c, "mld", bad[i].value, &err), VNEP_EVALUE);
		if (!strstr(err.text, bad[i].text) || !strstr(err.hint, bad[i].hint)) {
			printf("# %s: %s (%s)\n", bad[i].value, err.text, err.hint);
			CHECK(false);
		}
		CHECK_INT(c.querier_count, 1);
	}
	for (unsigned i = 1; i <= VNEP_PORTS_MAX; i++) {
		char port[16];

		snprintf(port, sizeof port, "p%u", i);
		CHECK_INT(vnep_edge_config_set(&c, "mld", port, NULL),
			i < VNEP_PORTS_MAX ? 0 : VNEP_EVALUE);
	}
}

int main(void)
{
	return t_run();
}
