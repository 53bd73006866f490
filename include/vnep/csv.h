/*
 * csv - device records as rows (RFC 4180, one line a row): a closed list of columns, see csv.c.
 *
 * Shape   the header says which columns there are, in any order; lists inside a field are separated by ';'.
 *         An empty field is an absent key. What a row cannot hold stays with JSON.
 * Owner   plain value; *out of a row is the caller's to free.
 * Errors  VNEP_ESYNTAX, VNEP_EVALUE, -ENOMEM, with the name of the column and, in err->column, where its field begins
 *         in the line. A row is not yet checked as a record (recjson.h): what that refuses in its JSON text,
 *         _place finds in the row.
 */
#ifndef VNEP_CSV_H
#define VNEP_CSV_H

#include "vnep/buf.h"
#include "vnep/json.h"

enum { VNEP_CSV_COLUMNS_MAX = 32 };

struct vnep_csv {
	int column[VNEP_CSV_COLUMNS_MAX]; /* which of ours stands at each place of the header */
	unsigned columns;
};

/* vep: that column must be there (dev always must). */
int vnep_csv_header(
	struct vnep_csv *csv, const char *text, size_t len, bool vep, struct vnep_err *err);
int vnep_csv_record(const struct vnep_csv *csv, const char *text, size_t len,
	struct vnep_json **out, struct vnep_err *err);

/* Where (1-based) the field of a row begins that became what stands at this column of the record's JSON text; 0: none. */
unsigned vnep_csv_place(const struct vnep_csv *csv, const char *row, size_t len, const char *json,
	size_t json_len, unsigned column);

void vnep_csv_put_header(struct vnep_buf *out);
void vnep_csv_put(struct vnep_buf *out, const struct vnep_json *device);

#endif
