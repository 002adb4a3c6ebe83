/*
 * libgit2, started and ended without TLS, SSH and HTTP: the network is left to
 * git.
 *
 * As it is built for Debian, libgit2 starts a TLS and an SSH library with each
 * process and loads what they and Kerberos need: most of what a command of
 * ours would cost.  So a program answers for these parts itself.  Each answer
 * fails closed: an accidental use finds no way out, and trusts nobody.
 */
#include "store/git.h"

#include <git2/sys/stream.h>
#include <git2/sys/transport.h>

/*
 * Where libgit2 is linked in (see LIBS in the Makefile): its own ways into
 * these transports.  Nothing else of theirs is then taken from the archive; in
 * a libgit2 that has other ways in, the linker finds them twice, and the
 * Makefile takes the shared library.
 */
int git_mbedtls_stream_global_init(void);
int git_mbedtls_stream_new(git_stream **, const char *, const char *);
int git_mbedtls_stream_wrap(git_stream **, git_stream *, const char *);
int git_mbedtls__set_cert_location(const char *, const char *);
int git_transport_ssh_global_init(void);
extern char git_http__expect_continue;

char git_http__expect_continue;

int
git_mbedtls_stream_global_init(void)
{
	return 0;
}

int
git_transport_ssh_global_init(void)
{
	return 0;
}

static int
left_out(const char *what)
{
	git_error_set_str(GIT_ERROR_NET, what);
	return -1;
}

int
git_mbedtls_stream_new(git_stream **out, const char *host, const char *port)
{
	(void)host;
	(void)port;
	*out = NULL;
	return left_out("TLS is left to git");
}

int
git_mbedtls_stream_wrap(git_stream **out, git_stream *in, const char *host)
{
	(void)in;
	(void)host;
	*out = NULL;
	return left_out("TLS is left to git");
}

int
git_mbedtls__set_cert_location(const char *file, const char *path)
{
	(void)file;
	(void)path;
	return left_out("TLS is left to git");
}

int
git_smart_subtransport_http(git_smart_subtransport **out,
    git_transport *owner, void *param)
{
	(void)owner;
	(void)param;
	*out = NULL;
	return left_out("HTTP is left to git");
}

int
git_smart_subtransport_ssh(git_smart_subtransport **out, git_transport *owner,
    void *param)
{
	(void)owner;
	(void)param;
	*out = NULL;
	return left_out("SSH is left to git");
}

/*
 * Where it is the shared library: what it calls of the others as it starts
 * (reading the certificates alone takes 6 ms).  These must stay visible to
 * the dynamic linker.
 */
int mbedtls_x509_crt_parse_file(void *, const char *);
int libssh2_init(int);
void mbedtls_entropy_init(void *);
void mbedtls_entropy_free(void *);
int mbedtls_ctr_drbg_seed(void *, int (*)(void *, unsigned char *, size_t),
	void *, const unsigned char *, size_t);

int
mbedtls_x509_crt_parse_file(void *chain, const char *path)
{
	(void)chain;
	(void)path;
	return -0x2900;	/* MBEDTLS_ERR_X509_FILE_IO_ERROR */
}

int
libssh2_init(int flags)
{
	(void)flags;
	return 0;
}

void
mbedtls_entropy_init(void *pool)
{
	(void)pool;
}

void
mbedtls_entropy_free(void *pool)
{
	(void)pool;
}

int
mbedtls_ctr_drbg_seed(void *state, int (*entropy)(void *, unsigned char *,
    size_t), void *arg, const unsigned char *custom, size_t n)
{
	(void)state;
	(void)entropy;
	(void)arg;
	(void)custom;
	(void)n;
	return 0;
}

int
libgit2_start(void)
{
	return git_libgit2_init();
}

void
libgit2_end(void)
{
	git_libgit2_shutdown();
}
