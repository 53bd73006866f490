/* publish - what the parts of `vnep-map publish` share. */
#ifndef VNEP_CMD_MAP_PUBLISH_H
#define VNEP_CMD_MAP_PUBLISH_H

#include "map.h"
#include "vnep/dns.h"

/* One zone of a run, and what it should hold of us. */
struct publish_zone {
	char name[VNEP_DNS_NAME_LEN];
	bool reverse;
	struct vnep_dnsset want;
	struct vnep_dnsset shy; /* names of devices without consent, of any type: to be asked for, never sent */
};

struct publish {
	struct vnep_cli *cli;
	struct vnep_dns_server server;
	struct vnep_dns *dns; /* NULL: no server was named */
	char owner[VNEP_DNS_OWNER_MAX + 1];
	uint64_t ttl, rate; /* rate 0: as fast as the server answers */
	bool print;         /* --format nsupdate */
	bool udp;
	struct publish_zone *zone;
	size_t zones;
	uint64_t conflicts; /* names that changed meanwhile */
	int lock;           /* on STATE/dns, -1 = not taken */
};

/* publish-want.c: fill the want of every zone from the map and from --service, and find out who we are. */
int publish_want(struct publish *p);

/* A name that is left alone is not ours: no way back leads to it either. */
int publish_want_less(struct publish *p, const struct vnep_dnsplan *plan);

/* publish-state.c: what is kept in STATE/dns: who we are, and the names that a server may have from us. _read gives those of
 * every server of the zone: one server may be spelt in more than one way. */
int publish_owner(struct publish *p);
int publish_lock(struct publish *p); /* one run at a time may send and keep the lists; until p->lock is closed */
int publish_names_read(struct publish *p, const struct publish_zone *zone, struct vnep_dnsset *names);
int publish_names_write(struct publish *p, const struct publish_zone *zone, const struct vnep_dnsset *names);

/* publish-send.c: carry a plan out, message by message. */
struct publish_done {
	uint64_t count[3]; /* by enum vnep_dns_what */
};
int publish_send(struct publish *p, const struct publish_zone *zone, const struct vnep_dnsplan *plan,
	struct publish_done *done);
/* How many changes from first on go into one message, at most limit (0 = any). */
size_t publish_pack(const struct publish *p, const struct publish_zone *zone,
	const struct vnep_dnsplan *plan, size_t first, size_t limit);

#endif
