/* fuzz-dnskey - any bytes as a key file: refused with a place and without the secret, or a key that fits. */
#include "fuzz.h"
#include "vnep/dnskey.h"
#include "vnep/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnep_dnskey key = { 0 };
	struct vnep_err err = { 0 };
	int rc = vnep_dnskey_parse((const char *)data, size, &key, &err);

	if (rc) {
		HOLDS(err.code == rc && err.text[0] && err.line && err.column);
		HOLDS(!key.name[0] && !key.secret[0]);
		return 0;
	}
	HOLDS(strnlen(key.name, sizeof key.name) < sizeof key.name);
	HOLDS(key.name[0] && key.name[strlen(key.name) - 1] == '.');
	HOLDS(!strncmp(key.algorithm, "hmac-sha", 8));
	HOLDS(strnlen(key.secret, sizeof key.secret) < sizeof key.secret);
	HOLDS(strlen(key.secret) && strlen(key.secret) % 4 == 0);
	return 0;
}
