/*
 * publish-state - what publish keeps in STATE/dns.
 *
 *   owner              who we are in receipts: made up once, so that no other map is taken for this one
 *   ZONE@HOST:PORT     the names that this server may have from us, a line each. A server that does not give its
 *                      zone away cannot be asked "which names are ours?", so a name stands here before it is sent
 *                      and until it is known to be withdrawn. One server may be spelt in more than one way, so
 *                      the lists of all servers of a zone are asked for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish.h"

enum { PATH_LEN = 4096 + 640, ID_OCTETS = 8 };

static int folder(const struct publish *p, char out[static PATH_LEN])
{
	snprintf(out, PATH_LEN, "%s/dns", p->cli->state);
	return mkdir(out, 0700) && errno != EEXIST
		       ? vnep_err_sys(&p->cli->err, errno, "cannot make %s", out)
		       : 0;
}

static bool is_owner(const char *text)
{
	size_t n = strlen(text);

	return n && n <= VNEP_DNS_OWNER_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       n;
}

/* 0 with an empty owner: there is no file yet. */
static int read_owner(struct publish *p, const char *path)
{
	char text[VNEP_DNS_OWNER_MAX + 2];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	p->owner[0] = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : vnep_err_sys(&p->cli->err, errno, "%s", path);
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	if (!is_owner(text)) {
		vnep_err_set(&p->cli->err, VNEP_EDAMAGED, "%s holds no owner", path);
		return vnep_err_hint(&p->cli->err, "write the word after \"owner=\" of our TXT "
						   "records into it, or give --owner");
	}
	snprintf(p->owner, sizeof p->owner, "%s", text);
	return 0;
}

/* Of two first runs at once, one makes the file and both use it: link does not replace. */
static int save_owner(struct publish *p, const char *path)
{
	char draft[PATH_LEN + 16];
	FILE *file;
	int rc = 0;

	snprintf(draft, sizeof draft, "%s.%d", path, (int)getpid());
	file = fopen(draft, "wxe");
	if (!file)
		return vnep_err_sys(&p->cli->err, errno, "%s", draft);
	if (fprintf(file, "%s\n", p->owner) < 0 || fflush(file) || fsync(fileno(file)))
		rc = vnep_err_sys(&p->cli->err, errno, "%s", draft);
	fclose(file);
	if (!rc && link(draft, path) && errno != EEXIST)
		rc = vnep_err_sys(&p->cli->err, errno, "%s", path);
	unlink(draft);
	return rc ? rc : read_owner(p, path);
}

int publish_owner(struct publish *p)
{
	const char *given = vnep_cli_str(p->cli, "owner", NULL);
	uint8_t id[ID_OCTETS];
	char path[PATH_LEN + 8], dns[PATH_LEN];
	int rc;

	if (given && !is_owner(given))
		return vnep_err_set(&p->cli->err, VNEP_EUSAGE,
			"--owner: \"%s\" is not 1 to 63 letters, digits, '.', '_' and '-'", given);
	if (given) {
		snprintf(p->owner, sizeof p->owner, "%s", given);
		return 0;
	}
	snprintf(path, sizeof path, "%s/dns/owner", p->cli->state);
	rc = read_owner(p, path);
	if (rc || p->owner[0])
		return rc;
	if (getrandom(id, sizeof id, 0) != sizeof id)
		return vnep_err_sys(&p->cli->err, errno, "making up an owner");
	for (size_t i = 0; i < sizeof id; i++)
		snprintf(p->owner + 2 * i, 3, "%02x", id[i]);
	if (p->cli->dry_run)
		return 0;
	rc = folder(p, dns);
	return rc ? rc : save_owner(p, path);
}

