/* Any bytes as CBOR, and as a frame with CoAP: what comes out is JSON, and nothing is read beyond the end. */
#include "fuzz.h"
#include "vnep/cbor.h"
#include "vnep/coap.h"
#include "vnep/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnep_coap_body body;
	struct vnep_json *json = NULL;
	struct vnep_buf out = { 0 };
	struct vnep_frame frame;

	if (!vnep_cbor_to_json(&out, data, size)) {
		HOLDS(out.len > 0);
		HOLDS(!vnep_json_parse((const char *)out.data, out.len, &json, NULL));
		vnep_json_free(json);
	} else {
		HOLDS(out.len == 0);
	}
	vnep_buf_release(&out);
	if (!vnep_frame_parse(&frame, data, size) && vnep_coap_body_read(&body, &frame, data)) {
		HOLDS(strlen(body.path) <= VNEP_COAP_PATH_MAX);
		HOLDS(!body.payload_len || body.payload + body.payload_len <= data + size);
	}
	return 0;
}
