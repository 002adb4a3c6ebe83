#!/usr/bin/env bash
# One record among many logs: neither the index nor what is known of remotes
# is written again as a whole, and nothing of it is lost.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/index.sh"
. "$ROOT/tests/fixtures/coordination.sh"
export -f without_age seen_by_readers set_index_aside take_index_back same_without_index
export OPENED=$ROOT/tests/fixtures/opened.py

look() { git agent status --offline >/dev/null 2>&1 || test $? = 3; }
names() { echo .git/agent/index-refs-*; }
opened() { python3 "$OPENED" "$@"; }

t 'what is packed is not read for a record of a log, new or known' <<'EOT'
	new_repo one
	cd one
	for i in 1 2 3 4 5 6; do
		grow_ref "refs/agent/log/w-packed-00000$i" "$i" "1$i"
	done
	git pack-refs --all
	sleep 2.5
	look
	names >../names
	for i in 1 2 3; do
		grow_ref refs/agent/log/w-packed-000002 "2$i"
		test "$(opened .git/packed-refs git-agent-status --offline)" = 0
		names | diff ../names -
		same_without_index
	done
	# A new one has to be written down, and then it is known.
	grow_ref refs/agent/log/w-new-000001 31
	look
	test "$(names)" != "$(cat ../names)"
	names >../names
	grow_ref refs/agent/log/w-new-000001 32
	test "$(opened .git/packed-refs git-agent-status --offline)" = 0
	names | diff ../names -
	same_without_index
EOT

t 'nor are the names written when refs are packed' <<'EOT'
	cd one
	names >../names
	git pack-refs --all
	look
	names | diff ../names -
	sleep 2.5
	look
	grow_ref refs/agent/log/w-packed-000003 41
	test "$(opened .git/packed-refs git-agent-status --offline)" = 0
	names | diff ../names -
	same_without_index
EOT

t 'once many have moved, they are written' <<'EOT'
	new_repo many
	cd many
	for i in $(seq -w 1 80); do
		grow_ref "refs/agent/log/w-many-0000$i" "1$i"
	done
	git pack-refs --all
	sleep 2.5
	look
	names >../names
	for i in $(seq -w 1 64); do
		grow_ref "refs/agent/log/w-many-0000$i" "2$i"
	done
	look
	names | diff ../names -
	grow_ref refs/agent/log/w-many-000070 300
	look
	test "$(names)" != "$(cat ../names)"
	same_without_index
EOT

# packed_and_same WHAT: the file with packed refs has a time that is believed.
packed_and_same() {
	case $1 in
	*packed*) sleep 2.3 ;;
	esac
	git agent status --offline >/dev/null 2>&1 || test $? = 3 || return
	same_without_index "$1"
}
export -f packed_and_same

for seed in 3 5; do
	t "whatever happens to the logs, by steps the index is right ($seed)" <<-EOT
		git init -q "life-$seed"
		cd "life-$seed"
		perl "$ROOT/tests/fixtures/index-events.pl" $seed 60 0 \
			bash -c 'packed_and_same "\$1"' -
	EOT
done

# fetched ORIGIN: of the clone 'ORIGIN-me', which has two logs of others, all
# is packed; one of them, of 'ORIGIN-writer', has gone on since, and that was
# fetched.
fetched() {
	new_origin "$1"
	for who in other writer me; do
		new_clone "$1" "$1-$who"
	done
	git -C "$1-other" agent log 'done' y1
	git -C "$1-writer" agent log 'done' x1
	theirs=refs/agent-remotes/origin/log/$(cd "$1-writer" && writer)
	cd "$1-me" || return
	git agent log 'done' m1
	git agent sync
	git pack-refs --all
	sleep 2.5
	look
	git agent sync
	stat -c %i .git/agent/known-logs >../known
	git -C "../$1-writer" agent log 'done' x2
	git agent sync
	tip=$(git rev-parse "$theirs")
}

gone_and_back() {
	git update-ref -d "$theirs"
	rm -f .git/agent/index*
	git agent log --offline >out 2>err || test $? = 3
	test_grep x2 out
	test "$(git rev-parse "$theirs")" = "$tip"
}

