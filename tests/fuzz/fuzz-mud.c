/* Any bytes as a MUD file: what comes out of it is what an allow list may say. */
#include "fuzz.h"
#include "vnep/mud.h"

static int entry(const struct vnep_mud_entry *e, void *arg)
{
	(void)arg;
	HOLDS(e->name);
	HOLDS(e->allow.port_count <= 1);
	HOLDS(!e->allow.port_count || e->allow.ports[0].first <= e->allow.ports[0].last);
	HOLDS(e->kind == VNEP_MUD_PREFIX || e->kind == VNEP_MUD_LOCAL || e->word);
	return 0;
}

static int left(const char *list, const char *name, const char *why, void *arg)
{
	(void)name;
	(void)arg;
	HOLDS(list && why);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vnep_mud_reader reader = { entry, left, NULL };
	char url[VNEP_MUD_URL_MAX + 1] = "";

	vnep_mud_read((const char *)data, size, &reader, url, NULL);
	HOLDS(strlen(url) <= VNEP_MUD_URL_MAX);
	return 0;
}
