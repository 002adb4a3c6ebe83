#!/usr/bin/env bash
# Bad places, settings and state files: a clear sentence and the documented
# exit status, never a crash, never a lost record.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/input.sh"

git init -q --bare srv/origin.git
new_repo seed
git -C seed push -q "$SCRATCH/srv/origin.git" main

# ---- places ------------------------------------------------------------------

t 'not a repository' <<'EOF'
	mkdir -p nowhere
	cd nowhere
	for args in 'log' 'log done x' 'steer' 'steer x' 'sync' 'log show abcd' \
	    'log --render'; do
		test_exit 128 git agent $args >out 2>err
		test_empty out
		test_lines 1 err
		test_grep '^fatal: not a git repository' err
		test_grep "'git init'" err
	done
EOF

t 'a bare repository has records; what needs a work tree says so' <<'EOF'
	git clone -q --bare "$DAEMON_URL/origin.git" bare.git
	cd bare.git
	git agent log done 'from a bare one'
	test "$(subjects)" = 'from a bare one'
	test_exit 128 git agent log --render 2>err
	test_grep 'is a bare repository; this needs a work tree' err
	git agent log --render -o - >out
	test_grep 'from a bare one' out
	git agent sync
EOF

t 'an empty repository without commits' <<'EOF'
	git init -q unborn
	cd unborn
	git agent log done 'before the first commit'
	test "$(subjects)" = 'before the first commit'
	test "$(git agent log --json | jq -r '.[0].at')" = null
	git agent sync --inbox 2>err
	git agent steer hello
	git agent log --render
	test_grep 'before the first commit' CHANGELOG.md
EOF

t 'a detached HEAD' <<'EOF'
	new_repo detached
	cd detached
	git checkout -q --detach
	git agent log done 'nowhere on a branch'
	test "$(git agent log --json | jq -r '.[0].at')" = "$(git rev-parse HEAD)"
	git agent sync
EOF

t 'no identity: nothing is guessed, and it says what to do' <<'EOF'
	new_repo anonymous
	cd anonymous
	export HOME=$SCRATCH/nobody
	mkdir -p "$HOME"
	for args in 'log done x' 'steer x'; do
		test_exit 128 git agent $args >out 2>err
		test_grep 'git does not know who you are' err
		test_grep 'git config --global user.name' err
	done
	test -z "$(git for-each-ref refs/agent)"
	git agent log
	git agent sync
	GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b test_exit 128 \
		git agent log done x
	as Zoe git agent log done 'by the environment'
	test "$(git agent log --json | jq -r '.[0].author')" = Zoe
EOF

t 'identities: git -c, GIT_CONFIG_COUNT, config.worktree, EMAIL' <<'EOF'
	new_repo who
	cd who
	who() { git agent log --json -n 1 | jq -r '.[0]|.author+" "+.email'; }
	git -c user.name=Dash -c user.email=dash@c agent log done x
	test "$(who)" = 'Dash dash@c'
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=Count \
		git agent log done x
	test "$(who)" = 'Count ada@example.org'
	mkdir deep
	cd deep
	GIT_DIR=../.git GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=user.name \
		GIT_CONFIG_VALUE_0=Deep git-agent-log done x
	test "$(who)" = 'Deep ada@example.org'
	git config extensions.worktreeConfig true
	git config --worktree user.name Tree
	git agent log done x
	test "$(who)" = 'Tree ada@example.org'
	export HOME=$SCRATCH/nobody
	EMAIL=e@mail git agent log done x
	test "$(who)" = 'Tree e@mail'
	printf '[user]\n\tname = Global\n\temail = g@l\n' >../global
	git config --worktree --unset user.name
	GIT_CONFIG_GLOBAL=$PWD/../global git agent log done x
	test "$(who)" = 'Global g@l'
EOF

