#!/usr/bin/env bash
# What this user may not read or write, as after a command run with sudo: it is
# said by its name, and never taken for what is not there.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

if ! as_user true; then
	skip 'all' 'root may read all, and setpriv takes nothing from it here'
	finish
fi

# The commands of the tests, and the git that they start.
git() { as_user git "$@"; }

# refused PATH COMMAND…: it fails, and names what it may not do with which.
refused() {
	local path=$1
	shift
	test_exit 128 "$@" >out 2>err
	test_grep "$path.*: Permission denied" err
	test_no_grep 'power loss\|is locked\|--repair' err
}

# denied PATH VERB TOP: the doctor's finding; nothing is mended then, and the
# command that it names does.
denied() {
	local command="chmod -R u+rwX $PWD/$3"
	test_exit 1 git agent sync --check >out
	test_grep "^denied: '$PWD/$1': .* may not $2 it; run: $command$" out
	test_exit 1 git agent sync --repair >out
	test_grep '^done: mended nothing' out
	$command
	git agent sync --repair >out
	nothing_found
}

# closed PATH TOP: for reading.
closed() {
	chmod 0 "$1"
	refused "$1" git agent log
	test_empty out
	refused "$1" git agent sync
	denied "$1" read "$2"
	test "$(count)" = 5
}

new_origin origin
new_clone origin me
new_clone origin other
(
	cd me
	git agent log 'done' one
	git agent log 'done' two
	cd ../other
	git agent log 'done' three
	cd ../me
	git agent sync
	git pack-refs --all
	git agent log 'done' four
	cd ../other
	git agent log 'done' five
	cd ../me
	git agent sync
) >made 2>&1

t 'refs of records that may not be read: no record passes for lost' <<'EOF'
	cd me
	closed .git/refs/agent/log .git/refs/agent
	closed .git/refs/agent-remotes/origin/log .git/refs/agent-remotes
	closed .git/refs/agent-remotes .git/refs/agent-remotes
	closed ".git/refs/agent/log/$(writer)" .git/refs/agent
	theirs=$(cd ../other; writer)
	closed ".git/refs/agent-remotes/origin/log/$theirs" .git/refs/agent-remotes
	closed .git/packed-refs .git/packed-refs
EOF

t 'our own state' <<'EOF'
	cd me
	chmod 0 .git/agent/writer
	refused .git/agent/writer git agent log 'done' not
	refused .git/agent/writer git agent sync
	denied .git/agent/writer read .git/agent
	chmod 0 .git/agent/push.lock
	git agent log 'done' six 2>err
	test_grep 'not pushed.*push.lock.*: Permission denied' err
	denied .git/agent/push.lock read .git/agent
	test "$(count)" = 6
EOF

t 'the folder of our state: not taken for a clone that never fetched' <<'EOF'
	cd me
	chmod 0 .git/agent
	test_exit 3 git agent log --offline >out 2>err
	test_grep three out
	test_grep "^warning: '$PWD/.git/agent' may not be read, so that it is not known what was fetched from 'origin'; 'git agent sync --check' tells" err
	test_exit 3 git agent log >out 2>err
	test_grep three out
	test_grep "^warning: could not ask 'origin' for news: .*'$PWD/.git/agent' may not be read$" err
	test_no_grep 'ever fetched' err
	denied .git/agent read .git/agent
EOF

t 'what may not be written to' <<'EOF'
	cd me
	chmod 500 .git/refs/agent/log
	refused .git/refs/agent/log git agent log 'done' not
	denied .git/refs/agent/log 'write to' .git/refs/agent
	chmod 500 .git/refs/agent-remotes/origin/log
	(cd ../other; git agent log 'done' seven)
	refused .git/refs/agent-remotes/origin/log git agent sync
	denied .git/refs/agent-remotes/origin/log 'write to' .git/refs/agent-remotes
	chmod 500 .git/objects
	refused .git/objects git agent log 'done' not
	test_exit 1 git agent sync --check >out
	test_grep "^denied: '$PWD/.git/objects': .* may not write to it" out
	chmod 755 .git/objects
	test "$(count)" = 7
EOF

t "a clone that is somebody else's is only read: nothing of that is a finding" <<'EOF'
	cd me
	chmod -R a-w .git
	nothing_found
	test "$(count)" = 7
	chmod -R u+w .git
EOF

if test "$(id -u)" = 0; then
	t 'files of another user: whose they are, and how they come back' <<-'EOF'
		cd me
		chown -R 12345 .git/refs/agent
		chmod 700 .git/refs/agent
		test_exit 1 git agent sync --check >out
		test_grep "^denied: '$PWD/.git/refs/agent': root may not read it, which belongs to 12345.*; run: sudo chown -R root $PWD/.git/refs/agent$" out
		# Of somebody else's clone nothing is taken.
		chown 12345 .git
		git config --global safe.directory '*'
		test_exit 1 git agent sync --check >out
		test_grep "^denied: '$PWD/.git/refs/agent': .* belongs to 12345" out
		test_no_grep 'chown' out
		git config --global --unset safe.directory
		chown -R 0 .git
		nothing_found
	EOF
else
	skip 'files of another user' 'needs root to make them'
fi

finish
