/*
 * acl-diff - the kernel against the wanted state: one walk for plan, verify and apply, so that they
 * cannot disagree.
 *
 * Order of a change (make before break): what others refer to is made first (counters, sets,
 * regular chains), then the elements, then the base chains, which is where packets come in; what
 * nobody refers to any more goes last. So it is where there is no table yet, too: half of the elements would let pass what
 * all of them do not (a V that is not there yet is not known as an endpoint). A chain whose rules differ is flushed and
 * refilled in one unit. A small map is one batch; a large one is cut between units, and every state between two
 * batches is a working one.
 *
 * Rules are compared by their comments: each carries the hash of its model. Counters are never
 * deleted: what they counted belongs to the sum of all packets for ever.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "acl-there.h"
#include "vnep/err.h"
#include "vnep/ndjson.h"

static const char *change_word(const struct acl_diff *d, enum acl_change change)
{
	static const char *const words[2][3] = { { "add", "change", "delete" },
		{ "missing", "different", "foreign" } };

	return words[d->mode == ACL_VERIFY][change];
}

/* {"type":"difference","v":1,"what":…,"record":{ … }} */
static void difference_begin(struct acl_diff *d, struct vnep_jw *w, enum acl_change change)
{
	vnep_jw_record(w, &d->line, "difference");
	vnep_jw_str(w, "what", change_word(d, change));
	vnep_jw_object(w, "record");
}

static int difference_end(struct acl_diff *d, struct vnep_jw *w)
{
	int rc;

	vnep_jw_end_object(w);
	vnep_jw_end_record(w);
	rc = d->line.rc ? d->line.rc : d->emit(&d->line, d->arg);
	vnep_buf_reset(&d->line);
	return rc;
}

int acl_diff_object(struct acl_diff *d, enum acl_change change, const char *what, const char *name)
{
	struct vnep_jw w;

	d->changes++;
	if (d->mode == ACL_APPLY)
		return 0;
	difference_begin(d, &w, change);
	vnep_jw_str(&w, "type", what);
	vnep_jw_u64(&w, "v", 1);
	vnep_jw_str(&w, "name", name);
	return difference_end(d, &w);
}

static void write_addr(struct vnep_jw *w, const struct in6_addr *addr)
{
	vnep_jw_array(w, "addr");
	vnep_jw_ip6(w, NULL, addr);
	vnep_jw_end_array(w);
}

static void write_binding(
	struct vnep_jw *w, const struct vnep_acl *acl, enum vnep_set set, const uint8_t *octets)
{
	struct acl_key key;

	acl_key_read(set, octets, &key);
	for (unsigned i = 0; i < acl->config.access_count; i++)
		if (key.ifindex == acl->port[i].index)
			vnep_jw_str(w, "port", acl->config.access[i]);
	if (key.vlan)
		vnep_jw_u64(w, "vlan", key.vlan);
	vnep_jw_mac(w, "mac", &key.mac);
	write_addr(w, &key.addr);
}

static void write_group(struct vnep_jw *w, enum vnep_set set, const uint8_t *key)
{
	struct in6_addr sender, address;

	if (set == VNEP_SET_GROUP_VLAN) {
		vnep_jw_u64(w, "vlan", vnep_be16(key));
		key += vnep_nft_type_len(VNEP_NFT_VLAN);
	}
	memcpy(&sender, key, sizeof sender);
	memcpy(&address, key + sizeof sender, sizeof address);
	vnep_jw_ip6(w, "sender", &sender);
	vnep_jw_ip6(w, "address", &address);
}

static void write_key(
	struct vnep_jw *w, const struct vnep_acl *acl, enum vnep_set set, const uint8_t *key)
{
	struct vnep_mac mac;
	struct in6_addr addr;
	uint32_t number;
	char text[16];

