/*
 * Signatures on records, made by the program that git itself would use
 * (commit.gpgSign, gpg.format, user.signingKey and so on), so that
 * `git verify-commit` accepts them.
 */
#ifndef STORE_SIGN_H
#define STORE_SIGN_H

#include "base/buf.h"
#include "base/err.h"
#include "store/repo.h"

/* How long a signer may take (µs): somebody may have to type a passphrase,
 * but nobody may be there, and others wait for the writer's lock. */
#define SIGN_LIMIT (60 * INT64_C(1000000))

/*
 * Put a gpgsig header into a commit's text, if records are to be signed
 * (agent.sign, else commit.gpgSign); without that nothing is run and nothing
 * changes.  The caller holds the writer's lock.  ERR_GIT: the signer failed;
 * the error has its own words, and the text is as it was.
 */
struct err *sign_commit(struct repo *, struct buf *commit);

#endif
