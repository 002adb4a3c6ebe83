#!/usr/bin/env bash
# Bad places, bad settings and hostile records: a clear sentence and the
# documented exit status, never a crash, never a lost record.
. "${0%/*}/lib.sh"

EMPTY_TREE=4b825dc642cb6eb9a060e54bf8d69288fbee4904
GOOD_CLOCK=2026-01-02T03:04:05.000001Z

start_git_daemon "$SCRATCH/srv"
git init -q --bare srv/origin.git
new_repo seed
git -C seed push -q "$SCRATCH/srv/origin.git" main

# evil NAME: make a commit of the message on stdin the log of a writer.
evil() {
	local id
	git hash-object -t tree -w /dev/null >tree.id
	id=$({ printf 'tree %s\n' "$EMPTY_TREE"
		printf 'author %s 1700000000 +0000\n' "${AUTHOR:-Eve <eve@x>}"
		printf 'committer Eve <eve@x> 1700000000 +0000\n\n'
		cat; } | git hash-object -t commit -w --stdin --literally)
	git update-ref "refs/agent-remotes/origin/log/$1" "$id"
	echo "$id"
}

trailers() {
	printf '\nAgent-Kind: %s\nAgent-Clock: %s\n' "${1:-done}" \
		"${2:-$GOOD_CLOCK}"
}

subjects() {
	git agent log --all --json "$@" | jq -r '.[].subject'
}

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
	test_no_grep -v '^refs/\(heads/main\|agent/log/[a-z0-9]*-[a-z0-9]*-[0-9a-f]\{6\}\)$' refs
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
	test_grep "is locked; if no git process is running here, remove '.*/$ref.lock'" err
	rm ".git/$ref.lock"
	git agent log done two
	test "$(subjects)" = "$(printf 'two\none')"
EOF

t 'an empty ref file (power loss) is named' <<'EOF'
	cd locked
	ref=refs/agent/log/$(head -n 1 .git/agent/writer)
	cp ".git/$ref" saved
	: >".git/$ref"
	test_exit 128 git agent log done three 2>err
	test_grep "cannot read the ref '$ref'" err
	cp saved ".git/$ref"
	git agent log done three
EOF

# ---- records -----------------------------------------------------------------

git init -q --bare srv/hostile.git
new_repo hostile
git -C hostile remote add origin "$DAEMON_URL/hostile.git"
git -C hostile push -q origin main
(cd hostile && git agent log 'done' 'honest one') 2>/dev/null

t 'control bytes and escape sequences reach no terminal' <<'EOF'
	cd hostile
	{ printf 'done: red \033[31m bell\007 csi \302\233 rtl \342\200\256 cr\rover\n\n'
		printf 'body \033]0;title\007 \010\177\n'
		printf '\nAgent-Kind: done\nAgent-Instead: \033[2J\nAgent-X\033: y\n'
		printf 'Agent-Clock: %s\n' $GOOD_CLOCK; } >text
	evil ansi <text
	printf 'done: red \033[31m bell\007 csi \302\233 rtl \342\200\256 cr\rover\n\nbody \033]0;title\007 \010\177\n\nAgent-Kind: done\nAgent-Instead: \033[2J\nAgent-Clock: %s\n' $GOOD_CLOCK |
		AUTHOR=$(printf 'E\033[1mve <e\033@x>') evil ansi >id
	git agent log --all --offline >out 2>err || test $? = 3
	git agent log show "$(cat id)" --offline >>out 2>err || test $? = 3
	git agent log --render -o - --offline >>out 2>err || test $? = 3
	test_grep 'red ^\[\[31m bell^G' out
	LC_ALL=C test_no_grep "[$(printf '\001-\010\013-\037\177')]" out
	LC_ALL=C test_no_grep "$(printf '\302\233')" out
	LC_ALL=C test_no_grep "$(printf '\342\200\256')" out
	git update-ref -d refs/agent-remotes/origin/log/ansi
EOF

