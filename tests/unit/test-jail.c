/* jail: what is given up is refused, what is left works, and there is no way back. Each try is a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/if_packet.h>

#include "vnep/jail.h"
#include "netns.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static char tmp[64], outside[96];

static void setup(void)
{
	char command[256];

	strcpy(tmp, "/tmp/vnep-jail-XXXXXX");
	CHECK(mkdtemp(tmp) != NULL);
	snprintf(outside, sizeof outside, "%s/outside", tmp);
	snprintf(command, sizeof command,
		"cd %s && mkdir write read && echo r >read/file && echo o >outside", tmp);
	CHECK_INT(system(command), 0);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r '%s'", tmp);
	CHECK_INT(system(command), 0);
}

/* What try ends with as a process of its own: its errno, or 128 + signal; 0: it could. */
static int alone(int (*try)(void))
{
	int status = 0;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid)
		_exit(try());
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int opened(const char *folder, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	return fd < 0 ? errno : 0;
}

static int fence(void)
{
	char writable[96], readable[96];
	const struct vnep_jail_path paths[] = { { writable, .write = true },
		{ readable, false, false }, { "/nowhere/at/all", .write = true } };

	snprintf(writable, sizeof writable, "%s/write", tmp);
	snprintf(readable, sizeof readable, "%s/read", tmp);
	CHECK(chdir(tmp) == 0);
	return vnep_jail_files(paths, 3, NULL);
}

static int write_outside(void)
{
	return fence() ? 200 : opened(tmp, "new", O_CREAT | O_WRONLY);
}

static int read_outside(void)
{
	return fence() ? 200 : opened(tmp, "outside", O_RDONLY);
}

static int write_readable(void)
{
	return fence() ? 200 : opened("read", "file", O_WRONLY);
}

static int read_readable(void)
{
	return fence() ? 200 : opened("read", "file", O_RDONLY);
}

static int work_inside(void)
{
	int rc = fence() ? 200 : opened("write", "new", O_CREAT | O_RDWR);

	if (!rc && (truncate("write/new", 7) || rename("write/new", "write/newer") ||
			   mkdir("write/sub", 0700) || rename("write/newer", "write/sub/newest") ||
			   unlink("write/sub/newest") || rmdir("write/sub")))
		rc = errno;
	return rc;
}

