/* test-mapstore - the map: indexes, revisions, rules, tombstones. */
#include "mapstore.h"

TEST("a device is found by URN in any form, vep, MAC and name")
{
	open_fresh();
	CHECK_INT(put(VPC), 0);
	CHECK_INT(put(A("2001:db8:b::1")), 0);
	CHECK_INT(commit(), 0);
	CHECK_STR(resolve("URN:dev:mac:00005e005301"), DEV_A);
	CHECK_STR(resolve("2001:db8:b:0::1"), DEV_A);
	CHECK_STR(resolve("00-00-5E-00-53-01"), DEV_A);
	CHECK_STR(resolve("A.Example"), DEV_A);
	CHECK_STR(resolve("b.example"), "not found");
	CHECK_STR(resolve("2001:db8:b::2"), "not found");
	close_all();
}

TEST("one MAC in two VLANs is two devices, and the MAC alone is ambiguous")
{
	struct vnep_mac mac = { { 0, 0, 0x5e, 0, 0x53, 9 } };
	char dev[VNEP_URN_MAX + 1];

	open_fresh();
	CHECK_INT(put("{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-1\",\"vep\":\"2001:"
		      "db8:b::1\","
		      "\"mac\":\"00:00:5e:00:53:09\",\"vlan\":7}"),
		0);
	CHECK_INT(put("{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-2\",\"vep\":\"2001:"
		      "db8:b::2\","
		      "\"mac\":\"00:00:5e:00:53:09\",\"vlan\":8}"),
		0);
	CHECK_INT(commit(), 0);
	CHECK_STR(resolve("00:00:5e:00:53:09"), "ambiguous");
	CHECK_STR(err.hint, "urn:dev:os:32473-1, urn:dev:os:32473-2");
	CHECK_INT(vnep_map_by_mac(txn, &mac, 8, dev), 0);
	CHECK_STR(dev, "urn:dev:os:32473-2");
	CHECK_INT(vnep_map_by_mac(txn, &mac, 9, dev), VNEP_ENOTFOUND);
	close_all();
}

TEST("a vep belongs to one device, but two may swap theirs in one transaction")
{
	char dev[VNEP_URN_MAX + 1];
	struct in6_addr one;

	open_fresh();
	CHECK_INT(put(A("2001:db8:b::1")), 0);
	CHECK_INT(put(B("2001:db8:b::2")), 0);
	CHECK_INT(commit(), 0);
	CHECK_INT(put(B("2001:db8:b::1")), 0);
	CHECK_INT(commit(), VNEP_EVALUE);
	CHECK_STR(err.text, "vep 2001:db8:b::1 of " DEV_B " belongs to " DEV_A " already");
	CHECK_INT(put(A("2001:db8:b::2")), 0);
	CHECK_INT(put(B("2001:db8:b::1")), 0);
	CHECK_INT(commit(), 0);
	vnep_ip6_parse("2001:db8:b::1", &one, NULL);
	CHECK_INT(vnep_map_by_vep(txn, &one, dev), 0);
	CHECK_STR(dev, DEV_B);
	close_all();
}

TEST("a vep lies in the prefix of its vpc, also when the vpc changes under it")
{
	char vpc[VNEP_LABEL_MAX + 1] = "?";
	struct vnep_device d = { 0 };

	open_fresh();
	CHECK_INT(put(A("2001:db8:c::1")), 0);
	CHECK_INT(commit(), 0); /* without any vpc nothing is asked */
	CHECK_INT(put(VPC), 0);
	CHECK_INT(commit(), VNEP_EVALUE);
	CHECK_STR(err.text, "vep 2001:db8:c::1 of " DEV_A " lies in no vpc's prefix");
	CHECK_INT(put(VPC), 0);
	CHECK_INT(put(A("2001:db8:b::1")), 0);
	CHECK_INT(commit(), 0);
	CHECK_INT(vnep_map_get_device(txn, DEV_A, &d, &err), 0);
	CHECK_INT(vnep_map_vpc_of(txn, &d, vpc, &err), 0);
	CHECK_STR(vpc, "acme");
	vnep_device_release(&d);
	CHECK_INT(put("{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV_B
		      "\",\"vep\":\"2001:db8:b::2\",\"vpc\":\"nobody\"}"),
		0);
	CHECK_INT(commit(), VNEP_EVALUE);
	CHECK_STR(err.text, DEV_B " is in vpc \"nobody\", which is not in the map");
	CHECK_INT(vnep_map_delete(txn, VNEP_RECORD_VPC, "acme", 0, &err), 0);
	CHECK_INT(commit(), 0); /* the last vpc may go: then none is asked for */
	close_all();
}

