/* Unit tests of dnsplan: what is changed, what is left alone, under which prerequisites. */
#include "t.h"
#include "vnep/addr.h"
#include "vnep/buf.h"
#include "vnep/dnsplan.h"
#include "vnep/err.h"

struct fixture {
	struct vnep_dnsset want, have;
	struct vnep_dnsplan plan;
	struct vnep_buf text;
};

static void add(struct vnep_dnsset *set, const char *name, const char *addr, uint32_t ttl)
{
	struct in6_addr a;

	CHECK_INT(vnep_ip6_parse(addr, &a, NULL), 0);
	CHECK_INT(vnep_dnsset_add_aaaa(set, name, ttl, &a), 0);
}

/* The records of ours that a server has, with their receipts. */
static void published(struct fixture *f, const char *name, const char *addr, const char *owner)
{
	struct vnep_dnsset set = { 0 };

	add(&set, name, addr, 300);
	CHECK_INT(vnep_dnsplan_receipts(&set, owner), 0);
	for (size_t i = 0; i < set.count; i++)
		CHECK_INT(vnep_dnsset_add(&f->have, name, set.rr[i]->type, set.rr[i]->ttl,
				  set.rr[i]->data, set.rr[i]->len),
			0);
	vnep_dnsset_release(&set);
}

static void plan(struct fixture *f)
{
	vnep_dnsset_sort(&f->want);
	CHECK_INT(vnep_dnsplan_receipts(&f->want, "me"), 0);
	vnep_dnsset_sort(&f->want);
	vnep_dnsset_sort(&f->have);
	CHECK_INT(vnep_dnsplan_make(&f->plan, &f->want, &f->have, "me"), 0);
	for (size_t i = 0; i < f->plan.count; i++)
		vnep_dnschange_put(&f->text, &f->plan, &f->plan.change[i]);
}

static void release(struct fixture *f)
{
	vnep_dnsplan_release(&f->plan);
	vnep_dnsset_release(&f->want);
	vnep_dnsset_release(&f->have);
	vnep_buf_release(&f->text);
}

#define MINE "\"v=vnep1 owner=me\" "

TEST("dnsplan: a name that nobody uses is taken, if it still is unused then")
{
	struct fixture f = { 0 };

	add(&f.want, "a.x.", "2001:db8::1", 300);
	plan(&f);
	CHECK_STR(vnep_buf_str(&f.text), "prereq nxdomain a.x.\n"
					 "update add a.x. 300 TXT " MINE "\"2001:db8::1\"\n"
					 "update add a.x. 300 AAAA 2001:db8::1\n");
	CHECK_INT(f.plan.change[0].what, VNEP_DNS_ADD);
	release(&f);
}

TEST("dnsplan: what is as wanted is not touched")
{
	struct fixture f = { 0 };

	add(&f.want, "a.x.", "2001:db8::1", 300);
	published(&f, "a.x.", "2001:db8::1", "me");
	plan(&f);
	CHECK_INT(f.plan.count, 0);
	CHECK_INT(f.plan.steps, 0);
	CHECK_INT(f.plan.same, 1);
	release(&f);
}

TEST("dnsplan: a name with records and no receipt of ours is left alone")
{
	struct fixture f = { 0 };

	add(&f.want, "a.x.", "2001:db8::1", 300);
	add(&f.want, "b.x.", "2001:db8::2", 300);
	add(&f.want, "c.x.", "2001:db8::3", 300);
	add(&f.have, "a.x.", "2001:db8::1", 300);
	published(&f, "b.x.", "2001:db8::2", "you");
	CHECK_INT(vnep_dnsset_add(&f.have, "c.x.", VNEP_DNS_TXT, 5, "\5hello", 6), 0);
	CHECK_INT(vnep_dnsset_add(&f.have, "c.x.", 99, 5, NULL, 0), 0);
	plan(&f);
	CHECK_INT(f.plan.count, 0);
	CHECK_INT(f.plan.left_count, 3);
	CHECK_STR(f.plan.left[0].why, "has records of somebody else (AAAA)");
	CHECK_STR(f.plan.left[1].why, "belongs to vnep owner \"you\"");
	CHECK_STR(f.plan.left[2].why, "has records of somebody else (TXT, TYPE99)");
	release(&f);
}

