/*
 * err - what went wrong, for a program (a code) and for a person (the detail).
 *
 * Shape   functions return 0 or a negative code: -errno from the system, or one of enum vnep_code.
 *         The detail goes into an optional struct vnep_err of the caller (NULL is fine everywhere).
 * Owner   struct vnep_err is a plain value of fixed size: nothing to release, copy it freely.
 * Text    lower case, no full stop; place first (FILE:LINE:COLUMN), then the problem, then a hint.
 *         The part of a message that came from outside is printed with control bytes escaped.
 */
#ifndef VNEP_ERR_H
#define VNEP_ERR_H

#include <stdbool.h>

/* Our own codes lie far outside errno. The comment says which exit status the tools make of it. */
enum vnep_code {
	VNEP_OK = 0,
	VNEP_ENOTFOUND = -30001,  /* no such record or device                      exit 1 */
	VNEP_EDIFFERS = -30002,   /* the comparison says no                        exit 1 */
	VNEP_EUSAGE = -30003,     /* asked wrongly                                 exit 2 */
	VNEP_ESYNTAX = -30004,    /* outside bytes are malformed                   exit 2 */
	VNEP_EVALUE = -30005,     /* well formed, but the value is not allowed     exit 2 */
	VNEP_ETOOBIG = -30006,    /* longer than we take                           exit 2 */
	VNEP_EAMBIGUOUS = -30007, /* several devices it could mean                 exit 2 */
	VNEP_ESHORT = -30008,     /* cut off inside a header                       exit 2 */
	VNEP_EPROTO = -30009,     /* a protocol we do not speak                    exit 2 */
	VNEP_EDAMAGED = -30010,   /* stored bytes fail their check                 exit 3 */
	VNEP_EKERNEL = -30011,    /* the kernel refused, its text is in the detail exit 3 */
	VNEP_EPRIV = -30012,      /* a privilege is missing                        exit 3 */
	VNEP_EUNKNOWN = -30013,   /* the outcome is unknown: look before going on  exit 3 */
	VNEP_ECONFLICT = -30014,  /* it changed under you: read again              exit 4 */
	VNEP_EBUSY = -30015,      /* in use by another writer                      exit 5 */
	VNEP_EUNAVAIL = -30016,   /* daemon or peer unavailable: try later         exit 5 */
};

struct vnep_err {
	int code;
	char file[256];    /* "" where there is none; "-" is standard input */
	unsigned line;     /* 1-based, 0 = none */
	unsigned column;   /* 1-based, 0 = none */
	char text[512];    /* the problem */
	char hint[256];    /* what to do about it, "" if there is nothing to say */
};

/* Set code and text (printf style) and return the code. Keeps file, line and column; clears the hint. */
int vnep_err_set(struct vnep_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a failed system call: code -errnum, text "<what>: <strerror>". errnum is positive. */
int vnep_err_sys(struct vnep_err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add a hint to what is there. Returns err->code (0 if err is NULL). */
int vnep_err_hint(struct vnep_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Say where it was: file may be NULL to keep the one that is there. */
void vnep_err_place(struct vnep_err *err, const char *file, unsigned line, unsigned column);

/* "file:line:column: text" into out, always terminated. */
void vnep_err_print(const struct vnep_err *err, char *out, unsigned long cap);

/* One text for each code; never NULL. The string is constant. */
const char *vnep_strerror(int code);

/* The exit status of CLI.md (0..5) and the error_tag of RFC 8040 that a code becomes. */
int vnep_err_exit(int code);
const char *vnep_err_tag(int code);

/* Edit distance of at most 2 (insert, delete, replace, swap of neighbours) between two words of at
 * most 63 octets: what "did you mean" rests on. */
bool vnep_near(const char *a, const char *b);

#endif