t 'a name without a character that counts is refused, as by git' <<'EOF'
	new_repo nameless
	cd nameless
	for name in ' ' . ,, '"' "'" '<>' "$(printf '\001\002')" ' .; '; do
		GIT_AUTHOR_NAME=$name test_exit 128 git commit --allow-empty -qm x
		GIT_AUTHOR_NAME=$name test_exit 128 git agent log done x 2>err
		test_grep '^fatal: the name .* of the author consists only of' err
		test_grep 'set GIT_AUTHOR_NAME, or run' err
		GIT_COMMITTER_NAME=$name test_exit 128 git agent steer x 2>err
		test_grep 'of the committer consists' err
		test_exit 128 git -c user.name="$name" agent log done x 2>err
	done
	test -z "$(git for-each-ref refs/agent)"
	for name in ' Bob' 'J. R.' "'x'" 'a.b' '-' 'é;'; do
		export GIT_AUTHOR_NAME=$name
		git commit --allow-empty -qm x
		git agent log done x
		test "$(git agent log --json -n 1 | jq -r '.[0].author')" = \
			"$(git log -1 --format=%an)"
	done
EOF

t 'set but empty: whatever git makes of it' <<'EOF'
	new_repo empty
	cd empty
	export HOME=$PWD/home
	mkdir home
	git config --global user.name Ada
	git config --global user.email ada@example.org
	format='%an <%ae>, %cn <%ce>'
	# same SETTING…: as environment, or as configuration if it has a dot.
	same() {
		local want=0 log s set=()
		for s; do
			case $s in
			*.*=*)	git config "${s%%=*}" "${s#*=}" ;;
			*)	set+=("$s") ;;
			esac
		done
		env "${set[@]}" git commit -q --allow-empty -m x 2>/dev/null || want=$?
		test_exit $want env "${set[@]}" git agent log done x 2>err
		if test $want = 0; then
			log=$(git for-each-ref --format='%(refname)' refs/agent/log)
			test "$(git log -1 --format="$format" "$log")" = \
				"$(git log -1 --format="$format")"
		fi
		for s; do
			case $s in
			*.*=*)	git config --unset "${s%%=*}" ;;
			esac
		done
	}
	for value in '' ' ' .; do
		for who in AUTHOR COMMITTER; do
			same GIT_${who}_NAME="$value"
			same GIT_${who}_EMAIL="$value"
			same GIT_${who}_EMAIL="$value" EMAIL=e@mail
		done
		same user.name="$value"
		same user.name="$value" GIT_AUTHOR_NAME=A GIT_COMMITTER_NAME=C
		same user.email="$value"
		same user.email="$value" EMAIL=e@mail
	done
	for who in author committer; do
		same $who.name=
		same $who.email=
	done
	GIT_COMMITTER_NAME='' test_exit 128 git agent log done x 2>err
	test_grep "^fatal: GIT_COMMITTER_NAME is set but empty" err
	git -c user.name= agent log done x 2>err || test $? = 128
	test_grep 'git does not know who you are' err
EOF

t 'a name that would forge a header is refused' <<'EOF'
	cd who
	GIT_AUTHOR_NAME='Eve
committer Ada <ada@example.org>' test_exit 128 git agent log done x 2>err
	test_grep 'has a line break or one of' err
	GIT_AUTHOR_EMAIL='a> <b' test_exit 128 git agent log done x 2>err
EOF

t 'no remote: recorded here, sync says how to add one' <<'EOF'
	new_repo lonely
	cd lonely
	git agent log done x 2>err
	test_grep 'in this clone (it has no remote)' err
	test_exit 0 git agent sync 2>err
	test_grep 'this repository has no remote' err
	test_exit 0 git agent sync --json >out
	test "$(jq .remote out)" = null
EOF

t 'an unreachable remote: written here, exit 3 for readers, 1 for sync' <<'EOF'
	git clone -q "$DAEMON_URL/origin.git" cut-off
	cd cut-off
	git config remote.origin.url git://127.0.0.1:1/x.git
	test_exit 0 git agent log done 'kept' 2>err
	test_grep "not pushed to 'origin'.*refused" err
	test_exit 3 git agent log >out 2>err
	test_grep kept out
	test_grep "could not ask 'origin' for news" err
	test_grep 'nothing was ever fetched from it' err
	test_exit 3 git agent log --offline >out 2>err
	test_grep "nothing was ever fetched from 'origin'" err
	test_exit 1 git agent sync 2>err
	test_exit 1 git agent sync --json >out 2>err
	test "$(jq .reached out)" = false
	test "$(jq -r .problem out)" != null
	test_exit 129 git agent sync --fetch --push 2>err
	test_exit 129 git agent sync origin 2>err
