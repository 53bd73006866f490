/*
 * oracle - does the kernel do with a frame what the model of the rules says it does?
 *
 *   oracle RECORDS NEIGHBOURS COUNT [SEED [resolve]]
 *
 * In a network namespace with the ports acc0, acc1, up0 of an edge and the far ends d0, d1, v0, and s0 with its far
 * end s1, which are nobody's. RECORDS are lines of the map, VPCs first. NEIGHBOURS are lines "PORT ADDRESS MAC [asleep]":
 * of a device its endpoint, which is awake unless it says otherwise, of the core side a host. They are the caller's
 * to write into the kernel, as is the table (`vnep-acl apply`); with "resolve" the oracle applies the rules itself, as a
 * worker does that resolves hosts.
 *
 * Every frame is run through the model, sent, and what comes out of any far end and of the journal port is
 * compared, octet by octet; every 256 frames the counters of the kernel are. A limit has a clock, so where the
 * model met one, either outcome is right. Frames: each field of allowed ones changed in turn, then COUNT in all, at random.
 *
 * The kernel handles a frame on the processor it was sent from, before the sending returns or, if it puts it off, in
 * order: two frames through s0 that arrive tell that nothing is under way.
 *
 * Exit: 0 they agree, 1 they do not (the first ten are shown), 2 asked wrongly, 3 something could not be done.
 * The worker's own evaluation of `allow` lists (policy.h) is compared with what the policy chains said, too.
 * Standard output: one line of figures, and which rules no frame matched.
 */
#include <sched.h>

#include "oracle-input.h"
#include "oracle-seeds.h"
#include "oracle-wire.h"
#include "vnep/num.h"
#include "vnep/policy.h"

static uint64_t listens_ms(const struct oracle *o, const struct in6_addr *vep)
{
	for (unsigned i = 0; i < o->devices; i++)
		if (vnep_ip6_equal(&o->device[i].vep, vep))
			return (uint64_t)o->device[i].t3324_s * 1000;
	return 0;
}

/* The live sets, in the kernel and in the model. */
static void set_state(struct oracle *o, bool resolve)
{
	struct vnep_err err = { 0 };

	vnep_explain_nobody(o->explain);
	for (unsigned i = 0; i < o->neighbours; i++) {
		const struct neighbour *n = &o->neighbour[i];

		if (n->asleep)
			continue;
		if (!is_core(n)) {
			must(vnep_acl_awake_add(o->acl, &n->addr, listens_ms(o, &n->addr), &err),
				&err);
			must(vnep_explain_awake(o->explain, &n->addr, &err), &err);
		} else if (resolve) {
			must(vnep_acl_reachable_add(o->acl, &n->addr, &err), &err);
			must(vnep_explain_reachable(o->explain, &n->addr, &err), &err);
		}
	}
}

static const struct neighbour *who_has(
	const struct oracle *o, const char *port, const struct in6_addr *addr)
{
	for (unsigned i = 0; i < o->neighbours; i++)
		if (!strcmp(o->neighbour[i].port, port) &&
			vnep_ip6_equal(&o->neighbour[i].addr, addr))
			return &o->neighbour[i];
	return NULL;
}

static unsigned ear_of(const char *port)
{
	for (unsigned i = 0; i < EARS; i++)
		if (!strcmp(beyond[i], port))
			return i;
	return EARS;
}

static bool was_heard(struct oracle *o, bool *taken, const char *port, const uint8_t *data,
	size_t len, const struct neighbour *n)
{
	unsigned ear = ear_of(port);

	for (unsigned i = 0; i < o->heard_count; i++) {
		const struct heard *h = &o->heard[i];

		if (taken[i] || h->ear != ear || h->len != len ||
			memcmp(h->data + 12, data + 12, len - 12))
			continue;
		if (n ? memcmp(h->data, n->mac.octet, 6) ||
					memcmp(h->data + 6, o->port_mac[ear].octet, 6)
		      : memcmp(h->data, data, 12) != 0)
			continue;
		taken[i] = true;
		return true;
	}
	return false;
}

