/*
 * holder - fork, wait, pass signals on, keep descriptors.
 *
 * One thread, one poll: signals come by a descriptor, the worker's requests by the socket pair. What the worker said before
 * it died is read before its death is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include "held-private.h"
#include "holder-private.h"
#include "vnep/err.h"

enum {
	FAILED_MAX = 6,     /* starts in a row that died before they were ready */
	PAUSE_MS = 25,      /* before the second one, then twice as long each time */
	PAUSE_MAX_MS = 400, /* the ring holds what comes meanwhile */
	SETTLED_S = 10,     /* who lived so long begins anew with the pauses */
	TRIAL_S = 1, /* for a new program to say its version: the ring holds what comes meanwhile */
	READY_S = 20, /* for the first worker of a new program */
};

static void say(const struct holder *h, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(const struct holder *h, int level, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	h->config->log(level, text, h->config->arg);
}

/* ---- requests ---- */

static struct kept *find(struct holder *h, const char *name)
{
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (!strcmp(h->kept[i].name, name))
			return &h->kept[i];
	return NULL;
}

/* fd: -1 forgets it. */
static int keep(struct holder *h, const struct held_request *request, int fd)
{
	struct kept *k = request->name[0] ? find(h, request->name) : NULL;

	if (!request->name[0])
		return -EINVAL;
	if (k)
		close(k->fd);
	else if (fd >= 0)
		k = find(h, "");
	if (!k)
		return fd < 0 ? 0 : -ENOSPC;
	*k = (struct kept){ .fd = fd };
	if (fd < 0)
		return 0;
	memcpy(k->name, request->name, sizeof k->name);
	memcpy(k->note, request->note, sizeof k->note);
	return 0;
}

static void tell(struct holder *h, const struct held_request *request)
{
	if (request->what == VNEP_TELL_READY) {
		h->ready = true;
		h->failed = 0;
		if (h->earlier >= 0)
			close(h->earlier);
		h->earlier = -1;
	}
	if (request->what == VNEP_TELL_STOPPING)
		h->stopping = true;
}

/* One request. fd came with it, and is kept or closed. */
static void answer(struct holder *h, struct held_request *request, int fd)
{
	struct held_reply reply = { 0 };
	const struct kept *k = NULL;
	int out = -1;

	request->name[sizeof request->name - 1] = 0;
	switch (request->verb) {
	case HELD_TELL: tell(h, request); break;
	case HELD_SOCKET:
		out = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		reply.rc = out < 0 ? -errno : 0;
		break;
	case HELD_KEEP:
		reply.rc = keep(h, request, fd);
		if (!reply.rc)
			fd = -1;
		break;
	case HELD_UPGRADE:
		reply.rc = access(h->program, X_OK) ? -errno : 0;
		h->upgrading = !reply.rc;
		break;
	case HELD_UPGRADES: memcpy(reply.note, &h->upgrades, sizeof h->upgrades); break;
	case HELD_GET:
		k = request->name[0] ? find(h, request->name) : NULL;
		if (k)
			memcpy(reply.note, k->note, sizeof reply.note);
		break;
	default: reply.rc = -EINVAL;
	}
	if (request->verb != HELD_TELL)
		(void)held_send(h->sock, &reply, sizeof reply, k ? k->fd : out);
	if (out >= 0)
		close(out);
	if (fd >= 0)
		close(fd);
}

static void serve(struct holder *h)
{
	struct held_request request;
	int fd, rc;

	while (h->sock >= 0) {
		memset(&request, 0, sizeof request);
		rc = held_receive(h->sock, &request, sizeof request, &fd);
		if (rc == -EAGAIN || rc == -EWOULDBLOCK)
			return;
		if (rc == 1) {
			answer(h, &request, fd);
			continue;
		}
		close(h->sock); /* it is going, or talks nonsense and gets no answer any more */
		h->sock = -1;
	}
}

/* ---- the worker's life ---- */

/* Until the worker listens to it: by default it would be its end. */
static void withhold(const struct holder *h)
{
	sigset_t mask = h->before;

	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

static int start(struct holder *h, struct vnep_held **held, struct vnep_err *err)
{
	pid_t me = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return vnep_err_sys(err, errno, "the holder's socket");
	pid = fork();
	if (pid < 0) {
		int rc = vnep_err_sys(err, errno, "starting the worker");

		close(pair[0]);
		close(pair[1]);
		return rc;
	}
	if (pid) {
		close(pair[1]);
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		h->sock = pair[0];
		h->worker = pid;
		h->started = vnep_mono_now();
		h->ready = h->stopping = h->hung_up = h->upgrading = false;
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != me)
		raise(SIGKILL); /* the holder died before that counted */
	close(pair[0]);
	close(h->signals);
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (h->kept[i].name[0])
			close(h->kept[i].fd); /* it asks for what it wants */
	if (h->earlier >= 0)
		close(h->earlier);
	withhold(h);
	*held = held_new(pair[1], me);
	return *held ? 0 : vnep_err_sys(err, ENOMEM, "worker");
}

enum { HOW = sizeof((struct vnep_held_upgrades *)0)->how };

static void describe(int status, char out[static HOW])
{
	if (WIFSIGNALED(status))
		snprintf(out, HOW, "was killed by signal %d (%s)", WTERMSIG(status),
			sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
	else
		snprintf(out, HOW, "ended with %d", WEXITSTATUS(status));
}

/* Another program goes on from here, or this one does, and it is known why. */
static void become(struct holder *h, const char *program, const char *what)
{
	int rc = holder_become(h, program);

	h->upgrades.failed = true;
	snprintf(h->upgrades.how, sizeof h->upgrades.how, "cannot be run: %s", strerror(-rc));
	say(h, LOG_ERR, "holder: %s %s", what, h->upgrades.how);
}

/* Does it run, take these arguments, and know what we would hand on? We cannot come back from one that does not. */
static bool works(struct holder *h)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		sigprocmask(SIG_SETMASK, &h->before, NULL);
		alarm(TRIAL_S);
		holder_try(h);
		_exit(126);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == HOLDER_TRIED)
		return true;
	h->upgrades.failed = true;
	if (pid > 0 && WIFEXITED(status) && !WEXITSTATUS(status))
		strcpy(h->upgrades.how, "knows nothing of such an upgrade");
	else
		describe(status, h->upgrades.how);
	say(h, LOG_ERR, "holder: %s %s when it was tried: the program of before goes on",
		h->program, h->upgrades.how);
	return false;
}

/* The worker made room for the next program. */
static void upgrade(struct holder *h)
{
	h->upgrades.count++;
	h->upgrades.failed = false;
	h->upgrades.how[0] = 0;
	if (!works(h))
		return;
	h->earlier = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	say(h, LOG_NOTICE, "holder: %s takes over", h->program);
	become(h, h->program, "the new program");
	if (h->earlier >= 0)
		close(h->earlier);
	h->earlier = -1;
}

/* The first worker of a new program did not get ready. */
static void go_back(struct holder *h, const char how[static HOW])
{
	char program[32];
	int earlier = h->earlier;

	say(h, LOG_ERR,
		"holder: the new program's worker %s before it was ready: the program before it "
		"goes on",
		how);
	h->upgrades.failed = true;
	memcpy(h->upgrades.how, how, HOW);
	snprintf(program, sizeof program, "/proc/self/fd/%d", earlier);
	h->earlier = -1;
	become(h, program, "the program before it");
	close(earlier);
}

/* Is all over? Then with which exit status; else a new one is to be started, in *pause_ms. */
static bool over(struct holder *h, int status, int *exit_status, int *pause_ms)
{
	int64_t lived_ns = vnep_mono_now().ns - h->started.ns;
	bool by_signal = WIFSIGNALED(status);
	char how[HOW];

	*pause_ms = 0;
	if (h->upgrading && !by_signal && !WEXITSTATUS(status) && !h->told_to) {
		upgrade(h);
		return false;
	}
	describe(status, how);
	if (h->earlier >= 0 && !h->ready && !h->told_to) {
		go_back(h, how);
		return false;
	}
	if (!by_signal && (!h->ready || h->stopping || h->told_to || !WEXITSTATUS(status))) {
		*exit_status = WEXITSTATUS(status);
		return true;
	}
	if (by_signal &&
		(WTERMSIG(status) == h->told_to || (h->hung_up && WTERMSIG(status) == SIGHUP))) {
		*exit_status = 128 + WTERMSIG(status);
		return true;
	}
	if (h->stopping || h->told_to) {
		say(h, LOG_ERR, "holder: the worker %s while it was stopping", how);
		*exit_status = 3;
		return true;
	}
	if (!h->ready && ++h->failed >= FAILED_MAX) {
		say(h, LOG_CRIT,
			"holder: the worker %s before it was ready, %u times in a row: giving up",
			how, h->failed);
		*exit_status = 3;
		return true;
	}
	h->deaths = lived_ns < SETTLED_S * 1000000000LL ? h->deaths + 1 : 0;
	*pause_ms = h->deaths < 2 ? 0 : h->deaths > 5 ? PAUSE_MAX_MS : PAUSE_MS << (h->deaths - 2);
	say(h, LOG_ERR, "holder: the worker (process %d) %s: a new one goes on%s", (int)h->worker,
		how, *pause_ms ? " in a moment" : "");
	return false;
}

static void take_signal(struct holder *h)
{
	struct signalfd_siginfo info;

	while (read(h->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (info.ssi_signo == SIGHUP)
			h->hung_up = true;
		else
			h->told_to = (int)info.ssi_signo;
		if (h->worker)
			kill(h->worker, (int)info.ssi_signo);
	}
}

/* Until the worker ends: its wait status. With no worker: until the pause is over. */
static int attend(struct holder *h, int pause_ms)
{
	struct pollfd fds[2] = { { .fd = h->signals, .events = POLLIN }, { .events = POLLIN } };
	int status = 0;

	for (;;) {
		bool trial = h->worker && h->earlier >= 0;

		fds[1].fd = h->sock;
		if (poll(fds, 2, trial ? PAUSE_MAX_MS : pause_ms) == 0 && !h->worker)
			return 0;
		if (trial && vnep_mono_now().ns - h->started.ns > READY_S * 1000000000LL)
			kill(h->worker, SIGKILL);
		take_signal(h);
		if (!h->worker) {
			if (h->told_to)
				return 0;
			continue;
		}
		serve(h);
		if (waitpid(h->worker, &status, WNOHANG) != h->worker)
			continue;
		serve(h);
		return status;
	}
}

static int look_after(
	struct holder *h, struct vnep_held **held, int *exit_status, struct vnep_err *err)
{
	int status, pause_ms = 0, rc;

	for (;;) {
		rc = start(h, held, err);
		if (rc || *held)
			return rc;
		status = attend(h, -1);
		if (h->sock >= 0)
			close(h->sock);
		h->sock = -1;
		if (over(h, status, exit_status, &pause_ms))
			return 0;
		h->worker = 0;
		if (pause_ms)
			attend(h, pause_ms);
		if (h->told_to) {
			*exit_status = 128 + h->told_to;
			return 0;
		}
	}
}

int vnep_holder(struct vnep_held **held, const struct vnep_holder_config *config, int *exit_status,
	struct vnep_err *err)
{
	static const struct rlimit none = { 0, 0 };
	struct holder h = { .config = config, .sock = -1, .earlier = -1 };
	sigset_t mine;
	int rc;

	*held = NULL;
	prctl(PR_SET_DUMPABLE, 0); /* children have it, too */
	setrlimit(RLIMIT_CORE, &none);
	sigemptyset(&mine);
	sigaddset(&mine, SIGTERM);
	sigaddset(&mine, SIGINT);
	sigaddset(&mine, SIGHUP);
	sigaddset(&mine, SIGCHLD);
	signal(SIGCHLD, SIG_DFL); /* who ignores it by heritage could not wait for anybody */
	sigprocmask(SIG_BLOCK, &mine, &h.before);
	holder_begin(&h);
	h.signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	rc = h.signals < 0 ? vnep_err_sys(err, errno, "signals") : 0;
	if (!rc && config->confine)
		rc = config->confine(h.handed, err, config->arg);
	if (rc && h.earlier >= 0) {
		static const char how[HOW] = "cannot give up its privileges";

		go_back(&h, how);
	}
	if (!rc)
		rc = look_after(&h, held, exit_status, err);
	holder_end(&h);
	if (*held)
		return 0;
	for (size_t i = 0; i < KEPT_MAX; i++)
		if (h.kept[i].name[0])
			close(h.kept[i].fd);
	if (h.signals >= 0)
		close(h.signals);
	sigprocmask(SIG_SETMASK, &h.before, NULL);
	return rc;
}