EOF

t 'GIT_DIR and GIT_WORK_TREE are followed as git does' <<'EOF'
	new_repo dirs
	mkdir elsewhere
	cd elsewhere
	GIT_DIR=../dirs/.git git agent log done 'by GIT_DIR'
	test "$(git -C ../dirs agent log --json | jq -r '.[0].subject')" = 'by GIT_DIR'
	mkdir tree
	export GIT_DIR=$SCRATCH/dirs/.git GIT_WORK_TREE=$PWD/tree
	git agent log --render
	test -e tree/CHANGELOG.md
	test ! -e ../dirs/CHANGELOG.md
	unset GIT_WORK_TREE
	GIT_DIR=$SCRATCH/none test_exit 128 git agent log 2>err
	test_grep '^fatal: ' err
EOF

t 'SHA-256 objects are refused with a sentence of ours' <<'EOF'
	git init -q --object-format=sha256 sha256
	cd sha256
	for args in 'log' 'log done x' 'sync' 'steer x'; do
		test_exit 128 git agent $args 2>err
		test_grep 'this repository has SHA-256 objects, which git-agent does not support' err
	done
	test -z "$(git for-each-ref)"
EOF

if test "$(id -u)" = 0; then
	t "somebody else's repository: git's own refusal, and its remedy" <<-'EOF'
	new_repo theirs
	chown -R 12345 theirs
	cd theirs
	test_exit 128 git agent log 2>err
	test_grep 'dubious ownership' err
	test_grep 'safe.directory' err
	git config --global safe.directory "$PWD"
	git agent log
	git config --global safe.directory '*'
	git agent log done 'allowed'
	git config --global --unset safe.directory
	EOF
else
	skip "somebody else's repository" 'needs root to make one'
fi

t 'a repository that cannot be written' <<'EOF'
	new_repo sealed
	cd sealed
	git agent log done first
	rm -rf .git/agent
	echo 'no folder' >.git/agent
	git agent log >out
	test_grep first out
	test_exit 128 git agent log done x 2>err
	test_grep "^fatal: cannot .*\.git/agent" err
EOF

t 'a HEAD that git does not take: said, and not that there is no remote' <<'EOF'
	new_repo headless
	cd headless
	git agent log done before
	git remote add origin ../srv/origin.git
	for text in garbage '' 'ref: HEAD' 12345; do
		echo "$text" >.git/HEAD
		test_exit 128 git rev-parse --git-dir
		for args in 'log done x' log sync 'sync --check' 'steer x'; do
			GIT_CONFIG_NOSYSTEM=1 test_exit 128 git agent $args 2>err
			test_lines 1 err
			test_grep "^fatal: '.*/.git/HEAD' is damaged, so that git takes this for no repository" err
		done
	done
	eval "$(sed "s/.*was: //" err)"
	git agent log >out
	test_grep before out
	git symbolic-ref HEAD refs/heads/none
	git agent log done 'on no branch yet'
	rm .git/HEAD
	ln -s refs/heads/main .git/HEAD
	git agent log done 'an old form'
	git checkout -q --detach
	git agent log done 'on no branch'
EOF

if have cc && ! nm "$B/bin/git-agent-log" 2>/dev/null | grep -q __asan_init; then
	t 'a clock before 1970: records that git takes, in their order' <<-'EOF'
	cat >early.c <<-'END'
	#include <sys/syscall.h>
	#include <time.h>
	#include <unistd.h>
	int clock_gettime(clockid_t id, struct timespec *ts)
	{
		int rc = (int)syscall(SYS_clock_gettime, id, ts);
		if (id == CLOCK_REALTIME)
			ts->tv_sec = -100000;
		return rc;
	}
	END
	cc -shared -fPIC -o early.so early.c
	new_repo early
	cd early
	for text in one two three; do
		LD_PRELOAD=$SCRATCH/early.so git agent log done $text
	done
	git cat-file commit "$(git for-each-ref --format='%(objectname)' refs/agent/log)" >out
	test_grep '^author Ada Lovelace <ada@example.org> 0 +0000$' out
	git fsck --strict 2>err
	test_no_grep -i error err
	test "$(subjects)" = "$(printf 'three\ntwo\none')"
	git agent log done 'when it is set'
	test "$(subjects -n 1)" = 'when it is set'
	EOF
