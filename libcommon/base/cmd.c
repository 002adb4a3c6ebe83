#include "base/cmd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/out.h"
#include "base/proc.h"
#include "base/strvec.h"
#include "base/text.h"

static void
print_clean(const char *before, const char *text, enum text_clean mode)
{
	struct buf b = BUF_INIT;

	buf_addstr(&b, before);
	text_clean(&b, text, strlen(text), mode);
	buf_addch(&b, '\n');
	(void)fflush(stdout);
	(void)fwrite(b.p, 1, b.len, stderr);
	buf_release(&b);
}

void
cmd_warn(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	print_clean("warning: ", text, TEXT_LINE);
	free(text);
}

void
cmd_note(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	print_clean("", text, TEXT_LINE);
	free(text);
}

/* "git-agent-log" is typed as "git agent log". */
static void
add_typed_name(struct buf *b, const char *name)
{
	int dashes = 0;

	for (; *name != '\0'; name++)
		buf_addch(b, *name == '-' && dashes++ < 2 ? ' ' : *name);
}

#define USAGE_COLUMNS 79

/* Wrapped between its words, of which "[-n N]" is one. */
static void
add_synopsis(struct buf *b, const char *line, size_t used)
{
	char *p, *words = xstrdup(line);
	size_t start = b->len;
	int depth = 0;

	for (p = words; *p != '\0'; p++) {
		depth += *p == '[' ? 1 : *p == ']' ? -1 : 0;
		if (*p == ' ' && depth > 0)
			*p = '\1';
	}
	text_wrap(b, words, used, used, USAGE_COLUMNS);
	for (p = b->p + start; *p != '\0'; p++)
		if (*p == '\1')
			*p = ' ';
	free(words);
}

static void
print_usage(const struct cmd *cmd, FILE *f)
{
	const char *const *line;
	struct buf b = BUF_INIT;
	size_t start;

	for (line = cmd->usage; *line != NULL; line++) {
		start = b.len;
		buf_addstr(&b, line == cmd->usage ? "usage: " : "   or: ");
		add_typed_name(&b, cmd->name);
		if (**line != '\0')
			buf_addch(&b, ' ');
		add_synopsis(&b, *line, b.len - start);
		buf_addch(&b, '\n');
	}
	if (cmd->opts != NULL && cmd->opts->name != NULL) {
		buf_addch(&b, '\n');
		opt_help(cmd->opts, &b);
	}
	(void)fwrite(b.p, 1, b.len, f);
	buf_release(&b);
}

int
cmd_manual(const char *page)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct err *e;
	int status = -1;
	pid_t pid;

	strvec_pushl(&argv, "man", page, (char *)NULL);
	p.argv = &argv;
	p.flags = PROC_NO_STDERR;
	p.in = STDIN_FILENO;
	(void)fflush(stdout);
	e = proc_start(&p, &pid);
	if (e == NULL)
		e = proc_wait(pid, &status);
	strvec_release(&argv);
	if (e == NULL && status == 0)
		return 0;
	err_free(e);
	return -1;
}

static void
print_completions(const struct cmd *cmd)
{
	const char *const *word;
	struct buf b = BUF_INIT;

	if (cmd->opts != NULL)
		opt_list(cmd->opts, &b);
	for (word = cmd->words; word != NULL && *word != NULL; word++)
		buf_addf(&b, "word\t%s\n", *word);
	(void)fwrite(b.p, 1, b.len, stdout);
	buf_release(&b);
}

/* What every command answers in the same way; 0 if it is not such a word. */
static int
answer_common(const struct cmd *cmd, const char *word)
{
	if (strcmp(word, "-h") == 0) {
		print_usage(cmd, stdout);
	} else if (strcmp(word, "--help") == 0) {
		if (cmd_manual(cmd->name) != 0)
			print_usage(cmd, stdout);
	} else if (strcmp(word, "--version") == 0) {
		puts("git-agent version " GIT_AGENT_VERSION);
	} else if (strcmp(word, "--git-completion-helper") == 0) {
		print_completions(cmd);
	} else {
		return 0;
	}
	return 1;
}

