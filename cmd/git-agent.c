#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cmd.h"
#include "base/err.h"
#include "base/text.h"

static struct err *run(void *, int, char **, int *);

static const char *const usage[] = {
	"<verb> [<args>]",
	"help [<verb>]",
	NULL,
};

static const char *const words[] = {
	"init", "log", "steer", "check", "loop", "status", "sync", "help",
	NULL,
};

static const struct cmd git_agent = {
	.name = "git-agent",
	.summary = "keep a coding agent's work and its steering in git",
	.usage = usage,
	.words = words,
	.run = run,
};

static const char overview[] =
	"usage: git agent <verb> [<args>]\n"
	"\n"
	"begin\n"
	"   init     scaffold the brief, the config and the hooks; "
	    "connect a clone\n"
	"\n"
	"work (the agent, and you)\n"
	"   log      write and read the lab notes: what was done, what failed "
	    "and why\n"
	"   check    run the oracle: measure, judge, record\n"
	"   loop     run the agent until the oracle agrees that it is done\n"
	"\n"
	"watch and steer (from any clone)\n"
	"   status   how far it is, and what it is doing\n"
	"   steer    send instructions to a running agent, and see them "
	    "answered\n"
	"   sync     fetch and push the records\n"
	"\n"
	"'git agent help <verb>' opens a manual page; "
	    "'git agent <verb> -h' lists options\n";

static const char *
executable_path(char *buffer, size_t size, const char *argv0)
{
#ifdef __linux__
	ssize_t n = readlink("/proc/self/exe", buffer, size - 1);

	if (n > 0) {
		buffer[n] = '\0';
		return buffer;
	}
#else
	(void)buffer;
	(void)size;
#endif
	return argv0;
}

static void
exec_verb(const char *verb, char **argv)
{
	char buffer[4096], *name = xasprintf("git-agent-%s", verb), *path;
	const char *self, *slash;

	/* Beside this program first, so that a build tree works as it is. */
	self = executable_path(buffer, sizeof(buffer), argv[0]);
	slash = strrchr(self, '/');
	argv[1] = name;
	if (slash != NULL) {
		path = xasprintf("%.*s/%s", (int)(slash - self), self, name);
		argv[1] = path;
		execv(path, argv + 1);
		argv[1] = name;
		free(path);
	}
	execvp(name, argv + 1);
	argv[1] = name + strlen("git-agent-");
}

static struct err *
unknown_verb(const char *verb, int *status)
{
	const char *near = text_suggest(verb, words);

	if (near != NULL && strcmp(near, verb) == 0)
		cmd_note("git agent: 'git-agent-%s' is not installed", verb);
	else if (near != NULL)
		cmd_note("git agent: '%s' is not a git-agent verb; "
		    "did you mean '%s'?", verb, near);
	else
		cmd_note("git agent: '%s' is not a git-agent verb; "
		    "'git agent' lists them", verb);
	*status = EXIT_NO;
	return NULL;
}

static int
is_verb(const char *word)
{
	size_t i;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], word) == 0)
			return 1;
	return 0;
}

static struct err *
help(const char *verb, int *status)
{
	char *page;
	int rc;

	/* man(1) takes what holds a slash for a file. */
	if (verb != NULL && strchr(verb, '/') != NULL)
		return unknown_verb(verb, status);
	page = verb == NULL ? xstrdup("git-agent") :
	    xasprintf("git-agent-%s", verb);
	rc = cmd_manual(page);
	free(page);
	if (rc == 0)
		return NULL;
	if (verb == NULL) {
		fputs(overview, stdout);
		return NULL;
	}
	if (!is_verb(verb))
		return unknown_verb(verb, status);
	return err_new(ERR_NOTFOUND, "there is no manual page "
	    "'git-agent-%s' here; try 'git agent %s -h'", verb, verb);
}

static struct err *
run(void *values, int argc, char **argv, int *status)
{
	(void)values;
	if (argc == 0)
		fputs(overview, stdout);
	else if (strcmp(argv[0], "help") == 0)
		return help(argv[1], status);
	else
		return unknown_verb(argv[0], status);	/* behind "--" */
	return NULL;
}

int
main(int argc, char **argv)
{
	int status;

	/* Whatever follows the verb is the verb's, options too. */
	if (argc > 1 && argv[1][0] != '-' && strcmp(argv[1], "help") != 0) {
		if (strchr(argv[1], '/') == NULL)
			exec_verb(argv[1], argv);
		err_free(unknown_verb(argv[1], &status));
		return status;
	}
	return cmd_main(&git_agent, argc, argv);
}
