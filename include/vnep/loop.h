/*
 * loop - the event loop of the daemon and of the tools that follow something. The only file that
 * knows libuv.
 *
 * Owner   watchers (fd, timer, signal, work) are made by the loop and freed by their _free or with
 * the loop; a watcher may free itself inside its own callback. Errors  -errno (libuv's codes are
 * negative errno on Linux), -ENOMEM; makers of watchers return NULL and leave the reason in errno.
 * Caveat  a watched descriptor becomes non-blocking. Close it after its watcher was freed, not
 * before.
 */
#ifndef VNEP_LOOP_H
#define VNEP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "vnep/clock.h"

struct vnep_loop;
struct vnep_watch;

typedef void vnep_watch_cb(struct vnep_watch *watch, void *arg);

int vnep_loop_new(struct vnep_loop **out);
/* Frees what is left of its watchers; work under way is waited for and its done is called. */
void vnep_loop_free(struct vnep_loop *loop);
int vnep_loop_run(
	struct vnep_loop *loop); /* until vnep_loop_stop, or nothing is left to wait for */
void vnep_loop_stop(struct vnep_loop *loop);

/* Readable; _writable turns the other side on or off (cb is called for both, ask the fd). After _end it is also called when
 * the other side has gone for good (POLLHUP, POLLERR) and neither is on, again and again until the watch is freed. */
struct vnep_watch *vnep_loop_fd(struct vnep_loop *loop, int fd, vnep_watch_cb *cb, void *arg);
void vnep_watch_writable(struct vnep_watch *watch, bool on);
void vnep_watch_readable(struct vnep_watch *watch, bool on);
void vnep_watch_end(struct vnep_watch *watch);

/* Once, after delay_ms (0 = as soon as possible); arm again with _timer_set; < 0 disarms. One that sets itself to 0 runs
 * again behind the descriptors that are ready. */
struct vnep_watch *vnep_loop_timer(struct vnep_loop *loop, vnep_watch_cb *cb, void *arg);
void vnep_timer_set(struct vnep_watch *timer, int64_t delay_ms);

struct vnep_watch *vnep_loop_signal(
	struct vnep_loop *loop, int signum, vnep_watch_cb *cb, void *arg);

/* Run work in a thread of the pool, then done in the loop. work must not touch anything of the
 * loop. -ECANCELED: the loop is being freed. */
int vnep_loop_work(
	struct vnep_loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg);

void vnep_watch_free(struct vnep_watch *watch); /* NULL is fine */

#endif