/* Is what was heard what the verdict says? */
static bool agrees(struct oracle *o, const struct vnep_verdict *v)
{
	bool taken[HEARD] = { false }, all = true;
	const struct neighbour *n;

	for (unsigned i = 0; i < v->copy_count; i++)
		all = all && was_heard(o, taken, v->copies[i].sent.port,
				     vnep_verdict_frame(v, &v->copies[i].sent),
				     v->copies[i].sent.len, NULL);
	if (v->end == VNEP_END_PORT)
		all = all && was_heard(o, taken, v->sent.port, vnep_verdict_frame(v, &v->sent),
				     v->sent.len, NULL);
	if (v->end == VNEP_END_NEIGHBOUR) {
		n = who_has(o, v->sent.port, &v->neighbour);
		if (n) /* or nobody answers, and the kernel keeps it */
			all = all && was_heard(o, taken, v->sent.port,
					     vnep_verdict_frame(v, &v->sent), v->sent.len, n);
	}
	for (unsigned i = 0; i < o->heard_count; i++)
		all = all && taken[i];
	return all;
}

static struct counter *counter_get(struct oracle *o, const char *name)
{
	for (unsigned i = 0; i < o->counters; i++)
		if (!strcmp(o->counter[i].name, name))
			return &o->counter[i];
	if (o->counters == COUNTERS) {
		fprintf(stderr, "oracle: too many counters\n");
		exit(3);
	}
	snprintf(o->counter[o->counters].name, sizeof o->counter->name, "%s", name);
	return &o->counter[o->counters++];
}

static void account(struct oracle *o)
{
	const struct vnep_verdict *v = &o->v;

	for (unsigned i = 0; i < v->counter_count; i++)
		counter_get(o, v->counters[i])->model++;
	o->ends[v->end]++;
}

static void print_hex(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
	printf("\n");
}

static void complain(struct oracle *o, const struct seed *s)
{
	const struct vnep_verdict *v = &o->v;

	o->wrong++;
	if (o->wrong > SHOWN)
		return;
	printf("frame at %s: ", ports[s->port]);
	print_hex(s->data, s->len);
	printf("  model: end %d, chain %s, rule \"%s\", counter %s, %u copies, sent: ", v->end,
		v->chain ? v->chain->name : "-", v->rule ? v->rule->comment : "-",
		v->counter ? v->counter : "-", v->copy_count);
	print_hex(vnep_verdict_frame(v, &v->sent), v->sent.len);
	for (unsigned i = 0; i < o->heard_count; i++) {
		printf("  kernel: %s: ", ends[o->heard[i].ear]);
		print_hex(o->heard[i].data, o->heard[i].len);
	}
}

static void ask_model(struct oracle *o, const struct seed *s, uint32_t limits)
{
	struct vnep_err err = { 0 };

	must(vnep_explain_frame(o->explain, ports[s->port], s->data, s->len, limits, &o->v, &err),
		&err);
}

/* With every choice of limits that are used up. */
static bool find_agreement(struct oracle *o, const struct seed *s)
{
	unsigned limits;

	ask_model(o, s, 0);
	limits = o->v.limit_count;
	if (agrees(o, &o->v))
		return true;
	settle(o);
	for (uint32_t mask = 0; mask < 1u << (limits + 1) && mask < 16; mask++) {
		ask_model(o, s, mask);
		if (agrees(o, &o->v))
			return true;
	}
	ask_model(o, s, 0);
	return false;
}

static int take_counter(const char *name, uint64_t packets, uint64_t octets, void *arg)
{
	(void)octets;
	counter_get(arg, name)->kernel = packets;
	return 0;
}

static void read_counters(struct oracle *o)
{
	struct vnep_err err = { 0 };

	must(vnep_acl_each_counter(o->acl, take_counter, o, &err), &err);
}

/* What each side counted since the last time. */
static void compare_counters(struct oracle *o)
{
	settle(o);
	if (o->heard_count) {
		printf("heard %u frames that nobody sent\n", o->heard_count);
		o->wrong++;
		o->heard_count = 0;
	}
	read_counters(o);
	for (unsigned i = 0; i < o->counters; i++) {
		const struct counter *c = &o->counter[i];
		uint64_t model = c->model - (i < o->before_count ? o->before[i].model : 0),
			 kernel = c->kernel - (i < o->before_count ? o->before[i].kernel : 0);

		if (model == kernel)
			continue;
		o->wrong++;
		printf("counter %s: model %llu, kernel %llu, in the %u frames until %llu\n",
			c->name, (unsigned long long)model, (unsigned long long)kernel, BATCH,
			(unsigned long long)o->frames);
	}
}

