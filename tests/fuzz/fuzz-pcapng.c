/* Any bytes as a sequence of blocks: no read beyond the end, and what passes is written back the
 * same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/pcapng.h"

static void put(struct vnep_buf *out, const struct vnep_pcapng_block *block)
{
	if (block->type == VNEP_PCAPNG_SECTION)
		vnep_pcapng_put_section(out, &block->section);
	else if (block->type == VNEP_PCAPNG_INTERFACE)
		vnep_pcapng_put_interface(out, &block->interface);
	else if (block->type == VNEP_PCAPNG_PACKET &&
		 block->packet.frame_len <= VNEP_PCAPNG_FRAME_MAX)
		vnep_pcapng_put_packet(out, &block->packet);
	else if (block->type == VNEP_PCAPNG_RECORD && block->record.len <= VNEP_PCAPNG_FRAME_MAX)
		vnep_pcapng_put_record(out, block->record.json, block->record.len, NULL);
	else if (block->type == VNEP_PCAPNG_ERASED)
		vnep_pcapng_put_erased(out, &block->erased);
	else if (block->type == VNEP_PCAPNG_SYNC)
		vnep_pcapng_put_sync(out, &block->sync);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vnep_pcapng_block block, again;
	struct vnep_err err = { 0 };
	struct vnep_buf out = { 0 };
	bool big = false, little = false;

	while (len && !vnep_pcapng_get(&block, &big, data, len, &err)) {
		vnep_buf_reset(&out);
		put(&out, &block);
		if (out.len) {
			assert(!vnep_pcapng_get(&again, &little, out.data, out.len, &err));
			assert(again.type == block.type && again.len == out.len);
		}
		data += block.len;
		len -= block.len;
	}
	vnep_buf_release(&out);
	return 0;
}
