/*
 * fuzz-recjson - whatever check takes is canonical after it, decodes, and comes back from encode.
 */
#include "fuzz.h"
#include "vnep/err.h"
#include "vnep/recjson.h"

/* Read one line that must be good and canonical. */
static struct vnep_json *canonical(struct vnep_buf *line)
{
	struct vnep_json *json = NULL;
	struct vnep_buf again = { 0 };
	size_t len = line->len - (line->len && line->data[line->len - 1] == '\n');

	HOLDS(!vnep_json_parse((const char *)line->data, len, &json, NULL));
	HOLDS(!vnep_recjson_check(json, (const char *)line->data, len, NULL));
	HOLDS(!vnep_json_dump(json, &again));
	HOLDS(again.len == len && !memcmp(again.data, line->data, len));
	vnep_buf_release(&again);
	return json;
}

/* The same bytes again from what was decoded out of the first ones. */
static void same_again(struct vnep_buf *first, struct vnep_buf *second, struct vnep_json *json)
{
	HOLDS(first->len == second->len && !memcmp(first->data, second->data, first->len));
	vnep_json_free(json);
	vnep_buf_release(first);
	vnep_buf_release(second);
}

static void event(const struct vnep_json *json)
{
	struct vnep_buf frame = { 0 }, frame2 = { 0 }, first = { 0 }, second = { 0 };
	struct vnep_event e, e2;
	struct vnep_json *back;

	if (!vnep_event_decode(json, &e, &frame, NULL)) { /* refused: length and frame disagree */
		vnep_event_encode(&first, &e);
		back = canonical(&first);
		HOLDS(!vnep_event_decode(back, &e2, &frame2, NULL));
		HOLDS(e2.ts.ns == e.ts.ns && e2.frame_len == e.frame_len && e2.seq == e.seq);
		vnep_event_encode(&second, &e2);
		same_again(&first, &second, back);
	}
	vnep_buf_release(&frame);
	vnep_buf_release(&frame2);
}

static void checkpoint(const struct vnep_json *json)
{
	struct vnep_buf first = { 0 }, second = { 0 };
	struct vnep_checkpoint c;
	struct vnep_json *back;

	HOLDS(!vnep_checkpoint_decode(json, &c, NULL));
	vnep_checkpoint_encode(&first, &c);
	back = canonical(&first);
	HOLDS(!vnep_checkpoint_decode(back, &c, NULL));
	vnep_checkpoint_encode(&second, &c);
	same_again(&first, &second, back);
}

static void outcome(const struct vnep_json *json)
{
	struct vnep_buf first = { 0 }, second = { 0 };
	struct vnep_outcome o;
	struct vnep_json *back;

	HOLDS(!vnep_outcome_decode(json, &o, NULL));
	vnep_outcome_encode(&first, &o);
	back = canonical(&first);
	HOLDS(!vnep_outcome_decode(back, &o, NULL));
	vnep_outcome_encode(&second, &o);
	same_again(&first, &second, back);
}

static void binding(const struct vnep_json *json)
{
	struct vnep_buf first = { 0 }, second = { 0 };
	struct vnep_binding b;
	struct vnep_json *back;

	HOLDS(!vnep_binding_decode(json, &b, NULL));
	vnep_binding_encode(&first, &b);
	if (!b.port[0] || !memcmp(&b.mac, &(struct vnep_mac){ { 0 } }, sizeof b.mac)) {
		vnep_buf_release(
			&first); /* a tombstone, or a MAC of zeros, which is written as none */
		return;
	}
	back = canonical(&first);
	HOLDS(!vnep_binding_decode(back, &b, NULL));
	vnep_binding_encode(&second, &b);
	same_again(&first, &second, back);
}

static void instruction(const struct vnep_json *json)
{
	struct vnep_instruction i;
	struct vnep_buf payload = { 0 }, line = { 0 };
	struct vnep_json *back = NULL;

	HOLDS(!vnep_instruction_decode(json, &i, &payload, NULL));
	HOLDS(i.method <= 7 && i.payload_len == payload.len);
	vnep_instruction_encode(&line, &i);
	HOLDS(!vnep_json_parse((const char *)line.data, line.len, &back, NULL));
	HOLDS(!vnep_recjson_check(back, NULL, 0, NULL));
	vnep_json_free(back);
	vnep_buf_release(&line);
	vnep_buf_release(&payload);
}

static void map_record(const struct vnep_json *json)
{
	struct vnep_device device;
	struct vnep_group group;
	struct vnep_vpc vpc;

	switch (vnep_recjson_type(json)) {
	case VNEP_RECORD_DEVICE:
		HOLDS(!vnep_device_decode(json, &device, NULL));
		HOLDS(device.addr_count <= VNEP_ADDR_COUNT_MAX && device.vlan <= 4094);
		vnep_device_release(&device);
		break;
	case VNEP_RECORD_VPC:
		HOLDS(!vnep_vpc_decode(json, &vpc, NULL));
		vnep_vpc_release(&vpc);
		break;
	case VNEP_RECORD_GROUP:
		HOLDS(!vnep_group_decode(json, &group, NULL));
		vnep_group_release(&group);
		break;
	default: break;
	}
}

static void decode(const struct vnep_json *json)
{
	switch (vnep_recjson_type(json)) {
	case VNEP_RECORD_EVENT: event(json); break;
	case VNEP_RECORD_CHECKPOINT: checkpoint(json); break;
	case VNEP_RECORD_OUTCOME: outcome(json); break;
	case VNEP_RECORD_BINDING: binding(json); break;
	case VNEP_RECORD_INSTRUCTION: instruction(json); break;
	default: map_record(json); break;
	}
}

/* Decode must stand records that no check saw. */
static void decode_unchecked(const struct vnep_json *json)
{
	struct vnep_device device = { 0 };
	struct vnep_buf frame = { 0 };
	struct vnep_vpc vpc = { 0 };
	struct vnep_event event;

	vnep_device_decode(json, &device, NULL);
	vnep_vpc_decode(json, &vpc, NULL);
	vnep_event_decode(json, &event, &frame, NULL);
	vnep_device_release(&device);
	vnep_vpc_release(&vpc);
	vnep_buf_release(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct vnep_json *json = NULL;
	struct vnep_buf line = { 0 };
	struct vnep_err err = { 0 };

	if (size > VNEP_LINE_MAX / 8 || vnep_json_parse(text, size, &json, NULL))
		return 0;
	decode_unchecked(json);
	if (vnep_recjson_check(json, text, size, &err)) {
		HOLDS(err.text[0] && err.column <= size);
	} else {
		HOLDS(!vnep_json_dump(json, &line));
		vnep_json_free(json);
		json = canonical(&line);
		decode(json);
	}
	vnep_json_free(json);
	vnep_buf_release(&line);
	return 0;
}
