/*
 * t - the smallest harness that can fail: TAP on standard output, one line a test.
 *
 *   TEST("a title that says the promise") { CHECK(1 + 1 == 2); }
 *   int main(void) { return t_run(); }
 */
#ifndef T_H
#define T_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct t_case {
	const char *title;
	void (*run)(void);
	struct t_case *next;
};

static struct t_case *t_cases, **t_tail = &t_cases;
static int t_failed;
static const char *t_skipped;

#define T_CAT2(a, b) a##b
#define T_CAT(a, b)  T_CAT2(a, b)
#define TEST(name) T_TEST(name, T_CAT(t_case_, __LINE__), T_CAT(t_fn_, __LINE__))
#define T_TEST(name, var, fn)                                                                      \
	static void fn(void);                                                                      \
	__attribute__((constructor)) static void T_CAT(fn, _add)(void)                             \
	{                                                                                          \
		static struct t_case var = { name, fn, NULL };                                     \
		*t_tail = &var;                                                                    \
		t_tail = &var.next;                                                                \
	}                                                                                          \
	static void fn(void)

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);                        \
			t_failed = 1;                                                              \
		}                                                                                  \
	} while (0)

/* The rest of this test cannot be tried here: says what is missing. */
#define SKIP(why)                                                                                  \
	do {                                                                                       \
		t_skipped = (why);                                                                 \
		return;                                                                            \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *t_a = (a), *t_b = (b);                                                 \
		if (strcmp(t_a, t_b)) {                                                            \
			printf("# %s:%d: \"%s\" is not \"%s\"\n", __FILE__, __LINE__, t_a, t_b);   \
			t_failed = 1;                                                              \
		}                                                                                  \
	} while (0)

#define CHECK_INT(a, b)                                                                            \
	do {                                                                                       \
		long long t_a = (long long)(a), t_b = (long long)(b);                              \
		if (t_a != t_b) {                                                                  \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, t_a, t_b); \
			t_failed = 1;                                                              \
		}                                                                                  \
	} while (0)

static int t_run(void)
{
	int n = 0, bad = 0;

	for (struct t_case *c = t_cases; c; c = c->next) {
		t_failed = 0;
		t_skipped = NULL;
		c->run();
		printf("%s %d - %s%s%s\n", t_failed ? "not ok" : "ok", ++n, c->title,
			t_skipped ? " # skip " : "", t_skipped ? t_skipped : "");
		bad += t_failed;
		fflush(stdout);
	}
	printf("1..%d\n", n);
	return bad ? 1 : 0;
}

#endif
