/* mapstore-check - the rules that need more than one record (mapstore.h lists them). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapstore-private.h"
#include "vnep/recjson.h"

static int take_vpc(const char *text, size_t len, void *arg)
{
	struct vnep_map_txn *txn = arg;
	struct vnep_vpc vpc = { 0 };
	struct vnep_json *json;
	struct vnep_map_vpc *list;
	int rc = vnep_json_parse(text, len, &json, NULL);

	if (rc)
		return rc;
	rc = vnep_vpc_decode(json, &vpc, NULL);
	vnep_json_free(json);
	list = rc ? NULL : realloc(txn->vpcs, (txn->vpc_count + 1) * sizeof *list);
	if (list) {
		txn->vpcs = list;
		memcpy(list[txn->vpc_count].vpc, vpc.vpc, sizeof vpc.vpc);
		list[txn->vpc_count].speaker = vpc.speaker;
		list[txn->vpc_count++].prefix = vpc.prefix;
	}
	vnep_vpc_release(&vpc);
	return rc ? rc : list ? 0 : -ENOMEM;
}

static int sort_prefixes(struct vnep_map_txn *txn)
{
	int rc = 0;

	vnep_longest_release(&txn->prefixes);
	for (size_t i = 0; i < txn->vpc_count && !rc; i++)
		rc = vnep_longest_add(&txn->prefixes, &txn->vpcs[i].prefix, i);
	vnep_longest_sort(&txn->prefixes);
	return rc;
}

/* They come in the order of their names. */
static int read_vpcs(struct vnep_map_txn *txn, struct vnep_err *err)
{
	int rc;

	if (txn->vpcs_read)
		return 0;
	txn->vpc_count = 0;
	rc = vnep_map_each(txn, VNEP_RECORD_VPC, false, take_vpc, txn, err);
	if (!rc)
		rc = sort_prefixes(txn);
	if (rc)
		return rc == VNEP_EDAMAGED
			       ? rc /* says which */
			       : vnep_err_set(err, rc, "cannot read the vpc records: %s",
					 vnep_strerror(rc));
	txn->vpcs_read = true;
	return 0;
}

static int compare_vpc(const void *name, const void *vpc)
{
	return strcmp(name, ((const struct vnep_map_vpc *)vpc)->vpc);
}

static const struct vnep_map_vpc *find_vpc(
	const struct vnep_map_txn *txn, const struct vnep_device *device)
{
	const struct vnep_longest_item *longest;

	if (!device->vpc[0]) {
		longest = vnep_longest_find(&txn->prefixes, &device->vep);
		return longest ? txn->vpcs + longest->what : NULL;
	}
	return txn->vpc_count ? bsearch(device->vpc, txn->vpcs, txn->vpc_count, sizeof *txn->vpcs,
					compare_vpc)
			      : NULL;
}

/* A vpc that comes beside others, or keeps its prefix and speaker, harms nobody. Otherwise who was good may be so no
 * more. */
int vnep_map_vpc_changed(struct vnep_map_txn *txn, const struct vnep_map_value *before,
	const char *json, size_t len, bool deleted)
{
	struct vnep_vpc old = { 0 }, now = { 0 };
	struct vnep_json *tree = NULL;
	int rc = 0;

	txn->vpcs_read = txn->all_checked = false;
	txn->unchecked = true;
	if (!txn->meta.devices || (!before && txn->meta.vpcs))
		return 0;
	if (!before || deleted) {
		txn->all_suspect = true;
		return 0;
	}
	rc = vnep_json_parse(before->json, before->len, &tree, NULL);
	if (!rc)
		rc = vnep_vpc_decode(tree, &old, NULL);
	vnep_json_free(tree);
	tree = NULL;
	if (!rc)
		rc = vnep_json_parse(json, len, &tree, NULL);
	if (!rc)
		rc = vnep_vpc_decode(tree, &now, NULL);
	vnep_json_free(tree);
	if (rc || old.prefix.len != now.prefix.len ||
		!vnep_ip6_equal(&old.prefix.addr, &now.prefix.addr) ||
		!vnep_ip6_equal(&old.speaker, &now.speaker))
		txn->all_suspect = true;
	vnep_vpc_release(&old);
	vnep_vpc_release(&now);
	return rc;
}

