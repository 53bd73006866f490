/* acl: what is wanted becomes what is there; against this kernel in a namespace of its own. */
#include <arpa/inet.h>
#include <errno.h>

#include "vnep/acl.h"
#include "vnep/err.h"
#include "vnep/rtnl.h"
#include "netns.h"

static const struct vnep_acl_config config = {
	.access = { "acc0", "acc1" },
	.access_count = 2,
	.core = "up0",
	.journal_port = "vnep-j0",
	.set_size = 4096,
};

static struct vnep_vpc vpc(const char *name, const char *prefix)
{
	struct vnep_vpc v = { 0 };

	snprintf(v.vpc, sizeof v.vpc, "%s", name);
	CHECK(!vnep_prefix_parse(prefix, &v.prefix, NULL));
	return v;
}

/* Device n of VPC acme: V is 2001:db8:b::n, L 2001:db8:a::n, its MAC ends in n. */
static struct vnep_device device(unsigned n)
{
	struct vnep_device d = { .vpc = "acme",
		.has_mac = true,
		.addr_count = 1,
		.has_psm = true,
		.t3324_s = 10,
		.journal = VNEP_JOURNAL_BOTH,
		.port = "acc0" };
	char text[64];

	snprintf(d.dev, sizeof d.dev, "urn:dev:mac:00005efffe0053%02x", n);
	snprintf(text, sizeof text, "2001:db8:b::%x", n);
	CHECK(!vnep_ip6_parse(text, &d.vep, NULL));
	snprintf(text, sizeof text, "2001:db8:a::%x", n);
	CHECK(!vnep_ip6_parse(text, &d.addr[0], NULL));
	d.mac = (struct vnep_mac){ { 0, 0, 0x5e, 0, 0x53, (uint8_t)n } };
	return d;
}

static struct vnep_binding binding(const struct vnep_device *d, const char *port)
{
	struct vnep_binding b = { .mac = d->mac, .addr_count = d->addr_count };

	snprintf(b.port, sizeof b.port, "%s", port);
	memcpy(b.addr, d->addr, sizeof b.addr);
	return b;
}

static struct vnep_acl *open_with(unsigned devices)
{
	struct vnep_vpc v = vpc("acme", "2001:db8:b::/64");
	struct vnep_acl *acl = NULL;

	CHECK_INT(vnep_acl_open(&acl, &config, false, NULL), 0);
	CHECK_INT(vnep_acl_want_vpc(acl, &v, NULL), 0);
	for (unsigned n = 1; n <= devices; n++) {
		struct vnep_device d = device(n);

		CHECK_INT(vnep_acl_want_device(acl, &d, NULL, NULL), 0);
	}
	return acl;
}

static uint64_t apply(struct vnep_acl *acl)
{
	struct vnep_err err = { 0 };
	uint64_t changes = 0;

	if (vnep_acl_apply(acl, &changes, &err))
		printf("# %s\n", err.text);
	CHECK_INT(err.code, 0);
	return changes;
}

static int append(struct vnep_buf *lines, void *arg)
{
	vnep_buf_put(arg, lines->data, lines->len);
	return 0;
}

static int differences(struct vnep_acl *acl)
{
	struct vnep_buf out;
	int n = 0;

	vnep_buf_init(&out);
	CHECK(vnep_acl_verify(acl, append, &out, NULL) == (out.len ? VNEP_EDIFFERS : 0));
	for (size_t i = 0; i < out.len; i++)
		n += out.data[i] == '\n';
	if (n)
		printf("# %s", vnep_buf_str(&out));
	vnep_buf_release(&out);
	return n;
}

static int count_element(const struct vnep_element *element, void *arg)
{
	(void)element;
	++*(int *)arg;
	return 0;
}

static int bindings(struct vnep_acl *acl)
{
	int n = 0;

	CHECK_INT(vnep_acl_each_element(acl, count_element, &n, NULL), 0);
	return n;
}

static void done(struct vnep_acl *acl)
{
	CHECK_INT(vnep_acl_clear(acl, NULL), 0);
	vnep_acl_close(acl);
}

