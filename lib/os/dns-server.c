/* dns-server - how a server is named on a command line. */
#include <stdio.h>
#include <string.h>

#include "vnep/dns.h"
#include "vnep/err.h"
#include "vnep/num.h"

int vnep_dns_server_parse(const char *text, struct vnep_dns_server *out, struct vnep_err *err)
{
	const char *host = text, *port = NULL, *end = text + strlen(text);
	const char *first = strchr(text, ':');
	uint64_t number = VNEP_DNS_PORT;

	if (*text == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return vnep_err_set(err, VNEP_EVALUE,
				"\"%s\" is neither [ADDRESS] nor [ADDRESS]:PORT", text);
		port = end[1] ? end + 2 : NULL;
	} else if (first && !strchr(first + 1, ':')) {
		end = first;
		port = first + 1;
	}
	if (end == host || (size_t)(end - host) >= sizeof out->host)
		return vnep_err_set(err, VNEP_EVALUE, "\"%s\" names no server", text);
	if (port && vnep_num_u64(port, 1, 65535, &number, err))
		return VNEP_EVALUE;
	snprintf(out->host, sizeof out->host, "%.*s", (int)(end - host), host);
	snprintf(out->port, sizeof out->port, "%u", (unsigned)(uint16_t)number);
	return 0;
}
