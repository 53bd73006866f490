/* err - codes, texts and exit statuses in one table, so that they cannot disagree. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vnep/err.h"

static const struct {
	int code, exit;
	const char *tag, *text;
} codes[] = {
	{ VNEP_OK, 0, "ok", "done" },
	{ VNEP_ENOTFOUND, 1, "data-missing", "not found" },
	{ VNEP_EDIFFERS, 1, "operation-failed", "differs" },
	{ VNEP_EUSAGE, 2, "invalid-value", "asked wrongly" },
	{ VNEP_ESYNTAX, 2, "malformed-message", "malformed" },
	{ VNEP_EVALUE, 2, "invalid-value", "value not allowed" },
	{ VNEP_ETOOBIG, 2, "too-big", "too big" },
	{ VNEP_EAMBIGUOUS, 2, "invalid-value", "ambiguous" },
	{ VNEP_ESHORT, 2, "malformed-message", "cut off inside a header" },
	{ VNEP_EPROTO, 2, "malformed-message", "unknown protocol" },
	{ VNEP_EDAMAGED, 3, "operation-failed", "damaged" },
	{ VNEP_EKERNEL, 3, "operation-failed", "the kernel refused" },
	{ VNEP_EPRIV, 3, "access-denied", "missing privilege" },
	{ VNEP_EUNKNOWN, 3, "operation-failed", "outcome unknown" },
	{ VNEP_ECONFLICT, 4, "in-use", "conflict" },
	{ VNEP_EBUSY, 5, "lock-denied", "in use by another writer" },
	{ VNEP_EUNAVAIL, 5, "resource-denied", "unavailable" },
};

static unsigned row(int code)
{
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == code)
			return i;
	return sizeof codes / sizeof *codes;
}

const char *vnep_strerror(int code)
{
	unsigned i = row(code);

	return i < sizeof codes / sizeof *codes ? codes[i].text : strerror(-code);
}

int vnep_err_exit(int code)
{
	unsigned i = row(code);

	return i < sizeof codes / sizeof *codes ? codes[i].exit : 3;
}

const char *vnep_err_tag(int code)
{
	unsigned i = row(code);

	if (i < sizeof codes / sizeof *codes)
		return codes[i].tag;
	return code == -EPERM || code == -EACCES ? "access-denied" : "operation-failed";
}

/* Messages quote outside text: no byte of it may move a terminal's cursor. */
static void escape_controls(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

int vnep_err_set(struct vnep_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->hint[0] = 0;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	escape_controls(err->text);
	return code;
}

int vnep_err_sys(struct vnep_err *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!err)
		return -errnum;
	err->code = -errnum;
	err->hint[0] = 0;
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof err->text)
		snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(errnum));
	escape_controls(err->text);
	return -errnum;
}

int vnep_err_hint(struct vnep_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return 0;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof err->hint, fmt, ap);
	va_end(ap);
	escape_controls(err->hint);
	return err->code;
}

void vnep_err_place(struct vnep_err *err, const char *file, unsigned line, unsigned column)
{
	if (!err)
		return;
	if (file && strcmp(err->file, file) != 0) { /* of a million records it is the same */
		snprintf(err->file, sizeof err->file, "%s", file);
		escape_controls(err->file);
	}
	err->line = line;
	err->column = column;
}

void vnep_err_print(const struct vnep_err *err, char *out, unsigned long cap)
{
	const char *text = err->text[0] ? err->text : vnep_strerror(err->code);

	if (!err->file[0])
		snprintf(out, cap, "%s", text);
	else if (!err->line)
		snprintf(out, cap, "%s: %s", err->file, text);
	else if (!err->column)
		snprintf(out, cap, "%s:%u: %s", err->file, err->line, text);
	else
		snprintf(out, cap, "%s:%u:%u: %s", err->file, err->line, err->column, text);
}

/* Damerau-Levenshtein in the restricted form: three rows are enough. */
bool vnep_near(const char *a, const char *b)
{
	enum { MAX = 64 };
	size_t n = strlen(a), m = strlen(b);
	unsigned row0[MAX], row1[MAX], row2[MAX], *before = row0, *last = row1, *now = row2;
	unsigned limit = n < 5 ? 1 : 2;

	if (n >= MAX || m >= MAX || n < 3 || (n > m ? n - m : m - n) > limit)
		return false;
	for (unsigned j = 0; j <= m; j++)
		last[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned *spare = before;

		now[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned cost = a[i - 1] != b[j - 1], best = last[j - 1] + cost;

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[m] <= limit;
}
