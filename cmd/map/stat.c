/* stat - how much there is. */
#include "map.h"
#include "vnep/recjson.h"

int map_stat(struct vnep_cli *cli)
{
	struct vnep_map_stat stat;
	struct map_reader reader;
	struct vnep_buf out;
	int rc = map_reader_open(&reader, cli);

	if (rc)
		return rc;
	vnep_buf_init(&out);
	rc = vnep_map_stat(reader.txn, &stat, &cli->err);
	if (!rc) {
		vnep_stat_encode(&out, "vnep_map_records", "type", "device", stat.devices);
		vnep_stat_encode(&out, "vnep_map_records", "type", "vpc", stat.vpcs);
		vnep_stat_encode(&out, "vnep_map_records", "type", "group", stat.groups);
		vnep_stat_encode(&out, "vnep_map_records", "type", "binding", stat.bindings);
		vnep_stat_encode(&out, "vnep_map_tombstones", NULL, NULL, stat.tombstones);
		vnep_stat_encode(&out, "vnep_map_past_records", NULL, NULL, stat.past);
		vnep_stat_encode(
			&out, "vnep_map_history_seconds", NULL, NULL, stat.history_us / 1000000);
		vnep_stat_encode(&out, "vnep_map_revision", NULL, NULL, stat.revision);
		vnep_stat_encode(&out, "vnep_map_octets", NULL, NULL, stat.octets);
		rc = vnep_out_records(cli, &out, false);
	}
	vnep_buf_release(&out);
	map_reader_close(&reader);
	return rc;
}