static int run_inside(void)
{
	if (fence())
		return 200;
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

/* As the holder is. */
static int fence_holder(void)
{
	char writable[96];
	const struct vnep_jail_path paths[] = { { "/", .run = true }, { writable, .write = true } };

	snprintf(writable, sizeof writable, "%s/write", tmp);
	CHECK(chdir(tmp) == 0);
	return vnep_jail_files(paths, 2, NULL);
}

static int write_outside_of_state(void)
{
	return fence_holder() ? 200 : opened(tmp, "outside", O_WRONLY);
}

static int write_state(void)
{
	return fence_holder() ? 200 : opened("write", "its", O_CREAT | O_WRONLY);
}

static int run_fenced(void)
{
	if (fence_holder())
		return 200;
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

TEST("jail: files: what is not given is refused, what is given to read is not written, and what to "
     "write has it all")
{
	int has;

	setup();
	has = alone(fence);
	if (has == 1) {
		teardown();
		SKIP(SANITIZED ? "built with sanitizers" : "this kernel has no Landlock");
	}
	CHECK_INT(has, 0);
	CHECK_INT(alone(write_outside), EACCES);
	CHECK_INT(alone(read_outside), EACCES);
	CHECK_INT(alone(write_readable), EACCES);
	CHECK_INT(alone(read_readable), 0);
	CHECK_INT(alone(work_inside), 0);
	CHECK_INT(alone(run_inside), EACCES);
	CHECK_INT(alone(write_outside_of_state), EACCES);
	CHECK_INT(alone(write_state), 0);
	CHECK_INT(alone(run_fenced), 0);
	teardown();
}

/* ---- system calls ---- */

static int calls(enum vnep_jail_role role)
{
	return vnep_jail_calls(role, NULL) ? 200 : 0;
}

static int worker_runs(void)
{
	if (calls(VNEP_JAIL_WORKER))
		return 200;
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

static int holder_runs(void)
{
	if (calls(VNEP_JAIL_HOLDER))
		return 200;
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

static int holder_mounts(void)
{
	return calls(VNEP_JAIL_HOLDER) ? 200 : mount("a", "/b", "c", 0, NULL) ? errno : 0;
}

static int worker_forks(void)
{
	return calls(VNEP_JAIL_WORKER) ? 200 : fork() < 0 ? errno : 0;
}

static int worker_kills(void)
{
	return calls(VNEP_JAIL_WORKER) ? 200 : kill(getppid(), 0) ? errno : 0;
}

static int family(int number, int type)
{
	return socket(number, type, 0) < 0 ? errno : 0;
}

static int worker_internet(void)
{
	return calls(VNEP_JAIL_WORKER) ? 200 : family(AF_INET6, SOCK_STREAM);
}

static int worker_packets(void)
{
	return calls(VNEP_JAIL_WORKER) ? 200 : family(AF_PACKET, SOCK_RAW);
}

static int worker_local(void)
{
	int rc = calls(VNEP_JAIL_WORKER) ? 200 : family(AF_UNIX, SOCK_STREAM);

	return rc ? rc : family(AF_NETLINK, SOCK_RAW);
}

static void *nothing(void *arg)
{
	return arg;
}

static int worker_threads(void)
{
	pthread_t thread;
	int rc = calls(VNEP_JAIL_WORKER) ? 200 : pthread_create(&thread, NULL, nothing, NULL);

	return rc ? rc : pthread_join(thread, NULL);
}

static int worker_is_holder_again(void)
{
	return calls(VNEP_JAIL_WORKER) ? 200 : vnep_jail_calls(VNEP_JAIL_HOLDER, NULL) ? ENOSYS : 0;
}

TEST("jail: calls: a worker has threads and local sockets, and cannot run, fork, kill, mount, or "
     "reach the network")
{
	if (SANITIZED)
		SKIP("built with sanitizers");
	setup();
	CHECK_INT(alone(worker_threads), 0);
	CHECK_INT(alone(worker_local), 0);
	CHECK_INT(alone(worker_runs), 128 + SIGSYS);
	CHECK_INT(alone(worker_forks), ENOSYS);
	CHECK_INT(alone(worker_kills), ENOSYS);
	CHECK_INT(alone(worker_internet), ENOSYS);
	CHECK_INT(alone(worker_packets), ENOSYS);
	CHECK_INT(alone(worker_is_holder_again), ENOSYS);
	CHECK_INT(alone(holder_runs), 0);
	CHECK_INT(alone(holder_mounts), 128 + SIGSYS);
	teardown();
}

/* ---- capabilities ---- */

static int packets_without(void)
{
	if (vnep_jail_caps(VNEP_CAP(CAP_NET_ADMIN), VNEP_CAP(CAP_NET_ADMIN), NULL))
		return 200;
	return family(AF_PACKET, SOCK_RAW);
}

static int packets_back(void)
{
	const uint64_t raw = VNEP_CAP(CAP_NET_RAW);

	if (vnep_jail_caps(raw, 0, NULL) || family(AF_PACKET, SOCK_RAW) != EPERM)
		return 200;
	return vnep_jail_caps(raw, raw, NULL) ? 201 : family(AF_PACKET, SOCK_RAW);
}

static int packets_never(void)
{
	const uint64_t raw = VNEP_CAP(CAP_NET_RAW);

	if (vnep_jail_caps(VNEP_CAP(CAP_NET_ADMIN), 0, NULL) || vnep_jail_caps(raw, raw, NULL))
		return 200;
	return family(AF_PACKET, SOCK_RAW);
}

TEST("jail: capabilities: what is only permitted can be taken up again, what is given up never")
{
	if (family(AF_PACKET, SOCK_RAW))
		SKIP("needs CAP_NET_RAW");
	CHECK_INT(alone(packets_without), EPERM);
	CHECK_INT(alone(packets_back), 0);
	CHECK_INT(alone(packets_never), EPERM);
}

int main(void)
{
	return netns_run();
}
