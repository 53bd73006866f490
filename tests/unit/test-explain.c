/* explain: records as elements, one device at a time, and the record behind a verdict; no kernel is asked. */
#include <netinet/in.h>

#include "vnep/err.h"
#include "vnep/explain.h"
#include "vnep/frame.h"
#include "vnep/recjson.h"
#include "t.h"

static const char *const records[] = {
	"{\"type\":\"vpc\",\"v\":1,\"vpc\":\"flat\",\"prefix\":\"2001:db8:b::/64\"}",
	"{\"type\":\"vpc\",\"v\":1,\"vpc\":\"acme\",\"prefix\":\"2001:db8:d::/"
	"64\",\"core_vlan\":900}",
	"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005301\",\"vep\":\"2001:db8:"
	"b::71\",\"addr\":[\"2001:db8:a::1\"]}",
	"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005302\",\"vep\":\"2001:db8:"
	"b::72\",\"addr\":[\"2001:db8:a::2\"],"
	"\"port\":\"acc1\",\"allow\":[{\"to\":\"2001:db8:b::2\",\"proto\":\"UDP\",\"ports\":["
	"\"5683\"]}]}",
	"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005303\",\"vep\":\"2001:db8:"
	"b::73\"}",
	"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005304\",\"vep\":\"2001:db8:"
	"d::74\",\"vlan\":101,"
	"\"addr\":[\"2001:db8:a::1\"]}",
	"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005305\",\"vep\":\"2001:db8:"
	"b::75\",\"addr\":[\"2001:db8:a::5\"],"
	"\"psm\":{\"t3324_s\":0}}",
	"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:mac:00005efffe005306\",\"vep\":\"2001:db8:"
	"b::76\",\"form\":\"host\","
	"\"addr\":[\"2001:db8:a::6\"]}",
};

static struct vnep_acl *acl;
static struct vnep_explain *ex;
static struct vnep_verdict v;
static struct vnep_explain_record record;

static void want(const char *text)
{
	struct vnep_device device = { 0 };
	struct vnep_json *json = NULL;
	struct vnep_vpc vpc = { 0 };

	CHECK_INT(vnep_json_parse(text, strlen(text), &json, NULL), 0);
	CHECK_INT(vnep_recjson_check(json, NULL, 0, NULL), 0);
	if (vnep_recjson_type(json) == VNEP_RECORD_VPC) {
		CHECK_INT(vnep_vpc_decode(json, &vpc, NULL), 0);
		CHECK_INT(vnep_acl_want_vpc(acl, &vpc, NULL), 0);
	} else {
		CHECK_INT(vnep_device_decode(json, &device, NULL), 0);
		CHECK_INT(vnep_acl_want_device(acl, &device, NULL, NULL), 0);
	}
	vnep_device_release(&device);
	vnep_vpc_release(&vpc);
	vnep_json_free(json);
}

static void begin(void)
{
	static const struct vnep_acl_config config = { .access = { "acc0", "acc1" },
		.access_count = 2,
		.core = "up0",
		.journal_port = "vnep-j0" };

	CHECK_INT(vnep_acl_open(&acl, &config, true, NULL), 0);
	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		want(records[i]);
	CHECK_INT(vnep_explain_open(&ex, acl, NULL), 0);
	vnep_verdict_init(&v);
}

static void end(void)
{
	vnep_verdict_release(&v);
	vnep_explain_close(ex);
	vnep_acl_close(acl);
}

static struct vnep_explain_flow flow(
	const char *src, const char *dest, uint8_t proto, uint16_t port)
{
	struct vnep_explain_flow f = { .proto = proto, .src_port = 40000, .dest_port = port };

	CHECK_INT(vnep_ip6_parse(src, &f.src, NULL), 0);
	CHECK_INT(vnep_ip6_parse(dest, &f.dest, NULL), 0);
	return f;
}

/* What becomes of it: "counter", by whose record: "|vep" or "|vpc". */
static const char *says(struct vnep_explain_flow f)
{
	static char text[256];
	char vep[VNEP_IP6_LEN] = "";
	struct vnep_buf frame;
	const char *port;

	vnep_buf_init(&frame);
	CHECK_INT(vnep_explain_make(ex, &f, &frame, &port, NULL), 0);
	CHECK_INT(vnep_explain_frame(ex, port, frame.data, frame.len, 0, &v, NULL), 0);
	vnep_explain_record(ex, &v, frame.data, &record);
	vnep_buf_release(&frame);
	if (record.device)
		vnep_ip6_print(&record.vep, vep);
	snprintf(text, sizeof text, "%s|%s%s", v.counter ? v.counter : "", vep,
		record.vpc ? record.vpc : "");
	return text;
}

