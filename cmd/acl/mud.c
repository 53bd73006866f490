/*
 * mud - import-mud: MUD files (RFC 8520) as the allow lists of devices, on standard output for `vnep-map set`.
 *
 * The files are read first, then the map is asked for what only it can tell: a host name is the device of that name, a
 * controller the senders of the device's groups or who has its URI as the label `controller`, a manufacturer or a model
 * whoever has a `mud-url` of it as label, which import-mud leaves there. What cannot be expressed is said, not guessed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acl.h"
#include "vnep/mud.h"
#include "vnep/recjson.h"

const struct vnep_option acl_import_mud_options[] = {
	{ "dev", 'd', VNEP_ARG_LIST, "DEV", "the devices that the files are about", NULL },
	{ 0 },
};

enum { PLACES_MAX = 64 }; /* of one entry: a longer list should be a prefix */

/* A place, its words kept. */
struct wish {
	struct vnep_mud_entry entry;
	char word[VNEP_MUD_URL_MAX + 1], name[64];
};

/* A device that others may be allowed to reach by its labels. */
struct labelled {
	struct in6_addr vep;
	char vpc[VNEP_LABEL_MAX + 1];
	char url[VNEP_MUD_URL_MAX + 1], authority[VNEP_MUD_URL_MAX + 1],
		controller[VNEP_MUD_URL_MAX + 1];
};

struct import {
	struct vnep_cli *cli;
	struct acl_map map;
	const char *file;
	char url[VNEP_MUD_URL_MAX + 1]; /* of the last file */
	struct wish *wishes;
	size_t wish_count;
	bool labels; /* a wish needs them */
	struct labelled *labelled;
	size_t labelled_count;
	struct vnep_buf out;
};

/* The device whose list is made. */
struct target {
	struct import *im;
	char dev[VNEP_URN_MAX + 1], vpc[VNEP_LABEL_MAX + 1];
	struct vnep_prefix prefix; /* of its VPC */
	struct vnep_json *allow;
	const struct wish *wish;
	struct vnep_json *json; /* its record */
	unsigned places;        /* of this wish */
};

/* ---- files ---- */

static int left(const char *list, const char *entry, const char *why, void *arg)
{
	const struct import *im = arg;

	vnep_cli_say(im->cli, "%s: list %s%s%s cannot be expressed: %s", im->file, list,
		entry ? ", entry " : "", entry ? entry : "", why);
	return 0;
}

static int wish(const struct vnep_mud_entry *entry, void *arg)
{
	struct import *im = arg;
	struct wish *more = reallocarray(im->wishes, im->wish_count + 1, sizeof *more);

	if (!more)
		return vnep_err_sys(&im->cli->err, ENOMEM, "%s", im->file);
	im->wishes = more;
	more += im->wish_count;
	*more = (struct wish){ .entry = *entry };
	if (entry->word && strlen(entry->word) >= sizeof more->word) {
		vnep_cli_say(im->cli, "%s: entry %s cannot be expressed: its word is too long",
			im->file, entry->name);
		return 0;
	}
	snprintf(more->word, sizeof more->word, "%s", entry->word ? entry->word : "");
	snprintf(more->name, sizeof more->name, "%.*s", (int)sizeof more->name - 1, entry->name);
	more->entry.word = more->entry.name = NULL;
	im->labels = im->labels || entry->kind >= VNEP_MUD_CONTROLLER;
	im->wish_count++;
	return 0;
}