	switch (set) {
	case VNEP_SET_FROM_BINDING:
	case VNEP_SET_FROM_VLAN:
	case VNEP_SET_FROM_HOST:
	case VNEP_SET_FROM_HOST_VLAN: write_binding(w, acl, set, key); break;
	case VNEP_SET_HOST_PAIR:
		memcpy(&addr, key, sizeof addr);
		write_addr(w, &addr);
		memcpy(&addr, key + sizeof addr, sizeof addr);
		vnep_jw_ip6(w, "vep", &addr);
		break;
	case VNEP_SET_PORT_CHAIN:
	case VNEP_SET_CLASS_CHAIN:
	case VNEP_SET_CONSENT_CHAIN:
		memcpy(&number, key, sizeof number);
		snprintf(text, sizeof text, "0x%08x", number); /* as nft(8) has it */
		vnep_jw_str(w, "number", text);
		break;
	case VNEP_SET_CORE_VLAN: vnep_jw_u64(w, "vlan", vnep_be16(key)); break;
	case VNEP_SET_GROUP:
	case VNEP_SET_GROUP_VLAN: write_group(w, set, key); break;
	case VNEP_SET_ROUTER:
		memcpy(&addr, key, sizeof addr);
		write_addr(w, &addr);
		break;
	case VNEP_SET_KNOWN:
		memcpy(mac.octet, key, sizeof mac.octet);
		vnep_jw_mac(w, "mac", &mac);
		break;
	case VNEP_SET_SOLICIT:
	case VNEP_SET_ADVERT:
	case VNEP_SET_ERROR: vnep_jw_u64(w, "icmp_type", key[0]); break;
	default:
		memcpy(&addr, key, sizeof addr);
		vnep_jw_ip6(w, "vep", &addr);
		break;
	}
}

int acl_diff_element(struct acl_diff *d, enum acl_change change, enum vnep_set set,
	const uint8_t *key, const uint8_t *data, const char *chain)
{
	struct in6_addr addr;
	struct vnep_jw w;

	d->changes++;
	if (d->mode == ACL_APPLY)
		return 0;
	difference_begin(d, &w, change);
	vnep_jw_str(&w, "type", "element");
	vnep_jw_u64(&w, "v", 1);
	vnep_jw_str(&w, "set", vnep_set_specs[set].name);
	write_key(&w, d->acl, set, key);
	vnep_jw_opt_str(&w, "chain", chain);
	if (vnep_set_specs[set].data == VNEP_NFT_IP6) {
		memcpy(&addr, data, sizeof addr);
		if (set == VNEP_SET_TO_BINDING)
			write_addr(&w, &addr);
		else
			vnep_jw_ip6(&w, "vep", &addr);
	}
	return difference_end(d, &w);
}

static int diff_table(struct acl_diff *d, const struct there *t)
{
	if (t->has_table && !t->dormant)
		return 0;
	if (d->mode == ACL_APPLY)
		vnep_nft_table_put(d->batch);
	return acl_diff_object(d, t->has_table ? ACL_CHANGE : ACL_ADD, "table", VNEP_NFT_TABLE);
}

static int diff_counters(struct acl_diff *d, const struct there *t)
{
	const struct vnep_ruleset *rs = &d->acl->rs;
	int rc = 0;

	for (size_t i = 0; !rc && i < rs->counter_count; i++) {
		bool found = false;

		for (size_t j = 0; !found && j < t->object_count; j++)
			found = !strcmp(t->objects[j].name, rs->counters[i]) &&
				t->objects[j].type == NFT_OBJECT_COUNTER;
		if (found)
			continue;
		if (d->mode == ACL_APPLY)
			vnep_nft_counter_put(d->batch, rs->counters[i]);
		rc = acl_diff_object(d, ACL_ADD, "counter", rs->counters[i]);
	}
	return rc;
}

static const struct vnep_nft_set_info *find_set(const struct there *t, const char *name)
{
	for (size_t i = 0; i < t->set_count; i++)
		if (!strcmp(t->sets[i].name, name))
			return &t->sets[i];
	return NULL;
}

static bool same_set(const struct acl_diff *d, const struct vnep_set_spec *spec,
	const struct vnep_nft_set_info *there)
{
	uint32_t kind = NFT_SET_MAP | NFT_SET_TIMEOUT | NFT_SET_INTERVAL | NFT_SET_CONSTANT |
			NFT_SET_OBJECT;
	uint32_t wanted = (spec->data != VNEP_NFT_NONE ? (uint32_t)NFT_SET_MAP : 0) |
			  (vnep_set_grows(spec) ? (uint32_t)NFT_SET_TIMEOUT : 0);

	return there->key_len == spec->key_len && (there->flags & kind) == wanted &&
	       there->counter == spec->counter &&
	       there->size == (spec->size ? spec->size : d->acl->config.set_size) &&
	       there->verdict == vnep_set_has_verdicts(spec) &&
	       (spec->data == VNEP_NFT_NONE || there->verdict || there->data_len == spec->data_len);
}

