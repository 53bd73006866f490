/*
 * timeline-svg - the life of a device as a picture: one column of pixels for each moment, one lane for each kind.
 *
 * A lane shows by the height of its lines how many there were; so the picture stays as small as it is, however
 * long the life. Payloads and addresses are not in it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "timeline.h"

enum { WIDTH = 1000, LEFT = 150, TOP = 70, LANE = 46, LINE_MAX_HEIGHT = 34 };

enum lane { UP, FORWARDED, KEPT, SENT, CONFIRMED, GIVEN_UP, LOST, LANES };

static const struct {
	const char *name, *colour;
} lanes[LANES] = {
	[UP] = { "from device", "#2a7" },
	[FORWARDED] = { "forwarded to it", "#27c" },
	[KEPT] = { "kept for it", "#c80" },
	[SENT] = { "sent by replay", "#57a" },
	[CONFIRMED] = { "confirmed", "#2a7" },
	[GIVEN_UP] = { "expired, failed", "#c33" },
	[LOST] = { "lost, erased", "#c33" },
};

struct drawing {
	const struct journal_select *select;
	int64_t begin_ns, end_ns, connected_ns; /* connected since; 0: it is not */
	uint32_t counts[LANES][WIDTH];
	uint64_t totals[LANES];
	struct vnep_buf bars;
	unsigned bar_count;
};

static unsigned column(const struct drawing *d, int64_t ns)
{
	double part = (double)(ns - d->begin_ns) / (double)(d->end_ns - d->begin_ns);

	return part <= 0 ? 0 : part >= 1 ? WIDTH - 1 : (unsigned)(part * (WIDTH - 1));
}

static void mark(struct drawing *d, enum lane lane, struct vnep_wall ts, uint64_t count)
{
	uint32_t *at = &d->counts[lane][column(d, ts.ns)];

	d->totals[lane] += count;
	*at += count < UINT32_MAX - *at ? (uint32_t)count : UINT32_MAX - *at;
}

/* Connections closer than a pixel are one bar. */
static void end_connection(struct drawing *d, struct vnep_wall ts)
{
	unsigned from, to;

	if (!d->connected_ns)
		return;
	from = column(d, d->connected_ns);
	to = column(d, ts.ns);
	d->connected_ns = 0;
	if (d->bar_count++ < WIDTH)
		vnep_buf_printf(&d->bars,
			"<rect x=\"%u\" y=\"%d\" width=\"%u\" height=\"12\" fill=\"#8b8\"/>\n",
			LEFT + from, TOP - 22, to > from ? to - from : 1);
}

static void draw_event(struct drawing *d, const struct vnep_event *event)
{
	if (event->kind == VNEP_KIND_CONNECT) {
		end_connection(d, event->ts);
		d->connected_ns = event->ts.ns;
	} else if (event->kind == VNEP_KIND_DISCONNECT) {
		end_connection(d, event->ts);
	} else if (event->kind == VNEP_KIND_GAP || event->kind == VNEP_KIND_CORRUPT ||
		   event->kind == VNEP_KIND_ERASED) {
		mark(d, LOST, event->ts, event->count ? event->count : 1);
	} else if (event->frame) {
		mark(d,
			event->direction == VNEP_FROM_DEVICE ? UP
			: event->copy                        ? FORWARDED
							     : KEPT,
			event->ts, 1);
	}
}

static int draw(const struct vnep_journal_item *item, void *arg)
{
	struct drawing *d = arg;
	enum vnep_outcome_word word = item->outcome.outcome;

	if (!journal_select_has(d->select, item))
		return 0;
	if (item->type == VNEP_RECORD_EVENT)
		draw_event(d, &item->event);
	else if (item->type == VNEP_RECORD_CHECKPOINT) {
		if (item->checkpoint.cursor == VNEP_CURSOR_DISCONNECT)
			end_connection(d, item->checkpoint.ts);
	} else {
		mark(d,
			word == VNEP_OUTCOME_SENT        ? SENT
			: word == VNEP_OUTCOME_CONFIRMED ? CONFIRMED
							 : GIVEN_UP,
			item->outcome.ts, 1);
	}
	return 0;
}

