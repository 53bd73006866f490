/*
 * ahead - frames that go as they are, at top speed: while a thread sends what is ready, the next ones are read.
 *
 * Batches go round. The thread sends them in their order, and touches nothing else. What a port refuses for good stops it:
 * the first thread takes that batch to its end, saying what it has to say, and then the other goes on.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "send.h"

enum { BATCHES = 32, LOW = BATCHES / 2 };

struct send_ahead {
	struct vnep_inject *inject;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ready, room; /* the thread waits for the one, the reader for the other */
	unsigned put, done;         /* batches */
	uint64_t sent;              /* frames */
	bool stuck, end;
	struct send_batch batch[BATCHES];
};

static void *send_on(void *arg)
{
	struct send_ahead *ahead = arg;
	struct vnep_err err;

	pthread_mutex_lock(&ahead->lock);
	for (;;) {
		struct send_batch *batch;
		bool all;

		while (ahead->stuck || (ahead->put == ahead->done && !ahead->end))
			pthread_cond_wait(&ahead->ready, &ahead->lock);
		if (ahead->put == ahead->done)
			break;
		batch = &ahead->batch[ahead->done % BATCHES];
		pthread_mutex_unlock(&ahead->lock);
		all = send_push(ahead->inject, batch, &err);
		pthread_mutex_lock(&ahead->lock);
		ahead->sent += batch->done;
		ahead->stuck = !all; /* it is met with again, and then told */
		if (all) {
			send_batch_reset(batch);
			ahead->done++;
		}
		/* not for each batch: to wake somebody takes longer than many frames */
		if (ahead->stuck || ahead->put - ahead->done <= LOW)
			pthread_cond_signal(&ahead->room);
	}
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

/* Signals are for the first thread. */
static bool start_thread(struct send_ahead *ahead)
{
	sigset_t all, before;
	bool started;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return false;
	started = !pthread_create(&ahead->thread, NULL, send_on, ahead);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

void send_ahead_start(struct send *send, struct vnep_inject *inject)
{
	struct send_ahead *ahead = calloc(1, sizeof *ahead);

	if (!ahead)
		return;
	ahead->inject = inject;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->ready, NULL);
	pthread_cond_init(&ahead->room, NULL);
	if (!start_thread(ahead)) {
		free(ahead);
		return;
	}
	send->ahead = ahead;
	send->batch = &ahead->batch[0];
}

/* Wait until at most `most` batches are on their way; the lock is held. */
static void wait_for_room(struct replay *replay, struct send *send, unsigned most)
{
	struct send_ahead *ahead = send->ahead;

	while (ahead->stuck || ahead->put - ahead->done > most) {
		if (!ahead->stuck) {
			pthread_cond_wait(&ahead->room, &ahead->lock);
			continue;
		}
		pthread_mutex_unlock(&ahead->lock);
		send_batch_out(replay, send, &ahead->batch[ahead->done % BATCHES]);
		pthread_mutex_lock(&ahead->lock);
		ahead->done++;
		ahead->stuck = false;
		pthread_cond_signal(&ahead->ready);
	}
}

void send_ahead_put(struct replay *replay, struct send *send)
{
	struct send_ahead *ahead = send->ahead;

	pthread_mutex_lock(&ahead->lock);
	ahead->put++;
	pthread_cond_signal(&ahead->ready);
	wait_for_room(replay, send, BATCHES - 1);
	send->batch = &ahead->batch[ahead->put % BATCHES];
	pthread_mutex_unlock(&ahead->lock);
}

void send_ahead_end(struct replay *replay, struct send *send)
{
	struct send_ahead *ahead = send->ahead;

	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->lock);
	wait_for_room(replay, send, 0);
	ahead->end = true;
	pthread_cond_signal(&ahead->ready);
	pthread_mutex_unlock(&ahead->lock);
	pthread_join(ahead->thread, NULL);
	send->sent += ahead->sent;
	for (unsigned i = 0; i < BATCHES; i++)
		vnep_buf_release(&ahead->batch[i].bytes);
	pthread_cond_destroy(&ahead->room);
	pthread_cond_destroy(&ahead->ready);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
	send->ahead = NULL;
	send->batch = &send->own;
}
