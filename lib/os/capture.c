/*
 * capture - libpcap behind five calls.
 *
 * A file is opened here and handed to libpcap as a stream: so the system's errors keep their errno,
 * and everything libpcap then complains about is the content.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vnep/capture.h"
#include "vnep/err.h"

enum {
	FRAME_MAX = 262144, /* libpcap's MAXIMUM_SNAPLEN for Ethernet */
	BUFFER_OCTETS = 64 << 20,
	READ_TIMEOUT_MS = 10,
	READ_OCTETS = 256 << 10,
};

struct vnep_capture {
	pcap_t *pcap;
	char *name;   /* file or interface */
	char *buffer; /* of the file */
	bool live;
	bool broken; /* a damaged file stays damaged */
	long ns_per_fraction;
	uint64_t count, drops;
	unsigned seen_drops; /* libpcap's counter of 32 bits, as of the last look */
};

static int capture_new(struct vnep_capture **out, const char *name, struct vnep_err *err)
{
	struct vnep_capture *capture = calloc(1, sizeof *capture);

	if (capture)
		capture->name = strdup(name);
	if (!capture || !capture->name) {
		free(capture);
		return vnep_err_sys(err, ENOMEM, "capture");
	}
	*out = capture;
	return 0;
}

void vnep_capture_close(struct vnep_capture *capture)
{
	if (!capture)
		return;
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture->buffer); /* not before its file is closed */
	free(capture->name);
	free(capture);
}

/* The part that files and interfaces share: link type, filter, resolution of the time. */
static int settle(struct vnep_capture *capture, const char *filter, struct vnep_err *err)
{
	int type = pcap_datalink(capture->pcap);
	const char *type_name = pcap_datalink_val_to_name(type);
	struct bpf_program program;
	int rc;

	capture->ns_per_fraction =
		pcap_get_tstamp_precision(capture->pcap) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
	if (type != DLT_EN10MB)
		return vnep_err_set(err, VNEP_EPROTO, "link type %s (%d): only Ethernet is read",
			type_name ? type_name : "?", type);
	if (!filter || !*filter)
		return 0;
	if (pcap_compile(capture->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN)) {
		vnep_err_set(
			err, VNEP_EVALUE, "filter \"%s\": %s", filter, pcap_geterr(capture->pcap));
		vnep_err_hint(err, "filters are those of pcap-filter(7)");
		return VNEP_EVALUE;
	}
	rc = pcap_setfilter(capture->pcap, &program);
	pcap_freecode(&program);
	return rc ? vnep_err_set(err, VNEP_EVALUE, "filter \"%s\": %s", filter,
			    pcap_geterr(capture->pcap))
		  : 0;
}

/* Standard input is lent to libpcap: pcap_close leaves it open. */
static FILE *open_stream(const char *path, char *buffer, struct vnep_err *err)
{
	struct stat st;
	FILE *f = strcmp(path, "-") ? fopen(path, "rbe") : stdin;

	if (!f) {
		vnep_err_sys(err, errno, "cannot open");
		return NULL;
	}
	if (fstat(fileno(f), &st) || !S_ISDIR(st.st_mode)) {
		if (f != stdin &&
			buffer) /* the 4 KiB of the C library are a call for each 30 frames */
			setvbuf(f, buffer, _IOFBF, READ_OCTETS);
		return f;
	}
	vnep_err_sys(err, EISDIR, "cannot read");
	if (f != stdin)
		fclose(f);
	return NULL;
}

int vnep_capture_open_file(
	struct vnep_capture **out, const char *path, const char *filter, struct vnep_err *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct vnep_err local = { 0 };
	struct vnep_capture *capture;
	FILE *f;
	int rc;

	if (!err)
		err = &local;
	rc = capture_new(&capture, path, err);
	if (rc)
		return rc;
	vnep_err_place(err, path, 0, 0);
	capture->buffer = malloc(READ_OCTETS);
	f = open_stream(path, capture->buffer, err);
	if (!f) {
		rc = err->code;
		goto fail;
	}
	capture->pcap =
		pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!capture->pcap) {
		if (f != stdin)
			fclose(f);
		rc = vnep_err_set(err, VNEP_ESYNTAX, "not a capture file: %s", text);
		vnep_err_hint(err, "pcap and pcapng files are read");
		goto fail;
	}
	rc = settle(capture, filter, err);
	if (rc)
		goto fail;
	vnep_err_place(err, "", 0, 0);
	*out = capture;
	return 0;
fail:
	vnep_capture_close(capture);
	return rc;
}