TEST("ports to stand on: acc0 and acc1, up0, vnep-j0")
{
	static const char *const pairs[] = { "acc0", "up0", "vnep-j0" };
	struct vnep_nl *nl = NULL;
	bool made;

	CHECK_INT(vnep_nl_open(&nl, 0 /* NETLINK_ROUTE */, NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(vnep_rtnl_journal_port(nl, pairs[i], &made, NULL), 0);
	vnep_nl_close(nl);
}

TEST("apply twice: the second changes nothing, and verify finds nothing")
{
	struct vnep_acl *acl = open_with(20);

	CHECK(apply(acl) > 100);
	CHECK_INT(apply(acl), 0);
	CHECK_INT(differences(acl), 0);
	CHECK_INT(bindings(acl), 20);
	done(acl);
}

TEST("another process that wants the same, in another order, finds no difference")
{
	struct vnep_acl *acl = open_with(9), *other = NULL;
	struct vnep_vpc b = vpc("beta", "2001:db8:e::/64"), a = vpc("acme", "2001:db8:b::/64");

	CHECK_INT(vnep_acl_want_vpc(acl, &b, NULL), 0);
	apply(acl);
	CHECK_INT(vnep_acl_open(&other, &config, false, NULL), 0);
	CHECK_INT(vnep_acl_want_vpc(other, &b, NULL), 0);
	for (unsigned n = 9; n; n--) {
		struct vnep_device d = device(n);

		CHECK_INT(vnep_acl_want_device(other, &d, NULL, NULL), 0);
	}
	CHECK_INT(vnep_acl_want_vpc(other, &a, NULL), 0); /* named before it was said */
	CHECK_INT(differences(other), 0);
	vnep_acl_close(other);
	done(acl);
}

TEST("device_set in a running process leaves what a new apply would make")
{
	struct vnep_acl *acl = open_with(3);
	struct vnep_device d = device(7);
	struct vnep_binding b = binding(&d, "acc1");

	apply(acl);
	CHECK_INT(vnep_acl_device_set(acl, &d, &b, NULL), 0); /* a new one */
	CHECK_INT(bindings(acl), 4);
	CHECK_INT(differences(acl), 0);
	snprintf(b.port, sizeof b.port, "acc0");
	b.addr[1] = b.addr[0];
	b.addr[1].s6_addr[14] = 1;
	b.addr_count = 2;
	CHECK_INT(vnep_acl_device_set(acl, &d, &b, NULL), 0); /* another port, a second address */
	CHECK_INT(bindings(acl), 5);
	CHECK_INT(differences(acl), 0);
	d.t3324_s = 77;
	CHECK_INT(vnep_acl_device_set(acl, &d, &b, NULL), 0); /* a class that was not there */
	CHECK_INT(differences(acl), 0);
	CHECK_INT(vnep_acl_device_set(acl, &d, NULL, NULL), 0); /* preloaded now */
	CHECK_INT(differences(acl), 0);
	CHECK_INT(vnep_acl_device_unset(acl, &d.vep, NULL), 0);
	CHECK_INT(vnep_acl_device_unset(acl, &d.vep, NULL), 0);
	CHECK_INT(bindings(acl), 3);
	CHECK_INT(differences(acl), 0);
	done(acl);
}

TEST("a binding at a port of another edge makes an endpoint, no binding")
{
	struct vnep_acl *acl = open_with(1);
	struct vnep_device d = device(8);
	struct vnep_binding b = binding(&d, "acc7");

	apply(acl);
	CHECK_INT(vnep_acl_device_set(acl, &d, &b, NULL), 0);
	CHECK_INT(bindings(acl), 1);
	CHECK_INT(differences(acl), 0);
	done(acl);
}

TEST("a device without a port may use every access port")
{
	struct vnep_acl *acl = open_with(0);
	struct vnep_device d = device(5);

	d.port[0] = 0;
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, NULL), 0);
	apply(acl);
	CHECK_INT(bindings(acl), 2);
	done(acl);
}