static int outside(
	const struct vnep_device *device, const struct vnep_map_vpc *vpc, struct vnep_err *err)
{
	char vep[VNEP_IP6_LEN], prefix[VNEP_PREFIX_LEN];

	vnep_ip6_print(&device->vep, vep);
	if (!vpc)
		return vnep_err_set(
			err, VNEP_EVALUE, "vep %s of %s lies in no vpc's prefix", vep, device->dev);
	vnep_prefix_print(&vpc->prefix, prefix);
	return vnep_err_set(err, VNEP_EVALUE,
		"vep %s of %s is outside %s, the prefix of vpc \"%s\"", vep, device->dev, prefix,
		vpc->vpc);
}

static int is_speaker(
	const struct vnep_device *device, const struct vnep_map_vpc *vpc, struct vnep_err *err)
{
	char vep[VNEP_IP6_LEN];

	vnep_ip6_print(&device->vep, vep);
	return vnep_err_set(err, VNEP_EVALUE, "vep %s of %s is the speaker of vpc \"%s\"", vep,
		device->dev, vpc->vpc);
}

int vnep_map_vpc_of(struct vnep_map_txn *txn, const struct vnep_device *device,
	char vpc[static VNEP_LABEL_MAX + 1], struct vnep_err *err)
{
	const struct vnep_map_vpc *best;
	int rc = read_vpcs(txn, err);

	if (rc)
		return rc;
	best = find_vpc(txn, device);
	if (device->vpc[0] && !best)
		return vnep_err_set(err, VNEP_EVALUE,
			"%s is in vpc \"%s\", which is not in the map", device->dev, device->vpc);
	if (best ? !vnep_prefix_has(&best->prefix, &device->vep) : txn->vpc_count > 0)
		return outside(device, best, err);
	if (best && vnep_ip6_equal(&best->speaker, &device->vep)) /* no vep is unspecified */
		return is_speaker(device, best, err);
	memcpy(vpc, best ? best->vpc : "", best ? sizeof best->vpc : 1);
	return 0;
}

/* Somebody other than the device in an index. */
struct other {
	const struct vnep_device *device;
	char dev[VNEP_URN_MAX + 1];
};

static int is_other(const char *dev, void *arg)
{
	struct other *o = arg;

	if (!strcmp(dev, o->device->dev))
		return 0;
	snprintf(o->dev, sizeof o->dev, "%s", dev);
	return 1;
}

static int check_taken(
	struct vnep_map_txn *txn, const struct vnep_device *device, struct vnep_err *err)
{
	/* Two `edge` devices may have one L. */
	enum vnep_map_db addrs = device->form == VNEP_FORM_HOST ? IX_ADDR : IX_HOST;
	struct other o = { .device = device };
	char text[VNEP_IP6_LEN];
	uint8_t key[8];
	size_t n;

	if (vnep_map_index_each(txn, IX_VEP, &device->vep, sizeof device->vep, is_other, &o) > 0) {
		vnep_ip6_print(&device->vep, text);
		return vnep_err_set(err, VNEP_EVALUE, "vep %s of %s belongs to %s already", text,
			device->dev, o.dev);
	}
	n = vnep_map_mac_key(&device->mac, device->vlan, key);
	if (device->has_mac && vnep_map_index_each(txn, IX_MAC, key, n, is_other, &o) > 0) {
		vnep_mac_print(&device->mac, text);
		return vnep_err_set(err, VNEP_EVALUE,
			"MAC %s in VLAN %u of %s belongs to %s already", text, device->vlan,
			device->dev, o.dev);
	}
	for (unsigned i = 0; i < device->addr_count; i++)
		if (vnep_map_index_each(txn, addrs, &device->addr[i], sizeof device->addr[i],
			    is_other, &o) > 0) {
			vnep_ip6_print(&device->addr[i], text);
			return vnep_err_set(err, VNEP_EVALUE,
				"addr %s of %s belongs to %s already, and form host needs its own",
				text, device->dev, o.dev);
		}
	return 0;
}

