/* packet-private - what the packet sockets of ring, bell and inject have in common. */
#ifndef VNEP_PACKET_PRIVATE_H
#define VNEP_PACKET_PRIVATE_H

struct vnep_err;

/* The link said no: doing ("reading") is what a privilege is missing for, what ("packet socket") is what failed otherwise.
 * VNEP_EPRIV, VNEP_ENOTFOUND, or -errnum. */
int packet_refuse(struct vnep_err *err, int errnum, const char *ifname, const char *doing, const char *what);

#endif
