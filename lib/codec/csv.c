/*
 * csv - device records as rows (RFC 4180, one line a row).
 *
 * For spreadsheets and for lists that come from elsewhere: what a row cannot hold (allow, labels, replay)
 * stays with JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/csv.h"
#include "vnep/err.h"
#include "vnep/num.h"

enum kind { TEXT, NUMBER, LIST, BOOLEAN };

static const struct {
	const char *name;
	const char *inside; /* the member it lies in, NULL = the record itself */
	enum kind kind;
} columns[] = {
	{ "dev", NULL, TEXT },
	{ "vep", NULL, TEXT },
	{ "vpc", NULL, TEXT },
	{ "form", NULL, TEXT },
	{ "mac", NULL, TEXT },
	{ "port", NULL, TEXT },
	{ "vlan", NULL, NUMBER },
	{ "addr", NULL, LIST },
	{ "addr_max", NULL, NUMBER },
	{ "region", NULL, TEXT },
	{ "name", NULL, TEXT },
	{ "groups", NULL, LIST },
	{ "journal", NULL, TEXT },
	{ "consent", NULL, BOOLEAN },
	{ "t3324_s", "psm", NUMBER },
	{ "t3412_s", "psm", NUMBER },
};

enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

/* The next field of a row, unquoted, into field. *at moves behind its comma; at the end it is NULL. */
static int next_field(
	const char **at, const char *end, struct vnep_buf *field, struct vnep_err *err)
{
	const char *p = *at;

	vnep_buf_reset(field);
	if (p < end && *p == '"') {
		for (p++; p < end && (*p != '"' || (p + 1 < end && p[1] == '"')); p++) {
			p += *p == '"';
			vnep_buf_put_u8(field, (uint8_t)*p);
		}
		if (p == end)
			return vnep_err_set(err, VNEP_ESYNTAX, "a quote is not closed on its line");
		if (++p < end && *p != ',')
			return vnep_err_set(err, VNEP_ESYNTAX, "text behind a closing quote");
	} else {
		for (; p < end && *p != ','; p++)
			vnep_buf_put_u8(field, (uint8_t)*p);
	}
	if (memchr(field->data ? (const void *)field->data : "", 0, field->len))
		return vnep_err_set(err, VNEP_ESYNTAX, "a NUL octet");
	*at = p < end ? p + 1 : NULL;
	return 0;
}

/* Line ends and byte order marks of other systems. */
static const char *trim(const char *text, const char **end, bool first)
{
	if (*end > text && (*end)[-1] == '\r')
		--*end;
	return first && *end - text >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? text + 3 : text;
}

static int find_column(const char *name, struct vnep_err *err)
{
	for (int i = 0; i < COLUMN_COUNT; i++)
		if (!strcmp(columns[i].name, name))
			return i;
	for (int i = 0; i < COLUMN_COUNT; i++)
		if (vnep_near(name, columns[i].name))
			return vnep_err_set(err, VNEP_EVALUE,
				"unknown column \"%s\" (did you mean \"%s\"?)", name,
				columns[i].name);
	return vnep_err_set(err, VNEP_EVALUE, "unknown column \"%s\"", name);
}

/* Say where in the line, and in which column. */
static int at_field(
	struct vnep_err *err, int rc, const char *row, const char *field, const char *name)
{
	char text[sizeof err->text];

	if (!err || !rc)
		return rc;
	err->column = (unsigned)(field - row) + 1;
	if (name) {
		snprintf(text, sizeof text, "%s", err->text);
		snprintf(err->text, sizeof err->text, "%s: %.*s", name,
			(int)(sizeof err->text - 32), text);
	}
	return rc;
}

int vnep_csv_header(
	struct vnep_csv *csv, const char *text, size_t len, bool vep, struct vnep_err *err)
{
	const char *end = text + len, *at = trim(text, &end, true);
	struct vnep_buf field;
	unsigned seen = 0;
	int rc = 0, c;

	vnep_buf_init(&field);
	csv->columns = 0;
	while (at && !rc) {
		const char *start = at;

		rc = next_field(&at, end, &field, err);
		c = rc ? rc : find_column(vnep_buf_str(&field), err);
		if (c < 0)
			rc = c;
		else if (seen & 1u << c)
			rc = vnep_err_set(
				err, VNEP_EVALUE, "column \"%s\" is there twice", columns[c].name);
		else
			csv->column[csv->columns++] = c;
		at_field(err, rc, text, start, NULL);
		seen |= c < 0 ? 0 : 1u << c;
	}
	vnep_buf_release(&field);
	if (!rc && (!(seen & 1) || (vep && !(seen & 2)))) {
		vnep_err_set(err, VNEP_EVALUE, "the header needs the column%s",
			vep ? "s dev and vep" : " dev");
		return vnep_err_hint(err, "the first line is such as dev,vep,vpc,name");
	}
	return rc;
}

static struct vnep_json *list_value(char *text)
{
	struct vnep_json *array = vnep_json_array(), *holder = vnep_json_object();
	char *save = NULL;

	/* A string has no constructor of its own: it is born as a member, and copied. */
	for (char *word = strtok_r(text, ";", &save); word && array && holder;
		word = strtok_r(NULL, ";", &save))
		if (vnep_json_set_str(holder, "s", word) ||
			vnep_json_append(array, vnep_json_copy(vnep_json_get(holder, "s")))) {
			vnep_json_free(array);
			array = NULL;
		}
	vnep_json_free(holder);
	return array;
}

static int out_of_memory(struct vnep_err *err)
{
	return vnep_err_sys(err, ENOMEM, "reading a row");
}

