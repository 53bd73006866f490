/* output - items as records, as rows of csv, or as a pcapng file of their own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal.h"
#include "vnep/frame.h"
#include "vnep/pcapng.h"
#include "vnep/recjson.h"

enum { FLUSH_OCTETS = 1 << 16 };

struct interface {
	char dev[VNEP_URN_MAX + 1]; /* zeros behind the text: it is the key */
	uint32_t id;
};

static const char csv_header[] = "type,dev,seq,ts,conn,kind,direction,copy,src_ip,src_port,dest_ip,"
				 "dest_port,proto,length,count,reason,detail\r\n";

int journal_output_init(struct journal_output *output, struct vnep_cli *cli)
{
	static const struct vnep_pcapng_section section = { 0 };
	const char *format = vnep_cli_str(cli, "format", "json");

	*output = (struct journal_output){ .cli = cli };
	output->format = !strcmp(format, "pcapng") ? JOURNAL_PCAPNG
			 : !strcmp(format, "csv")  ? JOURNAL_CSV
						   : JOURNAL_JSON;
	vnep_table_init(&output->interfaces, offsetof(struct interface, dev), VNEP_URN_MAX + 1);
	if (cli->table && output->format != JOURNAL_JSON)
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"--table and --format %s exclude each other", format);
	if (output->format == JOURNAL_PCAPNG)
		vnep_pcapng_put_section(&output->buf, &section);
	else if (output->format == JOURNAL_CSV)
		vnep_buf_put_str(&output->buf, csv_header);
	return 0;
}

void journal_output_release(struct journal_output *output)
{
	void *item;

	for (size_t i = 0; (item = vnep_table_next(&output->interfaces, &i));)
		free(item);
	vnep_table_release(&output->interfaces);
	vnep_buf_release(&output->buf);
}

int journal_output_flush(struct journal_output *output, bool now)
{
	int rc = output->buf.rc;

	if (output->format == JOURNAL_JSON)
		return vnep_out_records(output->cli, &output->buf, now);
	if (!rc)
		rc = vnep_out_bytes(output->cli, output->buf.data, output->buf.len);
	vnep_buf_reset(&output->buf);
	if (!rc && now) /* an empty batch of records is only the flush */
		rc = vnep_out_records(output->cli, &output->buf, true);
	return rc;
}

/* RFC 4180: quotes where they are needed. */
static void csv_text(struct vnep_buf *out, const char *text)
{
	vnep_buf_put_u8(out, ',');
	if (!strpbrk(text, ",\"\r\n")) {
		vnep_buf_put_str(out, text);
		return;
	}
	vnep_buf_put_u8(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			vnep_buf_put_u8(out, '"');
		vnep_buf_put_u8(out, (uint8_t)*text);
	}
	vnep_buf_put_u8(out, '"');
}

static void csv_number(struct vnep_buf *out, uint64_t number)
{
	vnep_buf_put_u8(out, ',');
	if (number)
		vnep_buf_printf(out, "%llu", (unsigned long long)number);
}

const char *journal_proto(uint8_t proto, char spare[static 8])
{
	switch (proto) {
	case IPPROTO_UDP: return "UDP";
	case IPPROTO_TCP: return "TCP";
	case IPPROTO_ICMPV6: return "IPv6-ICMP";
	default: snprintf(spare, 8, "%u", proto); return spare;
	}
}

static void csv_flow(struct vnep_buf *out, const struct vnep_event *event)
{
	char ip[VNEP_IP6_LEN], spare[8];
	struct vnep_frame frame;

	if (!event->frame || vnep_frame_parse(&frame, event->frame, event->frame_len)) {
		vnep_buf_put_str(out, ",,,,,");
		return;
	}
	vnep_ip6_print(&frame.src, ip);
	csv_text(out, ip);
	csv_number(out, frame.src_port);
	vnep_ip6_print(&frame.dest, ip);
	csv_text(out, ip);
	csv_number(out, frame.dest_port);
	csv_text(out, journal_proto(frame.proto, spare));
}

static void csv_event(struct vnep_buf *out, const struct vnep_event *event)
{
	csv_number(out, event->conn);
	csv_text(out, vnep_kind_text(event->kind));
	csv_text(out, event->direction ? vnep_direction_text(event->direction) : "");
	csv_text(out, event->copy ? "true" : "");
	csv_flow(out, event);
	csv_number(out, event->length);
	csv_number(out, event->count);
	csv_text(out, event->reason ? vnep_reason_text(event->reason) : "");
	csv_text(out, event->text);
}