fi

# ---- state files -------------------------------------------------------------

t 'a writer file that is cut short, empty or garbage: a new writer, no loss' <<'EOF'
	new_repo state
	cd state
	git agent log done 'one'
	n=1
	for text in '' 'x' '../../evil' "$(head -c 300 /dev/zero | tr '\0' a)" \
	    '-rf' 'a b' "$(head -n 1 .git/agent/writer)"; do
		printf '%s' "$text" >.git/agent/writer
		git agent log done "more"
		n=$((n + 1))
		test "$(subjects | wc -l)" = $n
	done
	head -c 20 /dev/urandom >.git/agent/writer
	git agent log done "more"
	test "$(subjects | wc -l)" = $((n + 1))
	git for-each-ref --format='%(refname)' >refs
	test_no_grep -v '^refs/\(heads/main\|agent/log/[a-z0-9]*-[a-z0-9]*-[0-9a-f]\{10\}\)$' refs
EOF

t 'all of .git/agent may go: nothing is lost' <<'EOF'
	cd state
	subjects >before
	rm -rf .git/agent
	subjects >after
	test_cmp before after
	git agent log done 'new start'
	test "$(subjects | wc -l)" = $(($(wc -l <before) + 1))
EOF

t 'other state files hold garbage' <<'EOF'
	cd state
	for f in clock rewound fetched; do
		head -c 100 /dev/urandom >".git/agent/$f"
	done
	echo 9999-12-31T23:59:59.999999Z >.git/agent/clock
	git agent log done 'in time' || test $? = 3
	git agent log --json -n 1 >out || test $? = 3
	test "$(jq -r '.[0].clock_ahead' out)" = false
EOF

t 'a stale lock is named, with what to do' <<'EOF'
	new_repo locked
	cd locked
	git agent log done one
	ref=refs/agent/log/$(head -n 1 .git/agent/writer)
	touch ".git/$ref.lock"
	test_exit 128 git agent log done two 2>err
	test_grep "is locked; .* run 'rm -f [^']*/$ref.lock'" err
	rm ".git/$ref.lock"
	git agent log done two
	test "$(subjects)" = "$(printf 'two\none')"
EOF

t 'a remedy, pasted into a shell, runs nothing of a path' <<'EOF'
	new_repo 'a $(touch ran) `touch ran` "b" '"it's"
	cd a\ *
	git remote add '$(touch$IFS'ran')' ../srv/origin.git
	git agent log done one
	ref=refs/agent/log/$(head -n 1 .git/agent/writer)
	touch -d '1 hour ago' ".git/$ref.lock"
	touch -d '1 hour ago' .git/agent/clock.a1B2c3
	test_exit 1 git agent sync --check --json >out
	jq -r '.findings[].command | select(. != null)' out >commands
	test_grep 'rm -f .*clock' commands
	grep 'rm -f' commands >rm.sh
	sh -e ./rm.sh
	test ! -e ran
	test ! -e ".git/$ref.lock"
	test ! -e .git/agent/clock.a1B2c3
	: >".git/$ref"
	git agent log >out 2>err || :
	: >.git/HEAD
	test_exit 128 git agent log 2>err
	sed -n 's/.*which branch it was: //p' err >head.sh
	sh -e ./head.sh
	test "$(cat .git/HEAD)" = 'ref: refs/heads/main'
	test ! -e ran
EOF

t 'an empty ref file (power loss) is named' <<'EOF'
	cd locked
	ref=refs/agent/log/$(head -n 1 .git/agent/writer)
	cp ".git/$ref" saved
	: >".git/$ref"
	test_exit 128 git agent log done three 2>err
	test_grep "'$ref', is damaged" err
	cp saved ".git/$ref"
	git agent log done three
EOF

finish
