#include "store/abbrev.h"

#include <stdlib.h>

#include "store/git.h"

/* core.abbrev; the default where it is "auto", or nothing that git would take. */
static size_t
least_digits(struct repo *r)
{
	const char *text = repo_config(r, "core.abbrev");
	char *end;
	long n;

	if (text == NULL)
		return ABBREV_LEAST;
	n = strtol(text, &end, 0);
	if (end == text || *end != '\0')	/* no number */
		return repo_config_bool(r, "core.abbrev", 1) ?
		    ABBREV_LEAST : OID_HEX_SIZE - 1;
	return n >= 4 && n < OID_HEX_SIZE ? (size_t)n :
	    ABBREV_LEAST;
}

static size_t
least(struct repo *r)
{
	if (r->abbrev == 0)
		r->abbrev = least_digits(r);
	return r->abbrev;
}

static int
find_cmp(const void *id, const void *abbrev)
{
	return oid_cmp(id, &((const struct abbrev *)abbrev)->id);
}

void
abbrevs_use(struct repo *r, struct abbrev *v, size_t n)
{
	free(r->abbrevs);
	r->abbrevs = v;
	r->abbrev_count = n;
}

static size_t
count_digits(struct repo *r, const struct oid *oid)
{
	git_odb *odb = NULL;
	git_oid id, found;
	struct err *e = repo_odb(r, &odb);
	size_t n;
	int rc = e == NULL ? GIT_EAMBIGUOUS : -1;

	oid_to_git(&id, oid);
	for (n = least(r); rc == GIT_EAMBIGUOUS && n < OID_HEX_SIZE; n++)
		rc = git_odb_exists_prefix(&found, odb, &id, n);
	err_free(e);
	return rc == 0 && git_oid_equal(&found, &id) ? n - 1 : 0;
}

/* Those that are known are too long where fewer would do. */
static size_t
find_digits(struct repo *r, const struct oid *oid)
{
	const struct abbrev *known = NULL;

	if (r->abbrev_count > 0 && least(r) >= ABBREV_LEAST)
		known = bsearch(oid, r->abbrevs, r->abbrev_count,
		    sizeof(*r->abbrevs), find_cmp);
	if (known == NULL)
		return count_digits(r, oid);
	return known->digits > least(r) ? known->digits : least(r);
}

void
object_abbrev(struct repo *r, const struct oid *oid, char out[OID_HEX_SIZE])
{
	size_t n = find_digits(r, oid);

	oid_hex(oid, out);
	if (n == 0)	/* it is not here, so that nobody can count */
		n = least(r) > 12 ? least(r) : 12;
	out[n] = '\0';
}
