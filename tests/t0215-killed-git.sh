#!/usr/bin/env bash
# A sync whose git is killed in the very moment at which it has its locks on the
# refs of what it fetched or pushed; or that asks for another one.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

# killers: have git, as soon as it locks a ref of the remote's, kill what has
# started it and itself, once the file 'kill' is there.
killers() {
	cat >.git/hooks/reference-transaction <<'EOF'
#!/bin/sh
test "$1" = prepared && test -e kill && grep -q refs/agent-remotes/ || exit 0
rm kill
read -r pid name state sync rest </proc/$PPID/stat
kill -KILL $PPID $sync
sleep 1
EOF
	chmod +x .git/hooks/reference-transaction
}

# Where the prefix is a branch's, the remote-tracking branch is locked.
branch_killers() {
	killers
	sed -i s,refs/agent-remotes/,refs/remotes/origin/agent/, \
		.git/hooks/reference-transaction
}

# left: the locks that are there.
left() {
	find .git/refs -name '*.lock' | sort
}

t 'killed in a fetch: the next sync clears the locks' <<'EOF'
	new_origin fetch
	new_clone fetch me
	new_clone fetch other
	cd me
	git agent log 'done' mine
	git agent sync
	(cd ../other && git agent log 'done' one && git agent sync)
	killers
	touch kill
	test_exit 137 git-agent-sync
	left >locks
	test_grep "refs/agent-remotes/origin/log/$(cd ../other && writer).lock" locks
	# This is what it was like without.
	git fetch 2>err || true
	test_grep 'File exists' err
	git agent sync
	test -z "$(left)"
	subjects >out
	test_grep '^one$' out
EOF

t 'git alone, in a push: so does it, unless a fetch of ours is at work' <<'EOF'
	cd me
	touch kill
	git-agent-log 'done' two 2>err
	test_grep "not pushed to 'origin'" err
	test -n "$(left)"
	exec 9>>.git/agent/fetch.lock
	flock 9
	test_exit 128 git agent sync --push 2>err
	test_grep "pgrep -a git" err
	test -n "$(left)"
	exec 9>&-
	git agent sync
	test -z "$(left)"
	cd ../other
	git agent sync
	subjects >out
	test_grep '^two$' out
EOF

t 'a lock that no sync of ours left is named and left alone' <<'EOF'
	cd other
	git agent log 'done' three
	cd ../me
	lock=.git/refs/agent-remotes/origin/log/$(cd ../other && writer).lock
	touch "$lock"
	test_exit 1 git agent sync 2>err
	test_grep "is locked; if 'pgrep -a git'" err
	test -e "$lock"
	rm "$lock"
	git agent sync
	subjects >out
	test_grep '^three$' out
EOF

t 'a lock that changes meanwhile is a living one' <<'EOF'
	cd other
	git agent log 'done' four
	cd ../me
	touch kill
	test_exit 137 git-agent-sync
	lock=$(left)
	(sleep 0.5; touch "$lock") &
	test_exit 1 git agent sync 2>err
	wait
	test -e "$lock"
	rm "$lock"
	git agent sync
	subjects >out
	test_grep '^four$' out
EOF

t 'so it is with the remote-tracking branches of a prefix that is a branch' <<'EOF'
	new_origin branch
	new_clone branch branch-me
	cd branch-me
	git config agent.prefix refs/heads/agent
	git agent log 'done' one
	branch_killers
	touch kill
	git-agent-log 'done' two 2>err
	left >locks
	test_grep "refs/remotes/origin/agent/log/$(writer).lock" locks
	touch -d '1 minute ago' "$(cat locks)"
	test_exit 1 git agent sync --check >out
	test_grep "^stale-lock: .*refs/remotes/origin/agent/log/$(writer).lock" out
	git agent sync
	test -z "$(left)"
	git agent log 'done' three
	git rev-parse "refs/remotes/origin/agent/log/$(writer)" >is
	git rev-parse "refs/agent/log/$(writer)" >wanted
	test_cmp is wanted
EOF

t 'a hook of the git that a sync waits for does not wait for that sync' <<'EOF'
	cd other
	git agent log 'done' five
	cd ../me
	cat >.git/hooks/reference-transaction <<-'END'
	#!/bin/sh
	test "$1" = committed || exit 0
	grep -q refs/agent-remotes/origin/log/ || exit 0
	echo "$GIT_AGENT_SYNCING" >where
	timeout 20 git agent sync --fetch >>hook 2>&1
	echo "ended with $?" >>hook
	END
	chmod +x .git/hooks/reference-transaction
	git agent sync
	test_grep 'another sync of this clone is running' hook
	test "$(grep -v running hook | head -n 1)" = 'ended with 1'
	test "$(cat where)" = "$PWD/.git"
	rm .git/hooks/reference-transaction
	git agent sync
	subjects >out
	test_grep '^five$' out
EOF

t 'as it made a work tree, beside which no git fetches: what to do is said' <<'EOF'
	cd me
	git worktree add -q --detach "$SCRATCH/w'1"
	git rev-parse HEAD >head
	tr 0-9a-f 0 <head >".git/worktrees/w'1/HEAD"
	git fetch 2>err || true
	test_grep 'bad object worktrees' err
	test_exit 1 git agent sync 2>err
	test_grep "'w'1' is not finished; if 'pgrep -a git'" err
	remedy=$(sed -n "s/.*run '\\(rm -rf .*\\)'$/\\1/p" err)
	# So says --check, of one that nobody may just be making.
	test_exit 0 git agent sync --check
	touch -d '1 hour ago' ".git/worktrees/w'1/HEAD"
	test_exit 1 git agent sync --repair >out
	test_grep "^leftover: '$PWD/.git/worktrees/w'1/HEAD': the linked work tree 'w'1' is not finished; if .*; run: " out
	test "$(sed -n 's/^leftover: .*; run: //p' out)" = "$remedy"
	test_grep '^repair: leftover: .*: left to you$' out
	test_grep '^left: leftover: ' out
	# One that has a commit, which is lost, has more to lose.
	tr 0-9a-f 1 <head >".git/worktrees/w'1/HEAD"
	test_exit 1 git agent sync 2>err
	test_grep 'bad object' err
	test_no_grep 'rm -rf' err
	tr 0-9a-f 0 <head >".git/worktrees/w'1/HEAD"
	eval "$remedy"
	test ! -e ".git/worktrees/w'1"
	git agent sync
EOF

finish
