/* life: every state with every event, and what must hold over any sequence of them. */
#include <stdint.h>

#include "vnep/life.h"
#include "t.h"

enum { STATES = VNEP_LIFE_AWAKE + 1, EVENTS = VNEP_LIFE_DOWN + 1 };

#define U VNEP_LIFE_UNKNOWN
#define A VNEP_LIFE_ASLEEP
#define W VNEP_LIFE_WAKING
#define H VNEP_LIFE_HOLDING
#define K VNEP_LIFE_AWAKE

struct step {
	enum vnep_life to;
	unsigned actions;
};

enum {
	BEGIN = VNEP_DO_CONNECT | VNEP_DO_REPLAY,
	BACK = VNEP_DO_UNAWAKE | VNEP_DO_REPLAY,
	END = VNEP_DO_UNAWAKE | VNEP_DO_DISCONNECT,
};

/* in the order of the events: sign, packet, backlog empty, held, busy, silence, down */
static const struct step table[STATES][EVENTS] = {
	[U] = { { W, BEGIN }, { U, 0 }, { U, 0 }, { U, 0 }, { U, 0 }, { U, 0 }, { U, 0 } },
	[A] = { { W, BEGIN }, { A, 0 }, { A, 0 }, { A, 0 }, { A, 0 }, { A, 0 }, { A, 0 } },
	[W] = { { W, 0 }, { W, 0 }, { H, VNEP_DO_HOLD }, { W, 0 }, { W, 0 },
		{ A, VNEP_DO_DISCONNECT }, { A, VNEP_DO_DISCONNECT } },
	[H] = { { H, 0 }, { H, 0 }, { H, 0 }, { K, VNEP_DO_RELEASE }, { W, BACK }, { A, END },
		{ A, END } },
	[K] = { { K, 0 }, { W, BACK }, { K, 0 }, { K, 0 }, { K, 0 }, { A, END }, { A, END } },
};

TEST("life: each state goes where the table says at each event, and does what it says")
{
	for (unsigned s = 0; s < STATES; s++)
		for (unsigned e = 0; e < EVENTS; e++) {
			unsigned actions = 0xffff;
			enum vnep_life to = vnep_life_step(s, e, false, &actions);

			if (to != table[s][e].to || actions != table[s][e].actions) {
				printf("# state %u event %u: %u, %#x\n", s, e, to, actions);
				CHECK(false);
			}
		}
}

TEST("life: a device without an active time is never held for the kernel, and else does the same")
{
	for (unsigned s = 0; s < STATES; s++)
		for (unsigned e = 0; e < EVENTS; e++) {
			bool its = s == W && e == VNEP_LIFE_BACKLOG_EMPTY;
			struct step want = its ? (struct step){ W, 0 } : table[s][e];
			unsigned actions;

			CHECK_INT(vnep_life_step(s, e, true, &actions), want.to);
			CHECK_INT(actions, want.actions);
		}
}

TEST("life: the presence word of a hand-over is still waking")
{
	CHECK_INT(vnep_life_presence(U), VNEP_STATE_UNKNOWN);
	CHECK_INT(vnep_life_presence(A), VNEP_STATE_ASLEEP);
	CHECK_INT(vnep_life_presence(W), VNEP_STATE_WAKING);
	CHECK_INT(vnep_life_presence(H), VNEP_STATE_WAKING);
	CHECK_INT(vnep_life_presence(K), VNEP_STATE_AWAKE);
}

/* What the caller would have done to the kernel and the journal. */
struct world {
	bool in_awake;  /* V is in @awake */
	bool neighbour; /* its entry is there: the kernel sends */
	bool connected; /* a connect event without a disconnect */
};

static void carry_out(struct world *w, unsigned actions)
{
	if (actions & VNEP_DO_UNAWAKE) {
		CHECK(w->in_awake); /* nothing is taken away that is not there */
		w->in_awake = w->neighbour = false;
	}
	if (actions & VNEP_DO_DISCONNECT) {
		CHECK(w->connected);
		w->connected = false;
	}
	if (actions & VNEP_DO_CONNECT) {
		CHECK(!w->connected);
		w->connected = true;
	}
	if (actions & VNEP_DO_REPLAY)
		CHECK(!w->in_awake); /* replay beside the fast path would reorder */
	if (actions & VNEP_DO_HOLD) {
		CHECK(!w->in_awake && !w->neighbour);
		w->in_awake = true;
	}
	if (actions & VNEP_DO_RELEASE) {
		CHECK(w->in_awake && !w->neighbour);
		w->neighbour = true;
	}
}

static void walk(bool never_awake, uint32_t seed)
{
	enum vnep_life life = U;
	struct world w = { 0 };

	for (unsigned i = 0; i < 200000; i++) {
		unsigned actions;

		seed = seed * 1664525 + 1013904223;
		life = vnep_life_step(life, (seed >> 24) % EVENTS, never_awake, &actions);
		carry_out(&w, actions);
		/* a hold ends in a release or in an un-awake; nobody asleep is left in the kernel */
		CHECK_INT(w.in_awake, life == H || life == K);
		CHECK_INT(w.neighbour, life == K);
		CHECK_INT(w.connected, life != U && life != A);
		CHECK(!never_awake || (life != K && life != H));
		if (t_failed)
			return;
	}
}

TEST("life: over random events kernel, journal and state agree, and who never listens is never "
     "awake")
{
	for (uint32_t seed = 1; seed <= 5; seed++) {
		walk(false, seed);
		walk(true, seed);
	}
}

TEST("life: a device whose active time is taken away while it is awake loses nothing of what the "
     "kernel holds")
{
	unsigned actions;

	/* the record changed in the middle of a hand-over: the kernel's queue goes out first */
	CHECK_INT(vnep_life_step(H, VNEP_LIFE_HELD, true, &actions), K);
	CHECK_INT(actions, VNEP_DO_RELEASE);
	CHECK_INT(vnep_life_step(K, VNEP_LIFE_SILENCE, true, &actions), A);
	CHECK_INT(actions, END);
}

int main(void)
{
	return t_run();
}
