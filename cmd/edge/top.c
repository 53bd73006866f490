/*
 * top - a live screen of the daemon: the metrics of now, and what they grew by since the last time.
 *
 * The same lines are text (--once) and screen; the screen shows as many as there is room for, most telling first.
 */
#include <curses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge.h"
#include "vnep/clock.h"
#include "vnep/json.h"
#include "vnep/metrics.h"
#include "vnep/num.h"
#include "vnep/out.h"
#include "vnep/word.h"

enum { PORTS_SHOWN = 8, REASONS_SHOWN = 8, NUMBER = 32 };

struct look {
	struct vnep_mono at;               /* 0: none yet */
	uint64_t value[VNEP_METRIC_COUNT]; /* of those without a label */
	uint64_t term[6];
	uint64_t dropped[VNEP_REASON_COUNT];
	uint64_t state[VNEP_STATE_AWAKE + 1];
	struct {
		char name[VNEP_IF_MAX + 1];
		bool up;
	} port[PORTS_SHOWN];
	unsigned ports; /* may be more than are shown */
};

static const char *const terms[] = { "arrived", "segmented", "forwarded", "taken-back", "delivered",
	"answered" };
enum { TERMS = sizeof terms / sizeof *terms };

/* ---- taking ---- */

static void take_labelled(
	struct look *look, const struct vnep_metric *m, const char *label, uint64_t value)
{
	if (m == vnep_metric(VNEP_METRIC_FRAMES))
		for (size_t i = 0; i < TERMS; i++)
			if (!strcmp(label, terms[i]))
				look->term[i] = value;
	if (m == vnep_metric(VNEP_METRIC_DROPPED))
		for (int r = 0; r < VNEP_REASON_COUNT; r++)
			if (!strcmp(label, vnep_reason_text((enum vnep_reason)r)))
				look->dropped[r] = value;
	if (m == vnep_metric(VNEP_METRIC_DEVICES))
		for (int s = 0; s <= VNEP_STATE_AWAKE; s++)
			if (!strcmp(label, vnep_state_text((enum vnep_presence_state)s)))
				look->state[s] = value;
	if (m != vnep_metric(VNEP_METRIC_PORT_UP))
		return;
	if (look->ports < PORTS_SHOWN) {
		snprintf(look->port[look->ports].name, sizeof look->port->name, "%s", label);
		look->port[look->ports].up = value;
	}
	look->ports++;
}

static int take_stat(struct vnep_cli *cli, const char *line, size_t len, void *arg)
{
	struct look *look = arg;
	struct vnep_json *stat = NULL;
	const struct vnep_metric *m;
	int rc = vnep_json_parse(line, len, &stat, &cli->err);

	m = rc ? NULL : vnep_metric_find(vnep_json_get_str(stat, "name", ""));
	if (m) {
		uint64_t value = (uint64_t)vnep_json_get_int(stat, "value", 0);

		if (m->label)
			take_labelled(look, m,
				vnep_json_get_str(vnep_json_get(stat, "labels"), m->label, ""),
				value);
		else
			look->value[m - vnep_metric(0)] = value;
	}
	vnep_json_free(stat);
	return rc;
}

static int take(struct vnep_cli *cli, enum edge_ask_how how, struct look *look)
{
	*look = (struct look){ 0 };
	look->at = vnep_mono_now();
	return edge_ask(cli, "metrics", NULL, how, take_stat, look);
}

/* ---- telling ---- */

/* 1234567 as "1,234,567". */
static const char *number(uint64_t v, char out[static NUMBER])
{
	char digits[NUMBER];
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v), at = 0;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = 0;
	return out;
}

