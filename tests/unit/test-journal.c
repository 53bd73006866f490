/*
 * journal: pending, cursors, duplicates; what survives a torn tail, a flipped bit, a killed writer,
 * a full disk, a failed sync.
 *
 * fdatasync is ours here, so that it can fail or be the last thing a process does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t.h"
#include "vnep/err.h"
#include "vnep/frame.h"
#include "vnep/journal.h"

#define DEV  "urn:dev:mac:00005efffe005301"
#define DEV2 "urn:dev:mac:00005efffe005302"

enum { FRAME = 14 + 40 + 8 + 4, TCP_FRAME = 14 + 40 + 20 };

static int sync_errno, sync_kills;

int fdatasync(int fd)
{
	if (sync_errno) {
		errno = sync_errno;
		return -1;
	}
	if (syscall(SYS_fdatasync, fd))
		return -1;
	if (sync_kills)
		raise(SIGKILL);
	return 0;
}

/* ---- a place, and what goes in ---- */

static char base[64], state[96];

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char inner[512];

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
		if (unlink(inner))
			remove_tree(inner);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static void fresh(void)
{
	static unsigned n;

	if (n)
		remove_tree(state);
	snprintf(state, sizeof state, "%s/%u", base, ++n);
}

static struct vnep_journal *open_as(
	enum vnep_journal_open how, uint64_t segment_octets, uint64_t *cut)
{
	struct vnep_journal_config config = { .segment_octets = segment_octets };
	struct vnep_journal *journal = NULL;
	struct vnep_err err = { 0 };

	if (vnep_journal_open(&journal, state, how, &config, cut, &err))
		printf("# open: %s\n", err.text);
	CHECK(journal != NULL);
	return journal;
}

static struct vnep_journal *open_write(void)
{
	return open_as(VNEP_JOURNAL_WRITE, 0, NULL);
}

/* An IPv6 datagram for 2001:db8:b::77, its payload is number. */
static void datagram(uint8_t out[static FRAME], uint8_t hop_limit, uint32_t number)
{
	static const uint8_t head[] = { 0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 12, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 2, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77, 0x9c, 0x40,
		0x16, 0x33, 0, 12, 0, 0 };

	memcpy(out, head, sizeof head);
	out[21] = hop_limit;
	memcpy(out + sizeof head, &number, sizeof number);
}

/* A TCP segment with these flags and this sequence number. */
static void segment(uint8_t out[static TCP_FRAME], uint8_t flags, uint8_t seq, uint8_t window)
{
	uint8_t udp[FRAME];

	datagram(udp, 64, 0);
	memset(out, 0, TCP_FRAME);
	memcpy(out, udp, 14 + 40);
	out[19] = 20;
	out[20] = 6;
	out[14 + 40 + 1] = 80;
	out[14 + 40 + 3] = 81;
	out[14 + 40 + 7] = seq;
	out[14 + 40 + 12] = 0x50;
	out[14 + 40 + 13] = flags;
	out[14 + 40 + 15] = window;
}

struct appended {
	int rc;
	uint64_t seq;
	uint32_t conn;
	bool pending, duplicate;
};

static struct appended append(struct vnep_journal *journal, struct vnep_event event)
{
	struct appended a = { 0 };

	if (!event.dev[0])
		strcpy(event.dev, DEV);
	a.rc = vnep_journal_append(journal, &event, &a.pending, &a.duplicate, NULL);
	a.seq = event.seq;
	a.conn = event.conn;
	return a;
}

static struct appended packet(
	struct vnep_journal *journal, enum vnep_direction direction, bool copy, uint32_t number)
{
	uint8_t frame[FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = direction,
		.copy = copy,
		.frame = frame,
		.frame_len = sizeof frame };

	datagram(frame, 64, number);
	return append(journal, event);
}

static struct appended to_device(struct vnep_journal *journal, uint32_t number)
{
	return packet(journal, VNEP_TO_DEVICE, false, number);
}

static struct appended life(struct vnep_journal *journal)
{
	return packet(journal, VNEP_FROM_DEVICE, true, 0);
}

static void begin(struct vnep_journal *journal)
{
	CHECK_INT(vnep_journal_begin(journal, NULL), 0);
}

static void commit(struct vnep_journal *journal)
{
	CHECK_INT(vnep_journal_commit(journal, NULL), 0);
}

