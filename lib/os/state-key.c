/* state-key - the secret of a state folder. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vnep/err.h"
#include "vnep/siphash.h"
#include "vnep/state.h"

static int read_key(
	const char *path, uint8_t key[static VNEP_SIPHASH_KEY_LEN], struct vnep_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? VNEP_ENOTFOUND
				       : vnep_err_sys(err, errno, "cannot open %s", path);
	n = read(fd, key, VNEP_SIPHASH_KEY_LEN);
	if (fstat(fd, &st))
		n = -1;
	close(fd);
	if (n != VNEP_SIPHASH_KEY_LEN || st.st_size != VNEP_SIPHASH_KEY_LEN)
		return vnep_err_set(err, VNEP_EDAMAGED, "%s is not a key of %d octets", path,
			VNEP_SIPHASH_KEY_LEN);
	if (st.st_mode & 077) {
		vnep_err_set(err, VNEP_EPRIV, "%s can be read by others", path);
		return vnep_err_hint(err, "chmod 0600 %s", path);
	}
	return 0;
}

/* Written beside, then linked: nobody reads half a key, and of two makers the second takes the first one's. */
static int make_key(const char *state, const char *path, struct vnep_err *err)
{
	uint8_t key[VNEP_SIPHASH_KEY_LEN];
	char temporary[PATH_MAX];
	int fd, rc = 0;

	if (snprintf(temporary, sizeof temporary, "%s/key.%d", state, (int)getpid()) >=
		(int)sizeof temporary)
		return vnep_err_sys(err, ENAMETOOLONG, "%s", state);
	if (getrandom(key, sizeof key, 0) != sizeof key)
		return vnep_err_sys(err, errno, "cannot make a key");
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return vnep_err_sys(err, errno, "cannot make %s", temporary);
	errno = ENOSPC; /* of a short write */
	if (write(fd, key, sizeof key) != sizeof key || fsync(fd) ||
		(link(temporary, path) && errno != EEXIST))
		rc = vnep_err_sys(err, errno, "cannot make %s", path);
	unlink(temporary);
	close(fd);
	return rc;
}

int vnep_state_key(const char *state, bool create, uint8_t key[static VNEP_SIPHASH_KEY_LEN],
	struct vnep_err *err)
{
	char path[PATH_MAX];
	int rc = vnep_state_check(state, create, err);

	if (rc)
		return rc;
	if (snprintf(path, sizeof path, "%s/key", state) >= (int)sizeof path)
		return vnep_err_sys(err, ENAMETOOLONG, "%s/key", state);
	rc = read_key(path, key, err);
	if (rc != VNEP_ENOTFOUND || !create)
		return rc;
	rc = make_key(state, path, err);
	return rc ? rc : read_key(path, key, err);
}
