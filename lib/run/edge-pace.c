/*
 * edge-pace - how a waking device gets its backlog: replay.mode, replay.pps and replay.keep of its record.
 *
 * Most devices have none of these, and no struct edge_pace either. It lives from the begin of a connection to its end,
 * or until the kernel takes over.
 *
 * Queue mode is that of LwM2M: one packet at a time, the next when the device answered. What asks for an answer (a
 * confirmable CoAP message, an echo request, a SYN) and gets none means that the device does not listen any more: the
 * rest stays where it is until there is a sign of life.
 */
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "edge-priv.h"
#include "vnep/coap.h"

enum {
	KEPT_MAX = 1024,    /* flows and paths that supersede; of any more all packets are sent */
	COAP_REQUESTS = 32, /* the codes below are requests */
	LOOK_AT = 512,      /* waiting packets in one go: others have their turn in between */
};

/* What supersedes: the same conversation, of CoAP requests the same method and path of the same client. */
struct subject {
	struct in6_addr src, dest;
	uint16_t src_port, dest_port;
	uint8_t coap_code;
	char path[VNEP_COAP_PATH_MAX + 1]; /* zeros behind the text */
};
struct kept {
	struct subject subject; /* key */
	uint64_t seq;           /* of the newest */
};

struct edge_pace {
	struct edge_device *device;
	struct vnep_heap_node parked; /* out of the line until then */
	struct vnep_mono at;          /* nothing goes before */
	struct vnep_mono woke;        /* what came later is not late */
	struct vnep_mono first;       /* as recorded: the first packet was taken then, */
	struct vnep_mono began;       /* and went then */
	uint64_t asked;               /* queue mode: this one is out, 0 = none */
	struct vnep_mono asked_at;
	bool must;          /* it asks for an answer */
	bool silent;        /* it got none */
	bool counted;       /* kept is filled */
	uint64_t look_from; /* the next seq to look at until then */
	size_t looked;      /* at so many this time */
	struct vnep_table kept;
};

void edge_pace_end(struct vnep_edge *edge, struct edge_device *d)
{
	struct kept *kept;

	if (!d->pace)
		return;
	edge_pace_unpark(edge, d);
	for (size_t i = 0; (kept = vnep_table_next(&d->pace->kept, &i));)
		free(kept);
	vnep_table_release(&d->pace->kept);
	free(d->pace);
	d->pace = NULL;
}

void edge_pace_begin(struct vnep_edge *edge, struct edge_device *d)
{
	edge_pace_end(edge, d);
	if (d->replay_mode == VNEP_REPLAY_FAST && !d->replay_pps && d->replay_keep == VNEP_KEEP_ALL)
		return;
	d->pace = calloc(1, sizeof *d->pace);
	if (!d->pace)
		return; /* without memory it gets all of it, and fast: nothing is lost */
	vnep_table_init(&d->pace->kept, offsetof(struct kept, subject), sizeof(struct subject));
	d->pace->device = d;
	d->pace->woke = vnep_mono_now();
}

/* ---- keep: last ---- */

/* False: it stands for itself, like an answer or a part of a larger body. */
static bool subject_of(struct subject *s, const struct vnep_event *event)
{
	struct vnep_coap_body coap;
	struct vnep_flow flow;
	struct vnep_frame f;

	if (vnep_frame_parse(&f, event->frame, event->frame_len) || f.proto != IPPROTO_UDP ||
		f.fragment || vnep_flow_from_frame(&flow, &f, event->frame))
		return false;
	memset(s, 0, sizeof *s); /* what lies between the members is part of the key */
	s->src = flow.src;
	s->dest = flow.dest;
	s->src_port = flow.src_port;
	s->dest_port = flow.dest_port;
	if (!vnep_coap_read(&coap.head, &f, event->frame))
		return true;
	if (!vnep_coap_body_read(&coap, &f, event->frame) || !coap.head.code ||
		coap.head.code >= COAP_REQUESTS || !coap.whole)
		return false;
	s->src_port = 0; /* a client may change it from one request to the next */
	s->coap_code = coap.head.code;
	strcpy(s->path, coap.path);
	return true;
}

static int count_kept(const struct vnep_event *event, unsigned attempt, void *arg)
{
	struct edge_pace *pace = arg;
	struct subject subject;
	struct kept *kept;

	(void)attempt;
	pace->looked++;
	pace->look_from = event->seq + 1;
	/* What cannot go itself supersedes nothing. */
	if (!edge_may_go(pace->device, event) || !subject_of(&subject, event))
		return 0;
	kept = vnep_table_get(&pace->kept, &subject);
	if (kept) {
		kept->seq = event->seq;
		return 0;
	}
	if (pace->kept.count == KEPT_MAX)
		return 0;
	kept = calloc(1, sizeof *kept);
	if (!kept)
		return 0;
	memcpy(&kept->subject, &subject, sizeof subject);
	kept->seq = event->seq;
	if (vnep_table_put(&pace->kept, kept))
		free(kept);
	return 0;
}

/* False: there is more. */
static bool count_backlog(struct vnep_edge *edge, struct edge_device *d)
{
	struct edge_pace *pace = d->pace;
	struct vnep_err err = { 0 };
	int rc;

	pace->looked = 0;
	rc = vnep_journal_pending(
		edge->journal, d->dev, pace->look_from, LOOK_AT, count_kept, pace, &err);
	if (rc < 0 && rc != VNEP_ENOTFOUND)
		edge_warn(edge, "replay", &err); /* what was not seen is sent */
	pace->counted = rc < 0 || pace->looked < LOOK_AT;
	return pace->counted;
}