static struct vnep_journal_moved checkpoint(
	struct vnep_journal *journal, enum vnep_cursor cursor, uint64_t resume, uint64_t *resumed)
{
	struct vnep_checkpoint c = { .dev = DEV, .cursor = cursor, .resume_seq = resume };
	struct vnep_journal_moved moved = { 0 };

	CHECK_INT(vnep_journal_checkpoint(journal, &c, &moved, NULL), 0);
	if (resumed)
		*resumed = c.resume_seq;
	return moved;
}

static int outcome(struct vnep_journal *journal, uint64_t seq, enum vnep_outcome_word word)
{
	struct vnep_outcome o = { .dev = DEV, .seq = seq, .outcome = word };

	return vnep_journal_outcome(journal, &o, NULL);
}

/* What is pending, as "1 2 5". */
static int add_seq(const struct vnep_event *event, unsigned attempt, void *arg)
{
	char *text = arg;

	(void)attempt;
	sprintf(text + strlen(text), "%s%llu", text[0] ? " " : "", (unsigned long long)event->seq);
	return 0;
}

static const char *pending(struct vnep_journal *journal)
{
	static char text[1024];

	text[0] = 0;
	CHECK_INT(vnep_journal_pending(journal, DEV, 0, 0, add_seq, text, NULL), 0);
	return text;
}

static struct vnep_journal_device device(struct vnep_journal *journal)
{
	struct vnep_journal_device d = { 0 };

	CHECK_INT(vnep_journal_device(journal, DEV, &d, NULL), 0);
	return d;
}

struct counts {
	unsigned items, damages;
	uint64_t damaged_octets;
};

static int count_item(const struct vnep_journal_item *item, void *arg)
{
	struct counts *c = arg;

	(void)item;
	c->items++;
	return 0;
}

static int count_damage(const struct vnep_journal_damage *damage, void *arg)
{
	struct counts *c = arg;

	c->damages++;
	c->damaged_octets += damage->octets;
	return 0;
}

static struct counts scan(struct vnep_journal *journal)
{
	struct vnep_journal_position position = { 0 };
	struct counts c = { 0 };

	CHECK_INT(vnep_journal_scan(journal, &position, count_item, count_damage, &c, NULL), 0);
	return c;
}

static void segment_path(char out[static 160], unsigned number)
{
	snprintf(out, 160, "%s/journal/%010u.pcapng", state, number);
}

static void forget_index(void)
{
	char path[160];

	snprintf(path, sizeof path, "%s/journal/index", state);
	remove_tree(path);
}

/* ---- rules ---- */

TEST("seq has no holes, conn counts connect events, a refused event changes nothing")
{
	struct vnep_journal *j;
	struct vnep_event bad = { .dev = DEV, .kind = VNEP_KIND_DATA };

	fresh();
	j = open_write();
	begin(j);
	CHECK_INT(append(j, (struct vnep_event){ .kind = VNEP_KIND_CONNECT }).conn, 1);
	CHECK_INT(to_device(j, 1).seq, 2);
	CHECK_INT(vnep_journal_append(j, &bad, NULL, NULL, NULL), VNEP_EVALUE);
	CHECK_INT(to_device(j, 2).seq, 3);
	commit(j);
	begin(j);
	to_device(j, 3);
	vnep_journal_abort(j);
	begin(j);
	CHECK_INT(append(j, (struct vnep_event){ .kind = VNEP_KIND_CONNECT }).conn, 2);
	CHECK_INT(to_device(j, 4).seq, 5);
	CHECK_INT(device(j).head_seq, 5);
	CHECK(device(j).connected);
	commit(j);
	CHECK_INT(scan(j).items, 5);
	vnep_journal_close(j);
}

TEST("what came while the device slept is pending, a copy is not, sent ends it")
{
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	CHECK(to_device(j, 1).pending);
	CHECK(!packet(j, VNEP_TO_DEVICE, true, 2).pending);
	CHECK(!life(j).pending);
	CHECK(to_device(j, 3).pending);
	CHECK_STR(pending(j), "1 4");
	CHECK_INT(device(j).pending, 2);
	CHECK_INT(device(j).pending_octets, 2 * FRAME);
	CHECK_INT(outcome(j, 1, VNEP_OUTCOME_SENT), 0);
	CHECK_STR(pending(j), "4");
	CHECK_INT(outcome(j, 4, VNEP_OUTCOME_EXPIRED), 0);
	CHECK_STR(pending(j), "");
	CHECK_INT(device(j).pending_octets, 0);
	CHECK_INT(outcome(j, 5, VNEP_OUTCOME_SENT), VNEP_ENOTFOUND);
	CHECK_INT(outcome(j, 3, VNEP_OUTCOME_SENT), VNEP_EVALUE);
	commit(j);
	vnep_journal_close(j);
}

