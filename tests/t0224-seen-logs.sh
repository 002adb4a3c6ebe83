#!/usr/bin/env bash
# What a clone has seen of a log is remembered: whatever drops it afterwards,
# it is put back and said, as long as git has its objects.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

# seen ORIGIN: a clone 'ORIGIN-writer' with the record "x1", and 'ORIGIN-me'
# that has read it.
seen() {
	new_origin "$1"
	new_clone "$1" "$1-writer"
	new_clone "$1" "$1-me"
	git -C "$1-writer" agent log 'done' x1
	git -C "$1-me" agent log >out
	test_grep x1 out
	theirs=$(cd "$1-writer" && writer)
}

# ---- several remotes ---------------------------------------------------------

t 'a sync with another remote forgets nothing of the first' <<'EOF'
	seen two
	git init -q --bare srv/other.git
	cd two-me
	git remote add other "$DAEMON_URL/other.git"
	git -c agent.remote=other agent sync
	git -C ../srv/two.git update-ref -d "refs/agent/log/$theirs"
	git fetch -q --prune origin
	test_exit 1 git agent sync --check --offline >out
	test_grep "^pruned: 'refs/agent-remotes/origin/log/$theirs'" out
	test_exit 3 git -c agent.remote=other agent log --offline >out 2>err
	test_grep x1 out
	test_grep "on 'origin', as far as is known, 'log/$theirs' has lost records" err
EOF

t 'nor does it take the alarm back' <<'EOF'
	cd two-me
	test_exit 3 git agent sync
	git -c agent.remote=other agent sync
	test_exit 3 git agent log --offline 2>err
	test_grep "on 'origin', as far as is known, 'log/$(cd ../two-writer && writer)'" err
	(cd ../two-writer && git agent sync)
	git agent sync
	test_exit 0 git agent log --offline
	# Of a remote that is gone there is nothing to be said.
	git -C ../srv/two.git update-ref -d \
		"refs/agent/log/$(cd ../two-writer && writer)"
	test_exit 3 git agent sync
	git remote remove origin
	test_exit 0 git agent log --offline >out
	test_grep x1 out
	git for-each-ref --format='delete %(refname)' refs/agent-remotes |
		git update-ref --stdin
	test_exit 0 git agent log --offline >out
	test_no_grep x1 out
EOF

t 'a remote that was never asked is asked, or said to be unknown' <<'EOF'
	seen asked
	new_origin fork
	new_clone fork fork-writer
	git -C fork-writer agent log 'done' f1
	cd asked-me
	git remote add fork "$DAEMON_URL/fork.git"
	git config agent.remote fork
	test_exit 3 git agent log --offline >out 2>err
	test_grep "nothing was ever fetched from 'fork'" err
	test_exit 0 git agent log >out
	test_grep f1 out
	test_exit 0 git agent log --offline
	test "$(git agent status --json --offline | jq -r .stats.fetched)" != null
	git config --unset agent.remote
	test_exit 0 git agent log --offline
EOF

t 'state of an earlier version is understood' <<'EOF'
	seen old
	cd old-me
	: >.git/agent/fetched
	echo "log/$theirs" >.git/agent/rewound
	test_exit 3 git agent log --offline 2>err
	test_grep "on 'origin', as far as is known, 'log/$theirs' has lost records" err
	test_no_grep 'nothing was ever fetched' err
	test_exit 0 git agent sync
	test_exit 0 git agent log --offline
EOF

finish
