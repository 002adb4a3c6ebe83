#!/usr/bin/env bash
# Links to devices, FIFOs and files without end, where commands look for a
# small file: a clear sentence at once, not a memory that fills or a command
# that hangs.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/input.sh"

git init -q --bare srv/origin.git
new_repo seed
git -C seed push -q "$SCRATCH/srv/origin.git" main
git clone -q "$DAEMON_URL/origin.git" clone

# within COMMAND…: ended if it hangs, refused memory if it wants all of it.
within() (
	test -n "$SANITIZED" || ulimit -v 2000000
	timeout -k 1 20 "$@"
)
SANITIZED=$(nm "$B/bin/git-agent-log" 2>/dev/null | grep -m 1 __asan_init)

# Each of the strange things that PATH can be, one after the other.
make_strange() {
	rm -rf "$2"
	case $1 in
	link)	ln -s /dev/zero "$2" ;;
	fifo)	mkfifo "$2" ;;
	folder)	mkdir "$2" ;;
	socket)	python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$2" ;;
	esac
}

strange='link fifo folder'
have python3 && strange="$strange socket"

t '.gitagent: what writes records, and says why it does not push' <<'EOF'
	cd clone
	for kind in $strange; do
		make_strange $kind .gitagent
		for args in "log done $kind" "sync" "steer $kind"; do
			status=0
			within git agent $args 2>err || status=$?
			test $status -le 1
			test_grep "'.gitagent' is not a regular file" err
		done
		test "$(subjects -n 2 | sort)" = "$(printf "$kind\n$kind")"
	done
EOF

t '.gitagent: what reads says that it cannot ask for news' <<'EOF'
	cd clone
	for kind in $strange; do
		make_strange $kind .gitagent
		for args in status 'steer --list'; do
			test_exit 3 within git agent $args >out 2>err
			test_grep "for news: '.gitagent' is not a regular file" err
		done
		test_exit 3 within git agent log >out
		test_grep "$kind" out
		test_exit 1 within git agent sync --check >out 2>err
		test_grep "'.gitagent' is not a regular file" out
	done
EOF

t '.gitagent: check aborts, loop and init do nothing' <<'EOF'
	cd clone
	for kind in $strange; do
		make_strange $kind .gitagent
		test_exit 255 within git agent check 2>err
		test_grep "'.gitagent' is not a regular file" err
		test_exit 128 within git agent loop 2>err
		test_grep "^fatal: '.gitagent' is not a regular file" err
		test_exit 128 within git agent init --goal x 2>err
		test_grep "^fatal: '.gitagent' is not a regular file" err
	done
	rm -rf .gitagent
EOF

t '.gitagent: larger than any that a person writes' <<'EOF'
	cd clone
	truncate -s 1048576 .gitagent
	test_exit 128 within git agent loop 2>err
	test_grep "'.gitagent' line 1: there is a NUL byte in it" err
	truncate -s 100G .gitagent
	test_exit 128 within git agent loop 2>err
	test_grep "^fatal: '.gitagent' is larger than 1 MiB" err
	within git agent log done large 2>err
	test_grep "not pushed to 'origin': '.gitagent' is larger than 1 MiB" err
	rm .gitagent
EOF

t '.gitagent of a commit: larger than any that a person writes' <<'EOF'
	new_repo large
	cd large
	{
		printf '[oracle]\ncommand = echo metric x 1\n[metric "x"]\n'
		yes '# a comment' | head -c 1048576
	} >.gitagent
	git add .gitagent
	git commit -qm large
	printf '[oracle]\ncommand = true\n[metric "x"]\n' >.gitagent
	for packed in no yes; do
		test $packed = no || git repack -qad
		test_exit 255 git agent check HEAD 2>err
		test_grep "'HEAD:.gitagent' is larger than 1 MiB" err
		test_exit 128 git agent loop --agent 'echo DONE' -n 1 2>err
		test_grep "^fatal: '.gitagent of HEAD' is larger than 1 MiB" err
	done
	# Where records are is asked of HEAD, or of the remote's.
	git clone -q --bare . ../large.git
	git clone -q . ../of-large
	rm ../of-large/.gitagent
	git -C ../large.git agent log done bare 2>err
	test_grep "not pushed to 'origin': 'HEAD:.gitagent' is larger than 1 MiB" err
	git -C ../of-large agent log done clone 2>err
	test_grep "'refs/remotes/origin/HEAD:.gitagent' is larger than 1 MiB" err
