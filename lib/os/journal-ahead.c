/*
 * journal-ahead - the blocks of a segment, read and checked ahead of who puts them into the index.
 *
 * Where a segment is long, a thread of its own reads it, checks it and works out what makes each packet the
 * delivery it is; the other side only keeps the books. Each takes about as long as the other, so on two
 * processors an index is made anew in about half the time. Blocks go over in batches; what they lend is copied,
 * but for frames, which nobody needs any more.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "journal-private.h"
#include "vnep/err.h"

enum { BATCH_BLOCKS = 512, BATCHES = 4, ARENA_OCTETS = 1 << 18 };
static const uint64_t alone_octets = 8 << 20; /* below that a thread is not worth it */

struct batch {
	struct vnep_jblock block[BATCH_BLOCKS];
	size_t count;
	struct vnep_buf arena; /* records */
	int end;               /* what the walk said behind the last one; 1: it goes on */
	struct vnep_err err;
};

struct vnep_jahead {
	struct vnep_jwalk *walk;
	struct batch *batches;
	size_t at; /* in the oldest batch */
	bool here; /* that has been read */
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	unsigned read, used; /* batches */
	bool stop;
};

/* What a packet is, where it may be for its device. */
static void identify(struct vnep_jblock *block)
{
	struct vnep_pcapng_packet *packet = &block->found.block.packet;

	block->identified = block->found.block.type == VNEP_PCAPNG_PACKET &&
			    packet->direction == VNEP_TO_DEVICE && packet->frame;
	if (block->identified)
		vnep_jrules_identity(&block->identity, packet->frame, packet->frame_len);
}

/* Until the batch is full or the walk ends. */
static void fill(struct vnep_jwalk *walk, struct batch *batch)
{
	size_t at[BATCH_BLOCKS];

	batch->count = 0;
	batch->end = 1;
	batch->err = (struct vnep_err){ 0 };
	vnep_buf_reset(&batch->arena);
	while (batch->count < BATCH_BLOCKS && batch->arena.len < ARENA_OCTETS) {
		struct vnep_jblock *block = &batch->block[batch->count];
		struct vnep_pcapng_record *record = &block->found.block.record;

		batch->end = vnep_jwalk_next(walk, &block->found, &batch->err);
		if (batch->end <= 0)
			break;
		if (batch->end == VNEP_JSTEP_DAMAGE)
			continue;
		identify(block);
		at[batch->count] = batch->arena.len;
		if (block->found.block.type == VNEP_PCAPNG_RECORD)
			vnep_buf_put(&batch->arena, record->json, record->len);
		else if (block->identified)
			block->found.block.packet.frame = (const uint8_t *)"";
		batch->count++;
	}
	if (batch->arena.rc)
		batch->end = vnep_err_sys(&batch->err, -batch->arena.rc, "journal");
	for (size_t i = 0; i < batch->count; i++)
		if (batch->block[i].found.block.type == VNEP_PCAPNG_RECORD)
			batch->block[i].found.block.record.json =
				(const char *)batch->arena.data + at[i];
}

static void *read_ahead(void *arg)
{
	struct vnep_jahead *ahead = arg;
	bool more = true;

	while (more) {
		struct batch *batch;

		pthread_mutex_lock(&ahead->lock);
		while (ahead->read - ahead->used == BATCHES && !ahead->stop)
			pthread_cond_wait(&ahead->moved, &ahead->lock);
		more = !ahead->stop;
		batch = &ahead->batches[ahead->read % BATCHES];
		pthread_mutex_unlock(&ahead->lock);
		if (!more)
			break;
		fill(ahead->walk, batch);
		more = batch->end > 0;
		pthread_mutex_lock(&ahead->lock);
		ahead->read++;
		pthread_cond_signal(&ahead->moved);
		pthread_mutex_unlock(&ahead->lock);
	}
	return NULL;
}

/* Signals are for those who wait for them. */
static bool start_thread(struct vnep_jahead *ahead)
{
	sigset_t all, before;
	bool started;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return false;
	started = !pthread_create(&ahead->thread, NULL, read_ahead, ahead);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

int vnep_jahead_start(
	struct vnep_jahead **out, struct vnep_jwalk *walk, uint64_t octets, struct vnep_err *err)
{
	struct vnep_jahead *ahead = calloc(1, sizeof *ahead);
	bool alone = octets < alone_octets;

	*out = ahead;
	if (ahead)
		ahead->batches = calloc(alone ? 1 : BATCHES, sizeof *ahead->batches);
	if (!ahead || !ahead->batches) {
		free(ahead);
		*out = NULL;
		return vnep_err_sys(err, ENOMEM, "journal");
	}
	ahead->walk = walk;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->moved, NULL);
	ahead->threaded = !alone && start_thread(ahead);
	return 0;
}

void vnep_jahead_stop(struct vnep_jahead *ahead)
{
	if (!ahead)
		return;
	if (ahead->threaded) {
		pthread_mutex_lock(&ahead->lock);
		ahead->stop = true;
		pthread_cond_signal(&ahead->moved);
		pthread_mutex_unlock(&ahead->lock);
		pthread_join(ahead->thread, NULL);
		for (unsigned i = 0; i < BATCHES; i++)
			vnep_buf_release(&ahead->batches[i].arena);
	}
	pthread_cond_destroy(&ahead->moved);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead->batches);
	free(ahead);
}

/* One block after the other, where there is no thread. */
static int next_alone(
	struct vnep_jahead *ahead, const struct vnep_jblock **out, struct vnep_err *err)
{
	struct vnep_jblock *block = ahead->batches->block;
	int rc;

	do
		rc = vnep_jwalk_next(ahead->walk, &block->found, err);
	while (rc == VNEP_JSTEP_DAMAGE);
	block->identified = false;
	*out = block;
	return rc;
}

static struct batch *oldest(struct vnep_jahead *ahead)
{
	if (!ahead->here) {
		pthread_mutex_lock(&ahead->lock);
		while (ahead->read == ahead->used)
			pthread_cond_wait(&ahead->moved, &ahead->lock);
		pthread_mutex_unlock(&ahead->lock);
		ahead->here = true;
	}
	return &ahead->batches[ahead->used % BATCHES];
}

int vnep_jahead_next(
	struct vnep_jahead *ahead, const struct vnep_jblock **out, struct vnep_err *err)
{
	struct batch *batch;

	if (!ahead->threaded)
		return next_alone(ahead, out, err);
	for (;;) {
		batch = oldest(ahead);
		if (ahead->at < batch->count) {
			*out = &batch->block[ahead->at++];
			return VNEP_JSTEP_BLOCK;
		}
		if (batch->end <= 0) {
			if (batch->end < 0 && err)
				*err = batch->err;
			return batch->end;
		}
		ahead->at = 0;
		ahead->here = false;
		pthread_mutex_lock(&ahead->lock);
		ahead->used++;
		pthread_cond_signal(&ahead->moved);
		pthread_mutex_unlock(&ahead->lock);
	}
}
