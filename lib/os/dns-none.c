/* dns-none - stands in for dns where that is not built (WITH_DNS=0): everything else of publish works. */
#include <stddef.h>

#include "vnep/dns.h"
#include "vnep/err.h"

static int not_built(struct vnep_err *err)
{
	vnep_err_set(err, VNEP_EPROTO,
		"built without DNS: only --format nsupdate without --server works");
	return vnep_err_hint(err, "install libldns-dev and build with WITH_DNS=1");
}

int vnep_dns_open(struct vnep_dns **out, const struct vnep_dns_config *config, struct vnep_err *err)
{
	(void)out;
	(void)config;
	return not_built(err);
}

void vnep_dns_close(struct vnep_dns *dns)
{
	(void)dns;
}

size_t vnep_dns_room(const struct vnep_dns *dns, const char *zone)
{
	(void)dns;
	(void)zone;
	return 0;
}

int vnep_dns_check(struct vnep_dns *dns, const char *zone, struct vnep_err *err)
{
	(void)dns;
	(void)zone;
	return not_built(err);
}

int vnep_dns_transfer(
	struct vnep_dns *dns, const char *zone, struct vnep_dnsset *have, struct vnep_err *err)
{
	(void)dns;
	(void)zone;
	(void)have;
	return not_built(err);
}

int vnep_dns_ask(struct vnep_dns *dns, const char *const *names, size_t count,
	struct vnep_dnsset *have, struct vnep_err *err)
{
	(void)dns;
	(void)names;
	(void)count;
	(void)have;
	return not_built(err);
}

int vnep_dns_update(struct vnep_dns *dns, const char *zone, const struct vnep_dnsplan *plan,
	size_t first, size_t count, struct vnep_err *err)
{
	(void)dns;
	(void)zone;
	(void)plan;
	(void)first;
	(void)count;
	return not_built(err);
}
