/*
 * out - standard output, checked.
 *
 * --table needs widths before the first row, so rows of one type are held back: until another type comes,
 * PAGE_ROWS are together, or the caller wants them now. The columns are the keys of those rows together,
 * in the order in which they first appear; a header is printed again only when the columns change.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli-private.h"
#include "vnep/json.h"
#include "vnep/out.h"

enum { PAGE_ROWS = 1000, COLUMNS_MAX = 48, KEY_MAX = 32 };

struct vnep_out_rows {
	struct vnep_json *row[PAGE_ROWS];
	size_t row_count;
	char key[COLUMNS_MAX][KEY_MAX];
	size_t width[COLUMNS_MAX];
	size_t key_count;
	char header[COLUMNS_MAX * KEY_MAX]; /* the keys printed last */
};

static int write_failed(struct vnep_cli *cli)
{
	int errnum = errno ? errno : EIO;

	cli->err = (struct vnep_err){ 0 };
	return vnep_err_sys(&cli->err, errnum, "cannot write to standard output");
}

int vnep_out_bytes(struct vnep_cli *cli, const void *data, size_t len)
{
	errno = 0;
	return len && fwrite(data, 1, len, stdout) != len ? write_failed(cli) : 0;
}

static int flush(struct vnep_cli *cli)
{
	errno = 0;
	return fflush(stdout) || ferror(stdout) ? write_failed(cli) : 0;
}

/* What a cell shows. Control bytes of a record must not reach the terminal. */
static void cell(struct vnep_buf *out, const struct vnep_json *value)
{
	const char *text = vnep_json_str(value);

	vnep_buf_reset(out);
	if (text) {
		vnep_buf_put_str(out, text);
	} else if (vnep_json_count(value) && vnep_json_str(vnep_json_at(value, 0))) {
		for (size_t i = 0; i < vnep_json_count(value); i++) {
			text = vnep_json_str(vnep_json_at(value, i));
			vnep_buf_printf(out, "%s%s", i ? "," : "", text ? text : "?");
		}
	} else if (value) {
		vnep_json_dump(value, out);
	}
	for (size_t i = 0; i < out->len; i++)
		if (out->data[i] < 0x20 || out->data[i] == 0x7f)
			out->data[i] = '?';
	if (!out->len)
		vnep_buf_put_str(out, "-");
}

static size_t cell_width(const struct vnep_buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += (text->data[i] & 0xc0) != 0x80;
	return n;
}

static int add_column(const char *key, struct vnep_json *value, void *arg)
{
	struct vnep_out_rows *rows = arg;
	struct vnep_buf text;
	size_t i = 0, n;

	if (!strcmp(key, "type") || !strcmp(key, "v"))
		return 0;
	while (i < rows->key_count && strcmp(rows->key[i], key))
		i++;
	if (i == rows->key_count) {
		if (i == COLUMNS_MAX || strlen(key) >= KEY_MAX)
			return 0;
		strcpy(rows->key[rows->key_count++], key);
		rows->width[i] = strlen(key);
	}
	vnep_buf_init(&text);
	cell(&text, value);
	n = cell_width(&text);
	if (n > rows->width[i])
		rows->width[i] = n;
	vnep_buf_release(&text);
	return 0;
}

static void put_cell(
	struct vnep_buf *line, const char *text, size_t width, size_t column, bool last)
{
	if (column)
		vnep_buf_put_str(line, "  ");
	vnep_buf_put_str(line, text);
	for (; !last && width; width--)
		vnep_buf_put_u8(line, ' ');
}

static void put_header(struct vnep_cli *cli, struct vnep_out_rows *rows, struct vnep_buf *line)
{
	char header[sizeof rows->header];
	size_t at = 0;

	for (size_t i = 0; i < rows->key_count; i++)
		at += (size_t)snprintf(header + at, sizeof header - at, "%s,", rows->key[i]);
	if (!strcmp(header, rows->header))
		return;
	strcpy(rows->header, header);
	if (cli->color)
		vnep_buf_put_str(line, "\033[1m");
	for (size_t i = 0; i < rows->key_count; i++)
		put_cell(line, rows->key[i], rows->width[i] - strlen(rows->key[i]), i,
			i + 1 == rows->key_count);
	vnep_buf_put_str(line, cli->color ? "\033[0m\n" : "\n");
}

