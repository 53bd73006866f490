#include "t.h"
#include "vnep/steady.h"

#define S   INT64_C(1000000000)
#define DAY (86400 * S)
#define T0  (1800000000 * S) /* the wall clock at boot */

static struct vnep_steady steady;

static bool look(int64_t boot_s, int64_t wall_ns)
{
	return vnep_steady_look(
		&steady, (struct vnep_mono){ boot_s * S }, (struct vnep_wall){ wall_ns });
}

static int64_t age_s(int64_t boot_s, int64_t wall_ns)
{
	return vnep_steady_age_ns(
		       &steady, (struct vnep_mono){ boot_s * S }, (struct vnep_wall){ wall_ns }) /
	       S;
}

TEST("steady: a clock that nobody sets: the difference of two times, also from before the boot; "
     "what is ahead is new")
{
	steady = (struct vnep_steady){ 0 };
	CHECK(!look(100, T0 + 100 * S));
	CHECK(!look(200, T0 + 200 * S + S / 2)); /* slewed */
	CHECK_INT(age_s(200, T0 + 150 * S + S / 2), 50);
	CHECK_INT(age_s(200, T0 - 1000 * S + S / 2), 1200);
	CHECK_INT(age_s(200, T0 + DAY), 0);
}

TEST("steady: a clock that is set a day forward or back: nothing is older or younger for it")
{
	for (int sign = -1; sign <= 1; sign += 2) {
		int64_t jump = sign * DAY;

		steady = (struct vnep_steady){ 0 };
		look(100, T0 + 100 * S);
		look(1000, T0 + 1000 * S);
		CHECK(look(1010, T0 + 1010 * S + jump));
		CHECK(!look(2000, T0 + 2000 * S + jump));
		CHECK_INT(age_s(2000, T0 + 500 * S), 1500);
		CHECK_INT(age_s(2000, T0 + 1000 * S), 1000);
		CHECK_INT(age_s(2000, T0 + 1005 * S), 995); /* between two looks, by both clocks */
		CHECK_INT(age_s(2000, T0 + 1005 * S + jump), 995);
		CHECK_INT(age_s(2000, T0 + 1900 * S + jump), 100);
		CHECK_INT(age_s(2000, T0 - 50 * S), 2050); /* before the boot */
		/* and back again */
		CHECK(look(2010, T0 + 2010 * S));
		CHECK_INT(age_s(3000, T0 + 500 * S), 2500);
		CHECK_INT(age_s(3000, T0 + 1900 * S + jump), 1100);
		CHECK_INT(age_s(3000, T0 + 2500 * S), 500);
	}
}

TEST("steady: a clock that began at 1970, or far ahead: what was written before the boot is as old "
     "as the right clock says")
{
	for (int ahead = 0; ahead < 2; ahead++) {
		steady = (struct vnep_steady){ 0 };
		look(10, ahead ? 2 * T0 : 10 * S);
		look(20, T0 + 20 * S);
		CHECK_INT(age_s(100, T0 - 900 * S), 1000);
		CHECK_INT(age_s(100, T0 + 60 * S), 40);
	}
}

TEST("steady: limits of an age never cut off too early, and are exact again when all is older than "
     "the jump")
{
	for (int sign = -1; sign <= 1; sign += 2) {
		int64_t jump = sign * DAY;

		steady = (struct vnep_steady){ 0 };
		look(1000, T0 + 1000 * S);
		look(1010, T0 + 1010 * S + jump);
		for (int64_t ts_s = 900; ts_s < 1100; ts_s += 20) {
			int64_t ts = T0 + ts_s * S + (ts_s > 1005 ? jump : 0), limit = 300 * S,
				before = vnep_steady_limit_at(
					&steady, (struct vnep_mono){ 1200 * S }, limit)
						 .ns;

			CHECK(ts >= before || 1200 - ts_s > 300);
		}
		CHECK_INT(vnep_steady_limit_at(&steady, (struct vnep_mono){ 5000 * S }, 300 * S).ns,
			T0 + 4700 * S + jump);
	}
}

TEST("steady: more jumps than there are eras: the oldest is forgotten, the others hold")
{
	steady = (struct vnep_steady){ 0 };
	for (int64_t n = 0; n < 3 * VNEP_STEADY_ERAS; n++)
		look(1000 * (n + 1), T0 + 1000 * (n + 1) * S + n * DAY);
	CHECK_INT(steady.count, VNEP_STEADY_ERAS);
	for (int64_t n = 3 * VNEP_STEADY_ERAS - 4; n < 3 * VNEP_STEADY_ERAS - 1; n++)
		CHECK_INT(age_s(30000, T0 + (1000 * (n + 1) + 500) * S + n * DAY),
			30000 - 1000 * (n + 1) - 500);
}

int main(void)
{
	return t_run();
}
