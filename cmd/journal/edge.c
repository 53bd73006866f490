/* edge - what a living vnep-edge answered to journal.append. */
#include <stdio.h>
#include <string.h>

#include "journal.h"
#include "vnep/json.h"
#include "vnep/recjson.h"

/* Where the n-th record stood, counted from 1. */
static unsigned line_of(const struct vnep_buf *lines, uint64_t n)
{
	unsigned line = 0;

	if (lines && n <= lines->len / sizeof line)
		memcpy(&line, lines->data + (size_t)(n - 1) * sizeof line, sizeof line);
	return line;
}

/* Its error record as ours, on standard error and in the stream. */
static void refused(struct vnep_cli *cli, const struct vnep_json *json, unsigned line)
{
	static const int codes[] = { VNEP_ENOTFOUND, VNEP_ENOTFOUND, VNEP_EVALUE, VNEP_EKERNEL,
		VNEP_ECONFLICT, VNEP_EUNAVAIL };
	int64_t column = vnep_json_get_int(json, "column", 0);
	int64_t status = vnep_json_get_int(json, "exit", 3);
	struct vnep_err why = { .code = VNEP_EKERNEL };
	const char *title = vnep_json_get_str(json, "title", "refused by the edge");

	if (status >= 0 && (size_t)status < sizeof codes / sizeof *codes)
		why.code = codes[status];
	snprintf(why.text, sizeof why.text, "%s", vnep_json_get_str(json, "detail", title));
	snprintf(why.hint, sizeof why.hint, "%s", vnep_json_get_str(json, "hint", ""));
	if (line)
		vnep_err_place(
			&why, "-", line, column > 0 && column < UINT32_MAX ? (unsigned)column : 0);
	vnep_cli_error(cli, &why);
}

int journal_edge_answers(
	struct vnep_cli *cli, struct vnep_client *client, const struct vnep_buf *lines)
{
	struct vnep_buf out = { 0 };
	uint64_t answers = 0; /* one for each record, in order */
	const char *line;
	size_t len;
	int status = 3, rc;

	while ((rc = vnep_client_next(client, 0, &line, &len, &status, &cli->err)) == 1) {
		struct vnep_json *json = NULL;

		rc = vnep_json_parse(line, len, &json, &cli->err);
		if (rc)
			break;
		answers++;
		if (vnep_recjson_type(json) == VNEP_RECORD_ERROR) {
			/* without a line of its own it is about the whole request */
			refused(cli, json,
				vnep_json_get(json, "line") ? line_of(lines, answers) : 0);
		} else if (!cli->quiet) {
			vnep_buf_put(&out, line, len);
			vnep_buf_put_u8(&out, '\n');
			rc = vnep_out_records(cli, &out, true);
		}
		vnep_json_free(json);
		if (rc)
			break;
	}
	vnep_buf_release(&out);
	return rc ? rc : status;
}
