/*
 * follow - the kernel follows the map, without a daemon.
 *
 * Elements are known by the endpoint of their device, records by its URN: a device that gets another endpoint
 * leaves the old one. So by_dev remembers which endpoint each URN had. Of several changes, first all old
 * endpoints become free, then the new ones are taken: two devices may exchange theirs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl-private.h"
#include "changes.h"
#include "vnep/err.h"
#include "vnep/follow.h"
#include "vnep/ruleset.h"

enum { SINGLY_MAX = 4096 }; /* more changes than this: everything is compared, in one pass */

struct vnep_follow {
	struct vnep_acl_config config;
	struct vnep_mapstore *map;
	struct vnep_follow_events events;
	struct vnep_acl *acl;
	struct vnep_nl *guard;
	struct vnep_table by_dev; /* struct follow_dev */
	uint64_t revision;
};

/* A hash instead of the URN: there may be a million of them. */
struct follow_dev {
	uint64_t hash;
	struct in6_addr vep;
};

static uint64_t hash_dev(const char *dev)
{
	return vnep_hash(VNEP_HASH_INIT, dev, strlen(dev));
}

static struct follow_dev *find_dev(const struct vnep_follow *follow, const char *dev)
{
	uint64_t hash = hash_dev(dev);

	return vnep_table_get(&follow->by_dev, &hash);
}

static int remember(const struct vnep_device *device, void *arg)
{
	struct vnep_follow *follow = arg;
	struct follow_dev *d = find_dev(follow, device->dev);

	if (d) {
		d->vep = device->vep;
		return 0;
	}
	d = malloc(sizeof *d);
	if (!d)
		return -ENOMEM;
	*d = (struct follow_dev){ hash_dev(device->dev), device->vep };
	if (!vnep_table_put(&follow->by_dev, d))
		return 0;
	free(d);
	return -ENOMEM;
}

static void forget(struct vnep_follow *follow, struct follow_dev *d)
{
	vnep_table_remove(&follow->by_dev, d);
	free(d);
}

static void forget_all(struct vnep_follow *follow)
{
	struct follow_dev *d;

	for (size_t i = 0; (d = vnep_table_next(&follow->by_dev, &i));)
		free(d);
	vnep_table_release(&follow->by_dev);
}

static int refused(const struct vnep_err *why, void *arg)
{
	const struct vnep_follow *follow = arg;

	return follow->events.refused(why, follow->events.arg);
}

static const struct vnep_follow_events *tell(const struct vnep_follow *follow)
{
	return &follow->events;
}

/* The wanted state anew, of this transaction, and the kernel compared with it. */
static int compare_all(struct vnep_follow *follow, struct vnep_map_txn *txn, struct vnep_err *err)
{
	const struct vnep_acl_from_map how = {
		.preload = true, .refused = refused, .wanted = remember, .arg = follow
	};
	uint64_t changes = 0, revision = vnep_map_revision(txn);
	struct vnep_acl *fresh = NULL;
	bool touched;
	int rc = vnep_acl_open(&fresh, &follow->config, false, err);

	if (rc)
		return rc;
	if (follow->acl && follow->guard) /* its own changes; those of others are mended now */
		rc = vnep_acl_touched(follow->acl, follow->guard, &touched, err);
	vnep_acl_close(follow->acl);
	follow->acl = fresh;
	forget_all(follow);
	if (!rc)
		rc = vnep_acl_want_map(follow->acl, txn, &how, err);
	if (rc == -ENOMEM)
		vnep_err_sys(err, ENOMEM, "the wanted state");
	if (!rc)
		rc = vnep_acl_apply(follow->acl, &changes, err);
	if (rc)
		return rc;
	follow->revision = revision;
	return tell(follow)->compared(changes, tell(follow)->arg);
}

int vnep_follow_new(struct vnep_follow **out, const struct vnep_acl_config *config,
	struct vnep_mapstore *map, const struct vnep_follow_events *events, struct vnep_err *err)
{
	struct vnep_follow *follow = calloc(1, sizeof *follow);
	struct vnep_map_txn *txn = NULL;
	int rc;

	if (!follow)
		return vnep_err_sys(err, ENOMEM, "following the map");
	follow->config = *config;
	follow->map = map;
	follow->events = *events;
	vnep_table_init(&follow->by_dev, offsetof(struct follow_dev, hash), sizeof(uint64_t));
	rc = vnep_map_begin(map, false, &txn, err);
	if (!rc)
		rc = compare_all(follow, txn, err);
	vnep_map_abort(txn);
	/* Opened late, because the kernel tells of each element: so the rules are looked at once more. */
	if (!rc)
		rc = vnep_acl_events_open(&follow->guard, err);
	if (!rc)
		rc = vnep_acl_ports_changed(follow->acl, err);
	if (rc) {
		vnep_follow_free(follow);
		return rc;
	}
	*out = follow;
	return 0;
}

void vnep_follow_free(struct vnep_follow *follow)
{
	if (!follow)
		return;
	vnep_nl_close(follow->guard);
	vnep_acl_close(follow->acl);
	forget_all(follow);
	free(follow);
}

