/* fuzz-edgeconf - any bytes as a configuration: both ways of reading agree, and what is taken fits. */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "vnep/edge.h"
#include "vnep/err.h"

static void count(const struct vnep_err *err, void *arg)
{
	HOLDS(err->code && err->text[0]);
	++*(unsigned *)arg;
}

static void check_fits(const struct vnep_edge_config *c)
{
	HOLDS(c->name[0] && strnlen(c->name, sizeof c->name) < sizeof c->name);
	HOLDS(c->region[0] && strnlen(c->region, sizeof c->region) < sizeof c->region);
	HOLDS(strnlen(c->acl.core, sizeof c->acl.core) < sizeof c->acl.core);
	HOLDS(c->acl.journal_port[0]);
	HOLDS(c->acl.access_count <= VNEP_PORTS_MAX);
	for (unsigned i = 0; i < c->acl.access_count; i++) {
		size_t len = strnlen(c->acl.access[i], sizeof c->acl.access[i]);

		HOLDS(len && len < sizeof c->acl.access[i]);
	}
	HOLDS(!c->acl.set_size || c->acl.set_size >= 1024);
	HOLDS(c->advertise_count <= VNEP_ADVERTISE_MAX);
	for (unsigned i = 0; i < c->advertise_count; i++) {
		const struct vnep_advertise *a = &c->advertise[i];

		HOLDS(a->port[0] && strnlen(a->port, sizeof a->port) < sizeof a->port);
		HOLDS(a->prefix.len == 64 && a->line && a->vlan < 4095);
		HOLDS(a->preferred_s <= a->valid_s && a->interval_s >= 4);
		HOLDS(!a->lifetime_s || (a->lifetime_s >= a->interval_s && a->lifetime_s <= 9000));
		HOLDS(!a->mtu || a->mtu >= 1280);
	}
	HOLDS(c->querier_count <= VNEP_PORTS_MAX);
	for (unsigned i = 0; i < c->querier_count; i++) {
		const struct vnep_querier *q = &c->querier[i];

		HOLDS(q->port[0] && strnlen(q->port, sizeof q->port) < sizeof q->port && q->line);
		HOLDS(q->interval_s >= 2 && q->interval_s <= 3600 && q->response_ms >= 100);
		HOLDS(q->response_ms < q->interval_s * 1000);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct vnep_edge_config config, all;
	struct vnep_err err = { 0 };
	unsigned mistakes = 0;
	char path[64];
	int first, rc;

	if (fd < 0)
		fd = memfd_create("edge.conf", MFD_CLOEXEC);
	HOLDS(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	vnep_edge_config_init(&config);
	vnep_edge_config_init(&all);
	first = vnep_edge_config_read(&config, path, NULL, NULL, &err);
	HOLDS(first == err.code);
	rc = vnep_edge_config_read(&all, path, count, &mistakes, NULL);
	HOLDS(rc == first && !first == !mistakes);
	check_fits(&config);
	check_fits(&all);
	if (!first)
		HOLDS(!memcmp(&config, &all, sizeof all));
	vnep_edge_config_check(&all, NULL, NULL, &err);
	return 0;
}