TEST("presence: timed and always, added twice, removed twice, asked")
{
	struct vnep_acl *acl = open_with(1);
	struct vnep_device d = device(1);
	uint32_t seconds = 1;
	uint64_t left = 1;
	bool always = true;

	apply(acl);
	CHECK_INT(vnep_acl_awake_get(acl, &d.vep, &left, NULL), 0);
	CHECK_INT(left, 0);
	CHECK_INT(vnep_acl_awake_remove(acl, &d.vep, NULL), 0);
	CHECK_INT(vnep_acl_awake_add(acl, &d.vep, 30000, NULL), 0);
	CHECK_INT(
		vnep_acl_awake_add(acl, &d.vep, 10000, NULL), 0); /* shorter: it counts from now */
	CHECK_INT(vnep_acl_awake_get(acl, &d.vep, &left, NULL), 0);
	CHECK(left > 9000 && left <= 10000);
	CHECK_INT(vnep_acl_awake_add(acl, &d.vep, 0, NULL), 0);
	CHECK_INT(vnep_acl_awake_add(acl, &d.vep, 0, NULL), 0);
	CHECK_INT(vnep_acl_awake_get(acl, &d.vep, &left, NULL), 0);
	CHECK(left == UINT64_MAX);
	CHECK_INT(apply(acl), 0); /* presence is no difference */
	CHECK_INT(vnep_acl_awake_remove(acl, &d.vep, NULL), 0);
	CHECK_INT(vnep_acl_awake_remove(acl, &d.vep, NULL), 0);
	CHECK_INT(vnep_acl_t3324_get(acl, &d.vep, &always, &seconds, NULL), 0);
	CHECK(!always && seconds == 10);
	done(acl);
}

TEST("counters belong to one making of the table: the generation tells")
{
	struct vnep_acl *acl = open_with(1);
	struct vnep_acl_counters a = { 0 }, b = { 0 };

	CHECK_INT(vnep_acl_counters(acl, &a, NULL), VNEP_ENOTFOUND);
	apply(acl);
	CHECK_INT(vnep_acl_counters(acl, &a, NULL), 0);
	CHECK_INT(vnep_acl_clear(acl, NULL), 0);
	apply(acl);
	CHECK_INT(vnep_acl_counters(acl, &b, NULL), 0);
	CHECK(a.generation != b.generation);
	done(acl);
}

TEST("the configuration is found again in the table")
{
	struct vnep_acl *acl = open_with(1);
	struct vnep_acl_config found;

	CHECK_INT(vnep_acl_config_read(&found, NULL), VNEP_ENOTFOUND);
	apply(acl);
	CHECK_INT(vnep_acl_config_read(&found, NULL), 0);
	CHECK_INT(found.access_count, 2);
	CHECK_STR(found.access[0], "acc0");
	CHECK_STR(found.access[1], "acc1");
	CHECK_STR(found.core, "up0");
	CHECK_STR(found.journal_port, "vnep-j0");
	CHECK_INT(found.set_size, 4096);
	done(acl);
}

TEST("a full set is refused whole, and the error names it")
{
	struct vnep_acl_config small = config;
	struct vnep_vpc v = vpc("acme", "2001:db8:b::/64");
	struct vnep_err err = { 0 };
	struct vnep_acl *acl = NULL;

	small.set_size = 4;
	CHECK_INT(vnep_acl_open(&acl, &small, false, NULL), 0);
	CHECK_INT(vnep_acl_want_vpc(acl, &v, NULL), 0);
	for (unsigned n = 1; n <= 5; n++) {
		struct vnep_device d = device(n);

		CHECK_INT(vnep_acl_want_device(acl, &d, NULL, NULL), 0);
	}
	CHECK_INT(vnep_acl_apply(acl, NULL, &err), VNEP_EVALUE);
	CHECK(strstr(err.text, "would hold 5 elements, and may hold 4") != NULL);
	CHECK(strstr(err.hint, "--set-size") != NULL);
	CHECK_INT(vnep_acl_present(acl, NULL), VNEP_ENOTFOUND);
	vnep_acl_close(acl);
}