static bool superseded(const struct edge_pace *pace, const struct vnep_event *event)
{
	struct subject subject;
	const struct kept *kept;

	if (!pace->kept.count || !subject_of(&subject, event))
		return false;
	kept = vnep_table_get(&pace->kept, &subject);
	return kept && event->seq < kept->seq;
}

/* ---- when ---- */

int edge_pace_allows(struct vnep_edge *edge, struct edge_device *d, struct vnep_mono now)
{
	struct edge_pace *pace = d->pace;

	if (!pace)
		return EDGE_REPLAY_BATCH;
	if (d->replay_keep == VNEP_KEEP_LAST && !pace->counted && !count_backlog(edge, d))
		return 0;
	if (pace->silent)
		return -1;
	if (now.ns < pace->at.ns)
		return 0;
	if (pace->asked && pace->must && d->last_life.ns <= pace->asked_at.ns) {
		pace->silent = true;
		return -1;
	}
	pace->asked = 0;
	return d->replay_pps || d->replay_mode == VNEP_REPLAY_QUEUE ? 1 : EDGE_REPLAY_BATCH;
}

bool edge_pace_park(struct vnep_edge *edge, struct edge_device *d, struct vnep_mono now)
{
	return d->pace && d->pace->at.ns > now.ns &&
	       !vnep_heap_set(&edge->paced, &d->pace->parked, d->pace->at);
}

bool edge_pace_parked(const struct edge_device *d)
{
	return d->pace && d->pace->parked.slot;
}

void edge_pace_unpark(struct vnep_edge *edge, struct edge_device *d)
{
	if (d->pace)
		vnep_heap_remove(&edge->paced, &d->pace->parked);
}

void edge_pace_due(struct vnep_edge *edge)
{
	struct vnep_mono now = vnep_mono_now();
	struct edge_pace *pace;

	while ((pace = vnep_heap_due(&edge->paced, now, offsetof(struct edge_pace, parked))))
		edge_replay_start(edge, pace->device);
}

/* The pauses between what waits are kept; what came since it woke is only kept behind them. */
static bool too_early(
	struct vnep_edge *edge, struct edge_pace *pace, const struct vnep_event *event)
{
	struct vnep_mono came = edge_when(edge, event->ts), now = vnep_mono_now(),
			 due = pace->began;

	if (came.ns >= pace->woke.ns)
		return false;
	if (!pace->began.ns) {
		pace->began = now;
		pace->first = came;
		return false;
	}
	if (came.ns > pace->first.ns) /* an earlier boot's clock that went back waits for nobody */
		due.ns += came.ns - pace->first.ns;
	if (due.ns <= now.ns)
		return false;
	pace->at = due;
	return true;
}

enum edge_pace_word edge_pace_event(
	struct vnep_edge *edge, struct edge_device *d, const struct vnep_event *event)
{
	if (!d->pace || d->life != VNEP_LIFE_WAKING)
		return EDGE_PACE_GO;
	if (d->replay_keep == VNEP_KEEP_LAST && superseded(d->pace, event))
		return EDGE_PACE_SUPERSEDED;
	if (d->replay_mode == VNEP_REPLAY_AS_RECORDED && too_early(edge, d->pace, event))
		return EDGE_PACE_LATER;
	return EDGE_PACE_GO;
}

void edge_pace_sent(struct edge_device *d, const struct edge_sent *sent)
{
	struct edge_pace *pace = d->pace;
	struct vnep_mono now = vnep_mono_now();

	if (!pace || d->life != VNEP_LIFE_WAKING)
		return;
	if (d->replay_pps) {
		bool idle = now.ns - pace->at.ns > 1000000000;

		pace->at.ns = (idle ? now.ns : pace->at.ns) + 1000000000 / d->replay_pps;
	}
	if (d->replay_mode == VNEP_REPLAY_QUEUE) {
		pace->asked = sent->seq;
		pace->asked_at = now;
		pace->must = sent->answer.asks;
		now.ns += (pace->must ? VNEP_ANSWER_MS : VNEP_ONE_WAY_MS) * 1000000LL;
		if (pace->asked && now.ns > pace->at.ns)
			pace->at = now;
	}
}

void edge_pace_answered(struct vnep_edge *edge, struct edge_device *d, uint64_t seq)
{
	struct edge_pace *pace = d->pace;

	if (!pace || !seq || pace->asked != seq)
		return;
	pace->asked = 0;
	pace->at = vnep_mono_now();
	if (d->replay_pps)
		pace->at.ns += 1000000000 / d->replay_pps;
	if (pace->parked.slot) /* it is in the heap: only its time changes */
		vnep_heap_set(&edge->paced, &pace->parked, pace->at);
}

void edge_pace_sign(struct vnep_edge *edge, struct edge_device *d)
{
	if (!d->pace || !d->pace->silent)
		return;
	d->pace->silent = false;
	d->pace->asked = 0;
	edge_replay_start(edge, d);
}

bool edge_pace_silent(const struct edge_device *d)
{
	return d->pace && d->pace->silent;
}

bool edge_pace_eta(const struct vnep_edge *edge, const struct edge_device *d, uint64_t *seconds)
{
	double s = 0, paced;

	if (vnep_life_presence(d->life) != VNEP_STATE_WAKING || edge_pace_silent(d) ||
		d->replay_mode != VNEP_REPLAY_FAST || (edge->replay_pps <= 0 && !d->replay_pps))
		return false;
	if (edge->replay_pps > 0) /* each in the line gets as much as the others */
		s = (double)d->pending * (double)(edge->replay_line + !d->replaying) /
		    edge->replay_pps;
	paced = d->replay_pps ? (double)d->pending / d->replay_pps : 0;
	*seconds = (uint64_t)((s > paced ? s : paced) + 0.999);
	return true;
}
