#!/usr/bin/env bash
# Refs on the server of which one's name is a folder of the other's: whoever
# may push must not be able to keep a writer's log from the other clones.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

# record WRITER TEXT [PARENT]: a record in any name, its id.
record() {
	printf 'done: %s\n\nAgent-Kind: done\nAgent-Writer: %s\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' \
		"$2" "$1" |
		git commit-tree ${3:+-p "$3"} "$(git mktree </dev/null)"
}

# scene NAME: a clone NAME-a that fetches, and NAME-b, the present one, that
# pushes what it likes.
scene() {
	new_origin "$1"
	new_clone "$1" "$1-a"
	new_clone "$1" "$1-b"
	cd "$1-b"
	one=$(record zok 'zok one')
}

# beat: a heartbeat of the present clone, not pushed.
beat() {
	git update-ref "refs/agent/beat/$(writer)" "$(
		printf 'beat: working\n\nAgent-Kind: beat\nAgent-Iteration: 1\nAgent-Interval: 60\nAgent-Writer: %s\nAgent-Clock: 2026-01-01T00:00:00.%06dZ\n' \
			"$(writer)" "${1:-0}" |
			git commit-tree "$(git mktree </dev/null)"
	)"
}

for pack in true 'git pack-refs --all'; do
	t "what nobody reads makes way for a log ($pack)" <<-EOT
		scene "way-\${pack%% *}"
		git push -q origin "\$one:refs/agent/log/zok/x" \
			"\$one:refs/agent/beat/zok/x"
		cd ../way-*-a
		git agent sync
		git rev-parse -q --verify refs/agent-remotes/origin/log/zok/x
		$pack
		cd ../way-*-b
		two=\$(record zok 'zok two' "\$one")
		git push -q origin :refs/agent/log/zok/x \
			:refs/agent/beat/zok/x
		git push -q origin "\$two:refs/agent/log/zok" \
			"\$one:refs/agent/beat/zok"
		cd ../way-*-a
		test_exit 0 git agent sync >out 2>err
		test_empty err
		test_grep 'log/zok *new' out
		test "\$(git rev-parse refs/agent-remotes/origin/log/zok)" = "\$two"
		git for-each-ref refs/agent-remotes/origin/kept >out
		test_grep "kept/\$one/log/zok-x" out
		subjects >out
		test "\$(tr '\\n' ' ' <out)" = 'zok one zok two '
		nothing_found
		test_exit 0 git agent sync
		git fetch
		cd ..
		rm -rf way-*
	EOT
done

t 'records that are nowhere else are kept, and read' <<'EOT'
	scene kept
	alone=$(record eve 'nowhere else')
	plain=$(echo plain | git commit-tree "$(git mktree </dev/null)")
	git push -q origin "$alone:refs/agent/log/zok/x" \
		"$plain:refs/agent/log/zok/y/z"
	cd ../kept-a
	git agent sync
	cd ../kept-b
	git push -q origin :refs/agent/log/zok/x :refs/agent/log/zok/y/z
	git push -q origin "$one:refs/agent/log/zok"
	cd ../kept-a
	test_exit 0 git agent sync --repair
	test "$(git rev-parse refs/agent-remotes/origin/log/zok)" = "$one"
	git for-each-ref refs/agent-remotes/origin/kept >out
	test_lines 1 out
	test_grep "$alone" out
	subjects >out
	test "$(tr '\n' ' ' <out)" = 'nowhere else zok one '
EOT

t 'what another log has is not kept twice' <<'EOT'
	scene twice
	git push -q origin "$one:refs/agent/log/zok/x" "$one:refs/agent/log/eve"
	cd ../twice-a
	git agent sync
	cd ../twice-b
	git push -q origin :refs/agent/log/zok/x
	git push -q origin "$one:refs/agent/log/zok"
	cd ../twice-a
	test_exit 0 git agent sync
	git for-each-ref refs/agent-remotes/origin/kept >out
	test_empty out
EOT

