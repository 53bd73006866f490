/* loop: descriptors, timers, signals and work, and watchers that free themselves. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vnep/loop.h"
#include "t.h"

struct seen {
	struct vnep_loop *loop;
	struct vnep_watch *watch, *other;
	int fd, count, stop_at;
};

static void count_and_free(struct vnep_watch *watch, void *arg)
{
	struct seen *seen = arg;
	char c;

	if (seen->fd >= 0)
		CHECK_INT(read(seen->fd, &c, 1), 1);
	if (++seen->count < seen->stop_at)
		return;
	vnep_watch_free(watch);
	vnep_watch_free(watch);
	vnep_loop_stop(seen->loop);
}

TEST("loop: a readable descriptor calls back for as long as there is something")
{
	struct seen seen = { .stop_at = 3 };
	int fd[2];

	CHECK(!pipe(fd));
	CHECK(!vnep_loop_new(&seen.loop));
	seen.fd = fd[0];
	CHECK(vnep_loop_fd(seen.loop, fd[0], count_and_free, &seen) != NULL);
	CHECK_INT(write(fd[1], "abcd", 4), 4);
	CHECK_INT(vnep_loop_run(seen.loop), 0);
	CHECK_INT(seen.count, 3);
	vnep_loop_free(seen.loop);
	close(fd[0]);
	close(fd[1]);
}

static void other_side(struct vnep_watch *watch, void *arg)
{
	struct seen *seen = arg;

	seen->count++;
	vnep_watch_writable(watch, false);
	vnep_loop_stop(seen->loop);
}

TEST("loop: the writable side is quiet until it is asked for")
{
	struct seen seen = { .fd = -1 };
	struct vnep_watch *w;
	int fd[2];

	CHECK(!pipe(fd));
	CHECK(!vnep_loop_new(&seen.loop));
	w = vnep_loop_fd(seen.loop, fd[1], other_side, &seen);
	vnep_watch_readable(w, false);
	vnep_watch_writable(w, true);
	CHECK_INT(vnep_loop_run(seen.loop), 0);
	CHECK_INT(seen.count, 1);
	CHECK_INT(vnep_loop_run(seen.loop), 0); /* nothing left to wait for */
	CHECK_INT(seen.count, 1);
	vnep_loop_free(seen.loop);
	close(fd[0]);
	close(fd[1]);
}

TEST("loop: the end of the other side is told, also where nothing else is asked for")
{
	struct seen seen = { .fd = -1, .stop_at = 1 };
	struct vnep_watch *w;
	int fd[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	CHECK(!vnep_loop_new(&seen.loop));
	w = vnep_loop_fd(seen.loop, fd[0], count_and_free, &seen);
	vnep_watch_readable(w, false);
	vnep_watch_end(w);
	close(fd[1]);
	CHECK_INT(vnep_loop_run(seen.loop), 0);
	CHECK_INT(seen.count, 1);
	vnep_loop_free(seen.loop);
	close(fd[0]);
}

static void never(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	(void)arg;
	CHECK(false /* called after it was freed or disarmed */);
}

static void kill_other(struct vnep_watch *watch, void *arg)
{
	struct seen *seen = arg;

	vnep_watch_free(seen->other);
	seen->other = NULL;
	if (++seen->count == 2)
		vnep_loop_stop(seen->loop);
	else
		vnep_timer_set(watch, 1);
}

static void at_once_again(struct vnep_watch *watch, void *arg)
{
	struct seen *seen = arg;

	if (++seen->stop_at > 1000)
		vnep_loop_stop(seen->loop); /* nobody else had a turn */
	vnep_timer_set(watch, seen->count < 3 && seen->stop_at <= 1000 ? 0 : -1);
}

static void read_one(struct vnep_watch *watch, void *arg)
{
	struct seen *seen = arg;
	char c;

	CHECK_INT(read(seen->fd, &c, 1), 1);
	if (++seen->count < 3)
		return;
	vnep_watch_free(watch);
	vnep_loop_stop(seen->loop);
}

TEST("loop: a descriptor has its turn beside timers that are due again and again")
{
	struct seen seen = { 0 };
	int fd[2];

	CHECK(!pipe(fd));
	CHECK(!vnep_loop_new(&seen.loop));
	seen.fd = fd[0];
	CHECK(vnep_loop_fd(seen.loop, fd[0], read_one, &seen) != NULL);
	CHECK_INT(write(fd[1], "abc", 3), 3);
	vnep_timer_set(vnep_loop_timer(seen.loop, at_once_again, &seen), 0);
	vnep_timer_set(vnep_loop_timer(seen.loop, at_once_again, &seen), 0);
	CHECK_INT(vnep_loop_run(seen.loop), 0);
	CHECK_INT(seen.count, 3);
	CHECK(seen.stop_at < 20);
	vnep_loop_free(seen.loop);
	close(fd[0]);
	close(fd[1]);
}

TEST("loop: timers fire once, arm again, disarm, and can be freed by another one")
{
	struct seen seen = { .fd = -1 };
	struct vnep_watch *disarmed, *t;

	CHECK(!vnep_loop_new(&seen.loop));
	t = vnep_loop_timer(seen.loop, kill_other, &seen);
	seen.other = vnep_loop_timer(seen.loop, never, NULL);
	disarmed = vnep_loop_timer(seen.loop, never, NULL);
	vnep_timer_set(t, 0);
	vnep_timer_set(seen.other, 1);
	vnep_timer_set(disarmed, 0);
	vnep_timer_set(disarmed, -1);
	CHECK_INT(vnep_loop_run(seen.loop), 0);
	CHECK_INT(seen.count, 2);
	vnep_loop_free(seen.loop);
}

static void raise_once(struct vnep_watch *watch, void *arg)
{
	(void)watch;
	(void)arg;
	raise(SIGUSR1);
}

TEST("loop: a signal is a callback, not an interruption")
{
	struct seen seen = { .fd = -1, .stop_at = 1 };

	CHECK(!vnep_loop_new(&seen.loop));
	CHECK(vnep_loop_signal(seen.loop, SIGUSR1, count_and_free, &seen) != NULL);
	vnep_timer_set(vnep_loop_timer(seen.loop, raise_once, NULL), 0);
	CHECK_INT(vnep_loop_run(seen.loop), 0);
	CHECK_INT(seen.count, 1);
	vnep_loop_free(seen.loop);
}

static void work(void *arg)
{
	struct seen *seen = arg;

	seen->count += 10;
}

static void done(void *arg)
{
	struct seen *seen = arg;

	seen->count++;
	CHECK_INT(vnep_loop_work(seen->loop, work, done, seen), -ECANCELED);
}

TEST("loop: freeing a loop waits for its work and frees what is left of its watchers")
{
	struct seen seen = { .fd = -1 };

	CHECK(!vnep_loop_new(&seen.loop));
	vnep_timer_set(vnep_loop_timer(seen.loop, never, NULL), 60000);
	CHECK(!vnep_loop_work(seen.loop, work, done, &seen));
	vnep_loop_free(seen.loop);
	CHECK_INT(seen.count, 11);
	vnep_loop_free(NULL);
	vnep_watch_free(NULL);
}

TEST("loop: a descriptor that cannot be watched is an error, not a crash")
{
	struct vnep_loop *loop;

	CHECK(!vnep_loop_new(&loop));
	CHECK(vnep_loop_fd(loop, 99999, never, NULL) == NULL);
	CHECK_INT(errno, EBADF);
	vnep_loop_free(loop);
}

int main(void)
{
	return t_run();
}
