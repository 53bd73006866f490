/* model - numbered events, what may be left of them, and the invariants I6 to I12. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "vnep/err.h"

const char *const model_devs[MODEL_DEVICES] = { "urn:dev:mac:00005efffe005301",
	"urn:dev:mac:00005efffe005302", "urn:dev:mac:00005efffe005303" };

#define ADD(list, count, item)                                                     \
	do {                                                                       \
		if ((count) % 64 == 0)                                             \
			(list) = realloc((list), ((count) + 64) * sizeof *(list)); \
		if (!(list))                                                       \
			exit(3);                                                   \
		(list)[(count)++] = (item);                                        \
	} while (0)

size_t model_attempt(struct model *model, struct attempt attempt)
{
	ADD(model->attempts, model->attempt_count, attempt);
	return model->attempt_count - 1;
}

void model_cursor(struct model *model, struct cursor_attempt attempt)
{
	ADD(model->cursors, model->cursor_count, attempt);
}

void model_promise(struct model *model, struct promise promise)
{
	ADD(model->promises, model->promise_count, promise);
}

void model_erasure(struct model *model, struct erasure erasure)
{
	ADD(model->erasures, model->erasure_count, erasure);
}

void model_release(struct model *model)
{
	free(model->attempts);
	free(model->cursors);
	free(model->promises);
	free(model->erasures);
	*model = (struct model){ 0 };
}

#define PAYLOAD 0x5ca1ab1e00000000 /* nothing else looks like it */

/* An IPv6 datagram whose payload is the number, three times. */
static void datagram(uint8_t out[static MODEL_FRAME], uint64_t number)
{
	static const uint8_t head[] = { 0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 32, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 2, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77, 0x9c, 0x40,
		0x16, 0x33, 0, 32, 0, 0 };

	number += PAYLOAD;
	memcpy(out, head, sizeof head);
	for (unsigned i = 0; i < 3; i++)
		memcpy(out + sizeof head + 8 * i, &number, sizeof number);
}

void model_event(const struct model *model, size_t number, struct vnep_event *event,
	uint8_t frame[static MODEL_FRAME])
{
	const struct attempt *a = &model->attempts[number];

	*event = (struct vnep_event){ .kind = a->kind, .direction = a->direction };
	event->ts.ns = 1700000000000000000 + (int64_t)number * 1000000;
	strcpy(event->dev, model_devs[a->dev]);
	if (a->kind == VNEP_KIND_NOTE) {
		snprintf(event->text, sizeof event->text, "number %zu", number);
		return;
	}
	datagram(frame, number);
	event->frame = frame;
	event->frame_len = event->length = MODEL_FRAME;
}

/* Reading back. */

struct reading {
	struct seen *seen;
	const struct model *model;
	unsigned dev;
};

static void wrong(struct seen *seen, const char *what, uint64_t a, uint64_t b)
{
	if (!seen->wrong[0])
		snprintf(seen->wrong, sizeof seen->wrong, "%s (%llu, %llu)", what,
			(unsigned long long)a, (unsigned long long)b);
}

static int dev_of(const char *dev)
{
	for (int i = 0; i < MODEL_DEVICES; i++)
		if (!strcmp(dev, model_devs[i]))
			return i;
	return -1;
}

static uint64_t number_of(const struct vnep_event *event)
{
	unsigned long number = ULONG_MAX;

	if (event->frame && event->frame_len == MODEL_FRAME) {
		memcpy(&number, event->frame + MODEL_FRAME - 8, sizeof number);
		return number - PAYLOAD;
	}
	if (event->kind == VNEP_KIND_NOTE)
		sscanf(event->text, "number %lu", &number);
	return number;
}

/* Octet by octet what was appended under this number. */
static bool is_like(const struct model *model, uint64_t number, const struct vnep_event *event)
{
	uint8_t frame[MODEL_FRAME];
	struct vnep_event wanted;

	model_event(model, number, &wanted, frame);
	return event->kind == wanted.kind && event->direction == wanted.direction &&
	       event->ts.ns == wanted.ts.ns && event->frame_len == wanted.frame_len &&
	       !strcmp(event->text, wanted.text) && !strcmp(event->dev, wanted.dev) &&
	       (!wanted.frame || !memcmp(event->frame, frame, MODEL_FRAME));
}

static void extend(struct seen *seen, unsigned dev, uint64_t seq, uint64_t count, uint64_t number)
{
	uint64_t *grown;

	if (seq != seen->head[dev] + 1 || count > 100000) {
		wrong(seen, "I7: a hole or a repetition in the sequence of a device",
			seen->head[dev], seq);
		return;
	}
	grown = realloc(seen->numbers[dev], (size_t)(seq - 1 + count) * sizeof *grown);
	if (!grown)
		exit(3);
	seen->numbers[dev] = grown;
	for (uint64_t i = 0; i < count; i++)
		grown[seq - 1 + i] = number;
	seen->head[dev] += count;
}

