#!/usr/bin/env bash
# Logs in refs/agent/log that are not this clone's present one: of an id that
# it had before, of a script, of a clone of this clone.  What the remote has
# not of them is said and pushed, and nothing else is.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

# by_hand WRITER SUBJECT [DATE]: append a record with plain git.
by_hand() {
	local tree tip id log=refs/agent/log/$1
	tree=$(git mktree </dev/null)
	tip=$(git rev-parse -q --verify "$log") || tip=
	id=$(printf 'done: %s\n\nAgent-Kind: done\nAgent-Writer: %s\nAgent-Clock: %s\n' \
		"$2" "$1" "$(date -u -d "${3:-now}" +%Y-%m-%dT%H:%M:%S.000000Z)" |
		git commit-tree ${tip:+-p "$tip"} "$tree")
	git update-ref "$log" "$id"
}

# by_hand_on WRITER SUBJECT: a log of one record, under no ref; its id.
by_hand_on() {
	by_hand "$1" "$2" >/dev/null
	git rev-parse "refs/agent/log/$1"
	git update-ref -d "refs/agent/log/$1"
}

# there ORIGIN: the subjects of what the server has, each on a line, sorted.
there() {
	git -C "$SCRATCH/srv/$1.git" log --format=%s --glob='refs/agent/log/*' |
		sed 's/.*: //' | sort
}

# logs_there ORIGIN: how many logs the server has.
logs_there() {
	git -C "$SCRATCH/srv/$1.git" for-each-ref refs/agent/log | wc -l
}

t 'the log of an id that is lost, in a bare clone' <<'EOT'
	new_origin bare
	git clone -q --bare "$DAEMON_URL/bare.git" bare-a.git
	cd bare-a.git
	git agent log --no-push done 'x one'
	old=refs/agent/log/$(writer)
	rm -r agent
	git agent log --no-push done 'y one'
	found unpushed "refs/agent/log/$(writer)" 'git agent sync --push'
	found unpushed "$old" 'git agent sync --push'
	git agent status >out 2>err
	git agent sync --fetch --json >out
	test_json '.unpushed == 2'
	git agent sync -q --push
	there bare >out
	test "$(tr '\n' ' ' <out)" = 'x one y one '
	git agent sync
	nothing_found
EOT

t 'a log of a script, in a clone that never wrote nor fetched' <<'EOT'
	new_origin cron
	new_clone cron cron-a
	new_clone cron cron-b
	cd cron-a
	by_hand cron-1 'c one'
	git agent sync -q --push
	by_hand cron-1 'c two'
	git agent sync --push >out
	test_grep '^push  log/cron-1  moved' out
	git agent sync --push >out 2>err
	test_grep 'nothing new' err
	# Another clone has a log of that name, which it knows nothing of.
	cd ../cron-b
	by_hand cron-1 'd one'
	git agent sync --push >out
	test_grep "^push  log/cron-1-$(git rev-parse --short=7 refs/agent/log/cron-1)  new" out
	by_hand cron-1 'd two'
	git agent sync -q --push
	there cron >out
	test "$(tr '\n' ' ' <out)" = 'c one c two d one d two '
EOT

t 'once there are two of a name, each goes on where it went before' <<'EOT'
	new_origin night
	new_clone night night-a
	new_clone night night-b
	for night in one two three; do
		cd "$SCRATCH/night-a"
		by_hand cron-1 "a $night"
		git agent sync -q
		cd ../night-b
		by_hand cron-1 "b $night"
		git agent sync -q
	done
	test "$(logs_there night)" = 2
	# Of several that fit, it is always the first by name.
	tip=$(git rev-parse refs/agent/log/cron-1)
	git push -q origin "$tip:refs/agent/log/cron-1-0000000"
	git push -q origin "$tip:refs/agent/log/cron-1-ffffffff"
	git push -q origin "$tip:refs/agent/log/cron-1-fffffff"
	git agent sync -q
	for night in four five; do
		by_hand cron-1 "b $night"
		git agent sync --push >out
		test_grep '^push  log/cron-1-0000000  moved' out
	done
	test "$(logs_there night)" = 5
	# Nor is it one that a log here has for its own, or that went elsewhere.
	git update-ref refs/agent/log/cron-1-0000000 "$tip"
	tip=$(by_hand_on cron-1-ffffffe 'elsewhere')
	git push -q origin "$tip:refs/agent/log/cron-1-ffffffe"
	for night in six seven; do
		by_hand cron-1 "b $night"
		git agent sync -q
	done
	git -C "$SCRATCH/srv/night.git" log -1 --format=%s refs/agent/log/cron-1-0000000 >out
	test_grep 'b five' out
	git -C "$SCRATCH/srv/night.git" log -1 --format=%s refs/agent/log/cron-1-ffffffe >out
	test_grep 'elsewhere' out
	test "$(logs_there night)" = 6
	there night | uniq >out
	tr '\n' ' ' <out
	test "$(tr '\n' ' ' <out)" = 'a one a three a two b five b four b one b seven b six b three b two elsewhere '
	cd ../night-a
	git agent sync -q
	subjects | sed 's/.*: //' >out.a
	test_cmp ../night-b/out out.a
