/*
 * loop - libuv behind six calls.
 *
 * A watcher is one allocation that starts with its libuv handle; libuv's own list of handles is the
 * list of watchers, so nothing is kept twice. Closing a handle is asynchronous in libuv: memory is
 * freed in its close callback, and no callback of ours runs after vnep_watch_free.
 *
 * libuv runs timers until none is due (uv__run_timers), so one that sets itself to 0 would keep everybody else waiting:
 * here each runs at most once a round, and goes on behind the descriptors.
 */
#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#include "vnep/loop.h"

struct vnep_loop {
	uv_loop_t uv;
	bool ending; /* inside vnep_loop_free: takes no new work */
	uint64_t round;
	struct vnep_watch *later; /* timers that are due again in this round */
};

struct vnep_watch {
	union {
		uv_handle_t handle;
		uv_poll_t poll;
		uv_timer_t timer;
		uv_signal_t signal;
		uv_prepare_t prepare;
	} uv;
	vnep_watch_cb *cb;
	void *arg;
	int events;                           /* of a descriptor: UV_READABLE | UV_WRITABLE */
	uint64_t round;                       /* of a timer: in which it ran last */
	struct vnep_watch *later, **later_at; /* later_at NULL: it is not on the list */
};

struct work {
	uv_work_t uv;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void later_leave(struct vnep_watch *watch)
{
	if (!watch->later_at)
		return;
	*watch->later_at = watch->later;
	if (watch->later)
		watch->later->later_at = watch->later_at;
	watch->later_at = NULL;
}

static void later_enter(struct vnep_loop *loop, struct vnep_watch *watch)
{
	watch->later = loop->later;
	watch->later_at = &loop->later;
	if (watch->later)
		watch->later->later_at = &watch->later;
	loop->later = watch;
}

void vnep_watch_free(struct vnep_watch *watch)
{
	if (!watch || uv_is_closing(&watch->uv.handle))
		return;
	later_leave(watch);
	uv_close(&watch->uv.handle, on_closed);
}

static void free_each(uv_handle_t *handle, void *arg)
{
	(void)arg;
	vnep_watch_free(handle->data);
}

/* Work under way is waited for and its done is called: that is how its memory comes back. */
void vnep_loop_free(struct vnep_loop *loop)
{
	if (!loop)
		return;
	loop->ending = true;
	do {
		uv_walk(&loop->uv, free_each, NULL);
		uv_run(&loop->uv, UV_RUN_DEFAULT);
	} while (uv_loop_close(&loop->uv) == UV_EBUSY);
	free(loop);
}

int vnep_loop_run(struct vnep_loop *loop)
{
	int rc = uv_run(&loop->uv, UV_RUN_DEFAULT);

	return rc < 0 ? rc : 0; /* above 0: stopped with watchers left, as it should be */
}

void vnep_loop_stop(struct vnep_loop *loop)
{
	uv_stop(&loop->uv);
}

/* libuv hands a failed _init no handle: the memory is still ours. After _init it belongs to
 * uv_close. */
static struct vnep_watch *watch_new(vnep_watch_cb *cb, void *arg)
{
	struct vnep_watch *watch = calloc(1, sizeof *watch);