/* How long ago that second was, in its two largest units. */
static const char *ago(uint64_t then_s, char out[static NUMBER])
{
	uint64_t now = (uint64_t)(vnep_wall_now().ns / 1000000000);
	unsigned long long s = now > then_s ? now - then_s : 0;

	if (!then_s)
		snprintf(out, NUMBER, "-");
	else if (s >= 86400)
		snprintf(out, NUMBER, "%llud %lluh", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		snprintf(out, NUMBER, "%lluh %llum", s / 3600, s / 60 % 60);
	else if (s >= 60)
		snprintf(out, NUMBER, "%llum %llus", s / 60, s % 60);
	else
		snprintf(out, NUMBER, "%llus", s);
	return out;
}

/* One line of the table: what it is now, and what it grew by a second. */
static void row(struct vnep_buf *out, const char *name, uint64_t now, const uint64_t *before,
	double seconds)
{
	char total[NUMBER], rate[NUMBER] = "-";

	if (before && seconds > 0 && now >= *before)
		number((uint64_t)((double)(now - *before) / seconds + 0.5), rate);
	vnep_buf_printf(out, "  %-22s %19s %15s\n", name, number(now, total), rate);
}

static uint64_t dropped(const struct look *look)
{
	uint64_t sum = 0;

	for (int r = 0; r < VNEP_REASON_COUNT; r++)
		sum += look->dropped[r];
	return sum;
}

static void tell_state(struct vnep_buf *out, const struct look *look)
{
	const uint64_t *v = look->value;
	char a[NUMBER], b[NUMBER], c[NUMBER], d[NUMBER];

	vnep_buf_printf(out, "devices  %s awake, %s waking, %s asleep; %s in the map\n",
		number(look->state[VNEP_STATE_AWAKE], a), number(look->state[VNEP_STATE_WAKING], b),
		number(look->state[VNEP_STATE_ASLEEP], c), number(v[VNEP_METRIC_MAP_DEVICES], d));
	vnep_buf_printf(out, "ports   ");
	for (unsigned i = 0; i < look->ports && i < PORTS_SHOWN; i++)
		vnep_buf_printf(
			out, " %s %s", look->port[i].name, look->port[i].up ? "up" : "DOWN");
	vnep_buf_printf(out, look->ports > PORTS_SHOWN ? " and more\n" : "\n");
	vnep_buf_printf(out, "backlog  %s pending, %s devices get theirs\n",
		number(v[VNEP_METRIC_PENDING], a), number(v[VNEP_METRIC_REPLAYING], b));
	vnep_buf_printf(out, "journal  %s events, %s KiB in %s segments, oldest %s\n",
		number(v[VNEP_METRIC_JOURNAL_EVENTS], a),
		number(v[VNEP_METRIC_JOURNAL_OCTETS] / 1024, b),
		number(v[VNEP_METRIC_JOURNAL_SEGMENTS], c), ago(v[VNEP_METRIC_JOURNAL_OLDEST], d));
}

/* The reasons that there are, the most frequent first. */
static void tell_reasons(
	struct vnep_buf *out, const struct look *now, const struct look *before, double seconds)
{
	bool told[VNEP_REASON_COUNT] = { false };

	for (int n = 0; n < REASONS_SHOWN; n++) {
		int most = -1;

		for (int r = 0; r < VNEP_REASON_COUNT; r++)
			if (!told[r] && now->dropped[r] &&
				(most < 0 || now->dropped[r] > now->dropped[most]))
				most = r;
		if (most < 0)
			return;
		told[most] = true;
		row(out, vnep_reason_text((enum vnep_reason)most), now->dropped[most],
			before->at.ns ? &before->dropped[most] : NULL, seconds);
	}
}

/* before->at 0: there is nothing to compare with. */
static void tell(struct vnep_cli *cli, struct vnep_buf *out, const struct look *now,
	const struct look *before)
{
	double seconds = before->at.ns ? (double)(now->at.ns - before->at.ns) / 1e9 : 0;
	bool rates = before->at.ns != 0;
	uint64_t lost = dropped(now), lost_before = dropped(before);
	char up[NUMBER];

	vnep_buf_printf(
		out, "vnep-edge %s, up %s\n\n", cli->state, ago(now->value[VNEP_METRIC_START], up));
	tell_state(out, now);
	vnep_buf_printf(out, "\n  %-22s %19s %15s\n", "frames", "total", "a second");
	for (size_t i = 0; i < TERMS; i++)
		if (now->term[i] || strcmp(terms[i], "taken-back") != 0)
			row(out, terms[i], now->term[i], rates ? &before->term[i] : NULL, seconds);
	row(out, "dropped", lost, rates ? &lost_before : NULL, seconds);
	vnep_buf_printf(out, "  %-22s %19llu%s\n", "difference",
		(unsigned long long)now->value[VNEP_METRIC_DIFFERENCE],
		now->value[VNEP_METRIC_DIFFERENCE] ? "  NOT ACCOUNTED FOR" : "");
	if (lost)
		vnep_buf_printf(out, "\n  dropped because\n");
	tell_reasons(out, now, before, seconds);
}

static int once(struct vnep_cli *cli)
{
	struct look now, none = { 0 };
	struct vnep_buf out = { 0 };
	int rc = take(cli, EDGE_ASK_ONCE, &now);

	if (!rc) {
		tell(cli, &out, &now, &none);
		rc = out.rc ? out.rc : vnep_out_bytes(cli, out.data, out.len);
	}
	vnep_buf_release(&out);
	return rc;
}

/* ---- the screen ---- */

static void show(struct vnep_buf *text, const char *note)
{
	const char *line = vnep_buf_str(text);

	erase();
	for (int y = 0; *line && y < LINES - 1; y++) {
		size_t n = strcspn(line, "\n");

		mvaddnstr(y, 0, line, n < (size_t)COLS ? (int)n : COLS);
		line += n + (line[n] == '\n');
	}
	if (LINES > 1) {
		attron(A_REVERSE);
		mvaddnstr(LINES - 1, 0, note, COLS);
		attroff(A_REVERSE);
	}
	refresh();
}

/* A key, KEY_RESIZE among them; ERR: none came in time; 'q': the terminal has gone. */
static int wait_key(int ms)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int n = poll(&in, 1, ms), key;

	if (n == 0)
		return ERR;
	if (n > 0 && !(in.revents & POLLIN))
		return 'q';
	key = getch(); /* also behind EINTR: another size */
	return key == ERR && n > 0 ? 'q' : key;
}