t 'a log stays where its name has become a folder on the server' <<'EOT'
	scene folder
	git push -q origin "$one:refs/agent/log/zok"
	cd ../folder-a
	git agent sync
	cd ../folder-b
	git push -q origin :refs/agent/log/zok
	git push -q origin "$one:refs/agent/log/zok/x"
	cd ../folder-a
	test_exit 3 git agent sync >out 2>err
	test_no_grep 'refused' out
	test_grep "'log/zok' has lost records" err
	test_lines 1 err
	test "$(git rev-parse refs/agent-remotes/origin/log/zok)" = "$one"
	test "$(subjects)" = 'zok one'
EOT

t "what is in the way of this clone's log: it goes on under another name" <<'EOT'
	scene blocked
	git agent log done 'before' --no-push
	old=$(writer)
	git push -q origin "$one:refs/agent/log/$old/x"
	test_exit 0 git agent log done 'not pushed' 2>err
	test_grep 'but not pushed' err
	test_exit 1 git agent sync --check >out
	test_grep "^blocked: 'refs/agent/log/$old': .* 'refs/agent/log/$old/x'; run: git agent sync --repair" out
	test_no_grep '^unpushed' out
	git agent sync --repair >out 2>err || true
	test_grep '^done: this clone goes on as' out
	test_no_grep '^left: blocked' out
	test "$(writer)" != "$old"
	git agent log done 'after'
	cd ../blocked-a
	git agent sync
	subjects >out
	printf '%s\n' after before 'not pushed' >want
	test_cmp want out
EOT

t 'so it does where the log was there before' <<'EOT'
	scene taken
	git agent log done 'before'
	old=$(writer)
	git push -q origin ":refs/agent/log/$old"
	git push -q origin "$one:refs/agent/log/$old/x"
	test_exit 1 git agent sync --check >out
	test_grep "^blocked: 'refs/agent/log/$old'" out
	git agent sync --repair >out 2>err || true
	test_grep '^done: this clone goes on as' out
	git agent log done 'after'
	test_no_grep "^left: [^u]" out
	cd ..
	git clone -q "$DAEMON_URL/taken.git" taken-c
	cd taken-c
	# The one in the way is no log, which is told.
	test_exit 3 git agent log >out
	test "$(subjects | tr '\n' ' ')" = 'after before '
EOT

t 'a branch on the server with the name of the folder that holds the records' <<'EOT'
	scene branch
	git push -q origin HEAD:refs/heads/agent HEAD:refs/heads/x/agent
	for prefix in refs/heads/agent refs/heads/agent/deeper; do
		git config agent.prefix $prefix
		git agent log 'done' 'not pushed' 2>err
		test_grep "'refs/heads/agent' exists" err
		test_exit 1 git agent sync --check >out
		test_grep "^blocked: 'refs/heads/agent': 'origin' has a ref of this name, .* pushed to '$prefix'; rename it" out
		test_no_grep "x/agent" out
	done
	git push -q origin :refs/heads/agent
	git agent sync
	nothing_found
EOT

t 'a ref that was fetched below a heartbeat keeps nothing from being pushed' <<'EOT'
	scene track
	git agent log 'done' 'one'
	there=$SCRATCH/srv/track.git
	git push -q origin "$one:refs/agent/beat/$(writer)/x"
	git agent sync
	git rev-parse -q --verify "refs/agent-remotes/origin/beat/$(writer)/x"
	git -C "$there" update-ref -d "refs/agent/beat/$(writer)/x"
	beat
	test_exit 0 git agent sync --push
	git -C "$there" rev-parse -q --verify "refs/agent/beat/$(writer)"
	git agent log 'done' 'two' 2>err
	test_grep 'pushed to' err
	test_exit 0 git agent sync
	nothing_found
EOT

t 'nor does a heartbeat that cannot be read here' <<'EOT'
	scene unread
	git agent log 'done' 'one'
	mkdir -p .git/refs/agent/beat
	for text in 'ref: refs/heads/main' 1234567890123456789012345678901234567890; do
		echo "$text" >".git/refs/agent/beat/$(writer)"
		test_exit 0 git agent log 'done' "with $text" 2>err
		test_grep 'pushed to' err
		test "$(server_log unread .)" = "$(git rev-parse "refs/agent/log/$(writer)")"
		test_exit 1 git agent sync --push 2>err
		test_grep "'beat/$(writer)' is not pushed: " err
	done
EOT

finish