static void on_event(struct reading *r, const struct vnep_event *event)
{
	struct seen *seen = r->seen;
	uint64_t number = number_of(event);
	int dev = dev_of(event->dev);

	if (dev < 0) {
		wrong(seen, "I7: an event of a device that nobody named", event->seq, 0);
	} else if (event->kind == VNEP_KIND_ERASED) {
		extend(seen, (unsigned)dev, event->seq, event->count, 0);
	} else if (number >= r->model->attempt_count || !is_like(r->model, number, event)) {
		wrong(seen, "I7: an event that was never appended", event->seq, number);
	} else {
		if (r->model->attempts[number].seq != event->seq)
			wrong(seen, "I7: an event under another number", event->seq,
				r->model->attempts[number].seq);
		extend(seen, (unsigned)dev, event->seq, 1, number + 1);
	}
	seen->hash = disk_hash(seen->hash, &number, sizeof number);
	seen->hash = disk_hash(seen->hash, &event->seq, sizeof event->seq);
}

static int on_item(const struct vnep_journal_item *item, void *arg)
{
	struct reading *r = arg;

	if (item->type == VNEP_RECORD_EVENT)
		on_event(r, &item->event);
	else if (item->type == VNEP_RECORD_CHECKPOINT)
		r->seen->hash =
			disk_hash(r->seen->hash, &item->checkpoint.resume_seq, sizeof(uint64_t));
	else
		r->seen->hash = disk_hash(r->seen->hash, &item->outcome.seq, sizeof(uint64_t));
	return 0;
}

static int on_damage(const struct vnep_journal_damage *damage, void *arg)
{
	struct reading *r = arg;

	wrong(r->seen, "I8: damage where there was none", damage->offset, damage->octets);
	return 0;
}

static int on_pending(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct reading *r = arg;
	uint64_t number = number_of(event);

	if (number >= r->model->attempt_count)
		wrong(r->seen, "I7: pending, but never appended", event->seq, number);
	else
		r->seen->pending[number] = 1;
	r->seen->hash = disk_hash(r->seen->hash, &event->seq, sizeof event->seq);
	r->seen->hash = disk_hash(r->seen->hash, &attempt, sizeof attempt);
	return 0;
}

static void read_device(struct reading *r, struct vnep_journal *journal, unsigned dev)
{
	struct vnep_journal_device device = { 0 };
	struct seen *seen = r->seen;

	if (vnep_journal_device(journal, model_devs[dev], &device, NULL)) {
		if (seen->head[dev])
			wrong(seen, "I7: the index misses a device", dev, seen->head[dev]);
		return;
	}
	if (device.head_seq != seen->head[dev])
		wrong(seen, "I7: index and files disagree about the last event", device.head_seq,
			seen->head[dev]);
	seen->synced[dev] = device.synced_seq;
	seen->hash = disk_hash(seen->hash, &device.head_seq, sizeof device.head_seq);
	seen->hash = disk_hash(seen->hash, &device.synced_seq, sizeof device.synced_seq);
	seen->hash = disk_hash(seen->hash, &device.disconnect_seq, sizeof device.disconnect_seq);
	seen->hash = disk_hash(seen->hash, &device.life_seq, sizeof device.life_seq);
	seen->hash = disk_hash(seen->hash, &device.pending, sizeof device.pending);
	seen->hash = disk_hash(seen->hash, &device.conn, sizeof device.conn);
	if (vnep_journal_pending(journal, model_devs[dev], 0, 0, on_pending, r, NULL))
		wrong(seen, "I6: what is pending cannot be read", dev, 0);
}

void seen_read(struct seen *seen, const struct model *model, struct vnep_journal *journal)
{
	struct vnep_journal_position position = { 0 };
	struct reading r = { seen, model, 0 };
	int rc;

	*seen = (struct seen){ .pending = calloc(model->attempt_count + 1, 1) };
	if (!seen->pending)
		exit(3);
	rc = vnep_journal_scan(journal, &position, on_item, on_damage, &r, NULL);
	if (rc)
		wrong(seen, "I6: the journal cannot be read", (uint64_t)-rc, 0);
	for (unsigned dev = 0; dev < MODEL_DEVICES; dev++)
		read_device(&r, journal, dev);
}

void seen_release(struct seen *seen)
{
	for (unsigned dev = 0; dev < MODEL_DEVICES; dev++)
		free(seen->numbers[dev]);
	free(seen->pending);
	*seen = (struct seen){ 0 };
}

/* The invariants. */

struct verdict {
	char *out;
	size_t cap;
};

static void broken(struct verdict *v, const char *what, uint64_t a, uint64_t b)
{
	if (!v->out[0])
		snprintf(v->out, v->cap, "%s (%llu, %llu)", what, (unsigned long long)a,
			(unsigned long long)b);
}

static uint64_t may_be_gone(const struct model *model, unsigned dev, size_t cut)
{
	uint64_t below = 0;

	for (size_t i = 0; i < model->erasure_count; i++)
		if (model->erasures[i].dev == dev && model->erasures[i].begun <= cut &&
			model->erasures[i].below > below)
			below = model->erasures[i].below;
	return below;
}

