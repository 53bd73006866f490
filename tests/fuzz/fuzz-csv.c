/*
 * fuzz-csv - a header and rows: what is taken as a record comes back from its row the same.
 */
#include "fuzz.h"
#include "vnep/csv.h"
#include "vnep/err.h"
#include "vnep/recjson.h"

/* A good record as a row, and back. */
static void round_trip(const struct vnep_json *record)
{
	struct vnep_buf header = { 0 }, row = { 0 }, row2 = { 0 };
	struct vnep_json *again = NULL;
	struct vnep_csv csv;

	vnep_csv_put_header(&header);
	HOLDS(!vnep_csv_header(&csv, (const char *)header.data, header.len - 1, true, NULL));
	vnep_csv_put(&row, record);
	HOLDS(!memchr(row.data, '\n', row.len - 1));
	HOLDS(!vnep_csv_record(&csv, (const char *)row.data, row.len - 1, &again, NULL));
	HOLDS(!vnep_recjson_check(again, NULL, 0, NULL));
	vnep_csv_put(&row2, again);
	HOLDS(row.len == row2.len && !memcmp(row.data, row2.data, row.len));
	HOLDS(vnep_json_equal(record, again));
	vnep_json_free(again);
	vnep_buf_release(&header);
	vnep_buf_release(&row);
	vnep_buf_release(&row2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size, *line = text;
	struct vnep_err err = { 0 };
	struct vnep_csv csv;
	bool header = true;

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((newline ? newline : end) - line);
		struct vnep_json *record = NULL;
		int rc;

		err = (struct vnep_err){ 0 };
		rc = header ? vnep_csv_header(&csv, line, len, true, &err)
			    : vnep_csv_record(&csv, line, len, &record, &err);
		HOLDS(!rc == !err.text[0]);
		if (header && rc)
			return 0;
		if (!header && !rc && !vnep_recjson_check(record, NULL, 0, NULL))
			round_trip(record);
		vnep_json_free(record);
		header = false;
		line += len + 1;
	}
	return 0;
}
