/*
 * aclbench - what the kernel's rules cost a running process: tests/bench/acl asks.
 *
 *   aclbench limit COUNT        the ceiling: elements a second that the kernel takes over netlink, when nothing but that
 *                               is done: those of COUNT devices, set by set as apply loads them, in messages of 600
 *                               elements, in batches as large as the socket takes; prints that of the clock, and that of
 *                               processor time
 *   aclbench change COUNT N     COUNT devices at acc0 and up0, then N changes of each kind, one at a time: prints
 *                               "KIND MEDIAN_US 99%_US"; bare: what the kernel takes for an address when nothing else is
 *                               done, each in turn with one of the kind address
 *
 *   aclbench follow             each record of standard input is committed to the map of $VNEP_STATE, and a line with a
 *                               sync awaited from descriptor 3, where `vnep-acl apply --map --follow` writes: prints how
 *                               long from the commit, "MEDIAN_US 99%_US"
 *
 * In a network namespace of one's own.
 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "vnep/acl.h"
#include "vnep/clock.h"
#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/nft.h"
#include "vnep/num.h"
#include "vnep/recjson.h"

static _Noreturn void die(const char *what, const struct vnep_err *err)
{
	fprintf(stderr, "aclbench: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
	exit(3);
}

/* ---- the ceiling ---- */

enum { PER_MESSAGE = 600, MESSAGE_OCTETS = 64 << 10, BATCH_OCTETS = 4 << 20 };

static struct nlmsghdr *message(void *at, int type, uint16_t flags)
{
	static uint32_t seq;
	struct nlmsghdr *head = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg;
	bool batch = type < 0;

	head->nlmsg_type = (uint16_t)(batch ? -type : NFNL_SUBSYS_NFTABLES << 8 | type);
	head->nlmsg_flags = NLM_F_REQUEST | flags;
	head->nlmsg_seq = ++seq;
	nfg = mnl_nlmsg_put_extra_header(head, sizeof *nfg);
	nfg->nfgen_family = batch ? AF_UNSPEC : NFPROTO_NETDEV;
	nfg->res_id = batch ? htons(NFNL_SUBSYS_NFTABLES) : 0;
	return head;
}

static char *past(struct nlmsghdr *head)
{
	return (char *)head + NLMSG_ALIGN(head->nlmsg_len);
}

/* The elements that a device with a binding has in the kernel, set by set: octets of the key and of the data; iif and
 * MAC are before the address in the first. */
static const struct kind_of_set {
	const char *name;
	uint8_t key_len, data_len, number_at; /* where in the key the device's number stands */
	bool counter;
} kinds_of_sets[] = { { "from_binding", 28, 16, 24, true }, { "to_binding", 16, 16, 12, false },
	{ "to_port", 16, 6, 12, false }, { "class", 16, 6, 12, false },
	{ "endpoint", 16, 0, 12, false }, { "known", 6, 0, 2, false } };
enum { SETS = sizeof kinds_of_sets / sizeof *kinds_of_sets };

static void value(struct nlmsghdr *head, uint16_t type, const uint8_t *octets, uint8_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(head, type);

	mnl_attr_put(head, NFTA_DATA_VALUE, len, octets);
	mnl_attr_nest_end(head, nest);
}

static void element(struct nlmsghdr *head, const struct kind_of_set *set, uint32_t i)
{
	static const uint8_t pattern[28] = { 2, 0, 0x5e, [12] = 0x20, 1, 0xd, 0xb8, 0, 0xa };
	uint32_t be = htonl(i);
	uint8_t key[28], data[16] = { 0x20, 1, 0xd, 0xb8, 0, 0xb };
	struct nlattr *elem = mnl_attr_nest_start(head, NFTA_LIST_ELEM);

	memcpy(key, pattern, sizeof key);
	memcpy(key + set->number_at, &be, 4);
	if (set->data_len == sizeof data)
		memcpy(data + 12, &be, 4);
	value(head, NFTA_SET_ELEM_KEY, key, set->key_len);
	if (set->data_len)
		value(head, NFTA_SET_ELEM_DATA, data, set->data_len);
	mnl_attr_nest_end(head, elem);
}

static void ask(struct mnl_socket *nl, const char *batch, const char *end)
{
	char reply[8192];
	const struct nlmsghdr *head = (const void *)reply;
	const struct nlmsgerr *answer;

	if (mnl_socket_sendto(nl, batch, (size_t)(end - batch)) < 0 ||
		mnl_socket_recvfrom(nl, reply, sizeof reply) < (ssize_t)sizeof *head)
		die("netlink", NULL);
	answer = mnl_nlmsg_get_payload(head);
	if (head->nlmsg_type == NLMSG_ERROR && answer->error)
		die(strerror(-answer->error), NULL);
}

