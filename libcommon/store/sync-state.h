/*
 * What a sync leaves behind for the next command: when the remote last
 * answered, and which logs it has rewound.  For store/sync.c.
 */
#ifndef STORE_SYNC_STATE_H
#define STORE_SYNC_STATE_H

#include "store/sync.h"

/* Keep the time of this fetch, and the logs that it found rewound. */
struct err *sync_remember_fetch(struct repo *, const struct sync_report *);
/* For that: keep where the logs are, if one has moved. */
struct err *sync_remember_logs(struct repo *, const struct sync_report *);
/*
 * That it answered now, and where: as long as it lacks our refspec, that it
 * lacks it tells nothing, and its address is not kept.
 */
struct err *sync_remember_time(struct repo *, const char *remote);
/* 1 if it has another address than when it last answered; 0: not known. */
int	 sync_address_changed(struct repo *, const char *remote);
/* When `old` last answered is when this remote, its new name, did. */
struct err *sync_take_time(struct repo *, const char *remote,
		const char *old);
/*
 * The logs of that remote are to be looked for elsewhere from now on; but
 * those that are not here, and may yet come back, as those of `now`.
 */
struct err *sync_forget_logs(struct repo *, const char *remote,
		const char *now);
/* Logs that are not here any more, and whose records other logs have. */
struct err *sync_forget_reached(struct repo *, const char *remote);
/* What sync_rewound() is to return: one name a line. */
struct err *sync_write_rewound(struct repo *, const char *remote,
		const struct buf *);
/* What sync_rewound_refs() is to append. */
struct err *sync_write_rewound_refs(struct repo *, const struct strvec *);
/* 1 if the list, one name a line, has this name. */
int	 sync_is_listed(const char *list, const char *name);
/* Keep what the host refused in this push, if anything was pushed. */
void	 sync_remember_push(struct repo *, const struct sync_report *);
/* What sync_unfetched() is to return. */
void	 sync_write_unfetched(struct repo *, const char *remote,
	    const char *text);
/* Nothing is known any more of what sync_refused() and that return. */
void	 sync_forget_refusals(struct repo *, const char *remote);
/* Take the lines from the index on out of the report. */
void	 sync_drop_from(struct sync_report *, size_t from);
/*
 * What a remote says while others push and roll up is no snapshot: a log can
 * be gone in an answer that does not have the roll-up yet.  So a log that is
 * rewound is believed when two answers in turn say so, or when it was so after
 * the last fetch.
 */
struct sync_doubts {
	struct strvec told;	/* after the last fetch; all are sorted */
	struct strvec last;	/* by the last answer */
	struct strvec doubted;	/* by that one alone */
};

void	 sync_doubts_begin(struct sync_doubts *, struct repo *,
		const char *remote);
void	 sync_doubts_release(struct sync_doubts *);
/* Take note of an answer: 1 if the remote is to be asked again. */
int	 sync_has_doubts(struct sync_doubts *, const struct sync_report *);
/* What is not believed still is for the next sync to tell. */
void	 sync_drop_doubted(const struct sync_doubts *, struct sync_report *);
/*
 * A log whose ref here is not what it was before the remote was asked, as
 * another process fetched, pushed or dropped it meanwhile, is taken out of
 * those that are rewound: the answer may be older than what is here.  `before`
 * is sync_view_list() of before.
 */
void	 sync_drop_moved(struct repo *, struct sync_report *,
		const struct reflist *before);
/* All logs of the remote that are here. */
struct err *sync_view_list(struct repo *, const char *remote,
		struct reflist *);
/*
 * 1 if "log/<writer>" was found rewound or gone: by this fetch, or, `rep`
 * NULL, by the last one from that remote.
 */
int	 sync_is_rewound(struct repo *, const char *remote,
		const struct sync_report *rep, const char *name);
/* What a fetch found rewound, or could not take: it is asked again. */
void	 sync_drop_fetched(struct sync_report *);
/* Take one line out. */
void	 sync_drop_ref(struct sync_report *, size_t);
/*
 * Where files cannot differ in case only (core.ignoreCase): of logs whose
 * names do, all but one are refused, and noted as sync_unfetched() returns it.
 */
struct err *sync_tell_twins(struct repo *, struct sync_report *);
/* What it could not take, and nobody would read (sync_is_below_log()). */
void	 sync_drop_below(struct repo *, struct sync_report *);
/*
 * Notes that it brought and that are none, at which `git log --notes` would
 * stop: they do not stay here.
 */
struct err *sync_drop_bad_notes(struct repo *, struct sync_report *);
/* 1 for "log/zok/x", a name that no writer has, if "log/zok" is here. */
int	 sync_is_below_log(struct repo *, const struct sync_report *,
		const struct sync_ref *);
/*
 * A fetch could not take "log/zok" because "log/zok/x" is here: take what is
 * below such names away.  What it leads to is kept as sync_keep() does, unless
 * a log has it.  *cleared is 1 if anything was in the way.
 */
struct err *sync_clear_way(struct repo *, const struct sync_report *,
		int *cleared);
/*
 * Make refs/agent-remotes/<remote>/kept/<oid>/log/<writer>, where readers find
 * what it leads to.  *made is 0 if it was there, or leads to no record.
 */
struct err *sync_keep(struct repo *, const char *remote, const char *writer,
		const struct oid *, int *made);
/* The ref by which that is kept, malloc'd. */
char	*sync_kept_name(const char *remote, const char *writer,
	    const struct oid *id);
/* The push of "log/<writer>" arrived: it is whole on the remote again. */
struct err *sync_restored(struct repo *, struct sync_report *,
		const char *name);
/* The refused push of a log whose records then went out by another name. */
void	 sync_drop_refused_log(struct sync_report *, const char *writer);
/* Refused pushes from the index on that git's own rules refused. */
void	 sync_drop_outrun(struct sync_report *, size_t from);

#endif
