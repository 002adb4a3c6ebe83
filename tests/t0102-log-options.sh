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

git -C project agent log 'done' first 2>/dev/null

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