static void put_counter(struct nlmsghdr *head)
{
	struct nlattr *expr = mnl_attr_nest_start(head, NFTA_SET_EXPR), *data;

	mnl_attr_put_strz(head, NFTA_EXPR_NAME, "counter");
	data = mnl_attr_nest_start(head, NFTA_EXPR_DATA);
	mnl_attr_nest_end(head, data);
	mnl_attr_nest_end(head, expr);
}

static char *put_set(char *at, int id)
{
	const struct kind_of_set *set = &kinds_of_sets[id];
	struct nlmsghdr *head = message(at, NFT_MSG_NEWSET, NLM_F_CREATE);
	uint32_t flags = NFT_SET_TIMEOUT | (set->data_len ? NFT_SET_MAP : 0) |
			 (set->counter ? NFT_SET_EXPR : 0);
	struct nlattr *nest;

	mnl_attr_put_strz(head, NFTA_SET_TABLE, "limit");
	mnl_attr_put_strz(head, NFTA_SET_NAME, set->name);
	mnl_attr_put_u32(head, NFTA_SET_FLAGS, htonl(flags));
	mnl_attr_put_u32(head, NFTA_SET_KEY_TYPE, 0);
	mnl_attr_put_u32(head, NFTA_SET_KEY_LEN, htonl(set->key_len));
	if (set->data_len) {
		mnl_attr_put_u32(head, NFTA_SET_DATA_TYPE, htonl(1));
		mnl_attr_put_u32(head, NFTA_SET_DATA_LEN, htonl(set->data_len));
	}
	mnl_attr_put_u32(head, NFTA_SET_ID, htonl((uint32_t)id + 1));
	nest = mnl_attr_nest_start(head, NFTA_SET_DESC);
	mnl_attr_put_u32(head, NFTA_SET_DESC_SIZE, htonl(1 << 20));
	mnl_attr_nest_end(head, nest);
	if (set->counter)
		put_counter(head);
	return past(head);
}

static char *table_and_sets(char *at)
{
	struct nlmsghdr *head = message(at, NFT_MSG_NEWTABLE, NLM_F_CREATE);

	mnl_attr_put_strz(head, NFTA_TABLE_NAME, "limit");
	at = past(head);
	for (int id = 0; id < SETS; id++)
		at = put_set(at, id);
	return at;
}

static char *elements(char *at, const struct kind_of_set *set, uint32_t *i, uint32_t end)
{
	struct nlmsghdr *head = message(at, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	struct nlattr *list;

	mnl_attr_put_strz(head, NFTA_SET_ELEM_LIST_TABLE, "limit");
	mnl_attr_put_strz(head, NFTA_SET_ELEM_LIST_SET, set->name);
	list = mnl_attr_nest_start(head, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (int k = 0; k < PER_MESSAGE && *i < end; k++)
		element(head, set, (*i)++);
	mnl_attr_nest_end(head, list);
	return past(head);
}

static size_t batch_octets(struct mnl_socket *nl)
{
	int octets = 2 * BATCH_OCTETS;
	socklen_t len = sizeof octets;

	setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof octets);
	getsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_SNDBUF, &octets, &len);
	return (size_t)(octets / 2 < BATCH_OCTETS ? octets / 2 : BATCH_OCTETS);
}

static void print_rates(double elements, int64_t wall_ns)
{
	struct rusage use;
	double cpu_s;

	getrusage(RUSAGE_SELF, &use);
	cpu_s = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
	printf("%.0f %.0f\n", elements * 1e9 / (double)wall_ns, elements / cpu_s);
}

static void limit(uint32_t count)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	char *batch = malloc(BATCH_OCTETS);
	size_t octets;
	int64_t begin;

	if (!nl || !batch || mnl_socket_bind(nl, 0, 0) < 0)
		die("netlink", NULL);
	octets = batch_octets(nl);
	begin = vnep_mono_now().ns;
	for (int set = -1; set < SETS; set++) {
		for (uint32_t i = 0; i < count;) {
			char *at = past(message(batch, -(NFNL_MSG_BATCH_BEGIN), 0));

			if (set < 0) {
				at = table_and_sets(at);
				i = count;
			}
			while (i < count && (size_t)(at - batch) < octets - 2 * MESSAGE_OCTETS)
				at = elements(at, &kinds_of_sets[set], &i, count);
			at = past(message(at, -(NFNL_MSG_BATCH_END), NLM_F_ACK));
			ask(nl, batch, at);
		}
	}
	print_rates((double)count * SETS, vnep_mono_now().ns - begin);
	mnl_socket_close(nl);
	free(batch);
}

