/* edge-dropin - the files of a configuration: FILE, then FILE.d/NAME.conf, each over what was read before it. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge-config.h"
#include "vnep/err.h"

static int is_dropin(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && !strcmp(entry->d_name + n - 5, ".conf");
}

/* Not alphasort(3): the order is that of the octets, whatever the locale. */
static int by_octets(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void blame(const struct vnep_err *here, vnep_edge_config_report *report, void *arg,
	int *first, struct vnep_err *err)
{
	if (!*first && err)
		*err = *here;
	*first = *first ? *first : here->code;
	if (report)
		report(here, arg);
}

static void read_folder(struct vnep_edge_config *config, const char *folder,
	vnep_edge_config_report *report, void *arg, int *first, struct vnep_err *err)
{
	struct dirent **names = NULL;
	int count = scandir(folder, &names, is_dropin, by_octets);

	if (count < 0 && errno != ENOENT) {
		struct vnep_err here = { 0 };

		vnep_err_sys(&here, errno, "cannot read %s", folder);
		blame(&here, report, arg, first, err);
	}
	for (int i = 0; i < count; i++) {
		unsigned files = config->file_count;
		char path[PATH_MAX + NAME_MAX + 2];
		struct vnep_err here = { 0 };

		snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
		/* it reports what is wrong inside; that a file cannot be read at all it only returns */
		if ((report || !*first) && vnep_edge_config_read(config, path, report, arg, &here))
			blame(&here, config->file_count == files ? report : NULL, arg, first, err);
		free(names[i]);
	}
	free(names);
}

int vnep_edge_config_read_all(struct vnep_edge_config *config, const char *path, bool whole,
	vnep_edge_config_report *report, void *arg, struct vnep_err *err)
{
	char folder[PATH_MAX];
	int first = 0;

	if (snprintf(folder, sizeof folder, "%s.d", path) >= (int)sizeof folder)
		return vnep_err_sys(err, ENAMETOOLONG, "%.64s...", path);
	if (whole || !access(path, F_OK))
		first = vnep_edge_config_read(config, path, report, arg, err);
	if (!first || (report && config->file_count))
		read_folder(config, folder, report, arg, &first, err);
	return first;
}