t 'what is known is not written again for a log that has moved' <<'EOT'
	fetched moved
	stat -c %i .git/agent/known-logs | diff ../known -
	test_lines 2 .git/agent/known-moved
	test_grep "^$tip $theirs\$" .git/agent/known-moved
	names >../names
	git -C ../moved-writer agent log 'done' x3
	test "$(opened .git/agent/known-logs git-agent-sync)" != 0
	names | diff ../names -
	tip=$(git rev-parse "$theirs")
	test_grep "^$tip $theirs\$" .git/agent/known-moved
	git agent sync --check
EOT

t '… and where it has moved to is known: it is put back, without the index' <<'EOT'
	cd moved-me
	theirs=refs/agent-remotes/origin/log/$(cd ../moved-writer && writer)
	tip=$(git rev-parse "$theirs")
	gone_and_back
	# All of it is known after a sync with another log, too.
	git -C ../moved-other agent log 'done' y2
	git agent sync
	gone_and_back
EOT

t 'what moved says nothing of a file that was written later, or not at all' <<'EOT'
	fetched stale
	cp .git/agent/known-moved ../moved
	new_clone stale stale-late
	git -C ../stale-late agent log 'done' z1
	git -C ../stale-writer agent log 'done' x3
	git agent sync
	test "$(stat -c %i .git/agent/known-logs)" != "$(cat ../known)"
	tip=$(git rev-parse "$theirs")
	cp ../moved .git/agent/known-moved
	gone_and_back
	test_grep x3 out
	rm .git/agent/known-logs
	git agent sync --check
	git agent sync
	test_grep "^$tip $theirs\$" .git/agent/known-logs
EOT

# news ORIGIN N…: each is synced.
news() {
	local origin=$1 n
	shift
	for n; do
		git -C "../$origin-writer" agent log 'done' "$n"
		git agent sync
	done
	tip=$(git rev-parse "$theirs")
}

t 'where what is known was cut or spoilt it is whole again with the next news' <<'EOT'
	fetched cut
	for how in 'head -n 1' 'head -n 2' 'head -c 150' 'head -c 30' 'sed s,^[0-9a-f],zz,'; do
		$how .git/agent/known-logs >../cut
		cp ../cut .git/agent/known-logs
		news cut x3
		test_grep "^$tip $theirs\$" .git/agent/known-logs
		news cut x2
		gone_and_back
		git agent sync
		git agent sync --check
	done
	# Spoilt, with its size as it was.
	sed -i '2s/^0/1/; t; 2s/^./0/' .git/agent/known-logs
	test_exit 1 git agent sync --check >out
	test_grep '^damaged-state: .*known-logs' out
	git agent sync --repair
	git agent sync --check
EOT

t 'what moved, cut in the name of a log, says nothing of another one' <<'EOT'
	fetched name
	server=$(git rev-parse --git-dir)/../../srv/name.git
	for log in w-cut-000001 w-cut-0000012; do
		(cd "$server" && grow_ref "refs/agent/log/$log" 1)
	done
	git agent sync
	git pack-refs --all
	sleep 2.5
	look
	(cd "$server" && grow_ref refs/agent/log/w-cut-0000012 2)
	git agent sync
	tail -n 1 .git/agent/known-moved >../last
	test_grep 'w-cut-0000012$' ../last
	truncate -s -2 .git/agent/known-moved
	theirs=refs/agent-remotes/origin/log/w-cut-000001
	was=$(git rev-parse "$theirs")
	git update-ref -d "$theirs"
	rm .git/agent/index*
	git agent log --offline >out 2>err || test $? = 3
	test "$(git rev-parse "$theirs")" = "$was"
EOT

