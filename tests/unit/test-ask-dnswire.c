/* test-ask-dnswire - what an answer says of a name, of a server that follows a CNAME into another zone that it has. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t.h"
#include "vnep/dns.h"
#include "vnep/dnsrr.h"
#include "vnep/err.h"

enum { HEADER = 12, SOA_RDATA = 22, FIXED = 10, CNAME = 5, NS = 2, SOA = 6 };
static const uint8_t other[] = "\5other"; /* and its root */

static size_t put_rr(uint8_t *m, size_t at, const void *owner, size_t owner_len, uint8_t type,
	const void *data, uint8_t len)
{
	const uint8_t fixed[FIXED] = { 0, type, 0, 1, 0, 0, 0, 60, 0, len };

	memcpy(m + at, owner, owner_len);
	memcpy(m + at + owner_len, fixed, sizeof fixed);
	memcpy(m + at + owner_len + FIXED, data, len);
	return at + owner_len + FIXED + len;
}

/* The zone has its SOA; c... is a CNAME to the zone other, which has nothing there; all else lies in that zone. */
static size_t answer(uint8_t *m, size_t len)
{
	static const uint8_t asked[] = { 0xc0, HEADER }, soa[SOA_RDATA];
	size_t at = HEADER;
	bool zone;

	while (at < len && m[at])
		at += m[at] + 1u;
	at += 5;
	zone = m[HEADER] == 3; /* iot.example. */
	m[2] |= 0x84;
	memset(m + 6, 0, 6);
	if (zone) {
		m[7] = 1;
		return put_rr(m, at, asked, sizeof asked, SOA, soa, sizeof soa);
	}
	if (m[HEADER + 1] == 'c') {
		m[7] = 1;
		at = put_rr(m, at, asked, sizeof asked, CNAME, other, sizeof other);
	}
	m[9] = 1;
	return put_rr(m, at, other, sizeof other, SOA, soa, sizeof soa);
}

static void serve(int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		uint8_t m[2048];
		struct sockaddr_in from;
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(fd, m, 1024, 0, (struct sockaddr *)&from, &from_len);

		if (n > HEADER)
			sendto(fd, m, answer(m, (size_t)n), 0, (struct sockaddr *)&from, from_len);
	}
}

static bool has(const struct vnep_dnsset *set, const char *name, uint16_t type)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->rr[i]->type == type && !strcmp(set->rr[i]->name, name))
			return true;
	return false;
}

TEST("a name with a CNAME into another zone is not delegated; one that is answered from there is")
{
	static const char *const names[] = { "c.iot.example.", "d.iot.example." };
	struct vnep_dns_config config = {
		.server.host = "127.0.0.1", .udp = true, .timeout_ns = 5000000000
	};
	struct sockaddr_in own = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t own_len = sizeof own;
	struct vnep_dnsset have = { 0 };
	struct vnep_dns *dns = NULL;
	struct vnep_err err = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	pid_t child;

	CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&own, sizeof own) &&
		!getsockname(fd, (struct sockaddr *)&own, &own_len));
	snprintf(config.server.port, sizeof config.server.port, "%u", ntohs(own.sin_port));
	child = fork();
	if (!child)
		serve(fd);
	CHECK_INT(vnep_dns_open(&dns, &config, &err), 0);
	CHECK_INT(vnep_dns_check(dns, "iot.example.", &err), 0);
	CHECK_INT(vnep_dns_ask(dns, names, 2, &have, &err), 0);
	CHECK(has(&have, names[0], CNAME));
	CHECK(!has(&have, names[0], NS));
	CHECK(has(&have, names[1], NS));
	vnep_dnsset_release(&have);
	vnep_dns_close(dns);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(fd);
}

int main(void)
{
	return t_run();
}
