/*
 * git-agent-hook: what the agent client calls after every tool call, and at
 * the start of a session.  It hands over what lies in the inbox and says
 * nothing otherwise.
 *
 * It links libc alone and opens no repository, since it runs thousands of
 * times a day: the sync has left everything as files (work/inbox.h).
 * It never fails the client: whatever goes wrong, it exits with 0 and keeps
 * the instruction for later.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SYNC_INTERVAL 30	/* seconds between the syncs that we start */
#define OUTPUT_MAX 9500		/* bytes; clients cut at 10,000 characters */

/* What we need of the client's JSON: members of the outermost object. */
struct input {
	char event[64];
	char source[32];
	char cwd[PATH_MAX];
	int subagent;		/* the call comes from a subagent */
};

struct place {
	char gitdir[PATH_MAX];		/* of the work tree */
	char commondir[PATH_MAX];
};

/*
 * Where the walk over the text stands.  Strings are skipped as a whole, so
 * that a brace or a forged key inside a tool's output counts for nothing;
 * only members at depth 1 are taken.
 */
struct walk {
	int depth, in_string, is_value;
	int escape;	/* 1: behind a backslash; 5 to 2: digits of \u to come */
	unsigned int code;
	size_t n;
	char key[64], text[PATH_MAX];
};

static void
take_member(struct input *in, const char *key, const char *value)
{
	if (strcmp(key, "hook_event_name") == 0)
		snprintf(in->event, sizeof(in->event), "%.63s", value);
	else if (strcmp(key, "source") == 0)
		snprintf(in->source, sizeof(in->source), "%.31s", value);
	else if (strcmp(key, "cwd") == 0)
		snprintf(in->cwd, sizeof(in->cwd), "%s", value);
	else if (strcmp(key, "agent_id") == 0 && *value != '\0')
		in->subagent = 1;
}

static void
add_byte(struct walk *w, unsigned int c)
{
	if (w->n + 1 < sizeof(w->text))
		w->text[w->n++] = (char)c;
}

/* Pairs of surrogates give no name that a folder of ours has. */
static void
add_code(struct walk *w, unsigned int c)
{
	if (c >= 0x800)
		add_byte(w, 0xe0 | c >> 12);
	if (c >= 0x80)
		add_byte(w, c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) :
		    0xc0 | c >> 6);
	add_byte(w, c >= 0x80 ? 0x80 | (c & 0x3f) : c);
}

static void
walk_escape(struct walk *w, char c)
{
	if (w->escape == 1) {
		w->escape = c == 'u' ? 5 : 0;
		w->code = 0;
		if (c != 'u')
			add_byte(w, (unsigned char)c);
		return;
	}
	w->code = w->code << 4 | (unsigned int)(c <= '9' ? c - '0' :
	    (c | 0x20) - 'a' + 10);
	if (--w->escape == 1) {
		add_code(w, w->code & 0xffff);
		w->escape = 0;
	}
}

static void
walk_string(struct walk *w, struct input *in, char c)
{
	if (w->escape != 0) {
		walk_escape(w, c);
	} else if (c == '\\') {
		w->escape = 1;
	} else if (c != '"') {
		add_byte(w, (unsigned char)c);
	} else {
		w->in_string = 0;
		w->text[w->n] = '\0';
		if (w->depth != 1)
			return;
		if (w->is_value)
			take_member(in, w->key, w->text);
		else
			snprintf(w->key, sizeof(w->key), "%.63s", w->text);
	}
}

static void
walk_on(struct walk *w, struct input *in, const char *p, size_t n)
{
	for (; n > 0; p++, n--) {
		if (w->in_string) {
			walk_string(w, in, *p);
		} else if (*p == '"') {
			w->in_string = 1;
			w->n = 0;
		} else if (*p == '{' || *p == '[') {
			w->depth++;
		} else if (*p == '}' || *p == ']') {
			w->depth--;
		} else if (w->depth == 1 && (*p == ':' || *p == ',')) {
			w->is_value = *p == ':';
		}
	}
}