TEST("the longest prefix that holds the vep is the device's vpc")
{
	char vpc[VNEP_LABEL_MAX + 1];
	struct vnep_device d = { 0 };

	open_fresh();
	CHECK_INT(put(VPC), 0);
	CHECK_INT(put("{\"type\":\"vpc\",\"v\":1,\"vpc\":\"part\",\"prefix\":\"2001:db8:b::10/"
		      "124\"}"),
		0);
	CHECK_INT(put(A("2001:db8:b::11")), 0);
	CHECK_INT(commit(), 0);
	CHECK_INT(vnep_map_get_device(txn, DEV_A, &d, &err), 0);
	CHECK_INT(vnep_map_vpc_of(txn, &d, vpc, &err), 0);
	CHECK_STR(vpc, "part");
	vnep_device_release(&d);
	close_all();
}

TEST("the vpc of an address is what a look at all of them finds, however they lie in each other")
{
	enum { VPCS = 400, TRIES = 4000 };
	static struct vnep_prefix prefix[VPCS];
	struct vnep_device d = { .dev = "urn:dev:os:32473-1" };
	uint32_t seed = 1;
	char text[200], printed[VNEP_PREFIX_LEN], vpc[VNEP_LABEL_MAX + 1], wanted[16];

	open_fresh();
	for (int i = 0; i < VPCS; i++) {
		uint8_t *a = prefix[i].addr.s6_addr;

		/* few values in few places: many hold each other, some are twice */
		prefix[i].len = (uint8_t)(i ? (seed = seed * 1103515245 + 12345) >> 16 & 127 : 0);
		if (i % 50 == 1)
			prefix[i].len = 128;
		for (unsigned b = 0; b < 16; b++) {
			seed = seed * 1103515245 + 12345;
			a[b] = b < 12 ? 0x20 : (uint8_t)(seed >> 16 & 1);
			if (prefix[i].len < 8 * (b + 1))
				a[b] &= (uint8_t)(prefix[i].len > 8 * b
							  ? 0xff00 >> (prefix[i].len - 8 * b)
							  : 0);
		}
		vnep_prefix_print(&prefix[i], printed);
		snprintf(text, sizeof text,
			"{\"type\":\"vpc\",\"v\":1,\"vpc\":\"v%03d\",\"prefix\":\"%s\"}", i,
			printed);
		CHECK_INT(put(text), 0);
	}
	for (int n = 0; n < TRIES; n++) {
		int best = 0;

		for (unsigned b = 0; b < 16; b++) {
			seed = seed * 1103515245 + 12345;
			d.vep.s6_addr[b] =
				b < 12 && (seed >> 20 & 15) ? 0x20 : (uint8_t)(seed >> 16 & 1);
		}
		for (int i = 0; i < VPCS; i++)
			if (vnep_prefix_has(&prefix[i], &d.vep) && prefix[i].len > prefix[best].len)
				best = i;
		snprintf(wanted, sizeof wanted, "v%03d", best);
		CHECK_INT(vnep_map_vpc_of(txn, &d, vpc, &err), 0);
		CHECK_STR(vpc, wanted);
	}
	close_all();
}

