/* recjson-put - members that several records have. */
#include <string.h>

#include "recjson-keys.h"
#include "recjson-put.h"

void vnep_jw_opt_u64(struct vnep_jw *w, const char *key, uint64_t value)
{
	if (value)
		vnep_jw_u64(w, key, value);
}

void vnep_jw_opt_mac(struct vnep_jw *w, const char *key, const struct vnep_mac *mac)
{
	static const struct vnep_mac none = { { 0 } };

	if (!vnep_mac_equal(mac, &none))
		vnep_jw_mac(w, key, mac);
}

void vnep_jw_opt_ts(struct vnep_jw *w, const char *key, struct vnep_wall ts)
{
	if (ts.ns)
		vnep_jw_ts(w, key, ts);
}

void vnep_jw_addrs(struct vnep_jw *w, const struct in6_addr *addr, unsigned count)
{
	if (!count)
		return;
	vnep_jw_array(w, "addr");
	for (unsigned i = 0; i < count; i++)
		vnep_jw_ip6(w, NULL, &addr[i]);
	vnep_jw_end_array(w);
}

void vnep_jw_instant(struct vnep_jw *w, struct vnep_wall ts)
{
	vnep_jw_ts(w, "ts", ts);
	vnep_jw_u64(w, "us", ts.ns < 0 ? 0 : (uint64_t)ts.ns / 1000);
}

void vnep_jw_proto(struct vnep_jw *w, uint8_t proto)
{
	char text[VNEP_PROTO_LEN];

	vnep_proto_print(proto, text);
	vnep_jw_str(w, "proto", text);
}
