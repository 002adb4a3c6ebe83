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

t 'a power loss empties its file: what only a plain fetch had brought stays' <<'EOF'
	for known in yes no; do
		seen "power-$known"
		cd "power-$known-me"
		git agent sync
		git -C "../power-$known-writer" agent log 'done' x2
		git fetch -q
		git agent log --offline >out
		test_grep x2 out
		ref=.git/refs/agent-remotes/origin/log/$theirs
		: >"$ref.lock"
		mv "$ref.lock" "$ref"
		test "$known" = yes || rm -f .git/agent/known-*
		for i in 1 2; do
			test_exit 3 git agent log --offline >out 2>err
			test_grep x1 out
			test_grep x2 out
			test_grep "'log/$theirs' has lost records" err
		done
		git agent sync --repair
		test_exit 0 git agent log >out
		test_grep x2 out
		git agent sync --check
		cd ..
	done
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


t 'a remote that was renamed' <<'EOF'
	seen renamed
	cd renamed-me
	git remote rename origin upstream
	git -C ../srv/renamed.git update-ref -d "refs/agent/log/$theirs"
	git fetch -q --prune
	test_exit 3 git agent log --offline >out 2>err
	test_grep x1 out
	test_grep "'log/$theirs' has lost records" err
	git fetch -q --prune
	test_exit 3 git agent sync >out
	test_grep "log/$theirs *rewound *deleted" out
	git for-each-ref --format='%(refname)' refs/agent-remotes >refs
	test_grep "refs/agent-remotes/upstream/log/$theirs" refs
	test_no_grep /origin/ refs
	git config --get-all remote.upstream.fetch >specs
	test_no_grep agent-remotes/origin specs
	test_lines 3 specs
	test_exit 1 git agent sync --check >out
	test_grep "^deleted: 'refs/agent/log/$theirs'" out
	(cd ../renamed-writer && git agent sync)
	test_exit 0 git agent sync
	test_exit 0 git agent log
	git agent sync --check
EOF

# ---- what a plain fetch brought ----------------------------------------------

t 'a log that only a plain fetch brought, and pruned' <<'EOF'
	seen plain
	new_clone plain plain-late
	git -C plain-late agent log 'done' y1
	late=$(cd plain-late && writer)
	cd plain-me
	git fetch -q
	test "$(subjects)" = "$(printf 'x1\ny1')"
	git -C ../srv/plain.git update-ref -d "refs/agent/log/$late"
	rm -rf ../plain-late
	git fetch -q --prune
	test_exit 1 git agent sync --check >out
	test_grep "^pruned: 'refs/agent-remotes/origin/log/$late'" out
	test_exit 3 git agent sync >out
	test_grep "log/$late *rewound *deleted" out
	git fetch -q --prune
	test_exit 3 git agent log --offline >out 2>err
	test_grep y1 out
	test_grep "on 'origin', as far as is known, 'log/$late' has lost records" err
	test_exit 1 git agent sync --check >out
	test_grep "^deleted: 'refs/agent/log/$late'" out
	test_exit 0 git agent sync --repair
	test_exit 0 git agent sync
	git -C ../srv/plain.git rev-parse "refs/agent/log/$late"
EOF

t 'what a plain fetch added to one, and the server lost' <<'EOF'
	cd plain-writer
	git agent log 'done' x2
	git agent log 'done' x3
	theirs=$(writer)
	cd ../plain-me
	git fetch -q
	test "$(subjects)" = "$(printf 'x1\nx2\nx3\ny1')"
	git -C ../srv/plain.git update-ref -d "refs/agent/log/$theirs"
	git fetch -q --prune
	test_exit 3 git agent log --offline
	test "$(subjects)" = "$(printf 'x1\nx2\nx3\ny1')"
	(cd ../plain-writer && git agent sync)
	git agent sync
EOF

t 'a forced fetch of a log that was set back' <<'EOF'
	theirs=$(cd plain-writer && writer)
	log=refs/agent/log/$theirs
	git -C srv/plain.git update-ref "$log" "$log~1"
	cd plain-me
	git fetch -q --force
	test_exit 3 git agent log --offline >out 2>err
	test_grep x3 out
	test_grep "on 'origin', as far as is known, 'log/$theirs' has lost records" err
	test "$(git rev-parse "refs/agent-remotes/origin/log/$theirs")" = \
		"$(git -C ../plain-writer rev-parse "$log")"
	test_exit 1 git agent sync --check >out
	test_grep "^rewound: '$log'" out
	test_exit 3 git agent sync
	(cd ../plain-writer && git agent sync)
	test_exit 0 git agent sync
