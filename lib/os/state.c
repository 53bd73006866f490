/* state - the one writer of a state folder. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"
#include "vnep/state.h"

enum { TAKE_TRIES = 5000 }; /* of 1 ms */

/* What is made durable inside a new folder is lost with the folder's own name. 0 or errno. */
static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	int fd, rc;

	if (!slash)
		strcpy(parent, ".");
	else
		snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path),
			path);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES ? 0 : errno; /* not for us to read: so be it */
	rc = fsync(fd) && errno != EINVAL ? errno : 0;
	close(fd);
	return rc;
}

static int make_parents(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	int rc;

	if (n >= sizeof part)
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		rc = mkdir(part, 0700) ? errno : sync_parent(part);
		if (rc && rc != EEXIST)
			return -rc;
	}
	return 0;
}

/* Without its last slashes: lstat("link/") would look behind the link. */
static int plain_path(const char *state, char out[static PATH_MAX])
{
	size_t n = strlen(state);

	while (n > 1 && state[n - 1] == '/')
		n--;
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out, state, n);
	out[n] = 0;
	return 0;
}

int vnep_state_check(const char *folder, int create, struct vnep_err *err)
{
	char state[PATH_MAX];
	struct stat st;
	int rc = plain_path(folder, state);

	if (rc)
		return vnep_err_sys(err, -rc, "state folder %.64s...", folder);
	if (lstat(state, &st)) {
		if (errno != ENOENT)
			return vnep_err_sys(err, errno, "state folder %s", state);
		if (!create)
			return vnep_err_set(err, VNEP_ENOTFOUND, "no state folder %s", state);
		rc = make_parents(state);
		if (rc)
			return vnep_err_sys(err, -rc, "cannot make state folder %s", state);
		if (lstat(state, &st))
			return vnep_err_sys(err, errno, "state folder %s", state);
	}
	if (!S_ISDIR(st.st_mode))
		return vnep_err_set(err, VNEP_EPRIV, "%s is not a folder of its own (%s)", state,
			S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory");
	if (st.st_uid != geteuid() && geteuid() != 0)
		return vnep_err_set(err, VNEP_EPRIV, "%s belongs to another user", state);
	if (st.st_mode & S_IWOTH) {
		vnep_err_set(err, VNEP_EPRIV, "%s is writable for everybody", state);
		vnep_err_hint(err, "chmod o-w %s", state);
		return VNEP_EPRIV;
	}
	return 0;
}

static int lock_path(const char *state, char out[static PATH_MAX], struct vnep_err *err)
{
	if (snprintf(out, PATH_MAX, "%s/lock", state) >= PATH_MAX)
		return vnep_err_sys(err, ENAMETOOLONG, "%s/lock", state);
	return 0;
}

/* What the lock file says; an unreadable one says nothing. */
static void read_owner(int fd, struct vnep_state_owner *out)
{
	char text[1024];
	ssize_t n = pread(fd, text, sizeof text, 0);
	struct vnep_json *json = NULL;

	*out = (struct vnep_state_owner){ 0 };
	if (n <= 0 || vnep_json_parse(text, (size_t)n, &json, NULL))
		return;
	out->pid = (int)vnep_json_get_int(json, "pid", 0);
	snprintf(out->tool, sizeof out->tool, "%s", vnep_json_get_str(json, "tool", ""));
	snprintf(out->socket, sizeof out->socket, "%s", vnep_json_get_str(json, "socket", ""));
	vnep_json_free(json);
}

static int write_owner(int fd, const char *tool, const char *socket, int pid)
{
	struct vnep_buf buf = { 0 };
	struct vnep_jw w = { .buf = &buf };
	ssize_t n;
	int rc;

	vnep_buf_put_str(&buf, "{");
	vnep_jw_i64(&w, "pid", pid ? pid : getpid());
	if (pid)
		vnep_jw_i64(&w, "worker", getpid());
	vnep_jw_str(&w, "tool", tool);
	vnep_jw_opt_str(&w, "socket", socket);
	vnep_buf_put_str(&buf, "}\n");
	rc = buf.rc;
	n = rc ? 0 : pwrite(fd, buf.data, buf.len, 0);
	if (n < 0)
		rc = -errno;
	else if (!rc && (size_t)n < buf.len)
		rc = -ENOSPC;
	if (!rc && ftruncate(fd, n)) /* last: on a full disk the old line's block is still ours */
		rc = -errno;
	vnep_buf_release(&buf);
	return rc;
}

/* Does it say that somebody has it who is dead? */
static bool owner_is_dead(int lock)
{
	struct vnep_state_owner owner;

	read_owner(lock, &owner);
	return owner.pid > 0 && kill(owner.pid, 0) && errno == ESRCH;
}

/*
 * Who asks vnep_state_owner holds the lock, shared, for an instant: that is not another writer, who would
 * hold it alone. Nor is what is left of a daemon whose main process was killed: it is on its way out. 0, or errno.
 */
static int take(int lock)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };

	for (unsigned tries = 0; flock(lock, LOCK_EX | LOCK_NB); tries++) {
		if (errno != EWOULDBLOCK || tries == TAKE_TRIES)
			return errno;
		if (!flock(lock, LOCK_SH | LOCK_NB))
			flock(lock, LOCK_UN);
		else if (errno != EWOULDBLOCK)
			return errno;
		else if (!owner_is_dead(lock))
			return EWOULDBLOCK;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* What root makes in a folder of somebody else would not be theirs to open. */
static int not_as_root(const char *state, struct vnep_err *err)
{
	const struct passwd *owner;
	struct stat st;

	if (geteuid() != 0 || stat(state, &st) || st.st_uid == 0)
		return 0;
	owner = getpwuid(st.st_uid);
	if (!owner)
		return vnep_err_set(err, VNEP_EPRIV,
			"%s belongs to user %u, who could not open what root makes there", state,
			(unsigned)st.st_uid);
	vnep_err_set(err, VNEP_EPRIV, "%s belongs to %s, who could not open what root makes there",
		state, owner->pw_name);
	vnep_err_hint(err, "runuser -u %s -- the same command", owner->pw_name);
	return VNEP_EPRIV;
}

/* Is what was kept this very lock? */
static bool same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int vnep_state_lock_for(const char *state, const char *tool, const char *socket, int pid, int kept,
	int *fd, struct vnep_err *err)
{
	struct vnep_state_owner owner;
	char path[PATH_MAX];
	int rc = lock_path(state, path, err), lock;

	if (!rc)
		rc = not_as_root(state, err);
	if (rc)
		return rc;
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (lock < 0)
		return vnep_err_sys(err, errno, "cannot open %s", path);
	if (kept >= 0 && same_file(lock, kept)) {
		int same = fcntl(kept, F_DUPFD_CLOEXEC, 0); /* the lock is of both */

		close(lock);
		if (same < 0)
			return vnep_err_sys(err, errno, "cannot open %s", path);
		lock = same;
	}
	rc = take(lock);
	if (rc) {
		read_owner(lock, &owner);
		close(lock);
		if (rc != EWOULDBLOCK)
			return vnep_err_sys(err, rc, "cannot lock %s", path);
		return vnep_err_set(err, VNEP_EBUSY, "%s is in use by %s (process %d)", state,
			owner.tool[0] ? owner.tool : "another writer", owner.pid);
	}
	rc = write_owner(lock, tool, socket, pid);
	if (rc) {
		close(lock);
		return vnep_err_sys(err, -rc, "cannot write %s", path);
	}
	*fd = lock;
	return 0;
}

int vnep_state_lock(
	const char *state, const char *tool, const char *socket, int *fd, struct vnep_err *err)
{
	return vnep_state_lock_for(state, tool, socket, 0, -1, fd, err);
}

int vnep_state_owner(const char *state, struct vnep_state_owner *out, struct vnep_err *err)
{
	char path[PATH_MAX];
	int rc = lock_path(state, path, err), lock;

	if (rc)
		return rc;
	lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (lock < 0)
		return errno == ENOENT ? VNEP_ENOTFOUND
				       : vnep_err_sys(err, errno, "cannot open %s", path);
	if (flock(lock, LOCK_SH | LOCK_NB) == 0) {
		close(lock);
		return VNEP_ENOTFOUND;
	}
	rc = errno;
	if (rc == EWOULDBLOCK)
		read_owner(lock, out);
	close(lock);
	return rc == EWOULDBLOCK ? 0 : vnep_err_sys(err, rc, "cannot ask for %s", path);
}