TEST("an element that the kernel refuses is named by its key: the device")
{
	struct vnep_acl_config small = config;
	struct vnep_vpc v = vpc("acme", "2001:db8:b::/64");
	struct vnep_err err = { 0 };
	struct vnep_acl *acl = NULL;
	char vep[VNEP_IP6_LEN];

	small.set_size = 4;
	CHECK_INT(vnep_acl_open(&acl, &small, false, NULL), 0);
	CHECK_INT(vnep_acl_want_vpc(acl, &v, NULL), 0);
	CHECK_INT(vnep_acl_apply(acl, NULL, &err), 0);
	for (unsigned n = 1; n <= 5; n++) {
		struct vnep_device d = device(n);

		vnep_ip6_print(&d.vep, vep);
		CHECK_INT(vnep_acl_device_set(acl, &d, NULL, &err), n < 5 ? 0 : VNEP_EKERNEL);
	}
	CHECK(strstr(err.text, "the kernel refused element ") != NULL);
	CHECK(strstr(err.text, vep) != NULL);
	CHECK(strstr(err.hint, "set is full") != NULL);
	CHECK_INT(vnep_acl_clear(acl, NULL), 0);
	vnep_acl_close(acl);
}

TEST("a set of another size is a conflict that says what to do")
{
	struct vnep_acl *acl = open_with(1), *other = NULL;
	struct vnep_acl_config larger = config;
	struct vnep_vpc v = vpc("acme", "2001:db8:b::/64");
	struct vnep_err err = { 0 };

	larger.set_size = 8192;
	apply(acl);
	CHECK_INT(vnep_acl_open(&other, &larger, false, NULL), 0);
	CHECK_INT(vnep_acl_want_vpc(other, &v, NULL), 0);
	CHECK_INT(vnep_acl_apply(other, NULL, &err), VNEP_ECONFLICT);
	CHECK(strstr(err.hint, "vnep-acl clear") != NULL);
	vnep_acl_close(other);
	CHECK_INT(differences(acl), 0);
	done(acl);
}

TEST("what this edge cannot serve is refused by name")
{
	struct vnep_acl *acl = open_with(0);
	struct vnep_device d = device(1);
	struct vnep_vpc v = vpc("tagged", "2001:db8:f::/64");
	struct vnep_err err = { 0 };

	d.vlan = 101;
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, &err), VNEP_EVALUE);
	CHECK(strstr(err.text, d.dev) && strstr(err.text, "has a vlan") &&
		strstr(err.text, "acme"));
	d.vlan = 0;
	d.form = VNEP_FORM_HOST;
	d.addr_count = 0;
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, &err), VNEP_EVALUE);
	d.form = VNEP_FORM_EDGE;
	d.addr_count = 1;
	d.vpc[0] = 0;
	d.vep.s6_addr[0] = 0x30;
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, &err), VNEP_EVALUE);
	snprintf(v.core_port, sizeof v.core_port, "up1");
	CHECK_INT(vnep_acl_want_vpc(acl, &v, &err), VNEP_EVALUE);
	d = device(2);
	snprintf(d.vpc, sizeof d.vpc, "nobody");
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, &err), 0);
	CHECK_INT(vnep_acl_apply(acl, NULL, &err), VNEP_EVALUE);
	CHECK(strstr(err.text, "\"nobody\"") && strstr(err.text, d.dev));
	vnep_acl_close(acl);
}

TEST("two devices that want the same binding are an error, not a guess")
{
	struct vnep_acl *acl = open_with(1);
	struct vnep_device d = device(2);
	struct vnep_err err = { 0 };

	d.mac.octet[5] = 1;
	CHECK(!vnep_ip6_parse("2001:db8:a::1", &d.addr[0], NULL));
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, NULL), 0);
	CHECK_INT(vnep_acl_apply(acl, NULL, &err), VNEP_EVALUE);
	CHECK(strstr(err.text, "2001:db8:b::1") && strstr(err.text, "2001:db8:b::2"));
	vnep_acl_close(acl);
}

