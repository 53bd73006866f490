/* jail - capabilities by libcap-ng, system calls by libseccomp, files by Landlock, which has no library in Debian 12. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>
#include <linux/landlock.h>
#include <seccomp.h>

#include "vnep/err.h"
#include "vnep/jail.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- capabilities ---- */

int vnep_jail_caps(uint64_t permitted, uint64_t effective, struct vnep_err *err)
{
	uint64_t had = 0;
	bool bounds;

	if (capng_get_caps_process())
		return vnep_err_sys(err, errno ? errno : EIO, "reading the capabilities");
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (capng_have_capability(CAPNG_PERMITTED, cap))
			had |= VNEP_CAP(cap);
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_ALL);
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (!(permitted & VNEP_CAP(cap)))
			continue;
		capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, cap);
		if (!(had & VNEP_CAP(cap)))
			continue;
		/* inheritable and ambient: what a program that is run instead of this one has */
		capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_AMBIENT, cap);
		if (effective & VNEP_CAP(cap))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, cap);
	}
	if (capng_apply(bounds ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT))
		return vnep_err_sys(err, errno ? errno : EPERM, "giving up capabilities");
	return 0;
}

/* ---- files ---- */

/* As in the kernel's header, whichever version of it is here: each version of the interface adds some. */
enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_MAKE_DEVICES = 1 << 6 | 1 << 11, /* character, block */
	FS_V1 = (1 << 13) - 1,
	FS_V2_REFER = 1 << 13,
	FS_V3_TRUNCATE = 1 << 14,
	FS_V5_IOCTL_DEV = 1 << 15,
	OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_V3_TRUNCATE | FS_V5_IOCTL_DEV,
	NET_V4_TCP = 3, /* bind, connect */
};

struct ruleset {
	uint64_t fs, net;
};

static int fence_path(int fence, uint64_t handled, const struct vnep_jail_path *p)
{
	uint64_t allowed = FS_READ_FILE | FS_READ_DIR;
	struct landlock_path_beneath_attr rule = { 0 };
	struct stat st;
	int rc = 0;

	if (!p->path)
		return 0;
	rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	if (p->write)
		allowed = FS_V1 | FS_V2_REFER | FS_V3_TRUNCATE;
	allowed &= handled & ~(uint64_t)(FS_EXECUTE | FS_MAKE_DEVICES);
	allowed |= p->run ? FS_EXECUTE : 0u;
	if (fstat(rule.parent_fd, &st))
		rc = -errno;
	else if (!S_ISDIR(st.st_mode))
		allowed &= OF_FILES;
	rule.allowed_access = allowed;
	if (!rc && syscall(SYS_landlock_add_rule, fence, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		rc = -errno;
	/* It stays open: the rule is the inode's, and procfs makes another one where nobody holds it. */
	return rc;
}

int vnep_jail_files(const struct vnep_jail_path *paths, size_t count, struct vnep_err *err)
{
	struct ruleset set = { .fs = FS_V1 };
	long version = SANITIZED ? 0
				 : syscall(SYS_landlock_create_ruleset, NULL, 0,
					   LANDLOCK_CREATE_RULESET_VERSION);
	int fence, rc = 0;

	if (version <= 0)
		return 1;
	set.fs |= (version >= 2 ? FS_V2_REFER : 0u) | (version >= 3 ? FS_V3_TRUNCATE : 0u) |
		  (version >= 5 ? FS_V5_IOCTL_DEV : 0u);
	set.net = version >= 4 ? NET_V4_TCP : 0;
	fence = (int)syscall(
		SYS_landlock_create_ruleset, &set, version >= 4 ? sizeof set : sizeof set.fs, 0);
	if (fence < 0)
		return vnep_err_sys(err, errno, "Landlock");
	for (size_t i = 0; !rc && i < count; i++) {
		rc = fence_path(fence, set.fs, &paths[i]);
		if (rc)
			vnep_err_sys(err, -rc, "Landlock: %s", paths[i].path);
	}
	if (!rc && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
			   syscall(SYS_landlock_restrict_self, fence, 0)))
		rc = vnep_err_sys(err, errno, "Landlock");
	close(fence);
	return rc;
}

/* ---- system calls ---- */

/* What a worker's libraries and ours call: libc, libuv, LMDB, libmnl; on every architecture, whichever it has. */
static const char *const of_all[] = { "accept4", "access", "alarm", "bind", "brk", "chmod",
	"clock_getres", "clock_gettime", "clock_nanosleep", "close", "connect", "copy_file_range",
	"dup", "dup2", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
	"epoll_wait", "eventfd2", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64",
	"fallocate", "fchmod", "fchmodat", "fcntl", "fdatasync", "flock", "fstat", "fstatfs",
	"fsync", "ftruncate", "futex", "getcwd", "getdents64", "getegid", "geteuid", "getgid",
	"getpeername", "getpid", "getppid", "getrandom", "getrusage", "getsockname", "getsockopt",
	"gettid", "gettimeofday", "getuid", "ioctl", "linkat", "listen", "lseek", "lstat",
	"madvise", "membarrier", "mkdir", "mkdirat", "mmap", "mprotect", "mremap", "msync",
	"munmap", "nanosleep", "newfstatat", "open", "openat", "pipe2", "poll", "ppoll", "pread64",
	"preadv", "pwrite64", "pwritev", "read", "readahead", "readlink", "readlinkat", "readv",
	"recvfrom", "recvmmsg", "recvmsg", "rename", "renameat", "renameat2", "restart_syscall",
	"rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigtimedwait", "sched_getaffinity", "sched_yield", "sendmmsg", "sendmsg", "sendto",
	"set_robust_list", "setsockopt", "shutdown", "sigaltstack", "stat", "statfs", "statx",
	"sync_file_range", "sysinfo", "time", "timerfd_create", "timerfd_gettime",
	"timerfd_settime", "umask", "uname", "unlink", "unlinkat", "utimensat", "write", "writev",
	/* what 32 bits have instead */
	"_llseek", "clock_getres_time64", "clock_gettime64", "clock_nanosleep_time64",
	"fadvise64_64", "fcntl64", "fstat64", "fstatat64", "fstatfs64", "ftruncate64",
	"futex_time64", "getegid32", "geteuid32", "getgid32", "getuid32", "lstat64", "mmap2",
	"ppoll_time64", "recv", "recvmmsg_time64", "rt_sigtimedwait_time64", "send", "set_tls",
	"sigaction", "sigprocmask", "sigreturn", "stat64", "statfs64", "sync_file_range2",
	"timerfd_gettime64", "timerfd_settime64", "utimensat_time64" };

/* To start one, and what it does before it is shut in. */
static const char *const of_holder[] = { "arch_prctl", "capget", "capset", "chown", "clone",
	"clone3", "execve", "fchown", "fchownat", "fork", "get_robust_list", "getpgrp", "getresgid",
	"getresuid", "getrlimit", "kill", "landlock_add_rule", "landlock_create_ruleset",
	"landlock_restrict_self", "lchown", "memfd_create", "prctl", "prlimit64", "seccomp",
	"set_tid_address", "setrlimit", "signalfd4", "socketpair", "tgkill", "vfork", "wait4",
	"waitid", "chown32", "fchown32", "lchown32", "ugetrlimit", "waitpid" };

/* Nobody of ours; somebody else in our place might. */
static const char *const of_intruders[] = { "bpf", "execveat", "finit_module", "init_module",
	"kexec_load", "mount", "pidfd_getfd", "pivot_root", "process_vm_readv", "process_vm_writev",
	"ptrace", "setns", "unshare", "userfaultfd" };

static int rules(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		int call = seccomp_syscall_resolve_name(names[i]);

		if (call != __NR_SCMP_ERROR) /* this libseccomp does not know it: it stays shut */
			rc = seccomp_rule_add(filter, action, call, 0);
		if (rc == -EDOM ||
			rc == -EACCES) /* another architecture's, or it is so by default */
			rc = 0;
	}
	return rc;
}

