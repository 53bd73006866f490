/*
 * acl-spool - the devices of a state that is wanted once: a file holds them, not the memory.
 *
 * Who compares a map with the kernel and ends needs each device a few times, one after the other, and looks none up.
 * So the devices wait in a file without a name (config.spool), in the order in which they came, and each walk reads it
 * again. What is left in memory is eight octets for each MAC, each endpoint and each address: a MAC whole, of the others
 * a hash. As long as all hashes differ, all that they are of differs too, and each device stands for itself. Where two
 * are equal - an endpoint that was said twice, a binding that two devices want, or by an accident once in many lives -
 * the devices go into the tables of a running process, and it is decided there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "acl-private.h"
#include "vnep/err.h"
#include "vnep/siphash.h"

enum {
	CHUNK_OCTETS = 64 << 10,
	DEVICE_OCTETS = sizeof(struct acl_spooled) + VNEP_ADDR_COUNT_MAX * sizeof(struct in6_addr),
};

static int cannot(struct vnep_err *err, int errnum)
{
	return vnep_err_sys(err, errnum, "devices in a temporary file");
}

int acl_spool_open(struct vnep_acl *acl, struct vnep_err *err)
{
	struct acl_spool *spool = calloc(1, sizeof *spool);

	if (!spool)
		return cannot(err, ENOMEM);
	spool->fd = open(acl->config.spool, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (spool->fd < 0) /* no disk to write on: then it takes memory */
		spool->fd = memfd_create("vnep-acl", MFD_CLOEXEC);
	if (spool->fd < 0) {
		free(spool);
		return cannot(err, errno);
	}
	if (getrandom(spool->key, sizeof spool->key, GRND_NONBLOCK) != sizeof spool->key)
		memcpy(spool->key, &spool, sizeof spool); /* early boot: still not a constant */
	vnep_buf_init(&spool->tail);
	acl->spool = spool;
	return 0;
}

void acl_spool_free(struct acl_spool *spool)
{
	if (!spool)
		return;
	close(spool->fd);
	vnep_buf_release(&spool->tail);
	vnep_u64s_release(&spool->macs);
	vnep_u64s_release(&spool->seen);
	free(spool);
}

uint64_t acl_spool_hash(const struct acl_spool *spool, const void *key, size_t len)
{
	return vnep_siphash(spool->key, len, key, len);
}

static uint64_t mac_number(const struct vnep_mac *mac)
{
	uint64_t number = 0;

	for (size_t i = 0; i < sizeof mac->octet; i++)
		number = number << 8 | mac->octet[i];
	return number;
}

static int flush(struct acl_spool *spool)
{
	size_t at = 0;

	while (at < spool->tail.len) {
		ssize_t n = pwrite(spool->fd, spool->tail.data + at, spool->tail.len - at,
			(off_t)spool->octets);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (size_t)n;
		spool->octets += (uint64_t)n;
	}
	vnep_buf_reset(&spool->tail);
	return 0;
}

/* What may meet that of another device: its endpoint, and each address behind its MAC. The port is left out: who is
 * alone on all of them is alone on each. */
static int see(struct acl_spool *spool, const struct acl_device *d)
{
	struct {
		struct in6_addr addr;
		struct vnep_mac mac;
		uint16_t vlan;
	} key = { .mac = d->mac, .vlan = d->vlan };
	int rc = vnep_u64s_add(&spool->seen, acl_spool_hash(spool, &d->vep, sizeof d->vep));

	if (!rc && d->has_mac)
		rc = vnep_u64s_add(&spool->macs, mac_number(&d->mac));
	for (unsigned i = 0; !rc && d->class != ACL_NONE && i <= d->more_count; i++) {
		key.addr = i ? d->more[i - 1] : d->addr;
		rc = vnep_u64s_add(&spool->seen, acl_spool_hash(spool, &key, sizeof key));
	}
	return rc;
}

int acl_spool_put(struct vnep_acl *acl, const struct acl_device *d, struct vnep_err *err)
{
	struct acl_spool *spool = acl->spool;
	const struct acl_spooled spooled = { *d, acl->place_file, acl->place_line };
	int rc = see(spool, d);

	spool->sealed = false;
	vnep_buf_put(&spool->tail, &spooled, sizeof spooled);
	vnep_buf_put(&spool->tail, d->more, d->more_count * sizeof *d->more);
	if (!rc)
		rc = spool->tail.rc;
	if (!rc && spool->tail.len >= CHUNK_OCTETS)
		rc = flush(spool);
	return rc ? cannot(err, -rc) : 0;
}

size_t acl_spool_macs(struct acl_spool *spool)
{
	if (!spool->sealed) {
		vnep_u64s_sort(&spool->macs);
		vnep_u64s_unite(&spool->macs);
	}
	return spool->macs.count;
}