TEST("a port that is not there is named, and nothing is made")
{
	struct vnep_acl_config wrong = config;
	struct vnep_err err = { 0 };
	struct vnep_acl *acl = NULL;

	snprintf(wrong.access[1], sizeof wrong.access[1], "acc9");
	CHECK_INT(vnep_acl_open(&acl, &wrong, false, NULL), 0);
	CHECK_INT(vnep_acl_apply(acl, NULL, &err), VNEP_ENOTFOUND);
	CHECK(strstr(err.text, "\"acc9\"") != NULL);
	CHECK_INT(vnep_acl_present(acl, NULL), VNEP_ENOTFOUND);
	vnep_acl_close(acl);
}

static struct vnep_acl *open_tagged(void)
{
	struct vnep_vpc v = vpc("acme", "2001:db8:b::/64");
	struct vnep_acl *acl = NULL;

	v.core_vlan = 900;
	CHECK_INT(vnep_acl_open(&acl, &config, false, NULL), 0);
	CHECK_INT(vnep_acl_want_vpc(acl, &v, NULL), 0);
	return acl;
}

TEST("two devices share a MAC in two VLANs: it stays known until both are gone")
{
	struct vnep_acl *acl = open_tagged();
	struct vnep_device a = device(1), b = device(2);

	a.vlan = 101;
	b.vlan = 102;
	b.mac = a.mac;
	b.addr[0] = a.addr[0];
	apply(acl);
	CHECK_INT(vnep_acl_device_set(acl, &a, NULL, NULL), 0);
	CHECK_INT(vnep_acl_device_set(acl, &b, NULL, NULL), 0);
	CHECK_INT(bindings(acl), 2);
	CHECK_INT(differences(acl), 0);
	CHECK_INT(vnep_acl_device_unset(acl, &a.vep, NULL), 0);
	CHECK_INT(bindings(acl), 1);
	CHECK_INT(differences(acl), 0);
	CHECK_INT(vnep_acl_device_set(acl, &a, NULL, NULL), 0);
	CHECK_INT(vnep_acl_device_unset(acl, &b.vep, NULL), 0);
	CHECK_INT(differences(acl), 0);
	CHECK_INT(vnep_acl_device_unset(acl, &a.vep, NULL), 0);
	CHECK_INT(bindings(acl), 0);
	CHECK_INT(differences(acl), 0);
	done(acl);
}

TEST("a VPC does not become tagged under its untagged devices, nor the other way round")
{
	struct vnep_acl *acl = open_with(1);
	struct vnep_vpc v = vpc("acme", "2001:db8:b::/64");
	struct vnep_err err = { 0 };
	struct vnep_device d;

	v.core_vlan = 900;
	CHECK_INT(vnep_acl_want_vpc(acl, &v, &err), VNEP_EVALUE);
	CHECK(strstr(err.text, device(1).dev) && strstr(err.text, "core_vlan 900"));
	vnep_acl_close(acl);
	acl = open_tagged();
	d = device(1);
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, &err), VNEP_EVALUE);
	d.vlan = 101;
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, &err), 0);
	v.core_vlan = 0;
	CHECK_INT(vnep_acl_want_vpc(acl, &v, &err), VNEP_EVALUE);
	vnep_acl_close(acl);
}

TEST("form host comes and goes, and a first one changes the rules")
{
	struct vnep_acl *acl = open_with(1);
	struct vnep_device d = device(2);

	d.form = VNEP_FORM_HOST;
	apply(acl);
	CHECK_INT(vnep_acl_device_set(acl, &d, NULL, NULL), 0);
	CHECK_INT(bindings(acl), 2);
	CHECK_INT(differences(acl), 0);
	CHECK_INT(vnep_acl_device_unset(acl, &d.vep, NULL), 0);
	CHECK_INT(bindings(acl), 1);
	CHECK_INT(differences(acl), 0);
	done(acl);
}

