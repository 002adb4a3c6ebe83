#!/usr/bin/env bash
# `git agent sync --check` and `--repair`: damage in one clone.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

aged() {
	touch -d '1 hour ago' "$@"
}

t 'a copied clone: takes a name of its own' <<'EOF'
	patient copy
	git agent log done 'a three' --no-push
	cp -r ../copy-a ../copy-c
	cd ../copy-c
	found copied "$ref" 'git agent sync --push'
	repaired copy
	test "refs/agent/log/$(writer)" != "$ref"
	cd ../copy-a
	test "refs/agent/log/$(writer)" = "$ref"
EOF

for how in 'rm -f' 'truncate -s 0'; do
	t "the writer's file: $how" <<-EOF
		patient 'writer${how%% *}'
		$how .git/agent/writer
		found no-writer agent/writer 'git agent sync --repair'
		repaired 'writer${how%% *}'
		test "refs/agent/log/\$(writer)" != "\$ref"
		git merge-base --is-ancestor "\$ref" "refs/agent/log/\$(writer)"
	EOF
done

t 'commits that are no records: which ref, which commit, why' <<'EOF'
	patient strange
	tree=$(git mktree </dev/null)
	one=$(echo 'no trailers at all' | git commit-tree "$tree")
	git -C . push -q origin "$one:refs/agent/log/stranger"
	git agent sync -q
	found unparseable "$one" ''
	test_json '.findings[0].meaning | test("^in .refs/agent-remotes/origin/log/stranger.: .*no Agent-Kind")'
	test_json '.findings | length == 1'
	# Nothing mends that, and nothing is dropped.
	records strange >../before
	test_exit 1 git agent sync --repair >out
	test_grep '^repair: unparseable: .*: nothing to be done$' out
	test_no_grep '^done' out
	records strange >../after
	test_cmp ../before ../after
	for i in $(seq 40); do
		one=$(echo "no $i" | git commit-tree -p "$one" "$tree")
	done
	git push -q origin "$one:refs/agent/log/stranger"
	git agent sync -q
	test_exit 1 git agent sync --check --json >out
	test_json '.findings | length == 20'
	test_json '[.findings[].count] | add == 41'
EOF

t 'an object of another clone, cut short: fetched again' <<'EOF'
	patient cut
	loosen
	id=$(git rev-parse "$theirs~1")
	cut_short "$id"
	found damaged-object "$id" 'rm -f .* && git fetch --refetch origin'
	repaired cut
	git fsck --strict
	find .git/agent/damaged -type f -name "objects-*${id:2}*" >aside
	test_lines 1 aside
EOF

