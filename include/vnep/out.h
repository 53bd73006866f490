/*
 * out - records to standard output, checked; --table turns them into columns for eyes.
 *
 * A write error (full disk, closed descriptor) ends the tool with exit 3; SIGPIPE ends it silently.
 */
#ifndef VNEP_OUT_H
#define VNEP_OUT_H

#include <stdbool.h>

#include "vnep/buf.h"

struct vnep_cli;
struct vnep_err;

/* Write everything in buf (whole lines of records) and reset it. With --table the lines become rows: a
 * header of the keys of the first record of a type, then values. flush: now (watch), else when convenient. */
int vnep_out_records(struct vnep_cli *cli, struct vnep_buf *buf, bool flush);

/* Bytes as they are (pcapng, csv, nft text). */
int vnep_out_bytes(struct vnep_cli *cli, const void *data, size_t len);

/* Flush and check. vnep_cli_main calls it at the end. */
int vnep_out_end(struct vnep_cli *cli);

#endif