t 'with another remote that only a plain fetch brings, readers are as fast' <<'EOT'
	fetched plain
	git clone -q --mirror ../srv/plain.git ../srv/third.git
	git remote add third "$(dirname "$(git remote get-url origin)")/third.git"
	git config --add remote.third.fetch 'refs/agent/log/*:refs/agent-remotes/third/log/*'
	git fetch -q third
	git pack-refs --all
	sleep 2.5
	look
	news plain x3
	head -n 1 .git/agent/known-logs >../head
	test_grep '^names ' ../head
	grow_ref "refs/agent/log/$(writer)" 1
	look
	opened .git/packed-refs git-agent-status --offline >../opened
	grow_ref "refs/agent/log/$(writer)" 2
	opened .git/packed-refs git-agent-status --offline | diff ../opened -
	same_without_index
	gone_and_back
EOT

t 'fetched, and set back before the index had it: kept' <<'EOT'
	fetched back
	for at in known-logs known-moved; do
		git -C ../back-writer agent log 'done' "hidden in $at"
		test "$at" != known-logs || rm .git/agent/known-logs
		was=$(git rev-parse "$theirs")
		# Another process is at the index all the while.
		flock .git/agent/index.lock git agent sync
		git update-ref "$theirs" "$was"
		git agent log --offline >out 2>err || test $? = 3
		test_grep "hidden in $at" out
		same_without_index "$at"
	done
EOT

t '… or with an index from a backup' <<'EOT'
	cd back-me
	theirs=refs/agent-remotes/origin/log/$(cd ../back-writer && writer)
	news back b1
	sleep 2.5
	look
	cp -a .git/agent ../backup
	was=$(git rev-parse "$theirs")
	news back b2
	test_grep "$tip" .git/agent/known-moved
	cp ../backup/index* .git/agent
	git update-ref "$theirs" "$was"
	git agent log --offline >out 2>err || test $? = 3
	test_grep b2 out
	same_without_index
EOT

t '… that is older than all that is known, and by the same names' <<'EOT'
	fetched older
	cp -a .git/agent ../backup-2
	was=$tip
	rm .git/agent/known-logs
	news older x3
	read -r word names _ <.git/agent/known-logs
	test "$word" = whole
	test "$(names)" = ".git/agent/index-refs-$names"
	rm -r .git/agent/index*
	cp -a ../backup-2/index* .git/agent
	test "$(names)" = ".git/agent/index-refs-$names"
	git update-ref "$theirs" "$was"
	git -C ../srv/older.git update-ref \
		"refs/agent/log/$(cd ../older-writer && writer)" "$was"
	git agent log --offline >out 2>err || test $? = 3
	test_grep x3 out
	git -C ../older-other agent log 'done' y2
	git agent sync || test $? = 3
	rm .git/agent/index*
	git agent log --offline >out 2>err || test $? = 3
	test_grep x3 out
EOT

t 'a log that came and went before the index had it is put back' <<'EOT'
	fetched busy
	new_clone busy busy-late
	git -C ../busy-late agent log 'done' z1
	late=$(cd ../busy-late && writer)
	# Another process is at the index all the while.
	flock .git/agent/index.lock git agent sync
	test_grep "$late" .git/agent/known-logs
	git update-ref -d "refs/agent-remotes/origin/log/$late"
	git -C ../srv/busy.git update-ref -d "refs/agent/log/$late"
	git -C ../busy-writer agent log 'done' x3
	git agent sync || test $? = 3
	git agent log --offline >out 2>err || test $? = 3
	test_grep z1 out
EOT

t 'what a plain fetch brought is not taken for known when another is asked' <<'EOT'
	fetched two
	git clone -q --bare ../srv/two.git ../srv/second.git
	git remote add second "$(dirname "$(git remote get-url origin)")/second.git"
	git -c agent.remote=second agent sync || test $? = 3
	git -C ../two-writer agent log 'done' x3
	git fetch -q origin
	look
	git -C ../srv/second.git update-ref refs/agent/log/w-new-000001 "$tip"
	git -c agent.remote=second agent sync || test $? = 3
	tip=$(git rev-parse "$theirs")
	sleep 2.5
	look
	git agent sync
	cat .git/agent/known-* >../all
	test_grep "^$tip $theirs\$" ../all
EOT

finish
