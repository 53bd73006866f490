/* ruleset: the model that text and netlink write. */
#include "t.h"
#include "vnep/nfttext.h"
#include "vnep/ruleset.h"

/* One chain, one rule, this statement. */
static uint64_t hash_of(struct vnep_stmt stmt)
{
	struct vnep_ruleset rs;
	uint64_t hash;

	vnep_ruleset_init(&rs, 16);
	vnep_ruleset_chain(&rs, NULL, NULL, "c");
	vnep_ruleset_rule(&rs, "r");
	vnep_ruleset_stmt(&rs, stmt);
	hash = vnep_rule_hash(&rs, &rs.rules[0]);
	vnep_ruleset_release(&rs);
	return hash;
}

static const char *text_of(struct vnep_stmt stmt, char *out, size_t cap)
{
	struct vnep_ruleset rs;
	struct vnep_buf buf;
	struct vnep_nfttext text = { .out = &buf, .rs = &rs };
	const char *at;

	vnep_buf_init(&buf);
	vnep_ruleset_init(&rs, 16);
	vnep_ruleset_chain(&rs, NULL, NULL, "c");
	vnep_ruleset_rule(&rs, "r");
	vnep_ruleset_stmt(&rs, stmt);
	vnep_nfttext_rules(&text);
	at = strstr(vnep_buf_str(&buf), "chain c {\n\t\t");
	snprintf(out, cap, "%.*s", at ? (int)(strstr(at, " comment \"r\"") - at - 12) : 0,
		at ? at + 12 : "");
	vnep_buf_release(&buf);
	vnep_ruleset_release(&rs);
	return out;
}

TEST("every member of a statement is in the hash of its rule")
{
	struct vnep_stmt base = { .kind = VNEP_STMT_IN_PREFIX, .name = "x" }, s;
	uint64_t hash = hash_of(base);

	CHECK(hash_of(base) == hash);
#define DIFFERS(change)                    \
	do {                               \
		s = base;                  \
		change;                    \
		CHECK(hash_of(s) != hash); \
	} while (0)
	DIFFERS(s.kind = VNEP_STMT_DROP);
	DIFFERS(s.field = VNEP_FIELD_DEST);
	DIFFERS(s.set = VNEP_SET_REACHABLE);
	DIFFERS(s.number = 1);
	DIFFERS(s.number2 = 1);
	DIFFERS(s.prefix.len = 64);
	DIFFERS(s.prefix.addr.s6_addr[15] = 1);
	DIFFERS(s.addr.s6_addr[0] = 1);
	DIFFERS(s.tag.reason = VNEP_TAG_WAKE);
	DIFFERS(s.tag.port = 1);
	DIFFERS(s.tag.direction = VNEP_TO_DEVICE);
	DIFFERS(snprintf(s.name, sizeof s.name, "y"));
	DIFFERS(s.ifindex = 7);
}

TEST("a rule's comment is its text and its hash, and fits what nft prints")
{
	char comment[VNEP_NFT_COMMENT_MAX + 1 + 18];
	struct vnep_ruleset rs;

	vnep_ruleset_init(&rs, 16);
	vnep_ruleset_chain(&rs, NULL, NULL, "c");
	vnep_ruleset_rule(&rs, "a text that is much longer than what a comment of a rule may have "
			       "in the end, so cut");
	vnep_rule_comment(&rs, &rs.rules[0], comment);
	CHECK(strlen(comment) < 128);
	CHECK(strstr(comment, " #") && strlen(strstr(comment, " #")) == 18);
	vnep_ruleset_release(&rs);
}

