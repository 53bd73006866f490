/* dnskey - a TSIG key file: a scanner for words, strings and comments, and the one statement. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vnep/buf.h"
#include "vnep/dnskey.h"
#include "vnep/err.h"

enum { FILE_MAX = 8192 };

struct scanner {
	const char *at, *end;
	unsigned line;
	const char *line_start;
	struct vnep_err *err;
	char word[VNEP_DNSKEY_SECRET_MAX + 1]; /* the last word, string or sign */
	bool is_sign;
	unsigned word_line, word_column;
};

static bool take(struct scanner *s)
{
	if (*s->at == '\n') {
		s->line++;
		s->line_start = s->at + 1;
	}
	return ++s->at < s->end;
}

static bool starts(const struct scanner *s, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(s->end - s->at) >= n && !memcmp(s->at, text, n);
}

static void skip_line(struct scanner *s)
{
	while (s->at < s->end && *s->at != '\n')
		take(s);
}

static int fail(struct scanner *s, int code, const char *what)
{
	vnep_err_place(s->err, NULL, s->word_line, s->word_column);
	return vnep_err_set(s->err, code, "%s", what);
}

static void mark_place(struct scanner *s)
{
	s->word_line = s->line;
	s->word_column = (unsigned)(s->at - s->line_start) + 1;
}

static int skip_space(struct scanner *s)
{
	while (s->at < s->end) {
		mark_place(s);
		if (starts(s, "/*")) {
			s->at += 2;
			while (s->at < s->end && !starts(s, "*/"))
				take(s);
			if (s->at == s->end)
				return fail(s, VNEP_ESYNTAX, "a comment has no end");
			s->at += 2;
		} else if (starts(s, "//") || *s->at == '#') {
			skip_line(s);
		} else if (strchr(" \t\r\n", *s->at) && *s->at) {
			take(s);
		} else {
			return 0;
		}
	}
	mark_place(s);
	return 0;
}

/* Into s->word: "" behind the end. Never quoted in a message: it may be the secret. */
static int next_word(struct scanner *s)
{
	bool quoted;
	size_t n = 0;
	int rc = skip_space(s);

	s->word[0] = 0;
	s->is_sign = false;
	if (rc || s->at == s->end)
		return rc;
	if (strchr("{};", *s->at) && *s->at) {
		s->word[n++] = *s->at++;
		s->word[n] = 0;
		s->is_sign = true;
		return 0;
	}
	quoted = *s->at == '"';
	s->at += quoted;
	while (s->at < s->end && (quoted ? *s->at != '"' : !strchr(" \t\r\n{};\"#", *s->at))) {
		if (*s->at < 0x21 || *s->at > 0x7e)
			return fail(s, VNEP_ESYNTAX, "an octet that belongs in no key file");
		if (n == VNEP_DNSKEY_SECRET_MAX)
			return fail(s, VNEP_ETOOBIG, "a word of more than 512 octets");
		s->word[n++] = *s->at++;
	}
	if (quoted && s->at == s->end)
		return fail(s, VNEP_ESYNTAX, "a string has no end");
	s->at += quoted;
	s->word[n] = 0;
	return n ? 0 : fail(s, VNEP_ESYNTAX, "an empty word");
}

static int want_sign(struct scanner *s, const char *sign)
{
	char what[32];
	int rc = next_word(s);

	if (rc)
		return rc;
	if (s->is_sign && !strcmp(s->word, sign))
		return 0;
	snprintf(what, sizeof what, "\"%s\" is missing", sign);
	return fail(s, VNEP_ESYNTAX, what);
}

static int want_word(struct scanner *s, const char *what)
{
	int rc = next_word(s);

	return rc || (s->word[0] && !s->is_sign) ? rc : fail(s, VNEP_ESYNTAX, what);
}

static int take_name(struct scanner *s, struct vnep_dnskey *key)
{
	int rc = want_word(s, "the name of the key is missing");

	if (!rc && vnep_dnsname_read(s->word, key->name, NULL))
		rc = fail(s, VNEP_EVALUE, "the name of the key is no DNS name");
	return rc;
}

static int take_algorithm(struct scanner *s, struct vnep_dnskey *key)
{
	static const char *const known[] = { "hmac-sha256.", "hmac-sha512.", "hmac-sha1." };
	char name[VNEP_DNS_NAME_LEN];
	int rc = want_word(s, "the algorithm is missing");

	if (rc)
		return rc;
	if (!vnep_dnsname_read(s->word, name, NULL))
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (!strcmp(known[i], name)) {
				snprintf(key->algorithm, sizeof key->algorithm, "%s", known[i]);
				return 0;
			}
	fail(s, VNEP_EVALUE, "the algorithm is none of: hmac-sha256 hmac-sha512 hmac-sha1");
	vnep_err_hint(s->err, "tsig-keygen -a hmac-sha256 NAME makes a key");
	return VNEP_EVALUE;
}

