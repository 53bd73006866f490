/* mapstore-index - devices by what else is known of them. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapstore-private.h"

size_t vnep_map_name_key(const char *name, char key[static VNEP_NAME_MAX + 1])
{
	size_t n = 0;

	for (; name[n] && n < VNEP_NAME_MAX; n++)
		key[n] = (char)tolower((unsigned char)name[n]);
	while (n && key[n - 1] == '.')
		n--;
	key[n] = 0;
	return n;
}

size_t vnep_map_mac_key(const struct vnep_mac *mac, uint16_t vlan, uint8_t key[static 8])
{
	memcpy(key, mac->octet, 6);
	key[6] = (uint8_t)(vlan >> 8);
	key[7] = (uint8_t)vlan;
	return 8;
}

static int entry(enum vnep_map_db db, const char *text, vnep_map_entry_cb *cb, void *arg)
{
	size_t n = strlen(text);

	return n ? cb(db, text, n, arg) : 0;
}

int vnep_map_entries(const struct vnep_device *device, vnep_map_entry_cb *cb, void *arg)
{
	char name[VNEP_NAME_MAX + 1];
	uint8_t mac[8];
	int rc = cb(IX_VEP, &device->vep, sizeof device->vep, arg);

	if (!rc && device->has_mac)
		rc = cb(IX_MAC, mac, vnep_map_mac_key(&device->mac, device->vlan, mac), arg);
	for (unsigned i = 0; i < device->addr_count && !rc; i++)
		rc = cb(IX_ADDR, &device->addr[i], sizeof device->addr[i], arg);
	vnep_map_name_key(device->name, name);
	if (!rc)
		rc = entry(IX_NAME, name, cb, arg);
	if (!rc)
		rc = entry(IX_VPC, device->vpc, cb, arg);
	if (!rc)
		rc = entry(IX_REGION, device->region, cb, arg);
	for (size_t i = 0; i < device->group_count && !rc; i++)
		rc = entry(IX_GROUP, device->groups[i], cb, arg);
	for (unsigned i = 0; i < device->addr_count && device->form == VNEP_FORM_HOST && !rc; i++)
		rc = cb(IX_HOST, &device->addr[i], sizeof device->addr[i], arg);
	return rc;
}

int vnep_map_index_each(struct vnep_map_txn *txn, enum vnep_map_db db, const void *key,
	size_t key_len, vnep_map_dev_cb *cb, void *arg)
{
	MDB_val at = { key_len, (void *)(uintptr_t)key }, value;
	char dev[VNEP_URN_MAX + 1];
	MDB_cursor *cursor;
	int end = 0, rc = vnep_map_flush(txn);

	if (!rc)
		rc = mdb_cursor_open(txn->txn, txn->store->dbi[db], &cursor);
	if (rc)
		return vnep_map_fail(NULL, rc, "");
	rc = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
	/* A key cut short finds all longer ones: so does a MAC, in any VLAN. Others must match in full. */
	while (!rc && !end && at.mv_size >= key_len && !memcmp(at.mv_data, key, key_len) &&
		(db == IX_MAC || at.mv_size == key_len)) {
		vnep_map_dev_unpack(value.mv_data, value.mv_size, dev);
		end = cb(dev, arg);
		if (!end)
			rc = mdb_cursor_get(cursor, &at, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return end || !rc || rc == MDB_NOTFOUND ? end : vnep_map_fail(NULL, rc, "");
}

static int take_first(const char *dev, void *arg)
{
	snprintf(arg, VNEP_URN_MAX + 1, "%s", dev);
	return 1;
}

static int first_of(struct vnep_map_txn *txn, enum vnep_map_db db, const void *key, size_t len,
	char dev[static VNEP_URN_MAX + 1])
{
	int rc = vnep_map_index_each(txn, db, key, len, take_first, dev);

	return rc > 0 ? 0 : rc < 0 ? rc : VNEP_ENOTFOUND;
}

int vnep_map_by_vep(
	struct vnep_map_txn *txn, const struct in6_addr *vep, char dev[static VNEP_URN_MAX + 1])
{
	return first_of(txn, IX_VEP, vep, sizeof *vep, dev);
}

int vnep_map_by_mac(struct vnep_map_txn *txn, const struct vnep_mac *mac, uint16_t vlan,
	char dev[static VNEP_URN_MAX + 1])
{
	uint8_t key[8];

	return first_of(txn, IX_MAC, key, vnep_map_mac_key(mac, vlan, key), dev);
}

bool vnep_map_has_mac(struct vnep_map_txn *txn, const struct vnep_mac *mac)
{
	char dev[VNEP_URN_MAX + 1];

	return !first_of(txn, IX_MAC, mac->octet, sizeof mac->octet, dev);
}

/* Is it of form host? The canonical JSON of all others has no such words, unless in a label: only then it is read. */
static bool may_be_host(const struct vnep_map_value *value)
{
	static const char words[] = "\"form\":\"host\"";

	return !value->deleted && memmem(value->json, value->len, words, sizeof words - 1);
}

static bool is_host(struct vnep_map_txn *txn, const char *dev, struct in6_addr *vep)
{
	struct vnep_device d = { 0 };
	struct vnep_map_value value;
	bool host;

	if (vnep_map_value_get(txn, VNEP_RECORD_DEVICE, dev, &value, NULL) || !may_be_host(&value))
		return false;
	host = !vnep_map_get_device(txn, dev, &d, NULL) && d.form == VNEP_FORM_HOST;
	*vep = d.vep;
	vnep_device_release(&d);
	return host;
}

static int index_host(struct vnep_map_txn *txn, const struct vnep_map_value *value)
{
	struct vnep_device d = { 0 };
	MDB_val key, dev;
	uint8_t octets[VNEP_URN_MAX];
	int rc = 0;

	if (vnep_map_device_of(txn, value->json, value->len, &d, NULL))
		return 0;
	dev = (MDB_val){ vnep_map_dev_pack(d.dev, octets), octets };
	for (unsigned i = 0; i < d.addr_count && d.form == VNEP_FORM_HOST && !rc; i++) {
		key = (MDB_val){ sizeof d.addr[i], &d.addr[i] };
		rc = mdb_put(txn->txn, txn->store->dbi[IX_HOST], &key, &dev, 0);
	}
	vnep_device_release(&d);
	return rc;
}

int vnep_map_index_hosts(struct vnep_mapstore *store, MDB_txn *raw)
{
	struct vnep_map_txn txn = { .store = store,
		.txn = raw }; /* as much of one as decoding needs */
	uint8_t first[VNEP_MAP_KEY_MAX];
	MDB_val key = { vnep_map_key(VNEP_RECORD_DEVICE, "", first), first }, octets;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(raw, store->dbi[DB_RECORD], &cursor);

	if (rc)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &octets, MDB_SET_RANGE);
	while (!rc && *(const uint8_t *)key.mv_data == first[0]) {
		struct vnep_map_value value;

		if (!vnep_map_value_read(&key, &octets, &value, NULL) && may_be_host(&value))
			rc = index_host(&txn, &value);
		if (!rc)
			rc = mdb_cursor_get(cursor, &key, &octets, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	vnep_buf_release(&txn.scratch);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int host_by_addr(struct vnep_map_txn *txn, const struct in6_addr *addr,
	char dev[static VNEP_URN_MAX + 1], struct in6_addr *vep)
{
	char first[VNEP_URN_MAX + 1]; /* and the only one: such an address is nobody else's */
	int rc = first_of(txn, IX_ADDR, addr, sizeof *addr, first);

	if (rc)
		return rc;
	if (!is_host(txn, first, vep))
		return VNEP_ENOTFOUND;
	memcpy(dev, first, sizeof first);
	return 0;
}

int vnep_map_by_host(
	struct vnep_map_txn *txn, const struct in6_addr *addr, char dev[static VNEP_URN_MAX + 1])
{
	struct in6_addr vep;

	return host_by_addr(txn, addr, dev, &vep);
}

static int by_ends(struct vnep_map_txn *txn, const struct in6_addr *device_end,
	const struct in6_addr *other_end, char dev[static VNEP_URN_MAX + 1])
{
	struct in6_addr vep;
	int rc = vnep_map_by_vep(txn, device_end, dev);

	if (!rc && !is_host(txn, dev, &vep))
		return 0;
	if (rc && rc != VNEP_ENOTFOUND)
		return rc;
	rc = host_by_addr(txn, device_end, dev, &vep);
	if (!rc && !vnep_ip6_equal(&vep, other_end))
		rc = VNEP_ENOTFOUND;
	return rc;
}

/* Where these ends are remembered; NULL: nowhere. */
static struct vnep_map_ends *remembered(struct vnep_map_txn *txn, const struct in6_addr *device_end,
	const struct in6_addr *other_end)
{
	uint32_t a, b;

	if (txn->write)
		return NULL;
	if (!txn->ends)
		txn->ends = calloc(VNEP_MAP_ENDS, sizeof *txn->ends);
	memcpy(&a, device_end->s6_addr + 12, sizeof a);
	memcpy(&b, other_end->s6_addr + 12, sizeof b);
	return txn->ends ? &txn->ends[(a * 2654435761u ^ b * 2246822519u) >> 24] : NULL;
}

int vnep_map_by_ends(struct vnep_map_txn *txn, const struct in6_addr *device_end,
	const struct in6_addr *other_end, char dev[static VNEP_URN_MAX + 1])
{
	struct vnep_map_ends *known = remembered(txn, device_end, other_end);
	int rc;

	if (known && known->dev[0] && vnep_ip6_equal(&known->device_end, device_end) &&
		vnep_ip6_equal(&known->other_end, other_end)) {
		memcpy(dev, known->dev, sizeof known->dev);
		return 0;
	}
	rc = by_ends(txn, device_end, other_end, dev);
	if (!rc && known) {
		known->device_end = *device_end;
		known->other_end = *other_end;
		snprintf(known->dev, sizeof known->dev, "%s", dev);
	}
	return rc;
}

struct candidates {
	char dev[VNEP_URN_MAX + 1];
	char list[200];
	size_t at;
	unsigned count;
};

static int collect(const char *dev, void *arg)
{
	struct candidates *c = arg;
	size_t room = sizeof c->list - c->at;

	if (!c->count++)
		snprintf(c->dev, sizeof c->dev, "%s", dev);
	if (strlen(dev) + 3 < room)
		c->at += (size_t)snprintf(c->list + c->at, room, "%s%s", c->at ? ", " : "", dev);
	return 0;
}

int vnep_map_resolve(struct vnep_map_txn *txn, const char *word, char dev[static VNEP_URN_MAX + 1],
	struct vnep_err *err)
{
	struct candidates found = { .count = 0 };
	struct vnep_map_value value;
	char name[VNEP_NAME_MAX + 1], urn[VNEP_URN_MAX + 1];
	struct in6_addr vep;
	struct vnep_mac mac;
	int rc = 0;

	if (!strncasecmp(word, "urn:", 4)) {
		rc = vnep_urn_canonical(word, urn, err);
		if (!rc)
			rc = vnep_map_value_get(txn, VNEP_RECORD_DEVICE, urn, &value, err);
		if (rc && rc != VNEP_ENOTFOUND && rc != VNEP_EDAMAGED)
			return rc;
		if (rc == VNEP_EDAMAGED || (!rc && !value.deleted)) /* what it said, others ask */
			collect(urn, &found);
		rc = 0;
	} else if (!vnep_mac_parse(word, &mac, NULL)) {
		rc = vnep_map_index_each(txn, IX_MAC, mac.octet, 6, collect, &found);
	} else if (!vnep_ip6_parse(word, &vep, NULL)) {
		rc = vnep_map_index_each(txn, IX_VEP, &vep, sizeof vep, collect, &found);
	} else if (strlen(word) <= VNEP_NAME_MAX && vnep_map_name_key(word, name)) {
		rc = vnep_map_index_each(txn, IX_NAME, name, strlen(name), collect, &found);
	}
	if (rc)
		return vnep_err_set(err, rc, "cannot read the map: %s", vnep_strerror(rc));
	if (!found.count)
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such device \"%s\"", word);
	if (found.count > 1) {
		vnep_err_set(
			err, VNEP_EAMBIGUOUS, "\"%s\" could mean %u devices", word, found.count);
		return vnep_err_hint(err, "%s", found.list);
	}
	memcpy(dev, found.dev, sizeof found.dev);
	return 0;
}
