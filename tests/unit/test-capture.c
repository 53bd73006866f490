/* capture: files that are whole, damaged and foreign. The test writes them itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vnep/buf.h"
#include "vnep/capture.h"
#include "vnep/err.h"
#include "t.h"

static char path[] = "/tmp/vnep-test-capture-XXXXXX";

static void pcap_head(struct vnep_buf *b, uint32_t magic, uint32_t link)
{
	vnep_buf_init(b);
	vnep_buf_put_le32(b, magic);
	vnep_buf_put_le16(b, 2);
	vnep_buf_put_le16(b, 4);
	vnep_buf_put_zero(b, 8);
	vnep_buf_put_le32(b, 262144);
	vnep_buf_put_le32(b, link);
}

static void pcap_packet(
	struct vnep_buf *b, uint32_t s, uint32_t fraction, uint32_t len, uint32_t wire)
{
	vnep_buf_put_le32(b, s);
	vnep_buf_put_le32(b, fraction);
	vnep_buf_put_le32(b, len);
	vnep_buf_put_le32(b, wire);
	if (len <= 1500)
		vnep_buf_put_zero(b, len);
}

static int save_and_open(
	struct vnep_capture **c, struct vnep_buf *b, const char *filter, struct vnep_err *err)
{
	FILE *f = fopen(path, "wb");
	int rc;

	*err = (struct vnep_err){ 0 };
	CHECK(f && (!b->len || fwrite(b->data, 1, b->len, f) == b->len));
	if (f)
		fclose(f);
	rc = vnep_capture_open_file(c, path, filter, err);
	vnep_buf_release(b);
	unlink(path);
	return rc;
}

enum { MICRO = (int)0xa1b2c3d4, NANO = (int)0xa1b23c4d, ETHERNET = 1, SLL = 113 };

TEST("capture: microseconds and nanoseconds both come out as nanoseconds")
{
	struct vnep_capture_frame f;
	struct vnep_capture *c;
	struct vnep_err err;
	struct vnep_buf b;

	pcap_head(&b, (uint32_t)MICRO, ETHERNET);
	pcap_packet(&b, 7, 123456, 60, 100);
	CHECK_INT(save_and_open(&c, &b, NULL, &err), 0);
	CHECK_INT(vnep_capture_next(c, &f, &err), 1);
	CHECK_INT(f.ts.ns, 7123456000);
	CHECK_INT(f.len, 60);
	CHECK_INT(f.wire_len, 100);
	CHECK_INT(vnep_capture_next(c, &f, &err), 0);
	CHECK_INT(vnep_capture_fd(c), -1);
	CHECK_INT(vnep_capture_drops(c), 0);
	vnep_capture_close(c);
	pcap_head(&b, (uint32_t)NANO, ETHERNET);
	pcap_packet(&b, 7, 123456789, 60, 60);
	CHECK_INT(save_and_open(&c, &b, NULL, &err), 0);
	CHECK_INT(vnep_capture_next(c, &f, &err), 1);
	CHECK_INT(f.ts.ns, 7123456789);
	vnep_capture_close(c);
}

TEST("capture: the filter is tcpdump's, and a bad one is refused with its text")
{
	struct vnep_capture_frame f;
	struct vnep_capture *c;
	struct vnep_err err;
	struct vnep_buf b;

	pcap_head(&b, (uint32_t)MICRO, ETHERNET);
	pcap_packet(&b, 1, 0, 60, 60);
	pcap_packet(&b, 2, 0, 80, 80);
	CHECK_INT(save_and_open(&c, &b, "greater 70", &err), 0);
	CHECK_INT(vnep_capture_next(c, &f, &err), 1);
	CHECK_INT(f.ts.ns, 2000000000);
	CHECK_INT(vnep_capture_next(c, &f, &err), 0);
	vnep_capture_close(c);
	pcap_head(&b, (uint32_t)MICRO, ETHERNET);
	CHECK_INT(save_and_open(&c, &b, "no such words", &err), VNEP_EVALUE);
	CHECK(strstr(err.text, "no such words"));
}

TEST("capture: a file cut off inside a packet gives the packets before it, then says where")
{
	struct vnep_capture_frame f;
	struct vnep_capture *c;
	struct vnep_err err;
	struct vnep_buf b;

	pcap_head(&b, (uint32_t)MICRO, ETHERNET);
	pcap_packet(&b, 1, 0, 60, 60);
	pcap_packet(&b, 2, 0, 60, 60);
	b.len -= 10;
	CHECK_INT(save_and_open(&c, &b, NULL, &err), 0);
	CHECK_INT(vnep_capture_next(c, &f, &err), 1);
	CHECK_INT(vnep_capture_next(c, &f, &err), VNEP_ESYNTAX);
	CHECK(strstr(err.text, "packet 2") && strstr(err.text, "truncated"));
	CHECK_STR(err.file, path);
	CHECK_INT(vnep_capture_next(c, &f, &err), VNEP_ESYNTAX);
	vnep_capture_close(c);
}

TEST("capture: absurd lengths and times are damage, not packets")
{
	static const struct {
		uint32_t fraction, len, wire;
	} bad[] = { { 0, 0xffffffff, 0xffffffff }, { 0, 60, 10 }, { 2000000000, 60, 60 } };

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct vnep_capture_frame f;
		struct vnep_capture *c;
		struct vnep_err err;
		struct vnep_buf b;

		pcap_head(&b, (uint32_t)MICRO, ETHERNET);
		pcap_packet(&b, 1, bad[i].fraction, bad[i].len, bad[i].wire);
		CHECK_INT(save_and_open(&c, &b, NULL, &err), 0);
		CHECK_INT(vnep_capture_next(c, &f, &err), VNEP_ESYNTAX);
		CHECK(strstr(err.text, "packet 1"));
		vnep_capture_close(c);
	}
}

TEST("capture: other link types, other files, empty files, folders and nothing at all are told "
     "apart")
{
	struct vnep_capture *c;
	struct vnep_err err;
	struct vnep_buf b;

	pcap_head(&b, (uint32_t)MICRO, SLL);
	CHECK_INT(save_and_open(&c, &b, NULL, &err), VNEP_EPROTO);
	CHECK(strstr(err.text, "LINUX_SLL"));
	vnep_buf_init(&b);
	vnep_buf_put_str(&b, "{\"type\":\"event\",\"v\":1}\n and so on, long enough");
	CHECK_INT(save_and_open(&c, &b, NULL, &err), VNEP_ESYNTAX);
	vnep_buf_init(&b);
	CHECK_INT(save_and_open(&c, &b, NULL, &err), VNEP_ESYNTAX);
	CHECK_INT(vnep_capture_open_file(&c, "/tmp", NULL, &err), -EISDIR);
	CHECK_INT(vnep_capture_open_file(&c, "/nonexistent/x.pcap", NULL, &err), -ENOENT);
	CHECK_STR(err.file, "/nonexistent/x.pcap");
	CHECK_INT(vnep_capture_open_file(&c, "/nonexistent/x.pcap", NULL, NULL), -ENOENT);
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	return t_run();
}