/* ---- one change ---- */

static void device_at(struct vnep_device *d, uint32_t i, uint16_t other, uint32_t t3324_s)
{
	struct in6_addr base = { { { 0x20, 0x01, 0x0d, 0xb8, 0, 0xb } } };
	uint32_t be = htonl(i);

	*d = (struct vnep_device){ .vep = base, .vpc = "acme", .port = "acc0", .addr_count = 1 };
	d->has_mac = d->has_psm = true;
	d->journal = VNEP_JOURNAL_BOTH;
	d->t3324_s = t3324_s;
	snprintf(d->dev, sizeof d->dev, "urn:dev:mac:0200%08x", i);
	d->mac.octet[0] = 2;
	memcpy(d->mac.octet + 2, &be, 4);
	memcpy(d->vep.s6_addr + 12, &be, 4);
	d->addr[0] = d->vep;
	d->addr[0].s6_addr[5] = 0xa;
	d->addr[0].s6_addr[7] = (uint8_t)other;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void print_times(const char *kind, int64_t *ns, unsigned n)
{
	qsort(ns, n, sizeof *ns, by_size);
	printf("%s %.1f %.1f\n", kind, (double)ns[n / 2] / 1e3, (double)ns[n - 1 - n / 100] / 1e3);
	fflush(stdout);
}

static char *bare_element(char *at, int type, const char *set, const uint8_t *key, uint8_t key_len,
	const struct in6_addr *data)
{
	struct nlmsghdr *head = message(at, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	struct nlattr *list, *elem;

	mnl_attr_put_strz(head, NFTA_SET_ELEM_LIST_TABLE, VNEP_NFT_TABLE);
	mnl_attr_put_strz(head, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(head, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = mnl_attr_nest_start(head, NFTA_LIST_ELEM);
	value(head, NFTA_SET_ELEM_KEY, key, key_len);
	if (data)
		value(head, NFTA_SET_ELEM_DATA, data->s6_addr, sizeof *data);
	mnl_attr_nest_end(head, elem);
	mnl_attr_nest_end(head, list);
	return past(head);
}

/* The key of from_binding: index of the port, MAC and two octets to its end, address. */
static void binding_key(const struct vnep_device *d, uint32_t ifindex, uint8_t key[static 28])
{
	memset(key, 0, 28);
	memcpy(key, &ifindex, 4);
	memcpy(key + 4, d->mac.octet, 6);
	memcpy(key + 12, &d->addr[0], 16);
}

/* What a change of the address is for the kernel: two elements deleted, two put, one batch. */
static int64_t bare(struct mnl_socket *nl, uint32_t i, uint32_t ifindex)
{
	static char batch[8192];
	int64_t begin = vnep_mono_now().ns;
	struct vnep_device was, is;
	uint8_t key[28];
	char *at;

	device_at(&was, i, 0, 10);
	device_at(&is, i, 1, 10);
	at = past(message(batch, -(NFNL_MSG_BATCH_BEGIN), 0));
	binding_key(&was, ifindex, key);
	at = bare_element(at, NFT_MSG_DELSETELEM, "from_binding", key, sizeof key, NULL);
	binding_key(&is, ifindex, key);
	at = bare_element(at, NFT_MSG_NEWSETELEM, "from_binding", key, sizeof key, &is.vep);
	at = bare_element(at, NFT_MSG_DELSETELEM, "to_binding", is.vep.s6_addr, 16, NULL);
	at = bare_element(at, NFT_MSG_NEWSETELEM, "to_binding", is.vep.s6_addr, 16, &is.addr[0]);
	at = past(message(at, -(NFNL_MSG_BATCH_END), NLM_F_ACK));
	ask(nl, batch, at);
	return vnep_mono_now().ns - begin;
}

enum kind { ADDRESS, BACK, CLASS, REMOVE, ADD, KINDS };

static void change(struct vnep_acl *acl, uint32_t count, unsigned n)
{
	static const char *const words[] = { "address", "back", "class", "remove", "add" };
	int64_t *ns = calloc(n, sizeof *ns), *bare_ns = calloc(n, sizeof *bare_ns);
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	uint32_t ifindex = if_nametoindex("acc0");
	struct vnep_err err = { 0 };

	if (!ns || !bare_ns || !nl || mnl_socket_bind(nl, 0, 0) < 0)
		die("change", NULL);
	for (int kind = 0; kind < KINDS; kind++) {
		for (unsigned k = 0; k < n; k++) {
			uint32_t i = (uint32_t)((uint64_t)count * k / n);
			struct vnep_device d;
			int rc;

			if (kind ==
				ADDRESS) /* of a device half-way to the next one that is changed */
				bare_ns[k] = bare(nl, i + count / n / 2, ifindex);
			device_at(&d, i, kind != ADD && kind != BACK, kind == CLASS ? 20 : 10);
			ns[k] = vnep_mono_now().ns;
			rc = kind == REMOVE ? vnep_acl_device_unset(acl, &d.vep, &err)
					    : vnep_acl_device_set(acl, &d, NULL, &err);
			ns[k] = vnep_mono_now().ns - ns[k];
			if (rc)
				die("change", &err);
		}
		if (kind == ADDRESS)
			print_times("bare", bare_ns, n);
		print_times(words[kind], ns, n);
	}
	mnl_socket_close(nl);
	free(bare_ns);
	free(ns);
}

static void load_and_change(uint32_t count, unsigned n)
{
	struct vnep_acl_config config = { .access = { "acc0" },
		.access_count = 1,
		.core = "up0",
		.journal_port = "vnep-j0",
		.set_size = count + count / 4 + 1024 };
	struct vnep_vpc vpc = { .vpc = "acme", .prefix = { .len = 48 } };
	struct vnep_acl *acl = NULL;
	struct vnep_err err = { 0 };
	struct vnep_device d;
	uint64_t changes;
	int rc = vnep_acl_open(&acl, &config, false, &err);

	device_at(&d, 0, 0, 10);
	vpc.prefix.addr = d.vep;
	if (!rc)
		rc = vnep_acl_want_vpc(acl, &vpc, &err);
	for (uint32_t i = 0; !rc && i < count; i++) {
		device_at(&d, i, 0, i ? 10 : 20);
		rc = vnep_acl_want_device(acl, &d, NULL, &err);
	}
	if (!rc)
		rc = vnep_acl_apply(acl, &changes, &err);
	if (rc)
		die("load", &err);
	change(acl, count, n);
	vnep_acl_close(acl);
}

/* ---- from the map to the kernel ---- */

static int64_t commit(struct vnep_mapstore *store, const char *text, size_t len)
{
	const struct vnep_map_put how = { .origin = "" };
	struct vnep_map_txn *txn = NULL;
	struct vnep_json *json = NULL;
	struct vnep_err err = { 0 };
	bool changed;
	int rc = vnep_json_parse(text, len, &json, &err);

	if (!rc)
		rc = vnep_recjson_check(json, text, len, &err);
	if (!rc)
		rc = vnep_map_begin(store, true, &txn, &err);
	if (!rc)
		rc = vnep_map_put(txn, json, &how, &changed, &err);
	if (!rc)
		rc = vnep_map_commit(txn, &err);
	if (rc || !changed)
		die("map", &err);
	vnep_json_free(json);
	return vnep_mono_now().ns;
}

enum { COMMITS_MAX = 10000 };

static void follow(void)
{
	const char *state = getenv("VNEP_STATE");
	FILE *said = fdopen(3, "r");
	int64_t *ns = calloc(COMMITS_MAX, sizeof *ns), begin;
	char *line = NULL, *answer = NULL;
	size_t cap = 0, answer_cap = 0;
	struct vnep_mapstore *store = NULL;
	struct vnep_err err = { 0 };
	unsigned n = 0;
	ssize_t len;

	if (!state || !said || !ns || vnep_mapstore_open(&store, state, true, &err))
		die("follow", &err);
	while (n < COMMITS_MAX && (len = getline(&line, &cap, stdin)) > 0) {
		begin = commit(store, line, (size_t)len - 1);
		do
			if (getline(&answer, &answer_cap, said) < 0)
				die("the one who follows ended", NULL);
		while (!strstr(answer, "\"sync\""));
		ns[n++] = vnep_mono_now().ns - begin;
	}
	if (n)
		print_times("follow", ns, n);
	vnep_mapstore_close(store);
	fclose(said);
	free(answer);
	free(line);
	free(ns);
}

int main(int argc, char **argv)
{
	uint64_t count = 0, n = 0;

	if (argc == 2 && !strcmp(argv[1], "follow")) {
		follow();
		return 0;
	}
	if (argc < 3 || vnep_num_u64(argv[2], 1, 1 << 24, &count, NULL) ||
		(argc > 3 && vnep_num_u64(argv[3], 1, 1 << 20, &n, NULL)))
		die("limit COUNT | change COUNT N | follow", NULL);
	if (!strcmp(argv[1], "limit"))
		limit((uint32_t)count);
	else
		load_and_change((uint32_t)count, n ? (unsigned)n : 100);
	return 0;
}
