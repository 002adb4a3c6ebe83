#!/usr/bin/env bash
# Clones, a git server between them, and whatever git does in the meantime:
# no record is lost, doubled or invented.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

PER_WRITER=${PER_WRITER:-25}

t 'three clones, two processes each, all at once: each record everywhere, once' <<'EOF'
	new_origin storm
	for c in one two three; do
		new_clone storm $c
	done
	storm() {
		cd "$1"
		for i in $(seq "$PER_WRITER"); do
			git agent log done "$1 $2 $i" 2>>"err.$2"
		done
	}
	for c in one two three; do
		storm $c a &
		storm $c b &
	done
	wait
	for c in one two three; do
		for p in a b; do
			for i in $(seq "$PER_WRITER"); do
				echo "$c $p $i"
			done
		done
	done | sort >expected
	for c in one two three; do
		cat $c/err.*
		git -C $c agent sync
	done
	for c in one two three; do
		git -C $c agent sync
		(cd $c && subjects) >actual
		test_cmp expected actual
	done
	git clone -q "$DAEMON_URL/storm.git" fresh
	(cd fresh && subjects) >actual
	test_cmp expected actual
	# One log for each clone, and one chain in each.
	git -C srv/storm.git for-each-ref refs/agent/log/ >refs
	test_lines 3 refs
	git -C srv/storm.git log --glob='refs/agent/log/*' --format=%H >all
	test_lines $((PER_WRITER * 6)) all
	test -z "$(git -C srv/storm.git rev-list --min-parents=2 --glob='refs/agent/*')"
	git -C srv/storm.git fsck --strict
EOF

t 'clocks of one writer only grow, and effects sort behind their causes' <<'EOF'
	cd one
	git agent log --all --json |
		jq -r --arg w "$(writer)" '.[]|select(.writer==$w).clock' >clocks
	sort -ru clocks >sorted
	test_cmp sorted clocks
EOF

t 'what the processes of one clone write is pushed or said not to be' <<'EOF'
	cd one
	for i in 1 2 3 4 5 6; do
		git agent log done "together $i" 2>"together.$i" &
	done
	wait
	cat together.* >errs
	cat errs
	test "$(grep -c "^recorded .*, pushed to 'origin'$" errs)" = 6
	test "$(git rev-parse "refs/agent/log/$(writer)")" = \
		"$(server_log storm "$SCRATCH/one")"
EOF

t 'a fresh plain clone is connected by its first reading' <<'EOF'
	new_clone storm plain
	cd plain
	test -z "$(git for-each-ref 'refs/agent*')"
	git agent log -n 1 >out 2>err
	test_lines 2 out
	test_grep "connected: from now on 'git fetch' brings" err
	git config --get-all remote.origin.fetch >specs
	test_grep '^refs/agent/log/\*:refs/agent-remotes/origin/log/\*$' specs
	test_no_grep '^+refs/agent/log' specs
	git agent sync
	git config --get-all remote.origin.fetch >again
	test_cmp specs again
	# Nothing of ours is the destination of a fetch.
	test_no_grep ':refs/agent/' specs
EOF

t 'a clone that only wrote still fetches before its first reading' <<'EOF'
	new_clone storm shy
	cd shy
	git agent log done 'from the shy one'
	subjects >out
	test_grep 'from the shy one' out
	test_grep 'one a 1' out
EOF

t 'from then on a plain git fetch brings news' <<'EOF'
	cd two
	git agent log done 'by plain fetch'
	cd ../plain
	git fetch -q
	subjects --offline >out
	test_grep '^by plain fetch$' out
EOF

t 'looking at a project without records changes nothing in it' <<'EOF'
	new_origin bare-bones
	new_clone bare-bones looker
	cd looker
	cp .git/config before
	git agent log >out
	git agent sync
	test_cmp before .git/config
	test -z "$(git for-each-ref 'refs/agent*')"
EOF

t 'fetch --prune, gc, pack-refs, repack and fsck lose and confuse nothing' <<'EOF'
	cd one
	git agent log done 'not pushed' --no-push
	git agent sync --fetch
	subjects >before
	git fetch -q --prune
	git fetch -q --prune --all --force
	git remote prune origin
	git pack-refs --all --prune
	git gc -q --prune=now
	git repack -adfq
	git prune --expire=now
	git fsck --strict
	subjects --offline >after
	test_cmp before after
	git agent log done 'after the cleaning'
	git pack-refs --all
	git agent log done 'after the packing'
	git agent sync
	cd ../two
	git agent sync
	subjects >out
	test_grep '^not pushed$' out
	test_grep '^after the cleaning$' out
	test_grep '^after the packing$' out
EOF

t 'writers go on while git packs refs and collects' <<'EOF'
	cd two
	# Without --prune=now, which loses what any git command writes meanwhile.
	(while test ! -e stop; do git pack-refs --all; git gc -q; done) &
	for i in $(seq 40); do
		git agent log done "beside gc $i" --no-push
	done
	touch stop
	wait
	subjects --offline >out
	test "$(grep -c '^beside gc ' out)" = 40
	git fsck --strict
EOF

t 'written without a network, it arrives with a later sync' <<'EOF'
	cd three
	git config remote.origin.url "$DAEMON_URL/nowhere.git"
	for i in 1 2 3; do
		git agent log done "offline $i" 2>err
		test_grep "recorded in this clone, but not pushed to 'origin'" err
	done
	test_exit 1 git agent sync 2>err
	test_grep '3 records of this clone are not at' err
	git config remote.origin.url "$DAEMON_URL/storm.git"
	git agent sync
	cd ../one
	git agent sync
	test "$(subjects | grep -c '^offline')" = 3
EOF

t 'plain git may append to the same log meanwhile' <<'EOF'
	new_repo shared-log
	cd shared-log
	git agent log done first
	ref=refs/agent/log/$(writer)
	git_appends() {
		local i tip new
		for i in $(seq 40); do
			until
				tip=$(git rev-parse "$ref")
				new=$(printf 'done: git %d\n\nAgent-Kind: done\nAgent-Clock: 2026-01-01T00:00:%02d.000000Z\n' "$i" "$i" |
					git commit-tree -p "$tip" "$tip^{tree}")
				git update-ref "$ref" "$new" "$tip" 2>/dev/null
			do
				sleep 0.01
			done
		done
	}
	git_appends &
	for i in $(seq 40); do
		git agent log done "ours $i"
	done
	wait
	test "$(count)" = 81
EOF

t 'killed at any instant, a writer loses nothing that it said' <<'EOF'
	new_repo killed
	cd killed
	git agent log done start
	: >said
	# Somewhere within twice the time that one takes here, in ms.
	span=$(($(date +%s%N) / 1000000))
	git-agent-log done timed
	span=$((2 * ($(date +%s%N) / 1000000 - span) + 2))
	for i in $(seq 100); do
		timeout -s KILL "$(printf 0.%03d $((RANDOM % span + 1)))" \
			git-agent-log done "k$i" 2>err || true
		if grep -q '^recorded' err; then echo "k$i" >>said; fi
		# What SIGKILL may leave behind, see t0300.
		rm -f .git/refs/agent/log/*.lock
	done
	# Some got through, and some did not.
	test -s said
	test "$(wc -l <said)" -lt 100
	git agent log done after
	git fsck --strict
	subjects >out
	test_grep '^after$' out
	sort said >expected
	comm -23 expected out >lost
	test_empty lost
	test "$(subjects | uniq -d)" = ''
EOF

finish
