/* sentlog: what was sent is there when the next process looks, and of another boot nothing is. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/sentlog.h"
#include "t.h"

static char tmp[64];

static void setup(void)
{
	strcpy(tmp, "/tmp/vnep-sentlog-XXXXXX");
	CHECK(mkdtemp(tmp) != NULL);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r '%s'", tmp);
	CHECK_INT(system(command), 0);
}

static struct vnep_sentlog_entry entry(uint64_t seq)
{
	return (struct vnep_sentlog_entry){ .seq = seq, .attempt = 1 };
}

static void put(struct vnep_sentlog *log, uint64_t seq)
{
	struct vnep_sentlog_entry e = entry(seq);

	vnep_sentlog_put(log, &e);
}

TEST("sentlog: a killed process leaves what it put, and what it cleared is gone")
{
	struct vnep_sentlog *log = NULL;
	int status;
	pid_t pid;

	setup();
	pid = fork();
	if (!pid) {
		if (vnep_sentlog_open(&log, tmp, "sent", VNEP_SENTLOG_MAX, "boot-a", NULL))
			_exit(1);
		put(log, 1);
		vnep_sentlog_clear(log);
		put(log, 7);
		put(log, 8);
		raise(SIGKILL);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	CHECK_INT(vnep_sentlog_open(&log, tmp, "sent", VNEP_SENTLOG_MAX, "boot-a", NULL), 0);
	CHECK(vnep_sentlog_get(log, 0)->seq == 7 && vnep_sentlog_get(log, 1)->seq == 8);
	CHECK(!vnep_sentlog_get(log, 2));
	CHECK_INT(vnep_sentlog_room(log), VNEP_SENTLOG_MAX - 2);
	vnep_sentlog_close(log);
	teardown();
}

TEST("sentlog: after another boot it is empty, and so it is where the file was something else")
{
	struct vnep_sentlog *log = NULL;
	char path[80];

	setup();
	CHECK_INT(vnep_sentlog_open(&log, tmp, "sent", VNEP_SENTLOG_MAX, "boot-a", NULL), 0);
	put(log, 7);
	vnep_sentlog_close(log);
	CHECK_INT(vnep_sentlog_open(&log, tmp, "sent", VNEP_SENTLOG_MAX, "boot-b", NULL), 0);
	CHECK(!vnep_sentlog_get(log, 0));
	vnep_sentlog_close(log);
	snprintf(path, sizeof path, "%s/sent", tmp);
	CHECK_INT(truncate(path, 100), 0);
	CHECK_INT(truncate(path, 0), 0);
	CHECK_INT(vnep_sentlog_open(&log, tmp, "sent", VNEP_SENTLOG_MAX, "boot-b", NULL), 0);
	CHECK(!vnep_sentlog_get(log, 0));
	vnep_sentlog_close(log);
	teardown();
}

TEST("sentlog: a full one has no room and takes nothing; a link is refused")
{
	struct vnep_sentlog *log = NULL;
	char path[80];

	setup();
	CHECK_INT(vnep_sentlog_open(&log, tmp, "sent", VNEP_SENTLOG_MAX, NULL, NULL), 0);
	for (uint64_t i = 1; i <= VNEP_SENTLOG_MAX + 1; i++)
		put(log, i);
	CHECK_INT(vnep_sentlog_room(log), 0);
	CHECK(vnep_sentlog_get(log, VNEP_SENTLOG_MAX - 1)->seq == VNEP_SENTLOG_MAX);
	CHECK(!vnep_sentlog_get(log, VNEP_SENTLOG_MAX));
	vnep_sentlog_close(log);
	snprintf(path, sizeof path, "%s/sent", tmp);
	CHECK(!unlink(path) && !symlink("elsewhere", path));
	CHECK_INT(vnep_sentlog_open(&log, tmp, "sent", VNEP_SENTLOG_MAX, NULL, NULL), VNEP_EPRIV);
	teardown();
}

int main(void)
{
	return t_run();
}
