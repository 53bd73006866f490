/* state: which folders are taken, and that one writer at a time is let in. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/state.h"
#include "t.h"

static char tmp[64];

/* A path below the folder of this test; four may be in use at once. */
static const char *at(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", tmp, name);
	return p;
}

static void setup(void)
{
	strcpy(tmp, "/tmp/vnep-state-XXXXXX");
	CHECK(mkdtemp(tmp) != NULL);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r '%s'", tmp);
	CHECK_INT(system(command), 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	CHECK(file && fputs(text, file) >= 0 && !fclose(file));
}

TEST("state: a folder is made with its parents, for its owner alone, and only when asked")
{
	struct stat st;
	struct vnep_err err = { 0 };

	setup();
	CHECK_INT(vnep_state_check(at("a/b/c"), 0, &err), VNEP_ENOTFOUND);
	CHECK(access(at("a"), F_OK));
	CHECK_INT(vnep_state_check(at("a/b/c"), 1, &err), 0);
	CHECK(!stat(at("a/b/c"), &st) && (st.st_mode & 07777) == 0700);
	CHECK(!stat(at("a"), &st) && (st.st_mode & 07777) == 0700);
	CHECK_INT(vnep_state_check(at("a/b/c"), 1, &err), 0);
	CHECK_INT(vnep_state_check(at("x//y/"), 1, &err), 0);
	CHECK_INT(vnep_state_check(at("x/y"), 0, &err), 0);
	teardown();
}

TEST("state: a symbolic link is refused, with a slash behind it too, and one to nowhere makes "
     "nothing")
{
	struct vnep_err err = { 0 };

	setup();
	CHECK_INT(vnep_state_check(at("real"), 1, &err), 0);
	CHECK(!symlink(at("real"), at("link")) && !symlink(at("none"), at("dangling")));
	CHECK_INT(vnep_state_check(at("link"), 0, &err), VNEP_EPRIV);
	CHECK(strstr(err.text, "symbolic link"));
	CHECK_INT(vnep_state_check(at("link/"), 0, &err), VNEP_EPRIV);
	CHECK_INT(vnep_state_check(at("link///"), 1, &err), VNEP_EPRIV);
	CHECK_INT(vnep_state_check(at("dangling"), 1, &err), VNEP_EPRIV);
	CHECK(access(at("none"), F_OK));
	teardown();
}

TEST("state: a file, a path through a file and one that is too long are refused")
{
	static char longer[PATH_MAX + 10];
	struct vnep_err err = { 0 };

	setup();
	write_file(at("file"), "x");
	CHECK_INT(vnep_state_check(at("file"), 1, &err), VNEP_EPRIV);
	CHECK_INT(vnep_state_check(at("file/state"), 1, &err), -ENOTDIR);
	memset(longer, 'a', sizeof longer - 1);
	longer[0] = '/';
	CHECK_INT(vnep_state_check(longer, 1, &err), -ENAMETOOLONG);
	CHECK_INT(vnep_state_check("", 0, &err), VNEP_ENOTFOUND);
	teardown();
}

TEST("state: a folder that everybody may write to is refused, with the command that mends it")
{
	struct vnep_err err = { 0 };

	setup();
	CHECK(!mkdir(at("open"), 0700) && !chmod(at("open"), 0703));
	CHECK_INT(vnep_state_check(at("open"), 1, &err), VNEP_EPRIV);
	CHECK(!strncmp(err.hint, "chmod o-w ", 10));
	CHECK(!chmod(at("open"), 01777)); /* as /tmp */
	CHECK_INT(vnep_state_check(at("open"), 1, &err), VNEP_EPRIV);
	CHECK(!chmod(at("open"), 0755));
	CHECK_INT(vnep_state_check(at("open"), 1, &err), 0);
	teardown();
}

/* In a child, so that a root can become nobody; anybody else is nobody to root already. */
static int foreign(void)
{
	if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
		return -1;
	return vnep_state_check("/usr", 1, NULL) == VNEP_EPRIV;
}

TEST("state: another user's folder is refused")
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(foreign());
	CHECK_INT(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 255)
		printf("# not tried: this root cannot become another user\n");
	else
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

TEST("state: the lock has one holder, who is named to the next one and to who asks")
{
	struct vnep_state_owner owner = { 0 };
	struct vnep_err err = { 0 };
	int first = -1, second = -1;
	char pid[32];

	setup();
	CHECK_INT(vnep_state_owner(tmp, &owner, &err), VNEP_ENOTFOUND);
	CHECK_INT(vnep_state_lock(tmp, "vnep-edge", "/run/vnep/edge.sock", &first, &err), 0);
	CHECK(fcntl(first, F_GETFD) & FD_CLOEXEC);
	CHECK_INT(vnep_state_lock(tmp, "vnep-map", NULL, &second, &err), VNEP_EBUSY);
	CHECK_INT(second, -1);
	snprintf(pid, sizeof pid, "(process %d)", (int)getpid());
	CHECK(strstr(err.text, "vnep-edge") && strstr(err.text, pid));
	CHECK_INT(vnep_state_owner(tmp, &owner, &err), 0);
	CHECK_INT(owner.pid, getpid());
	CHECK_STR(owner.tool, "vnep-edge");
	CHECK_STR(owner.socket, "/run/vnep/edge.sock");
	close(first);
	CHECK_INT(vnep_state_owner(tmp, &owner, &err), VNEP_ENOTFOUND);
	/* the next line is shorter: nothing of the old one stays behind it */
	CHECK_INT(vnep_state_lock(tmp, "vnep-map", NULL, &second, &err), 0);
	CHECK_INT(vnep_state_owner(tmp, &owner, &err), 0);
	CHECK_STR(owner.tool, "vnep-map");
	CHECK_STR(owner.socket, "");
	close(second);
	teardown();
}

TEST("state: the lock of a holder that was killed is free, whatever its line says")
{
	struct vnep_state_owner owner;
	struct vnep_err err = { 0 };
	int fd = -1, status, ready[2];
	pid_t pid;
	char octet;

	setup();
	CHECK(!pipe(ready));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!vnep_state_lock(tmp, "vnep-edge", "/s", &fd, NULL) &&
			write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	CHECK_INT(read(ready[0], &octet, 1), 1);
	CHECK_INT(vnep_state_owner(tmp, &owner, &err), 0);
	CHECK_INT(owner.pid, pid);
	CHECK(!kill(pid, SIGKILL));
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(vnep_state_owner(tmp, &owner, &err), VNEP_ENOTFOUND);
	CHECK_INT(vnep_state_lock(tmp, "vnep-map", NULL, &fd, &err), 0);
	close(fd);
	close(ready[0]);
	close(ready[1]);
	teardown();
}

/* Asks and asks until it is killed. */
static void ask_for_ever(void)
{
	struct vnep_state_owner owner;

	for (;;)
		vnep_state_owner(tmp, &owner, NULL);
}

TEST("state: who only asks does not keep a writer out")
{
	struct vnep_err err = { 0 };
	int fd = -1, status;
	pid_t pid;

	setup();
	write_file(at("lock"), "");
	fflush(stdout);
	pid = fork();
	if (!pid)
		ask_for_ever();
	for (unsigned i = 0; i < 3000 && !t_failed; i++) {
		CHECK_INT(vnep_state_lock(tmp, "vnep-map", NULL, &fd, &err), 0);
		close(fd);
	}
	kill(pid, SIGKILL);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	teardown();
}

TEST("state: a lock file that is a link is not followed, and one that is nonsense names nobody")
{
	struct vnep_state_owner owner = { .pid = 7 };
	struct vnep_err err = { 0 };
	int fd = -1, held;

	setup();
	write_file(at("victim"), "precious");
	CHECK(!symlink(at("victim"), at("lock")));
	CHECK_INT(vnep_state_lock(tmp, "vnep-map", NULL, &fd, &err), -ELOOP);
	CHECK_INT(vnep_state_owner(tmp, &owner, &err), -ELOOP);
	CHECK(!unlink(at("lock")));
	write_file(at("lock"), "{\"pid\":");
	held = open(at("lock"), O_RDWR | O_CLOEXEC);
	CHECK(!flock(held, LOCK_EX));
	CHECK_INT(vnep_state_lock(tmp, "vnep-map", NULL, &fd, &err), VNEP_EBUSY);
	CHECK(strstr(err.text, "another writer"));
	CHECK_INT(vnep_state_owner(tmp, &owner, &err), 0);
	CHECK(!owner.pid && !owner.tool[0] && !owner.socket[0]);
	close(held);
	teardown();
}

int main(void)
{
	return t_run();
}