TEST("dnsplan: another address replaces ours, and leaves what others put beside it")
{
	struct fixture f = { 0 };

	add(&f.want, "a.x.", "2001:db8::2", 300);
	published(&f, "a.x.", "2001:db8::1", "me");
	add(&f.have, "a.x.", "2001:db8::9", 300);
	CHECK_INT(vnep_dnsset_add(&f.have, "a.x.", VNEP_DNS_TXT, 300, "\5hello", 6), 0);
	plan(&f);
	CHECK_STR(vnep_buf_str(&f.text), "prereq yxrrset a.x. TXT \"hello\"\n"
					 "prereq yxrrset a.x. TXT " MINE "\"2001:db8::1\"\n"
					 "update delete a.x. TXT " MINE "\"2001:db8::1\"\n"
					 "update delete a.x. AAAA 2001:db8::1\n"
					 "update add a.x. 300 TXT " MINE "\"2001:db8::2\"\n"
					 "update add a.x. 300 AAAA 2001:db8::2\n");
	CHECK_INT(f.plan.change[0].what, VNEP_DNS_CHANGE);
	release(&f);
}

TEST("dnsplan: a name that is not wanted any more loses what has our receipts, and nothing else")
{
	struct fixture f = { 0 };

	published(&f, "a.x.", "2001:db8::1", "me");
	add(&f.have, "a.x.", "2001:db8::9", 300);
	published(&f, "b.x.", "2001:db8::2", "you");
	add(&f.have, "c.x.", "2001:db8::3", 300);
	plan(&f);
	CHECK_STR(vnep_buf_str(&f.text), "prereq yxrrset a.x. TXT " MINE "\"2001:db8::1\"\n"
					 "update delete a.x. TXT " MINE "\"2001:db8::1\"\n"
					 "update delete a.x. AAAA 2001:db8::1\n");
	CHECK_INT(f.plan.change[0].what, VNEP_DNS_WITHDRAW);
	CHECK_INT(f.plan.left_count, 0);
	release(&f);
}

TEST("dnsplan: an owner whose word begins ours is somebody else")
{
	struct fixture f = { 0 };

	published(&f, "a.x.", "2001:db8::1", "m");
	published(&f, "b.x.", "2001:db8::1", "me2");
	plan(&f);
	CHECK_INT(f.plan.count, 0);
	CHECK(!vnep_dnsplan_is_ours(&f.have, "a.x.", "me"));
	CHECK(vnep_dnsplan_is_ours(&f.have, "b.x.", "me2"));
	release(&f);
}

TEST("dnsplan: another TTL deletes and adds again, and then is settled")
{
	struct fixture f = { 0 };

	add(&f.want, "a.x.", "2001:db8::1", 60);
	published(&f, "a.x.", "2001:db8::1", "me");
	plan(&f);
	CHECK_STR(vnep_buf_str(&f.text), "prereq yxrrset a.x. TXT " MINE "\"2001:db8::1\"\n"
					 "update delete a.x. TXT " MINE "\"2001:db8::1\"\n"
					 "update delete a.x. AAAA 2001:db8::1\n"
					 "update add a.x. 60 TXT " MINE "\"2001:db8::1\"\n"
					 "update add a.x. 60 AAAA 2001:db8::1\n");
	release(&f);
}

TEST("dnsplan: a receipt that lost its record, and a record that lost its receipt, are made whole")
{
	struct fixture f = { 0 };

	add(&f.want, "a.x.", "2001:db8::1", 300);
	add(&f.want, "a.x.", "2001:db8::2", 300);
	published(&f, "a.x.", "2001:db8::1", "me");
	vnep_dnsset_sort(&f.have);
	CHECK_INT(f.have.rr[1]->type, VNEP_DNS_AAAA);
	free(f.have.rr[1]);
	f.have.count = 1;
	add(&f.have, "a.x.", "2001:db8::2", 300);
	plan(&f);
	CHECK_STR(vnep_buf_str(&f.text), "prereq yxrrset a.x. TXT " MINE "\"2001:db8::1\"\n"
					 "update add a.x. 300 TXT " MINE "\"2001:db8::2\"\n"
					 "update add a.x. 300 AAAA 2001:db8::1\n");
	release(&f);
}

TEST("dnsplan: TXT records that are cut short or foreign are no receipts")
{
	struct fixture f = { 0 };

	CHECK_INT(vnep_dnsset_add(&f.have, "a.x.", VNEP_DNS_TXT, 5, "", 0), 0);
	CHECK_INT(vnep_dnsset_add(&f.have, "b.x.", VNEP_DNS_TXT, 5, "\x10v=vnep1 owner=m", 16), 0);
	CHECK_INT(vnep_dnsset_add(&f.have, "c.x.", VNEP_DNS_TXT, 5, "\x0ev=vnep1 owner=", 15), 0);
	plan(&f);
	CHECK_INT(f.plan.count, 0);
	release(&f);
}

int main(void)
{
	return t_run();
}