static int activation_error(pcap_t *pcap, int status, const char *ifname, struct vnep_err *err)
{
	switch (status) {
	case PCAP_ERROR_PERM_DENIED:
		vnep_err_set(err, VNEP_EPRIV, "capturing on \"%s\" needs CAP_NET_RAW", ifname);
		vnep_err_hint(err, "run it as root, or in a network namespace of your own");
		return VNEP_EPRIV;
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return vnep_err_set(err, VNEP_ENOTFOUND, "no such link \"%s\"", ifname);
	case PCAP_ERROR_IFACE_NOT_UP:
		vnep_err_sys(err, ENETDOWN, "link \"%s\"", ifname);
		vnep_err_hint(err, "ip link set %s up", ifname);
		return -ENETDOWN;
	default:
		return vnep_err_set(err, VNEP_EKERNEL, "capturing on \"%s\": %s", ifname,
			*pcap_geterr(pcap) ? pcap_geterr(pcap) : pcap_statustostr(status));
	}
}

int vnep_capture_open_live(
	struct vnep_capture **out, const char *ifname, const char *filter, struct vnep_err *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	struct vnep_capture *capture;
	int rc = capture_new(&capture, ifname, err);

	if (rc)
		return rc;
	capture->live = true;
	capture->pcap = pcap_create(ifname, text);
	if (!capture->pcap) {
		rc = vnep_err_set(err, VNEP_EKERNEL, "capturing on \"%s\": %s", ifname, text);
		goto fail;
	}
	/* these fail only on an activated handle; without nanoseconds it is microseconds */
	pcap_set_snaplen(capture->pcap, FRAME_MAX);
	pcap_set_promisc(capture->pcap, 1);
	pcap_set_timeout(capture->pcap, READ_TIMEOUT_MS);
	pcap_set_buffer_size(capture->pcap, BUFFER_OCTETS);
	pcap_set_tstamp_precision(capture->pcap, PCAP_TSTAMP_PRECISION_NANO);
	rc = pcap_activate(capture->pcap);
	if (rc < 0) {
		rc = activation_error(capture->pcap, rc, ifname, err);
		goto fail;
	}
	rc = settle(capture, filter, err);
	if (!rc && pcap_setnonblock(capture->pcap, 1, text))
		rc = vnep_err_set(err, VNEP_EKERNEL, "capturing on \"%s\": %s", ifname, text);
	if (rc)
		goto fail;
	*out = capture;
	return 0;
fail:
	vnep_capture_close(capture);
	return rc;
}

int vnep_capture_fd(const struct vnep_capture *capture)
{
	return capture->live ? pcap_get_selectable_fd(capture->pcap) : -1;
}

static int damaged(struct vnep_capture *capture, struct vnep_err *err, const char *why)
{
	capture->broken = !capture->live;
	if (capture->live)
		return vnep_err_set(
			err, VNEP_EKERNEL, "capturing on \"%s\": %s", capture->name, why);
	vnep_err_place(err, capture->name, 0, 0);
	return vnep_err_set(
		err, VNEP_ESYNTAX, "packet %llu: %s", (unsigned long long)capture->count + 1, why);
}

int vnep_capture_next(
	struct vnep_capture *capture, struct vnep_capture_frame *out, struct vnep_err *err)
{
	struct pcap_pkthdr *head;
	const u_char *data;
	int rc;

	if (capture->broken)
		return damaged(capture, err, "the file is damaged here");
	rc = pcap_next_ex(capture->pcap, &head, &data);
	if (rc == 0 || rc == PCAP_ERROR_BREAK)
		return 0;
	if (rc < 0)
		return damaged(capture, err, pcap_geterr(capture->pcap));
	if (head->caplen > FRAME_MAX || head->len < head->caplen)
		return damaged(capture, err, "its lengths cannot be true");
	if (head->ts.tv_sec < 0 || head->ts.tv_sec > INT64_MAX / 1000000000 - 1 ||
		head->ts.tv_usec < 0 || head->ts.tv_usec >= 1000000000 / capture->ns_per_fraction)
		return damaged(capture, err, "its time cannot be true");
	capture->count++;
	out->data = data;
	out->len = head->caplen;
	out->wire_len = head->len;
	out->ts.ns = head->ts.tv_sec * 1000000000LL + head->ts.tv_usec * capture->ns_per_fraction;
	return 1;
}

uint64_t vnep_capture_drops(struct vnep_capture *capture)
{
	struct pcap_stat stat;

	if (capture->live && !pcap_stats(capture->pcap, &stat)) {
		capture->drops += stat.ps_drop - capture->seen_drops; /* modulo 2^32 */
		capture->seen_drops = stat.ps_drop;
	}
	return capture->drops;
}
