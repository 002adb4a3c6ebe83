#!/usr/bin/env bash
# What goes wrong behind a record that is written is a warning: the command
# says that it is recorded and ends with the status of one that was not
# pushed, so that nobody writes it again.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/check.sh"
. "$ROOT/tests/fixtures/input.sh"

git init -q --bare srv/origin.git
project seed
git -C seed push -q "$SCRATCH/srv/origin.git" main
git clone -q "$DAEMON_URL/origin.git" p
printf 'out\nerr\n' >p/.git/info/exclude
git -C p agent log status first 2>/dev/null || bail 'no first record'

# The lock of a push that nobody can take.
break_push() {
	rm -rf .git/agent/push.lock
	mkdir -p .git/agent/push.lock
}
not_pushed="^warning: recorded in this clone, but not pushed to 'origin': "

t 'log: one record, and a batch' <<'EOF'
	cd p
	break_push
	test_exit 0 git agent log done one 2>err
	test_grep "$not_pushed.*push.lock'" err
	test_grep '^recorded [0-9a-f]*$' err
	test_no_grep fatal err
	printf '{"kind":"done","subject":"%s"}\n' two three |
		test_exit 0 git agent log --batch 2>err
	test_grep "$not_pushed.*push.lock'" err
	test_grep '^recorded 2 records$' err
	id=$(git agent log --json -n 1 | jq -r '.[0].id')
	test_exit 0 git agent log --retract "$id" mistaken 2>err
	test_grep '^recorded [0-9a-f]*$' err
	test "$(subjects -n 4)" = "$(printf 'mistaken\nthree\ntwo\none')"
EOF

t 'steer: it is queued' <<'EOF'
	cd p
	break_push
	test_exit 1 git agent steer faster 2>err
	test_grep "$not_pushed.*push.lock'" err
	test_grep '^instruction [0-9a-f]* is queued in this clone' err
	id=$(git agent log --json -n 1 | jq -r '.[0].id')
	test_exit 1 git agent steer --done "$id" 2>err
	test_grep '^answer [0-9a-f]* is queued in this clone' err
	test_no_grep fatal err
EOF

t 'check: the exit status is that of the oracle' <<'EOF'
	cd p
	break_push
	test_exit 1 git agent check >out 2>err
	test_grep '^FAIL' out
	test_grep "$not_pushed.*push.lock'" err
	# The note for git log.
	note=.git/refs/notes/agent/$(head -n 1 .git/agent/writer)
	touch "$note.lock"
	test_exit 1 git agent check --no-push >out 2>err
	test_grep "^warning: recorded, but without a note for 'git log': " err
	rm "$note.lock"
	test "$(git agent log check --json | jq length)" = 2
EOF

t 'check: a result that cannot be printed is recorded, and that is said' <<'EOF'
	cd p
	test_exit 128 git agent check --no-push >/dev/full 2>err
	test_grep '^the result was recorded all the same$' err
	test "$(git agent log check --json | jq length)" = 3
	test_exit 128 git agent check --no-record >/dev/full 2>err
	test_no_grep 'recorded all the same' err
EOF

t 'init: the brief stands' <<'EOF'
	cd p
	break_push
	test_exit 0 git agent init --goal 'reach 1e-4' 2>err
	test_grep "$not_pushed.*push.lock'" err
	test_grep '^brief: recorded as [0-9a-f]*, not pushed yet$' err
	rm -rf .git/agent/digest
	mkdir -p .git/agent/digest/in-the-way
	test_exit 0 git agent init --goal 'reach 1e-5' --replace 2>err
	test_grep '^warning: the agent.s digest was not written: ' err
	test_grep '^brief: recorded as ' err
	rm -r .git/agent/digest
EOF

t 'git is not to be found' <<'EOF'
	cd p
	rmdir .git/agent/push.lock
	PATH=/nonexistent test_exit 0 "$B/bin/git-agent-log" done alone 2>err
	test_grep "$not_pushed.*'git'" err
	test_grep '^recorded ' err
	PATH=/nonexistent test_exit 1 "$B/bin/git-agent-steer" alone 2>err
	test_grep '^instruction .* is queued' err
EOF

t 'all of it arrives with the next sync' <<'EOF'
	cd p
	git agent sync
	git clone -q "$DAEMON_URL/origin.git" ../other
	subjects >ours
	cd ../other
	subjects >theirs
	test_cmp ../p/ours theirs
	test "$(grep -c '^one$' theirs)" = 1
EOF

finish