/* A set's form cannot be changed while rules use it. */
static int diff_sets(struct acl_diff *d, const struct there *t, struct vnep_err *err)
{
	int rc = 0;

	for (int set = 0; !rc && set < VNEP_SET_COUNT; set++) {
		const struct vnep_set_spec *spec = &vnep_set_specs[set];
		const struct vnep_nft_set_info *there = find_set(t, spec->name);

		if (!vnep_ruleset_has_set(&d->acl->rs, (enum vnep_set)set) ||
			(there && same_set(d, spec, there)))
			continue;
		if (there && d->mode == ACL_APPLY) {
			vnep_err_set(err, VNEP_ECONFLICT,
				"set \"%s\" is there with another size or form", spec->name);
			vnep_err_hint(err, "`vnep-acl clear` removes the table, then apply again");
			return VNEP_ECONFLICT;
		}
		if (d->mode == ACL_APPLY)
			vnep_nft_set_put(d->batch, (enum vnep_set)set, d->acl->config.set_size);
		rc = acl_diff_object(d, there ? ACL_CHANGE : ACL_ADD, "set", spec->name);
	}
	return rc;
}

static bool same_rules(const struct vnep_ruleset *rs, const struct vnep_chain *chain,
	const struct there_chain *there)
{
	char comment[VNEP_NFT_COMMENT_MAX + 1 + 18];
	uint64_t hash = VNEP_HASH_INIT;

	for (size_t i = chain->first; i < chain->first + chain->count; i++) {
		vnep_rule_comment(rs, &rs->rules[i], comment);
		hash = vnep_hash(hash, comment, strlen(comment) + 1);
	}
	return there->rules == chain->count && there->hash == hash;
}

/* Can what is there become what is wanted without being deleted? */
static bool same_kind(const struct vnep_chain *chain, const struct there_chain *there)
{
	if (!chain->device[0])
		return !there->info.base;
	return there->info.base && !strcmp(there->info.device, chain->device) &&
	       !there->info.hook && !there->info.priority;
}

static void refill(
	struct acl_diff *d, const struct vnep_chain *chain, const struct there_chain *there)
{
	const struct vnep_ruleset *rs = &d->acl->rs;

	if (there && there->rules)
		vnep_nft_chain_flush(d->batch, chain->name);
	for (size_t i = chain->first; i < chain->first + chain->count; i++)
		vnep_nft_rule_put(d->batch, rs, chain, &rs->rules[i]);
}

/* Chains of one kind: first all that are missing, because rules refer to chains that come later. */
static int diff_chains(struct acl_diff *d, const struct there *t, bool base, struct vnep_err *err)
{
	const struct vnep_ruleset *rs = &d->acl->rs;
	int rc = 0;

	for (size_t i = 0; i < rs->chain_count && d->mode == ACL_APPLY; i++) {
		const struct vnep_chain *chain = &rs->chains[i];
		const struct there_chain *there = there_find_chain(t, chain->name);

		if (!chain->device[0] == base || acl_port_absent(d->acl, chain->device))
			continue;
		if (there && !same_kind(chain, there)) {
			vnep_nft_chain_flush(d->batch, chain->name);
			vnep_nft_chain_delete(d->batch, chain->name);
		}
		if (!there || !same_kind(chain, there) || (base && !there->info.drops))
			vnep_nft_chain_put(d->batch, chain);
	}
	for (size_t i = 0; !rc && i < rs->chain_count; i++) {
		const struct vnep_chain *chain = &rs->chains[i];
		struct there_chain *there = there_find_chain(t, chain->name);
		bool kind = there && same_kind(chain, there),
		     rules = kind && same_rules(rs, chain, there);

		if (!chain->device[0] == base)
			continue;
		if (there)
			there->wanted = true;
		if (acl_port_absent(d->acl, chain->device))
			continue;
		if (rules && (!base || there->info.drops))
			continue;
		rc = acl_diff_object(d, there ? ACL_CHANGE : ACL_ADD, "chain", chain->name);
		if (!rc && d->mode == ACL_APPLY && !rules) {
			refill(d, chain, kind ? there : NULL);
			rc = vnep_nft_batch_cut(d->batch, err);
		}
	}
	return rc;
}