TEST("a revision grows with each change and only then; if_revision refuses what moved")
{
	bool changed;

	open_fresh();
	CHECK_INT(put_at(A("2001:db8:b::1"), 0, &changed), 0);
	CHECK(changed);
	CHECK_INT(vnep_map_revision(txn), 1);
	CHECK_INT(put_at(A("2001:db8:b::1"), 0, &changed), 0);
	CHECK(!changed);
	CHECK_INT(vnep_map_revision(txn), 1);
	CHECK_INT(put_at(A("2001:db8:b::3"), 2, &changed), VNEP_ECONFLICT);
	CHECK_STR(err.text, "\"" DEV_A "\" is at revision 1, not 2");
	CHECK_INT(put_at(A("2001:db8:b::3"), 1, &changed), 0);
	CHECK_INT(put_at(B("2001:db8:b::4"), 1, &changed), VNEP_ECONFLICT);
	close_all();
}

static int append(const char *text, size_t len, void *arg)
{
	vnep_buf_put(arg, text, len);
	vnep_buf_put_u8(arg, '\n');
	return 0;
}

TEST("the last revision is one that JSON can say, and nothing is stored beyond it")
{
	struct vnep_map_put how = { .revision = VNEP_MAP_REVISION_MAX };
	struct vnep_json *json;
	bool changed;

	open_fresh();
	CHECK_INT(vnep_json_parse(VPC, strlen(VPC), &json, &err), 0);
	CHECK_INT(vnep_map_put(txn, json, &how, &changed, &err), 0);
	CHECK_INT(put(A("2001:db8:b::1")), VNEP_EVALUE);
	CHECK_STR(err.text, "the map is at revision 9007199254740991, the last there is");
	CHECK_INT(vnep_map_delete(txn, VNEP_RECORD_VPC, "acme", 0, &err), VNEP_EVALUE);
	vnep_json_free(json);
	close_all();
}

TEST("deletion leaves a tombstone that a follower finds by revision, without name and groups")
{
	struct vnep_map_stat stat;
	struct vnep_buf buf;

	open_fresh();
	vnep_buf_init(&buf);
	CHECK_INT(put(A("2001:db8:b::1")), 0);
	CHECK_INT(put(B("2001:db8:b::2")), 0);
	CHECK_INT(vnep_map_delete(txn, VNEP_RECORD_DEVICE, DEV_A, 0, &err), 0);
	CHECK_INT(commit(), 0);
	CHECK_INT(vnep_map_delete(txn, VNEP_RECORD_DEVICE, DEV_A, 0, &err), VNEP_ENOTFOUND);
	CHECK_STR(resolve("2001:db8:b::1"), "not found");
	CHECK_STR(resolve("a.example."), "not found");
	CHECK_STR(resolve(DEV_A), "not found");
	CHECK_INT(vnep_map_since(txn, 2, append, &buf, &err), 0);
	CHECK(strstr(vnep_buf_str(&buf), DEV_A) && strstr(vnep_buf_str(&buf), "\"deleted\":true"));
	CHECK(strstr(vnep_buf_str(&buf), "\"revision\":3"));
	CHECK(!strstr(vnep_buf_str(&buf), "a.example") && !strstr(vnep_buf_str(&buf), DEV_B));
	vnep_map_stat(txn, &stat, &err);
	CHECK_INT(stat.devices, 1);
	CHECK_INT(stat.tombstones, 1);
	CHECK_INT(put(A("2001:db8:b::1")), 0); /* and it may come back */
	vnep_map_stat(txn, &stat, &err);
	CHECK_INT(stat.devices, 2);
	CHECK_INT(stat.tombstones, 0);
	vnep_buf_release(&buf);
	close_all();
}