static const struct vnep_device *sender(const struct oracle *o)
{
	for (unsigned i = 0; o->v.has_from && i < o->devices; i++)
		if (vnep_ip6_equal(&o->device[i].vep, &o->v.from))
			return &o->device[i];
	return NULL;
}

/* The rule of a policy chain that matched; NULL: it came to none. */
static const char *policy_rule(const struct oracle *o)
{
	const struct vnep_ruleset *rs = vnep_explain_rules(o->explain);

	for (size_t c = 0; c < rs->chain_count; c++) {
		const struct vnep_rule *first = rs->rules + rs->chains[c].first,
				       *behind = first + rs->chains[c].count;

		if (strncmp(rs->chains[c].name, "policy_", 7))
			continue;
		for (unsigned i = 0; i < o->v.rule_count; i++)
			if (o->v.rules[i] >= first && o->v.rules[i] < behind)
				return o->v.rules[i]->comment;
	}
	return NULL;
}

/* What the worker says about the frames that it sends on itself must be what the rules say. */
static void compare_policy(struct oracle *o, const struct seed *s)
{
	const struct vnep_device *d = sender(o);
	const char *rule = policy_rule(o);
	enum vnep_reason reason;
	struct vnep_frame f;

	if (!d || !rule || d->form == VNEP_FORM_HOST || vnep_frame_parse(&f, s->data, s->len))
		return;
	for (unsigned i = 0; i < o->vpcs; i++) {
		if (!vnep_prefix_has(&o->prefix[i], &d->vep))
			continue;
		reason = vnep_policy_allows(d->allow, d->allow_count, &o->prefix[i], &f);
		o->policies++;
		if (strncmp(rule, "allowed", 7) ? strncmp(rule, vnep_reason_text(reason),
							  strlen(vnep_reason_text(reason)))
						: reason != VNEP_REASON_NONE) {
			printf("policy of %s: %s, the rules: %s\n", d->dev,
				vnep_reason_text(reason), rule);
			complain(o, s);
		}
		return; /* a VPC around its own comes behind it */
	}
}

static void try_frame(struct oracle *o, const struct seed *s)
{
	if (s->len < LINK || s->len > o->port_mtu[s->port] + LINK + 4)
		return; /* no link carries it */
	if (o->frames % BATCH == 0) {
		if (o->frames)
			compare_counters(o);
		memcpy(o->before, o->counter, sizeof o->before);
		o->before_count = o->counters;
	}
	o->frames++;
	speak(o->mouth[s->port], s->data, s->len);
	hear(o);
	if (!find_agreement(o, s))
		complain(o, s);
	account(o);
	compare_policy(o, s);
	for (unsigned i = 0; i < o->v.rule_count; i++)
		snprintf(o->matched[o->v.rules[i] - vnep_explain_rules(o->explain)->rules],
			sizeof *o->matched, "yes");
	o->heard_count = 0;
}

/* Is it let through, or does the worker or the journal get it? Then its fields are worth a change. */
static bool passes(struct oracle *o, const struct seed *s)
{
	ask_model(o, s, 0);
	return o->v.end == VNEP_END_NEIGHBOUR || o->v.end == VNEP_END_PORT;
}

static void try_field(struct oracle *o, const struct seed *s, unsigned field, unsigned each)
{
	unsigned all = field_ways(s, field, &o->pools), step = all > each ? all / each : 1;
	static struct seed changed;

	for (unsigned w = step > 1 ? random_number(step) : 0; w < all; w += step) {
		changed = *s;
		field_change(&changed, field, w, &o->pools);
		try_frame(o, &changed);
	}
}

static void try_lengths(struct oracle *o, const struct seed *s, unsigned from)
{
	static struct seed changed;

	changed = *s;
	for (size_t len = 14 + from % 16; len < s->len && s->len < 200; len += 16) {
		changed.len = len;
		try_frame(o, &changed);
	}
}

/* Every frame as it is, then each field of those that pass in turn, and a cut at every sixteenth octet. Where that
 * is more than may be tried, chance says with which values. */
static void try_in_turn(struct oracle *o, uint64_t count)
{
	uint64_t fields = 0, each;

	for (unsigned i = 0; i < o->seed_count; i++) {
		try_frame(o, &o->seeds[i]);
		if (passes(o, &o->seeds[i]))
			fields += o->seeds[i].field_count;
	}
	each = (count > o->frames ? count - o->frames : 0) * 2 / 3 / (fields ? fields : 1) + 1;
	for (unsigned i = 0; i < o->seed_count; i++) {
		const struct seed *s = &o->seeds[i];

		if (!passes(o, s))
			continue;
		for (unsigned f = 0; f < s->field_count; f++)
			try_field(o, s, f, (unsigned)each);
		try_lengths(o, s, i);
	}
}