	if (!watch)
		return NULL;
	watch->cb = cb;
	watch->arg = arg;
	return watch;
}

static struct vnep_watch *watch_ready(struct vnep_watch *watch, int rc)
{
	if (rc) {
		free(watch);
		errno = -rc;
		return NULL;
	}
	watch->uv.handle.data = watch;
	return watch;
}

/* An error of the descriptor (status) is found by the callback when it reads: both say the same. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct vnep_watch *watch = poll->data;

	(void)status;
	(void)events;
	watch->cb(watch, watch->arg);
}

static void poll_update(struct vnep_watch *watch, int bit, bool on)
{
	int events = on ? watch->events | bit : watch->events & ~bit;

	if (events == watch->events || uv_is_closing(&watch->uv.handle))
		return;
	watch->events = events;
	if (events)
		uv_poll_start(&watch->uv.poll, events, on_poll);
	else
		uv_poll_stop(&watch->uv.poll);
}

struct vnep_watch *vnep_loop_fd(struct vnep_loop *loop, int fd, vnep_watch_cb *cb, void *arg)
{
	struct vnep_watch *watch = watch_new(cb, arg);

	if (watch)
		watch = watch_ready(watch, uv_poll_init(&loop->uv, &watch->uv.poll, fd));
	if (watch)
		poll_update(watch, UV_READABLE, true);
	return watch;
}

void vnep_watch_writable(struct vnep_watch *watch, bool on)
{
	poll_update(watch, UV_WRITABLE, on);
}

void vnep_watch_readable(struct vnep_watch *watch, bool on)
{
	poll_update(watch, UV_READABLE, on);
}

/* Urgent data comes to nobody here; but who asks for anything hears of the end, too. */
void vnep_watch_end(struct vnep_watch *watch)
{
	poll_update(watch, UV_PRIORITIZED, true);
}

static void on_timer(uv_timer_t *timer)
{
	struct vnep_watch *watch = timer->data;
	struct vnep_loop *loop = timer->loop->data;

	if (watch->round == loop->round) {
		later_enter(loop, watch);
		return;
	}
	watch->round = loop->round;
	watch->cb(watch, watch->arg);
}

/* Between timers and descriptors. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct vnep_loop *loop = prepare->loop->data;
	struct vnep_watch *watch;

	loop->round++;
	while ((watch = loop->later)) {
		later_leave(watch);
		uv_timer_start(&watch->uv.timer, on_timer, 0, 0);
	}
}

static int count_rounds(struct vnep_loop *loop)
{
	struct vnep_watch *watch = watch_new(NULL, NULL);

	if (watch)
		watch = watch_ready(watch, uv_prepare_init(&loop->uv, &watch->uv.prepare));
	if (!watch)
		return -ENOMEM;
	uv_prepare_start(&watch->uv.prepare, on_prepare);
	uv_unref(&watch->uv.handle); /* it is no reason to go on */
	return 0;
}

int vnep_loop_new(struct vnep_loop **out)
{
	struct vnep_loop *loop = calloc(1, sizeof *loop);
	int rc;

	if (!loop)
		return -ENOMEM;
	rc = uv_loop_init(&loop->uv);
	if (rc) {
		free(loop);
		return rc;
	}
	loop->uv.data = loop;
	loop->round = 1;
	rc = count_rounds(loop);
	if (rc) {
		vnep_loop_free(loop);
		return rc;
	}
	*out = loop;
	return 0;
}

struct vnep_watch *vnep_loop_timer(struct vnep_loop *loop, vnep_watch_cb *cb, void *arg)
{
	struct vnep_watch *watch = watch_new(cb, arg);

	return watch ? watch_ready(watch, uv_timer_init(&loop->uv, &watch->uv.timer)) : NULL;
}

void vnep_timer_set(struct vnep_watch *timer, int64_t delay_ms)
{
	if (uv_is_closing(&timer->uv.handle))
		return;
	later_leave(timer);
	if (delay_ms < 0) {
		uv_timer_stop(&timer->uv.timer);
		return;
	}
	/* libuv counts from the start of the iteration; a long callback would make the timer early
	 */
	uv_update_time(timer->uv.handle.loop);
	uv_timer_start(&timer->uv.timer, on_timer, (uint64_t)delay_ms, 0);
}

static void on_signal(uv_signal_t *signal, int signum)
{
	struct vnep_watch *watch = signal->data;

	(void)signum;
	watch->cb(watch, watch->arg);
}

struct vnep_watch *vnep_loop_signal(
	struct vnep_loop *loop, int signum, vnep_watch_cb *cb, void *arg)
{
	struct vnep_watch *watch = watch_new(cb, arg);
	int rc;

	if (watch)
		watch = watch_ready(watch, uv_signal_init(&loop->uv, &watch->uv.signal));
	if (!watch)
		return NULL;
	rc = uv_signal_start(&watch->uv.signal, on_signal, signum);
	if (rc) {
		vnep_watch_free(watch);
		errno = -rc;
		return NULL;
	}
	return watch;
}

static void on_work(uv_work_t *uv)
{
	struct work *work = uv->data;

	work->work(work->arg);
}

static void on_work_done(uv_work_t *uv, int status)
{
	struct work *work = uv->data;
	void (*done)(void *) = work->done;
	void *arg = work->arg;

	(void)status; /* we never cancel */
	free(work);
	done(arg);
}

int vnep_loop_work(
	struct vnep_loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	struct work *job;
	int rc;

	if (loop->ending)
		return -ECANCELED;
	job = malloc(sizeof *job);
	if (!job)
		return -ENOMEM;
	*job = (struct work){ .work = work, .done = done, .arg = arg };
	job->uv.data = job;
	rc = uv_queue_work(&loop->uv, &job->uv, on_work, on_work_done);
	if (rc)
		free(job);
	return rc;
}