TEST("rules lie side by side in their chains, statements in their rules, counters are named once")
{
	struct vnep_ruleset rs;

	vnep_ruleset_init(&rs, 16);
	for (int c = 0; c < 40; c++) {
		vnep_ruleset_chain(&rs, c ? NULL : "acc0", NULL, "chain%d", c);
		for (int r = 0; r < 3; r++) {
			vnep_ruleset_rule(&rs, "r");
			vnep_ruleset_count(&rs, "counter.%d", r);
			vnep_ruleset_stmt(&rs, (struct vnep_stmt){ .kind = VNEP_STMT_DROP });
		}
	}
	CHECK_INT(rs.rc, 0);
	CHECK_INT(rs.chain_count, 40);
	CHECK_INT(rs.counter_count, 3);
	CHECK_STR(rs.counters[2], "counter.2");
	CHECK_STR(rs.chains[0].device, "acc0");
	CHECK_INT(rs.chains[39].first, 117);
	CHECK_INT(rs.chains[39].count, 3);
	CHECK_INT(rs.rules[119].first, 238);
	CHECK_INT(rs.rules[119].count, 2);
	CHECK_INT(vnep_ruleset_find(&rs, "chain39"), 39);
	CHECK(vnep_ruleset_find(&rs, "chain40") == SIZE_MAX);
	vnep_ruleset_release(&rs);
}

TEST("the sets' keys are as long as the kernel concatenates them, and fit an element")
{
	for (int i = 0; i < VNEP_SET_COUNT; i++) {
		const struct vnep_set_spec *spec = &vnep_set_specs[i];
		unsigned len = 0;

		for (int k = 0; k < VNEP_KEY_PARTS; k++)
			len += vnep_nft_type_len(spec->key[k]);
		CHECK(spec->name && spec->comment);
		CHECK(spec->key_len <= VNEP_KEY_MAX);
		CHECK(spec->key[1] == VNEP_NFT_NONE ? spec->key_len <= len : spec->key_len == len);
		CHECK((spec->data == VNEP_NFT_NONE) == !spec->data_len);
		CHECK(!vnep_set_constant((enum vnep_set)i) || spec->size);
	}
}

TEST("a port that nft's language cannot name has a label all the same, the same in every run")
{
	char a[VNEP_NFT_NAME_MAX + 1], b[VNEP_NFT_NAME_MAX + 1];

	vnep_nft_label("eth0.100", a);
	CHECK_STR(a, "eth0.100");
	vnep_nft_label("wlan@1:0", a);
	vnep_nft_label("wlan@1:0", b);
	CHECK_STR(a, b);
	CHECK(vnep_nft_plain(a));
	vnep_nft_label("wlan@1:1", b);
	CHECK(strcmp(a, b));
}

TEST("statements in nft's words")
{
	struct vnep_stmt s = { .kind = VNEP_STMT_PORTS, .number = 5683, .number2 = 5683 };
	char out[256];

	CHECK_STR(text_of(s, out, sizeof out), "th dport 5683");
	s.number2 = 5690;
	CHECK_STR(text_of(s, out, sizeof out), "th dport 5683-5690");
	s = (struct vnep_stmt){ .kind = VNEP_STMT_TAG,
		.tag = { VNEP_TAG_ACCESS_REQUEST, 258, VNEP_FROM_DEVICE } };
	CHECK_STR(text_of(s, out, sizeof out), "ether daddr set 02:00:04:01:02:01");
	s = (struct vnep_stmt){ .kind = VNEP_STMT_ROUTE, .name = "up0" };
	CHECK_STR(text_of(s, out, sizeof out), "fwd ip6 to ip6 daddr device \"up0\"");
	s.addr.s6_addr[15] = 1;
	CHECK_STR(text_of(s, out, sizeof out), "fwd ip6 to ::1 device \"up0\"");
}

TEST("ruleset: a name that two chains have is found")
{
	struct vnep_ruleset rs;

	vnep_ruleset_init(&rs, 0);
	CHECK(!vnep_ruleset_twice(&rs));
	vnep_ruleset_chain(&rs, NULL, NULL, "b");
	vnep_ruleset_chain(&rs, NULL, NULL, "a");
	vnep_ruleset_chain(&rs, NULL, NULL, "c");
	CHECK(!vnep_ruleset_twice(&rs));
	vnep_ruleset_chain(&rs, NULL, NULL, "%s", "b");
	CHECK_STR(vnep_ruleset_twice(&rs), "b");
	vnep_ruleset_release(&rs);
}