static void check_acked(const struct model *model, const struct seen *seen, size_t number,
	size_t cut, struct verdict *v)
{
	const struct attempt *a = &model->attempts[number];
	bool there = seen->head[a->dev] >= a->seq;
	uint64_t found = there ? seen->numbers[a->dev][a->seq - 1] : 0;

	if (there && found == 0 && a->seq < may_be_gone(model, a->dev, cut) &&
		(a->settled || a->direction != VNEP_TO_DEVICE))
		return;
	if (found != number + 1)
		broken(v, "I6: acknowledged, and gone or another", number, found);
	else if (a->kind == VNEP_KIND_DATA && a->direction == VNEP_TO_DEVICE && !a->settled &&
		 a->seq >= seen->synced[a->dev] && !seen->pending[number])
		broken(v, "I6: acknowledged, and not pending any more", number, a->seq);
}

/* Whole groups only, and only what had been begun by then. */
static void check_groups(
	const struct model *model, const struct seen *seen, size_t cut, struct verdict *v)
{
	for (size_t n = 0; n < model->attempt_count; n++) {
		const struct attempt *a = &model->attempts[n], *b = n ? a - 1 : a;
		bool here =
			seen->head[a->dev] >= a->seq && seen->numbers[a->dev][a->seq - 1] == n + 1;
		bool other =
			seen->head[b->dev] >= b->seq &&
			seen->numbers[b->dev][b->seq - 1] == (uint64_t)(b - model->attempts) + 1;

		if (here && a->begun > cut)
			broken(v, "I7: an event of the future", n, a->begun);
		if (a->group == b->group && here != other && !may_be_gone(model, a->dev, cut) &&
			!may_be_gone(model, b->dev, cut))
			broken(v, "I7: half a group", n, a->group);
	}
}

static void check_cursors(
	const struct model *model, const struct seen *seen, size_t cut, struct verdict *v)
{
	uint64_t least[MODEL_DEVICES], most[MODEL_DEVICES];

	for (unsigned dev = 0; dev < MODEL_DEVICES; dev++)
		least[dev] = most[dev] = seen->head[dev] ? 1 : 0;
	for (size_t i = 0; i < model->cursor_count; i++) {
		const struct cursor_attempt *c = &model->cursors[i];

		if (c->acked <= cut && c->resume > least[c->dev])
			least[c->dev] = c->resume;
		if (c->begun <= cut && c->resume > most[c->dev])
			most[c->dev] = c->resume;
	}
	for (unsigned dev = 0; dev < MODEL_DEVICES; dev++) {
		if (seen->synced[dev] < least[dev])
			broken(v, "I11: a cursor went back", seen->synced[dev], least[dev]);
		if (seen->synced[dev] > most[dev] && seen->synced[dev] > 1)
			broken(v, "I11: a cursor that nobody moved", seen->synced[dev], most[dev]);
	}
}

void model_check(
	const struct model *model, const struct seen *seen, size_t cut, char *out, size_t cap)
{
	struct verdict v = { out, cap };

	snprintf(out, cap, "%s", seen->wrong);
	for (size_t n = 0; n < model->attempt_count; n++)
		if (model->attempts[n].acked <= cut)
			check_acked(model, seen, n, cut, &v);
	check_groups(model, seen, cut, &v);
	check_cursors(model, seen, cut, &v);
}

void model_check_erased(const struct model *model, const struct disk_image *image, size_t cut,
	char *out, size_t cap)
{
	struct verdict v = { out, cap };
	const struct disk_names *names = &image->folder[FOLDER_JOURNAL];
	uint8_t frame[MODEL_FRAME];
	struct vnep_event event;

	for (size_t i = 0; i < model->erasure_count; i++) {
		const struct erasure *e = &model->erasures[i];

		for (size_t n = 0; e->all && e->acked <= cut && n < model->attempt_count; n++) {
			const struct attempt *a = &model->attempts[n];

			if (a->dev != e->dev || a->kind != VNEP_KIND_DATA || a->begun >= e->begun)
				continue;
			model_event(model, n, &event, frame);
			for (unsigned f = 0; f < names->count; f++) {
				const struct vnep_buf *file = &image->file[names->item[f].file];

				if (memmem(file->data, file->len, frame + MODEL_FRAME - 24, 24))
					broken(&v, "erased, and still in a file", n,
						names->item[f].file);
			}
		}
	}
}

void model_check_files(const struct model *model, const struct disk_image *before,
	const struct disk_image *after, size_t cut, char *out, size_t cap)
{
	struct verdict v = { out, cap };

	for (size_t i = 0; i < model->erasure_count; i++)
		if (model->erasures[i].begun <= cut)
			return; /* segments may have been written anew */
	for (size_t i = 0; i < model->promise_count; i++) {
		const struct promise *p = &model->promises[i];

		if (p->acked > cut)
			continue;
		if (after->file[p->file].len < p->end)
			broken(&v, "I8: a durable group was cut off", p->end,
				after->file[p->file].len);
		else if (memcmp(after->file[p->file].data, before->file[p->file].data,
				 (size_t)p->end))
			broken(&v, "I8: durable octets were changed", p->file, p->end);
	}
}
