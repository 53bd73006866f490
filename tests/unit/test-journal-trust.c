/* journal: an index that the disk refuses to sync, or to have distrusted. */
#include <errno.h>

#include "journal.h"
#include "vnep/vio.h"

/* A disk that does not sync the folder of the index, that of the journal, or the index, once it is told so. */
static int journal_dir, index_dir, index_fd;
static bool no_index_folder, no_index;
static unsigned no_journal_folder; /* so often */

static int note_folder(const struct vnep_vio *vio, int dir, const char *folder)
{
	int fd = vnep_vio_disk.folder(vio, dir, folder);

	*(!strcmp(folder, "index") ? &index_dir : &journal_dir) = fd;
	return fd;
}

static int note_open(const struct vnep_vio *vio, int dir, const char *name, int flags)
{
	int fd = vnep_vio_disk.open(vio, dir, name, flags);

	if (!strcmp(name, "data.mdb"))
		index_fd = fd;
	else if (fd == index_fd)
		index_fd = -1;
	return fd;
}

static int refuse(void)
{
	errno = EIO;
	return -1;
}

static int sync_folder(const struct vnep_vio *vio, int dir)
{
	if (no_index_folder && dir == index_dir)
		return refuse();
	if (no_journal_folder && dir == journal_dir) {
		no_journal_folder--;
		return refuse();
	}
	return vnep_vio_disk.sync_folder(vio, dir);
}

static int sync_file(const struct vnep_vio *vio, int fd)
{
	return no_index && fd == index_fd ? refuse() : vnep_vio_disk.sync(vio, fd);
}

/* A new anchor with each few groups. */
static struct vnep_journal *open_stubborn(void)
{
	static struct vnep_vio vio;
	struct vnep_journal_config config = { .vio = &vio, .anchor_octets = 400 };
	struct vnep_journal *j = NULL;

	vio = vnep_vio_disk;
	vio.folder = note_folder;
	vio.open = note_open;
	vio.sync_folder = sync_folder;
	vio.sync = sync_file;
	index_fd = -1;
	CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_EXCLUSIVE, &config, NULL, NULL), 0);
	return j;
}

static void write_some(struct vnep_journal *j)
{
	static uint32_t number;

	for (unsigned i = 0; i < 8; i++) {
		begin(j);
		to_device(j, ++number);
		commit(j);
	}
}

static bool has(const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/journal/%s", state, name);
	return !access(path, F_OK);
}

static uint64_t everything(const struct vnep_journal_device *device, bool *must, void *arg)
{
	(void)arg;
	*must = true;
	return device->head_seq + 1;
}

static int prune_all(struct vnep_journal *j, struct vnep_journal_pruned *out)
{
	*out = (struct vnep_journal_pruned){ 0 };
	return vnep_journal_prune(j, everything, NULL, (struct vnep_wall){ INT64_MIN }, out, NULL);
}

static void settle(struct vnep_journal *j)
{
	begin(j);
	checkpoint(j, VNEP_CURSOR_SYNCED, 6, NULL);
	commit(j);
}

TEST("an index that cannot be distrusted leaves segments and index as they are, and no draft")
{
	struct vnep_journal_pruned pruned;
	struct vnep_journal *j;
	struct counts before;

	fresh();
	j = open_stubborn();
	write_some(j);
	settle(j);
	before = scan(j);
	no_index_folder = true;
	CHECK_INT(prune_all(j, &pruned), -EIO);
	no_index_folder = false;
	CHECK(!has("rewrite.new"));
	CHECK_INT(pruned.events, 0);
	CHECK(!vnep_journal_anew(j)); /* nor did it start over */
	CHECK_INT(scan(j).items, before.items);
	CHECK_STR(pending(j), "6 7 8");
	write_some(j);
	vnep_journal_close(j);
	j = open_stubborn();
	CHECK_INT(scan(j).items, before.items + 8);
	CHECK_INT(prune_all(j, &pruned), 0);
	CHECK_INT(pruned.events, 5);
	vnep_journal_close(j);
}

/* No sync of the index succeeds, for a while. */
static struct vnep_journal *fail_to_sync(void)
{
	struct vnep_journal *j;

	fresh();
	j = open_stubborn();
	write_some(j);
	settle(j);
	CHECK(has("index/anchor"));
	no_index = true;
	write_some(j);
	no_index = false;
	CHECK(!has("index/anchor"));
	write_some(j);
	CHECK(!has("index/anchor"));
	return j;
}

TEST("an index that could not be synced is neither clean nor has an anchor, and is made anew when "
     "it is opened next")
{
	struct vnep_journal *j = fail_to_sync();
	char waits[200];

	snprintf(waits, sizeof waits, "%s", pending(j));
	vnep_journal_close(j);
	CHECK(!has("index/clean"));
	j = open_stubborn();
	CHECK(vnep_journal_anew(j) != NULL);
	CHECK_STR(pending(j), waits);
	write_some(j);
	CHECK(has("index/anchor"));
	vnep_journal_close(j);
	CHECK(has("index/clean"));
	j = open_stubborn();
	CHECK(!vnep_journal_anew(j));
	vnep_journal_close(j);
}

TEST("one that was made anew meanwhile is synced as if nothing had been")
{
	struct vnep_journal *j = fail_to_sync();
	struct vnep_journal_pruned pruned;
	char waits[200];

	snprintf(waits, sizeof waits, "%s", pending(j));
	no_journal_folder = 1;
	CHECK_INT(prune_all(j, &pruned), -EIO); /* behind the rename: it starts over */
	CHECK_INT(no_journal_folder, 0);
	CHECK(vnep_journal_anew(j) != NULL);
	CHECK_STR(pending(j), waits);
	write_some(j);
	CHECK(has("index/anchor"));
	vnep_journal_close(j);
	CHECK(has("index/clean"));
	j = open_stubborn();
	CHECK(!vnep_journal_anew(j));
	vnep_journal_close(j);
}

int main(void)
{
	return journal_run();
}
