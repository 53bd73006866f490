/* test-mapstore-file - the file of the map: damaged, of another format, in a folder that it may not be in. */
#include <lmdb.h>
#include <sys/stat.h>

#include "mapstore.h"

TEST("a stored record whose octets changed is damaged, not believed")
{
	struct vnep_buf buf;
	char path[128], *bytes, *at;
	struct stat st;
	FILE *f;

	open_fresh();
	vnep_buf_init(&buf);
	CHECK_INT(put(A("2001:db8:b::1")), 0);
	CHECK_INT(commit(), 0);
	vnep_map_abort(txn);
	txn = NULL;
	vnep_mapstore_close(store);
	snprintf(path, sizeof path, "%s/map/data.mdb", state);
	f = fopen(path, "r+");
	CHECK(f && !fstat(fileno(f), &st));
	bytes = malloc((size_t)st.st_size);
	CHECK(fread(bytes, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
	for (at = bytes; (at = memmem(at, (size_t)(bytes + st.st_size - at), "2001:db8:b::1", 13));
		at += 13)
		at[12] = '2';
	rewind(f);
	CHECK(fwrite(bytes, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
	fclose(f);
	free(bytes);
	CHECK_INT(vnep_mapstore_open(&store, state, false, &err), 0);
	CHECK_INT(vnep_map_begin(store, false, &txn, &err), 0);
	CHECK_INT(vnep_map_get(txn, VNEP_RECORD_DEVICE, DEV_A, &buf, &err), VNEP_EDAMAGED);
	CHECK_STR(err.text, "the stored record of \"" DEV_A "\" is damaged");
	vnep_buf_release(&buf);
	close_all();
}

/* data.mdb, while nobody has it open */
static FILE *data_file(const char *mode)
{
	char path[128];
	FILE *f;

	vnep_map_abort(txn);
	txn = NULL;
	vnep_mapstore_close(store);
	store = NULL;
	snprintf(path, sizeof path, "%s/map/data.mdb", state);
	f = fopen(path, mode);
	CHECK(f != NULL);
	return f;
}

/* What another vnep left: its format, and the databases that it knew. */
static void set_format(uint8_t format, bool hosts)
{
	MDB_env *env = NULL;
	MDB_txn *raw = NULL;
	MDB_dbi dbi = 0;
	uint8_t octets[8] = { format };
	MDB_val key = { sizeof "format", "format" }, value = { 8, octets };
	char path[80];

	fclose(data_file("r"));
	snprintf(path, sizeof path, "%s/map", state);
	CHECK(!mdb_env_create(&env) && !mdb_env_set_maxdbs(env, 20) &&
		!mdb_env_open(env, path, 0, 0600) && !mdb_txn_begin(env, NULL, 0, &raw) &&
		!mdb_dbi_open(raw, "meta", 0, &dbi) && !mdb_put(raw, dbi, &key, &value, 0));
	if (!hosts)
		CHECK(!mdb_dbi_open(raw, "host", MDB_DUPSORT, &dbi) && !mdb_drop(raw, dbi, 1));
	CHECK(!mdb_txn_commit(raw));
	mdb_env_close(env);
}

TEST("a map of another format is refused in words, and stays as it is")
{
	open_fresh();
	CHECK_INT(put(A("2001:db8:b::1")), 0);
	CHECK_INT(commit(), 0);
	set_format(5, true);
	for (int write = 0; write < 2; write++) {
		err = (struct vnep_err){ 0 };
		CHECK_INT(vnep_mapstore_open(&store, state, write, &err), -ENOTSUP);
		CHECK(strstr(err.text, "the map is of format 5, this vnep knows format 4"));
		CHECK(err.hint[0]);
	}
	CHECK_INT(vnep_err_exit(-ENOTSUP), 3);
	close_all();
}

#define HOST_A                                                                          \
	"{\"type\":\"device\",\"v\":1,\"dev\":\"" DEV_A "\",\"vep\":\"2001:db8:b::1\"," \
	"\"form\":\"host\",\"addr\":[\"2001:db8:a::1\",\"2001:db8:a::2\"]}"
#define EDGE(dev, n, more)                                                                     \
	"{\"type\":\"device\",\"v\":1,\"dev\":\"" dev "\",\"vep\":\"2001:db8:b::" n "\"," more \
	"\"addr\":[\"2001:db8:a::2\"]}"

TEST("a map of format 2 is read as it is, and knows its hosts once somebody writes")
{
	struct in6_addr addr;
	char dev[VNEP_URN_MAX + 1];

	open_fresh();
	CHECK_INT(put(HOST_A), 0);
	CHECK_INT(commit(), 0);
	set_format(2, false);
	CHECK(!vnep_ip6_parse("2001:db8:a::2", &addr, NULL));
	CHECK_INT(vnep_mapstore_open(&store, state, false, &err), 0);
	CHECK_INT(vnep_map_begin(store, false, &txn, &err), 0);
	CHECK_INT(vnep_map_by_host(txn, &addr, dev), 0);
	CHECK_STR(dev, DEV_A);
	vnep_map_abort(txn);
	vnep_mapstore_close(store);
	for (int again = 0; again < 2; again++) {
		CHECK_INT(vnep_mapstore_open(&store, state, true, &err), 0);
		CHECK_INT(vnep_map_begin(store, true, &txn, &err), 0);
		CHECK_INT(put(EDGE(DEV_B, "2", "")), 0);
		CHECK_INT(commit(), VNEP_EVALUE);
		CHECK(strstr(err.text, "addr 2001:db8:a::2 of " DEV_B " belongs to " DEV_A));
		fclose(data_file("r"));
	}
	close_all();
}

TEST("an address that devices share is nobody's as form host, whichever of them becomes one")
{
	open_fresh();
	CHECK_INT(put(EDGE(DEV_A, "1", "")), 0);
	CHECK_INT(put(EDGE(DEV_B, "2", "")), 0);
	CHECK_INT(commit(), 0);
	CHECK_INT(put(EDGE(DEV_A, "1", "\"form\":\"host\",")), 0);
	CHECK_INT(commit(), VNEP_EVALUE);
	CHECK_INT(put(EDGE(DEV_B, "2", "\"form\":\"host\",")), 0);
	CHECK_INT(commit(), VNEP_EVALUE);
	CHECK_INT(put(EDGE(DEV_B, "2", "\"form\":\"host\",")), 0);
	CHECK_INT(vnep_map_delete(txn, VNEP_RECORD_DEVICE, DEV_A, 0, &err), 0);
	CHECK_INT(commit(), 0);
	CHECK_INT(put(EDGE(DEV_A, "1", "")), 0);
	CHECK_INT(commit(), VNEP_EVALUE);
	CHECK_INT(put(EDGE(DEV_B, "2", "")), 0); /* no host any more */
	CHECK_INT(put(EDGE(DEV_A, "1", "")), 0);
	CHECK_INT(commit(), 0);
	close_all();
}

TEST("a folder that is a link, or writable for everybody, or has no map, is refused")
{
	char link[80], map[80];

	snprintf(state, sizeof state, "/tmp/test-mapstore-XXXXXX");
	CHECK(mkdtemp(state) != NULL);
	CHECK_INT(vnep_mapstore_open(&store, state, false, &err), VNEP_ENOTFOUND);
	CHECK(strstr(err.text, "no map in"));
	snprintf(link, sizeof link, "%s-link", state);
	CHECK_INT(symlink(state, link), 0);
	CHECK_INT(vnep_mapstore_open(&store, link, true, &err), VNEP_EPRIV);
	unlink(link);
	snprintf(map, sizeof map, "%s/map", state);
	CHECK_INT(mkdir(map, 0700), 0);
	CHECK_INT(chmod(map, 0777), 0);
	CHECK_INT(vnep_mapstore_open(&store, state, true, &err), VNEP_EPRIV);
	close_all();
}

int main(void)
{
	return t_run();
}
