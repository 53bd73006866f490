#include <errno.h>

#include "t.h"
#include "vnep/err.h"

TEST("err: a message is place, problem; what is not known is left out")
{
	struct vnep_err err = { 0 };
	char out[600];

	CHECK_INT(vnep_err_set(&err, VNEP_EVALUE, "unknown key \"%s\"", "vlna"), VNEP_EVALUE);
	vnep_err_print(&err, out, sizeof out);
	CHECK_STR(out, "unknown key \"vlna\"");
	vnep_err_place(&err, "map.jsonl", 0, 0);
	vnep_err_print(&err, out, sizeof out);
	CHECK_STR(out, "map.jsonl: unknown key \"vlna\"");
	vnep_err_place(&err, NULL, 7, 0);
	vnep_err_print(&err, out, sizeof out);
	CHECK_STR(out, "map.jsonl:7: unknown key \"vlna\"");
	vnep_err_place(&err, NULL, 7, 33);
	vnep_err_print(&err, out, sizeof out);
	CHECK_STR(out, "map.jsonl:7:33: unknown key \"vlna\"");
}

TEST("err: an empty detail prints the text of the code")
{
	struct vnep_err err = { .code = VNEP_EBUSY };
	char out[100];

	vnep_err_print(&err, out, sizeof out);
	CHECK_STR(out, "in use by another writer");
}

TEST("err: control bytes of outside text cannot reach a terminal")
{
	struct vnep_err err = { 0 };

	vnep_err_set(&err, VNEP_EVALUE, "\"%s\"", "a\033[2J\n\x7f");
	CHECK_STR(err.text, "\"a?[2J??\"");
	vnep_err_hint(&err, "%s", "\r");
	CHECK_STR(err.hint, "?");
	vnep_err_place(&err, "x\ny", 1, 1);
	CHECK_STR(err.file, "x?y");
}

TEST("err: set keeps the place and forgets the hint")
{
	struct vnep_err err = { 0 };

	vnep_err_place(&err, "-", 3, 4);
	vnep_err_set(&err, VNEP_EVALUE, "one");
	CHECK_INT(vnep_err_hint(&err, "try two"), VNEP_EVALUE);
	vnep_err_set(&err, VNEP_ESYNTAX, "two");
	CHECK_STR(err.hint, "");
	CHECK_INT(err.line, 3);
	CHECK_INT(err.column, 4);
}

TEST("err: too long a text is cut, never overrun")
{
	struct vnep_err err = { 0 };
	char big[2000];

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = 0;
	vnep_err_set(&err, VNEP_EVALUE, "%s", big);
	CHECK_INT(strlen(err.text), sizeof err.text - 1);
	vnep_err_hint(&err, "%s", big);
	CHECK_INT(strlen(err.hint), sizeof err.hint - 1);
	vnep_err_place(&err, big, 1, 1);
	CHECK_INT(strlen(err.file), sizeof err.file - 1);
	vnep_err_sys(&err, ENOENT, "%s", big);
	CHECK_INT(strlen(err.text), sizeof err.text - 1);
}

TEST("err: every call takes NULL in place of the detail")
{
	CHECK_INT(vnep_err_set(NULL, VNEP_EVALUE, "x"), VNEP_EVALUE);
	CHECK_INT(vnep_err_sys(NULL, ENOENT, "x"), -ENOENT);
	CHECK_INT(vnep_err_hint(NULL, "x"), 0);
	vnep_err_place(NULL, "x", 1, 1);
}

TEST("err: a failed system call says what and why")
{
	struct vnep_err err = { 0 };

	CHECK_INT(vnep_err_sys(&err, ENOENT, "open %s", "x"), -ENOENT);
	CHECK_STR(err.text, "open x: No such file or directory");
}

TEST("err: every code has its own exit status and a tag of RFC 8040")
{
	CHECK_INT(vnep_err_exit(0), 0);
	CHECK_INT(vnep_err_exit(VNEP_ENOTFOUND), 1);
	CHECK_INT(vnep_err_exit(VNEP_EUSAGE), 2);
	CHECK_INT(vnep_err_exit(VNEP_ETOOBIG), 2);
	CHECK_INT(vnep_err_exit(VNEP_EKERNEL), 3);
	CHECK_INT(vnep_err_exit(-EIO), 3);
	CHECK_INT(vnep_err_exit(VNEP_ECONFLICT), 4);
	CHECK_INT(vnep_err_exit(VNEP_EBUSY), 5);
	CHECK_INT(vnep_err_exit(VNEP_EUNAVAIL), 5);
	CHECK_STR(vnep_err_tag(VNEP_ENOTFOUND), "data-missing");
	CHECK_STR(vnep_err_tag(-EACCES), "access-denied");
	CHECK_STR(vnep_err_tag(-EIO), "operation-failed");
	CHECK_STR(vnep_strerror(VNEP_ETOOBIG), "too big");
	CHECK_STR(vnep_strerror(-ENOENT), "No such file or directory");
	for (int code = VNEP_EUNAVAIL; code <= VNEP_ENOTFOUND; code++)
		CHECK(vnep_err_exit(code) >= 1 && vnep_err_exit(code) <= 5);
}

TEST("err: near words are one or two slips apart, short ones one")
{
	CHECK(vnep_near("vlna", "vlan"));  /* swapped */
	CHECK(vnep_near("vla", "vlan"));   /* left out */
	CHECK(vnep_near("vlaan", "vlan")); /* doubled */
	CHECK(vnep_near("prefics", "prefix"));
	CHECK(!vnep_near("vlnx", "vlan")); /* two slips in four letters */
	CHECK(!vnep_near("colour", "vlan"));
	CHECK(!vnep_near("v", "ts"));
	CHECK(!vnep_near("", ""));
}

TEST("err: near words longer than the table are simply not near")
{
	char a[80], b[80];

	memset(a, 'x', sizeof a - 1);
	a[sizeof a - 1] = 0;
	memcpy(b, a, sizeof b);
	CHECK(!vnep_near(a, b));
	a[63] = b[63] = 0;
	CHECK(vnep_near(a, b));
}

int main(void)
{
	return t_run();
}
