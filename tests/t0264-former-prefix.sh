#!/usr/bin/env bash
# Records that are pushed to a former prefix after the others have moved: they
# are read, and carried to the present one, whoever wrote them.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"
. "$ROOT/tests/fixtures/bad-logs.sh"

# clones ORIGIN NAME…: clones ORIGIN-NAME of a new origin.
clones() {
	local origin=$1 c
	shift
	new_origin "$origin"
	for c; do
		new_clone "$origin" "$origin-$c"
	done
}

# The present branch says where the records are: prefix PREFIX
prefix() {
	printf '[records]\n\tprefix = %s\n' "$1" >.gitagent
	git add .gitagent
	git commit -qm "prefix $1"
	git push -q origin HEAD
}

# server_tip ORIGIN REF: empty if there is none.
server_tip() {
	git -C "$SCRATCH/srv/$1.git" rev-parse -q --verify "$2" || true
}

server_logs() {
	git -C "$SCRATCH/srv/$1.git" for-each-ref "$2/log" | wc -l
}

# sees SUBJECT…: these, each once, and no others.
sees() {
	printf '%s\n' "$@" | sort >"$SCRATCH/.expected"
	subjects --offline >"$SCRATCH/.actual"
	test_cmp "$SCRATCH/.expected" "$SCRATCH/.actual"
}

# ---- late records ------------------------------------------------------------

t 'a long job on an older checkout: its records are read' <<'EOT'
	clones job a b job reader
	(cd job-a && git agent log done a1)
	(cd job-b && git agent log done b1)
	(cd job-reader && git agent sync)
	cd job-a
	prefix refs/heads/agent
	git agent log done a2
	for c in b reader; do
		cd ../job-$c
		git pull -q
		git agent sync
	done
	cd ../job-job
	git agent log done 'a day of work'
	writer >../job-writer
	# Who reads only, reads them, and leaves the carrying to others.
	cd ../job-reader
	test_exit 0 git agent sync >out 2>err
	test_empty err
	test_grep "^fetch  refs/agent/log/$(cat ../job-writer)  new$" out
	sees a1 b1 a2 'a day of work'
	test "$(server_logs job refs/heads/agent)" = 2
	test_exit 0 git agent sync >out 2>err
	test_empty out
	test_grep "nothing new on 'origin'" err
EOT

t 'they are carried by the next push, and go on to be' <<'EOT'
	log=log/$(cat job-writer)
	cd job-a
	test_exit 0 git agent sync >out
	test_grep "^push *$log *carried$" out
	cd ../job-job
	git agent log done 'and more'
	cd ../job-b
	git agent sync --fetch
	git agent log done b2
	test "$(server_tip job "refs/heads/agent/$log")" = \
		"$(server_tip job "refs/agent/$log")"
	# The job ends, and its directory goes.
	rm -rf ../job-job
	new_clone job job-fresh
	for c in a b reader fresh; do
		cd ../job-$c
		test_exit 0 git agent sync 2>err
		test_no_grep warning err
		sees a1 b1 a2 b2 'a day of work' 'and more'
		nothing_found
		test -z "$(git for-each-ref refs/agent-remotes/origin/former)"
	done
EOT

t 'by the one git fetch that is made anyway; a plain one is as before' <<'EOT'
	cd job-reader
	GIT_TRACE=$SCRATCH/trace git agent sync
	test "$(grep -c 'built-in: git fetch' ../trace)" = 1
	test_no_grep 'built-in: git \(push\|ls-remote\)' ../trace
	git config --get-all remote.origin.fetch >specs
	test_lines 3 specs
	test_no_grep '^+*refs/agent/' specs
	test_grep '^refs/heads/agent/log/\*:refs/agent-remotes/origin/log/\*$' specs
	git fetch -q --prune
	test_exit 0 git agent log --offline
EOT

t '--check tells of them, --repair brings them over, also of a reader' <<'EOT'
	new_clone job job-late
	cd job-late
	git checkout -q --detach HEAD~1
	git -c agent.prefix=refs/agent agent log done 'late'
	log=log/$(writer)
	cd ../job-reader
	snapshot job >../before
	found former "refs/agent/$log" 'git agent sync --repair'
	snapshot job >../after
	test_cmp ../before ../after
	repaired job
	sees a1 b1 a2 b2 'a day of work' 'and more' late
	test -n "$(server_tip job "refs/heads/agent/$log")"
	test ! -e .git/agent/writer
	# Fetched here, and not carried yet.
	(cd ../job-late && git -c agent.prefix=refs/agent agent log done later)
	git agent sync
	found former "refs/agent/$log" 'git agent sync --repair'
	repaired job
	cd ../job-a
	git agent sync
	nothing_found
EOT