/* All of it, so that the client never writes into a closed pipe. */
static void
read_input(struct input *in)
{
	static struct walk w;
	static char part[65536];
	ssize_t n;

	do {
		n = read(STDIN_FILENO, part, sizeof(part));
		if (n > 0)
			walk_on(&w, in, part, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
}

static int
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The beginning of a file, and a NUL; -1 for a FIFO, which has us wait. */
static ssize_t
read_file(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, out, size - 1);
	if (fd >= 0)
		close(fd);
	out[n < 0 ? 0 : n] = '\0';
	return n;
}

/* First line of a small file. */
static int
read_line(const char *path, char *out, size_t size)
{
	if (read_file(path, out, size) <= 0)
		return 0;
	out[strcspn(out, "\r\n")] = '\0';
	return 1;
}

/* `name` seen from the folder `dir`. */
static int
join(char out[PATH_MAX], const char *dir, const char *name)
{
	int n;

	if (*name == '/')
		n = snprintf(out, PATH_MAX, "%s", name);
	else
		n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
	return n >= 0 && n < PATH_MAX;
}

/* `.git` may be a folder, or a file that names one (linked worktrees). */
static int
git_folder(const char *dir, char out[PATH_MAX])
{
	char dot[PATH_MAX], line[PATH_MAX];

	if (!join(dot, dir, ".git"))
		return 0;
	if (is_dir(dot))
		return join(out, dir, ".git");
	if (!read_line(dot, line, sizeof(line)) ||
	    strncmp(line, "gitdir: ", 8) != 0)
		return 0;
	return join(out, dir, line + 8) && is_dir(out);
}

static int
find_place(struct place *pl, const char *start)
{
	char dir[PATH_MAX], file[PATH_MAX], line[PATH_MAX], *slash;

	if (realpath(start, dir) == NULL)
		return 0;
	while (!git_folder(dir, pl->gitdir)) {
		slash = strrchr(dir, '/');
		if (slash == NULL || slash == dir)
			return 0;
		*slash = '\0';
	}
	if (!join(file, pl->gitdir, "commondir"))
		return 0;
	if (read_line(file, line, sizeof(line)))
		return join(pl->commondir, pl->gitdir, line);
	return join(pl->commondir, pl->gitdir, "");
}

static void
print_escaped(const char *s)
{
	const unsigned char *p;

	for (p = (const unsigned char *)s; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p == '\n')
			fputs("\\n", stdout);
		else if (*p == '\t')
			fputs("\\t", stdout);
		else if (*p >= 0x20)
			putchar(*p);
	}
}

/* What the client gives to the model or, to stop, shows to the user. */
static int
print_answer(const char *event, const char *text, int stop)
{
	if (stop) {
		fputs("{\"continue\":false,\"stopReason\":\"", stdout);
	} else {
		fputs("{\"hookSpecificOutput\":{\"hookEventName\":\"",
		    stdout);
		print_escaped(event);
		fputs("\",\"additionalContext\":\"", stdout);
	}
	print_escaped(text);
	fputs(stop ? "\"}\n" : "\"}}\n", stdout);
	return fflush(stdout) == 0;
}

/* Append a file to text[used], which has size + 1 bytes; returns the new
 * length, or 0 if it does not fit or cannot be read. */
static size_t
append_file(const char *path, char *text, size_t used, size_t size)
{
	ssize_t n = read_file(path, text + used, size - used + 1);

	if (n >= 0 && (size_t)n < size - used)
		return used + (size_t)n;
	text[used] = '\0';
	return 0;
}

/* Where work/inbox.h says that things are. */
static int
state_path(char out[PATH_MAX], const char *gitdir, const char *folder,
    const char *name)
{
	return snprintf(out, PATH_MAX, "%s/agent/%s%s%s", gitdir, folder,
	    *folder == '\0' ? "" : "/", name) < PATH_MAX;
}

static int
move(const char *gitdir, const char *from, const char *to, const char *name)
{
	char a[PATH_MAX], b[PATH_MAX], dir[PATH_MAX];

	if (!state_path(a, gitdir, from, name) ||
	    !state_path(b, gitdir, to, name) ||
	    !state_path(dir, gitdir, to, ""))
		return 0;
	if (rename(a, b) == 0)
		return 1;
	if (errno != ENOENT || mkdir(dir, 0777) != 0)
		return 0;
	return rename(a, b) == 0;
}

/* "<20 digits>-<40 hexadecimal digits>", and ".stop" for a request to stop. */
static int
is_name(const struct dirent *d)
{
	const char *id = d->d_name + 21;

	return strspn(d->d_name, "0123456789") == 20 && id[-1] == '-' &&
	    strspn(id, "0123456789abcdef") == 40 &&
	    (id[40] == '\0' || strcmp(id + 40, ".stop") == 0);
}

/*
 * Claim one instruction by rename(2): of any number of parallel calls just
 * one gets it.  Its text is appended; returns 1 if there is one more.
 */
static int
claim(const struct place *pl, const char *name, char *text, size_t *used)
{
	char path[PATH_MAX];
	size_t n;

	if (!move(pl->gitdir, "inbox", "claimed", name))
		return 0;
	n = state_path(path, pl->gitdir, "claimed", name) ?
	    append_file(path, text, *used, OUTPUT_MAX) : 0;
	if (n == 0) {
		/* Too long beside the others: it comes with the next call. */
		move(pl->gitdir, "claimed", "inbox", name);
		return 0;
	}
	*used = n;
	return 1;
}