static int count_key(const struct in6_addr *key, void *arg)
{
	(void)key;
	++*(int *)arg;
	return 0;
}

TEST("resolved hosts: added twice, removed twice, untouched by apply; the configuration says "
     "resolve")
{
	struct vnep_acl_config resolving = config, back;
	struct vnep_vpc v = vpc("acme", "2001:db8:b::/64");
	struct in6_addr host, key;
	struct vnep_acl *acl = NULL;
	int n = 0;

	resolving.resolve = true;
	CHECK_INT(vnep_acl_open(&acl, &resolving, false, NULL), 0);
	CHECK_INT(vnep_acl_want_vpc(acl, &v, NULL), 0);
	apply(acl);
	CHECK(!vnep_ip6_parse("2001:db8:b::2", &host, NULL));
	vnep_acl_host_key(&host, 900, &key);
	CHECK(vnep_ip6_equal(&host, &key));
	CHECK_INT(vnep_acl_reachable_add(acl, &key, NULL), 0);
	CHECK_INT(vnep_acl_reachable_add(acl, &key, NULL), 0);
	apply(acl);
	CHECK_INT(differences(acl), 0);
	CHECK_INT(vnep_acl_reachable_each(acl, count_key, &n, NULL), 0);
	CHECK_INT(n, 1);
	CHECK_INT(vnep_acl_config_read(&back, NULL), 0);
	CHECK(back.resolve);
	CHECK_INT(vnep_acl_reachable_remove(acl, &key, NULL), 0);
	CHECK_INT(vnep_acl_reachable_remove(acl, &key, NULL), 0);
	done(acl);
}

TEST("the key of a link-local next hop has its VLAN in it, and without one is itself")
{
	struct in6_addr addr, key, want;

	CHECK(!vnep_ip6_parse("fe80::1", &addr, NULL));
	CHECK(!vnep_ip6_parse("fe80:384::1", &want, NULL));
	vnep_acl_host_key(&addr, 900, &key);
	CHECK(vnep_ip6_equal(&key, &want));
	vnep_acl_host_key(&addr, 0, &key);
	CHECK(vnep_ip6_equal(&key, &addr));
}

TEST("a port that becomes narrower gets rules of its own, and loses them again")
{
	struct vnep_acl *acl = open_with(1);

	apply(acl);
	CHECK_INT(system("ip link set acc0 mtu 1280"), 0);
	CHECK(differences(acl) > 0);
	CHECK_INT(vnep_acl_ports_changed(acl, NULL), 0);
	CHECK_INT(differences(acl), 0);
	CHECK_INT(system("ip link set acc0 mtu 1500"), 0);
	CHECK_INT(vnep_acl_ports_changed(acl, NULL), 0);
	apply(acl);
	CHECK_INT(differences(acl), 0);
	done(acl);
}

TEST("render needs no kernel, and every element is in it")
{
	struct vnep_vpc v = vpc("acme", "2001:db8:b::/64");
	struct vnep_device d = device(3);
	struct vnep_acl *acl = NULL;
	struct vnep_buf out;

	vnep_buf_init(&out);
	CHECK_INT(vnep_acl_open(&acl, &config, true, NULL), 0);
	CHECK_INT(vnep_acl_want_vpc(acl, &v, NULL), 0);
	CHECK_INT(vnep_acl_want_device(acl, &d, NULL, NULL), 0);
	CHECK_INT(vnep_acl_render(acl, false, append, &out, NULL), 0);
	CHECK(strstr(vnep_buf_str(&out),
		      "\"acc0\" . 00:00:5e:00:53:03 . 2001:db8:a::3 : 2001:db8:b::3") != NULL);
	CHECK(strstr(vnep_buf_str(&out), "2001:db8:b::3 : goto class_10s_tap_all_acme") != NULL);
	CHECK_INT(vnep_acl_plan(acl, append, &out, NULL), VNEP_EUSAGE);
	vnep_acl_close(acl);
	vnep_buf_release(&out);
}

int main(void)
{
	return netns_run();
}