enum { CTRL_C = 3, CTRL_BACKSLASH = 28 };

static bool ends(int key)
{
	return key == 'q' || key == 'Q' || key == CTRL_C || key == CTRL_BACKSLASH;
}

/* An edge that is away may come back (a restart): the screen says so, and goes on. */
static void live(struct vnep_cli *cli, int every_ms, struct look *now)
{
	struct look before = { 0 }, next;
	struct vnep_buf text = { 0 };
	char note[160] = " q: quit ";
	int rc, key;

	do {
		vnep_buf_reset(&text);
		tell(cli, &text, now, &before);
		show(&text, note);
		key = wait_key(every_ms);
		if (key != ERR)
			continue; /* another size, or a key: shown again at once */
		cli->err = (struct vnep_err){ 0 };
		rc = take(cli, EDGE_ASK_QUIETLY, &next);
		snprintf(note, sizeof note, rc ? " no answer: %.80s - q: quit " : " q: quit ",
			cli->err.text);
		if (rc)
			continue;
		before = *now;
		*now = next;
	} while (!ends(key));
	vnep_buf_release(&text);
	cli->err = (struct vnep_err){ 0 };
}

/* Keys come as they are, also those that would end us: the terminal is put back first. */
static int on_screen(struct vnep_cli *cli, int every_ms)
{
	struct look now;
	SCREEN *screen;
	int rc = take(cli, EDGE_ASK_ONCE, &now);

	if (rc)
		return rc;
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		vnep_err_set(&cli->err, VNEP_EUSAGE, "terminal \"%.40s\" is not known here",
			getenv("TERM") ? getenv("TERM") : "");
		vnep_err_hint(&cli->err, "set TERM, or use --once");
		return VNEP_EUSAGE;
	}
	raw();
	noecho();
	nodelay(stdscr, true);
	curs_set(0);
	live(cli, every_ms, &now);
	endwin();
	delscreen(screen);
	return 0;
}

int edge_top(struct vnep_cli *cli)
{
	const char *every = vnep_cli_str(cli, "every", "1s");
	int64_t ns = 0;
	int rc = vnep_num_duration_ns(every, &ns, &cli->err);

	if (rc)
		return rc;
	if (ns < 100000000 || ns > 3600000000000)
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "--every is from 100ms to 1h, not \"%s\"", every);
	if (vnep_cli_has(cli, "once"))
		return once(cli);
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		vnep_err_set(&cli->err, VNEP_EUSAGE, "top needs a terminal");
		vnep_err_hint(&cli->err, "--once prints it once, as text");
		return VNEP_EUSAGE;
	}
	return on_screen(cli, (int)(ns / 1000000));
}
