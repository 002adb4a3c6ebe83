#!/usr/bin/env bash
# A log that was dropped here, and cannot be put back just now: nothing that
# remembers it forgets it before it can.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

# dropped ORIGIN: the clone 'ORIGIN-me' has read the record "x1" of a log that
# the server then deletes; its writer in $theirs, its tip in $tip.
dropped() {
	new_origin "$1"
	new_clone "$1" "$1-writer"
	new_clone "$1" "$1-other"
	new_clone "$1" "$1-me"
	git -C "$1-writer" agent log 'done' x1
	git -C "$1-other" agent log 'done' y1
	git -C "$1-me" agent log >out
	test_grep x1 out
	theirs=$(cd "$1-writer" && writer)
	tip=$(git -C "$1-me" rev-parse "refs/agent-remotes/origin/log/$theirs")
	git -C "srv/$1.git" update-ref -d "refs/agent/log/$theirs"
}

t 'a name on the server that is in its way: it is kept beside it' <<'EOF'
	dropped way
	git -C srv/way.git update-ref "refs/agent/log/$theirs/y" \
		"refs/agent/log/$(cd way-other && writer)"
	cd way-me
	git fetch -q --prune
	test_exit 3 git agent log --offline >out
	test_grep x1 out
	git rev-parse -q --verify \
		"refs/agent-remotes/origin/kept/$tip/log/$theirs"
EOF

t 'and stays, whatever becomes of that name' <<'EOF'
	cd way-me
	git agent sync
	git gc -q --prune=now
	git -C ../srv/way.git for-each-ref --format='delete %(refname)' \
		"refs/agent/log/$(cd ../way-writer && writer)" |
		git -C ../srv/way.git update-ref --stdin
	git agent sync || test $? -eq 3
	rm -f .git/agent/index*
	git agent log --offline >out || test $? -eq 3
	test_grep x1 out
EOF

t "a lock that a killed git left: it is kept elsewhere, and said" <<'EOF'
	dropped lock
	cd lock-me
	git fetch -q --prune
	: >".git/refs/agent-remotes/origin/log/$theirs.lock"
	test_exit 3 git agent log --offline >out 2>err
	test_grep x1 out
	test_grep "'log/$theirs' has lost records" err
	git -C ../lock-other agent log 'done' y2
	git agent sync
	rm -f .git/agent/index*
	git agent log --offline >out || test $? -eq 3
	test_grep x1 out
EOF

t '--check finds it as long as the lock is there, and nobody forgets it then' <<'EOF'
	dropped lasting
	cd lasting-me
	git fetch -q --prune
	lock=.git/refs/agent-remotes/origin/log/$theirs.lock
	: >"$lock"
	test_exit 3 git agent log --offline >out 2>err
	for i in 1 2; do
		git agent sync
		test_exit 1 git agent sync --check >out
		test_grep "^pruned: 'refs/agent-remotes/origin/log/$theirs': " out
	done
	touch -d '1 hour ago' "$lock"
	test_exit 0 git agent sync --repair >out
	test_grep "^done: pushed 'refs/agent/log/$theirs'" out
	test "$(git -C ../srv/lasting.git rev-parse "refs/agent/log/$theirs")" = "$tip"
	test_exit 0 git agent sync
EOF

t 'where nothing can be written, it is said, and not forgotten' <<'EOF'
	dropped full
	cd full-me
	git fetch -q --prune
	mkdir -p .git/refs/agent-remotes/origin/log/keep
	chmod a-w .git/refs/agent-remotes/origin .git/refs/agent-remotes/origin/log
	as_user git agent log --offline >out 2>err || test $? -eq 3
	test_no_grep x1 out
	test_grep "cannot be put back now" err
	chmod u+w .git/refs/agent-remotes/origin .git/refs/agent-remotes/origin/log
	test_exit 3 git agent log --offline >out
	test_grep x1 out
EOF

# away DIR: the objects of $tip into a pack of their own; its name in $pack.
away() {
	local p
	for p in "$1"/.git/objects/pack/*.pack; do
		test -e "$p" || continue
		mv "$p" "$1/one.pack"
		rm -f "${p%.pack}".*
		git -C "$1" unpack-objects -q <"$1/one.pack"
	done
	pack=$(git -C "$1" rev-list --objects "$tip" |
		git -C "$1" pack-objects -q .git/objects/pack/pack)
	git -C "$1" prune-packed -q
}

t 'objects that are out of reach for a moment: it comes back with them' <<'EOF'
	dropped reach
	away reach-me
	cd reach-me
	git fetch -q --prune
	mv ".git/objects/pack/pack-$pack.idx" ..
	test_exit 1 git cat-file -e "$tip" 2>/dev/null
	git -C ../reach-other agent log 'done' y2
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'cannot be put back now' err
	git agent sync
	rm -f .git/agent/index*
	git agent log --offline >out || test $? -eq 3
	mv "../pack-$pack.idx" .git/objects/pack
	test_exit 3 git agent log --offline >out
	test_grep x1 out
EOF

t 'the same while the index alone remembers it' <<'EOF'
	dropped seen
	away seen-me
	cd seen-me
	git fetch -q --prune
	rm .git/agent/known-logs
	mv ".git/objects/pack/pack-$pack.idx" ..
	git agent log --offline >out || test $? -eq 3
	mv "../pack-$pack.idx" .git/objects/pack
	test_exit 3 git agent log --offline >out
	test_grep x1 out
EOF

t 'a remote gets another name meanwhile' <<'EOF'
	dropped name
	cd name-me
	git remote rename origin upstream
	git fetch -q --prune upstream
	: >".git/refs/agent-remotes/origin/log/$theirs.lock"
	git agent sync || test $? -eq 3
	rm -f ".git/refs/agent-remotes/origin/log/$theirs.lock"
	rm -f .git/agent/index*
	git agent log --offline >out || test $? -eq 3
	test_grep x1 out
EOF

t 'and one of its logs leads to an object that is missing' <<'EOF'
	dropped gone
	away gone-me
	cd gone-me
	git remote rename origin upstream
	rm -f ".git/objects/pack/pack-$pack".*
	git -C ../srv/gone.git update-ref "refs/agent/log/$theirs" "$tip"
	git agent log 'done' mine
	git agent sync || test $? -eq 3
	git -C ../srv/gone.git cat-file -e "refs/agent/log/$(writer)"
EOF

finish