TEST("the dead window: what was forwarded behind the last sign of life is pending again")
{
	struct vnep_journal_moved moved;
	struct vnep_journal *j;
	uint64_t resumed;

	fresh();
	j = open_write();
	begin(j);
	packet(j, VNEP_TO_DEVICE, true, 1);
	life(j);
	packet(j, VNEP_TO_DEVICE, true, 2);
	packet(j, VNEP_TO_DEVICE, true, 3);
	moved = checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, &resumed);
	CHECK_INT(resumed, 3);
	CHECK_INT(moved.copies, 2);
	CHECK_INT(moved.resent, 0);
	CHECK_STR(pending(j), "3 4");
	commit(j);
	vnep_journal_close(j);
}

/* A frame of the device that arrived at ms, an outcome of ms. */
static void life_at(struct vnep_journal *journal, int64_t ms)
{
	uint8_t frame[FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = VNEP_FROM_DEVICE,
		.copy = true,
		.ts = { ms * 1000000 },
		.frame = frame,
		.frame_len = sizeof frame };

	datagram(frame, 64, 0);
	CHECK_INT(append(journal, event).rc, 0);
}

static void sent_at(struct vnep_journal *journal, uint64_t seq, int64_t ms)
{
	struct vnep_outcome o = {
		.dev = DEV, .seq = seq, .outcome = VNEP_OUTCOME_SENT, .ts = { ms * 1000000 }
	};

	CHECK_INT(vnep_journal_outcome(journal, &o, NULL), 0);
}

TEST("a sign of life that is older than what was sent confirms nothing of it, one in the middle "
     "nothing behind it")
{
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	for (uint32_t i = 1; i <= 4; i++)
		to_device(j, i);
	sent_at(j, 1, 1000000);
	life_at(j, 999990); /* it stood in the ring */
	CHECK_INT(device(j).unconfirmed_seq, 1);
	sent_at(j, 2, 1000010);
	life_at(j, 1000005); /* of what was sent before 2, how much is not known */
	CHECK_INT(device(j).unconfirmed_seq, 1);
	life_at(j, 1000006); /* nor does another one say so */
	CHECK_INT(device(j).unconfirmed_seq, 1);
	sent_at(j, 3, 1000020);
	sent_at(j, 4, 1000030);
	life_at(j, 1000025);
	CHECK_INT(device(j).unconfirmed_seq, 3);
	life_at(j, 1000040);
	CHECK_INT(device(j).unconfirmed_seq, 0);
	sent_at(j, 4, 1000050);
	life_at(j, 900000); /* the clock was set back */
	CHECK_INT(device(j).unconfirmed_seq, 0);
	commit(j);
	vnep_journal_close(j);
}

TEST("what was sent without a sign of life comes again once, then it is settled by policy")
{
	struct vnep_journal_moved moved;
	struct vnep_journal *j;
	uint64_t resumed;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	to_device(j, 2);
	life(j);
	checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, NULL);
	CHECK_STR(pending(j), "1 2");
	outcome(j, 1, VNEP_OUTCOME_SENT);
	outcome(j, 2, VNEP_OUTCOME_SENT);
	CHECK_INT(device(j).unconfirmed_seq, 1);
	moved = checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, &resumed);
	CHECK_INT(resumed, 1);
	CHECK_INT(moved.resent, 2);
	CHECK_STR(pending(j), "1 2");
	CHECK_INT(device(j).disconnect_seq, 4); /* cursors only grow */
	outcome(j, 1, VNEP_OUTCOME_SENT);
	life(j);
	CHECK_INT(device(j).unconfirmed_seq, 0);
	outcome(j, 2, VNEP_OUTCOME_SENT);
	moved = checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, NULL);
	CHECK_INT(moved.resent, 0);
	CHECK_STR(pending(j), "");
	commit(j);
	vnep_journal_close(j);
}

