#include "work/brief.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/conf.h"
#include "base/cmd.h"
#include "base/file.h"
#include "base/text.h"
#include "store/reader.h"
#include "work/entry.h"
#include "work/inside.h"
#include "work/project.h"

/* Bytes of a file of ours in the work tree. */
#define TRACKED_MAX ((size_t)16 << 20)

void
brief_release(struct brief *b)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		free(b->v[i].path);
		free(b->v[i].text);
	}
	free(b->v);
	memset(b, 0, sizeof(*b));
}

/* Beside the program: installed, then in the tree where it was built. */
static struct err *
read_template(const char *name, struct buf *text)
{
	static const char *const places[] = {
		"../share/git-agent/templates", "../../share/templates",
		"../../../share/templates", NULL	/* build/asan/bin */
	};
	char *folder = cmd_folder(), *path = NULL;
	struct err *e;
	size_t i;

	for (i = 0; folder != NULL && places[i] != NULL; i++) {
		free(path);
		path = xasprintf("%s/%s/%s", folder, places[i], name);
		if (access(path, R_OK) == 0)
			break;
	}
	if (folder == NULL || places[i] == NULL) {
		free(path);
		path = xasprintf("%s/templates/%s", GIT_AGENT_DATADIR, name);
	}
	e = file_read(path, text);
	free(folder);
	free(path);
	return err_prefix(e, "git-agent is not installed completely");
}

static char *
replace(const char *text, const char *mark, const char *with)
{
	struct buf b = BUF_INIT;
	const char *at;

	while ((at = strstr(text, mark)) != NULL) {
		buf_add(&b, text, (size_t)(at - text));
		buf_addstr(&b, with);
		text = at + strlen(mark);
	}
	buf_addstr(&b, text);
	return buf_steal(&b);
}

/* Takes both strings.  Two agents may read the same file. */
static void
add_file(struct brief *b, char *path, char *text)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (strcmp(b->v[i].path, path) == 0) {
			free(path);
			free(text);
			return;
		}
	ALLOC_GROW(b->v, b->n, b->cap);
	b->v[b->n].path = path;
	b->v[b->n].text = text;
	b->v[b->n++].fate = BRIEF_CREATED;
}

static struct err *
add_template(struct brief *b, const char *template, const char *path,
    const char *goal, const char *oracle, const char *agent)
{
	struct buf text = BUF_INIT;
	char *a, *c;
	struct err *e;

	e = read_template(template, &text);
	if (e == NULL) {
		a = replace(text.p, "@AGENT@", agent);
		c = replace(a, "@ORACLE@", oracle);
		/* Last, so that marks in the goal stay what they are. */
		add_file(b, xstrdup(path), replace(c, "@GOAL@", goal));
		free(a);
		free(c);
	}
	buf_release(&text);
	return e;
}

/* The folder that the oracle's first word lies in, "oracle/", or NULL. */
static char *
oracle_folder(struct repo *r, const char *command)
{
	size_t n = strcspn(command, " \t");
	char *word, *slash, *path;

	while (strncmp(command, "./", 2) == 0) {
		command += 2;
		n -= 2;
	}
	word = xstrndup(command, n);
	slash = strchr(word, '/');
	if (slash == NULL || slash == word || strstr(word, "..") != NULL) {
		free(word);
		return NULL;
	}
	slash[1] = '\0';
	path = xasprintf("%s/%s", repo_workdir(r), word);
	if (access(path, F_OK) != 0) {
		free(word);
		word = NULL;
	}
	free(path);
	return word;
}

static char *
oracle_section(struct repo *r, const char *command)
{
	struct buf b = BUF_INIT;
	char *folder;

	if (command == NULL)
		return xstrdup("# The oracle: what decides whether the goal "
		    "is reached.\n# [oracle]\n#     command = "
		    "oracle/compare\n#     protect = oracle/\n#     timeout "
		    "= 20m\n");
	folder = oracle_folder(r, command);
	buf_addf(&b, "[oracle]\n    command = %s\n", command);
	if (folder != NULL)
		buf_addf(&b, "    protect = %s\n", folder);
	buf_addstr(&b, "    timeout = 20m\n");
	free(folder);
	return buf_steal(&b);
}