static void put_csv(struct vnep_buf *out, const struct vnep_journal_item *item)
{
	const struct vnep_checkpoint *checkpoint = &item->checkpoint;
	const struct vnep_outcome *outcome = &item->outcome;
	char ts[VNEP_TS_LEN];

	vnep_wall_print(journal_item_ts(item), ts);
	vnep_buf_put_str(out, vnep_record_type_text(item->type));
	csv_text(out, journal_item_dev(item));
	csv_number(out, item->type == VNEP_RECORD_EVENT        ? item->event.seq
			: item->type == VNEP_RECORD_CHECKPOINT ? checkpoint->resume_seq
							       : outcome->seq);
	csv_text(out, ts);
	if (item->type == VNEP_RECORD_EVENT) {
		csv_event(out, &item->event);
	} else if (item->type == VNEP_RECORD_CHECKPOINT) {
		csv_number(out, checkpoint->conn);
		csv_text(out, vnep_cursor_text(checkpoint->cursor));
		vnep_buf_put_str(out, ",,,,,,,,,,");
		csv_text(out, checkpoint->cause ? vnep_cause_text(checkpoint->cause) : "");
	} else {
		csv_number(out, 0);
		csv_text(out, vnep_outcome_text(outcome->outcome));
		vnep_buf_put_str(out, ",,,,,,,,");
		csv_number(out, outcome->attempt);
		csv_text(out, outcome->reason ? vnep_reason_text(outcome->reason) : "");
		csv_text(out, outcome->evidence ? vnep_evidence_text(outcome->evidence) : "");
	}
	vnep_buf_put_str(out, "\r\n");
}

static int interface_of(struct journal_output *output, const char *dev, uint32_t *id)
{
	struct vnep_pcapng_interface block = { .id = (uint32_t)output->interfaces.count };
	char key[VNEP_URN_MAX + 1] = { 0 };
	struct interface *interface;

	memcpy(key, dev, strnlen(dev, VNEP_URN_MAX));
	interface = vnep_table_get(&output->interfaces, key);
	if (!interface) {
		interface = calloc(1, sizeof *interface);
		if (!interface)
			return -ENOMEM;
		memcpy(interface->dev, key, sizeof key);
		interface->id = block.id;
		if (vnep_table_put(&output->interfaces, interface)) {
			free(interface);
			return -ENOMEM;
		}
		memcpy(block.name, key, sizeof key);
		vnep_pcapng_put_interface(&output->buf, &block);
	}
	*id = interface->id;
	return 0;
}

/* Packets only: what else happened has no place in captures, and stops editcap(1) from making pcap
 * of it. */
static int put_pcapng(struct journal_output *output, const struct vnep_event *event)
{
	struct vnep_pcapng_packet packet = { .ts = event->ts,
		.seq = event->seq,
		.conn = event->conn,
		.kind = event->kind,
		.direction = event->direction,
		.copy = event->copy,
		.held = event->held,
		.frame = event->frame,
		.frame_len = event->frame_len,
		.length = event->length };
	int rc = interface_of(output, event->dev, &packet.interface);

	if (rc)
		return vnep_err_sys(&output->cli->err, -rc, "output");
	memcpy(packet.in_iface, event->in_iface, sizeof packet.in_iface);
	vnep_pcapng_put_packet(&output->buf, &packet);
	return 0;
}

static void put_json(struct vnep_buf *out, const struct vnep_journal_item *item)
{
	if (item->type == VNEP_RECORD_EVENT)
		vnep_event_encode(out, &item->event);
	else if (item->type == VNEP_RECORD_CHECKPOINT)
		vnep_checkpoint_encode(out, &item->checkpoint);
	else
		vnep_outcome_encode(out, &item->outcome);
}

int journal_output_put(struct journal_output *output, const struct vnep_journal_item *item)
{
	int rc = 0;

	if (output->format == JOURNAL_PCAPNG) {
		if (item->type == VNEP_RECORD_EVENT && item->event.frame)
			rc = put_pcapng(output, &item->event);
	} else if (output->format == JOURNAL_CSV) {
		put_csv(&output->buf, item);
	} else {
		put_json(&output->buf, item);
	}
	if (!rc && output->buf.len >= FLUSH_OCTETS)
		rc = journal_output_flush(output, false);
	return rc;
}
