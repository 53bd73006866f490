/* cli-input - records from files and standard input, and messages about them. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli-private.h"
#include "vnep/json.h"
#include "vnep/ndjson.h"
#include "vnep/out.h"
#include "vnep/recjson.h"

enum { CHUNK_OCTETS = 1 << 16 };

void vnep_cli_print(const struct vnep_cli *cli, const struct vnep_err *err)
{
	char text[1024];
	struct vnep_buf line;

	vnep_buf_init(&line);
	if (cli->json_errors) {
		vnep_error_encode(&line, cli->tool->name, err);
	} else {
		vnep_err_print(err, text, sizeof text);
		vnep_buf_printf(&line, "%s: %s\n", cli->tool->name, text);
		if (!strncmp(err->hint, "try '", 5))
			vnep_buf_printf(&line, "%s\n", err->hint);
		else if (err->hint[0])
			vnep_buf_printf(&line, "hint: %s\n", err->hint);
	}
	/* One write for the whole message: tools of one pipeline share this terminal. */
	fwrite(line.data, 1, line.len, stderr);
	fflush(stderr);
	vnep_buf_release(&line);
}

void vnep_cli_error(struct vnep_cli *cli, const struct vnep_err *err)
{
	struct vnep_buf line;

	cli->errors++;
	vnep_cli_print(cli, err);
	if (!cli->answer_errors)
		return;
	vnep_buf_init(&line);
	vnep_error_encode(&line, cli->tool->name, err);
	vnep_out_records(cli, &line, true);
	vnep_buf_release(&line);
}

void vnep_cli_say(const struct vnep_cli *cli, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (cli->quiet || cli->json_errors)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s\n", cli->tool->name, text);
}

struct reader {
	struct vnep_cli *cli;
	const char *file;
	bool keep_going, plain;
	vnep_line_cb *cb;
	void *arg;
	struct vnep_lines lines;
};

static int take_record(struct reader *r, const char *text, size_t len)
{
	struct vnep_cli *cli = r->cli;
	struct vnep_json *json = NULL;
	int rc = vnep_json_parse(text, len, &json, &cli->err);

	if (!rc && vnep_json_type(json) != VNEP_JSON_OBJECT)
		rc = vnep_err_set(&cli->err, VNEP_ESYNTAX, "a record is an object, this is %s",
			vnep_json_type_name(json));
	if (!rc)
		rc = r->cb(cli, json, text, len, r->arg);
	vnep_json_free(json);
	return rc;
}

/* got is what vnep_lines_next gave: a line, or the news that one was too long. */
static int take_line(struct reader *r, int got, const char *text, size_t len)
{
	struct vnep_cli *cli = r->cli;
	int rc = got;

	vnep_err_place(&cli->err, r->file, r->lines.line, 0);
	if (got > 0)
		rc = r->plain ? r->cb(cli, NULL, text, len, r->arg) : take_record(r, text, len);
	else
		vnep_err_set(&cli->err, got, "a line longer than %d octets", VNEP_LINE_MAX);
	if (rc >= 0)
		return 0;
	if (!r->keep_going || vnep_err_exit(rc) == 3 || vnep_err_exit(rc) == 5)
		return rc;
	vnep_cli_error(cli, &cli->err);
	return 0;
}

static int read_lines(struct reader *r, int fd)
{
	char chunk[CHUNK_OCTETS];
	const char *text = NULL;
	size_t len = 0;
	ssize_t n;
	int got, rc;

	do {
		n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vnep_err_sys(&r->cli->err, errno, "cannot read %s", r->file);
		if (vnep_lines_feed(&r->lines, chunk, (size_t)n))
			return vnep_err_sys(&r->cli->err, ENOMEM, "cannot read %s", r->file);
		while ((got = vnep_lines_next(&r->lines, &text, &len)) != 0) {
			rc = take_line(r, got, text, len);
			if (rc)
				return rc;
		}
	} while (n != 0);
	got = vnep_lines_end(&r->lines, &text, &len);
	return got ? take_line(r, got, text, len) : 0;
}

static int open_input(struct vnep_cli *cli, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENOTDIR)
		return vnep_err_set(
			&cli->err, VNEP_EUSAGE, "cannot open %s: %s", file, strerror(errno));
	return vnep_err_sys(&cli->err, errno, "cannot open %s", file);
}

static int read_file(struct reader *r)
{
	struct vnep_cli *cli = r->cli;
	bool std = !strcmp(r->file, "-");
	int fd, rc;

	cli->err = (struct vnep_err){ 0 };
	fd = std ? STDIN_FILENO : open_input(cli, r->file);
	if (fd < 0)
		return fd;
	vnep_lines_init(&r->lines);
	rc = read_lines(r, fd);
	vnep_lines_release(&r->lines);
	if (!std)
		close(fd);
	if (!rc)
		cli->err = (struct vnep_err){ 0 };
	return rc;
}

int vnep_cli_read_file(
	struct vnep_cli *cli, const char *file, bool keep_going, vnep_line_cb *cb, void *arg)
{
	struct reader r = {
		.cli = cli, .file = file, .keep_going = keep_going, .cb = cb, .arg = arg
	};

	return read_file(&r);
}

int vnep_cli_read_text(
	struct vnep_cli *cli, const char *file, bool keep_going, vnep_line_cb *cb, void *arg)
{
	struct reader r = { .cli = cli,
		.file = file,
		.keep_going = keep_going,
		.plain = true,
		.cb = cb,
		.arg = arg };

	return read_file(&r);
}

int vnep_cli_read(struct vnep_cli *cli, bool keep_going, vnep_line_cb *cb, void *arg)
{
	int rc = 0;

	if (!cli->argc)
		return vnep_cli_read_file(cli, "-", keep_going, cb, arg);
	for (unsigned i = 0; i < cli->argc && !rc; i++)
		rc = vnep_cli_read_file(cli, cli->argv[i], keep_going, cb, arg);
	return rc;
}