t 'malformed commits are skipped, counted and said; the rest is read' <<'EOF'
	cd hostile
	git agent sync
	bads() { git for-each-ref 'refs/agent-remotes/origin/log/bad*' | wc -l; }
	bad() { evil "bad$(bads)" >/dev/null; }
	printf 'no trailers at all\n' | bad
	printf 'done: no clock\n\nAgent-Kind: done\n' | bad
	printf 'x\n\nAgent-Clock: %s\n' $GOOD_CLOCK | bad
	{ printf 'two kinds\n'; trailers; echo 'Agent-Kind: milestone'; } | bad
	{ printf 'two kinds\n'; trailers; echo 'agent-kind: milestone'; } | bad
	{ printf 'two clocks\n'; trailers; echo "Agent-Clock: $GOOD_CLOCK"; } | bad
	{ printf 'empty kind\n'; trailers ' '; } | bad
	{ printf 'kind with blanks\n'; trailers 'a b'; } | bad
	{ printf 'kind too long\n'; trailers "$(printf 'a%.0s' $(seq 40))"; } | bad
	{ printf 'clock\n'; trailers done 2026-13-01T00:00:00.000000Z; } | bad
	{ printf 'clock\n'; trailers done '2026-01-01 00:00:00'; } | bad
	{ printf 'clock\n'; trailers done -1; } | bad
	{ printf 'NUL \0 inside\n'; trailers; } | bad
	trailers | sed 1d | bad
	printf '' | bad
	{ head -c 10000000 /dev/zero | tr '\0' 'x'; echo; trailers; } | bad
	{ printf 'many\n\nbody\n\nnot a trailer\n'; trailers | sed 1d; } | bad
	n=$(bads)
	test "$n" = 17
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'honest one' out
	test_grep "$n commits in the logs could not be read as records and were skipped" err
	test "$(subjects --offline 2>/dev/null)" = 'honest one'
	for ref in $(git for-each-ref --format='%(refname)' 'refs/agent-remotes/origin/log/bad*'); do
		git update-ref -d "$ref"
	done
	test_exit 0 git agent log --offline
EOF

t 'trailers forged in a body stay text' <<'EOF'
	cd hostile
	{ printf 'done: real subject\n\nAgent-Kind: milestone\nAgent-Writer: ada\n'
		printf 'Agent-Clock: 2030-01-01T00:00:00.000000Z\n'; trailers failed; } |
		evil forged >id
	git agent log show "$(cat id)" --json >out
	test "$(jq -r .kind out)" = failed
	test "$(jq -r .clock out)" = $GOOD_CLOCK
	test "$(jq -r .writer out)" = ''
	git update-ref -d refs/agent-remotes/origin/log/forged
EOF

t 'invalid UTF-8 is shown as replacement characters, also in JSON' <<'EOF'
	cd hostile
	{ printf 'done: caf\351 \377\n\nbody \300\200\n'; trailers; } |
		AUTHOR=$(printf 'J\366rg <j@x>') evil latin >id
	git agent log --offline >out
	test_grep 'caf� �' out
	test_grep 'J�rg' out
	git agent log show "$(cat id)" --json >out
	test "$(jq -r .subject out)" = 'caf� �'
	iconv -f UTF-8 -t UTF-8 out >copy
	test_cmp out copy
	git update-ref -d refs/agent-remotes/origin/log/latin
EOF

t 'records that take long to parse do not' <<'EOF'
	cd hostile
	trap 'rm -f .git/refs/agent-remotes/origin/log/*' EXIT
	# A trailer of 300,000 lines; a header of 100,000 parents, none here.
	{ printf 'done: folded\n'; trailers; yes ' a' | head -n 300000; } |
		evil folded
	{ printf 'tree %s\n' "$EMPTY_TREE"
		seq -f 'parent %040.0f' 100000
		printf 'author E <e@x> 1 +0000\ncommitter E <e@x> 1 +0000\n\nx\n'
		trailers; } | git hash-object -t commit -w --stdin --literally >id
	# Not by update-ref, which itself takes long over it.
	mkdir -p .git/refs/agent-remotes/origin/log
	cp id .git/refs/agent-remotes/origin/log/parents
	# Of processor time: 0.2 s, or minutes with what is quadratic in it.
	limit=5
	case $(ldd "$B/bin/git-agent-log") in *libasan*) limit=30 ;; esac
	(ulimit -t $limit; test_exit 3 git agent log --offline >out 2>err)
	test_grep 'honest one' out
