/* urn - one name for one device. */
#include <ctype.h>
#include <string.h>

#include "vnep/err.h"
#include "vnep/urn.h"

static const char mac_scheme[] = "urn:dev:mac:";

static int is_hex(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isxdigit((unsigned char)p[i]))
			return 0;
	return 1;
}

/* RFC 8141: the octets of an NSS, in lower case, without percent-encoding games. */
static int is_plain(const char *p)
{
	for (; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._~!$&'()*+,;=:@/%", *p))
			return 0;
	return 1;
}

static int canonical_mac(char *urn, struct vnep_err *err)
{
	char *hex = urn + sizeof mac_scheme - 1;
	size_t n = strlen(hex);

	if ((n != 12 && n != 16) || !is_hex(hex, n))
		return vnep_err_set(err, VNEP_EVALUE,
			"URN \"%s\" needs 12 hex digits, or 16 with fffe in the middle", urn);
	if (n == 16 && memcmp(hex + 6, "ffff", 4) && memcmp(hex + 6, "fffe", 4))
		return vnep_err_set(err, VNEP_EVALUE,
			"URN \"%s\" has neither ffff nor fffe in the middle of its 16 digits", urn);
	if (n == 12)
		memmove(hex + 10, hex + 6, 7);
	memcpy(hex + 6, "fffe", 4);
	return 0;
}

int vnep_urn_canonical(const char *text, char out[static VNEP_URN_MAX + 1], struct vnep_err *err)
{
	static const char *const schemes[] = { "urn:dev:os:", "urn:dev:ops:", "urn:dev:ow:",
		"urn:dev:org:", "urn:imei:", "urn:uuid:" };
	char urn[VNEP_URN_MAX + 1];
	size_t n = strlen(text);

	if (n + 4 > VNEP_URN_MAX)
		return vnep_err_set(err, VNEP_EVALUE, "URN of %zu octets is longer than %d", n,
			VNEP_URN_MAX - 4);
	for (size_t i = 0; i <= n; i++)
		urn[i] = (char)tolower((unsigned char)text[i]);
	if (!is_plain(urn))
		return vnep_err_set(err, VNEP_EVALUE,
			"URN \"%s\" has characters that RFC 8141 does not allow", text);
	if (!strncmp(urn, mac_scheme, sizeof mac_scheme - 1)) {
		int rc = canonical_mac(urn, err);

		if (rc)
			return rc;
		memcpy(out, urn, sizeof urn);
		return 0;
	}
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t k = strlen(schemes[i]);

		if (!strncmp(urn, schemes[i], k) && urn[k]) {
			memcpy(out, urn, n + 1);
			return 0;
		}
	}
	vnep_err_set(err, VNEP_EVALUE, "\"%s\" is not a device URN", text);
	vnep_err_hint(err,
		"urn:dev:mac:, urn:dev:os:, urn:dev:ops:, urn:dev:ow:, urn:dev:org:, urn:imei: or "
		"urn:uuid: followed by the device's own part");
	return VNEP_EVALUE;
}

/* Lower case only: a canonical URN has no other. */
static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool vnep_urn_mac(const char *urn, struct vnep_mac *out)
{
	const char *hex = urn + sizeof mac_scheme - 1;
	uint8_t octet[8];

	if (strncmp(urn, mac_scheme, sizeof mac_scheme - 1) || strlen(hex) != 16)
		return false;
	for (unsigned i = 0; i < 8; i++) {
		int hi = digit(hex[2 * i]), lo = digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		octet[i] = (uint8_t)(hi << 4 | lo);
	}
	*out = (struct vnep_mac){ { octet[0], octet[1], octet[2], octet[5], octet[6], octet[7] } };
	return true;
}