/* What libldns would refuse later is refused here, with a place. */
static bool is_base64(const char *text)
{
	size_t n = strlen(text),
	       digits = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/"),
	       pad = n - digits;

	return n && n % 4 == 0 && pad <= 2 && strspn(text + digits, "=") == pad;
}

static int take_secret(struct scanner *s, struct vnep_dnskey *key)
{
	int rc = want_word(s, "the secret is missing");

	if (rc)
		return rc;
	if (!is_base64(s->word))
		return fail(s, VNEP_EVALUE, "the secret is not base64");
	memcpy(key->secret, s->word, sizeof key->secret);
	return 0;
}

static int take_member(struct scanner *s, struct vnep_dnskey *key)
{
	int rc;

	if (!strcmp(s->word, "algorithm") && !key->algorithm[0])
		rc = take_algorithm(s, key);
	else if (!strcmp(s->word, "secret") && !key->secret[0])
		rc = take_secret(s, key);
	else
		return fail(s, VNEP_ESYNTAX, "neither \"algorithm\" nor \"secret\", once each");
	return rc ? rc : want_sign(s, ";");
}

static int parse(struct scanner *s, struct vnep_dnskey *key)
{
	int rc = next_word(s);

	if (!rc && strcmp(s->word, "key"))
		rc = fail(s, VNEP_ESYNTAX, "no key: a key file begins with the word \"key\"");
	if (!rc)
		rc = take_name(s, key);
	if (!rc)
		rc = want_sign(s, "{");
	if (!rc)
		rc = next_word(s);
	while (!rc && !(s->is_sign && s->word[0] == '}')) {
		rc = take_member(s, key);
		if (!rc)
			rc = next_word(s);
	}
	if (!rc && (!key->algorithm[0] || !key->secret[0]))
		rc = fail(s, VNEP_ESYNTAX,
			key->secret[0] ? "the key has no algorithm" : "the key has no secret");
	if (!rc)
		rc = want_sign(s, ";");
	if (!rc)
		rc = next_word(s);
	if (!rc && s->word[0])
		rc = fail(s, VNEP_ESYNTAX, "something stands behind the key: one key a file");
	return rc;
}

int vnep_dnskey_parse(const char *text, size_t len, struct vnep_dnskey *out, struct vnep_err *err)
{
	struct scanner s = { text, text + len, .line = 1, .line_start = text, .err = err };
	struct vnep_dnskey key = { 0 };
	int rc = parse(&s, &key);

	if (!rc)
		*out = key;
	vnep_dnskey_wipe(&key);
	explicit_bzero(&s, sizeof s);
	return rc;
}

static int read_file(
	int fd, const char *path, char text[static FILE_MAX], size_t *len, struct vnep_err *err)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return vnep_err_sys(err, errno, "%s", path);
	if (st.st_mode & S_IRWXO) {
		vnep_err_set(err, VNEP_EPRIV, "%s is a secret that everybody may read", path);
		vnep_err_hint(err, "chmod o= %s", path);
		return VNEP_EPRIV;
	}
	*len = 0;
	while ((n = read(fd, text + *len, FILE_MAX - *len)) > 0)
		*len += (size_t)n;
	if (n < 0)
		return vnep_err_sys(err, errno, "%s", path);
	if (*len == FILE_MAX)
		return vnep_err_set(
			err, VNEP_ETOOBIG, "%s is too long for a file with one key", path);
	return 0;
}

int vnep_dnskey_read(const char *path, struct vnep_dnskey *out, struct vnep_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc;
	char text[FILE_MAX];
	size_t len = 0;

	if (fd < 0)
		return vnep_err_sys(err, errno, "%s", path);
	rc = read_file(fd, path, text, &len, err);
	close(fd);
	if (!rc) {
		vnep_err_place(err, path, 0, 0);
		rc = vnep_dnskey_parse(text, len, out, err);
		if (!rc)
			vnep_err_place(err, "", 0, 0);
	}
	explicit_bzero(text, sizeof text);
	return rc;
}

void vnep_dnskey_wipe(struct vnep_dnskey *key)
{
	explicit_bzero(key, sizeof *key);
}