t "a commit of the project's own, or its tree, cut short: named" <<'EOF'
	for what in 'HEAD' 'HEAD^{tree}'; do
		name=code-${#what}
		patient "$name"
		git push -q origin HEAD
		git clone -q --no-hardlinks "$(git remote get-url origin)" \
			"../$name-c"
		cd "../$name-c"
		git agent sync -q
		test ! -e .git/objects/pack/pack-*.pack || loosen
		id=$(git rev-parse "$what")
		file=$(loose "$what")
		pack=$(echo "$id" | git pack-objects -q ../code)
		cut_short "$what"
		# libgit2 alone would read it for ever.
		timeout 60 git agent status --offline >out
		test_exit 1 timeout 60 git agent sync --check >out
		test_grep "^damaged-object: 'HEAD': object $id is damaged" out
		test_exit 128 timeout 60 git agent check HEAD 2>err
		test_grep "$id" err
		test_exit 128 timeout 60 git agent check HEAD~0 2>err
		test_exit 3 timeout 60 git agent steer --list 2>err
		test_grep "object $id is damaged" err
		# Neither a pipe nor a folder is an object.
		rm -f "$file"
		mkfifo "$file"
		test_exit 1 timeout 60 git agent sync --check >out
		test_grep "^damaged-object: 'HEAD': object $id is damaged" out
		rm -f "$file"
		mkdir "$file"
		test_exit 1 timeout 60 git agent sync --check >out
		test_grep "^damaged-object: 'HEAD': object $id is damaged" out
		# One copy that is whole is enough.
		for end in pack idx; do
			cp "../code-$pack.$end" ".git/objects/pack/pack-$pack.$end"
		done
		nothing_found
		rm -rf "$file" ".git/objects/pack/pack-$pack".*
	done
	# A commit that is not here at all.
	file=$(loose HEAD)
	mv "$file" ../commit
	test_exit 1 git agent sync --check >out
	test_grep "^missing-object: 'HEAD': the commit that it is at" out
EOF

t 'objects that are missing: fetched again' <<'EOF'
	patient missing
	# A record, and an attachment of one of our own.
	blob=$(git rev-parse "$ref~2:output.txt")
	loosen
	id=$(git rev-parse "$theirs~1")
	rm -f "$(loose "$id")" "$(loose "$blob")"
	found missing-object "$id" 'git fetch --refetch origin'
	found missing-object "$blob" 'git fetch --refetch origin'
	repaired missing
	git fsck --strict
EOF

t 'the tip of our own log, cut short: fetched again' <<'EOF'
	patient tip
	id=$(git rev-parse "$ref")
	cut_short "$id"
	found damaged-object "$id" 'rm -f .*'
	repaired tip
	test "$(git rev-parse "$ref")" = "$id"
	git fsck --strict
EOF

t 'the same, not pushed: the log goes on from the record before' <<'EOF'
	patient alone
	git agent log done 'a three' --no-push
	git agent log done 'a four' --no-push
	cut_short "$ref"
	repaired alone
	subjects >out
	test_grep 'a three' out
	test_no_grep 'a four' out
	test "$(server_log alone .)" = "$(git rev-parse "$ref")"
EOF

t 'an empty file in the place of our own ref, or no ref in it' <<'EOF'
	patient empty
	git agent log done 'a three' --no-push
	tip=$(git rev-parse "$ref")
	: >".git/$ref"
	found damaged-ref "$ref" 'git agent sync --repair'
	repaired empty
	test "$(git rev-parse "$ref")" = "$tip"
	# With an older place of it in packed-refs.
	git pack-refs --all
	git agent log done 'a four' --no-push
	tip=$(git rev-parse "$ref")
	printf 'garbage' >".git/$ref"
	found damaged-ref "$ref" 'git agent sync --repair'
	repaired empty
	test "$(git rev-parse "$ref")" = "$tip"
	grep -q garbage .git/agent/damaged/refs-agent-log-*
EOF

t 'an empty file in the place of a fetched ref, and of our notes' <<'EOF'
	patient fetched
	tip=$(git rev-parse "$theirs")
	notes=refs/notes/agent/$(writer)
	: >".git/$theirs"
	: >".git/$notes"
	found damaged-ref "$theirs" 'git agent sync --repair'
	found damaged-ref "$notes" 'git agent sync --repair'
	repaired fetched
	test "$(git rev-parse "$theirs")" = "$tip"
	git log --notes='agent*' -1 >out
	test_grep 'err *0.5' out
EOF

t 'a line in packed-refs that is none: the command that mends it' <<'EOF'
	patient packed
	git pack-refs --all
	printf 'garbage\n\0\0\0' >>.git/packed-refs
	test_exit 1 git agent sync --check >out
	test_grep '^damaged-ref: .packed-refs.: ' out
	eval "$(sed -n 's/.*; run: //p' out)"
	nothing_found
EOF

t 'lost notes: made again, word for word' <<'EOF'
	patient notes
	git agent check HEAD
	notes=refs/notes/agent/$(writer)
	git notes --ref="$notes" show HEAD >../before
	git update-ref -d "$notes"
	found no-notes refs/notes/agent 'git agent sync --repair'
	repaired notes
	git notes --ref="$notes" show HEAD >../after
	test_cmp ../before ../after
EOF

t "git's locks: old ones of nobody go; young ones and held ones stay" <<'EOF'
	patient lock
	touch ".git/$ref.lock"
	nothing_found
	touch -d '1 minute ago' ".git/$ref.lock"
	found stale-lock "$PWD/.git/$ref.lock" "rm -f $PWD/.git/$ref.lock"
	test_exit 1 git agent sync --repair >out
	test_grep '^repair: stale-lock: .*: left to you$' out
	test -e ".git/$ref.lock"
	aged ".git/$ref.lock"
	for lock in packed-refs config shallow refs/agent-remotes/origin/log/x; do
		touch ".git/$lock.lock"
		aged ".git/$lock.lock"
		found stale-lock "$PWD/.git/$lock.lock" 'rm -f .*'
	done
	# A git is at work here: it may be its lock.
	mkfifo ../pipe
	git cat-file --batch <../pipe >/dev/null &
	exec 7>../pipe
	test_exit 1 git agent sync --repair >out
	test_grep "process $! may hold it" out
	test_no_grep '^done: removed' out
	exec 7>&-
	wait $!
	repaired lock
	find .git -name '*.lock' -not -path '.git/agent/*' >out
	test_empty out
EOF

t 'unfinished files of a killed process' <<'EOF'
	patient left
	touch .git/agent/writer.new .git/agent/clock.a1B2c3
	nothing_found
	aged .git/agent/writer.new .git/agent/clock.a1B2c3
	found leftover ".*agent/writer.new" 'rm -f .*'
	found leftover ".*agent/clock.a1B2c3" 'rm -f .*'
	repaired left
	test_exit 1 test -e .git/agent/writer.new
	test_exit 1 test -e .git/agent/clock.a1B2c3
EOF

t 'an unfinished pack of a killed batch' <<'EOF'
	patient pack
	packs=.git/objects/pack
	touch "$packs/pack_git2_a1" "$packs/pack_git2_b2idx.lock"
	nothing_found
	touch -d '1 minute ago' "$packs"/pack_git2_*
	test_exit 1 git agent sync --repair >out
	test_grep '^repair: leftover: .*pack_git2_a1.*: left to you$' out
	test -e "$packs/pack_git2_a1"
	aged "$packs"/pack_git2_*
	found leftover ".*/$packs/pack_git2_a1" 'rm -f .*'
	found leftover ".*/$packs/pack_git2_b2idx.lock" 'rm -f .*'
	# A git is at work here: it may be writing it.
	mkfifo ../pack-pipe
	git cat-file --batch <../pack-pipe >/dev/null &
	exec 7>../pack-pipe
	test_exit 1 git agent sync --repair >out
	test_grep "process $! may be at it" out
	test -e "$packs/pack_git2_a1"
	exec 7>&-
	wait $!
	repaired pack
	test_exit 1 compgen -G "$packs/pack_git2_*"
EOF

t 'a pack of a batch, cut short: named, and what is whole of it comes back' <<'EOF'
	patient half
	printf '{"kind": "done", "subject": "s%s"}\n' {1..40} |
		git agent log --batch --no-push
	for idx in .git/objects/pack/*.idx; do
		git show-index <"$idx" >has
		! grep -q "$(git rev-parse "$ref")" has || pack=${idx%.idx}.pack
	done
	cp "$pack" ../whole.pack
	chmod u+w "$pack"
	truncate -s 2000 "$pack"
	test_exit 1 git verify-pack "$pack"
	test_exit 1 git agent sync --check >found
	test_grep "^unreadable: 'objects': the pack '$PWD/$pack' is cut short or overwritten, .*; run: rm -f .*git unpack-objects" found
	test_exit 128 git agent log 'done' x 2>err
	test_grep "is not known to be lost: the pack '$PWD/$pack'" err
	test_exit 1 git agent sync --repair >out
	test_grep '^done: mended nothing' out
	sed -n 's/^unreadable: .*; run: //p' found >command
	test_exit 128 sh -e command 2>err
	test_grep 'early EOF' err
	test_exit 1 git agent sync --check >found
	test_no_grep '^unreadable' found
	test_exit 1 git agent sync --repair >out
	test_grep '^done: this clone goes on as' out
	git agent log 'done' after
	test_exit 3 git agent log --all --json -n 100 --offline >out 2>err
	for s in s1 after; do
		test_json "[.[].subject] | index(\"$s\") != null"
	done
	test_json '[.[].subject] | index("s40") == null'
	# All of it is found again: then it comes back.
	git unpack-objects -q <../whole.pack
	git agent log 'done' 'all there' 2>err
	nothing_found
	git agent log --all --json -n 100 >out
	test_json '[.[].subject] | index("s40") != null and index("after") != null'
EOF

t 'state that is not whole: set aside, and made again' <<'EOF'
	patient state
	: >.git/agent/clock
	printf 'abc' >>.git/agent/known-logs
	mkdir -p .git/agent/prefixes
	: >.git/agent/prefixes/origin
	for f in clock known-logs prefixes/origin; do
		found damaged-state ".*/agent/$f" 'rm -f .*'
	done
	repaired state
	# As an editor with other line ends leaves it.
	sed -i 's/$/\r/' .git/agent/known-logs
	found damaged-state '.*/agent/known-logs' 'rm -f .*'
	repaired state
EOF

t 'the index: made again' <<'EOF'
	patient index
	git agent log --all --json >../before
	for how in 'truncate -s 100' 'truncate -s 0'; do
		$how .git/agent/index
		found damaged-index agent/index 'git agent log -n 1'
		repaired index
	done
	git agent log --all --json >../after
	test_cmp ../before ../after
EOF

t 'refspecs: missing, or for another prefix' <<'EOF'
	patient specs
	git config --unset-all remote.origin.fetch agent
	found no-refspec remote.origin.fetch 'git agent sync --fetch'
	repaired specs
	git config --unset-all remote.origin.fetch 'agent/log'
	git config --add remote.origin.fetch \
		'refs/old/log/*:refs/agent-remotes/origin/log/*'
	found no-refspec remote.origin.fetch 'git agent sync --fetch'
	repaired specs
	git config --get-all remote.origin.fetch >specs
	test_no_grep refs/old specs
EOF

t 'settings that cannot be used' <<'EOF'
	patient wrong
	for s in 'agent.remote nowhere' 'agent.prefix refs/../x' \
	    'agent.remote -x'; do
		git config ${s% *} "${s#* }"
		test_exit 1 git agent sync --check >out
		test_grep '^bad-setting: ' out
		test_exit 1 git agent sync --check --json >out
		test_json '.findings[0].code == "bad-setting"'
		test_exit 1 git agent sync --repair >out
		test_grep 'bad-setting' out
		git config --unset ${s% *}
	done
	printf '[records]\n\tprefix = refs/x/\n' >.gitagent
	test_exit 1 git agent sync --check >out
	test_grep "^bad-setting: .*'.gitagent' line 2" out
	printf '[oracle]\n\ttimeout = soon\n' >.gitagent
	test_exit 1 git agent sync --check >out
	test_grep "^bad-setting: .*'.gitagent' line 2" out
	git checkout -q .gitagent
	nothing_found
EOF

finish