static int
report(const struct cmd *cmd, struct err *e)
{
	int usage = e->code == ERR_USAGE;

	print_clean(usage ? "error: " : "fatal: ", e->msg, TEXT_BLOCK);
	if (usage)
		print_usage(cmd, stderr);
	err_free(e);
	return usage ? EXIT_USAGE : EXIT_FATAL;
}

/* A request for help among arguments that do not parse, "check HEAD -h". */
static const char *
asked_for_help(char **words)
{
	for (; *words != NULL && strcmp(*words, "--") != 0; words++)
		if (strcmp(*words, "-h") == 0 || strcmp(*words, "--help") == 0)
			return *words;
	return NULL;
}

static struct err *
run(const struct cmd *cmd, char **argv, int *status)
{
	static const struct opt none[] = { OPT_END };
	const struct opt *opts = cmd->opts != NULL ? cmd->opts : none;
	void *values = xcalloc(1, cmd->values_size);
	struct strvec given = STRVEC_INIT;
	const char *help = NULL;
	struct err *e;
	int i, argc;

	/* opt_parse() rearranges argv. */
	for (i = argv[0] != NULL; argv[i] != NULL; i++)
		strvec_push(&given, argv[i]);
	if (cmd->defaults != NULL)
		cmd->defaults(values);
	e = opt_parse(opts, values, argv, &argc);
	if (e != NULL && given.n > 0)
		help = asked_for_help(given.v);
	if (help != NULL) {
		err_free(e);
		e = NULL;
		(void)answer_common(cmd, help);
	} else if (e == NULL) {
		e = cmd->run(values, argc, argv, status);
	}
	opt_release(opts, values);
	free(values);
	strvec_release(&given);
	return e;
}

/*
 * A program may be started with descriptors 0 to 2 closed; the next file it
 * opens would then become its standard output.  Not writable, so that what
 * is written there still fails.
 */
static void
occupy_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

/* argv[0], for systems without /proc. */
static const char *called_as = "";

/* The first executable file of this name on PATH, malloc'd, or NULL. */
static char *
find_on_path(const char *name)
{
	const char *p = getenv("PATH");
	struct stat st;
	size_t n;
	char *file;

	for (; p != NULL && *p != '\0'; p += n, p += *p == ':') {
		n = strcspn(p, ":");
		file = xasprintf("%.*s/%s", (int)n, p, name);
		if (n > 0 && access(file, X_OK) == 0 &&
		    stat(file, &st) == 0 && S_ISREG(st.st_mode))
			return file;
		free(file);
	}
	return NULL;
}

char *
cmd_folder(void)
{
	char *path = realpath("/proc/self/exe", NULL), *slash, *found;

	if (path == NULL && strchr(called_as, '/') != NULL)
		path = realpath(called_as, NULL);
	if (path == NULL && (found = find_on_path(called_as)) != NULL) {
		path = realpath(found, NULL);
		free(found);
	}
	slash = path == NULL ? NULL : strrchr(path, '/');
	if (slash != NULL)
		*slash = '\0';
	return path;
}

int
cmd_main(const struct cmd *cmd, int argc, char **argv)
{
	struct err *e = NULL;
	int status = EXIT_YES;

	if (argc > 0)
		called_as = argv[0];
	occupy_standard_descriptors();
	/* So that a reader that went away is an error code, and quiet. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* And a limit on the size of files an error of write(2). */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (argc < 2 || !answer_common(cmd, argv[1]))
		e = run(cmd, argv, &status);
	if (e != NULL)
		status = report(cmd, e);
	e = out_flush(stdout);
	if (e != NULL && status < EXIT_FATAL)
		status = report(cmd, e);
	else
		err_free(e);
	return status;
}
