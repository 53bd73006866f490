/* recjson-mcast - instructions to groups, and what came of them. */
#include <errno.h>
#include <string.h>

#include "recjson-keys.h"
#include "recjson-put.h"
#include "vnep/coapmake.h"
#include "vnep/err.h"
#include "vnep/recjson.h"

int vnep_instruction_decode(const struct vnep_json *json, struct vnep_instruction *out,
	struct vnep_buf *payload, struct vnep_err *err)
{
	struct vnep_instruction instruction = { .content_format = VNEP_COAP_NO_FORMAT };
	const char *text = vnep_json_get_str(json, "payload", "");
	size_t n = strlen(text), len = 0;
	uint8_t *at;
	int rc = vnep_keys_decode(vnep_keys_of(VNEP_RECORD_INSTRUCTION), json, &instruction, err);

	if (rc)
		return rc;
	vnep_buf_reset(payload);
	at = vnep_buf_reserve(payload, n / 4 * 3 + 1);
	if (!at)
		return vnep_err_sys(err, ENOMEM, "reading an instruction");
	if (vnep_base64_decode(text, n, at, &len))
		return vnep_err_set(
			err, VNEP_EVALUE, "\"payload\" is not base64 (RFC 4648 section 4)");
	payload->len = len;
	instruction.payload = payload->data;
	instruction.payload_len = len;
	*out = instruction;
	return 0;
}

void vnep_instruction_encode(struct vnep_buf *out, const struct vnep_instruction *i)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "instruction");
	vnep_jw_opt_str(&w, "id", i->id);
	vnep_jw_opt_str(&w, "group", i->group);
	vnep_jw_opt_str(&w, "method", vnep_coap_method_text(i->method));
	vnep_jw_opt_str(&w, "uri", i->uri);
	if (i->content_format < VNEP_COAP_NO_FORMAT)
		vnep_jw_u64(&w, "content_format", i->content_format);
	if (i->payload_len || !i->method)
		vnep_jw_base64(&w, "payload", i->payload, i->payload_len);
	vnep_jw_opt_ts(&w, "not_after", i->not_after);
	vnep_jw_end_record(&w);
}

void vnep_ack_encode(struct vnep_buf *out, const struct vnep_ack *ack)
{
	static const char *const via[] = { "multicast", "unicast", "replay" };
	struct vnep_jw w;

	vnep_jw_record(&w, out, "ack");
	vnep_jw_str(&w, "id", ack->id);
	vnep_jw_str(&w, "dev", ack->dev);
	vnep_jw_str(&w, "via", via[ack->via]);
	if (ack->evidence)
		vnep_jw_str(&w, "evidence", vnep_evidence_text(ack->evidence));
	vnep_jw_opt_str(&w, "code", ack->code);
	vnep_jw_opt_u64(&w, "rtt_us", ack->rtt_us);
	vnep_jw_end_record(&w);
}

void vnep_membership_encode(struct vnep_buf *out, const struct vnep_membership *m)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "membership");
	vnep_jw_instant(&w, m->ts);
	vnep_jw_str(&w, "dev", m->dev);
	vnep_jw_str(&w, "group", m->group);
	vnep_jw_str(&w, "state", vnep_member_text(m->state));
	vnep_jw_end_record(&w);
}

void vnep_result_encode(struct vnep_buf *out, const struct vnep_result *r)
{
	struct vnep_jw w;

	vnep_jw_record(&w, out, "result");
	vnep_jw_str(&w, "id", r->id);
	vnep_jw_opt_str(&w, "group", r->group);
	vnep_jw_u64(&w, "members", r->members);
	vnep_jw_u64(&w, "sent", r->sent);
	vnep_jw_u64(&w, "acked", r->acked);
	vnep_jw_u64(&w, "pending", r->pending);
	vnep_jw_u64(&w, "expired", r->expired);
	vnep_jw_u64(&w, "failed", r->failed);
	vnep_jw_u64(&w, "elapsed_ms", r->elapsed_ms);
	vnep_jw_end_record(&w);
}