static int read_file(struct import *im, const char *file)
{
	const struct vnep_mud_reader reader = { wish, left, im };
	struct vnep_err *err = &im->cli->err;
	bool in = !strcmp(file, "-");
	int fd = in ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC), rc = 0;
	char *text = malloc(VNEP_MUD_FILE_MAX + 1);
	size_t len = 0;
	ssize_t n = 1;

	im->file = file;
	vnep_err_place(err, file, 0, 0);
	if (fd < 0 || !text)
		rc = vnep_err_sys(err, fd < 0 ? errno : ENOMEM, "cannot read it");
	while (!rc && n > 0 && len <= VNEP_MUD_FILE_MAX) {
		n = read(fd, text + len, VNEP_MUD_FILE_MAX + 1 - len);
		if (n < 0 && errno != EINTR)
			rc = vnep_err_sys(err, errno, "cannot read it");
		len += n > 0 ? (size_t)n : 0;
		n = n < 0 ? 1 : n;
	}
	if (!rc && len > VNEP_MUD_FILE_MAX)
		rc = vnep_err_set(err, VNEP_ETOOBIG, "longer than %d octets", VNEP_MUD_FILE_MAX);
	if (!rc)
		rc = vnep_mud_read(text, len, &reader, im->url, err);
	if (!rc)
		*err = (struct vnep_err){ 0 };
	if (fd >= 0 && !in)
		close(fd);
	free(text);
	return rc;
}

/* ---- the map ---- */

static int take_labels(const char *text, size_t len, void *arg)
{
	struct import *im = arg;
	struct vnep_device device = { 0 };
	struct labelled l = { 0 }, *more;
	struct vnep_json *json = NULL;
	const struct vnep_json *labels;
	int rc = vnep_json_parse(text, len, &json, &im->cli->err);

	labels = rc ? NULL : vnep_json_get(json, "labels");
	snprintf(l.url, sizeof l.url, "%s", vnep_json_get_str(labels, "mud-url", ""));
	snprintf(l.controller, sizeof l.controller, "%s",
		vnep_json_get_str(labels, "controller", ""));
	if (!rc && (l.url[0] || l.controller[0])) {
		rc = vnep_device_decode(json, &device, &im->cli->err);
		if (!rc)
			rc = vnep_map_vpc_of(im->map.txn, &device, l.vpc, &im->cli->err);
		l.vep = device.vep;
		vnep_mud_authority(l.url, l.authority, sizeof l.authority);
		more = rc ? NULL : reallocarray(im->labelled, im->labelled_count + 1, sizeof *more);
		if (more) {
			im->labelled = more;
			more[im->labelled_count++] = l;
		} else if (!rc) {
			rc = vnep_err_sys(&im->cli->err, ENOMEM, "labels");
		}
		vnep_device_release(&device);
	}
	vnep_json_free(json);
	return rc;
}

/* ---- one device ---- */

static int allow(struct target *t, const struct vnep_prefix *to)
{
	const struct vnep_allow *a = &t->wish->entry.allow;
	struct vnep_json *entry = vnep_json_object(), *ports;
	char text[VNEP_PREFIX_LEN], range[16];
	int rc;

	vnep_prefix_print(to, text);
	rc = entry ? vnep_json_set_str(entry, "to", text) : -ENOMEM;
	if (!rc && a->proto)
		rc = vnep_json_set_int(entry, "proto", a->proto);
	if (!rc && a->port_count) {
		snprintf(range, sizeof range,
			a->ports[0].first == a->ports[0].last ? "%u" : "%u-%u", a->ports[0].first,
			a->ports[0].last);
		ports = vnep_json_array();
		rc = ports ? vnep_json_append(ports, vnep_json_string(range)) : -ENOMEM;
		if (rc)
			vnep_json_free(ports);
		else
			rc = vnep_json_set(entry, "ports", ports);
	}
	for (size_t i = 0; !rc && i < vnep_json_count(t->allow); i++) {
		if (vnep_json_equal(vnep_json_at(t->allow, i), entry)) {
			vnep_json_free(entry); /* said already */
			return 0;
		}
	}
	if (rc) {
		vnep_json_free(entry);
		return rc;
	}
	t->places++;
	return vnep_json_append(t->allow, entry);
}

static int allow_host(struct target *t, const struct in6_addr *addr)
{
	const struct vnep_prefix to = { .addr = *addr, .len = 128 };

	return allow(t, &to);
}

static bool is_meant(const struct wish *w, const struct labelled *l)
{
	switch (w->entry.kind) {
	case VNEP_MUD_CONTROLLER:
	case VNEP_MUD_MY_CONTROLLER: return !strcmp(l->controller, w->word);
	case VNEP_MUD_MANUFACTURER: return !strcmp(l->authority, w->word);
	case VNEP_MUD_MODEL: return !strcmp(l->url, w->word);
	default: return false;
	}
}