/* Of so many hashes of 32 bits two are equal: three pairs are to be expected, and names do not change. */
enum { CHAINS = 150000 };

static void name_of(unsigned i, char out[32])
{
	snprintf(out, 32, "c%08x_%u", 2654435761u * i, i % 7);
}

static uint32_t number_hash(const char *name)
{
	uint64_t hash = vnep_hash(VNEP_HASH_INIT, name, strlen(name));

	return (uint32_t)(hash ^ hash >> 32);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

TEST("ruleset: no two chains have one number")
{
	static uint32_t numbers[CHAINS];
	struct vnep_ruleset rs;
	size_t hashed = 0;
	char name[32];

	vnep_ruleset_init(&rs, 0);
	for (unsigned i = 0; i < CHAINS; i++) {
		name_of(i, name);
		vnep_ruleset_chain(&rs, NULL, NULL, "%s", name);
	}
	CHECK(!rs.rc);
	for (unsigned i = 0; i < CHAINS; i++) {
		numbers[i] = rs.chains[i].number;
		hashed += numbers[i] == number_hash(rs.chains[i].name);
	}
	CHECK(hashed < CHAINS && hashed > CHAINS - 20); /* some had to step aside */
	qsort(numbers, CHAINS, sizeof *numbers, by_number);
	for (int i = 1; i < CHAINS; i++)
		if (numbers[i] == numbers[i - 1])
			CHECK(numbers[i] != numbers[i - 1]);
	vnep_ruleset_release(&rs);
}

/* Two names of one hash. */
static void find_pair(char a[32], char b[32])
{
	static uint32_t hashes[CHAINS];
	uint32_t twice = 0;
	char name[32];

	*a = *b = 0;
	for (unsigned i = 0; i < CHAINS; i++) {
		name_of(i, name);
		hashes[i] = number_hash(name);
	}
	qsort(hashes, CHAINS, sizeof *hashes, by_number);
	for (int i = 1; i < CHAINS && !twice; i++)
		twice = hashes[i] == hashes[i - 1] ? hashes[i] : 0;
	for (unsigned i = 0; i < CHAINS; i++) {
		name_of(i, name);
		if (number_hash(name) == twice)
			memcpy(*a ? b : a, name, 32);
	}
}

static void again(struct vnep_ruleset *rs, const char *first, const char *second)
{
	vnep_ruleset_again(rs, 0);
	vnep_ruleset_chain(rs, NULL, NULL, "%s", first);
	if (second)
		vnep_ruleset_chain(rs, NULL, NULL, "%s", second);
	CHECK(!rs->rc);
}

TEST("ruleset: a chain keeps its number, whoever of the same hash comes and goes")
{
	struct vnep_ruleset rs;
	char a[32], b[32];
	uint32_t hash;

	find_pair(a, b);
	CHECK(*a && *b && strcmp(a, b));
	hash = number_hash(a);
	vnep_ruleset_init(&rs, 0);
	again(&rs, a, b);
	CHECK(rs.chains[0].number == hash && rs.chains[1].number == hash + 1);
	again(&rs, b, NULL);
	CHECK(rs.chains[0].number == hash + 1);
	again(&rs, b, a);
	CHECK(rs.chains[0].number == hash + 1 && rs.chains[1].number == hash);
	vnep_ruleset_release(&rs);

	vnep_ruleset_init(&rs, 0);
	again(&rs, a, NULL);
	again(&rs, b, a); /* built before it, and new */
	CHECK(rs.chains[0].number == hash + 1 && rs.chains[1].number == hash);
	vnep_ruleset_release(&rs);
}

int main(void)
{
	return t_run();
}
