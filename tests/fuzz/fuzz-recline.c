/*
 * fuzz-recline - whatever the short way takes, the long way takes too, and both make the same of it.
 */
#include "fuzz.h"
#include "recline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= VNEP_LINE_MAX / 8)
		HOLDS(recline_compare((const char *)data, size) >= 0);
	return 0;
}