/* A worker's threads, and that it names them or ends by itself. */
static int rules_of_worker(scmp_filter_ctx filter)
{
	static const int families[] = { AF_UNIX, AF_NETLINK };
#if defined(__s390__)
	const unsigned flags = 1;
#else
	const unsigned flags = 0;
#endif
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_CMP(flags, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	for (size_t i = 0; !rc && i < sizeof families / sizeof *families; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	if (!rc)
		rc = rules(filter, SCMP_ACT_KILL_PROCESS, (const char *const[]){ "execve" }, 1);
	return rc;
}

static int rules_of_holder(scmp_filter_ctx filter)
{
	static const int families[] = { AF_UNIX, AF_NETLINK, AF_PACKET };
	int rc = rules(filter, SCMP_ACT_ALLOW, of_holder, sizeof of_holder / sizeof *of_holder);

	for (size_t i = 0; !rc && i < sizeof families / sizeof *families; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	return rc;
}

int vnep_jail_calls(enum vnep_jail_role role, struct vnep_err *err)
{
	scmp_filter_ctx filter = SANITIZED ? NULL : seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc;

	if (!filter)
		return SANITIZED ? 0 : vnep_err_sys(err, ENOMEM, "seccomp");
	rc = rules(filter, SCMP_ACT_ALLOW, of_all, sizeof of_all / sizeof *of_all);
	if (!rc)
		rc = rules(filter, SCMP_ACT_KILL_PROCESS, of_intruders,
			sizeof of_intruders / sizeof *of_intruders);
	if (!rc)
		rc = role == VNEP_JAIL_WORKER ? rules_of_worker(filter) : rules_of_holder(filter);
	if (!rc)
		rc = seccomp_load(filter); /* sets no_new_privs, too */
	seccomp_release(filter);
	return rc ? vnep_err_sys(err, -rc, "seccomp") : 0;
}