TEST("the members of a group are found by the index")
{
	const char *lights = "lights", *light = "light";
	struct vnep_buf buf;

	open_fresh();
	vnep_buf_init(&buf);
	CHECK_INT(put(A("2001:db8:b::1")), 0);
	CHECK_INT(put(B("2001:db8:b::2")), 0);
	CHECK_INT(vnep_map_each_in(txn, VNEP_MAP_BY_GROUP, &lights, 1, append, &buf, &err), 0);
	CHECK(strstr(vnep_buf_str(&buf), DEV_B) && !strstr(vnep_buf_str(&buf), DEV_A));
	vnep_buf_reset(&buf);
	CHECK_INT(vnep_map_each_in(txn, VNEP_MAP_BY_GROUP, &light, 1, append, &buf, &err), 0);
	CHECK_INT(buf.len, 0);
	vnep_buf_release(&buf);
	close_all();
}

TEST("bindings come from edges only, and go with their device")
{
	static const char text[] =
		"{\"type\":\"binding\",\"v\":1,\"dev\":\"" DEV_A "\",\"region\":\"east\","
		"\"edge\":\"e1\",\"epoch\":1,\"port\":\"acc0\",\"mac\":\"00:00:5e:00:53:01\","
		"\"addr\":[\"2001:db8:a::2\"],\"since\":\"2026-01-01T00:00:00.000000Z\"}";
	const struct vnep_map_put edge = { .as_edge = true };
	struct vnep_binding binding;
	struct vnep_json *json;
	bool changed;

	open_fresh();
	CHECK_INT(put(A("2001:db8:b::1")), 0);
	CHECK_INT(put(text), VNEP_EVALUE);
	CHECK_INT(vnep_json_parse(text, sizeof text - 1, &json, &err), 0);
	CHECK_INT(vnep_recjson_check(json, NULL, 0, &err), 0);
	CHECK_INT(vnep_map_put(txn, json, &edge, &changed, &err), 0);
	vnep_json_free(json);
	CHECK_INT(vnep_map_get_binding(txn, DEV_A, &binding, &err), 0);
	CHECK_STR(binding.port, "acc0");
	CHECK_INT(vnep_map_delete(txn, VNEP_RECORD_DEVICE, DEV_A, 0, &err), 0);
	CHECK_INT(vnep_map_get_binding(txn, DEV_A, &binding, &err), VNEP_ENOTFOUND);
	close_all();
}

TEST("a map grows as it is filled")
{
	enum { COUNT = 200000 };
	const struct vnep_map_apply how = { 0 };
	struct vnep_map_changes changes;
	struct vnep_map_batch *batch;
	struct vnep_map_stat stat;
	char line[400];

	open_fresh();
	vnep_map_abort(txn);
	CHECK_INT(vnep_map_batch_new(&batch, &err), 0);
	for (unsigned i = 0; i < COUNT && !t_failed; i++) {
		int n = snprintf(line, sizeof line,
			"{\"type\":\"device\",\"v\":1,\"dev\":\"urn:dev:os:32473-%u\",\"vep\":"
			"\"2001:db8:b::%x:%x\",\"labels\":{\"x\":\"%0200u\"}}",
			i, i >> 16, i & 0xffff, i);

		CHECK_INT(vnep_map_batch_add_line(batch, line, (size_t)n, &err), 0);
	}
	CHECK_INT(vnep_map_batch_apply(batch, store, &how, &changes, &err), 0);
	CHECK_INT(changes.added, COUNT);
	vnep_map_batch_free(batch);
	CHECK_INT(vnep_map_begin(store, false, &txn, &err), 0);
	CHECK_INT(vnep_map_stat(txn, &stat, &err), 0);
	CHECK(stat.octets > 64 << 20); /* the size that it began with */
	close_all();
}

