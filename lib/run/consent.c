/* consent - what of a device may be journaled at all. */
#include <string.h>

#include "vnep/err.h"
#include "vnep/mapstore.h"
#include "vnep/retention.h"

bool vnep_consent_may_keep(struct vnep_consent *consent, const struct vnep_event *event)
{
	bool waits = event->direction == VNEP_TO_DEVICE && !event->copy;

	if (!consent->map || !event->frame || waits)
		return true;
	if (strcmp(consent->dev, event->dev) != 0) {
		consent->given = vnep_map_consents(consent->map, event->dev);
		memcpy(consent->dev, event->dev, sizeof consent->dev);
	}
	return consent->given;
}

int vnep_consent_refuse(const struct vnep_event *event, struct vnep_err *err)
{
	return vnep_err_set(err, VNEP_EVALUE,
		"%s does not consent: only what waits for it is journaled", event->dev);
}