t 'a log that is another one there is brought over beside it' <<'EOT'
	new_clone job job-other
	cd job-other
	git agent sync
	b=$(cd ../job-b && writer)
	other=$(printf 'done: other\n\nAgent-Kind: done\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' |
		git commit-tree "$(git mktree </dev/null)")
	git push -q --force origin "$other:refs/agent/log/$b"
	# Nothing was lost, and nobody is alarmed.
	cd ../job-a
	test_exit 0 git agent sync 2>err
	test_no_grep warning err
	test_exit 0 git agent status >out 2>err
	test_no_grep 'lost records' err
	new_clone job job-new
	cd ../job-new
	test_exit 0 git agent sync 2>err
	subjects --offline >out
	test_grep other out
	found former "refs/agent/log/$b" 'git agent sync --repair'
	repaired job
	test "$(server_tip job "refs/heads/agent/log/$b-$(echo "$other" | cut -c 1-7)")" = "$other"
	cd ../job-a
	test_exit 0 git agent sync
	subjects --offline >out
	test_grep other out
	nothing_found
EOT

t 'one that is replaced there is no rewound log, and not asked for twice' <<'EOT'
	cd job-new
	b=$(cd ../job-b && writer)
	other=$(git rev-parse "refs/agent-remotes/origin/elsewhere/refs#agent/log/$b")
	git push -q --force origin "$(good_record third):refs/agent/log/$b"
	test_exit 0 counted git-agent-sync >out 2>err
	test_empty out
	test_grep "nothing new on 'origin'" err
	test "$(calls fetch)" = 1
	test_empty .git/agent/rewound
	test "$(git rev-parse "refs/agent-remotes/origin/elsewhere/refs#agent/log/$b")" = "$other"
	# An earlier version noted it, and nobody is alarmed by that either.
	echo "refs/agent-remotes/origin/elsewhere/refs#agent/log/$b" \
		>.git/agent/rewound
	test_exit 0 git agent log --offline >out 2>err
	test_empty err
	git push -q --force origin "$other:refs/agent/log/$b"
	git agent sync
	nothing_found
EOT

t 'killed behind the fetch of git, the next sync carries them' <<'EOT'
	(cd job-late && git -c agent.prefix=refs/agent agent log done latest)
	log=log/$(cd job-late && writer)
	cd job-a
	test ! -e .git/agent/unsettled/origin
	mkdir ../killing-bin
	cat >../killing-bin/git <<-'EOF'
	#!/bin/sh
	# The real git, and then the end of who called it.
	"$REAL_GIT" "$@"
	status=$?
	case " $* " in
	*" fetch "*) kill -KILL $PPID ;;
	esac
	exit $status
	EOF
	chmod +x ../killing-bin/git
	REAL_GIT=$(command -v git) PATH=$SCRATCH/killing-bin:$PATH \
		test_exit 137 git-agent-sync
	git for-each-ref refs/agent-remotes/origin >refs
	test_no_grep former refs
	test -e .git/agent/unsettled/origin
	subjects --offline >out
	test_grep latest out
	test_exit 0 git agent sync >out
	test_grep "^push *$log *carried$" out
	test ! -e .git/agent/unsettled/origin
	nothing_found
EOT

t 'why git does not take one is told by --check, too' <<'EOT'
	clones told a old
	cd told-a
	git agent log done a1
	prefix refs/heads/agent
	git agent log done a2
	git config transfer.fsckObjects true
	cd ../told-old
	bad=$(bad_record cron-1)
	git push -q origin "$bad:refs/agent/log/cron-1"
	cd ../told-a
	found former refs/agent/log/cron-1 'git agent sync --repair'
	test_no_grep 'git does not take them' out
	test_exit 1 git agent sync
	test_exit 1 git agent sync --check >out
	test_grep "^former: 'refs/agent/log/cron-1': .*; git does not take them: object $bad: badTimezone" out
	git config fetch.fsck.badTimezone ignore
	repaired told
	test "$(server_tip told refs/heads/agent/log/cron-1)" = "$bad"
EOT

# ---- which prefixes ----------------------------------------------------------

t 'all that were in use are looked at, not only the last' <<'EOT'
	clones many a b first second
	cd many-a
	prefix refs/heads/one
	git agent log done a1
	for c in b second; do
		cd ../many-$c
		git pull -q
		git agent log done "$c 1"
	done
	cd ../many-a
	prefix refs/heads/two
	git agent log done a2
	cd ../many-b
	git pull -q
	git agent log done b2
	(cd ../many-first && git agent log done first)
	(cd ../many-second && git agent log done 'second 2')
	for c in a b a; do
		cd ../many-$c
		test_exit 0 git agent sync
	done
	sees a1 a2 'b 1' b2 first 'second 1' 'second 2'
	test "$(sort .git/agent/prefixes/origin)" = "refs/agent
refs/heads/one
refs/heads/two"
	test "$(head -n 1 .git/agent/prefixes/origin)" = refs/heads/two
	test "$(server_logs many refs/heads/two)" = 4
	cd ../many-b
	sees a1 a2 'b 1' b2 first 'second 1' 'second 2'
	nothing_found
EOT

