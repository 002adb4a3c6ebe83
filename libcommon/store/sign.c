#include "store/sign.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/proc.h"

struct format {
	const char *name, *config, *old_config, *program;
	int is_gnupg;		/* else OpenSSH */
};

static const struct format formats[] = {
	{ "openpgp", "gpg.openpgp.program", "gpg.program", "gpg", 1 },
	{ "x509", "gpg.x509.program", NULL, "gpgsm", 1 },
	{ "ssh", "gpg.ssh.program", NULL, "ssh-keygen", 0 },
	{ NULL, NULL, NULL, NULL, 0 }
};

/* One who mistypes it must not be left with unsigned records. */
static struct err *
read_switch(struct repo *r, const char *key, const char *shown, int *value)
{
	int v = repo_config_bool(r, key, -1);

	if (v >= 0)
		*value = v;
	else if (repo_config(r, key) != NULL)
		return err_new(ERR_CONFIG, "'%s' is '%s': expected true or "
		    "false", shown, repo_config(r, key));
	return NULL;
}

static struct err *
is_wanted(struct repo *r, int *wanted)
{
	struct err *e;

	*wanted = -1;
	e = read_switch(r, "agent.sign", "agent.sign", wanted);
	if (e != NULL || *wanted >= 0)
		return e;
	*wanted = 0;
	return read_switch(r, "commit.gpgsign", "commit.gpgSign", wanted);
}

static struct err *
find_format(struct repo *r, const struct format **found)
{
	const char *name = repo_config(r, "gpg.format");
	const struct format *f = formats;

	if (name != NULL)
		while (f->name != NULL && strcmp(f->name, name) != 0)
			f++;
	if (f->name == NULL)
		return err_new(ERR_CONFIG, "'gpg.format' is '%s': expected "
		    "openpgp, x509 or ssh", name);
	*found = f;
	return NULL;
}

/* "~/…" and "~user/…" as git expands them; malloc'd. */
static char *
expand(const char *path)
{
	const struct passwd *pw;
	const char *home = getenv("HOME");
	size_t n = strcspn(path, "/");
	char *user;

	if (*path != '~' || path[n] == '\0')
		return xstrdup(path);
	if (n > 1) {
		user = xstrndup(path + 1, n - 1);
		pw = getpwnam(user);
		home = pw == NULL ? NULL : pw->pw_dir;
		free(user);
	}
	return home == NULL ? xstrdup(path) :
	    xasprintf("%s%s", home, path + n);
}

static char *
find_program(struct repo *r, const struct format *f)
{
	const char *v = repo_config(r, f->config);

	if (v == NULL && f->old_config != NULL)
		v = repo_config(r, f->old_config);
	return expand(v == NULL || *v == '\0' ? f->program : v);
}

/* What a program said, without the lines that GnuPG writes for programs. */
static char *
words_of(const struct buf *text)
{
	struct buf b = BUF_INIT;
	const char *p = text->p, *next;

	for (; *p != '\0'; p = next) {
		next = p + strcspn(p, "\n");
		next += *next == '\n';
		if (strncmp(p, "[GNUPG:] ", 9) != 0)
			buf_add(&b, p, (size_t)(next - p));
	}
	buf_rtrim(&b);
	if (b.len == 0)
		buf_addstr(&b, "(it gave no reason)");
	return buf_steal(&b);
}

/* The key that a command of the user's prints, in its first line. */
static struct err *
ask_for_key(struct repo *r, const char *line, char **key)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct err *e;
	char *words;
	int status;

	strvec_push(&argv, line);
	p.argv = &argv;
	p.cwd = repo_workdir(r);
	p.flags = PROC_SHELL;
	p.limit = SIGN_LIMIT;
	e = proc_capture(&p, NULL, &out, &errors, &status);
	if (e == NULL && status != 0) {
		words = words_of(&errors);
		e = err_new(ERR_GIT, "gpg.ssh.defaultKeyCommand, '%s', "
		    "failed: %s", line, words);
		free(words);
	}
	if (e == NULL) {
		buf_truncate(&out, strcspn(out.p, "\r\n"));
		*key = buf_steal(&out);
	}
	buf_release(&out);
	buf_release(&errors);
	strvec_release(&argv);
	return e;
}

/* user.signingKey, or what git takes in its place. */
static struct err *
find_key(struct repo *r, const struct format *f, char **key)
{
	const char *v = repo_config(r, "user.signingkey");

	if (v != NULL && *v != '\0') {
		*key = xstrdup(v);
		return NULL;
	}
	if (f->is_gnupg)
		return repo_identity(r, "COMMITTER", key);
	v = repo_config(r, "gpg.ssh.defaultkeycommand");
	if (v != NULL && *v != '\0')
		return ask_for_key(r, v, key);
	return err_new(ERR_CONFIG, "no key: set user.signingKey or "
	    "gpg.ssh.defaultKeyCommand");
}

