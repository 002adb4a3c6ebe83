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

# oracle: what `git agent check` needs, in the present clone, and one result.
oracle() {
	printf '[project]\n\tgoal = g\n[oracle]\n\tcommand = echo metric x 1e-5\n[metric "x"]\n\tpattern = metric x (?<value>{num})\n\ttarget = 1e-3\n' >.gitagent
	git add .gitagent
	git commit -qm 'Add an oracle'
	git agent check
}

# beat: a heartbeat of the present clone, not pushed.
beat() {
	git update-ref "refs/agent/beat/$(writer)" "$(
		printf 'beat: working\n\nAgent-Kind: beat\nAgent-Iteration: 1\nAgent-Interval: 60\nAgent-Writer: %s\nAgent-Clock: 2026-01-01T00:00:00.%06dZ\n' \
			"$(writer)" "${1:-0}" |
			git commit-tree "$(git mktree </dev/null)"
	)"
}

# run_commands CODE: those that --check names for it.
run_commands() {
	test_exit 1 git agent sync --check >found
	sed -n "s/^$1: .*; run: //p" found >commands
	test -s commands
	sh -e commands
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

t "somebody's notes where those of the oracle are to be, on the server" <<'EOT'
	scene theirs
	git notes --ref=agent add -m hello
	tip=$(git rev-parse refs/notes/agent)
	git push -q origin refs/notes/agent
	cd ../theirs-a
	oracle
	test_exit 1 git agent sync 2>err
	test_grep "^warning: 'origin' refused 'refs/notes/agent/$(writer)': 'refs/notes/agent' is in its way there; 'git agent sync --check' tells" err
	found blocked refs/notes/agent "git fetch origin refs/notes/agent && .*"
	test_exit 1 git agent sync --repair >out 2>err
	test_grep "^repair: blocked: 'refs/notes/agent': left to you" out
	test_no_grep '^done: ' out
	git agent log 'done' 'records go all the same' 2>err
	test_grep 'pushed to' err
	run_commands blocked
	test_exit 0 git agent sync
	nothing_found
	there=$SCRATCH/srv/theirs.git
	test "$(git -C "$there" rev-parse "refs/notes/agent-$(git rev-parse --short=7 "$tip")")" = "$tip"
	git -C "$there" rev-parse -q --verify "refs/notes/agent/$(writer)"
EOT

t 'and in this clone, where --repair does not claim what it could not do' <<'EOT'
	for pack in true 'git pack-refs --all'; do
		scene "here-${pack%% *}"
		git notes --ref=agent add -m hello
		tip=$(git rev-parse refs/notes/agent)
		git push -q origin refs/notes/agent
		$pack
		# Not in the work tree, or what is measured has changes.
		oracle 2>../err
		test_grep "without a note .* as there is a ref 'refs/notes/agent'; 'git agent sync --check'" ../err
		found blocked refs/notes/agent 'git update-ref .*'
		test_no_grep no-notes out
		test_exit 1 git agent sync --repair >out 2>err
		test_no_grep 'made 1 note' out
		test_grep "^done: could not mend 'refs/notes/agent'" out
		run_commands blocked
		test "$(git rev-parse "refs/notes/agent-$(git rev-parse --short=7 "$tip")")" = "$tip"
		git agent sync --repair >out
		test_grep '^done: made 1 note again' out
		nothing_found
		git log --notes='agent*' >out
		test_grep 'hello' out
		test_grep 'git agent check: PASS' out
		cd ..
	done
EOT

t "below this clone's heartbeat and notes on the server: records arrive" <<'EOT'
	scene below
	oracle
	beat
	one=$(git rev-parse HEAD)
	there=$SCRATCH/srv/below.git
	git -C "$there" update-ref -d "refs/notes/agent/$(writer)"
	rm -r .git/agent/pushed-notes
	git push -q origin "$one:refs/agent/beat/$(writer)/x" \
		"$one:refs/agent/beat/$(writer)/y/z" \
		"$one:refs/notes/agent/$(writer)/x" \
		"$one:refs/notes/agent/other/x"
	git agent log 'done' 'goes all the same' 2>err
	test_grep 'pushed to' err
	test_exit 1 git agent sync 2>err
	test_grep "refused 'refs/agent/beat/$(writer)': 'refs/agent/beat/$(writer)/[xy].*' is in its way there" err
	test_grep "refused 'refs/notes/agent/$(writer)': 'refs/notes/agent/$(writer)/x' is in its way there" err
	test "$(server_log below .)" = "$(git rev-parse "refs/agent/log/$(writer)")"
	found blocked "refs/notes/agent/$(writer)/x" "git push origin :refs/notes/agent/$(writer)/x"
	found blocked "refs/agent/beat/$(writer)/y/z" "git push origin :refs/agent/beat/$(writer)/y/z"
	test_no_grep 'other' out
	run_commands blocked
	test_exit 0 git agent sync
	nothing_found
	git -C "$there" rev-parse -q --verify "refs/agent/beat/$(writer)"
	git -C "$there" rev-parse -q --verify "refs/notes/agent/$(writer)"
	git -C "$there" rev-parse -q --verify refs/notes/agent/other/x
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

t 'in the way of all heartbeats, and here in that of our own' <<'EOT'
	scene beats
	git agent log 'done' 'one'
	git push -q origin "$one:refs/agent/beat"
	beat
	git agent log 'done' 'two' 2>err
	test_grep 'pushed to' err
	found blocked refs/agent/beat 'git fetch origin refs/agent/beat && .*'
	run_commands blocked
	test_exit 0 git agent sync
	nothing_found
	git update-ref -d "refs/agent/beat/$(writer)"
	git update-ref "refs/agent/beat/$(writer)/x" "$one"
	found blocked "refs/agent/beat/$(writer)/x" 'git update-ref -d .*'
	run_commands blocked
	nothing_found
EOT

t 'branches in the way of notes, where the records are branches' <<'EOT'
	scene heads
	git config agent.prefix refs/heads/agent
	git push -q origin HEAD:refs/heads/agent/notes
	oracle
	test_exit 1 git agent sync
	found blocked refs/heads/agent/notes 'git fetch origin refs/heads/agent/notes && .*'
	run_commands blocked
	test_exit 0 git agent sync
	nothing_found
EOT

t 'notes that are none do not stay, so that git shows the others' <<'EOT'
	scene none
	oracle
	blob=$(echo hi | git hash-object -w --stdin)
	tree=$(git mktree </dev/null)
	git push -q origin "$blob:refs/notes/agent/blob" \
		"$tree:refs/notes/agent/tree" "$blob:refs/agent/beat/blob" HEAD:refs/heads/oracle
	cd ../none-a
	for again in 1 2; do
		test_exit 0 git agent sync >out
		test_no_grep 'notes/blob\|notes/tree' out
		git for-each-ref refs/notes/agent-remotes >out
		test_lines 1 out
	done
	git fetch -q origin oracle
	git log --notes='agent*' FETCH_HEAD >out
	test_grep 'git agent check: PASS' out
	# As an earlier version left it.
	git update-ref refs/notes/agent-remotes/origin/blob "$blob"
	found damaged-ref refs/notes/agent-remotes/origin/blob \
		'git update-ref -d refs/notes/agent-remotes/origin/blob'
	run_commands damaged-ref
	nothing_found
	git log --notes='agent*' FETCH_HEAD >out
EOT

t 'nor those at a place that the records leave' <<'EOT'
	scene leave
	git agent log done one
	blob=$(echo hi | git hash-object -w --stdin)
	git push -q origin "$blob:refs/notes/agent/blob"
	cd ../leave-a
	git agent sync
	git config agent.prefix refs/heads/agent
	test_exit 0 git agent sync
	git for-each-ref refs/notes/agent-remotes >out
	test_empty out
EOT

t 'a file or a folder where git keeps its reflogs: named, with what to run' <<'EOT'
	new_repo reflogs
	cd reflogs
	git config core.logAllRefUpdates always
	git agent log 'done' 0
	log=.git/logs/refs/agent/log
	mkdir .git/kept
	# barred PATH: it is named, and after the command the record is written.
	barred() {
		test_exit 128 git agent log 'done' "past $1" 2>err
		test_grep "^fatal: cannot move the ref 'refs/agent/log/$(writer)': .*; '$PWD/$1' is in the way of its reflog; run 'mv $PWD/$1 $PWD/\.git/reflog-in-the-way'$" err
		sh -ec "$(sed "s/.*; run '\(.*\)'$/\1/" err)"
		git agent log 'done' "past $1"
		mv .git/reflog-in-the-way ".git/kept/$((++n))"
		test -f "$log/$(writer)"
	}
	n=0
	rm -r .git/logs/refs/agent
	touch .git/logs/refs/agent
	barred .git/logs/refs/agent
	rm -r "$log"
	echo x >"$log"
	barred "$log"
	rm -r "$log"
	ln -s nowhere "$log"
	barred "$log"
	rm "$log/$(writer)"
	mkdir "$log/$(writer)"
	touch "$log/$(writer)/x"
	barred "$log/$(writer)"
	test "$(git rev-list --glob=refs/agent/log | wc -l)" = 5
	nothing_found
EOT

t 'such a file is found and set aside, before any command meets it' <<'EOT'
	scene logs
	git agent log 'done' 1
	(cd ../logs-a; git agent log 'done' 2)
	logs=.git/logs/refs
	for file in agent agent/beat agent-remotes agent-remotes/origin/log \
	    notes; do
		rm -rf "$logs/$file"
		mkdir -p "$logs/$(dirname "$file")"
		echo x >"$logs/$file"
		found damaged-ref "logs/refs/$file" 'git agent sync --repair'
		test_json '[.findings[] | select(.code == "damaged-ref")] | length == 1'
		repaired logs
		test "$(cat .git/agent/damaged/logs-refs-"${file//\//-}-1")" = x
	done
	# Without it git does not fetch.
	rm -rf "$logs/agent-remotes"
	touch "$logs/agent-remotes"
	(cd ../logs-a; git agent log 'done' 3)
	test_exit 1 git agent sync 2>err
	repaired logs
	git agent sync
	test "$(count)" = 3
EOT

t 'a file that is no ref where the folder of the logs is to be' <<'EOT'
	new_repo nolog
	cd nolog
	mkdir .git/refs/agent
	touch .git/refs/agent/log
	test_exit 128 git agent log 'done' 1 2>err
	test_grep "^fatal: cannot move the ref 'refs/agent/log/[^/]*', as the file '$PWD/.git/refs/agent/log' is in the way of its folder; 'git agent sync --check' tells" err
	test_exit 1 git agent sync --check >out
	test_grep "^damaged-ref: 'refs/agent/log': .*; run: git agent sync --repair" out
	git agent sync --repair
	git agent log 'done' 1
	nothing_found
EOT

finish
