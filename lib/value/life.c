/* life - the state machine of a device, one flat switch. */
#include "vnep/life.h"

static enum vnep_life to(enum vnep_life next, unsigned *actions, unsigned what)
{
	*actions = what;
	return next;
}

enum vnep_life vnep_life_step(
	enum vnep_life now, enum vnep_life_event event, bool never_awake, unsigned *actions)
{
	bool ends = event == VNEP_LIFE_SILENCE || event == VNEP_LIFE_DOWN;

	*actions = 0;
	switch (now) {
	case VNEP_LIFE_UNKNOWN:
	case VNEP_LIFE_ASLEEP:
		if (event == VNEP_LIFE_SIGN)
			return to(VNEP_LIFE_WAKING, actions, VNEP_DO_CONNECT | VNEP_DO_REPLAY);
		return now;
	case VNEP_LIFE_WAKING:
		if (event == VNEP_LIFE_BACKLOG_EMPTY && !never_awake)
			return to(VNEP_LIFE_HOLDING, actions, VNEP_DO_HOLD);
		if (ends)
			return to(VNEP_LIFE_ASLEEP, actions, VNEP_DO_DISCONNECT);
		return now;
	case VNEP_LIFE_HOLDING:
		if (event == VNEP_LIFE_HELD)
			return to(VNEP_LIFE_AWAKE, actions, VNEP_DO_RELEASE);
		if (event == VNEP_LIFE_BUSY)
			return to(VNEP_LIFE_WAKING, actions, VNEP_DO_UNAWAKE | VNEP_DO_REPLAY);
		if (ends)
			return to(VNEP_LIFE_ASLEEP, actions, VNEP_DO_UNAWAKE | VNEP_DO_DISCONNECT);
		return now;
	case VNEP_LIFE_AWAKE:
		if (event == VNEP_LIFE_PACKET)
			return to(VNEP_LIFE_WAKING, actions, VNEP_DO_UNAWAKE | VNEP_DO_REPLAY);
		if (ends)
			return to(VNEP_LIFE_ASLEEP, actions, VNEP_DO_UNAWAKE | VNEP_DO_DISCONNECT);
		return now;
	}
	return now;
}

enum vnep_presence_state vnep_life_presence(enum vnep_life life)
{
	switch (life) {
	case VNEP_LIFE_UNKNOWN: return VNEP_STATE_UNKNOWN;
	case VNEP_LIFE_ASLEEP: return VNEP_STATE_ASLEEP;
	case VNEP_LIFE_WAKING:
	case VNEP_LIFE_HOLDING: return VNEP_STATE_WAKING;
	case VNEP_LIFE_AWAKE: return VNEP_STATE_AWAKE;
	}
	return VNEP_STATE_UNKNOWN;
}