EOF

t 'a forced fetch of a log that was replaced: both are read' <<'EOF'
	theirs=$(cd plain-writer && writer)
	log=refs/agent/log/$theirs
	cd srv/plain.git
	id=$(printf 'done: z1\n\nAgent-Kind: done\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' |
		git commit-tree "$(git mktree </dev/null)")
	git update-ref "$log" "$id"
	cd ../../plain-me
	git fetch -q --force
	test_exit 3 git agent log --offline
	test "$(subjects)" = "$(printf 'x1\nx2\nx3\ny1\nz1')"
	test_exit 1 git agent sync --check >out
	test_grep "^replaced: '$log'" out
	test_exit 3 git agent sync
	test "$(subjects)" = "$(printf 'x1\nx2\nx3\ny1\nz1')"
EOF

t 'nothing of a remote that was removed' <<'EOF'
	seen gone
	cd gone-me
	git agent log --offline
	git remote remove origin
	git for-each-ref --format='delete %(refname)' refs/agent-remotes |
		git update-ref --stdin
	for i in 1 2; do
		test_exit 0 git agent log >out
		test_no_grep x1 out
	done
	git for-each-ref refs/agent-remotes >refs
	test_empty refs
EOF

# ---- this clone's own log ----------------------------------------------------

t 'a mirror, where a plain fetch sets the own log back' <<'EOF'
	new_origin mirrored
	git clone -q --mirror "$DAEMON_URL/mirrored.git" mirror.git
	cd mirror.git
	git agent log 'done' m1
	git agent log --no-push 'done' m2
	git agent log >out
	git fetch -q
	test_exit 3 git agent log --offline >out 2>err
	test_grep m2 out
	test_grep "a log of this clone, 'refs/agent/log/$(writer)', had been set back" err
	test_exit 0 git agent log --offline
	git fetch -q
	test_exit 1 git agent sync --check >out
	test_grep "^behind: 'refs/agent/log/$(writer)'" out
	# Without a reader before it, too.
	git agent sync >out 2>err
	test_grep "push *log/$(writer) *moved" out
	test_grep "a log of this clone, 'refs/agent/log/$(writer)', had been set back" err
	test "$(server_log mirrored .)" = "$(git rev-parse "refs/agent/log/$(writer)")"
	test "$(subjects)" = "$(printf 'm1\nm2')"
EOF

t 'and what was written before anybody looked' <<'EOF'
	cd mirror.git
	log=refs/agent/log/$(writer)
	git agent log --no-push 'done' m3
	git agent log >out
	git update-ref "$log" "$log~2"
	git agent log --no-push 'done' m4 2>err
	test_grep "a log of this clone, '$log', had been set back" err
	test "$(subjects)" = "$(printf 'm1\nm2\nm3\nm4')"
	git agent sync || test $? = 3
	git agent sync || test $? = 3
	git -C ../srv/mirrored.git log --format=%s --glob='refs/agent/log/*' >out
	test_grep 'done: m3' out
	test_grep 'done: m4' out
EOF

# ---- what no reader has seen ---------------------------------------------------

t 'set back before anybody had read it: what was written last is known' <<'EOF'
	new_origin unread
	git clone -q --mirror "$DAEMON_URL/unread.git" unread.git
	cd unread.git
	git agent log 'done' u1
	git agent log --no-push 'done' u2
	git fetch -q
	test_exit 3 git agent log --offline >out 2>err
	test_grep u2 out
	test_grep "'refs/agent/log/$(writer)', had been set back" err
	# Read as far as the one before; and the next one is a writer.
	git agent log --no-push 'done' u3
	git fetch -q
	git agent log --no-push 'done' u4 2>err
	test_grep "'refs/agent/log/$(writer)', had been set back" err
	test "$(subjects)" = "$(printf 'u1\nu2\nu3\nu4')"
	git fetch -q
	git agent sync 2>err
	test_grep "'refs/agent/log/$(writer)', had been set back" err
	test "$(server_log unread .)" = "$(git rev-parse "refs/agent/log/$(writer)")"
	git fsck --unreachable >out
	test_empty out
