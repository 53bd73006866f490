/* packet - why a link does not give its packets. */
#include <errno.h>

#include "packet-private.h"
#include "vnep/err.h"

int packet_refuse(
	struct vnep_err *err, int errnum, const char *ifname, const char *doing, const char *what)
{
	if (errnum == EPERM || errnum == EACCES) {
		vnep_err_set(err, VNEP_EPRIV, "%s \"%s\" needs CAP_NET_RAW", doing, ifname);
		vnep_err_hint(err, "run it as root, or in a network namespace of your own");
		return VNEP_EPRIV;
	}
	if (errnum == ENODEV || errnum == ENXIO)
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such link \"%s\"", ifname);
	return vnep_err_sys(err, errnum, "%s of \"%s\"", what, ifname);
}
