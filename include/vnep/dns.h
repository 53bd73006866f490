/*
 * dns - a conversation with one authoritative server: what it has, and changes of it (RFC 2136, TSIG).
 * The only module that knows ldns; without it (WITH_DNS=0) _open says so.
 *
 * Shape   one zone at a time. Questions and changes go over one TCP connection, which is made again when it
 *         was lost, or (udp) in datagrams of at most 1,232 octets, sent again when no answer comes.
 * Owner   new/free by _open and _close. The key is copied, and wiped by _close.
 * Errors  every text names the server. VNEP_EUNAVAIL: nobody there, no answer in time, SERVFAIL. VNEP_EPRIV:
 *         it knows who asks and says no (REFUSED, NOTAUTH, a wrong key, clocks apart). -EPROTO: it does not
 *         speak it, or its answer is malformed or not signed as it should be. _update only:
 *         VNEP_ECONFLICT: a prerequisite does not hold, nothing of the message was done; VNEP_EUNKNOWN: it was
 *         sent and no answer came: look what the server has.
 * TSIG    with a key every message is signed and every answer must be, but for errors, which only tell that
 *         nothing was done. The MAC, the name, the algorithm and the time are checked.
 * Source  RFC 1035 4.2.2, RFC 2136, RFC 5936, RFC 7766 6.2.1 (pipelining), RFC 8945.
 */
#ifndef VNEP_DNS_H
#define VNEP_DNS_H

#include "vnep/dnskey.h"
#include "vnep/dnsplan.h"

enum { VNEP_DNS_PORT = 53, VNEP_DNS_TCP_OCTETS = 65535, VNEP_DNS_UDP_OCTETS = 1232 };

struct vnep_dns;

struct vnep_dns_server {
	char host[256]; /* a name or an address, without brackets */
	char port[6];
};

/* HOST, HOST:PORT, ADDRESS, ADDRESS:PORT (IPv4) or [ADDRESS]:PORT. */
int vnep_dns_server_parse(const char *text, struct vnep_dns_server *out, struct vnep_err *err);

struct vnep_dns_config {
	struct vnep_dns_server server;
	const struct vnep_dnskey *key; /* NULL: unsigned */
	bool udp;
	int64_t timeout_ns; /* for an answer */
};

int vnep_dns_open(struct vnep_dns **out, const struct vnep_dns_config *config, struct vnep_err *err);
void vnep_dns_close(struct vnep_dns *dns); /* NULL is fine */

/* How many octets an UPDATE may have, less what header, zone and signature take. */
size_t vnep_dns_room(const struct vnep_dns *dns, const char *zone);

/* Is it an authority of this zone, and does it take our key? */
int vnep_dns_check(struct vnep_dns *dns, const char *zone, struct vnep_err *err);

/* All records of the zone (AXFR, always TCP) but those that a signer makes. VNEP_EPRIV, -EPROTO: it does not
 * give them to us, ask for names instead. have is then empty. */
int vnep_dns_transfer(struct vnep_dns *dns, const char *zone, struct vnep_dnsset *have,
	struct vnep_err *err);

/* Add to have what the server has at these names: their TXT, AAAA, PTR and SRV records in full; of a name with other
 * records alone, one of them. A name that the server answers from another zone, or refers elsewhere, has an NS record
 * in have: it is delegated. _check says which zone it is about. Questions are pipelined. A name that a wildcard covers has the wildcard's records. */
int vnep_dns_ask(struct vnep_dns *dns, const char *const *names, size_t count,
	struct vnep_dnsset *have, struct vnep_err *err);

/* Changes [first, first + count) of a plan, in one message: all of them, or none. The caller sees to it that they
 * fit (vnep_dnschange_octets, vnep_dns_room). */
int vnep_dns_update(struct vnep_dns *dns, const char *zone, const struct vnep_dnsplan *plan,
	size_t first, size_t count, struct vnep_err *err);

#endif
