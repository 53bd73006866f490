/*
 * edge-held - what outlives the worker (RELIABILITY.md: the ring is the inbox): its descriptors with the holder, its part of
 * the ledger in memory that the kernel keeps.
 *
 * The ring's blocks are given back when what they had is durable, so a worker that takes the ring over finds what its
 * predecessor did not finish. The number of the last block that was finished lies with the ledger, in the same journal
 * group as its packets: no packet is stored twice. What was only answered or sent on is in no group of its own; the ledger
 * that counts it is written to STATE/ledger before the blocks go. Of the two ledgers the one that was written last is right.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include "edge-priv.h"
#include "vnep/holder.h"
#include "vnep/state.h"

/* For whom and how the ring was made. */
struct ring_note {
	char ifname[VNEP_IF_MAX + 1];
	uint32_t block_octets, block_count, retire_ms;
};

_Static_assert(sizeof(struct ring_note) <= VNEP_HELD_NOTE, "note");

/* Without it nothing is lost but what was answered within the last second, which a kill makes overrun. */
int edge_memo_open(struct vnep_edge *edge, struct vnep_err *err)
{
	return vnep_memo_open(&edge->memo, edge->state, "ledger", err);
}

int edge_lock(struct vnep_edge *edge, struct vnep_err *err)
{
	uint8_t note[VNEP_HELD_NOTE];
	int kept = -1, rc;

	if (!edge->held)
		return vnep_state_lock(edge->state, "vnep-edge", edge->socket, &edge->lock_fd, err);
	rc = vnep_held_get(edge->held, "lock", &kept, note, err);
	if (!rc)
		rc = vnep_state_lock_for(edge->state, "vnep-edge", edge->socket,
			vnep_held_holder_pid(edge->held), kept, &edge->lock_fd, err);
	if (kept >= 0)
		close(kept);
	return rc ? rc : vnep_held_keep(edge->held, "lock", edge->lock_fd, NULL, 0, err);
}

/* We could not make one either. */
static int no_socket(int rc, const char *ifname, struct vnep_err *err)
{
	if (rc != -EPERM && rc != -EACCES)
		return rc;
	vnep_err_set(err, VNEP_EPRIV, "packets of \"%s\" need CAP_NET_RAW", ifname);
	vnep_err_hint(err, "run it as root, or in a network namespace of your own");
	return VNEP_EPRIV;
}

int edge_inject_open(struct vnep_edge *edge, struct edge_port *port, struct vnep_err *err)
{
	int fd, rc;

	if (!edge->held)
		return vnep_inject_open(&port->inject, port->name, err);
	rc = vnep_held_packet_socket(edge->held, &fd, err);
	return rc ? no_socket(rc, port->name, err)
		  : vnep_inject_open_on(&port->inject, fd, port->name, err);
}

/* That of the worker before, if it is still good for this configuration. */
static bool take_ring(
	struct vnep_edge *edge, const struct ring_note *want, const struct vnep_ring_config *config)
{
	struct vnep_ring_config as_it_is = *config;
	struct ring_note had;
	uint8_t note[VNEP_HELD_NOTE];
	struct vnep_err err = { 0 };
	int fd = -1, rc = vnep_held_get(edge->held, "ring", &fd, note, &err);

	if (!rc && fd < 0)
		return false; /* the first worker */
	memcpy(&had, note, sizeof had);
	/* Another program may like other blocks: those that are there will do. But what takes large frames is another ring. */
	as_it_is.block_octets = had.block_octets;
	as_it_is.block_count = had.block_count;
	as_it_is.retire_ms = had.retire_ms;
	if (!rc && (memcmp(had.ifname, want->ifname, sizeof had.ifname) != 0 ||
			   !had.block_octets != !want->block_octets)) {
		close(fd);
		rc = vnep_err_set(&err, VNEP_ECONFLICT, "it is another configuration's");
	} else if (!rc) {
		rc = vnep_ring_take(&edge->ring, fd, want->ifname, &as_it_is, &err);
	}
	if (rc)
		edge_warn(edge, "ring: what was in it is lost", &err);
	edge->ring_taken = !rc;
	return edge->ring_taken;
}

int edge_ring_open(struct vnep_edge *edge, const char *ifname,
	const struct vnep_ring_config *config, struct vnep_err *err)
{
	struct ring_note want;
	int fd, rc;

	if (!edge->held)
		return vnep_ring_open(&edge->ring, ifname, config, err);
	memset(&want, 0, sizeof want); /* it is compared octet by octet */
	snprintf(want.ifname, sizeof want.ifname, "%s", ifname);
	want.block_octets = config->block_octets;
	want.block_count = config->block_count;
	want.retire_ms = config->retire_ms;
	if (take_ring(edge, &want, config))
		return 0;
	rc = vnep_held_packet_socket(edge->held, &fd, err);
	if (rc)
		return no_socket(rc, ifname, err);
	rc = vnep_ring_open_on(&edge->ring, fd, ifname, config, err);
	return rc ? rc
		  : vnep_held_keep(
			    edge->held, "ring", vnep_ring_fd(edge->ring), &want, sizeof want, err);
}

static void on_holder(struct vnep_watch *watch, void *arg)
{
	struct vnep_edge *edge = arg;

	vnep_watch_free(watch);
	edge_say(edge, LOG_ERR, "the holder is gone");
	vnep_loop_stop(edge->loop);
}

int edge_held_watch(struct vnep_edge *edge, struct vnep_err *err)
{
	if (!edge->held || vnep_loop_fd(edge->loop, vnep_held_fd(edge->held), on_holder, edge))
		return 0;
	return vnep_err_sys(err, ENOMEM, "event loop");
}