t 'one that is in use again is none any more, and the other is' <<'EOT'
	cd many-a
	prefix refs/heads/one
	git agent log done a3
	test "$(head -n 1 .git/agent/prefixes/origin)" = refs/heads/one
	git for-each-ref refs/agent-remotes/origin/elsewhere >refs
	test_no_grep 'elsewhere/refs#heads#one/' refs
	test_grep 'elsewhere/refs#heads#two/' refs
	(cd ../many-b && git agent log done b3)
	test_exit 0 git agent sync
	subjects --offline >out
	test_grep b3 out
	test "$(server_tip many "refs/heads/one/log/$(cd ../many-b && writer)")" = \
		"$(server_tip many "refs/heads/two/log/$(cd ../many-b && writer)")"
	nothing_found
EOT

t 'changed on one branch only: the groups see each other' <<'EOT'
	clones half a b c
	cd half-a
	git agent log done a1
	git checkout -q -b exp
	prefix refs/heads/agent
	git agent log done 'a2, exp'
	cd ../half-b
	git agent log done b1
	cd ../half-a
	test_exit 0 git agent sync
	sees a1 'a2, exp' b1
	# The first who has been at both brings each what the other has.
	cd ../half-b
	git fetch -q
	git checkout -q exp
	git agent log done 'b2, exp'
	git checkout -q main
	git agent log done b3
	(cd ../half-a && git agent log done 'a3, exp')
	git agent sync
	(cd ../half-a && git agent sync)
	cd ../half-c
	git agent log done c1
	for c in b a c; do
		cd ../half-$c
		test_exit 0 git agent sync
		sees a1 'a2, exp' 'a3, exp' b1 'b2, exp' b3 c1
		nothing_found
	done
EOT

t 'they are known by the new name of a remote, too' <<'EOT'
	cd many-a
	git remote rename origin lab
	test_exit 0 git agent sync
	test ! -e .git/agent/prefixes/origin
	test "$(sort .git/agent/prefixes/lab)" = "refs/agent
refs/heads/one
refs/heads/two"
	(cd ../many-b && git agent log done b4)
	test_exit 0 git agent sync
	subjects --offline >out
	test_grep b4 out
	git for-each-ref refs/agent-remotes/origin >refs
	test_empty refs
	nothing_found
EOT

# ---- what is not brought back --------------------------------------------------

# rolled_up ORIGIN: three logs of jobs are rolled up, and then the records
# move; -old has them as they were.
rolled_up() {
	clones "$1" a old new 1 2 3
	for i in 1 2 3; do
		(cd "$1-$i" && git agent log done "job $i")
	done
	cd "$1-old"
	git agent log
	cd "../$1-a"
	sleep 1.1
	git agent sync --roll-up --older-than 1s
	prefix refs/heads/agent
	git agent sync
	cd "../$1-old"
	git pull -q
}

t 'logs that were rolled up meanwhile do not come back, by a sync' <<'EOT'
	rolled_up rolled
	git agent log done mine --no-push
	test_exit 0 git agent sync >out
	test_no_grep carried out
	test "$(server_logs rolled refs/heads/agent)" = 2
	sees 'job 1' 'job 2' 'job 3' mine '3 logs that had ended'
	test -z "$(git for-each-ref refs/agent-remotes/origin/former)"
	nothing_found
EOT

t 'nor by a record that is written; nor where both places have had them' <<'EOT'
	rolled_up written
	git agent log done mine
	test "$(server_logs written refs/heads/agent)" = 2
	cd ../written-a
	git agent sync
	sleep 1.1
	git agent log done a
	git agent sync --roll-up --older-than 1s
	test "$(server_logs written refs/heads/agent)" = 1
	cd ../written-new
	git pull -q
	git agent log done new
	git agent sync
	test "$(server_logs written refs/heads/agent)" = 2
	nothing_found
EOT

t 'a late record of a log that was rolled up comes' <<'EOT'
	cd written-1
	git agent log done 'job 1, late'
	cd ../written-a
	test_exit 0 git agent sync >out
	test_grep "^push *log/$(cd ../written-1 && writer) *carried$" out
	subjects --offline >out
	test "$(grep -c 'job 1' out)" = 2
	nothing_found
EOT

t 'what is no record there is carried nowhere, and a name is in no way' <<'EOT'
	clones junk a junk
	cd junk-a
	git agent log done a1
	prefix refs/heads/agent
	git agent log done a2
	cd ../junk-junk
	blob=$(echo junk | git hash-object -w --stdin)
	git push -q origin "$blob:refs/agent/log/blob"
	git push -q origin "HEAD:refs/agent/log/code"
	git push -q origin "HEAD:refs/agent/log/zok/x"
	cd ../junk-a
	test_exit 0 git agent sync
	test "$(server_logs junk refs/heads/agent)" = 1
	git -C ../srv/junk.git update-ref -d refs/agent/log/zok/x
	git -C ../srv/junk.git update-ref refs/agent/log/zok \
		"$(git rev-parse "refs/agent/log/$(writer)^")"
	test_exit 0 git agent sync 2>err
	test_empty err
	git for-each-ref refs/agent-remotes/origin/elsewhere >refs
	test_grep '/log/zok$' refs
	test_no_grep '/log/zok/x$' refs
EOT

finish
