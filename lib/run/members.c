/* members - found by the index of the group, of a region or a VPC; the rest of a query is asked of each record. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/mcast.h"
#include "vnep/members.h"
#include "vnep/recjson.h"

enum { KEY_MAX = 127 };

struct finding {
	struct vnep_map_txn *txn;
	const struct vnep_json *selection;
	bool query;
	vnep_members_cb *cb;
	void *arg;
	struct vnep_err *err;
};

bool vnep_members_query(const struct vnep_json *selection)
{
	return vnep_json_count(vnep_json_get(selection, "vpc")) ||
	       vnep_json_count(vnep_json_get(selection, "region")) ||
	       vnep_json_count(vnep_json_get(selection, "match"));
}

bool vnep_members_holds(const struct vnep_json *value, const char *text)
{
	const char *own = vnep_json_str(value);
	char number[24];
	bool yes;
	int64_t n;

	if (own)
		return !strcmp(own, text);
	if (vnep_json_int(value, &n)) {
		snprintf(number, sizeof number, "%lld", (long long)n);
		return !strcmp(number, text);
	}
	if (vnep_json_bool(value, &yes))
		return !strcmp(yes ? "true" : "false", text);
	for (size_t i = 0; i < vnep_json_count(value); i++) {
		own = vnep_json_str(vnep_json_at(value, i));
		if (own && !strcmp(own, text))
			return true;
	}
	return false;
}

static bool is_one_of(const struct vnep_json *words, const struct vnep_json *value)
{
	size_t count = vnep_json_count(words);

	for (size_t i = 0; i < count; i++) {
		const char *word = vnep_json_str(vnep_json_at(words, i));

		if (word && vnep_members_holds(value, word))
			return true;
	}
	return !count;
}

static bool matches(const struct vnep_json *pairs, const struct vnep_json *record)
{
	for (size_t i = 0; i < vnep_json_count(pairs); i++) {
		const char *pair = vnep_json_str(vnep_json_at(pairs, i)), *eq = strchr(pair, '=');
		char key[KEY_MAX + 1];

		snprintf(key, sizeof key, "%.*s", (int)(eq - pair), pair);
		if (!vnep_members_holds(
			    vnep_json_get(vnep_json_get(record, "labels"), key), eq + 1) &&
			!vnep_members_holds(vnep_json_get(record, key), eq + 1))
			return false;
	}
	return true;
}

static bool selected(const struct finding *f, const struct vnep_json *record)
{
	const char *group = vnep_json_get_str(f->selection, "group", NULL);

	return (!group || vnep_members_holds(vnep_json_get(record, "groups"), group)) &&
	       is_one_of(vnep_json_get(f->selection, "vpc"), vnep_json_get(record, "vpc")) &&
	       is_one_of(vnep_json_get(f->selection, "region"), vnep_json_get(record, "region")) &&
	       matches(vnep_json_get(f->selection, "match"), record);
}

static int look(const char *text, size_t len, void *arg)
{
	struct finding *f = arg;
	struct vnep_device device = { 0 };
	struct vnep_json *json = NULL;
	bool wanted = true;
	int rc = 0;

	if (f->query) {
		rc = vnep_json_parse(text, len, &json, f->err);
		wanted = !rc && selected(f, json);
		vnep_json_free(json);
	}
	if (rc || !wanted)
		return rc;
	rc = vnep_map_device_of(f->txn, text, len, &device, f->err);
	if (!rc)
		rc = f->cb(&device, f->arg);
	vnep_device_release(&device);
	return rc;
}

/* What is asked in another form must not select more than was meant. */
static int check_words(const struct vnep_json *selection, const char *key, struct vnep_err *err)
{
	const struct vnep_json *words = vnep_json_get(selection, key);
	bool good = !words || vnep_json_count(words);

	for (size_t i = 0; good && i < vnep_json_count(words); i++)
		good = vnep_json_str(vnep_json_at(words, i));
	return good ? 0 : vnep_err_set(err, VNEP_EUSAGE, "\"%s\" must be an array of words", key);
}

static int check(const struct vnep_json *selection, struct vnep_err *err)
{
	static const char *const lists[] = { "vpc", "region", "match" };
	const struct vnep_json *pairs = vnep_json_get(selection, "match");

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (check_words(selection, lists[i], err))
			return VNEP_EUSAGE;
	if (vnep_json_get(selection, "group") && !vnep_json_get_str(selection, "group", NULL))
		return vnep_err_set(err, VNEP_EUSAGE, "\"group\" must be a name");
	if (!vnep_json_get_str(selection, "group", NULL) && !vnep_members_query(selection))
		return vnep_err_set(
			err, VNEP_EUSAGE, "for whom? a group, or --vpc, --region, --match");
	for (size_t i = 0; i < vnep_json_count(pairs); i++) {
		const char *pair = vnep_json_str(vnep_json_at(pairs, i)), *eq = strchr(pair, '=');

		if (!eq || eq == pair || eq - pair > KEY_MAX)
			return vnep_err_set(
				err, VNEP_EUSAGE, "--match: \"%s\" is not KEY=VALUE", pair);
	}
	return 0;
}

static int each_in(struct finding *f, enum vnep_map_by by, const struct vnep_json *words)
{
	size_t count = vnep_json_count(words);
	const char **list = calloc(count, sizeof *list);
	int rc;

	if (!list)
		return vnep_err_sys(f->err, ENOMEM, "members");
	for (size_t i = 0; i < count; i++)
		list[i] = vnep_json_str(vnep_json_at(words, i));
	rc = vnep_map_each_in(f->txn, by, list, count, look, f, f->err);
	free(list);
	return rc;
}

int vnep_members_each(struct vnep_map_txn *txn, const struct vnep_json *selection,
	vnep_members_cb *cb, void *arg, struct vnep_err *err)
{
	struct finding f = { txn, selection, vnep_members_query(selection), cb, arg, err };
	const char *group = vnep_json_get_str(selection, "group", NULL);
	int rc = check(selection, err);

	if (rc)
		return rc;
	if (group)
		return vnep_map_each_in(txn, VNEP_MAP_BY_GROUP, &group, 1, look, &f, err);
	if (vnep_json_count(vnep_json_get(selection, "region")))
		return each_in(&f, VNEP_MAP_BY_REGION, vnep_json_get(selection, "region"));
	if (vnep_json_count(vnep_json_get(selection, "vpc")))
		return each_in(&f, VNEP_MAP_BY_VPC, vnep_json_get(selection, "vpc"));
	return vnep_map_each(txn, VNEP_RECORD_DEVICE, false, look, &f, err);
}

int vnep_members_group(
	struct vnep_map_txn *txn, const char *name, struct vnep_group *out, struct vnep_err *err)
{
	struct vnep_buf text = { 0 };
	struct vnep_json *json = NULL;
	struct vnep_group group = { 0 };
	int rc = vnep_map_get(txn, VNEP_RECORD_GROUP, name, &text, err);

	if (rc == VNEP_ENOTFOUND) {
		vnep_err_set(err, VNEP_EVALUE, "the map has no group \"%s\"", name);
		vnep_err_hint(err, "a group record gives it its address: vnep-map set");
		rc = VNEP_EVALUE;
	}
	if (!rc)
		rc = vnep_json_parse((const char *)text.data, text.len, &json, err);
	if (!rc)
		rc = vnep_group_decode(json, &group, err);
	if (!rc)
		rc = vnep_mcast_check(&group.address, err);
	if (rc)
		vnep_group_release(&group);
	else
		*out = group;
	vnep_json_free(json);
	vnep_buf_release(&text);
	return rc;
}