static void
hand_over(const struct place *pl, const char *event)
{
	static char text[OUTPUT_MAX + 1];
	char dir[PATH_MAX];
	struct dirent **found = NULL;
	size_t used = 0;
	int i, n, ok, stop = 0, claimed = 0;

	if (!state_path(dir, pl->gitdir, "inbox", ""))
		return;
	n = scandir(dir, &found, is_name, alphasort);
	for (i = 0; i < n; i++)
		stop |= strchr(found[i]->d_name, '.') != NULL;
	/* With a request to stop the agent reads nothing else any more. */
	for (i = 0; i < n; i++) {
		if (stop == (strchr(found[i]->d_name, '.') != NULL) &&
		    claim(pl, found[i]->d_name, text, &used))
			claimed++;
		else
			found[i]->d_name[0] = '\0';
	}
	if (claimed > 0) {
		ok = print_answer(event, text, stop);
		for (i = 0; i < n; i++)
			if (found[i]->d_name[0] != '\0')
				move(pl->gitdir, "claimed", ok ? "delivered" :
				    "inbox", found[i]->d_name);
	}
	for (i = 0; i < n; i++)
		free(found[i]);
	free(found);
}

/* The digest, where the loop's prompt does not hold it already. */
static void
give_digest(const struct place *pl, const struct input *in)
{
	static char text[OUTPUT_MAX + 1];
	char path[PATH_MAX];

	if (getenv("GIT_AGENT_RUN") != NULL &&
	    strcmp(in->source, "startup") == 0)
		return;
	if (state_path(path, pl->gitdir, "", "digest") &&
	    append_file(path, text, 0, OUTPUT_MAX) > 0)
		print_answer(in->event, text, 0);
}

/*
 * A sync of its own session with nothing of ours open: the client would wait
 * for whoever holds our standard output, and would drop what we said.
 */
static void
start_sync(const char *dir)
{
	pid_t pid = fork();
	int null, fd;

	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (pid != 0)
		return;
	if (setsid() < 0 || fork() != 0)
		_exit(0);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || chdir(dir) != 0)
		_exit(0);
	for (fd = 0; fd < 256; fd++)
		fd <= STDERR_FILENO ? dup2(null, fd) : close(fd);
	execlp("git-agent-sync", "git-agent-sync", "--quiet", "--background",
	    "--inbox", "--if-stale", (char *)NULL);
	_exit(0);
}

/*
 * The supervisor of a loop syncs by itself; otherwise nobody else does.  What
 * counts is when we last asked for it, not when the remote last answered: it
 * may be away, or somebody may look at the state of things all the time.
 */
static void
sync_if_due(const struct place *pl, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;
	time_t age;
	int fd;

	if (getenv("GIT_AGENT_RUN") != NULL ||
	    !state_path(path, pl->commondir, "", "") || !is_dir(path) ||
	    !state_path(path, pl->gitdir, "", ""))
		return;
	(void)mkdir(path, 0777);
	if (!state_path(path, pl->gitdir, "", "asked"))
		return;
	age = stat(path, &st) == 0 ? time(NULL) - st.st_mtime : SYNC_INTERVAL;
	fd = age >= 0 && age < SYNC_INTERVAL ? -1 : open(path,
	    O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	(void)futimens(fd, NULL);
	close(fd);
	start_sync(dir);
}

/* Others than these take no context, and would drop what we say. */
static int
takes_context(const char *event)
{
	static const char *const names[] = {
		"PostToolBatch", "PostToolUse", "PostToolUseFailure",
		"UserPromptSubmit", "AfterTool", "BeforeAgent",
	};
	size_t i = sizeof(names) / sizeof(names[0]);

	while (i > 0 && strcmp(event, names[i - 1]) != 0)
		i--;
	return i > 0;
}

int
main(int argc, char **argv)
{
	static struct input in;
	static struct place pl;
	const char *dir = getenv("CLAUDE_PROJECT_DIR");

	if (argc > 1) {
		puts(strcmp(argv[1], "--version") == 0 ?
		    "git-agent version " GIT_AGENT_VERSION :
		    "usage: git-agent-hook < EVENT.json\n\nCalled by the "
		    "agent client's hooks, not by people; see "
		    "git-agent-hook(1).");
		return strcmp(argv[1], "-h") == 0 ||
		    strcmp(argv[1], "--help") == 0 ||
		    strcmp(argv[1], "--version") == 0 ? 0 : 129;
	}
	read_input(&in);
	if (in.subagent)
		return 0;
	if (dir == NULL || *dir == '\0' || !find_place(&pl, dir)) {
		dir = *in.cwd != '\0' ? in.cwd : ".";
		if (!find_place(&pl, dir))
			return 0;
	}
	if (strcmp(in.event, "SessionStart") == 0)
		give_digest(&pl, &in);
	else if (takes_context(in.event))
		hand_over(&pl, in.event);
	sync_if_due(&pl, dir);
	return 0;
}
