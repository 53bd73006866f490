/*
 * hostile - captures that nobody would write in good faith, to standard output.
 *
 *   hostile interfaces N   pcapng with N interfaces, and a packet on the last one
 *   hostile strangers N    pcap with N packets, each from another MAC and address, to 2001:db8:b::77
 *   hostile length         pcap whose second packet claims 4 GiB
 *   hostile block          pcapng whose second block claims 4 GiB
 *   hostile link           pcap of link type RAW
 *   hostile time           pcap whose packet has more nanoseconds than a second
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vnep/buf.h"

enum { FRAME = 14 + 40 + 8 + 8, PCAP_RAW = 101, PCAP_ETHERNET = 1 };

static struct vnep_buf out;

static void flush(void)
{
	if (out.rc || fwrite(out.data, 1, out.len, stdout) != out.len)
		exit(3);
	vnep_buf_reset(&out);
}

static void frame(uint8_t data[static FRAME], uint32_t n)
{
	static const uint8_t head[] = { 0, 0, 0x5e, 0, 0x53, 1, 2, 0, 0, 0, 0, 0, 0x86, 0xdd, 0x60,
		0, 0, 0, 0, 16, 17, 64, 0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
		0x20, 1, 0x0d, 0xb8, 0, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77, 0x9c, 0x40, 0x13,
		0x88, 0, 16, 0, 0 };
	uint32_t be = htonl(n);

	memset(data, 0, FRAME);
	memcpy(data, head, sizeof head);
	memcpy(data + 8, &be, 4);
	memcpy(data + 14 + 8 + 12, &be, 4);
	memcpy(data + FRAME - 4, &be, 4);
}

static void pcap_header(uint32_t link)
{
	vnep_buf_put_le32(&out, 0xa1b23c4d); /* nanoseconds */
	vnep_buf_put_le16(&out, 2);
	vnep_buf_put_le16(&out, 4);
	vnep_buf_put_zero(&out, 8);
	vnep_buf_put_le32(&out, 262144);
	vnep_buf_put_le32(&out, link);
}

static void pcap_packet(uint32_t n, uint32_t fraction, uint32_t claimed)
{
	uint8_t data[FRAME];

	frame(data, n);
	vnep_buf_put_le32(&out, 1700000000);
	vnep_buf_put_le32(&out, fraction);
	vnep_buf_put_le32(&out, claimed);
	vnep_buf_put_le32(&out, claimed);
	vnep_buf_put(&out, data, sizeof data);
	if (out.len > 1 << 16)
		flush();
}

static void section(void)
{
	vnep_buf_put_le32(&out, 0x0a0d0d0a);
	vnep_buf_put_le32(&out, 28);
	vnep_buf_put_le32(&out, 0x1a2b3c4d);
	vnep_buf_put_le32(&out, 1);
	vnep_buf_put_le64(&out, UINT64_MAX);
	vnep_buf_put_le32(&out, 28);
}

static void interface(uint32_t claimed)
{
	vnep_buf_put_le32(&out, 1);
	vnep_buf_put_le32(&out, claimed);
	vnep_buf_put_le32(&out, PCAP_ETHERNET);
	vnep_buf_put_le32(&out, 262144);
	vnep_buf_put_le32(&out, claimed);
	if (out.len > 1 << 16)
		flush();
}

static void interfaces(uint32_t n)
{
	uint8_t data[FRAME];

	section();
	for (uint32_t i = 0; i < n; i++)
		interface(20);
	frame(data, 1);
	vnep_buf_put_le32(&out, 6);
	vnep_buf_put_le32(&out, 32 + FRAME + 2);
	vnep_buf_put_le32(&out, n - 1);
	vnep_buf_put_zero(&out, 8);
	vnep_buf_put_le32(&out, FRAME);
	vnep_buf_put_le32(&out, FRAME);
	vnep_buf_put(&out, data, FRAME);
	vnep_buf_put_zero(&out, 2);
	vnep_buf_put_le32(&out, 32 + FRAME + 2);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint32_t n = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;

	if (!strcmp(what, "interfaces")) {
		interfaces(n);
	} else if (!strcmp(what, "strangers")) {
		pcap_header(PCAP_ETHERNET);
		for (uint32_t i = 0; i < n; i++)
			pcap_packet(i, 0, FRAME);
	} else if (!strcmp(what, "length")) {
		pcap_header(PCAP_ETHERNET);
		pcap_packet(1, 0, FRAME);
		pcap_packet(2, 0, UINT32_MAX);
	} else if (!strcmp(what, "block")) {
		section();
		interface(20);
		interface(0xfffffff0);
	} else if (!strcmp(what, "link")) {
		pcap_header(PCAP_RAW);
		pcap_packet(1, 0, FRAME);
	} else if (!strcmp(what, "time")) {
		pcap_header(PCAP_ETHERNET);
		pcap_packet(1, 2000000000, FRAME);
	} else {
		fprintf(stderr, "hostile: see its first lines\n");
		return 2;
	}
	flush();
	return fflush(stdout) ? 3 : 0;
}