int publish_lock(struct publish *p)
{
	char path[PATH_LEN];
	int rc = folder(p, path);

	if (rc)
		return rc;
	p->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->lock < 0)
		return vnep_err_sys(&p->cli->err, errno, "%s", path);
	if (!flock(p->lock, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return vnep_err_sys(&p->cli->err, errno, "%s", path);
	return vnep_err_set(&p->cli->err, VNEP_EBUSY, "another publish of this map is at work");
}

static int names_path(
	const struct publish *p, const struct publish_zone *zone, char out[static PATH_LEN])
{
	if (strchr(p->server.host, '/'))
		return vnep_err_set(&p->cli->err, VNEP_EUSAGE, "--server: \"%s\" names no server",
			p->server.host);
	snprintf(out, PATH_LEN, "%s/dns/%s@%s:%s", p->cli->state, zone->name, p->server.host,
		p->server.port);
	return 0;
}

static int read_names(struct publish *p, const char *path, struct vnep_dnsset *names)
{
	char line[VNEP_DNS_NAME_LEN + 2], name[VNEP_DNS_NAME_LEN];
	FILE *file = fopen(path, "re");
	int rc = 0;

	if (!file)
		return errno == ENOENT ? 0 : vnep_err_sys(&p->cli->err, errno, "%s", path);
	while (!rc && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		rc = vnep_dnsname_read(line, name, NULL)
			     ? vnep_err_set(&p->cli->err, VNEP_EDAMAGED,
				       "%s: \"%s\" is not a DNS name", path, line)
			     : vnep_dnsset_add(names, name, VNEP_DNS_ANY, 0, NULL, 0);
	}
	if (!rc && ferror(file))
		rc = vnep_err_sys(&p->cli->err, errno, "%s", path);
	fclose(file);
	return rc;
}

/* ZONE@…, and no draft of a run that was killed. */
static bool is_list_of(const char *file, const struct publish_zone *zone)
{
	size_t n = strlen(zone->name);
	const char *port = strrchr(file, ':');

	return !strncmp(file, zone->name, n) && file[n] == '@' && port && port[1] &&
	       strspn(port + 1, "0123456789") == strlen(port + 1);
}

int publish_names_read(
	struct publish *p, const struct publish_zone *zone, struct vnep_dnsset *names)
{
	char path[PATH_LEN], dns[PATH_LEN];
	const struct dirent *entry;
	int rc = names_path(p, zone, path), n;
	DIR *folder;

	if (rc)
		return rc;
	snprintf(dns, sizeof dns, "%s/dns", p->cli->state);
	folder = opendir(dns);
	if (!folder)
		return errno == ENOENT ? 0 : vnep_err_sys(&p->cli->err, errno, "%s", dns);
	while (!rc && (entry = readdir(folder))) {
		if (!is_list_of(entry->d_name, zone))
			continue;
		n = snprintf(path, sizeof path, "%s/%s", dns, entry->d_name);
		rc = n < 0 || (size_t)n >= sizeof path ? 0 : read_names(p, path, names);
	}
	closedir(folder);
	return rc;
}

int publish_names_write(
	struct publish *p, const struct publish_zone *zone, const struct vnep_dnsset *names)
{
	char path[PATH_LEN], draft[PATH_LEN + 16], dns[PATH_LEN];
	int rc = names_path(p, zone, path);
	FILE *file;

	if (!rc)
		rc = folder(p, dns);
	if (rc)
		return rc;
	snprintf(draft, sizeof draft, "%s.%d", path, (int)getpid());
	file = fopen(draft, "we");
	if (!file)
		return vnep_err_sys(&p->cli->err, errno, "%s", draft);
	for (size_t i = 0; i < names->count; i++)
		if (!i || strcmp(names->rr[i - 1]->name, names->rr[i]->name))
			fprintf(file, "%s\n", names->rr[i]->name);
	if (fflush(file) || ferror(file) || fsync(fileno(file)))
		rc = vnep_err_sys(&p->cli->err, errno, "%s", draft);
	fclose(file);
	if (!rc && rename(draft, path))
		rc = vnep_err_sys(&p->cli->err, errno, "%s", path);
	if (rc)
		unlink(draft);
	return rc;
}