struct check {
	struct vnep_map_txn *txn;
	vnep_map_refused_cb *cb;
	void *arg;
	bool vpc_only; /* who has the same address as another is a suspect by that */
	bool refused;
};

static int check_device(struct check *c, const struct vnep_device *device)
{
	char vpc[VNEP_LABEL_MAX + 1];
	struct vnep_err why = { 0 };
	int rc = c->vpc_only ? 0 : check_taken(c->txn, device, &why);

	if (!rc)
		rc = vnep_map_vpc_of(c->txn, device, vpc, &why);
	if (!rc)
		return 0;
	c->refused = true;
	return c->cb(device->dev, &why, c->arg);
}

static int check_text(const char *text, size_t len, void *arg)
{
	struct check *c = arg;
	struct vnep_device device = { 0 };
	int rc = vnep_map_device_of(c->txn, text, len, &device, NULL);

	if (!rc)
		rc = check_device(c, &device);
	vnep_device_release(&device);
	return rc;
}

int vnep_map_suspect(struct vnep_map_txn *txn, const char *dev)
{
	struct vnep_buf *list = &txn->suspects;

	txn->unchecked = true;
	if (list->len > txn->checked && !strcmp((const char *)list->data + txn->last_suspect, dev))
		return 0;
	txn->last_suspect = list->len;
	vnep_buf_put(list, dev, strlen(dev) + 1);
	return list->rc ? ENOMEM : 0;
}

/* It was damaged before: that is not what is asked here. */
static int pass_over(const struct vnep_err *why, void *arg)
{
	(void)why;
	(void)arg;
	return 0;
}

static int check_all(struct check *c, struct vnep_err *err)
{
	vnep_map_damage_cb *damage = c->txn->damage;
	int rc;

	c->vpc_only = true;
	c->txn->damage = pass_over;
	rc = vnep_map_each(c->txn, VNEP_RECORD_DEVICE, false, check_text, c, err);
	c->txn->damage = damage;
	c->vpc_only = false;
	return rc;
}

/* The suspects that are still there; after a change of a vpc, the vpc of all. */
int vnep_map_check_new(
	struct vnep_map_txn *txn, vnep_map_refused_cb *cb, void *arg, struct vnep_err *err)
{
	struct check c = { .txn = txn, .cb = cb, .arg = arg };
	int rc = vnep_map_fail(err, vnep_map_flush(txn), "writing the map");

	if (!rc && txn->all_suspect && !txn->all_checked)
		rc = check_all(&c, err);
	txn->all_checked = true;
	while (txn->checked < txn->suspects.len && !rc) {
		const char *dev = (const char *)txn->suspects.data + txn->checked;
		struct vnep_map_value value;

		rc = vnep_map_value_get(txn, VNEP_RECORD_DEVICE, dev, &value, err);
		txn->checked += strlen(dev) + 1;
		if (!rc && !value.deleted)
			rc = check_text(value.json, value.len, &c);
		else if (rc == VNEP_ENOTFOUND)
			rc = 0; /* taken back */
	}
	txn->refused = txn->refused || c.refused;
	return rc;
}

int vnep_map_check_each(
	struct vnep_map_txn *txn, vnep_map_refused_cb *cb, void *arg, struct vnep_err *err)
{
	int rc;

	txn->checked = 0;
	txn->all_checked = txn->refused = false;
	rc = vnep_map_check_new(txn, cb, arg, err);
	if (rc || txn->refused)
		return rc;
	txn->unchecked = txn->all_suspect = false;
	vnep_buf_reset(&txn->suspects);
	txn->checked = 0;
	return 0;
}

static int keep_reason(const char *dev, const struct vnep_err *why, void *arg)
{
	struct vnep_err *err = arg;

	(void)dev;
	if (err) {
		snprintf(err->text, sizeof err->text, "%s", why->text);
		snprintf(err->hint, sizeof err->hint, "%s", why->hint);
		err->code = why->code;
	}
	return why->code;
}

int vnep_map_check(struct vnep_map_txn *txn, struct vnep_err *err)
{
	return vnep_map_check_each(txn, keep_reason, err, err);
}