TEST("a sign of life confirms what was sent before it")
{
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	outcome(j, 1, VNEP_OUTCOME_SENT);
	life(j);
	CHECK_INT(checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, NULL).resent, 0);
	CHECK_STR(pending(j), "");
	commit(j);
	vnep_journal_close(j);
}

TEST("TCP segments that were forwarded are not replayed")
{
	uint8_t frame[TCP_FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.copy = true,
		.frame = frame,
		.frame_len = sizeof frame };
	struct vnep_journal *j;

	fresh();
	segment(frame, 16, 1, 1);
	j = open_write();
	begin(j);
	append(j, event);
	CHECK_INT(checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, NULL).copies, 0);
	CHECK_STR(pending(j), "");
	commit(j);
	vnep_journal_close(j);
}

TEST("answers get one attempt: at the next waking nobody waits for them")
{
	uint8_t frame[FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.copy = true,
		.frame = frame,
		.frame_len = sizeof frame };
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	datagram(frame, 64, 0x01004560); /* CoAP ACK 2.05 */
	append(j, event);
	datagram(frame, 64, 0x01000140); /* CoAP CON GET */
	append(j, event);
	CHECK_INT(checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, NULL).copies, 1);
	CHECK_STR(pending(j), "2");
	commit(j);
	vnep_journal_close(j);
}

TEST("a synced checkpoint settles what is behind it, and never moves back")
{
	struct vnep_checkpoint back = { .dev = DEV, .cursor = VNEP_CURSOR_SYNCED, .resume_seq = 1 };
	struct vnep_checkpoint beyond = {
		.dev = DEV, .cursor = VNEP_CURSOR_SYNCED, .resume_seq = 9
	};
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	to_device(j, 2);
	to_device(j, 3);
	CHECK_INT(checkpoint(j, VNEP_CURSOR_SYNCED, 3, NULL).settled, 2);
	CHECK_STR(pending(j), "3");
	CHECK_INT(vnep_journal_checkpoint(j, &back, NULL, NULL), VNEP_EVALUE);
	CHECK_INT(vnep_journal_checkpoint(j, &beyond, NULL, NULL), VNEP_EVALUE);
	CHECK_INT(checkpoint(j, VNEP_CURSOR_SYNCED, 0, NULL).settled, 1);
	CHECK_INT(device(j).synced_seq, 4);
	CHECK_INT(checkpoint(j, VNEP_CURSOR_DISCONNECT, 1, NULL).resent, 0);
	CHECK_STR(pending(j), "");
	commit(j);
	vnep_journal_close(j);
}

static int held_first(const struct vnep_event *event, unsigned attempt, void *arg)
{
	CHECK_INT(attempt, 0);
	CHECK(event->held && !event->copy && event->direction == VNEP_FROM_DEVICE);
	*(uint64_t *)arg = event->seq;
	return 1;
}

static uint64_t first_held(struct vnep_journal *journal)
{
	uint64_t seq = 0;

	CHECK(vnep_journal_held(journal, DEV, 0, 0, held_first, &seq, NULL) >= 0);
	return seq;
}

TEST("what is held from the device waits for its own outcome: no cursor and no disconnect speaks "
     "of it")
{
	uint8_t frame[FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = VNEP_FROM_DEVICE,
		.held = true,
		.frame = frame,
		.frame_len = sizeof frame };
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	datagram(frame, 64, 2);
	CHECK(append(j, event).pending);
	CHECK(append(j, event).pending); /* the same octets again are another packet */
	to_device(j, 3);
	CHECK_STR(pending(j), "1 4");
	CHECK_INT(device(j).pending, 4);
	CHECK_INT(device(j).held, 2);
	CHECK_INT(device(j).held_octets, 2 * FRAME);
	CHECK_INT(checkpoint(j, VNEP_CURSOR_SYNCED, 0, NULL).settled, 2);
	CHECK_INT(first_held(j), 2);
	CHECK_INT(outcome(j, 2, VNEP_OUTCOME_SENT), 0);
	CHECK_INT(device(j).unconfirmed_seq, 0); /* nobody will answer from the device's side */
	CHECK_INT(checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, NULL).resent, 0);
	CHECK_INT(vnep_journal_pending_total(j), 1);
	commit(j);
	vnep_journal_close(j);
	forget_index();
	j = open_write();
	CHECK_STR(pending(j), "");
	CHECK_INT(first_held(j), 3);
	CHECK_INT(device(j).held, 1);
	begin(j);
	CHECK_INT(outcome(j, 3, VNEP_OUTCOME_FAILED), 0);
	commit(j);
	CHECK_INT(device(j).pending, 0);
	CHECK_INT(device(j).held, 0);
	CHECK_INT(first_held(j), 0);
	vnep_journal_close(j);
}

