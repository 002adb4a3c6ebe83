#!/usr/bin/env bash
# This clone's own log: its objects out of reach, its ref gone.  No record is
# orphaned, and no ref is set back without keeping where it was.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

# lonely NAME: a clone without a remote, and two records in a pack.
lonely() {
	new_repo "$1"
	cd "$1"
	git agent log done 'n one'
	git agent log done 'n two'
	ref=refs/agent/log/$(writer)
	tip=$(git rev-parse "$ref")
	git gc -q
}

# left_alone: nothing is mended, written or moved while objects are out of
# reach, and the command that puts them in reach is named.
left_alone() {
	git rev-parse "$ref" >"$SCRATCH/.tip"
	test_exit 1 git agent sync --repair >out
	test_grep "^left: unreadable: 'objects': .*$1" out
	test_grep "^done: mended nothing" out
	test_no_grep "^done: [^m]" out
	test_exit 3 git agent log 2>err
	test_grep "$1" err
	test_exit 128 git agent log done 'not now' 2>err
	test_grep "is not known to be lost: .*$1" err
	test_no_grep 'update-ref\|power loss' err
	test "$(git rev-parse "$ref")" = "$(cat "$SCRATCH/.tip")"
}

t 'a pack without its index: nothing is mended' <<'EOT'
	lonely no-index
	mv .git/objects/pack/*.idx ../away.idx
	left_alone 'has no index; .*git index-pack'
	eval "$(git agent sync --check | sed -n 's/^unreadable.*; run: //p')"
	nothing_found
	test "$(git rev-parse "$ref")" = "$tip"
	test "$(count)" = 2
EOT

t 'the index of a pack cut short, and a pack that is gone' <<'EOT'
	lonely cut-index
	cp .git/objects/pack/*.idx ../whole.idx
	idx=$(echo .git/objects/pack/*.idx)
	chmod u+w "$idx"
	truncate -s 1100 "$idx"
	left_alone 'has no index that is whole'
	cp ../whole.idx "$idx"
	nothing_found
	mv .git/objects/pack/*.pack ..
	left_alone 'is not here, and its index is'
	mv ../*.pack .git/objects/pack/
	nothing_found
	test "$(count)" = 2
EOT

t 'a pack that opens and cannot be read' <<'EOT'
	lonely folder
	pack=$(echo .git/objects/pack/*.pack)
	mv "$pack" ../whole.pack
	# Not empty: on some file systems it has no size then.
	mkdir -p "$pack/of a name that takes some bytes and more"
	left_alone 'cannot be read: Is a directory'
	rm -r "$pack"
	mv ../whole.pack "$pack"
	nothing_found
	test "$(count)" = 2
EOT

t 'with an older record that is whole: the log is not set back to it' <<'EOT'
	new_repo older
	cd older
	git agent log done 'n one'
	git agent log done 'n two'
	ref=refs/agent/log/$(writer)
	tip=$(git rev-parse "$ref")
	old=$(git rev-parse "$ref~1")
	git cat-file commit "$old" >../old
	git gc -q
	mv .git/objects/pack ../away
	mkdir .git/objects/pack
	git hash-object -t commit -w ../old
	mv ../away/*.pack .git/objects/pack/
	left_alone 'has no index; '
	# The ref as well: what is newest here now need not be so.
	: >.git/packed-refs
	test_exit 1 git agent sync --repair >out
	test_grep '^done: mended nothing' out
	test_exit 128 git agent log done 'not now' 2>err
	test_grep 'is gone; .*has no index' err
	mv ../away/*.idx .git/objects/pack/
	test_exit 0 git agent sync --repair
	test "$(git rev-parse "$ref")" = "$tip"
EOT

t 'an alternate that is not mounted' <<'EOT'
	lonely source
	cd ..
	git clone -q --shared source borrower
	cd borrower
	git remote remove origin
	git agent log done 'b one'
	ref=refs/agent/log/$(writer)
	mv .git/objects/[0-9a-f][0-9a-f] ../source/.git/objects/
	mv ../source ../unmounted
	left_alone 'put it back, or take its line out'
	mv ../unmounted ../source
	nothing_found
	# Cut short; no command is given for what is not ours.
	name=$(git rev-list --objects "$ref" |
		git pack-objects -q ../source/.git/objects/pack/pack)
	git -C ../source prune-packed
	pack=../source/.git/objects/pack/pack-$name.pack
	cp "$pack" ../theirs.pack
	chmod u+w "$pack"
	truncate -s 100 "$pack"
	test_exit 1 git agent sync --check >out
	test_grep "^unreadable: 'objects': .*pack-$name.pack' is cut short .*; it is another repository's, .* mended before that$" out
	cp ../theirs.pack "$pack"
	nothing_found
EOT

if as_user true; then
	t 'objects that are somebody else'\''s' <<-'EOT'
		git() { as_user git "$@"; }
		lonely barred
		chmod 0 .git/objects/pack/*.pack
		left_alone 'Permission denied'
		chmod 400 .git/objects/pack/*.pack
		nothing_found
		test "$(count)" = 2
	EOT
else
	skip 'objects that are somebody else'\''s' 'root may read them all'
fi

t 'the newest record gone: kept by name, and back when it is' <<'EOT'
	new_origin gone
	new_clone gone gone-a
	cd gone-a
	git agent log done 'a one'
	git agent log done 'a two' --no-push
	git agent log done 'a three' --no-push
	ref=refs/agent/log/$(writer)
	tip=$(git rev-parse "$ref")
	file=$(loose "$ref")
	mv "$file" ../gone-away
	test_exit 1 git agent sync --repair >out
	test_grep "^done: noted in .*lost-logs' that '$ref' was at $tip" out
	test_grep "^done: this clone goes on as '$(writer)'" out
	test_grep "^left: missing-object: '$tip'" out
	test "refs/agent/log/$(writer)" != "$ref"
	test_exit 1 git agent sync --repair
	git agent log done 'a four'
	git fetch
	git gc -q
	test_exit 3 git agent log >out 2>err
	test_grep 'a two' out
	test_grep "up to $tip, are not here" err
	mkdir -p "${file%/*}"
	mv ../gone-away "$file"
	git agent sync
	test "$(git rev-parse "$ref")" = "$tip"
	nothing_found
	new_clone gone gone-b
	cd ../gone-b
	git agent sync
	subjects >out
	test "$(tr '\n' ' ' <out)" = 'a four a one a three a two '
EOT

t 'the only record gone' <<'EOT'
	new_repo only
	cd only
	git agent log done 'n one'
	ref=refs/agent/log/$(writer)
	tip=$(git rev-parse "$ref")
	file=$(loose "$ref")
	mv "$file" ../only-away
	test_exit 1 git agent sync --repair >out
	test_exit 1 git rev-parse -q --verify "$ref"
	git agent log done 'n two'
	mv ../only-away "$file"
	git agent log >out
	test_grep 'n one' out
	test "$(git rev-parse "$ref")" = "$tip"
	test_exit 1 test -e .git/agent/lost-logs
EOT

# shellcheck disable=SC2016 # for the test's own shell
for how in 'rm -f .git/$ref' \
    'git pack-refs --all; truncate -s 0 .git/packed-refs'; do
	t "our ref lost ($how): said, found, and gone on from" <<-EOT
		new_repo "lost-\$test_count"
		cd "lost-\$test_count"
		git agent log done 'n one'
		git agent log done 'n two'
		ref=refs/agent/log/\$(writer)
		tip=\$(git rev-parse "\$ref")
		$how
		test_exit 3 git agent log 2>err
		test_grep "'\$ref', is gone; .*sync --repair" err
		test_exit 3 git agent status 2>err
		found damaged-ref "\$ref" 'git agent sync --repair'
		test_exit 0 git agent sync --repair >out
		test_grep "^done: '\$ref' goes on from \$tip" out
		nothing_found
		test "\$(git rev-parse "\$ref")" = "\$tip"
		$how
		git agent log done 'n three'
		test "\$(git rev-parse "\$ref~1")" = "\$tip"
		$how
		printf '%s\n' '{"kind":"done","subject":"n four"}' \
			'{"kind":"done","subject":"n five"}' |
			git agent log --batch
		test "\$(git rev-parse "\$ref~3")" = "\$tip"
		test "\$(count)" = 5
		nothing_found
	EOT
done

t 'a copied clone whose ref is lost: its new log has all' <<'EOT'
	lonely first
	cd ..
	cp -r first second
	cd second
	rm -f .git/packed-refs
	git agent log done 'n three'
	test "$(git rev-parse "refs/agent/log/$(writer)~1")" = "$tip"
	test "refs/agent/log/$(writer)" != "$ref"
EOT

t 'a record that another wrote in our name is not taken for ours' <<'EOT'
	lonely forged
	git agent log >out
	tree=$(git mktree </dev/null)
	id=$(printf 'done: forged\n\nAgent-Kind: done\nAgent-Writer: %s\nAgent-Clock: 2037-01-01T00:00:00.000000Z\n' \
		"$(writer)" | git commit-tree "$tree")
	git update-ref refs/agent-remotes/origin/log/other "$id"
	rm -f .git/packed-refs
	git agent log done 'n three'
	test "$(git rev-parse "$ref~1")" = "$tip"
EOT

# forge WRITER CLOCK TEXT [PARENT]: a record in any name; its id.
forge() {
	printf 'done: %s\n\nAgent-Kind: done\nAgent-Writer: %s\nAgent-Clock: %s\n' \
		"$3" "$1" "$2" |
		git commit-tree ${4:+-p "$4"} "$(git mktree </dev/null)"
}

in_a_minute() {
	date -u -d '+1 min' +%Y-%m-%dT%H:%M:%S.000000Z
}

for how in ': >' 'rm -f'; do
	t "the newest is what continues the others, whatever its clock ($how)" <<-EOT
		rm -rf "$SCRATCH/clock"
		new_repo clock
		cd clock
		git agent log done start
		ref=refs/agent/log/\$(writer)
		ahead=\$(forge "\$(writer)" "\$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%S.000000Z)" 'clock ahead' "\$ref")
		git update-ref "\$ref" "\$ahead"
		git agent log done two
		git agent log >/dev/null
		git agent log done three
		tip=\$(git rev-parse "\$ref")
		$how ".git/\$ref"
		test_exit 0 git agent sync --repair
		test "\$(git rev-parse "\$ref")" = "\$tip"
		git agent log done four
		test "\$(subjects | tr '\\n' ' ')" = 'clock ahead four start three two '
		rm .git/agent/index*
		test "\$(count)" = 5
	EOT
done

t 'what was fetched in our name does not stand in for what is ours' <<'EOT'
	new_origin imposter
	new_clone imposter imposter-a
	new_clone imposter imposter-b
	cd imposter-a
	git agent log done a1
	git agent log >/dev/null
	ref=refs/agent/log/$(writer) one=$(git rev-parse "refs/agent/log/$(writer)")
	git agent log done a2 --no-push
	cd ../imposter-b
	git agent log >/dev/null
	# One that continues nothing, and a longer one that continues ours.
	git push -q origin \
		"$(forge "${ref##*/}" "$(in_a_minute)" forged):refs/agent/log/evil"
	two=$(forge "${ref##*/}" "$(in_a_minute)" 'forged too' "$one")
	two=$(forge "${ref##*/}" "$(in_a_minute)" 'and again' "$two")
	git push -q origin "$two:refs/agent/log/worse"
	cd ../imposter-a
	git fetch -q
	: >".git/$ref"
	test_exit 0 git agent sync --repair
	git agent log done a3
	git log --format=%s "$ref" >out
	printf 'done: %s\n' a3 a2 a1 >want
	test_cmp want out
	nothing_found
