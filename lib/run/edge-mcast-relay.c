#include "edge-mcast.h"
void edge_mcast_relay(struct vnep_edge *edge, const struct vnep_ring_frame *frame)
{
	edge_deny(edge, edge_core(edge), frame, NULL, VNEP_TO_DEVICE, VNEP_NOT_FOR_US, true);
}
