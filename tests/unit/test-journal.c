/* journal: pending, cursors, duplicates. */
#include "journal.h"
#include "vnep/frame.h"

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

/* Two devices by turns, so that neither's packets lie side by side. */
static void by_turns(struct vnep_journal *journal, uint32_t from, uint32_t count)
{
	uint8_t frame[FRAME];
	struct vnep_event event = { .kind = VNEP_KIND_DATA,
		.direction = VNEP_TO_DEVICE,
		.frame = frame,
		.frame_len = sizeof frame };

	begin(journal);
	for (uint32_t n = from; n < from + count; n++) {
		to_device(journal, n);
		event.ts = (struct vnep_wall){ 0 };
		event.seq = event.conn = 0;
		memcpy(event.dev, DEV2, sizeof DEV2);
		datagram(frame, 64, 0x80000000u | n);
		CHECK_INT(vnep_journal_append(journal, &event, NULL, NULL, NULL), 0);
	}
	commit(journal);
}

struct numbers {
	uint32_t next, wrong;
};

static int check_number(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct numbers *n = arg;
	uint32_t number = 0;

	(void)attempt;
	if (event->frame_len == FRAME)
		memcpy(&number, event->frame + FRAME - sizeof number, sizeof number);
	n->wrong += number != n->next++;
	return 0;
}

/* So many of them are pending, and each is the one it should be. */
static uint32_t right(struct vnep_journal *journal, const char *dev, uint32_t first, size_t max)
{
	struct numbers n = { .next = first };

	CHECK_INT(vnep_journal_pending(journal, dev, 0, max, check_number, &n, NULL), 0);
	CHECK_INT(n.wrong, 0);
	return n.next - first;
}

TEST("whoever reads side by side gets each packet, also of what has grown or was written anew")
{
	struct vnep_journal_pruned pruned = { 0 };
	struct vnep_journal_moved moved;
	struct vnep_journal *j;

	fresh();
	j = open_as(VNEP_JOURNAL_EXCLUSIVE, 0, NULL);
	by_turns(j, 1, 10);
	for (unsigned i = 0; i < 3; i++)
		CHECK_INT(right(j, DEV, 1, SIZE_MAX), 10);
	by_turns(j, 11, 990);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_INT(right(j, DEV, 1, 500), 500);
		CHECK_INT(right(j, DEV2, 0x80000001u, SIZE_MAX), 1000);
		CHECK_INT(right(j, DEV, 1, SIZE_MAX), 1000);
	}
	CHECK_INT(vnep_journal_erase(j, DEV, &moved, &pruned, NULL), 0);
	CHECK_INT(right(j, DEV2, 0x80000001u, SIZE_MAX), 1000);
	by_turns(j, 1001, 10);
	CHECK_INT(right(j, DEV2, 0x80000001u, SIZE_MAX), 1010);
	vnep_journal_close(j);
}

int main(void)
{
	return journal_run();
}
