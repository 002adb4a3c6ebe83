#!/usr/bin/env bash
# `git agent sync --check` and `--repair`: a clone that borrows objects.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

t 'an object that is cut short in the other one: named, and left to its owner' <<'EOF'
	patient lent
	loosen
	git clone -q --shared "$PWD" ../lent-c
	id=$(git rev-parse "$theirs~1")
	file=$PWD/$(loose "$id")
	echo "$id" | git pack-objects -q ../pack >../packed
	cd ../lent-c
	git remote set-url origin "$(git -C ../lent-a remote get-url origin)"
	git agent sync
	test ! -e "$(loose "$id")"
	git agent log done 'c one' 2>err
	test_grep "^recorded .*, pushed to 'origin'$" err
	cp "$file" ../whole
	chmod u+w "$file"
	truncate -s 60 "$file"
	rm -f .git/agent/index*
	# libgit2 alone would read it for ever.
	test_exit 3 timeout 30 git agent log --offline >out 2>err
	test_grep "object $id is damaged in another repository, .*: mend '$file' there" err
	test_grep 'a two' out
	test_exit 1 timeout 60 git agent sync --repair >out
	test_grep "^damaged-object: '$id': .* mend '$file' there$" out
	test_grep '^repair: damaged-object: .*: left to you$' out
	test -s "$file"
	# A pack that has it serves as well.
	cp "../pack-$(cat ../packed)".* .git/objects/pack/
	timeout 30 git agent log --offline >out
	test_grep 'b one' out
	nothing_found
	# Lists that lead back to where they are, by many names.
	for i in {1..30}; do
		echo "$PWD/.git/objects"
		printf '%s/.git/' "$SCRATCH/lent-a"
		printf './%.0s' $(seq "$i")
		echo objects
	done >../lent-a/.git/objects/info/alternates
	cat ../lent-a/.git/objects/info/alternates >>.git/objects/info/alternates
	cp ../whole "$file"
	timeout 30 git agent log --offline >out
	test_grep 'b one' out
	# It is cut short in one of them, and whole in another.
	truncate -s 60 "$file"
	mkdir -p "../lent-d/${id:0:2}"
	cp ../whole "../lent-d/${id:0:2}/${id:2}"
	rm -f ".git/objects/pack/pack-$(cat ../packed)".*
	echo "$SCRATCH/lent-d" >>.git/objects/info/alternates
	timeout 30 git agent log --offline >out
	test_grep 'b one' out
EOF

t 'a repository that is borrowed from is not here: found, nothing is mended' <<'EOF'
	patient lender
	loosen
	id=$(git rev-parse "$theirs~1")
	file=$PWD/$(loose "$id")
	git clone -q --shared "$PWD" ../lender-c
	cd ../lender-c
	git remote set-url origin "$(git -C ../lender-a remote get-url origin)"
	git agent sync
	# A pack of theirs without an index: nothing of ours to remove there.
	pack=$(echo "$id" | git -C ../lender-a pack-objects -q \
		.git/objects/pack/pack)
	rm -f "$file" "$SCRATCH/lender-a/.git/objects/pack/pack-$pack.idx"
	test_exit 1 git agent sync --check --json >out
	jq -e '[.findings[] | select(.code == "unreadable") | .command == null
		and (.meaning | test("has no index; it is another repository"))
		] == [true]' out
	mv ../lender-a ../lender-moved
	git pack-refs --all
	test_exit 1 git agent sync --check >out
	test_grep "^unreadable: 'objects': .*lender-a.* is not here" out
	test_exit 1 git agent sync --repair >out
	test_grep '^done: mended nothing' out
EOF

# two_records WRITER: pushed as a log; the id of the first.
two_records() {
	local one two tree
	tree=$(git mktree </dev/null)
	one=$(printf 'note: one\n\nAgent-Kind: note\nAgent-Writer: %s\nAgent-Clock: 2026-01-02T03:04:05.000006Z\n' "$1" |
		git commit-tree "$tree")
	two=$(printf 'note: two\n\nAgent-Kind: note\nAgent-Writer: %s\nAgent-Clock: 2026-01-02T03:04:06.000006Z\n' "$1" |
		git commit-tree "$tree" -p "$one")
	git push -q origin "$two:refs/agent/log/$1"
	echo "$one"
}

t 'more of them than are told one by one: none hides what can be mended' <<'EOF'
	patient many
	for i in {10..30}; do
		two_records "w$i"
	done >../ids
	git clone -q --shared "$PWD" ../many-c
	url=$(git remote get-url origin)
	cd ../many-c
	git remote set-url origin "$url"
	git agent sync
	# The last that is read, and not borrowed.
	own=$(two_records w99)
	git agent sync
	nothing_found
	while read -r id; do
		(cd ../many-a && cut_short "$id")
	done <../ids
	cut_short "$own"
	rm -f .git/agent/index*
	test_exit 1 timeout 60 git agent sync --check --json >out
	test_json '[.findings[].count] | add == 22'
	test_json '[.findings[] | select(.command == null)] | length == 20'
	test_exit 1 timeout 60 git agent sync --repair >out
	test_grep "^repair: damaged-object: '$own': set it aside" out
	git cat-file -p "$own"
	test_exit 1 timeout 60 git agent sync --check --json >out
	test_json '[.findings[] | select(.command != null)] == []'
EOF

t 'lists behind lists: as far as git follows them, and no further' <<'EOF'
	new_repo deep-0
	cd deep-0
	for i in one two three; do
		git agent log --no-push 'done' "$i"
	done
	ref=refs/agent/log/$(writer)
	tip=$(git rev-parse "$ref")
	id=$(git rev-parse "$ref~1")
	file=$PWD/$(loose "$id")
	cp "$file" ../whole
	for i in {1..7}; do
		new_repo "../deep-$i"
		cd "../deep-$i"
		echo "../../../deep-$((i - 1))/.git/objects" \
			>.git/objects/info/alternates
		test "$i" != 1 || echo "$PWD/../deep-0/.git/objects" \
			>.git/objects/info/alternates
		mkdir -p .git/refs/agent/log
		echo "$tip" >".git/$ref"
		cp "$SCRATCH/whole" "$file"
		if test "$i" -le 6; then
			timeout 30 git agent log --offline >out
			test_grep 'one' out
			truncate -s 60 "$file"
			rm -f .git/agent/index*
			test_exit 3 timeout 30 git agent log --offline >out 2>err
			test_grep "object $id is damaged in another" err
			test_grep 'three' out
		else
			test_exit 1 git cat-file -e "$tip"
			test_exit 3 timeout 30 git agent log --offline >out 2>err
			test_grep '1 object is missing here' err
		fi
	done
EOF

t 'a log that was replaced, with what was fetched for it just now' <<'EOF'
	new_origin taken
	new_clone taken taken-job
	new_clone taken taken-lends
	git clone -q --shared taken-lends taken-reader
	git -C taken-reader remote set-url origin "$DAEMON_URL/taken.git"
	(cd taken-job && git agent log 'done' one && git agent log 'done' two)
	(cd taken-reader && git agent sync)
	log=refs/agent/log/$(cd taken-job && writer)
	cd srv/taken.git
	new=$(git cat-file commit "$log~1" | sed 's/: one$/: other/' |
		git hash-object -w -t commit --stdin)
	git update-ref "$log" "$new"
	cd ../../taken-reader
	test_exit 0 git agent sync --repair >out
	test_grep 'nothing is left' out
	test "$(git rev-parse "refs/agent-remotes/origin/${log#refs/agent/}")" = "$new"
	test "$(subjects | sort | tr '\n' ' ')" = 'one other two '
EOF

finish
