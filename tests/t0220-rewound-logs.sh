#!/usr/bin/env bash
# Logs that a server lost, rewound or had replaced: said, never adopted, and
# healed by the next sync of their writer.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

t 'a rewound log on the server is said, and not adopted' <<'EOF'
	new_origin rewind
	new_clone rewind victim
	new_clone rewind witness
	(cd victim && for i in 1 2 3; do git agent log done "r$i"; done)
	(cd witness && git agent sync)
	ref=refs/agent/log/$(cd victim && writer)
	git -C srv/rewind.git update-ref "$ref" "$ref~2"
	cd witness
	test_exit 3 git agent sync >out 2>err
	test_grep 'rewound' out
	test_grep "has lost records that were fetched before; they are kept here" err
	test "$(subjects 2>/dev/null)" = "$(printf 'r1\nr2\nr3')"
	# Every reader says so, until it is healed.
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'has lost records' err
	test_exit 3 git agent sync --json >out
	test "$(jq -r '.refs[]|select(.fate=="rewound").direction' out)" = fetch
	# Nor by a plain fetch.
	test_exit 1 git fetch -q
	test "$(subjects 2>/dev/null | wc -l)" = 3
EOF

t "the writer's own next sync heals it" <<'EOF'
	cd victim
	test_exit 0 git agent sync >out 2>err
	test_grep 'restored' out
	test_grep 'had lost records of this clone; they are there again' err
	test "$(server_log rewind "$SCRATCH/victim")" = \
		"$(git rev-parse "refs/agent/log/$(writer)")"
	test_exit 0 git agent log >out 2>err
	test_empty err
	cd ../witness
	test_exit 0 git agent sync
	test_exit 0 git agent log >out 2>err
	test_empty err
EOF

t 'its next record heals it too' <<'EOF'
	ref=refs/agent/log/$(cd victim && writer)
	git -C srv/rewind.git update-ref "$ref" "$ref~2"
	cd witness
	test_exit 3 git agent sync
	cd ../victim
	test_exit 3 git agent sync --fetch
	git agent log done r4
	test_exit 0 git agent log >out 2>err
	test_empty err
	cd ../witness
	git agent sync
	test "$(subjects | wc -l)" = 4
EOF

t 'what another process moves forward meanwhile is not said to be lost' <<'EOF'
	new_origin busy
	new_clone busy busy-writer
	git clone -q "$SCRATCH/srv/busy.git" busy-reader
	(cd busy-writer && git agent log done r1)
	git clone -q --mirror srv/busy.git stale.git
	# While git asks a server, and gets an answer from before, a plain fetch
	# brings more: each time that it asks.
	cat >asked <<-END
		#!/bin/sh
		cd '$SCRATCH/busy-writer' && git agent log done another 2>/dev/null
		cd '$SCRATCH/busy-reader' && git fetch -q '$SCRATCH/srv/busy.git' \\
			'refs/agent/log/*:refs/agent-remotes/origin/log/*'
		echo asked >>'$SCRATCH/times'
		exec git upload-pack '$SCRATCH/stale.git'
	END
	chmod +x asked
	cd busy-reader
	git agent sync
	git config remote.origin.uploadpack "$SCRATCH/asked"
	test_exit 0 git agent sync --fetch -q 2>err
	test_empty err
	test_lines 2 ../times
	# What nobody moves is lost there.
	sed -i '/busy-/d' ../asked
	sed -i '/refs.agent/d' ../asked
	test_exit 3 git agent sync --fetch >out 2>err
	test_grep 'has lost records' err
EOF

t 'a log replaced by a forced push is not adopted; its writer goes on' <<'EOF'
	ref=refs/agent/log/$(cd victim && writer)
	git clone -q "$DAEMON_URL/rewind.git" forger
	cd forger
	tree=$(git mktree </dev/null)
	forged=$(printf 'done: forged\n\nAgent-Kind: done\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' |
		git commit-tree "$tree")
	git push -q --force origin "$forged:$ref"
	cd ../witness
	test_exit 3 git agent sync
	test_no_grep forged <(subjects 2>/dev/null)
	cd ../victim
	git agent log done r5 2>err
	git agent sync || test $? = 3
	cd ../witness
	git agent sync || test $? = 3
	subjects 2>/dev/null >out
	test "$(grep -c '^r[1-5]$' out)" = 5
EOF

t 'a log deleted on the server comes back' <<'EOF'
	new_origin deleted
	new_clone deleted keeper
	cd keeper
	git agent log done precious
	git -C ../srv/deleted.git update-ref -d "refs/agent/log/$(writer)"
	git fetch -q --prune
	git agent sync
	new_clone deleted late
	cd "$SCRATCH/late"
	test "$(subjects)" = precious
EOF

t 'readers notice it, and pruning takes nothing from them' <<'EOF'
	new_origin vanish
	for c in v1 v2; do
		new_clone vanish $c
	done
	(cd v1 && git agent log done 'seen by all')
	name=$(cd v1 && writer)
	cd v2
	git agent sync
	git -C ../srv/vanish.git update-ref -d "refs/agent/log/$name"
	test_exit 3 git agent sync 2>err
	test_grep "log/$name.*has lost records" err
	git fetch -q --prune
	test -z "$(git for-each-ref "refs/agent-remotes/origin/log/$name")"
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'seen by all' out
	test_grep 'has lost records' err
	git for-each-ref >refs
	test_grep "refs/agent-remotes/origin/log/$name" refs
	(cd ../v1 && git agent sync)
	git agent sync
	git agent log >out
	test_grep 'seen by all' out
EOF

finish