/* A public key itself, whose private half ssh-agent(1) holds; else NULL. */
static const char *
literal_key(const char *key)
{
	if (strncmp(key, "key::", 5) == 0)
		return key + 5;
	return strncmp(key, "ssh-", 4) == 0 ? key : NULL;
}

/*
 * ssh-keygen wants a file.  One name for all, since the caller holds the
 * lock: what a crash leaves behind, the next signature removes.
 */
static struct err *
write_key(struct repo *r, const char *text, char **path)
{
	char *line = xasprintf("%s\n", text);
	struct err *e;
	int made = 0;

	*path = repo_shared_path(r, "signing-key");
	(void)unlink(*path);
	e = file_create(*path, line, strlen(line), 0600, &made);
	free(line);
	return e;
}

static struct err *
make_argv(struct repo *r, const struct format *f, struct strvec *argv,
    char **temporary)
{
	char *program = find_program(r, f), *key = NULL, *file = NULL;
	struct err *e;

	e = find_key(r, f, &key);
	if (e != NULL)
		goto done;
	strvec_push(argv, program);
	if (f->is_gnupg) {
		strvec_pushl(argv, "--status-fd=2", "-bsau", key,
		    (char *)NULL);
		goto done;
	}
	if (literal_key(key) != NULL)
		e = write_key(r, literal_key(key), temporary);
	else
		file = expand(key);
	if (e == NULL)
		strvec_pushl(argv, "-Y", "sign", "-n", "git", "-f",
		    file != NULL ? file : *temporary, (char *)NULL);
done:
	free(program);
	free(key);
	free(file);
	return e;
}

/* Windows' line ends off, and an end of line at the end. */
static void
tidy(struct buf *signature)
{
	char *from = signature->p, *to = signature->p;

	for (; *from != '\0'; from++)
		if (*from != '\r' || from[1] != '\n')
			*to++ = *from;
	buf_truncate(signature, (size_t)(to - signature->p));
	buf_rtrim(signature);
	buf_addch(signature, '\n');
}

/* Exit status 0 is not enough: what was printed has to be a signature. */
static int
was_signed(const struct format *f, int status, const struct buf *signature,
    const struct buf *errors)
{
	static const char created[] = "[GNUPG:] SIG_CREATED ";

	if (status != 0 || strncmp(signature->p, "-----BEGIN ", 11) != 0 ||
	    strlen(signature->p) != signature->len)
		return 0;
	return !f->is_gnupg ||
	    strncmp(errors->p, created, strlen(created)) == 0 ||
	    strstr(errors->p, "\n[GNUPG:] SIG_CREATED ") != NULL;
}

static struct err *
run_signer(struct repo *r, const struct format *f, const struct buf *commit,
    struct buf *signature)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf errors = BUF_INIT;
	char *temporary = NULL, *slow = NULL, *words;
	struct err *e;
	int status;

	e = make_argv(r, f, &argv, &temporary);
	if (e != NULL)
		goto done;
	p.argv = &argv;
	p.cwd = repo_workdir(r);
	p.limit = SIGN_LIMIT;
	/* A token may want to be touched: its own words come at the end. */
	slow = xasprintf("waiting for '%s' to sign the record", argv.v[0]);
	p.slow = slow;
	e = proc_capture(&p, commit, signature, &errors, &status);
	if (e == NULL && !was_signed(f, status, signature, &errors)) {
		words = words_of(&errors);
		e = err_new(ERR_GIT, "'%s' failed: %s", argv.v[0], words);
		free(words);
	}
done:
	if (temporary != NULL)
		(void)unlink(temporary);
	free(temporary);
	free(slow);
	buf_release(&errors);
	strvec_release(&argv);
	return e;
}

/* Behind the last header; further lines of it begin with a blank. */
static void
insert(struct buf *commit, const struct buf *signature)
{
	size_t head = (size_t)(strstr(commit->p, "\n\n") + 1 - commit->p);
	struct buf b = BUF_INIT;
	const char *p, *next;

	buf_add(&b, commit->p, head);
	buf_addstr(&b, "gpgsig");
	for (p = signature->p; *p != '\0'; p = next) {
		next = p + strcspn(p, "\n") + 1;
		buf_addch(&b, ' ');
		buf_add(&b, p, (size_t)(next - p));
	}
	buf_add(&b, commit->p + head, commit->len - head);
	buf_release(commit);
	*commit = b;
}

struct err *
sign_commit(struct repo *r, struct buf *commit)
{
	const struct format *f = NULL;
	struct buf signature = BUF_INIT;
	struct err *cause, *e = NULL;
	int wanted = 0;

	cause = is_wanted(r, &wanted);
	if (cause == NULL && wanted)
		cause = find_format(r, &f);
	if (cause == NULL && wanted)
		cause = run_signer(r, f, commit, &signature);
	if (cause != NULL) {
		/* One code: a program that is missing is no missing ref. */
		e = err_new(ERR_GIT, "cannot sign the record, so it was not "
		    "written: %s", cause->msg);
	} else if (wanted) {
		tidy(&signature);
		insert(commit, &signature);
	}
	err_free(cause);
	buf_release(&signature);
	return e;
}