static const struct {
	const char *name;
	const char *path;	/* the file that it reads on its own … */
	const char *template;	/* … and what is in it */
} agents[] = {
	{ "claude", ".claude/settings.json", "settings.json" },
	{ "codex", "AGENTS.md", "AGENTS.md" },
	{ "gemini", "GEMINI.md", "AGENTS.md" },
	{ "opencode", "AGENTS.md", "AGENTS.md" },
};
#define AGENTS (sizeof(agents) / sizeof(agents[0]))

static struct err *
find_agent(const char *name, size_t *found)
{
	const char *known[AGENTS + 1] = { NULL }, *near;
	size_t i;

	for (i = 0; i < AGENTS; i++) {
		known[i] = agents[i].name;
		*found = i;
		if (strcmp(name, known[i]) == 0)
			return NULL;
	}
	near = text_suggest(name, known);
	return err_new(ERR_INPUT, "'%s' is not an agent that init knows "
	    "(claude, codex, gemini, opencode)%s%s%s", name,
	    near == NULL ? "" : "; did you mean '",
	    near == NULL ? "" : near, near == NULL ? "" : "'?");
}

struct err *
brief_check_agents(const struct strvec *names)
{
	struct err *e = NULL;
	size_t i, which;

	for (i = 0; e == NULL && i < names->n; i++)
		e = find_agent(names->v[i], &which);
	return e;
}

/* Its file, and how it is started: the latter goes to .gitagent. */
static struct err *
add_agent(struct brief *b, const char *name, struct buf *sections)
{
	char *template = xasprintf("agent-%s", name);
	struct err *e;
	size_t i;

	e = find_agent(name, &i);
	if (e == NULL)
		e = add_template(b, agents[i].template, agents[i].path, "",
		    "", "");
	if (e == NULL) {
		buf_addch(sections, '\n');
		e = read_template(template, sections);
	}
	free(template);
	return e;
}

/* What we are about to write has to be read as what was asked for. */
static struct err *
verify_value(const char *key, const char *value, const char *instead)
{
	char *text = xasprintf("[x]\n%s = %s\n", key, value);
	struct conf c = CONF_INIT;
	struct err *e;

	e = conf_parse(&c, PROJECT_FILE, text, strlen(text));
	if (e != NULL || c.n != 2 || strcmp(c.v[1].value, value) != 0) {
		err_free(e);
		e = err_new(ERR_INPUT, "'%s' cannot hold the %s as it is (it "
		    "has a ';' behind a blank, or a line break); %s",
		    PROJECT_FILE, key, instead);
	}
	conf_release(&c);
	free(text);
	return e;
}

/* Of a goal the first line, of which .gitagent holds no more. */
static char *
first_line(const char *goal)
{
	struct buf b = BUF_INIT;

	buf_add(&b, goal, strcspn(goal, "\r\n"));
	buf_rtrim(&b);
	return buf_steal(&b);
}

static struct err *
add_config(struct brief *b, const struct brief_options *o,
    const char *section, const char *agent, const struct buf *agent_sections)
{
	char *goal = first_line(o->goal);
	struct buf all = BUF_INIT;
	struct brief_file *f;
	struct err *e;

	e = verify_value("goal", goal, "put it otherwise");
	if (e == NULL && o->oracle != NULL)
		e = verify_value("command", o->oracle, "put it into a script "
		    "and name that");
	if (e == NULL)
		e = add_template(b, "gitagent", PROJECT_FILE, goal, section,
		    agent);
	if (e == NULL) {
		f = &b->v[b->n - 1];
		buf_addstr(&all, f->text);
		buf_addstr(&all, agent_sections->p);
		free(f->text);
		f->text = buf_steal(&all);
	}
	free(goal);
	return e;
}

struct err *
brief_plan(struct brief *b, struct repo *r, const struct brief_options *o)
{
	char *section = oracle_section(r, o->oracle);
	char *how = o->oracle == NULL ? xstrdup("") :
	    xasprintf("The oracle runs `%s`; `.gitagent` holds its metrics "
	    "and targets.", o->oracle);
	const char *agent = o->agents->n > 0 ? o->agents->v[0] : "claude";
	struct buf sections = BUF_INIT;
	struct strvec once = STRVEC_INIT;
	struct err *e;
	size_t i;

	memset(b, 0, sizeof(*b));
	for (i = 0; i < o->agents->n; i++)
		if (!strvec_has(&once, o->agents->v[i]))
			strvec_push(&once, o->agents->v[i]);
	e = add_template(b, "CLAUDE.md", "CLAUDE.md", o->goal, how, agent);
	if (e == NULL && once.n == 0)
		e = add_agent(b, agent, &sections);
	for (i = 0; e == NULL && i < once.n; i++)
		e = add_agent(b, once.v[i], &sections);
	if (e == NULL)
		e = add_config(b, o, section, agent, &sections);
	strvec_release(&once);
	buf_release(&sections);
	free(section);
	free(how);
	return e;
}