static int allow_labelled(struct target *t)
{
	const struct import *im = t->im;
	size_t many = 0;
	int rc = 0;

	for (size_t i = 0; i < im->labelled_count; i++)
		many += !strcmp(im->labelled[i].vpc, t->vpc) && is_meant(t->wish, &im->labelled[i]);
	if (many > PLACES_MAX) {
		vnep_cli_say(im->cli,
			"%s: entry %s (%s) names more than %d devices: allow them a prefix", t->dev,
			t->wish->name, t->wish->word, PLACES_MAX);
		t->places++; /* it was said what becomes of it */
		return 0;
	}
	for (size_t i = 0; !rc && i < im->labelled_count; i++)
		if (!strcmp(im->labelled[i].vpc, t->vpc) && is_meant(t->wish, &im->labelled[i]))
			rc = allow_host(t, &im->labelled[i].vep);
	return rc;
}

/* Who may instruct the groups of a device controls it. */
static int allow_senders(struct target *t)
{
	const struct vnep_json *groups = vnep_json_get(t->json, "groups");
	int rc = 0;

	for (size_t i = 0; !rc && i < vnep_json_count(groups); i++) {
		const char *name = vnep_json_str(vnep_json_at(groups, i));
		struct vnep_group group = { 0 };
		struct vnep_json *json = NULL;
		struct vnep_buf text;

		vnep_buf_init(&text);
		if (name && !vnep_map_get(t->im->map.txn, VNEP_RECORD_GROUP, name, &text, NULL))
			rc = vnep_json_parse((char *)text.data, text.len, &json, &t->im->cli->err);
		if (!rc && json)
			rc = vnep_group_decode(json, &group, &t->im->cli->err);
		for (size_t s = 0; !rc && s < group.sender_count; s++)
			rc = allow_host(t, &group.senders[s]);
		vnep_group_release(&group);
		vnep_json_free(json);
		vnep_buf_release(&text);
	}
	return rc;
}

static int allow_name(struct target *t)
{
	char dev[VNEP_URN_MAX + 1];
	struct in6_addr vep;
	int rc = vnep_map_resolve(t->im->map.txn, t->wish->word, dev, NULL);

	if (rc == VNEP_ENOTFOUND || rc == VNEP_EUSAGE || rc == VNEP_EVALUE)
		return 0;
	if (!rc)
		rc = vnep_map_vep_of(t->im->map.txn, dev, &vep);
	return rc ? rc : allow_host(t, &vep);
}

static int grant(struct target *t)
{
	static const char *const nobody[] = {
		[VNEP_MUD_NAME] = "no device of the map has that name: allow its address by hand",
		[VNEP_MUD_CONTROLLER] = "no device of its VPC has that URI as label `controller`",
		[VNEP_MUD_MY_CONTROLLER] =
			"its groups have no senders, and no device of its VPC has the MUD URL "
			"as label `controller`",
		[VNEP_MUD_MANUFACTURER] =
			"no device of its VPC has a `mud-url` of that manufacturer as label",
		[VNEP_MUD_MODEL] = "no device of its VPC has that `mud-url` as label",
	};
	enum vnep_mud_kind kind = t->wish->entry.kind;
	int rc;

	t->places = 0;
	switch (kind) {
	case VNEP_MUD_PREFIX: return allow(t, &t->wish->entry.allow.to);
	case VNEP_MUD_LOCAL: return allow(t, &t->prefix);
	case VNEP_MUD_NAME: rc = allow_name(t); break;
	case VNEP_MUD_MY_CONTROLLER:
		rc = allow_senders(t);
		if (rc)
			return rc;
		/* fall through */
	default: rc = allow_labelled(t); break;
	}
	if (!rc && !t->places)
		vnep_cli_say(t->im->cli, "%s: entry %s (%s) names nobody: %s", t->dev,
			t->wish->name, t->wish->word, nobody[kind]);
	return rc;
}