TEST("an equal datagram that is pending is not stored again, whatever its hop limit")
{
	uint8_t frame[FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.frame = frame,
		.frame_len = sizeof frame };
	struct vnep_journal *j;
	struct appended a;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	commit(j);
	begin(j);
	datagram(frame, 63, 1);
	a = append(j, event);
	CHECK(a.duplicate && !a.pending);
	CHECK_INT(a.seq, 1);
	datagram(frame, 63, 2);
	a = append(j, event);
	CHECK(!a.duplicate && a.seq == 2);
	a = append(j, event); /* within the group, too */
	CHECK(a.duplicate && a.seq == 2);
	CHECK_INT(outcome(j, 1, VNEP_OUTCOME_SENT), 0);
	CHECK(!to_device(j, 1).duplicate); /* it waits no more */
	commit(j);
	vnep_journal_close(j);
}

TEST("a SYN is one delivery by flow and sequence number; other segments are the caller's to decide")
{
	uint8_t frame[TCP_FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.frame = frame,
		.frame_len = sizeof frame };
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	segment(frame, 2, 1, 1);
	CHECK(!append(j, event).duplicate);
	segment(frame, 2, 1, 9);
	CHECK(append(j, event).duplicate);
	segment(frame, 2, 2, 1);
	CHECK(!append(j, event).duplicate);
	segment(frame, 16, 1, 1);
	CHECK(!append(j, event).duplicate);
	CHECK(!append(j, event).duplicate);
	commit(j);
	vnep_journal_close(j);
}

/* ---- what survives ---- */

/* Three groups of a life with everything in it. Returns the items. */
static unsigned write_life(struct vnep_journal *j)
{
	begin(j);
	append(j, (struct vnep_event){ .kind = VNEP_KIND_CONNECT });
	packet(j, VNEP_TO_DEVICE, true, 1);
	life(j);
	commit(j);
	begin(j);
	packet(j, VNEP_TO_DEVICE, true, 2);
	checkpoint(j, VNEP_CURSOR_DISCONNECT, 0, NULL);
	to_device(j, 3);
	commit(j);
	begin(j);
	outcome(j, 4, VNEP_OUTCOME_SENT);
	to_device(j, 4);
	append(j, (struct vnep_event){ .kind = VNEP_KIND_GAP, .count = 3, .reason = VNEP_OVERRUN });
	commit(j);
	return 9;
}

TEST("an index made anew says the same as the one that was written along")
{
	struct vnep_journal_device before, after;
	char waiting[64];
	struct vnep_journal *j;

	fresh();
	j = open_write();
	write_life(j);
	before = device(j);
	snprintf(waiting, sizeof waiting, "%s", pending(j));
	CHECK_STR(waiting, "5 6");
	vnep_journal_close(j);
	forget_index();
	j = open_as(VNEP_JOURNAL_READ, 0, NULL); /* a reader does it, too */
	after = device(j);
	CHECK(!memcmp(&before, &after, sizeof before));
	CHECK_STR(pending(j), waiting);
	vnep_journal_close(j);
}

TEST("the ledger is kept with its group, and a failed group takes it back")
{
	struct vnep_journal *j;
	char text[16];
	size_t len;

	fresh();
	j = open_write();
	CHECK_INT(vnep_journal_ledger_get(j, text, sizeof text, &len, NULL), 0);
	CHECK_INT(len, 0);
	begin(j);
	CHECK_INT(vnep_journal_ledger_put(j, "seven", 5, false, NULL), 0);
	commit(j);
	begin(j);
	CHECK_INT(vnep_journal_ledger_put(j, "eight", 5, false, NULL), 0);
	vnep_journal_abort(j);
	CHECK_INT(vnep_journal_ledger_get(j, text, sizeof text, &len, NULL), 0);
	CHECK(len == 5 && !memcmp(text, "seven", 5));
	vnep_journal_close(j);
}