static int diff_foreign_chains(struct acl_diff *d, const struct there *t, struct vnep_err *err)
{
	int rc = 0;

	for (size_t i = 0; d->mode == ACL_APPLY && i < t->chain_count; i++)
		if (!t->chains[i].wanted)
			vnep_nft_chain_flush(d->batch,
				t->chains[i].info.name); /* they may refer to each other */
	for (size_t i = 0; !rc && i < t->chain_count; i++) {
		if (t->chains[i].wanted)
			continue;
		if (d->mode == ACL_APPLY)
			vnep_nft_chain_delete(d->batch, t->chains[i].info.name);
		rc = acl_diff_object(d, ACL_DELETE, "chain", t->chains[i].info.name);
	}
	return rc ? rc : vnep_nft_batch_cut(d->batch, err);
}

static bool our_set(const struct vnep_ruleset *rs, const char *name)
{
	for (int set = 0; set < VNEP_SET_COUNT; set++)
		if (!strcmp(vnep_set_specs[set].name, name))
			return vnep_ruleset_has_set(rs, (enum vnep_set)set);
	return false;
}

static bool our_counter(const struct vnep_nft_object_info *object)
{
	static const char *const terms[] = { "arrived.", "ask.", "drop.", "forwarded.", "copy.",
		"journal" };

	for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
		if (object->type == NFT_OBJECT_COUNTER &&
			!strncmp(object->name, terms[i], strlen(terms[i])))
			return true;
	return false;
}

static int diff_foreign_rest(struct acl_diff *d, const struct there *t)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < t->set_count; i++) {
		if (our_set(&d->acl->rs, t->sets[i].name))
			continue;
		if (d->mode == ACL_APPLY)
			vnep_nft_set_delete(d->batch, t->sets[i].name);
		rc = acl_diff_object(d, ACL_DELETE, "set", t->sets[i].name);
	}
	for (size_t i = 0; !rc && i < t->object_count; i++) {
		if (our_counter(&t->objects[i]))
			continue;
		if (d->mode == ACL_APPLY)
			vnep_nft_object_delete(d->batch, t->objects[i].name, t->objects[i].type);
		rc = acl_diff_object(d, ACL_DELETE, "counter", t->objects[i].name);
	}
	return rc;
}

static int diff_elements(
	struct acl_diff *d, const struct there *t, unsigned parts, struct vnep_err *err)
{
	int rc = 0;

	for (int set = 0; !rc && set < VNEP_SET_COUNT; set++) {
		const struct vnep_nft_set_info *there = find_set(t, vnep_set_specs[set].name);

		bool group = set == VNEP_SET_GROUP || set == VNEP_SET_GROUP_VLAN;
		bool asked = parts & ACL_ELEMENTS ||
			     (parts & ACL_ROUTERS && set == VNEP_SET_ROUTER) ||
			     (parts & ACL_GROUPS && group);

		if (!asked || vnep_set_specs[set].live || vnep_set_specs[set].kernel ||
			!vnep_ruleset_has_set(&d->acl->rs, (enum vnep_set)set) ||
			(there && !same_set(d, &vnep_set_specs[set], there)))
			continue;
		rc = acl_of_devices((enum vnep_set)set)
			     ? acl_diff_devices(d, (enum vnep_set)set, there, err)
			     : acl_diff_set(d, (enum vnep_set)set, ACL_WANTED | ACL_UNWANTED, err);
	}
	return rc;
}

/* What numbers of chains mean is there before the first element has one, and goes behind the last. */
static int diff_numbers(
	struct acl_diff *d, const struct there *t, unsigned which, struct vnep_err *err)
{
	int rc = 0;

	for (int set = 0; !rc && set < VNEP_SET_COUNT; set++) {
		const struct vnep_nft_set_info *there = find_set(t, vnep_set_specs[set].name);

		if (vnep_set_specs[set].kernel &&
			(!there || same_set(d, &vnep_set_specs[set], there)))
			rc = acl_diff_set(d, (enum vnep_set)set, which, err);
	}
	return rc;
}

