#include "base/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/proc.h"
#include "base/strvec.h"
#include "base/text.h"

/*
 * stdio keeps that a write failed, but not why: ask the descriptor whether
 * its reader is still there.
 */
static int
reader_gone(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	return errno == EPIPE ||
	    (poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0);
}

struct err *
out_flush(FILE *f)
{
	errno = 0;
	if (fflush(f) == 0 && !ferror(f))
		return NULL;
	if (reader_gone(fileno(f)))
		return NULL;
	if (errno == 0)
		return err_new(ERR_SYSTEM, "cannot write the output");
	return err_errno("cannot write the output");
}

static int
terminal_columns(void)
{
	const char *s = getenv("COLUMNS");
	struct winsize ws;
	char *end;
	long n;

	if (s != NULL) {
		n = strtol(s, &end, 10);
		if (end != s && *end == '\0' && n > 0 && n < 10000)
			return (int)n;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return ws.ws_col;
	return 80;
}

static int
wants_colour(const char *setting, int terminal)
{
	static const char *const off[] = { "never", "false", "no", "off", "0" };
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	size_t i;

	for (i = 0; setting != NULL && i < sizeof(off) / sizeof(off[0]); i++)
		if (strcmp(setting, off[i]) == 0)
			return 0;
	if (setting != NULL && strcmp(setting, "always") == 0)
		return 1;
	if (!terminal || (no_color != NULL && *no_color != '\0'))
		return 0;
	return term != NULL && strcmp(term, "dumb") != 0;
}

/* The pager's shell line; empty if there is none to use. */
static void
find_pager(struct buf *line)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	int status;

	strvec_pushl(&argv, "git", "var", "GIT_PAGER", (char *)NULL);
	p.argv = &argv;
	p.flags = PROC_NO_STDERR;
	err_free(proc_capture(&p, NULL, line, NULL, &status));
	buf_rtrim(line);
	if (strcmp(line->p, "cat") == 0)
		buf_clear(line);
	strvec_release(&argv);
}

static struct err *
start_pager(struct out *o, const char *line)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct err *e = NULL;
	int fd[2];

	if (pipe(fd) != 0)
		return err_errno("cannot make a pipe");
	(void)fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	strvec_push(&argv, line);
	if (getenv("LESS") == NULL)
		strvec_push(&env, "LESS=FRX");
	if (getenv("LV") == NULL)
		strvec_push(&env, "LV=-c");
	p.argv = &argv;
	p.env = &env;
	p.flags = PROC_SHELL;
	p.in = fd[0];
	e = proc_start(&p, &o->pager);
	close(fd[0]);
	if (e == NULL)
		o->f = fdopen(fd[1], "w");
	else
		close(fd[1]);
	strvec_release(&argv);
	strvec_release(&env);
	return e;
}

struct err *
out_open(struct out *o, int paged, const char *colour_setting)
{
	struct buf line = BUF_INIT;
	struct err *e = NULL;

	memset(o, 0, sizeof(*o));
	o->f = stdout;
	o->terminal = isatty(STDOUT_FILENO);
	o->columns = terminal_columns();
	o->colour = wants_colour(colour_setting, o->terminal);
	if (!paged || !o->terminal)
		return NULL;
	find_pager(&line);
	if (line.len != 0) {
		e = start_pager(o, line.p);
		/* ^C belongs to the pager, which must outlive us no less. */
		if (e == NULL)
			o->on_interrupt = signal(SIGINT, SIG_IGN);
	}
	buf_release(&line);
	return e;
}

struct err *
out_close(struct out *o)
{
	struct err *e;
	int status;

	e = out_flush(o->f);
	if (o->pager == 0)
		return e;
	(void)fclose(o->f);
	e = err_first(e, proc_wait(o->pager, &status));
	(void)signal(SIGINT, o->on_interrupt);
	o->f = stdout;
	o->pager = 0;
	return e;
}

void
out_str(struct out *o, const char *s)
{
	fputs(s, o->f);
}

void
out_printf(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(o->f, fmt, ap);
	va_end(ap);
}