EOT

t 'said without a network, and until the host takes it' <<'EOT'
	new_clone cron cron-c
	cd cron-c
	git agent log done 'e one'
	git agent sync
	by_hand cron-2 'e two'
	url=$(git config remote.origin.url)
	git config remote.origin.url "$SCRATCH/nowhere"
	test_exit 1 git agent sync -q --push
	test_exit 1 git agent sync --check --offline >out
	test_grep "^unpushed: 'refs/agent/log/cron-2': 1 record" out
	git config remote.origin.url "$url"
	repaired cron
	there cron >out
	test_grep 'e two' out
EOT

t 'a copied clone that lost its id after a clock was ahead' <<'EOT'
	new_origin copied
	new_clone copied copied-a
	cd copied-a
	git agent log done 'a one'
	by_hand "$(writer)" 'a two' '+1 day'
	cp -r . ../copied-b
	cd ../copied-b
	git agent log --no-push done 'b one'
	rm .git/agent/writer
	by_hand elsewhere 'b two' '+2 days'
	git agent log done 'b three'
	git agent sync
	there copied >out
	test "$(tr '\n' ' ' <out)" = 'a one a two b one b three b two '
	nothing_found
EOT

t 'a clone that lost its id goes on from the log that it wrote to last' <<'EOT'
	new_origin last
	new_clone last last-a
	cd last-a
	git agent log done 'a one'
	git agent log --no-push done 'a two'
	own=refs/agent/log/$(writer)
	by_hand elsewhere 'b one' '+2 days'
	rm .git/agent/writer
	git agent log --no-push done 'a three'
	test "$(git rev-parse "refs/agent/log/$(writer)^")" = "$(git rev-parse "$own")"
EOT

t 'the log of a copied clone has that of the first: no other ref, once asked' <<'EOT'
	new_origin first
	new_clone first first-a
	cd first-a
	git agent log done 'a one'
	git agent log --no-push done 'a two'
	cp -r . ../first-b
	git agent log --no-push done 'a three'
	cd ../first-b
	git agent log done 'b one'
	git agent log done 'b two'
	git agent sync
	nothing_found
	test "$(logs_there first)" = 2
	test_lines 1 .git/agent/reached-logs
	cd ../first-a
	git agent sync
	cd ../first-b
	git agent sync
	nothing_found
	test "$(logs_there first)" = 2
	rm .git/agent/reached-logs
	git config agent.prefix refs/heads/agent
	git agent sync
	nothing_found
	git -C "$SCRATCH/srv/first.git" log --format=%s --glob='refs/heads/agent/log/*' >out
	test_grep 'a three' out
	test_grep 'b two' out
	test "$(git -C "$SCRATCH/srv/first.git" for-each-ref refs/heads/agent | wc -l)" = 2
EOT

t 'a clone of a clone: what it pushed goes on to the server' <<'EOT'
	new_origin chain
	new_clone chain chain-a
	cd chain-a
	git agent log done 'a one'
	git clone -q . ../chain-b
	cd ../chain-b
	git agent log done 'b one'
	cd ../chain-a
	test_exit 1 git agent sync --check >out
	test_grep "^unpushed: '$(git for-each-ref --format='%(refname)' refs/agent/log | grep -v "$(writer)")'" out
	git agent sync
	cd ../chain-b
	git agent log done 'b two'
	cd ../chain-a
	git agent log done 'a two'
	there chain >out
	test "$(tr '\n' ' ' <out)" = 'a one a two b one b two '
	nothing_found
EOT

t 'a mirror: what is older than on the server is neither said nor pushed' <<'EOT'
	new_origin mirror
	new_clone mirror mirror-a
	new_clone mirror mirror-b
	cd mirror-a
	git agent log done 'a one'
	cd ../mirror-b
	git agent log done 'b one'
	git clone -q --mirror "$DAEMON_URL/mirror.git" "$SCRATCH/mirror-m.git"
	git clone -q --mirror "$DAEMON_URL/mirror.git" "$SCRATCH/mirror-n.git"
	git agent log done 'b two'
	git -C "$SCRATCH/srv/mirror.git" for-each-ref >../refs
	cd ../mirror-m.git
	git agent sync -q --push
	git agent sync
	nothing_found
	cd ../mirror-n.git
	git agent log
	git agent sync --json >out
	test_json '.unpushed == 0'
	nothing_found
	git -C "$SCRATCH/srv/mirror.git" for-each-ref >../refs.now
	test_cmp ../refs ../refs.now
	git agent log done 'n one'
	test "$(logs_there mirror)" = 3
EOT

t 'a ref that leads to no record is nobody'\''s log, and the server no clone' <<'EOT'
	new_origin junk
	new_clone junk junk-a
	cd junk-a
	git agent log done 'a one'
	git update-ref refs/agent/log/junk HEAD
	git agent sync
	git agent sync --push
	test "$(logs_there junk)" = 1
	cd "$SCRATCH/srv/junk.git"
	git agent sync
	nothing_found
EOT

finish
