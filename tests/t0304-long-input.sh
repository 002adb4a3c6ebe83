#!/usr/bin/env bash
# Standard input without an end: reading stops where it is too long for what
# it is to become, and that is said.
. "${0%/*}/lib.sh"

new_repo project

# endless COMMAND…: with standard input that ends only with its reader, and
# after 500 MB; its status, and whether the writer was cut off.
endless() {
	local status
	{
		yes | head -c 500000000
		test "${PIPESTATUS[1]}" = 0 || touch cut
	} 2>/dev/null | timeout -k 1 60 "$@"
	status=$?
	return "$status"
}

t 'a text: reading ends soon after 1 MiB' <<'EOF'
	cd project
	for args in 'log done' steer loop; do
		rm -f cut
		test_exit 128 endless git agent $args - 2>err
		test_lines 1 err
		test_grep '^fatal: standard input is too long: a text holds at most 1 MiB' err
		test -e cut
	done
	test -z "$(git for-each-ref refs/agent)"
EOF

t 'a batch: reading ends soon after 64 MiB' <<'EOF'
	cd project
	rm -f cut
	test_exit 128 endless git agent log --batch 2>err
	test_grep '^fatal: standard input is too long: a batch holds at most 64 MiB' err
	test -e cut
	test -z "$(git for-each-ref refs/agent)"
EOF

t 'a text of just 1 MiB is read, and is a little too much for a record' <<'EOF'
	cd project
	head -c 1048576 /dev/zero | tr '\0' x >whole
	test_exit 128 git agent log done - <whole 2>err
	test_grep 'a record holds at most 1 MiB of text, this one has 10' err
	head -c 1040000 whole | git agent log done - 2>err
	test_grep '^recorded' err
EOF

t 'what comes slowly is read to its end' <<'EOF'
	cd project
	{
		printf 'slow '
		sleep 0.3
		printf 'text\n\nand more'
	} | git agent log done -
	git log -1 --format=%B "$(git for-each-ref --format='%(refname)' refs/agent/log)" >out
	test_grep '^done: slow text$' out
	test_grep '^and more$' out
EOF

t 'a limit on the size of files: an error, not a signal' <<'EOF'
	cd project
	git agent log done before
	limited='ulimit -f 0; git agent log "$@"; echo "ended with $?"'
	sh -c "$limited" sh -n 1 2>&1 | cat >out
	test_grep 'done: before' out
	test_grep '^ended with 0$' out
	sh -c "$limited" sh done never 2>&1 | cat >out
	test_grep '^fatal: .*: File too large$' out
	test_grep '^ended with 128$' out
EOF

finish
