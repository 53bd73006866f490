/* edge-config - what the files of the configuration share. */
#ifndef VNEP_EDGE_CONFIG_H
#define VNEP_EDGE_CONFIG_H

#include "vnep/edge.h"

/* The name of a link, n octets of value; errors name the key. */
int edge_config_port(char out[static VNEP_IF_MAX + 1], const char *key, const char *value, size_t n,
	struct vnep_err *err);

/* edge-advertise.c: the key `advertise`, and whether one that was taken stands on an access port. */
int edge_config_advertise(
	struct vnep_edge_config *config, const char *value, struct vnep_err *err);
int edge_config_advertised(const struct vnep_edge_config *config,
	const struct vnep_advertise *advertise, struct vnep_err *err);

#endif