static void check_ledger(const char *wanted)
{
	struct vnep_journal *j;
	char text[16];
	size_t len;

	forget_index();
	j = open_write();
	CHECK_INT(vnep_journal_ledger_get(j, text, sizeof text, &len, NULL), 0);
	CHECK(len == strlen(wanted) && !memcmp(text, wanted, len));
	vnep_journal_close(j);
}

TEST("the ledger is there behind an index that is made anew: of the last group, at the end also of "
     "one without events")
{
	struct vnep_journal_pruned pruned;
	struct vnep_journal_moved moved;
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	CHECK_INT(vnep_journal_ledger_put(j, "seven", 5, false, NULL), 0);
	commit(j);
	begin(j);
	to_device(j, 2);
	CHECK_INT(vnep_journal_ledger_put(j, "never", 5, false, NULL), 0);
	vnep_journal_abort(j);
	vnep_journal_close(j);
	check_ledger("seven");
	j = open_write();
	begin(j);
	CHECK_INT(vnep_journal_ledger_put(j, "eight", 5, false, NULL), 0);
	commit(j);
	vnep_journal_close(j);
	check_ledger("eight");
	j = open_write();
	begin(j);
	CHECK_INT(vnep_journal_ledger_put(j, "nine", 4, true, NULL), 0);
	commit(j);
	CHECK_INT(vnep_journal_erase(j, DEV, &moved, &pruned, NULL), 0);
	vnep_journal_close(j);
	check_ledger("nine");
}

TEST("segments follow each other; a position resumes behind what was read")
{
	struct vnep_journal_position position = { 0 };
	struct vnep_journal_stat stat;
	struct counts c = { 0 };
	struct vnep_journal *j;

	fresh();
	j = open_as(VNEP_JOURNAL_WRITE, 1000, NULL);
	for (unsigned i = 0; i < 20; i++) {
		begin(j);
		to_device(j, i);
		commit(j);
	}
	CHECK_INT(vnep_journal_stat(j, &stat, NULL), 0);
	CHECK(stat.segments > 3);
	CHECK_INT(vnep_journal_scan(j, &position, count_item, count_damage, &c, NULL), 0);
	CHECK_INT(c.items, 20);
	CHECK_INT(c.damages, 0);
	begin(j);
	to_device(j, 100);
	commit(j);
	CHECK_INT(vnep_journal_scan(j, &position, count_item, count_damage, &c, NULL), 0);
	CHECK_INT(c.items, 21);
	vnep_journal_close(j);
	forget_index();
	j = open_as(VNEP_JOURNAL_WRITE, 1000, NULL);
	CHECK_INT(device(j).pending, 21);
	vnep_journal_close(j);
}

static size_t load(const char *path, uint8_t *out, size_t cap)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, out, cap);

	close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static void store(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	CHECK(write(fd, data, len) == (ssize_t)len);
	close(fd);
}

TEST("a tail torn at any octet is cut; the groups in front of it are all there")
{
	static uint8_t data[8192];
	struct vnep_journal *j;
	size_t len, mark[4] = { 0 };
	char path[160];
	unsigned marks = 0, failures = 0;

	fresh();
	segment_path(path, 1);
	j = open_write();
	for (uint32_t i = 0; i < 3; i++) {
		begin(j);
		to_device(j, i);
		commit(j);
		mark[++marks] = load(path, data, sizeof data);
	}
	len = mark[3];
	vnep_journal_close(j);
	for (size_t cut = 0; cut <= len; cut++) {
		unsigned whole = 0;
		uint64_t gone;

		while (whole < 3 && mark[whole + 1] <= cut)
			whole++;
		store(path, data, cut);
		forget_index();
		j = open_as(VNEP_JOURNAL_WRITE, 0, &gone);
		failures += gone != cut - mark[whole];
		begin(j);
		failures += to_device(j, 77).seq != whole + 1;
		commit(j);
		failures += scan(j).items != whole + 1 || scan(j).damages;
		vnep_journal_close(j);
	}
	CHECK_INT(failures, 0);
}

