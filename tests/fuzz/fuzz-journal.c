/* Any bytes as a segment: every step of the walk ends, covers each octet once, and what it gives is a record. */
#include "fuzz.h"

#include "../../lib/os/journal-private.h"
#include "vnep/json.h"
#include "vnep/recjson.h"

struct memory {
	struct vnep_vio vio;
	const uint8_t *data;
	size_t size;
};

static ssize_t memory_read(const struct vnep_vio *vio, int fd, void *out, size_t len, uint64_t at)
{
	const struct memory *memory = (const struct memory *)vio;

	(void)fd;
	if (at >= memory->size)
		return 0;
	if (len > memory->size - at)
		len = memory->size - (size_t)at;
	memcpy(out, memory->data + at, len);
	return (ssize_t)len;
}

static int memory_close(const struct vnep_vio *vio, int fd)
{
	(void)vio;
	(void)fd;
	return 0;
}

static void give(const struct vnep_pcapng_block *block)
{
	struct vnep_journal_item item;
	struct vnep_json *json = NULL;
	struct vnep_buf out = { 0 };

	if (block->type != VNEP_PCAPNG_PACKET && block->type != VNEP_PCAPNG_RECORD &&
		block->type != VNEP_PCAPNG_ERASED)
		return;
	if (vnep_jitem_decode(&item, block, NULL))
		return;
	if (item.type == VNEP_RECORD_EVENT)
		vnep_event_encode(&out, &item.event);
	else if (item.type == VNEP_RECORD_CHECKPOINT)
		vnep_checkpoint_encode(&out, &item.checkpoint);
	else
		vnep_outcome_encode(&out, &item.outcome);
	HOLDS(out.rc || !vnep_json_parse((const char *)out.data, out.len - 1, &json, NULL));
	vnep_json_free(json);
	vnep_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory memory = {
		.vio = { .read = memory_read, .close = memory_close }, .data = data, .size = size
	};
	struct vnep_jfound found;
	struct vnep_jwalk walk;
	uint64_t at = 0;
	int rc;

	vnep_jwalk_init(&walk, &memory.vio, 3, 1, 0, size);
	while ((rc = vnep_jwalk_next(&walk, &found, NULL)) > 0) {
		if (rc == VNEP_JSTEP_BLOCK) {
			HOLDS(walk.at == at + found.block.len && found.offset == at);
			give(&found.block);
		} else {
			HOLDS(walk.at >= at && found.damage.offset + found.damage.octets <= size);
			HOLDS(walk.at > at || found.damage.records == 0);
		}
		at = walk.at;
	}
	HOLDS(rc == 0);
	vnep_jwalk_release(&walk);
	return 0;
}