void
out_styled(struct out *o, enum style style, const char *fmt, ...)
{
	va_list ap;

	fputs(out_begin(o, style), o->f);
	va_start(ap, fmt);
	vfprintf(o->f, fmt, ap);
	va_end(ap);
	fputs(out_end(o, style), o->f);
}

const char *
out_begin(const struct out *o, enum style style)
{
	if (!o->colour)
		return "";
	switch (style) {
	case STYLE_BOLD: return "\033[1m";
	case STYLE_DIM: return "\033[2m";
	case STYLE_ID: return "\033[33m";
	case STYLE_GOOD: return "\033[32m";
	case STYLE_BAD: return "\033[31m";
	case STYLE_WARN: return "\033[33m";
	case STYLE_HEAD: return "\033[1;36m";
	default: return "";
	}
}

const char *
out_end(const struct out *o, enum style style)
{
	return o->colour && style != STYLE_PLAIN ? "\033[m" : "";
}

struct cell {
	char *text;
	enum style style;
};

struct column {
	size_t width;
	int right;
};

struct table {
	struct column *columns;
	size_t count;
	size_t flexible;	/* count: none is */
	struct cell *cells;
	size_t used, cap;
};

struct table *
table_new(size_t columns)
{
	struct table *t = xcalloc(1, sizeof(*t));

	t->columns = xcalloc(columns, sizeof(*t->columns));
	t->count = columns;
	t->flexible = columns;
	return t;
}

void
table_right(struct table *t, size_t column)
{
	t->columns[column].right = 1;
}

void
table_flexible(struct table *t, size_t column)
{
	t->flexible = column;
}

void
table_cell(struct table *t, enum style style, const char *text)
{
	struct column *c = &t->columns[t->used % t->count];
	struct buf clean = BUF_INIT;
	size_t width;

	text_clean(&clean, text, strlen(text), TEXT_LINE);
	width = text_width(clean.p);
	if (width > c->width)
		c->width = width;
	ALLOC_GROW(t->cells, t->used, t->cap);
	t->cells[t->used].style = style;
	t->cells[t->used++].text = buf_steal(&clean);
}

void
table_cellf(struct table *t, enum style style, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	table_cell(t, style, text);
	free(text);
}

/* Take from the flexible column what the terminal lacks, down to 8. */
static void
table_shrink(struct table *t, size_t indent, size_t columns)
{
	size_t i, total = indent + 2 * (t->count - 1), over, *width;

	for (i = 0; i < t->count; i++)
		total += t->columns[i].width;
	if (total <= columns || t->flexible >= t->count)
		return;
	over = total - columns;
	width = &t->columns[t->flexible].width;
	if (*width > over + 8)
		*width -= over;
	else if (*width > 8)
		*width = 8;
}

static void
print_cell(struct out *o, const struct cell *cell, const struct column *c,
    int last)
{
	struct buf text = BUF_INIT;
	int blanks;

	text_fit(&text, cell->text, c->width);
	blanks = (int)(c->width - text_width(text.p));
	if (c->right)
		fprintf(o->f, "%*s", blanks, "");
	if (text.len != 0)
		out_styled(o, cell->style, "%s", text.p);
	if (!last)
		fprintf(o->f, "%*s", c->right ? 2 : blanks + 2, "");
	buf_release(&text);
}

/* The cells of a row behind which there is nothing to see. */
static size_t
row_length(const struct table *t, size_t row)
{
	size_t n = t->used - row;

	if (n > t->count)
		n = t->count;
	while (n > 0 && t->cells[row + n - 1].text[0] == '\0')
		n--;
	return n;
}

void
table_print(struct table *t, struct out *o, size_t indent)
{
	size_t row, i, n;

	if (o->terminal)
		table_shrink(t, indent, (size_t)o->columns);
	for (row = 0; row < t->used; row += t->count) {
		n = row_length(t, row);
		if (n > 0)
			fprintf(o->f, "%*s", (int)indent, "");
		for (i = 0; i < n; i++)
			print_cell(o, &t->cells[row + i], &t->columns[i],
			    i + 1 == n);
		fputc('\n', o->f);
	}
}

void
table_free(struct table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->used; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t->columns);
	free(t);
}