TEST("any flipped bit is found, and costs the one record that it hit")
{
	static uint8_t data[8192];
	struct vnep_journal *j;
	unsigned silent = 0, collateral = 0, all;
	char path[160];
	size_t len;

	fresh();
	segment_path(path, 1);
	j = open_write();
	all = write_life(j);
	len = load(path, data, sizeof data);
	CHECK_INT(scan(j).items, all);
	CHECK_INT(scan(j).damages, 0);
	for (size_t at = 0; at < len; at++) {
		struct counts c;

		data[at] ^= (uint8_t)(1 << at % 8);
		store(path, data, len);
		c = scan(j);
		silent += !c.damages;
		collateral += c.items + 1 < all;
		data[at] ^= (uint8_t)(1 << at % 8);
	}
	store(path, data, len);
	vnep_journal_close(j);
	CHECK_INT(silent, 0);
	CHECK_INT(collateral, 0);
}

TEST("damage in front of a mark is never cut, and writing goes on behind it")
{
	static uint8_t data[8192];
	struct vnep_journal *j;
	uint64_t cut = 99;
	unsigned all, failures = 0;
	char path[160];
	size_t len;

	fresh();
	segment_path(path, 1);
	j = open_write();
	all = write_life(j);
	vnep_journal_close(j);
	len = load(path, data, sizeof data);
	for (size_t at = 0; at + 140 < len; at += 41) { /* but not in the closing mark */
		struct counts c;

		data[at] ^= 0x10;
		store(path, data, len);
		forget_index();
		j = open_as(VNEP_JOURNAL_WRITE, 0, &cut);
		failures += cut != 0;
		begin(j);
		to_device(j, 1000);
		commit(j);
		c = scan(j);
		failures +=
			!c.damages || c.items < all - 6; /* an interface takes its packets along */
		vnep_journal_close(j);
		data[at] ^= 0x10;
	}
	CHECK_INT(failures, 0);
}

TEST("a corrupt packet is given as corrupt, the ones around it as they are")
{
	static uint8_t data[8192];
	struct vnep_journal *j;
	char path[160], text[64] = "";
	uint8_t *at;
	size_t len;

	fresh();
	segment_path(path, 1);
	j = open_write();
	begin(j);
	to_device(j, 0x41414141);
	to_device(j, 0x42424242);
	commit(j);
	len = load(path, data, sizeof data);
	at = memmem(data, len, "BBBB", 4);
	CHECK(at != NULL);
	*at ^= 1;
	store(path, data, len);
	CHECK_INT(vnep_journal_events(j, DEV, 1, 2, add_seq, text, NULL), 0);
	CHECK_STR(text, "1 2");
	vnep_journal_close(j);
}

/* ---- writers ---- */

static void child_writes(unsigned groups)
{
	struct vnep_journal *j = open_write();

	for (uint32_t i = 0; i < groups; i++) {
		begin(j);
		to_device(j, (uint32_t)getpid() << 8 | i);
		commit(j);
	}
	vnep_journal_close(j);
	_exit(t_failed);
}

TEST("two writers take turns: no number twice, none missing")
{
	struct vnep_journal *j;
	pid_t child[2];
	int status, failures = 0;

	fresh();
	vnep_journal_close(open_write());
	for (int i = 0; i < 2; i++) {
		fflush(stdout);
		child[i] = fork();
		if (!child[i])
			child_writes(40);
	}
	for (int i = 0; i < 2; i++)
		failures += waitpid(child[i], &status, 0) != child[i] || status;
	CHECK_INT(failures, 0);
	j = open_as(VNEP_JOURNAL_READ, 0, NULL);
	CHECK_INT(device(j).head_seq, 80);
	CHECK_INT(device(j).pending, 80);
	CHECK_INT(scan(j).items, 80);
	CHECK_INT(scan(j).damages, 0);
	vnep_journal_close(j);
}

