/* Unit tests of dnskey: what is a key file, and where it goes wrong. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t.h"
#include "vnep/dnskey.h"
#include "vnep/err.h"

#define SECRET "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static int parse(const char *text, struct vnep_dnskey *key, struct vnep_err *err)
{
	*err = (struct vnep_err){ 0 };
	return vnep_dnskey_parse(text, strlen(text), key, err);
}

static void refused(const char *text, int code, unsigned line, unsigned column, const char *why)
{
	struct vnep_dnskey key;
	struct vnep_err err;

	CHECK_INT(parse(text, &key, &err), code);
	CHECK_STR(err.text, why);
	CHECK_INT(err.line, line);
	CHECK_INT(err.column, column);
	CHECK(!strstr(err.text, "MDEy") && !strstr(err.hint, "MDEy"));
}

TEST("dnskey: what tsig-keygen prints is a key")
{
	struct vnep_dnskey key;
	struct vnep_err err;

	CHECK_INT(parse("key \"vnep-key\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET
			"\";\n};\n",
			  &key, &err),
		0);
	CHECK_STR(key.name, "vnep-key.");
	CHECK_STR(key.algorithm, "hmac-sha256.");
	CHECK_STR(key.secret, SECRET);
	vnep_dnskey_wipe(&key);
	CHECK(!key.secret[0] && !key.name[0]);
}

TEST("dnskey: comments, any order, and words without quotes are as in named.conf")
{
	struct vnep_dnskey key;
	struct vnep_err err;

	CHECK_INT(parse("# a\n// b\n/* c\n d */ key K.Example. { secret " SECRET
			" ; /**/ algorithm \"HMAC-SHA512\"; }; # end",
			  &key, &err),
		0);
	CHECK_STR(key.name, "k.example.");
	CHECK_STR(key.algorithm, "hmac-sha512.");
}

TEST("dnskey: what is wrong is said with its place, and never with the secret")
{
	refused("", VNEP_ESYNTAX, 1, 1, "no key: a key file begins with the word \"key\"");
	refused("options { };", VNEP_ESYNTAX, 1, 1,
		"no key: a key file begins with the word \"key\"");
	refused("key {", VNEP_ESYNTAX, 1, 5, "the name of the key is missing");
	refused("key \"a b\" {", VNEP_ESYNTAX, 1, 5, "an octet that belongs in no key file");
	refused("key a..b {", VNEP_EVALUE, 1, 5, "the name of the key is no DNS name");
	refused("key a ;", VNEP_ESYNTAX, 1, 7, "\"{\" is missing");
	refused("key a {\n algorithm hmac-md5;", VNEP_EVALUE, 2, 12,
		"the algorithm is none of: hmac-sha256 hmac-sha512 hmac-sha1");
	refused("key a { secret \"MDEy\";\nsecret \"MDEy\"; };", VNEP_ESYNTAX, 2, 1,
		"neither \"algorithm\" nor \"secret\", once each");
	refused("key a { secret MDEyM; };", VNEP_EVALUE, 1, 16, "the secret is not base64");
	refused("key a { secret \"MDEy; };\n", VNEP_ESYNTAX, 1, 16,
		"an octet that belongs in no key file");
	refused("key a { secret \"MDEy", VNEP_ESYNTAX, 1, 16, "a string has no end");
	refused("key a { secret \"MDEy\" algorithm hmac-sha1; };", VNEP_ESYNTAX, 1, 23,
		"\";\" is missing");
	refused("key a { secret \"MDEy\"; };", VNEP_ESYNTAX, 1, 24, "the key has no algorithm");
	refused("key a { algorithm hmac-sha1; };", VNEP_ESYNTAX, 1, 30, "the key has no secret");
	refused("key a { algorithm hmac-sha1; secret MDEy; }; key b {", VNEP_ESYNTAX, 1, 46,
		"something stands behind the key: one key a file");
	refused("key a { /* ", VNEP_ESYNTAX, 1, 9, "a comment has no end");
	refused("key a { secret \"\"; }", VNEP_ESYNTAX, 1, 16, "an empty word");
}

TEST("dnskey: a file that others may read is refused before it is read")
{
	char path[] = "/tmp/vnep-dnskey-XXXXXX";
	int fd = mkstemp(path);
	struct vnep_err err = { 0 };
	struct vnep_dnskey key;

	CHECK(fd >= 0 && write(fd, "key a { algorithm hmac-sha1; secret MDEy; };", 44) == 44);
	CHECK_INT(vnep_dnskey_read(path, &key, &err), 0);
	CHECK_STR(key.name, "a.");
	CHECK_INT(fchmod(fd, 0640), 0);
	CHECK_INT(vnep_dnskey_read(path, &key, &err), 0);
	CHECK_INT(fchmod(fd, 0644), 0);
	CHECK_INT(vnep_dnskey_read(path, &key, &err), VNEP_EPRIV);
	CHECK(strstr(err.hint, "chmod o= "));
	CHECK_INT(fchmod(fd, 0600), 0);
	CHECK_INT(ftruncate(fd, 10), 0);
	CHECK_INT(vnep_dnskey_read(path, &key, &err), VNEP_ESYNTAX);
	CHECK_STR(err.file, path);
	CHECK_INT(ftruncate(fd, 100000), 0);
	CHECK_INT(vnep_dnskey_read(path, &key, &err), VNEP_ETOOBIG);
	close(fd);
	unlink(path);
	CHECK_INT(vnep_dnskey_read(path, &key, &err), -2);
}

int main(void)
{
	return t_run();
}
