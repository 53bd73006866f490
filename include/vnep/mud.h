/*
 * mud - a manufacturer's usage description (RFC 8520) as the places that a device may send to.
 *
 * Read     the access lists that from-device-policy names, entry by entry (RFC 8519 with the augmentations of RFC 8520).
 *          An edge's allow list says destination, protocol and destination ports, and what it does not name is dropped:
 *          an entry that says more is handed over with the reason why it cannot be expressed, and never made wider.
 * Shape    struct vnep_mud_entry: one place. allow has protocol and ports; where to is, says kind: a prefix, or what only
 *          a map can tell (word: the host name, the URI of a controller, the authority of a manufacturer, a MUD URL).
 * Owner    everything is lent for the call.
 * Errors   VNEP_ESYNTAX no JSON, or JSON of another form; VNEP_EVALUE a MUD file of a version that is not 1; what a
 *          callback returns ends the reading and is returned.
 */
#ifndef VNEP_MUD_H
#define VNEP_MUD_H

#include <stddef.h>

#include "vnep/record.h"

struct vnep_err;

enum vnep_mud_kind {
	VNEP_MUD_PREFIX,	    /* allow.to */
	VNEP_MUD_NAME,		    /* ietf-acldns:dst-dnsname */
	VNEP_MUD_LOCAL,		    /* local-networks */
	VNEP_MUD_CONTROLLER,	    /* controller: a URI */
	VNEP_MUD_MY_CONTROLLER,	    /* my-controller: word is the MUD URL */
	VNEP_MUD_MANUFACTURER,	    /* manufacturer, or same-manufacturer: an authority */
	VNEP_MUD_MODEL,		    /* model: a MUD URL */
};

struct vnep_mud_entry {
	enum vnep_mud_kind kind;
	struct vnep_allow allow;
	const char *word; /* NULL where the kind has none */
	const char *name; /* of the entry */
};

struct vnep_mud_reader {
	int (*entry)(const struct vnep_mud_entry *entry, void *arg);
	/* list and entry (NULL: the whole list) that cannot be expressed, and why */
	int (*left)(const char *list, const char *entry, const char *why, void *arg);
	void *arg;
};

enum { VNEP_MUD_URL_MAX = 253, VNEP_MUD_FILE_MAX = 1 << 20 };

/* url: the MUD URL that the file names. */
int vnep_mud_read(const char *text, size_t len, const struct vnep_mud_reader *reader,
	char url[static VNEP_MUD_URL_MAX + 1], struct vnep_err *err);

/* "https://iot.example/lamp.json" -> "iot.example", at most max octets with its NUL; "" if there is none. */
void vnep_mud_authority(const char *url, char *out, size_t max);

#endif
