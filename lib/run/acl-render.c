/* acl-render - the wanted state as text: the same ruleset that apply writes, through the other
 * back-end. */
#include <errno.h>
#include <string.h>

#include "acl-private.h"
#include "vnep/err.h"
#include "vnep/nfttext.h"

enum { CHUNK = 256 }; /* elements of one statement, and of one call of emit */

struct render {
	struct vnep_nfttext text;
	struct vnep_buf buf;
	vnep_acl_emit_cb *emit;
	void *arg;
};

static int hand_out(struct render *r)
{
	int rc = r->buf.rc ? r->buf.rc : r->emit(&r->buf, r->arg);

	vnep_buf_reset(&r->buf);
	return rc;
}

static int render_set(
	struct vnep_acl *acl, struct render *r, enum vnep_set set, struct vnep_err *err)
{
	struct acl_elements e;
	int rc;

	if (vnep_set_specs[set].kernel)
		return 0;
	rc = acl_elements_want(acl, set, &e, err);
	for (size_t at = 0; !rc && at < e.count; at += CHUNK) {
		vnep_nfttext_elements(
			&r->text, set, e.items + at, e.count - at < CHUNK ? e.count - at : CHUNK);
		rc = hand_out(r);
	}
	acl_elements_release(&e);
	return rc;
}

/* L : V of the devices whose packets leave by this lane. */
static int render_neighbours(struct vnep_acl *acl, struct render *r, const struct acl_lane *lane)
{
	struct acl_elements e = { .set = VNEP_SET_TO_BINDING };
	const struct acl_device *d;
	int rc = 0;

	for (size_t i = 0; (d = vnep_table_next(&acl->devices, &i));)
		if (d->class != ACL_NONE && lane == &acl->lanes[d->lane])
			acl_elements_add(&e, d->addr.s6_addr, d->vep.s6_addr);
	acl_elements_sort(&e);
	rc = e.rc;
	for (size_t at = 0; !rc && at < e.count; at += CHUNK) {
		vnep_nfttext_neighbours(&r->text, acl->config.access[lane->key.port],
			lane->key.vlan, e.items + at, e.count - at < CHUNK ? e.count - at : CHUNK);
		rc = hand_out(r);
	}
	acl_elements_release(&e);
	return rc;
}

int vnep_acl_render(
	struct vnep_acl *acl, bool json, vnep_acl_emit_cb *emit, void *arg, struct vnep_err *err)
{
	struct render r = { .emit = emit, .arg = arg };
	int rc = acl->offline ? acl_build(acl, err)
			      : vnep_err_set(err, VNEP_EUSAGE,
					"rendering needs no kernel: open it offline");

	if (!rc)
		rc = acl_fill_check(acl, err);
	if (!rc)
		rc = acl_elements_check(acl, err);
	if (rc)
		return rc;
	vnep_buf_init(&r.buf);
	r.text = (struct vnep_nfttext){
		.out = &r.buf, .json = json, .rs = &acl->rs, .ports = acl->config.access
	};
	vnep_nfttext_rules(&r.text);
	rc = hand_out(&r);
	for (int set = 0; !rc && set < VNEP_SET_COUNT; set++)
		rc = render_set(acl, &r, (enum vnep_set)set, err);
	for (size_t i = 0; !rc && i < acl->lane_count; i++)
		if (acl->lanes[i].users && !acl->lanes[i].key.host)
			rc = render_neighbours(acl, &r, &acl->lanes[i]);
	if (!rc) {
		vnep_nfttext_end(&r.text);
		rc = hand_out(&r);
	}
	if (rc == -ENOMEM)
		vnep_err_sys(err, ENOMEM, "rendering");
	vnep_buf_release(&r.buf);
	return rc;
}
