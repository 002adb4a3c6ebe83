#include "base/js.h"

#include <math.h>
#include <stdlib.h>

#include "tap.h"

static void
test_write(void)
{
	struct js *o = js_object(), *list = js_array();
	char *line;

	js_set_string(o, "z", "caf\xe9\"\n");
	js_set_string(o, "none", NULL);
	js_set_int(o, "a", INT64_MIN);
	js_set_bool(o, "yes", 5);
	js_append(list, js_real(0.5));
	js_append(list, js_real(NAN));
	js_append(list, js_real(-INFINITY));
	js_append(list, js_null());
	js_set(o, "bad\xffkey", list);
	line = js_line(o);
	is_str(line, "{\"z\":\"caf\xef\xbf\xbd\\\"\\n\",\"none\":null,"
	    "\"a\":-9223372036854775808,\"yes\":true,"
	    "\"bad\xef\xbf\xbdkey\":[0.5,\"nan\",\"-inf\",null]}",
	    "insertion order, replaced bytes, no NaN");
	free(line);
	js_free(o);
}

static void
test_read(void)
{
	static const char text[] =
	    "{\"s\":\"x\",\"i\":42,\"r\":1.5,\"n\":\"nan\","
	    "\"b\":true,\"l\":[1,2],\"o\":{\"k\":\"v\"},\"nul\":\"a\\u0000b\"}";
	struct js *v = NULL;
	int64_t i = 0;
	double d = 0;

	if (!no_err(js_parse(&v, text, sizeof(text) - 1), "parses"))
		return;
	is_str(js_get_string(v, "s"), "x", "a string");
	is_str(js_get_string(v, "i"), NULL, "a number is no string");
	ok(js_get_int(v, "i", &i) && i == 42, "an integer");
	ok(!js_get_int(v, "r", &i), "a real is no integer");
	ok(js_get_real(v, "i", &d) && d == 42, "an integer is a number");
	ok(js_get_real(v, "n", &d) && isnan(d), "nan comes back");
	ok(!js_get_real(v, "s", &d), "a string is none");
	ok(js_get_bool(v, "b") && !js_get_bool(v, "absent"), "booleans");
	is_int((long long)js_size(js_get(v, "l")), 2, "an array");
	ok(js_at(js_get(v, "l"), 2) == NULL, "and its end");
	is_str(js_get_string(js_get(v, "o"), "k"), "v", "nested");
	ok(js_get(js_get(v, "s"), "k") == NULL, "no member of a string");
	ok(js_get(js_get(v, "absent"), "k") == NULL, "nor of nothing");
	is_str(js_get_string(v, "nul"), "a", "NUL in a string");
	js_free(v);
}

int
main(void)
{
	static char deep[100000];
	struct js *v;

	test_write();
	test_read();
	is_err(js_parse(&v, "{\"a\":", 5), ERR_INPUT, "line 1", "cut short");
	ok(v == NULL, "gives no value");
	is_err(js_parse(&v, "", 0), ERR_INPUT, "not JSON", "empty");
	is_err(js_parse(&v, "{} x", 4), ERR_INPUT, "not JSON", "a rest");
	is_err(js_parse(&v, "\"\xff\"", 3), ERR_INPUT, "not JSON",
	    "invalid UTF-8");
	memset(deep, '[', sizeof(deep));
	is_err(js_parse(&v, deep, sizeof(deep)), ERR_INPUT, "not JSON",
	    "too deep");
	no_err(js_parse(&v, "3", 1), "a value alone");
	js_free(v);
	js_free(NULL);
	return done_testing();
}