/* A link in the repository may lead anywhere. */
static int
is_link(struct repo *r, const char *name)
{
	char *path = xasprintf("%s/%s", repo_workdir(r), name), *slash;
	struct stat st;
	int link;

	link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
	slash = strrchr(path, '/');
	if (strchr(name, '/') != NULL) {
		*slash = '\0';
		link |= lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
	}
	free(path);
	return link;
}

/* Looked at before anything is written, so that nothing is half done. */
static struct err *
check_links(const struct brief *b, struct repo *r)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		char *path = xasprintf("%s/%s", repo_workdir(r), b->v[i].path);
		int there = access(path, F_OK) == 0;

		free(path);
		if (!there && is_link(r, b->v[i].path))
			return err_new(ERR_INPUT, "'%s' is, or lies behind, a "
			    "symbolic link; init writes only into the work "
			    "tree itself", b->v[i].path);
	}
	return NULL;
}

struct err *
brief_apply(struct brief *b, struct repo *r, int dry_run)
{
	struct buf old = BUF_INIT;
	struct err *e = check_links(b, r);
	size_t i;
	int made;

	for (i = 0; e == NULL && i < b->n; i++) {
		struct brief_file *f = &b->v[i];
		char *path = xasprintf("%s/%s", repo_workdir(r), f->path);

		buf_clear(&old);
		e = file_read_max(path, f->path, TRACKED_MAX, &old);
		if (e == NULL) {
			f->fate = strcmp(old.p, f->text) == 0 ?
			    BRIEF_UNCHANGED : BRIEF_KEPT;
		} else if (e->code == ERR_NOTFOUND) {
			err_free(e);
			e = dry_run ? NULL : file_create(path, f->text,
			    strlen(f->text), 0644, &made);
		}
		free(path);
	}
	buf_release(&old);
	return e;
}

static struct err *
attach(struct repo *r, const char *name, struct tree *t)
{
	char *path = xasprintf("%s/%s", repo_workdir(r), name);
	struct buf text = BUF_INIT;
	struct oid blob;
	struct err *e;

	e = inside_check(r, path, name, "recorded");
	if (e == NULL)
		e = file_read_max(path, name, TRACKED_MAX, &text);
	if (e == NULL)
		e = object_write(r, OBJECT_BLOB, text.p, text.len, &blob);
	if (e == NULL)
		tree_set(t, name, 0100644, &blob);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
	}
	buf_release(&text);
	free(path);
	return e;
}

/* 1 if the newest brief has this subject and this tree. */
static struct err *
is_recorded(struct repo *r, const char *subject, const struct oid *tree,
    int *same)
{
	static const char *const kinds[] = { "brief", NULL };
	const struct record *rec = NULL;
	struct reader *rd = NULL;
	struct err *e;

	*same = 0;
	e = reader_open(r, kinds, &rd);
	if (e == NULL)
		e = reader_next(rd, &rec);
	if (e == NULL && rec != NULL)
		*same = strcmp(rec->subject, subject) == 0 &&
		    oid_equal(&rec->tree, tree);
	reader_close(rd);
	return e;
}

struct err *
brief_record(struct repo *r, const char *goal, int *written, struct oid *id)
{
	struct draft d = { .kind = "brief" };
	struct entry_text t = { NULL, NULL, 0 };
	struct tree files = TREE_INIT;
	struct err *e;
	int same = 0;

	*written = 0;
	e = entry_text_split(&t, goal, strlen(goal));
	if (e == NULL)
		e = attach(r, "CLAUDE.md", &files);
	if (e == NULL)
		e = attach(r, PROJECT_FILE, &files);
	if (e == NULL)
		e = tree_write(r, &files, &d.tree);
	if (e == NULL)
		e = is_recorded(r, t.subject, &d.tree, &same);
	d.subject = t.subject;
	d.body = t.body;
	if (e == NULL && !same) {
		e = entry_append(r, &d, id);
		*written = e == NULL;
	}
	draft_release(&d);
	tree_release(&files);
	entry_text_release(&t);
	return e;
}