EOT

t 'nor what was pushed on top of our log there' <<'EOT'
	new_origin usurper
	new_clone usurper usurper-a
	new_clone usurper usurper-b
	cd usurper-a
	git agent log done a1
	git agent sync
	ref=refs/agent/log/$(writer) one=$(git rev-parse "refs/agent/log/$(writer)")
	git agent log done a2 --no-push
	cd ../usurper-b
	git agent log >/dev/null
	git push -q origin \
		"$(forge "${ref##*/}" "$(in_a_minute)" forged "$one"):$ref"
	cd ../usurper-a
	git fetch -q
	rm ".git/$ref"
	git agent log done a3
	test "$(subjects | tr '\n' ' ')" = 'a1 a2 a3 forged '
	git agent sync
	cd ../usurper-b
	git agent sync
	test "$(subjects | tr '\n' ' ')" = 'a1 a2 a3 forged '
EOT

t 'two ends, and nobody knows which: both are kept, read and pushed' <<'EOT'
	new_origin fork
	new_clone fork fork-a
	cd fork-a
	git agent log done start
	w=$(writer) start=$(git rev-parse "refs/agent/log/$(writer)")
	left=$(forge "$w" 2026-01-01T00:00:01.000000Z left1 "$start")
	left=$(forge "$w" 2026-01-01T00:00:02.000000Z left2 "$left")
	right=$(forge "$w" 2026-01-01T00:00:03.000000Z right1 "$start")
	right=$(forge "$w" 2026-01-01T00:00:04.000000Z right2 "$right")
	right=$(forge "$w" 2026-01-01T00:00:05.000000Z right3 "$right")
	# It lost a race, and was written again.
	forge "$w" 2026-01-01T00:00:09.000000Z right3 "$right^^" >/dev/null
	rm ".git/refs/agent/log/$w"
	git agent log done next
	test "$(git rev-parse "refs/agent/log/$w^")" = "$right"
	git for-each-ref --format='%(objectname)' "refs/agent/log/$w-*" >out
	test "$(cat out)" = "$left"
	test_exit 0 git agent sync
	cd ..
	git clone -q "$DAEMON_URL/fork.git" fork-b
	cd fork-b
	git agent log >/dev/null
	test "$(subjects | tr '\n' ' ')" = 'left1 left2 next right1 right2 right3 start '
EOT

t 'a log that was begun, and of which nothing is left, begins anew' <<'EOT'
	new_repo nothing
	cd nothing
	git agent log done 'n one'
	git update-ref -d "refs/agent/log/$(writer)"
	git gc -q --prune=now
	test_exit 0 git agent sync --repair >out
	test_grep 'begins anew' out
	nothing_found
	git agent log done 'n two'
	test "$(count)" = 1
EOT

# own_log NAME: a clone with two records, the second not pushed.
own_log() {
	new_origin "$1"
	new_clone "$1" "$1-a"
	cd "$1-a"
	git agent log done 'a one'
	git agent log done 'a two' --no-push
	ref=refs/agent/log/$(writer)
	tip=$(git rev-parse "$ref")
	git update-ref refs/heads/other HEAD
}

# shellcheck disable=SC2016 # for the test's own shell
for how in 'echo "ref: refs/heads/other" >.git/$ref' \
    'ln -sf ../../../heads/other .git/$ref' \
    'git update-ref $ref other' \
    'git update-ref $ref other; git pack-refs --all'; do
	t "our ref leads to the project's commits: $how" <<-EOT
		own_log "astray-\$test_count"
		$how
		test_exit 3 git agent log --offline 2>err
		test_grep "\$ref.*sync --repair" err
		test_exit 128 git agent log done 'not now' 2>err
		test_grep "\$ref.*sync --repair" err
		test_exit 128 git agent sync 2>err
		test_grep "\$ref.*sync --repair" err
		found damaged-ref "\$ref" 'git agent sync --repair'
		repaired "astray-\$test_count"
		test "\$(git rev-parse "\$ref")" = "\$tip"
		test "\$(server_log "astray-\$test_count" .)" = "\$tip"
		test "\$(git rev-parse other)" = "\$(git rev-parse HEAD)"
	EOT
done

t 'a symbolic ref in the place of a fetched log' <<'EOT'
	own_log fetched
	theirs=refs/agent-remotes/origin/log/$(writer)
	echo 'ref: refs/heads/other' >".git/$theirs"
	found damaged-ref "$theirs" 'git agent sync --repair'
	test_exit 0 git agent sync --repair
	nothing_found
	test "$(git rev-parse "$theirs")" = "$tip"
EOT

t 'a commit on top that is no record: pushed with the next one' <<'EOT'
	own_log top
	tree=$(git mktree </dev/null)
	id=$(echo strange | git commit-tree -p "$tip" "$tree")
	git update-ref "$ref" "$id"
	test_exit 1 git agent sync >out 2>err
	test_grep "log/$(writer). is not pushed: it ends in $id, which is no record" err
	test "$(server_log top .)" = "$(git rev-parse "$tip~1")"
	git agent log done 'a three'
	test "$(server_log top .)" = "$(git rev-parse "$ref")"
	test "$(git rev-parse "$ref~1")" = "$id"
EOT

# shellcheck disable=SC2016 # for the test's own shell
for how in 'echo garbage' 'printf garbage' 'head -c 300 /dev/zero' \
    'printf "abc\\n"'; do
	t "packed-refs is nothing but: $how" <<-EOT
		own_log "packed-\$test_count"
		git agent sync
		git pack-refs --all
		git agent sync --check
		$how >.git/packed-refs
		found damaged-ref packed-refs '.*sync --repair'
		test_exit 1 git agent sync --repair
		test_exit 128 git agent log 2>err
		test_grep "packed-refs. is damaged.*sync --repair" err
		test_exit 1 git agent sync --check >out
		eval "\$(sed -n 's/^damaged-ref.*; run: //p' out)"
		nothing_found
		test "\$(git rev-parse "\$ref")" = "\$tip"
		git agent log >out
		test_grep 'a two' out
	EOT
done

t 'logs that a shallow fetch has cut off' <<'EOT'
	new_origin cut
	git -C cut-seed commit -q --allow-empty -m 'a second commit'
	git -C cut-seed push -q "$SCRATCH/srv/cut.git" main
	new_clone cut cut-other
	(cd cut-other && git agent log done 'b one' && git agent log done 'b two')
	new_clone cut cut-here
	cd cut-here
	git agent log done 'h one'
	git agent log done 'h two'
	git agent sync
	git pull -q --depth=1
	found shallow "$(git rev-parse "refs/agent/log/$(writer)")" \
		'git agent sync --repair'
	git gc -q --prune=now
	test_exit 3 git agent log --all 2>err
	test_grep "2 objects are missing here; 'git agent sync --check'" err
	repaired cut
	test "$(count)" = 4
	test "$(git rev-list --count main)" = 1
EOT

t '… of which the remote has no more' <<'EOT'
	cd cut-here
	git pull -q --depth=1
	git gc -q --prune=now
	rm -rf ../srv/cut.git
	git init -q --bare ../srv/cut.git
	git agent log done 'h three' 2>err
	test_grep "shallow update not allowed: it is cut off here" err
	test_exit 1 git agent sync --repair >out
	test_grep '^left: shallow' out
	test_no_grep 'could not ask' out
	(cd ../cut-other && git agent sync) || test $? = 3
	git agent sync --repair >out || test $? = 1
	test_grep '^done: fetched the records in full' out
	test "$(git agent log --all --json | jq '[.[] | select(.subject | test("^b "))] | length')" = 2
EOT

finish