EOF

t 'what is no commit at a log ref' <<'EOF'
	cd hostile
	blob=$(echo blob | git hash-object -w --stdin)
	git update-ref refs/agent-remotes/origin/log/blob "$blob"
	git update-ref refs/agent-remotes/origin/log/tree "$(git rev-parse 'HEAD^{tree}')"
	git tag -a -m tag annotated
	git update-ref refs/agent-remotes/origin/log/tag "$(git rev-parse annotated)"
	git symbolic-ref refs/agent-remotes/origin/log/sym refs/heads/main
	git update-ref refs/agent-remotes/origin/beat/blob "$blob"
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'honest one' out
	test_grep '3 commits in the logs' err
	git symbolic-ref -d refs/agent-remotes/origin/log/sym
	for x in log/blob log/tree log/tag beat/blob; do
		git update-ref -d refs/agent-remotes/origin/$x
	done
EOF

t 'a project branch pushed as a log' <<'EOF'
	cd hostile
	git push -q origin HEAD:refs/agent/log/eve-host-000000
	git agent sync
	test_exit 3 git agent log >out 2>err
	test_grep 'honest one' out
	test_grep '1 commit in the logs could not be read' err
	git -C ../srv/hostile.git update-ref -d refs/agent/log/eve-host-000000
	git update-ref -d refs/agent-remotes/origin/log/eve-host-000000
	rm .git/agent/known-logs
EOF

t 'records behind one that is malformed are still read' <<'EOF'
	cd hostile
	{ printf 'done: older\n'; trailers; } | evil mixed >older
	id=$(git commit-tree -p "$(cat older)" -m 'no record' "$EMPTY_TREE")
	id=$(printf 'done: newer\n\nAgent-Kind: done\nAgent-Clock: 2026-01-03T00:00:00.000000Z\n' |
		git commit-tree -p "$id" "$EMPTY_TREE")
	git update-ref refs/agent-remotes/origin/log/mixed "$id"
	subjects --offline >out 2>err || test $? = 3
	printf 'honest one\nnewer\nolder\n' >expected
	test_cmp expected out
	git update-ref -d refs/agent-remotes/origin/log/mixed
EOF

t 'an object that is missing is counted, not fatal' <<'EOF'
	cd hostile
	# Of a ref, and of our own log.
	mkdir -p .git/refs/agent-remotes/origin/log
	echo 0123456789012345678901234567890123456789 \
		>.git/refs/agent-remotes/origin/log/lost
	test_exit 3 git agent log --offline >out 2>err
	test_grep '1 object is missing here' err
	test_grep 'honest one' out
	rm .git/refs/agent-remotes/origin/log/lost
	git agent log done 'to be broken' --no-push
	git agent log done 'on top' --no-push
	id=$(git agent log --json | jq -r '.[1].id')
	file=.git/objects/$(echo "$id" | cut -c 1-2)/$(echo "$id" | cut -c 3-)
	mv "$file" saved.obj
	test_exit 3 git agent steer --list --offline 2>err
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'on top' out
	mkdir -p "${file%/*}"
	mv saved.obj "$file"
	test_exit 0 git agent log --offline
EOF

