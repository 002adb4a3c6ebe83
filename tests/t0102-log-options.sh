#!/usr/bin/env bash
# git agent log: options for reading that stand beside a text, the editor
# with a text in it, and what --render writes to.
. "${0%/*}/lib.sh"

git init -q --bare origin.git
new_repo project
git -C project remote add origin "$SCRATCH/origin.git"
printf 'out\nerr\n' >project/.git/info/exclude

records() {
	git for-each-ref refs/agent
}

# ---- reading and writing -------------------------------------------------------

t 'a pattern without its quotes is no record' <<'EOF'
	cd project
	test_exit 129 git agent log failed --grep Tsit5 step size 2>err
	test_grep "^error: --grep is for reading, but the text 'step' would be recorded" err
	test_exit 129 git agent log --grep x 'done' y 2>err
	test_grep "^error: --grep is for reading, but the text 'y'" err
	test_exit 129 git agent log 'done' --since 2 days ago 2>err
	test_grep '^error: --since is for reading' err
	test -z "$(records)"
EOF

t 'no option for reading goes with a record' <<'EOF'
	cd project
	git agent log status first --no-push
	records >before
	id=$(git agent log --json -n 1 | jq -r '.[0].id')
	for option in '--grep=x' '-i' '--author=x' '--since=now' '--until=now' \
	    '--all' '-n1' '-n0' '--json' '--offline'; do
		test_exit 129 git agent log $option 'done' text 2>err
		test_grep '^error: -.* for reading' err
		GIT_EDITOR='touch opened;:' \
			test_exit 129 git agent log $option 'done' --edit 2>err
		test_exit 129 git agent log $option --retract $id why 2>err
		test_exit 129 git agent log $option --batch 2>err </dev/null
	done
	test_exit 129 git agent log --offline 'done' text 2>err
	test_grep 'no-push leaves a record in this clone' err
	test ! -e opened
	records >after
	test_cmp before after
EOF

t 'what is for --render is not passed over without it' <<'EOF'
	cd project
	records >before
	id=$(git agent log --json -n 1 | jq -r '.[0].id')
	for option in '-o notes.md' '--output=notes.md' '-f' '--force'; do
		for args in '' --json 'done' 'done text' "show $id" \
		    "--retract $id why" --batch; do
			test_exit 129 git agent log $option $args >out 2>err </dev/null
			test_empty out
			test_grep '^error: --[a-z]* is only for --render' err
		done
	done
	test ! -e notes.md
	records >after
	test_cmp before after
EOF

t 'an option that is taken back is none' <<'EOF'
	cd project
	git agent log --all --no-all --json --no-json --force --no-force \
	    'done' 'in earnest' 2>err
	test_grep '^recorded .*pushed' err
EOF

# ---- the editor ------------------------------------------------------------------

t 'a text is in the editor, which has the last word' <<'EOF'
	cd project
	cat >../ed <<-'END'
	#!/bin/sh
	cp "$1" ../seen
	sed 's/draft/final/' "$1" >../new
	cat ../new >"$1"
	END
	chmod +x ../ed
	export GIT_EDITOR=$SCRATCH/ed
	git agent log 'done' a draft -e 2>err
	test_grep '^recorded' err
	test "$(head -n 1 ../seen)" = 'a draft'
	test_grep "^# A 'done' record" ../seen
	test "$(git agent log --json -n 1 | jq -r '.[0].subject')" = 'a final'
	printf 'draft\n\nits body\n' | git agent log 'done' - --edit
	git agent log --json -n 1 >out
	test_json '.[0].subject == "final"'
	test_json '.[0].body == "its body"'
EOF

t 'a text that is emptied in the editor is not recorded' <<'EOF'
	cd project
	records >before
	GIT_EDITOR='truncate -s 0' test_exit 128 git agent log 'done' draft -e 2>err
	test_grep 'there is no text to record' err
	GIT_EDITOR=false test_exit 128 git agent log 'done' draft -e 2>err
	test_grep 'the editor .false. failed; nothing was recorded' err
	records >after
	test_cmp before after
EOF

# ---- what --render writes to -----------------------------------------------------

t '--render leaves devices, pipes and folders alone' <<'EOF'
	cd project
	mkdir d
	mkfifo d/fifo
	if test "$(id -u)" = 0; then
		mknod d/null c 1 3 || touch d/null
	fi
	for f in d/fifo d/null d; do
		test ! -f $f || continue
		before=$(stat -c %F $f)
		for force in '' -f; do
			test_exit 128 timeout 20 git agent log --render $force -o $f 2>err
			test_grep "^fatal: '$f' is not a regular file; name another with -o" err
			test "$(stat -c %F $f)" = "$before"
		done
	done
EOF

t '--render does not replace a link to a pipe' <<'EOF'
	cd project
	ln -s /proc/self/fd/1 d/stdout
	for force in '' -f; do
		test_exit 128 timeout 20 \
			git agent log --render $force -o d/stdout 2>err | cat >out
		test "${PIPESTATUS[0]}" = 0
		test_grep "'d/stdout' is not a regular file" err
		test_empty out
		test -L d/stdout
	done
EOF

t '--render writes through a link to a regular file' <<'EOF'
	cd project
	git agent log --render -o d/notes.md
	ln -s notes.md d/link
	rm -f first
	cp d/notes.md first
	git agent log 'done' 'one more' 2>err
	git agent log --render -o d/link 2>err
	test_grep "^wrote 'd/link'" err
	test -L d/link
	test_grep 'one more' d/notes.md
	echo mine >d/notes.md
	test_exit 128 git agent log --render -o d/link 2>err
	test_grep 'was not written by' err
	git agent log --render -f -o d/link
	test_grep 'one more' d/notes.md
	test -L d/link
	ln -s nowhere d/dangling
	test_exit 128 git agent log --render -f -o d/dangling 2>err
	test_grep "'d/dangling' is a symbolic link that leads to no file" err
	test ! -e d/nowhere
EOF

t '--render does not follow a CHANGELOG.md out of the work tree' <<'EOF'
	cd project
	echo precious >../precious
	ln -s ../precious CHANGELOG.md
	test_exit 128 git agent log --render -f 2>err
	test_grep "'CHANGELOG.md' is a link to '.*precious', which is not in the work tree; it is not written" err
	test "$(cat ../precious)" = precious
	ln -sf d/notes.md CHANGELOG.md
	git agent log --render
	test -L CHANGELOG.md
EOF

finish
