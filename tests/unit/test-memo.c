/* memo: the last one that was finished is there, whoever was killed when. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/memo.h"
#include "t.h"

static char tmp[64];

static void setup(void)
{
	strcpy(tmp, "/tmp/vnep-memo-XXXXXX");
	CHECK(mkdtemp(tmp) != NULL);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r '%s'", tmp);
	CHECK_INT(system(command), 0);
}

TEST("memo: what was put last is got, also by the next one who opens it; a new one is empty")
{
	struct vnep_memo *memo;
	char out[8];

	setup();
	CHECK(!vnep_memo_open(&memo, tmp, "memo", NULL));
	CHECK_INT(vnep_memo_get(memo, out, sizeof out), 0);
	vnep_memo_put(memo, "one", 3);
	vnep_memo_put(memo, "three", 5);
	CHECK_INT(vnep_memo_get(memo, out, sizeof out), 5);
	CHECK(!memcmp(out, "three", 5));
	CHECK_INT(vnep_memo_get(memo, out, 4), 0);
	vnep_memo_close(memo);
	CHECK(!vnep_memo_open(&memo, tmp, "memo", NULL));
	CHECK_INT(vnep_memo_get(memo, out, sizeof out), 5);
	vnep_memo_put(memo, "two", 3);
	CHECK_INT(vnep_memo_get(memo, out, sizeof out), 3);
	vnep_memo_close(memo);
	teardown();
}

/* Octets that are all the same, their number first. */
static void write_for_ever(struct vnep_memo *memo)
{
	uint8_t data[VNEP_MEMO_MAX];

	for (unsigned n = 1;; n++) {
		memset(data, (int)(n & 255), sizeof data);
		vnep_memo_put(memo, data, 500 + n % 1500);
	}
}

TEST("memo: a writer that is killed leaves one whole, 100 times")
{
	struct vnep_memo *memo;
	uint8_t out[VNEP_MEMO_MAX];
	unsigned wrong = 0;

	setup();
	for (long i = 0; i < 100; i++) {
		pid_t pid = fork();
		size_t len = 0;

		if (!pid) {
			if (vnep_memo_open(&memo, tmp, "memo", NULL))
				_exit(1);
			write_for_ever(memo);
		}
		CHECK(!vnep_memo_open(&memo, tmp, "memo", NULL));
		while (!len)
			len = vnep_memo_get(memo, out, sizeof out);
		nanosleep(&(struct timespec){ .tv_nsec = 100000 + i * 7919 }, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		len = vnep_memo_get(memo, out, sizeof out);
		wrong += len < 500;
		for (size_t k = 1; k < len; k++)
			wrong += out[k] != out[0];
		vnep_memo_close(memo);
	}
	CHECK_INT(wrong, 0);
	teardown();
}

TEST("memo: a link is not followed, and what is no memo says nothing")
{
	struct vnep_memo *memo;
	char path[128], out[8];
	FILE *file;

	setup();
	snprintf(path, sizeof path, "%s/link", tmp);
	CHECK(!symlink("/tmp", path));
	CHECK_INT(vnep_memo_open(&memo, tmp, "link", NULL), VNEP_EPRIV);
	snprintf(path, sizeof path, "%s/memo", tmp);
	file = fopen(path, "w");
	for (int i = 0; file && i < 6000; i++)
		fputc('x', file);
	CHECK(file && !fclose(file));
	CHECK(!vnep_memo_open(&memo, tmp, "memo", NULL));
	CHECK_INT(vnep_memo_get(memo, out, sizeof out), 0);
	vnep_memo_put(memo, "one", 3);
	CHECK_INT(vnep_memo_get(memo, out, sizeof out), 3);
	vnep_memo_close(memo);
	teardown();
}

int main(void)
{
	return t_run();
}