int vnep_follow_fd(const struct vnep_follow *follow)
{
	return vnep_nl_fd(follow->guard);
}

uint64_t vnep_follow_revision(const struct vnep_follow *follow)
{
	return follow->revision;
}

int vnep_follow_guard(struct vnep_follow *follow, bool *touched, struct vnep_err *err)
{
	uint64_t changes = 0;
	int rc = vnep_acl_touched(follow->acl, follow->guard, touched, err);

	if (rc || !*touched)
		return rc;
	rc = vnep_acl_apply(follow->acl, &changes, err);
	return rc ? rc : tell(follow)->compared(changes, tell(follow)->arg);
}

/* The endpoint that it had, unless it has it still. */
static int leave(struct vnep_follow *follow, struct vnep_map_txn *txn, struct change *c,
	struct vnep_err *err)
{
	struct follow_dev *d = find_dev(follow, c->dev);
	struct in6_addr vep;
	struct vnep_device now = { 0 };
	bool stays = d && !vnep_map_get_device(txn, c->dev, &now, NULL) &&
		     vnep_ip6_equal(&now.vep, &d->vep);

	vnep_device_release(&now);
	c->known = d;
	if (!d || stays)
		return 0;
	vep = d->vep;
	forget(follow, d);
	return vnep_acl_device_unset(follow->acl, &vep, err);
}

/* A record that cannot be served leaves nothing of its device in the kernel: what the map said before, it does not
 * say any more. */
static int refuse(
	struct vnep_follow *follow, const struct vnep_device *device, struct vnep_err *err)
{
	struct follow_dev *d = find_dev(follow, device->dev);
	struct vnep_err why = *err;
	int rc = d ? vnep_acl_device_unset(follow->acl, &d->vep, err) : 0;

	if (d)
		forget(follow, d);
	return rc ? rc : refused(&why, follow);
}

static int enter(struct vnep_follow *follow, struct vnep_map_txn *txn, const struct change *c,
	const char **what, struct vnep_err *err)
{
	const char *dev = c->dev;
	struct vnep_device device = { 0 };
	struct vnep_binding binding;
	bool bound;
	int rc = vnep_map_get_device(txn, dev, &device, NULL);

	*what = c->known ? "change" : "add";
	if (rc == VNEP_ENOTFOUND) {
		*what = "delete";
		return 0;
	}
	if (rc)
		return vnep_map_get_device(txn, dev, &device, err);
	bound = !vnep_map_get_binding(txn, dev, &binding, NULL) && !binding.deleted;
	rc = vnep_acl_device_set(follow->acl, &device, bound ? &binding : NULL, err);
	if (rc == VNEP_EVALUE) {
		*what = NULL;
		rc = refuse(follow, &device, err);
	} else if (!rc) {
		rc = remember(&device, follow);
	}
	vnep_device_release(&device);
	return rc;
}

static int follow_groups(struct vnep_follow *follow, struct vnep_map_txn *txn, struct vnep_err *err)
{
	const struct vnep_acl_from_map how = { .refused = refused, .arg = follow };
	int rc = vnep_acl_want_groups(follow->acl, txn, &how, err);

	return rc ? rc : vnep_acl_groups_apply(follow->acl, err);
}

static int follow_singly(struct vnep_follow *follow, struct vnep_map_txn *txn, struct changes *c,
	struct vnep_err *err)
{
	int rc = c->groups ? follow_groups(follow, txn, err) : 0;

	for (size_t i = 0; !rc && i < c->count; i++)
		rc = leave(follow, txn, &c->items[i], err);
	for (size_t i = 0; !rc && i < c->count; i++) {
		const struct change *item = &c->items[i];
		const char *what = NULL;

		rc = enter(follow, txn, item, &what, err);
		if (!rc && what)
			rc = tell(follow)->changed(what, (char *)c->texts.data + item->text,
				item->len, tell(follow)->arg);
	}
	if (!rc)
		follow->revision = c->revision;
	return rc;
}

int vnep_follow_map(struct vnep_follow *follow, struct vnep_err *err)
{
	struct changes c = { .max = SINGLY_MAX, .with_texts = true, .bindings = true };
	struct vnep_map_txn *txn = NULL;
	int rc = vnep_map_begin(follow->map, false, &txn, err);

	if (!rc && vnep_map_revision(txn) == follow->revision)
		goto out;
	/* A revision that went back is another map: its history does not reach to what we have. */
	c.many = !rc && vnep_map_revision(txn) < follow->revision;
	if (!rc && !c.many)
		rc = changes_read(&c, txn, follow->revision, err);
	if (rc == VNEP_ECONFLICT) { /* tombstones are gone that we never saw */
		c.many = true;
		rc = 0;
	}
	if (!rc && !c.vpcs && !c.many)
		rc = follow_singly(follow, txn, &c, err);
	else if (!rc)
		rc = compare_all(follow, txn, err);
	/* What failed singly may be done by a look at everything. */
	if (rc == VNEP_EKERNEL || rc == VNEP_EUNKNOWN)
		rc = compare_all(follow, txn, err);
out:
	changes_release(&c);
	vnep_map_abort(txn);
	return rc;
}
