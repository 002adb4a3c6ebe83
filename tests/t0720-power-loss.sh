#!/usr/bin/env bash
# What a power loss leaves, as far as it can be imitated: files that are empty
# or cut short.  What is damaged is said, with the command that repairs it;
# nothing that was pushed is lost.
. "${0%/*}/lib.sh"

git init -q --bare remote.git
new_repo start
git -C start remote add origin ../remote.git
git -C start push -q origin main
git clone -q remote.git bob
as 'Bob' git -C bob agent log done 'of bob one' 2>/dev/null
as 'Bob' git -C bob agent log done 'of bob two' 2>/dev/null ||
	bail 'no records'
mv remote.git first.git

# damaged: a new clone in `work`, with records of its own and of others.
damaged() {
	rm -rf work remote.git
	cp -a first.git remote.git
	git clone -q --no-hardlinks remote.git work
	cd work
	git agent sync
	git agent log done 'mine one'
	git agent log done 'mine two'
	ref=refs/agent/log/$(head -n 1 .git/agent/writer)
	theirs=refs/agent-remotes/origin/log/$(head -n 1 ../bob/.git/agent/writer)
}

# cut REVISION BYTES: the file of a loose object, cut short.
cut_object() {
	local id
	id=$(git rev-parse "$1")
	file=.git/objects/${id:0:2}/${id:2}
	chmod u+w "$file"
	truncate -s "$2" "$file"
}

# remedy FILE: do what is said there.
remedy() {
	local said
	said=$(grep -oE "run '[^']+'" "$1" | head -n 1)
	said=${said#run \'}
	eval "${said%\'}"
}

# All is well again, and what is written now arrives.
works() {
	git agent log done "afterwards $test_count"
	git agent sync
	test_exit 0 git agent log --offline >out 2>err
	for text in 'of bob one' 'of bob two' 'mine one' "$@" \
	    "afterwards $test_count"; do
		test_grep "$text" out
		git -C ../remote.git log --glob='refs/agent/log/*' \
			--grep="$text" --format=%s >there
		test_grep "$text" there
	done
	test_empty err
	git fsck --strict
}

t 'an empty file in the place of the own ref' <<'EOF'
	damaged
	: >".git/$ref"
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'of bob two' out
	test_grep "$ref.*is damaged" err
	test_exit 3 git agent status --offline >out 2>err
	test_grep "$ref.*is damaged" err
	test_exit 128 git agent sync 2>err
	test_grep "$ref.*is damaged" err
	test_exit 128 git agent log done 'not yet' 2>err
	test_grep "$ref.*is damaged" err
	remedy err
	works 'mine two'
EOF

t 'the newest record of the own log, cut short, and pushed' <<'EOF'
	damaged
	cut_object "$ref" 20
	test_exit 3 timeout 60 git agent log --offline >out 2>err
	test_grep 'of bob two' out
	test_grep "$ref.*is damaged" err
	test_exit 128 git agent log done 'not yet' 2>err
	remedy err
	works 'mine two'
EOF

t 'the same, not pushed: that record alone is lost' <<'EOF'
	damaged
	git agent log --no-push done 'mine three'
	git agent log --no-push done 'mine four'
	cut_object "$ref" 0
	test_exit 128 git agent log done 'not yet' 2>err
	remedy err
	works 'mine two' 'mine three'
	test_no_grep 'mine four' out
EOF

for bytes in 0 1 20 100; do
	t "a fetched record of which $bytes bytes are left" <<-EOF
		damaged
		cut_object "\$theirs" $bytes
		test_exit 3 timeout 60 git agent log --offline >out 2>err
		test_grep 'mine two' out
		test_grep 'object .* is damaged' err
		remedy err
		works 'mine two'
	EOF
done

t 'a fetched record below the newest' <<'EOF'
	damaged
	cut_object "$theirs~1" 20
	test_exit 3 timeout 60 git agent log --offline >out 2>err
	test_grep 'of bob two' out
	test_grep 'object .* is damaged' err
	remedy err
	works 'mine two'
EOF

t 'a line in packed-refs that is none' <<'EOF'
	damaged
	git pack-refs --all
	printf 'garbage\n\0\0\0' >>.git/packed-refs
	for command in 'log done no' sync 'log --offline'; do
		test_exit 128 git agent $command 2>err
		test_grep 'packed-refs. is damaged' err
	done
	remedy err
	works 'mine two'
EOF

t 'empty files of our own state' <<'EOF'
	damaged
	git agent steer 'turn left'
	git agent sync --inbox
	find .git/agent -type f -exec truncate -s 0 {} +
	test_exit 0 git agent log --offline >out 2>err
	test_grep 'mine two' out
	git agent sync --inbox
	echo '{"hook_event_name":"PostToolUse"}' | git-agent-hook >out
	works 'mine two' 'turn left'
EOF

finish