t 'names of refs that no writer has' <<'EOF'
	cd hostile
	id=$({ printf 'done: weird\n'; trailers; } | evil ok)
	git update-ref -d refs/agent-remotes/origin/log/ok
	for name in log/-x 'log/a"b' "log/a'b" 'log/ä' 'log/a$(id)' 'log/x/y' \
	    "log/$(printf 'n%.0s' $(seq 150))"; do
		git update-ref "refs/agent-remotes/origin/$name" "$id"
	done
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'could not be read' err
	test_no_grep weird out
	git for-each-ref --format='delete %(refname)' refs/agent-remotes |
		grep -v "/log/$(head -n 1 .git/agent/writer)" |
		git update-ref --stdin
EOF

t 'a clock far in the future is shown, flagged and not followed' <<'EOF'
	cd hostile
	{ printf 'status: from tomorrow\n'
		trailers status 2099-01-01T00:00:00.000000Z; } | evil future
	git agent log --offline >out 2>err
	test_grep 'from tomorrow' out
	test_grep '(a clock far in the future)' out
	test_grep '1 record has a clock far in the future' err
	test "$(git agent log --offline --json | jq -r '.[]|select(.subject=="from tomorrow").clock_ahead')" = true
	git agent log show "$(git rev-parse refs/agent-remotes/origin/log/future)" >out
	test_grep 'by a clock far in the future' out
	git agent log status 'from now' --no-push
	git agent log status --json --offline >out
	test "$(jq -r '.[]|select(.subject=="from now").clock' out | cut -c 1-3)" = 202
	test "$(jq -r '.[]|select(.subject=="from now").clock_ahead' out)" = false
	# The status that counts is the one that can be believed.
	git agent log --render -o - --offline >out
	sed -n '/^## Status/,/^## Next/p' out >status
	test_grep 'from now' status
	git update-ref -d refs/agent-remotes/origin/log/future
EOF

t 'a clock that is a little ahead is followed: effects sort behind causes' <<'EOF'
	cd hostile
	ahead=$(date -u -d '5 minutes' +%Y-%m-%dT%H:%M:%S.000000Z)
	{ printf 'status: five minutes fast\n'; trailers status "$ahead"; } |
		evil fast
	git agent log --offline >out
	git agent log status 'an answer to it' --no-push
	test "$(subjects --offline -n 1)" = 'an answer to it'
	git update-ref -d refs/agent-remotes/origin/log/fast
EOF

t 'an instruction with a hostile sender and text' <<'EOF'
	cd hostile
	{ printf 'steer: do\033[2J this\n\n`rm -rf /` $(id) "quoted"\n'
		trailers steer; } |
		AUTHOR="$(printf 'Eve\033 %0900d <e@x>' 1)" evil steer
	test "$(git agent steer --list --offline --json | jq length)" = 1
	git agent steer --list --offline >out
	LC_ALL=C test_no_grep "$(printf '\033')" out
	git agent sync --inbox || true
	printf '{"hook_event_name":"PostToolUse"}' |
		GIT_AGENT_RUN=x git-agent-hook >out
	jq -r .hookSpecificOutput.additionalContext out >text
	test_grep -F '`rm -rf /` $(id) "quoted"' text
	LC_ALL=C test_no_grep "$(printf '\033')" text
	git update-ref -d refs/agent-remotes/origin/log/steer
	rm .git/agent/known-logs
EOF

t 'bad prefixes and numbers' <<'EOF'
	cd hostile
	for prefix in '' agent refs/ 'refs/a b' 'refs/*' 'refs/x:refs/y'; do
		git config agent.prefix "$prefix"
		git agent sync
	done
	git config --unset agent.prefix
	for n in -1 x 99999999999999999999 ''; do
		test_exit 129 git agent log -n "$n" 2>err
	done
	test_exit 129 git agent log --grep 2>err
EOF

t 'a shallow clone reads all records' <<'EOF'
	git -C hostile agent sync
	git clone -q --depth 1 "$DAEMON_URL/hostile.git" shallow
	cd shallow
	test_exit 0 git agent log >out
	test_grep 'honest one' out
	git agent log done 'from the shallow one' 2>err
	test_grep pushed err
EOF

finish