static int diff_walk(struct acl_diff *d, unsigned parts, struct vnep_err *err)
{
	struct there t = { 0 };
	int rc = there_read(d->acl->nl, &t, err);

	if (!rc)
		rc = diff_table(d, &t);
	if (!rc)
		rc = diff_counters(d, &t);
	if (!rc)
		rc = diff_sets(d, &t, err);
	if (!rc)
		rc = diff_chains(d, &t, false, err);
	if (!rc)
		rc = diff_numbers(d, &t, ACL_WANTED, err);
	if (!rc && parts & (ACL_ELEMENTS | ACL_ROUTERS | ACL_GROUPS))
		rc = diff_elements(d, &t, parts, err);
	if (!rc)
		rc = diff_chains(d, &t, true, err);
	if (!rc && parts & ACL_FOREIGN)
		rc = diff_numbers(d, &t, ACL_UNWANTED, err);
	if (!rc && parts & ACL_FOREIGN)
		rc = diff_foreign_chains(d, &t, err);
	if (!rc && parts & ACL_FOREIGN)
		rc = diff_foreign_rest(d, &t);
	if (!rc && d->mode == ACL_APPLY)
		rc = vnep_nft_batch_commit(d->batch, err);
	there_release(&t);
	return rc;
}

/* Whose element the kernel refused. */
static void name_record(struct acl_diff *d, struct vnep_err *err)
{
	struct vnep_set_element element;
	enum vnep_set set;

	if (d->batch && vnep_nft_batch_refused(d->batch, &set, &element) && acl_of_devices(set))
		acl_spool_place(d->acl, set, element.key, err);
}

static int diff(struct acl_diff *d, unsigned parts, struct vnep_err *err)
{
	int rc = acl_spool_seal(d->acl, err);

	if (!rc)
		rc = acl_build(d->acl, err);
	if (!rc && parts & ACL_ELEMENTS)
		rc = acl_fill_check(d->acl, err);
	if (!rc && parts & ACL_ELEMENTS)
		rc = acl_elements_check(d->acl, err);
	if (!rc)
		rc = vnep_nft_batch_new(&d->batch, d->acl->nl, err);
	if (!rc)
		rc = diff_walk(d, parts, err);
	if (rc == VNEP_EKERNEL)
		name_record(d, err);
	vnep_nft_batch_free(d->batch);
	d->batch = NULL;
	vnep_buf_release(&d->line);
	return rc;
}

static int report(struct vnep_acl *acl, enum acl_mode mode, vnep_acl_emit_cb *emit, void *arg,
	struct vnep_err *err)
{
	struct acl_diff d = { .acl = acl, .mode = mode, .emit = emit, .arg = arg };
	int rc;

	if (acl->offline)
		return vnep_err_set(
			err, VNEP_EUSAGE, "nothing to compare with: opened without the kernel");
	vnep_buf_init(&d.line);
	rc = diff(&d, ACL_ELEMENTS | ACL_FOREIGN, err);
	if (rc || !d.changes)
		return rc;
	return vnep_err_set(err, VNEP_EDIFFERS, "%llu differences", (unsigned long long)d.changes);
}

int vnep_acl_plan(struct vnep_acl *acl, vnep_acl_emit_cb *emit, void *arg, struct vnep_err *err)
{
	return report(acl, ACL_PLAN, emit, arg, err);
}

int vnep_acl_verify(struct vnep_acl *acl, vnep_acl_emit_cb *emit, void *arg, struct vnep_err *err)
{
	return report(acl, ACL_VERIFY, emit, arg, err);
}

/* An outcome that is unknown is looked at again: what was done is then no difference any more. */
int acl_sync(struct vnep_acl *acl, unsigned parts, uint64_t *changes, struct vnep_err *err)
{
	int rc = VNEP_EUNKNOWN;

	for (int tries = 0; rc == VNEP_EUNKNOWN && tries < 3; tries++) {
		struct acl_diff d = { .acl = acl, .mode = ACL_APPLY };

		rc = acl_build(acl, err);
		if (!rc && !acl->journal_index)
			rc = vnep_err_set(err, VNEP_ENOTFOUND,
				"no such port: \"%s\" (the journal port)",
				acl->config.journal_port);
		if (!rc)
			rc = diff(&d, parts, err);
		*changes += d.changes;
	}
	acl->installed = !rc;
	if (!rc && parts & ACL_FOREIGN)
		acl->stale = false;
	if (!rc && parts & ACL_ELEMENTS) {
		acl->doubt = false;
		acl_applied_write(acl);
	}
	return rc;
}

int vnep_acl_apply(struct vnep_acl *acl, uint64_t *changes, struct vnep_err *err)
{
	uint64_t count = 0;
	int rc = acl_sync(acl, ACL_ELEMENTS | ACL_FOREIGN, &count, err);

	if (changes)
		*changes = count;
	return rc;
}