static int vpc_of(struct target *t)
{
	struct vnep_err *err = &t->im->cli->err;
	struct vnep_device device = { 0 };
	struct vnep_vpc vpc = { 0 };
	int rc = vnep_device_decode(t->json, &device, err);

	if (!rc)
		rc = vnep_map_vpc_of(t->im->map.txn, &device, t->vpc, err);
	if (!rc && !t->vpc[0])
		rc = vnep_err_set(err, VNEP_EVALUE, "%s: the map has no vpc for it", t->dev);
	if (!rc)
		rc = vnep_map_get_vpc(t->im->map.txn, t->vpc, &vpc, err);
	t->prefix = vpc.prefix;
	vnep_vpc_release(&vpc);
	vnep_device_release(&device);
	return rc;
}

static int finish(struct target *t)
{
	struct vnep_json *labels = vnep_json_get(t->json, "labels");
	struct vnep_err *err = &t->im->cli->err;
	int rc = 0;

	if (!vnep_json_count(t->allow)) {
		vnep_err_set(err, VNEP_EVALUE, "%s: nothing of it can be expressed", t->dev);
		return vnep_err_hint(
			err, "an empty list would mean its whole VPC; the lines above say why");
	}
	if (!labels) {
		rc = vnep_json_set(t->json, "labels", vnep_json_object());
		labels = vnep_json_get(t->json, "labels");
	}
	if (!rc)
		rc = vnep_json_set_str(labels, "mud-url", t->im->url);
	if (!rc)
		rc = vnep_json_set(t->json, "allow", t->allow);
	t->allow = NULL;
	if (!rc)
		rc = vnep_recjson_check(t->json, NULL, 0, err);
	if (!rc)
		rc = vnep_json_dump(t->json, &t->im->out);
	if (!rc)
		vnep_buf_put_u8(&t->im->out, '\n');
	return rc ? rc : t->im->out.rc;
}

static int import_to(struct import *im, const char *word)
{
	struct target t = { .im = im };
	struct vnep_buf text;
	int rc = vnep_map_resolve(im->map.txn, word, t.dev, &im->cli->err);

	vnep_buf_init(&text);
	if (!rc)
		rc = vnep_map_get(im->map.txn, VNEP_RECORD_DEVICE, t.dev, &text, &im->cli->err);
	if (!rc)
		rc = vnep_json_parse((char *)text.data, text.len, &t.json, &im->cli->err);
	if (!rc)
		rc = vpc_of(&t);
	if (!rc)
		t.allow = vnep_json_array();
	for (size_t i = 0; !rc && i < im->wish_count; i++) {
		t.wish = &im->wishes[i];
		rc = grant(&t);
	}
	if (!rc)
		rc = finish(&t);
	if (rc == -ENOMEM)
		rc = vnep_err_sys(&im->cli->err, ENOMEM, "%s", t.dev);
	vnep_json_free(t.allow);
	vnep_json_free(t.json);
	vnep_buf_release(&text);
	return rc;
}

static int read_files(struct import *im)
{
	int rc = im->cli->argc ? 0 : read_file(im, "-");

	for (unsigned i = 0; !rc && i < im->cli->argc; i++)
		rc = read_file(im, im->cli->argv[i]);
	return rc;
}

/* Nothing is printed before everything is known to be good. */
int acl_import_mud(struct vnep_cli *cli)
{
	struct import im = { .cli = cli };
	const char *word;
	int rc;

	if (!vnep_cli_has(cli, "dev"))
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "say whose files these are: --dev DEV");
	vnep_buf_init(&im.out);
	rc = acl_map_open(cli, &im.map);
	if (!rc && !im.map.txn)
		rc = vnep_err_set(&cli->err, VNEP_ENOTFOUND, "there is no map in %s", cli->state);
	if (!rc)
		rc = read_files(&im);
	if (!rc && im.labels)
		rc = vnep_map_each(
			im.map.txn, VNEP_RECORD_DEVICE, false, take_labels, &im, &cli->err);
	for (size_t i = 0; !rc && (word = vnep_cli_list(cli, "dev", i)); i++)
		rc = import_to(&im, word);
	if (!rc)
		rc = vnep_out_records(cli, &im.out, false);
	vnep_buf_release(&im.out);
	acl_map_close(&im.map);
	free(im.labelled);
	free(im.wishes);
	return rc;
}
