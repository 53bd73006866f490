/*
 * edge-jail - what the worker can still touch (vnep/jail.h): its state folder, its runtime folder, the configuration, the
 * settings of its ports, and the kernel's rules and links by netlink. Only a worker of a holder is shut in: who calls the
 * library may have other plans with his process.
 */
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "edge-priv.h"
#include "vnep/jail.h"
#include "vnep/state.h"

static void folder_of(const char *file, char out[static PATH_MAX])
{
	char *slash;

	snprintf(out, PATH_MAX, "%s", file);
	slash = strrchr(out, '/');
	if (!slash)
		strcpy(out, ".");
	else
		slash[slash == out] = 0;
}

int edge_jail_begin(struct vnep_edge *edge, struct vnep_err *err)
{
	const uint64_t needed =
		VNEP_CAP(CAP_NET_ADMIN) | VNEP_CAP(CAP_CHOWN); /* the socket's group */

	return edge->held ? vnep_jail_caps(needed, needed, err) : 0;
}

int edge_jail(struct vnep_edge *edge, struct vnep_err *err)
{
	const char *tmp = getenv("TMPDIR");
	char config[PATH_MAX], runtime[PATH_MAX];
	const struct vnep_jail_path paths[] = {
		{ edge->state, .write = true },
		{ runtime, .write = true },
		{ tmp && *tmp ? tmp : "/var/tmp",
			.write = true }, /* what is too large for memory */
		{ edge->host.config_file ? config : NULL, false, false },
		{ "/proc/sys", false, false },
		{ "/proc/sys/net", .write = true },
	};
	int rc;

	if (!edge->held)
		return 0;
	folder_of(edge->host.config_file ? edge->host.config_file : "", config);
	folder_of(edge->socket, runtime);
	rc = vnep_jail_caps(VNEP_CAP(CAP_NET_ADMIN), VNEP_CAP(CAP_NET_ADMIN), err);
	if (!rc)
		rc = vnep_jail_files(paths, sizeof paths / sizeof *paths, err);
	if (rc == 1)
		edge_say(edge, LOG_NOTICE, "no Landlock here: files are not fenced off");
	return rc < 0 ? rc : vnep_jail_calls(VNEP_JAIL_WORKER, err);
}
