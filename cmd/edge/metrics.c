/* metrics - the numbers of the daemon as OpenMetrics text, for Prometheus and its like. */
#include "edge.h"
#include "vnep/json.h"
#include "vnep/metrics.h"
#include "vnep/out.h"

struct text {
	struct vnep_buf out;
	const struct vnep_metric *family;
};

static int take_stat(struct vnep_cli *cli, const char *line, size_t len, void *arg)
{
	struct text *text = arg;
	struct vnep_json *stat = NULL;
	int rc = vnep_json_parse(line, len, &stat, &cli->err);

	if (!rc)
		rc = vnep_metric_text(&text->out, stat, &text->family, &cli->err);
	vnep_json_free(stat);
	return rc;
}

/* All of it or nothing: half of the numbers would look like a whole. */
int edge_metrics(struct vnep_cli *cli)
{
	struct text text = { 0 };
	int rc = edge_ask(cli, "metrics", NULL, EDGE_ASK_ONCE, take_stat, &text);

	if (!rc) {
		vnep_metric_text_end(&text.out);
		rc = vnep_out_bytes(cli, text.out.data, text.out.len);
	}
	vnep_buf_release(&text.out);
	return rc;
}