TEST("explain: from a device, by its endpoint or its address, to where its VPC or its own list "
     "lets it")
{
	begin();
	CHECK_STR(
		says(flow("2001:db8:b::71", "2001:db8:b::2", 0, 0)), "forwarded.from-device|flat");
	CHECK_STR(says(flow("2001:db8:b::71", "2001:db8:c::2", 0, 0)), "drop.policy-denied|flat");
	CHECK_STR(says(flow("2001:db8:a::2", "2001:db8:b::2", IPPROTO_UDP, 5683)),
		"forwarded.from-device|2001:db8:b::72");
	CHECK_STR(says(flow("2001:db8:a::2", "2001:db8:b::2", IPPROTO_UDP, 7)),
		"drop.policy-denied|2001:db8:b::72");
	CHECK_STR(says(flow("2001:db8:a::2", "2001:db8:b::2", IPPROTO_TCP, 5683)),
		"drop.policy-denied|2001:db8:b::72");
	CHECK_STR(says(flow("2001:db8:b::73", "2001:db8:b::2", 0, 0)), "ask.acc0|2001:db8:b::73");
	CHECK_STR(says(flow("2001:db8:b::71", "2001:db8:b::72", 0, 0)),
		"forwarded.to-device|2001:db8:b::72");
	end();
}

TEST("explain: to a device, in the VLAN of its VPC, awake or not")
{
	struct vnep_explain_flow f;
	struct in6_addr vep;

	begin();
	f = flow("2001:db8:d::2", "2001:db8:d::74", IPPROTO_UDP, 5683);
	CHECK_STR(says(f), "forwarded.to-device|2001:db8:d::74");
	f.has_vlan = true; /* none */
	CHECK_STR(says(f), "drop.policy-denied|acme");
	f.vlan = 901;
	CHECK_STR(says(f), "drop.wrong-vlan.up0|");
	CHECK_STR(says(flow("2001:db8:b::2", "2001:db8:b::75", 0, 0)), "journal|2001:db8:b::75");
	CHECK_STR(says(flow("2001:db8:b::2", "2001:db8:b::73", 0, 0)), "journal|2001:db8:b::73");
	CHECK_STR(says(flow("2001:db8:b::2", "2001:db8:b::99", 0, 0)), "drop.no-mapping.up0|");
	CHECK_STR(says(flow("2001:db8:b::76", "2001:db8:a::6", 0, 0)),
		"forwarded.to-device|2001:db8:b::76");
	CHECK_STR(says(flow("2001:db8:a::6", "2001:db8:b::76", 0, 0)),
		"forwarded.from-device|2001:db8:b::76");
	CHECK_STR(says(flow("2001:db8:a::6", "2001:db8:b::2", 0, 0)), "ask.acc0|2001:db8:b::76");
	vnep_explain_nobody(ex);
	CHECK_STR(says(flow("2001:db8:b::2", "2001:db8:b::71", 0, 0)), "journal|2001:db8:b::71");
	CHECK_INT(vnep_ip6_parse("2001:db8:b::71", &vep, NULL), 0);
	CHECK_INT(vnep_explain_awake(ex, &vep, NULL), 0);
	CHECK_STR(says(flow("2001:db8:b::2", "2001:db8:b::71", 0, 0)),
		"forwarded.to-device|2001:db8:b::71");
	end();
}

TEST("explain: an address that two devices use needs one word more")
{
	struct vnep_explain_flow f;
	struct vnep_buf frame;
	const char *port;

	begin();
	vnep_buf_init(&frame);
	f = flow("2001:db8:a::1", "2001:db8:d::2", 0, 0);
	CHECK_INT(vnep_explain_make(ex, &f, &frame, &port, NULL), VNEP_EAMBIGUOUS);
	f.has_vlan = true;
	f.vlan = 101;
	CHECK_STR(says(f), "forwarded.from-device|acme");
	f.has_mac = true; /* a stranger with its address */
	f.port = "acc0";
	CHECK_STR(says(f), "drop.no-mapping.acc0|");
	f.port = "eth9";
	CHECK_INT(vnep_explain_make(ex, &f, &frame, &port, NULL), VNEP_EUSAGE);
	CHECK_INT(vnep_explain_frame(ex, "eth9", frame.data, frame.len, 0, &v, NULL), VNEP_EUSAGE);
	vnep_buf_release(&frame);
	end();
}

int main(void)
{
	return t_run();
}