EOF

t 'batches, too; a forced fetch in a clone; a log that went on by hand' <<'EOF'
	new_clone unread unread-b
	cd unread-b
	git agent log 'done' v1
	printf '{"kind": "done", "subject": "%s"}\n' v2 v3 |
		git agent log --batch --no-push
	git fetch -q origin '+refs/agent/log/*:refs/agent/log/*'
	log=refs/agent/log/$(writer)
	git update-ref "$log" "$(printf 'done: v4\n\nAgent-Kind: done\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' |
		git commit-tree -p "$log" "$log^{tree}")"
	test_exit 3 git agent log --offline
	git agent sync
	git agent log --json | jq -r '.[].subject' | sort >out
	test "$(tr '\n' ' ' <out)" = 'u1 u2 u3 u4 v1 v2 v3 v4 '
	test_exit 0 git agent log
	git -C ../srv/unread.git log --format=%s --glob='refs/agent/log/*' >out
	for i in 2 3 4; do
		test_grep "done: v$i" out
	done
EOF

t 'a log that cannot be put back just now is not said to be back' <<'EOF'
	cd unread-b
	git agent log 'done' v7
	log=refs/agent/log/$(writer)
	id=$(git rev-parse "$log")
	git update-ref "$log" "$log^"
	# As of a git that was killed.
	touch ".git/$log.lock"
	test_exit 3 git agent log --offline >out 2>err
	test_grep v7 out
	test_no_grep 'what it had is back' err
	test_no_grep 'not here' err
	test_grep "'$log', had been .* cannot be put back to $id just now" err
	test_exit 3 git agent log --offline
	test_lines 1 .git/agent/lost-logs
	test "$(git rev-parse "$log")" != "$id"
	rm ".git/$log.lock"
	test_exit 3 git agent log --offline 2>err
	test_grep "'$log', had been set back or deleted.* what it had is back" err
	test "$(git rev-parse "$log")" = "$id"
	test ! -e .git/agent/lost-logs
EOF

t 'nor does a sync take it for that of a copy: it says that it is locked' <<'EOF'
	cd unread-b
	git agent sync
	own=$(writer)
	log=refs/agent/log/$own
	id=$(git rev-parse "$log")
	git for-each-ref --format='%(refname)' refs/agent/log >wanted
	git update-ref "$log" "$log^"
	touch ".git/$log.lock"
	for how in '' --push; do
		test_exit 1 git agent sync $how >out 2>err
		test_grep "push *log/$own *refused" out
		test_grep "'log/$own' is not pushed: '$log' is locked; .* run 'rm -f .*/$log.lock'" err
		test_no_grep 'another copy' err
	done
	test_exit 128 git agent log 'done' 'not written'
	test "$(writer)" = "$own"
	git for-each-ref --format='%(refname)' refs/agent/log >is
	test_cmp wanted is
	rm ".git/$log.lock"
	git agent sync 2>err
	test_no_grep 'another copy' err
	test "$(git rev-parse "$log")" = "$id"
	test "$(writer)" = "$own"
EOF

t 'where our git left that lock, it is cleared' <<'EOF'
	cd unread-b
	log=refs/agent/log/$(writer)
	id=$(git rev-parse "$log")
	git update-ref "$log" "$log^"
	touch ".git/$log.lock"
	printf '%s' "$log" >.git/agent/git.lock
	git agent sync 2>err
	test_no_grep 'another copy' err
	test "$(git rev-parse "$log")" = "$id"
	test ! -e ".git/$log.lock"
EOF

t 'a log that went on without a write is looked through once' <<'EOF'
	cd unread-b
	git agent log 'done' v5
	log=refs/agent/log/$(writer)
	git update-ref "$log" "$(printf 'done: v6\n\nAgent-Kind: done\nAgent-Clock: 2026-01-01T00:00:01.000000Z\n' |
		git commit-tree -p "$log" "$log^{tree}")"
	git agent log --offline
	test "$(head -n 1 .git/agent/lock)" = "$(git rev-parse "$log") $log"
EOF

finish