static int set_field(struct vnep_json *record, int c, char *text, struct vnep_err *err)
{
	const char *name = columns[c].name;
	struct vnep_json *to = record, *list;
	uint64_t number;
	int rc;

	if (!*text)
		return 0; /* an empty field is an absent key */
	if (columns[c].inside) {
		to = vnep_json_get(record, columns[c].inside);
		if (!to && vnep_json_set(record, columns[c].inside, vnep_json_object()))
			return out_of_memory(err);
		to = vnep_json_get(record, columns[c].inside);
	}
	switch (columns[c].kind) {
	case NUMBER:
		rc = vnep_num_u64(text, 0, UINT32_MAX, &number, err);
		if (rc)
			return rc;
		rc = vnep_json_set_int(to, name, (int64_t)number);
		break;
	case BOOLEAN:
		if (strcmp(text, "true") && strcmp(text, "false"))
			return vnep_err_set(
				err, VNEP_EVALUE, "\"%s\" is neither true nor false", text);
		rc = vnep_json_set_bool(to, name, !strcmp(text, "true"));
		break;
	case LIST:
		list = list_value(text);
		rc = list ? vnep_json_set(to, name, list) : -1;
		break;
	default: rc = vnep_json_set_str(to, name, text);
	}
	if (rc)
		return vnep_err_set(err, VNEP_ESYNTAX, "not valid UTF-8");
	return 0;
}

int vnep_csv_record(const struct vnep_csv *csv, const char *text, size_t len,
	struct vnep_json **out, struct vnep_err *err)
{
	const char *end = text + len, *at = trim(text, &end, false);
	struct vnep_json *record = vnep_json_object();
	struct vnep_buf field;
	unsigned n = 0;
	int rc = !record || vnep_json_set_str(record, "type", "device") ||
				 vnep_json_set_int(record, "v", 1)
			 ? out_of_memory(err)
			 : 0;

	vnep_buf_init(&field);
	for (; at && !rc; n++) {
		const char *start = at,
			   *name = n < csv->columns ? columns[csv->column[n]].name : NULL;

		rc = next_field(&at, end, &field, err);
		if (!rc && !name)
			rc = vnep_err_set(err, VNEP_ESYNTAX, "more fields than the header's %u",
				csv->columns);
		if (!rc) {
			vnep_buf_str(&field);
			rc = field.rc ? out_of_memory(err)
				      : set_field(record, csv->column[n], (char *)field.data, err);
		}
		at_field(err, rc, text, start, name);
	}
	if (!rc && n < csv->columns) {
		vnep_err_set(err, VNEP_ESYNTAX, "%u fields, the header has %u", n, csv->columns);
		rc = at_field(err, VNEP_ESYNTAX, text, end, columns[csv->column[n]].name);
	}
	vnep_buf_release(&field);
	if (rc)
		vnep_json_free(record);
	else
		*out = record;
	return rc;
}

/* Which of our columns the JSON text has there: the last one that begins before. */
static int column_of(const char *json, size_t len, unsigned column)
{
	unsigned nearest = 0;
	int found = -1;

	for (int i = 0; i < COLUMN_COUNT; i++) {
		unsigned at = vnep_json_column(json, len, columns[i].inside, 0, columns[i].name);

		if (at && at <= column && at > nearest) {
			nearest = at;
			found = i;
		}
	}
	return found;
}

unsigned vnep_csv_place(const struct vnep_csv *csv, const char *row, size_t len, const char *json,
	size_t json_len, unsigned column)
{
	const char *end = row + len, *at = trim(row, &end, false), *start = row;
	int wanted = column_of(json, json_len, column);
	struct vnep_buf field;
	bool found = false;

	vnep_buf_init(&field);
	for (unsigned n = 0; at && n < csv->columns && !found; n++) {
		start = at;
		if (next_field(&at, end, &field, NULL))
			break;
		found = csv->column[n] == wanted;
	}
	vnep_buf_release(&field);
	return found ? (unsigned)(start - row) + 1 : 0;
}

void vnep_csv_put_header(struct vnep_buf *out)
{
	for (int i = 0; i < COLUMN_COUNT; i++)
		vnep_buf_printf(out, "%s%s", i ? "," : "", columns[i].name);
	vnep_buf_put_u8(out, '\n');
}

static void put_field(struct vnep_buf *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		vnep_buf_put_str(out, text);
		return;
	}
	vnep_buf_put_u8(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			vnep_buf_put_u8(out, '"');
		vnep_buf_put_u8(out, (uint8_t)*text);
	}
	vnep_buf_put_u8(out, '"');
}

void vnep_csv_put(struct vnep_buf *out, const struct vnep_json *device)
{
	for (int i = 0; i < COLUMN_COUNT; i++) {
		const struct vnep_json *from =
			columns[i].inside ? vnep_json_get(device, columns[i].inside) : device;
		const struct vnep_json *value = vnep_json_get(from, columns[i].name);
		const char *text = vnep_json_str(value);
		int64_t number;
		bool flag;

		if (i)
			vnep_buf_put_u8(out, ',');
		if (text)
			put_field(out, text);
		else if (vnep_json_int(value, &number))
			vnep_buf_printf(out, "%lld", (long long)number);
		else if (vnep_json_bool(value, &flag))
			vnep_buf_put_str(out, flag ? "true" : "false");
		for (size_t k = 0; k < vnep_json_count(value); k++) {
			text = vnep_json_str(vnep_json_at(value, k));
			vnep_buf_printf(out, "%s%s", k ? ";" : "", text ? text : "");
		}
	}
	vnep_buf_put_u8(out, '\n');
}