/* Print the rows that were held back. */
static int put_rows(struct vnep_cli *cli)
{
	struct vnep_out_rows *rows = cli->rows;
	struct vnep_buf line, text;
	int rc;

	if (!rows || !rows->row_count)
		return 0;
	vnep_buf_init(&line);
	vnep_buf_init(&text);
	rows->key_count = 0;
	for (size_t r = 0; r < rows->row_count; r++)
		vnep_json_each(rows->row[r], add_column, rows);
	if (rows->key_count)
		put_header(cli, rows, &line);
	for (size_t r = 0; r < rows->row_count; r++) {
		for (size_t i = 0; i < rows->key_count; i++) {
			cell(&text, vnep_json_get(rows->row[r], rows->key[i]));
			put_cell(&line, vnep_buf_str(&text), rows->width[i] - cell_width(&text), i,
				i + 1 == rows->key_count);
		}
		vnep_buf_put_u8(&line, '\n');
		vnep_json_free(rows->row[r]);
	}
	rows->row_count = 0;
	rc = line.rc ? line.rc : vnep_out_bytes(cli, line.data, line.len);
	vnep_buf_release(&text);
	vnep_buf_release(&line);
	return rc;
}

static int hold_row(struct vnep_cli *cli, const char *text, size_t len)
{
	struct vnep_out_rows *rows = cli->rows;
	struct vnep_json *json;
	int rc = vnep_json_parse(text, len, &json, &cli->err);

	if (rc)
		return rc;
	if (rows->row_count &&
		(rows->row_count == PAGE_ROWS || strcmp(vnep_json_get_str(rows->row[0], "type", ""),
							 vnep_json_get_str(json, "type", ""))))
		rc = put_rows(cli);
	if (rc) {
		vnep_json_free(json);
		return rc;
	}
	rows->row[rows->row_count++] = json;
	return 0;
}

static int hold_rows(struct vnep_cli *cli, const struct vnep_buf *buf, bool now)
{
	const char *at = (const char *)buf->data, *end = at + buf->len, *nl;
	int rc = 0;

	if (!cli->rows)
		cli->rows = calloc(1, sizeof *cli->rows);
	if (!cli->rows)
		return vnep_err_sys(&cli->err, ENOMEM, "--table");
	for (; !rc && at < end && (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1)
		rc = hold_row(cli, at, (size_t)(nl - at));
	return !rc && now ? put_rows(cli) : rc;
}

int vnep_out_records(struct vnep_cli *cli, struct vnep_buf *buf, bool now)
{
	int rc = buf->rc;

	if (rc)
		vnep_err_sys(&cli->err, -rc, "cannot build a record");
	else if (!buf->len)
		rc = 0;
	else if (cli->table)
		rc = hold_rows(cli, buf, now);
	else
		rc = vnep_out_bytes(cli, buf->data, buf->len);
	if (!rc && now)
		rc = flush(cli);
	vnep_buf_reset(buf);
	return rc;
}

int vnep_out_end(struct vnep_cli *cli)
{
	int rc = put_rows(cli);

	if (!rc)
		rc = flush(cli);
	errno = 0;
	/* fclose reports what a network file system kept for the end; a closed descriptor is no news. */
	if (!rc && fclose(stdout) && errno != EBADF)
		rc = write_failed(cli);
	return rc;
}

void vnep_out_release(struct vnep_cli *cli)
{
	for (size_t i = 0; cli->rows && i < cli->rows->row_count; i++)
		vnep_json_free(cli->rows->row[i]);
	free(cli->rows);
	cli->rows = NULL;
}
