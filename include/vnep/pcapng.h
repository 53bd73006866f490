/*
 * pcapng - blocks of the journal's files, encoded and decoded. No I/O here.
 *
 * Shape   little endian on disk when we write; both orders are read. Blocks: SHB, IDB, EPB and the custom
 *         block (0x00000BAD, enterprise number 32473 of RFC 5612) with the magic "vnep". What each block
 *         and option carries is written down in vnep-journal(5).
 * Owner   decoded blocks lend the caller's bytes.
 * Errors  VNEP_ESHORT: more bytes are needed; VNEP_ESYNTAX: not pcapng, with the reason in err;
 *         VNEP_EDAMAGED: lengths or a hash do not agree.
 * Source  draft-ietf-opsawg-pcapng; RFC 5612.
 */
#ifndef VNEP_PCAPNG_H
#define VNEP_PCAPNG_H
/* The owner of lib/codec/pcapng.c fills this in. */
#endif