static void try_at_random(struct oracle *o, uint64_t count)
{
	static struct seed changed;

	while (o->frames < count) {
		changed = o->seeds[random_number(o->seed_count)];
		if (random_number(8) && !passes(o, &changed))
			continue;
		seed_shake(&changed, &o->pools);
		try_frame(o, &changed);
	}
}

static void print_summary(struct oracle *o)
{
	const struct vnep_ruleset *rs = vnep_explain_rules(o->explain);
	unsigned matched = 0;

	for (size_t i = 0; i < rs->rule_count; i++)
		matched += o->matched[i][0] != 0;
	printf("frames %llu, disagreements %llu; to a neighbour %llu, to the journal port %llu, "
	       "dropped "
	       "%llu, unseen %llu; rules %u of %zu; policies asked %llu\n",
		(unsigned long long)o->frames, (unsigned long long)o->wrong,
		(unsigned long long)o->ends[VNEP_END_NEIGHBOUR],
		(unsigned long long)o->ends[VNEP_END_PORT],
		(unsigned long long)o->ends[VNEP_END_DROP],
		(unsigned long long)o->ends[VNEP_END_UNSEEN], matched, rs->rule_count,
		(unsigned long long)o->policies);
	for (unsigned i = 0; i < o->counters; i++)
		printf("counter %s %llu\n", o->counter[i].name,
			(unsigned long long)o->counter[i].model);
	for (size_t c = 0; c < rs->chain_count; c++)
		for (size_t i = rs->chains[c].first; i < rs->chains[c].first + rs->chains[c].count;
			i++)
			if (!o->matched[i][0])
				printf("never matched: %s \"%s\"\n", rs->chains[c].name,
					rs->rules[i].comment);
}

static void stay_on_one_processor(void)
{
	cpu_set_t set;
	int here = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET((unsigned)(here < 0 ? 0 : here), &set);
	if (sched_setaffinity(0, sizeof set, &set))
		die_sys("sched_setaffinity");
}

int main(int argc, char **argv)
{
	struct vnep_acl_config config = { .access = { "acc0", "acc1" },
		.access_count = 2,
		.core = "up0",
		.journal_port = "vnep-j0" };
	static struct oracle o;
	struct vnep_err err = { 0 };
	uint64_t count, seed = 1, changes;

	if (argc < 4 || argc > 6 || (argc == 6 && strcmp(argv[5], "resolve"))) {
		fprintf(stderr, "usage: oracle RECORDS NEIGHBOURS COUNT [SEED [resolve]]\n");
		return 2;
	}
	must(vnep_num_u64(argv[3], 1, 1000000000, &count, &err), &err);
	if (argc > 4)
		must(vnep_num_u64(argv[4], 1, UINT32_MAX, &seed, &err), &err);
	random_state = seed * 0x9e3779b97f4a7c15;
	stay_on_one_processor();
	config.resolve = argc == 6;
	must(vnep_acl_open(&o.acl, &config, false, &err), &err);
	read_records(&o, argv[1]);
	read_neighbours(&o, argv[2]);
	if (config.resolve)
		must(vnep_acl_apply(o.acl, &changes, &err), &err);
	must(vnep_explain_open(&o.explain, o.acl, &err), &err);
	vnep_verdict_init(&o.v);
	set_state(&o, config.resolve);
	open_ends(&o);
	o.seeds = calloc(SEEDS, sizeof *o.seeds);
	o.matched = calloc(vnep_explain_rules(o.explain)->rule_count, sizeof *o.matched);
	if (!o.seeds || !o.matched)
		die_sys("memory");
	fill_pools(&o);
	for (unsigned i = 0; i < o.devices; i++)
		device_seeds(&o, &o.device[i]);
	for (unsigned i = 0; i < o.groups; i++)
		group_seeds(&o, &o.group[i]);
	router_seeds(&o);
	read_counters(&o);
	try_in_turn(&o, count);
	try_at_random(&o, count);
	compare_counters(&o);
	print_summary(&o);
	return o.wrong ? 1 : 0;
}
