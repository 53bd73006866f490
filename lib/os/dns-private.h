/*
 * dns-private - between the parts of dns: messages (dns-wire.c, which knows ldns), octets on sockets
 * (dns-net.c), questions (dns-ask.c).
 */
#ifndef VNEP_OS_DNS_PRIVATE_H
#define VNEP_OS_DNS_PRIVATE_H

#include "vnep/buf.h"
#include "vnep/clock.h"
#include "vnep/dns.h"
#include "vnep/err.h"

enum { DNS_MAC_MAX = 64, DNS_MESSAGE_MAX = 65535 };

/* The MAC of a message, which the answer to it is bound to. len 0: it was not signed. */
struct dns_mac {
	uint16_t len;
	uint8_t octets[DNS_MAC_MAX];
};

/* RFC 1035, 2136, 8945: the codes of an answer, those of TSIG included. */
enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_YXDOMAIN = 6,
	DNS_YXRRSET = 7,
	DNS_NXRRSET = 8,
	DNS_NOTAUTH = 9,
	DNS_NOTZONE = 10,
	DNS_BADSIG = 16,
	DNS_BADKEY = 17,
	DNS_BADTIME = 18,
	DNS_BADTRUNC = 22,
};

/* What an answer says, read and verified. */
struct dns_answer {
	uint16_t id;
	unsigned rcode;      /* of the header, or of TSIG if that has one */
	bool authoritative, truncated, is_update;
	bool verified;       /* signed with our key, or we have none */
	bool mac_is_there;   /* signed at all */
	int64_t clock_off_s; /* BADTIME: how far their clock is ahead of ours */
	struct dns_mac mac;
	size_t records;      /* of the answer section */
	bool named;          /* one of them is at the name that was asked for */
	uint16_t first_type, last_type; /* of its first and last record */
	char zone[VNEP_DNS_NAME_LEN];   /* the owner of the SOA beside an answer of nothing, or "" */
};

/* dns-wire.c. Messages are made into out, signed if key is not NULL; mac gets their MAC. */
int vnep_dnswire_query(struct vnep_buf *out, uint16_t id, const char *name, uint16_t type,
	const struct vnep_dnskey *key, struct dns_mac *mac, struct vnep_err *err);
int vnep_dnswire_update(struct vnep_buf *out, uint16_t id, const char *zone,
	const struct vnep_dnsplan *plan, size_t first, size_t count, const struct vnep_dnskey *key,
	struct dns_mac *mac, struct vnep_err *err);

/* Read an answer; the records of its answer section go to have (NULL: nowhere), those of one name alone if only is not
 * NULL. before is the MAC of the message it answers, or, with more, of the message before it in a stream. */
int vnep_dnswire_read(const uint8_t *wire, size_t len, const struct vnep_dnskey *key,
	const struct dns_mac *before, bool more, struct dns_answer *answer, const char *only,
	struct vnep_dnsset *have, struct vnep_err *err);

/* dns-net.c: whole messages over one socket. */
struct dns_net {
	int fd; /* -1: not connected */
	bool udp;
	char where[300]; /* "192.0.2.1 port 53" for messages */
};
/* Is the connection still there, with nothing unread on it? */
bool vnep_dnsnet_usable(const struct dns_net *net);
int vnep_dnsnet_connect(struct dns_net *net, const struct vnep_dns_server *server, bool udp,
	struct vnep_mono deadline, struct vnep_err *err);
void vnep_dnsnet_close(struct dns_net *net);
int vnep_dnsnet_send(
	struct dns_net *net, const struct vnep_buf *message, struct vnep_mono deadline, struct vnep_err *err);
/* One message into in. VNEP_EUNAVAIL; *lost: the peer hung up, otherwise the time is over. */
int vnep_dnsnet_receive(struct dns_net *net, struct vnep_buf *in, struct vnep_mono deadline,
	bool *lost, struct vnep_err *err);

struct vnep_dns {
	struct vnep_dns_config config;
	struct vnep_dnskey key;
	const struct vnep_dnskey *signer; /* &key or NULL */
	struct dns_net net;
	char zone[VNEP_DNS_NAME_LEN]; /* that it was found to be an authority of */
	uint16_t next_id;
};

/* dns.c. Send one message and read the answer to it. *sent: from then on the server may have acted on it. */
int vnep_dns_exchange(struct vnep_dns *dns, const struct vnep_buf *message, uint16_t id,
	const struct dns_mac *mac, struct dns_answer *answer, bool *sent, struct vnep_err *err);
int vnep_dns_connect(struct vnep_dns *dns, struct vnep_err *err); /* if it is not */
struct vnep_mono vnep_dns_deadline(const struct vnep_dns *dns);
/* An error of an answer as ours; 0 for NOERROR. what is asked for: "iot.example.: transfer". */
int vnep_dns_fail(struct vnep_dns *dns, const struct dns_answer *answer, const char *what,
	struct vnep_err *err);
/* Is a good answer signed as it should be? */
int vnep_dns_trust(struct vnep_dns *dns, const struct dns_answer *answer, struct vnep_err *err);

#endif
