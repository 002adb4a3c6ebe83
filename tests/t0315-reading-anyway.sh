#!/usr/bin/env bash
# Readers show what there is, and say what stands in their way: a clone that
# this user may not write to, a remote that does not answer.
. "${0%/*}/lib.sh"

new_repo p
git -C p agent log 'done' 'something to read'
git init -q --bare origin.git
git -C p remote add origin "$SCRATCH/origin.git"
git -C p agent sync 2>/dev/null

# unwritable COMMAND…: with the file system below p read-only.
unwritable() {
	unshare -m bash -c 'set -e; mount --bind p p
		mount -o remount,ro,bind p; "$@"' - "$@"
}

if unshare -m mount --bind p p 2>/dev/null; then
	t 'a clone that cannot be written to is shown, and the reader says so' <<'EOT'
		test_exit 3 unwritable git -C p agent status >out 2>err
		test_grep 'something to read' out
		test_grep "could not ask 'origin' for news: cannot " err
		test_grep 'what is shown was fetched' err
		unwritable git -C p agent log >out 2>err
		test_grep 'something to read' out
		unwritable git -C p agent status --offline >out
		test_grep 'something to read' out
EOT

	t '… also a clone that never fetched' <<'EOT'
		git clone -q origin.git p2
		mv p p1
		mv p2 p
		test_exit 3 unwritable git -C p agent status >out 2>err
		test_grep "could not ask 'origin' for news: cannot " err
		test_exit 3 unwritable git -C p agent log >out 2>err
		test_exit 128 unwritable git -C p agent log done x 2>err
		test_grep 'Read-only file system' err
		rm -rf p
		mv p1 p
EOT
else
	skip 'a clone that cannot be written to' 'no mount namespaces here'
fi

t 'an object that cannot be opened, and that a pack has as well' <<'EOF'
	new_repo twice
	cd twice
	git agent log 'done' 'there twice'
	id=$(git rev-parse "refs/agent/log/$(head -n 1 .git/agent/writer)")
	git repack -aq
	file=.git/objects/${id:0:2}/${id:2}
	rm -f "$file"
	ln -s "${id:2}" "$file"
	rm -rf .git/agent/index*
	git agent log --offline >out 2>err
	test_grep 'there twice' out
	test_empty err
	# That it is alone there is said, with the reason.
	rm -f .git/objects/pack/*
	rm -rf .git/agent/index*
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'Too many levels of symbolic links' err
EOF

# A server that takes connections and then says nothing.
nc_mute() {
	perl -MIO::Socket -e '
		$s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1")
			or exit 1;
		open(F, ">", "mute.port.new"); print F $s->sockport; close(F);
		rename("mute.port.new", "mute.port");
		while (1) { push(@c, $s->accept) }' </dev/null >/dev/null 2>&1 &
	echo $! >mute.pid
	wait_until 10 test -s mute.port
}

t 'a remote that does not answer is named while one waits' <<'EOF'
	nc_mute
	git -C p remote set-url origin "git://127.0.0.1:$(cat mute.port)/x"
	git -C p agent status >out 2>err &
	status=$!
	wait_until 20 grep -q "waiting for 'origin' …" err
	kill $status
	test_exit 143 wait $status
	kill "$(cat mute.pid)"
EOF

t '… and nothing is said of one that answers at once' <<'EOF'
	git -C p remote set-url origin "$SCRATCH/origin.git"
	git -C p agent status >out 2>err
	test_no_grep waiting err
EOF

finish
