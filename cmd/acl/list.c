/* list - the kernel's bindings as element records, named by the map where there is one. */
#include <stdio.h>

#include "acl.h"
#include "vnep/recjson.h"

enum { FLUSH_OCTETS = 1 << 16 };

struct list {
	struct vnep_cli *cli;
	struct acl_map map;
	struct vnep_buf out;
};

static int put(const struct vnep_element *element, void *arg)
{
	struct list *l = arg;
	struct vnep_element named = *element;

	if (l->map.txn && vnep_map_by_vep(l->map.txn, &element->vep, named.dev))
		named.dev[0] = 0;
	vnep_element_encode(&l->out, &named);
	return l->out.len < FLUSH_OCTETS ? l->out.rc : vnep_out_records(l->cli, &l->out, false);
}

int acl_list(struct vnep_cli *cli)
{
	const struct vnep_acl_config config = { 0 };
	struct list l = { .cli = cli };
	struct vnep_acl *acl = NULL;
	int rc = acl_map_open(cli, &l.map);

	vnep_buf_init(&l.out);
	if (!rc)
		rc = vnep_acl_open(&acl, &config, false, &cli->err);
	if (!rc)
		rc = vnep_acl_present(acl, &cli->err);
	if (!rc)
		rc = vnep_acl_each_element(acl, put, &l, &cli->err);
	if (!rc)
		rc = vnep_out_records(cli, &l.out, false);
	vnep_acl_close(acl);
	vnep_buf_release(&l.out);
	acl_map_close(&l.map);
	return rc;
}