EOF

t 'CLAUDE.md, for init' <<'EOF'
	new_repo brief
	cd brief
	for kind in $strange; do
		make_strange $kind CLAUDE.md
		test_exit 128 within git agent init --goal x 2>err
		test_grep "^fatal: 'CLAUDE.md' is not a regular file" err
		test ! -e .gitagent
	done
	rm -rf CLAUDE.md
	truncate -s 100G CLAUDE.md
	test_exit 128 within git agent init --goal x 2>err
	test_grep "^fatal: 'CLAUDE.md' is larger than 16 MiB" err
EOF

t 'state files in .git/agent' <<'EOF'
	new_repo state
	cd state
	git agent log done one
	for kind in $strange; do
		mkdir -p .git/agent
		for f in clock fetched known-logs known-moved rewound index index-proof; do
			make_strange $kind .git/agent/$f
		done
		within git agent log done $kind || test $? = 128
		within git agent log >out
		test_grep 'done: one' out
		make_strange $kind .git/agent/writer
		test_exit 128 within git agent log done x 2>err
		test_grep "/agent/writer'" err
		rm -rf .git/agent
	done
EOF

t 'locks in .git/agent' <<'EOF'
	cd clone
	touch .gitagent
	for kind in $strange; do
		make_strange $kind .git/agent/lock
		test_exit 128 within git agent log done x 2>err
		test_grep "^fatal: '.*/agent/lock' is not a regular file" err
		rm -rf .git/agent/lock
		# Without these one reads and writes all the same.
		make_strange $kind .git/agent/index.lock
		make_strange $kind .git/agent/git.lock
		within git agent log done $kind 2>err
		within git agent log >out
		test_grep "done: $kind" out
		rm -rf .git/agent/index.lock .git/agent/git.lock
		for name in fetch push; do
			make_strange $kind .git/agent/$name.lock
			test_exit 128 within git agent sync 2>err
			test_grep "/agent/$name.lock' is not a regular file" err
			rm -rf .git/agent/$name.lock
		done
		make_strange $kind .git/agent/run.lock
		test_exit 128 within git agent loop --no-oracle \
			--agent 'echo DONE' -n 1 2>err
		test_grep "/agent/run.lock' is not a regular file" err
		within git agent status >out
		rm -rf .git/agent/run.lock
	done
EOF

t 'what is written in .git/agent' <<'EOF'
	new_repo written
	cd written
	echo precious >../precious
	mkdir -p .git/agent
	for kind in link fifo precious; do
		rm -rf .git/agent/*
		case $kind in
		precious) ln -s ../../../precious .git/agent/writer.new ;;
		*)	make_strange $kind .git/agent/writer.new ;;
		esac
		within git agent log done $kind
		test -f .git/agent/writer
		test_exit 1 test -L .git/agent/writer
		test "$(cat ../precious)" = precious
	done
	cat >agent <<-'END'
		mkfifo "$(git rev-parse --git-dir)/agent/logs/$GIT_AGENT_RUN/2.log"
	END
	touch .gitagent
	test_exit 1 within git agent loop --no-oracle --agent 'sh ./agent' -n 2 2>err
	test_grep "no log of this iteration: '.*/2.log' is not a regular file" err
EOF

t 'the hook' <<'EOF'
	new_repo hook
	cd hook
	mkdir -p .git/agent/inbox
	id=00000000000000000001-$(git rev-parse HEAD)
	# In a run it starts no sync, which would make the files anew.
	export GIT_AGENT_RUN=01ARZ3NDEKTSV4RRFFQ69G5FAV
	for kind in $strange; do
		make_strange $kind .git/agent/digest
		make_strange $kind .git/agent/inbox/$id
		for event in SessionStart PostToolBatch; do
			echo "{\"hook_event_name\":\"$event\"}" |
				within git-agent-hook >out 2>err
			test_empty out
			test_empty err
		done
	done
	unset GIT_AGENT_RUN
	make_strange fifo .git/agent/asked
	touch -d '1 hour ago' .git/agent/asked
	echo '{"hook_event_name":"PostToolBatch"}' | within git-agent-hook >out
	test_empty out
	rm -rf .git
	make_strange fifo .git
	echo '{"hook_event_name":"PostToolBatch"}' | within git-agent-hook >out
	test_empty out
EOF

finish