int acl_spool_seal(struct vnep_acl *acl, struct vnep_err *err)
{
	struct acl_spool *spool = acl->spool;
	int rc;

	if (!spool || spool->sealed)
		return 0;
	acl_spool_macs(spool);
	rc = flush(spool);
	if (rc)
		return cannot(err, -rc);
	spool->sealed = true;
	vnep_u64s_sort(&spool->seen);
	return vnep_u64s_unite(&spool->seen) ? acl_spool_settle(acl, err) : 0;
}

int acl_spool_settle(struct vnep_acl *acl, struct vnep_err *err)
{
	struct acl_spool *spool = acl->spool;
	const struct acl_device *d;
	struct acl_walk walk;
	int rc = spool ? flush(spool) : 0;

	if (!spool || rc)
		return rc ? cannot(err, -rc) : 0;
	acl_walk_begin(&walk, acl, false);
	acl->spool = NULL; /* what is entered now goes to the tables */
	while (!rc && (d = acl_walk_next(&walk)))
		rc = acl_device_enter(acl, d, err);
	if (!rc && walk.rc)
		rc = cannot(err, -walk.rc);
	acl_walk_end(&walk);
	vnep_u64s_release(&spool->macs);
	vnep_u64s_release(&spool->seen);
	acl->settled = spool; /* it says whose record each was */
	return rc;
}

/* ---- the walk ---- */

static void walk_begin(struct acl_walk *walk, const struct vnep_acl *acl,
	const struct acl_spool *spool, bool by_mac)
{
	*walk = (struct acl_walk){ .acl = acl, .spool = spool, .by_mac = by_mac };
	if (!spool || by_mac)
		return;
	walk->more = malloc(CHUNK_OCTETS + DEVICE_OCTETS);
	if (walk->more)
		walk->chunk = (uint8_t *)walk->more + DEVICE_OCTETS;
	else
		walk->rc = -ENOMEM;
}

void acl_walk_begin(struct acl_walk *walk, const struct vnep_acl *acl, bool by_mac)
{
	walk_begin(walk, acl, acl->spool, by_mac);
}

void acl_walk_end(struct acl_walk *walk)
{
	free(walk->more);
	walk->more = NULL;
}

/* At least one whole device, or all that is left. */
static void refill(struct acl_walk *walk)
{
	ssize_t n = 1;

	memmove(walk->chunk, walk->chunk + walk->at, walk->len - walk->at);
	walk->len -= walk->at;
	walk->at = 0;
	while (n && walk->len < DEVICE_OCTETS) {
		n = pread(walk->spool->fd, walk->chunk + walk->len, CHUNK_OCTETS - walk->len,
			(off_t)walk->offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			walk->rc = -errno;
			return;
		}
		walk->len += (size_t)n;
		walk->offset += (uint64_t)n;
	}
}

static const struct acl_device *next_of_file(struct acl_walk *walk)
{
	size_t more;

	if (!walk->rc && walk->len - walk->at < DEVICE_OCTETS)
		refill(walk);
	if (walk->rc || walk->len - walk->at < sizeof walk->device)
		return NULL;
	memcpy(&walk->device, walk->chunk + walk->at, sizeof walk->device);
	walk->at += sizeof walk->device;
	more = walk->device.d.more_count * sizeof *walk->more;
	memcpy(walk->more, walk->chunk + walk->at, more);
	walk->at += more;
	walk->device.d.more = walk->more;
	return &walk->device.d;
}

/* Only the MAC is told: nothing else is asked of such a walk. */
static const struct acl_device *next_mac(struct acl_walk *walk)
{
	uint64_t number;

	if (walk->i == walk->spool->macs.count)
		return NULL;
	number = walk->spool->macs.items[walk->i++];
	walk->device.d = (struct acl_device){ .class = ACL_NONE, .has_mac = true };
	for (size_t i = sizeof walk->device.d.mac.octet; i; number >>= 8)
		walk->device.d.mac.octet[--i] = (uint8_t)number;
	return &walk->device.d;
}

const struct acl_device *acl_walk_next(struct acl_walk *walk)
{
	if (!walk->spool)
		return vnep_table_next(
			walk->by_mac ? &walk->acl->by_mac : &walk->acl->devices, &walk->i);
	return walk->by_mac ? next_mac(walk) : next_of_file(walk);
}

/* The last whose element it is: of two records of one endpoint the later one counts. */
void acl_spool_place(
	struct vnep_acl *acl, enum vnep_set set, const uint8_t *key, struct vnep_err *err)
{
	struct acl_elements its = { .set = set };
	const struct acl_device *d;
	struct acl_walk walk;

	walk_begin(&walk, acl, acl->spool ? acl->spool : acl->settled, false);
	while (walk.spool && (d = acl_walk_next(&walk))) {
		its.count = 0;
		acl_elements_device(acl, d, &its);
		for (size_t i = 0; i < its.count; i++)
			if (!memcmp(its.items[i].key, key, vnep_set_specs[set].key_len))
				vnep_err_place(err, walk.device.file, walk.device.line, 0);
	}
	acl_walk_end(&walk);
	acl_elements_release(&its);
}