TEST("a writer killed between the sync and the index loses nothing")
{
	struct vnep_journal *j;
	int status;
	pid_t child;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	commit(j);
	vnep_journal_close(j);
	fflush(stdout);
	child = fork();
	if (!child) {
		j = open_write();
		begin(j);
		to_device(j, 2);
		sync_kills = 1;
		vnep_journal_commit(j, NULL);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	j = open_write();
	CHECK_STR(pending(j), "1 2");
	begin(j);
	CHECK_INT(to_device(j, 3).seq, 3);
	commit(j);
	CHECK_INT(scan(j).damages, 0);
	vnep_journal_close(j);
}

/* The other one is killed behind the sync of its second group, while this one is open. */
static void killed_beside(uint64_t segment_octets)
{
	struct vnep_journal *j, *other;
	int status;
	pid_t child;

	fresh();
	j = open_as(VNEP_JOURNAL_WRITE, segment_octets, NULL);
	fflush(stdout);
	child = fork();
	if (!child) {
		other = open_as(VNEP_JOURNAL_WRITE, segment_octets, NULL);
		begin(other);
		to_device(other, 1);
		commit(other);
		begin(other);
		to_device(other, 2);
		sync_kills = 1;
		vnep_journal_commit(other, NULL);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	begin(j);
	CHECK_INT(to_device(j, 3).seq, 3);
	commit(j);
	CHECK_INT(scan(j).items, 3);
	CHECK_INT(scan(j).damages, 0);
	vnep_journal_close(j);
}

TEST("a writer that is open already takes what a killed one left, and goes on behind it")
{
	killed_beside(0);
}

TEST("so it does when the killed one had just begun a segment")
{
	killed_beside(1);
}

TEST("after a failed sync the group never was, and the next one goes to a new segment")
{
	struct vnep_journal_stat stat;
	struct vnep_journal *j;

	fresh();
	j = open_write();
	begin(j);
	to_device(j, 1);
	commit(j);
	begin(j);
	to_device(j, 2);
	sync_errno = EIO;
	CHECK_INT(vnep_journal_commit(j, NULL), -EIO);
	sync_errno = 0;
	CHECK_STR(pending(j), "1");
	begin(j);
	CHECK_INT(to_device(j, 3).seq, 2);
	commit(j);
	CHECK_INT(vnep_journal_stat(j, &stat, NULL), 0);
	CHECK_INT(stat.segments, 2);
	CHECK_INT(scan(j).items, 2);
	CHECK_INT(scan(j).damages, 0);
	vnep_journal_close(j);
	forget_index();
	j = open_write();
	CHECK_STR(pending(j), "1 2");
	vnep_journal_close(j);
}

TEST("no room: the group never was, the old data is whole, and it goes on when there is room")
{
	static uint8_t big[60000];
	struct vnep_event event = { .kind = VNEP_KIND_NOTE, .frame = big, .frame_len = sizeof big };
	struct rlimit limit, old;
	struct vnep_journal *j;
	struct stat st;
	char path[160];

	fresh();
	segment_path(path, 1);
	j = open_write();
	begin(j);
	for (int i = 0; i < 10; i++) /* so that the segment, not the index, meets the limit */
		append(j, event);
	commit(j);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)st.st_size + 1000;
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
	begin(j);
	CHECK_INT(append(j, event).seq, 11);
	CHECK_INT(vnep_journal_commit(j, NULL), -EFBIG);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
	CHECK_INT(device(j).head_seq, 10);
	CHECK_INT(scan(j).items, 10);
	CHECK_INT(scan(j).damages, 0);
	begin(j);
	CHECK_INT(append(j, event).seq, 11);
	commit(j);
	CHECK_INT(scan(j).items, 11);
	vnep_journal_close(j);
}

TEST("a folder that is a link, or writable for others, is refused")
{
	struct vnep_journal *j = NULL;
	char other[128];

	fresh();
	snprintf(other, sizeof other, "%s.other", state);
	CHECK_INT(mkdir(other, 0700), 0);
	CHECK_INT(symlink(other, state), 0);
	CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_WRITE, NULL, NULL, NULL), VNEP_EPRIV);
	unlink(state);
	CHECK_INT(mkdir(state, 0700), 0);
	CHECK_INT(chmod(state, 0707), 0);
	CHECK_INT(vnep_journal_open(&j, state, VNEP_JOURNAL_WRITE, NULL, NULL, NULL), VNEP_EPRIV);
	CHECK_INT(chmod(state, 0700), 0);
	CHECK_INT(
		vnep_journal_open(&j, state, VNEP_JOURNAL_READ, NULL, NULL, NULL), VNEP_ENOTFOUND);
	rmdir(other);
}

int main(void)
{
	int rc;

	/* Thousands of opens: where there is a file system in memory, on that one. */
	strcpy(base,
		access("/dev/shm", W_OK) ? "/tmp/vnep-test-XXXXXX" : "/dev/shm/vnep-test-XXXXXX");
	if (!mkdtemp(base)) {
		perror(base);
		return 1;
	}
	rc = t_run();
	remove_tree(base);
	return rc;
}
