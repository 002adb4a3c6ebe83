#!/usr/bin/env bash
# Clones that are copied, moved, or have several work trees: no two write to
# one log, and no record is lost or doubled.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

t 'a copy by cp -r writes on under its own name; nothing is lost or doubled' <<'EOF'
	new_origin copy
	new_clone copy original
	cd original
	git agent log done 'before, pushed'
	git agent log done 'before, not pushed' --no-push
	old=$(writer)
	cd ..
	cp -r original copied
	(cd original && git agent log done 'in the original' --no-push)
	(cd copied && git agent log done 'in the copy' --no-push)
	test "$(cd original && writer)" = "$old"
	test "$(cd copied && writer)" != "$old"
	(cd copied && git agent sync)
	(cd original && git agent sync)
	printf '%s\n' 'before, not pushed' 'before, pushed' 'in the copy' \
		'in the original' >expected
	new_clone copy reader
	for c in reader original copied; do
		git -C $c agent sync
		(cd $c && subjects) >actual
		test_cmp expected actual
	done
	test "$(git -C reader agent log --json | jq -r '.[].id' | sort -u | wc -l)" = 4
EOF

t 'a copy that never writes pushes what it brought along' <<'EOF'
	new_origin rescue
	new_clone rescue dying
	(cd dying && git agent log done 'on the dying disk' --no-push)
	cp -r dying rescued
	rm -rf dying
	cd rescued
	test_exit 0 git agent steer --list
	git agent sync
	new_clone rescue after
	cd ../after
	subjects >out
	test_grep '^on the dying disk$' out
EOF

t 'before that, the copy does not claim that they are pushed' <<'EOF'
	new_clone rescue sender
	cd sender
	git agent steer 'not yet away' --no-push || test $? = 1
	cd ..
	cp -r sender sender2
	cd sender2
	git agent steer --list --all --json --offline |
		jq -r '.[]|select(.subject=="not yet away").state' >state
	test "$(cat state)" = queued
EOF

t 'a snapshot with the same inodes is found out at the push' <<'EOF'
	new_origin twin
	new_clone twin left
	(cd left && git agent log done common)
	cp -r left right
	# As if the file system had copied the inode numbers too.
	twin() {
		common=$(stat -c %i .git)
		agent=$(stat -c %i .git/agent)
		file=$(stat -c %i .git/agent/writer)
		printf '%s\n%s %s %s\n' "$1" "$common" "$agent" "$file" >new
		cat new >.git/agent/writer
	}
	name=$(cd left && writer)
	(cd right && twin "$name")
	test "$(cd right && writer)" = "$name"
	(cd left && git agent log done 'left only')
	(cd right && git agent log done 'right only' --no-push)
	test "$(cd right && writer)" = "$name"
	cd right
	git agent sync >out 2>err
	test_grep 'another copy of this clone had written to the same log' err
	test_grep "goes on as '$(writer)'" err
	test "$(writer)" != "$name"
	git agent sync
	printf '%s\n' common 'left only' 'right only' >../expected
	subjects >actual
	test_cmp ../expected actual
	cd ../left
	git agent sync
	subjects >actual
	test_cmp ../expected actual
EOF

t 'mv of a clone keeps its writer' <<'EOF'
	cd "$SCRATCH"
	name=$(cd left && writer)
	mv left moved
	cd moved
	git agent log done 'after the move'
	test "$(writer)" = "$name"
EOF

t 'linked worktrees share the writer, also when they write at once' <<'EOF'
	cd moved
	git worktree add -q ../wt1
	git worktree add -q ../wt2
	before=$(git rev-list --count "refs/agent/log/$(writer)")
	for d in moved wt1 wt2; do
		(cd "../$d" && for i in 1 2 3 4 5; do
			git agent log done "$d $i" --no-push
		done) &
	done
	wait
	test "$(git rev-list --count "refs/agent/log/$(writer)")" = $((before + 15))
	test "$(git for-each-ref refs/agent/log/ | wc -l)" = 1
EOF

t 'without its file a writer goes on, and what it had not pushed arrives' <<'EOF'
	new_origin lostfile
	for c in l1 l2; do
		new_clone lostfile $c
	done
	cd l1
	git agent log done 'before the loss' --no-push
	rm .git/agent/writer
	git agent log done 'after the loss' --no-push
	git agent sync
	cd ../l2
	git agent sync
	test "$(subjects)" = 'after the loss
before the loss'
EOF

finish