TEST("a batch names the other line of what it has twice")
{
	struct vnep_map_batch *batch;
	struct vnep_json *json;
	const char *text[] = { A("2001:db8:b::1"), B("2001:db8:b::1"), A("2001:db8:b::2") };
	int rc[3];

	CHECK_INT(vnep_map_batch_new(&batch, &err), 0);
	for (unsigned i = 0; i < 3; i++) {
		err = (struct vnep_err){ 0 };
		vnep_err_place(&err, "f", i + 1, 0);
		CHECK_INT(vnep_json_parse(text[i], strlen(text[i]), &json, &err), 0);
		rc[i] = vnep_map_batch_add(batch, json, text[i], strlen(text[i]), &err);
		vnep_json_free(json);
		if (i == 1)
			CHECK_STR(err.text,
				"vep 2001:db8:b::1 is that of " DEV_A " on line 1 already");
	}
	CHECK_INT(rc[0], 0);
	CHECK_INT(rc[1], VNEP_EVALUE);
	CHECK_INT(rc[2], VNEP_EVALUE);
	CHECK_STR(err.text, "dev \"" DEV_A "\" is on line 1 already");
	CHECK_INT(vnep_map_batch_count(batch), 1);
	vnep_map_batch_free(batch);
}

TEST("map: the device of a packet is found by its ends: a vep, or L and V of form host")
{
	struct in6_addr edge_v, edge_l, host_v, host_l1, host_l2, other;
	char dev[VNEP_URN_MAX + 1] = "";

	open_fresh();
	CHECK_INT(put(VPC), 0);
	CHECK_INT(put("{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV_A
		      "\",\"vep\":\"2001:db8:b::1\",\"addr\":[\"2001:db8:a::1\"],"
		      "\"labels\":{\"form\":\"host\"}}"),
		0);
	CHECK_INT(put("{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV_B
		      "\",\"vep\":\"2001:db8:b::2\",\"form\":\"host\","
		      "\"addr\":[\"2001:db8:a::2\",\"2001:db8:a::3\"]}"),
		0);
	CHECK_INT(commit(), 0);
	vnep_ip6_parse("2001:db8:b::1", &edge_v, NULL);
	vnep_ip6_parse("2001:db8:a::1", &edge_l, NULL);
	vnep_ip6_parse("2001:db8:b::2", &host_v, NULL);
	vnep_ip6_parse("2001:db8:a::2", &host_l1, NULL);
	vnep_ip6_parse("2001:db8:a::3", &host_l2, NULL);
	vnep_ip6_parse("2001:db8:b::9", &other, NULL);
	CHECK_INT(vnep_map_by_ends(txn, &edge_v, &other, dev), 0);
	CHECK_STR(dev, DEV_A);
	CHECK_INT(vnep_map_by_ends(txn, &edge_l, &edge_v, dev), VNEP_ENOTFOUND);
	CHECK_INT(vnep_map_by_ends(txn, &host_l1, &host_v, dev), 0);
	CHECK_STR(dev, DEV_B);
	dev[0] = 0;
	CHECK_INT(vnep_map_by_ends(txn, &host_l2, &host_v, dev), 0);
	CHECK_STR(dev, DEV_B);
	CHECK_INT(vnep_map_by_ends(txn, &host_l1, &other, dev), VNEP_ENOTFOUND);
	CHECK_INT(vnep_map_by_ends(txn, &host_v, &host_l1, dev), VNEP_ENOTFOUND);
	CHECK_INT(vnep_map_by_ends(txn, &host_v, &other, dev), VNEP_ENOTFOUND);
	CHECK_INT(vnep_map_by_host(txn, &host_l2, dev), 0);
	CHECK_INT(vnep_map_by_host(txn, &edge_l, dev), VNEP_ENOTFOUND);
	CHECK_INT(vnep_map_by_host(txn, &host_v, dev), VNEP_ENOTFOUND);
	CHECK_INT(vnep_map_delete(txn, VNEP_RECORD_DEVICE, DEV_B, 0, &err), 0);
	CHECK_INT(vnep_map_by_host(txn, &host_l2, dev), VNEP_ENOTFOUND);
	close_all();
}

int main(void)
{
	return t_run();
}
