/*
 * dns-liar - a DNS server by datagrams that cannot be trusted: dns-liar MODE PORT
 *
 *   echo       NOERROR, with the signature of the question as that of the answer
 *   unsigned   NOERROR, without a signature
 *   badtime    says that its clock is an hour ahead (RFC 8945 5.2.3); the question must be signed by hmac-sha256
 *   servfail   code 2, unsigned
 *   garbage    octets that are no message
 *   silent     nothing
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 12, TSIG_RDATA = 61 };

static void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* The octets behind the one question. */
static size_t question_end(const uint8_t *m, size_t len)
{
	size_t at = HEADER;

	while (at < len && m[at])
		at += m[at] + 1u;
	return at + 5 < len ? at + 5 : len;
}

/* The error of TSIG, and their time as its other data. */
static size_t add_badtime(uint8_t *m, size_t len)
{
	uint64_t theirs = (uint64_t)time(NULL) + 3600;

	put16(m + len - TSIG_RDATA - 2, TSIG_RDATA + 6);
	put16(m + len - 4, 18);
	put16(m + len - 2, 6);
	for (int i = 0; i < 6; i++)
		m[len + (size_t)i] = (uint8_t)(theirs >> (40 - 8 * i));
	m[3] = 9;
	return len + 6;
}

/* The answer in place of the question: its length. */
static size_t lie(const char *mode, uint8_t *m, size_t len)
{
	m[2] |= 0x84;
	if (!strcmp(mode, "silent"))
		return 0;
	if (!strcmp(mode, "garbage")) {
		memset(m + 2, 0xc0, len - 2);
		return len;
	}
	if (!strcmp(mode, "badtime"))
		return add_badtime(m, len);
	if (!strcmp(mode, "echo"))
		return len;
	if (!strcmp(mode, "servfail"))
		m[3] = 2;
	put16(m + 10, 0);
	return question_end(m, len);
}

int main(int argc, char **argv)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 3)
		return 2;
	own.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own)) {
		perror("dns-liar");
		return 3;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		uint8_t message[4096 + 16];
		struct sockaddr_in from;
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(fd, message, 4096, 0, (struct sockaddr *)&from, &from_len);
		size_t len;

		if (n < HEADER + TSIG_RDATA)
			continue;
		len = lie(argv[1], message, (size_t)n);
		if (len)
			sendto(fd, message, len, 0, (struct sockaddr *)&from, from_len);
	}
}