static void put_lane(const struct drawing *d, enum lane lane, struct vnep_buf *out)
{
	int base = TOP + (int)(lane + 1) * LANE;
	double most = 1;

	for (unsigned x = 0; x < WIDTH; x++)
		if (d->counts[lane][x] > most)
			most = d->counts[lane][x];
	vnep_buf_printf(out,
		"<text x=\"4\" y=\"%d\">%s</text><text x=\"4\" y=\"%d\" fill=\"#888\">%llu</text>\n"
		"<path d=\"M%d %dh%d\" stroke=\"#ccc\"/>\n<path stroke=\"%s\" d=\"",
		base - 16, lanes[lane].name, base - 2, (unsigned long long)d->totals[lane], LEFT,
		base, WIDTH, lanes[lane].colour);
	for (unsigned x = 0; x < WIDTH; x++)
		if (d->counts[lane][x])
			vnep_buf_printf(out, "M%u.5 %dv-%.0f", LEFT + x, base,
				4 + (LINE_MAX_HEIGHT - 4) * log1p(d->counts[lane][x]) /
						log1p(most));
	vnep_buf_put_str(out, "\"/>\n");
}

/* A URN has no octet that XML would mind, but nothing here depends on that. */
static void put_text(struct vnep_buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<' || *text == '&' || *text == '>' || *text == '"')
			vnep_buf_printf(out, "&#%d;", *text);
		else
			vnep_buf_put_u8(out, (uint8_t)*text);
	}
}

static void put_picture(
	const struct drawing *d, const struct vnep_journal_device *device, struct vnep_buf *out)
{
	const int height = TOP + LANES * LANE + 40;
	char begin[VNEP_TS_LEN], end[VNEP_TS_LEN];

	vnep_wall_print((struct vnep_wall){ d->begin_ns }, begin);
	vnep_wall_print((struct vnep_wall){ d->end_ns }, end);
	vnep_buf_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
		"<text x=\"4\" y=\"18\" font-size=\"14\">",
		LEFT + WIDTH + 10, height);
	put_text(out, device->dev);
	vnep_buf_printf(out,
		"</text>\n<text x=\"4\" y=\"36\">%llu events, %u connections, %llu pending</text>\n"
		"<text x=\"4\" y=\"%d\">connected</text>\n",
		(unsigned long long)device->head_seq, device->conn,
		(unsigned long long)device->pending, TOP - 12);
	vnep_buf_put(out, d->bars.data, d->bars.len);
	for (unsigned lane = 0; lane < LANES; lane++)
		put_lane(d, (enum lane)lane, out);
	vnep_buf_printf(out,
		"<text x=\"%d\" y=\"%d\">%s</text>\n"
		"<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n</svg>\n",
		LEFT, height - 12, begin, LEFT + WIDTH, height - 12, end);
}

int journal_timeline_svg(struct vnep_cli *cli, struct vnep_journal *journal,
	const struct journal_select *select, const struct vnep_journal_device *device)
{
	struct vnep_journal_position position = { 0 };
	struct drawing *d = calloc(1, sizeof *d);
	struct vnep_buf out = { 0 };
	int rc;

	if (!d)
		return vnep_err_sys(&cli->err, ENOMEM, "timeline");
	d->select = select;
	d->begin_ns = select->since.ns ? select->since.ns : device->first_ts.ns;
	d->end_ns = select->until.ns != INT64_MAX ? select->until.ns : device->last_ts.ns;
	if (d->end_ns <= d->begin_ns)
		d->end_ns = d->begin_ns + 1;
	rc = vnep_journal_scan(journal, &position, draw, NULL, d, &cli->err);
	end_connection(d, (struct vnep_wall){ d->end_ns });
	put_picture(d, device, &out);
	if (!rc)
		rc = out.rc || d->bars.rc ? vnep_err_sys(&cli->err, ENOMEM, "timeline")
					  : vnep_out_bytes(cli, out.data, out.len);
	vnep_buf_release(&d->bars);
	vnep_buf_release(&out);
	free(d);
	return rc;
}
