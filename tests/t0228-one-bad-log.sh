#!/usr/bin/env bash
# One log that git cannot fetch or push keeps back no other, and is named.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"
. "$ROOT/tests/fixtures/bad-logs.sh"

new_origin fetch
for c in ada ben cy; do new_clone fetch "fetch-$c"; done
git -C "$SCRATCH/fetch-cy" config transfer.fsckObjects true

t 'with nothing wrong git is asked once' <<'EOF'
	cd fetch-ada
	git agent log done first
	cd ../fetch-cy
	counted git-agent-sync --fetch
	test "$(calls fetch)" = 1
	test "$(calls ls-remote)" = 0
	counted git-agent-sync --fetch
	test "$(calls fetch)" = 1
	test "$(calls ls-remote)" = 0
EOF

t 'a log that git objects to is named, and the others are fetched' <<'EOF'
	cd fetch-ben
	bad=$(bad_record cron-1)
	git push -q origin "$bad:refs/agent/log/cron-1"
	git agent log done from-ben
	cd ../fetch-ada
	git agent log done second
	cd ../fetch-cy
	test_exit 1 git agent sync --fetch >out 2>err
	test_grep "^fetch *log/cron-1 *refused .*object $bad: badTimezone" out
	test_grep "'log/cron-1' from 'origin': object $bad: badTimezone" err
	subjects --offline >out
	printf 'first\nfrom-ben\nsecond\n' >expected
	test_cmp expected out
	test_exit 1 git agent sync --json >out 2>err
	test_json '.reached and .problem == null'
	test_json '[.refs[] | select(.fate == "refused").ref] == ["log/cron-1"]'
EOF

t 'a reader goes on with what is here, and says what is not' <<'EOF'
	new_clone fetch fetch-new
	cd fetch-new
	git config transfer.fsckObjects true
	test_exit 3 git agent log --all >out 2>err
	test_grep second out
	test_grep "git could not take 'log/cron-1' from 'origin'" err
EOF

t '--check names it, and --repair does not stop at it' <<'EOF'
	cd fetch-ada
	git agent log done third
	cd ../fetch-cy
	test_exit 1 git agent sync --check >out
	test_grep "^unfetched: 'refs/agent/log/cron-1': .*, and git does not take them: object .*badTimezone.*fetch.fsck.<msg-id>" out
	test_exit 1 git agent sync --repair >out
	test_grep "^done: fetched '$(log_of ../fetch-ada)': moved" out
	test_grep "^left: unfetched: 'refs/agent/log/cron-1'" out
	test_no_grep 'could not ask' out
EOF

t 'the next time it is asked apart from the others at once' <<'EOF'
	cd fetch-ada
	git agent log done fourth
	cd ../fetch-cy
	test_exit 1 counted git-agent-sync --fetch
	test "$(calls fetch)" = 3
	test "$(calls ls-remote)" = 1
	subjects --offline >out
	test_grep -x fourth out
EOF

t 'where git is told to let it in, nothing is left of it' <<'EOF'
	cd fetch-cy
	git config fetch.fsck.badTimezone ignore
	git agent sync
	nothing_found
	counted git-agent-sync --fetch
	test "$(calls fetch)" = 1
	test "$(calls ls-remote)" = 0
EOF

t 'of many logs few are asked for alone' <<'EOF'
	cd fetch-ben
	specs=()
	for i in $(seq 60); do
		specs+=("$(good_record "many-$i"):refs/agent/log/many-$i")
	done
	git push -q origin "${specs[@]}"
	new_clone fetch fetch-many
	cd ../fetch-many
	git config transfer.fsckObjects true
	test_exit 1 counted git-agent-sync --fetch >out
	test "$(grep -c '^fetch *log/many-[0-9]* *new' out)" = 60
	test "$(grep -c ' refused ' out)" = 1
	test "$(calls ls-remote)" = 1
	test "$(calls fetch)" -le 15
EOF

t 'a remote that does not answer is asked once' <<'EOF'
	stop_git_daemon
	cd fetch-many
	test_exit 1 counted git-agent-sync
	test "$(calls fetch)" = 1
	test "$(calls ls-remote)" = 0
	test "$(calls push)" = 0
	start_git_daemon "$SCRATCH/srv"
EOF

t 'nor is one that cannot be reached in the midst of it asked on and on' <<'EOF'
	mkdir dying
	cat >dying/git <<END
#!/bin/sh
case \$* in
*ls-remote*) touch "$SCRATCH/listed" ;;
*' fetch '*)
	echo fetch >>"$SCRATCH/calls"
	test ! -e "$SCRATCH/listed" || {
		echo 'fatal: unable to connect to host' >&2
		exit 128
	} ;;
esac
exec "$real_git" "\$@"
END
	chmod +x dying/git
	cd fetch-many
	git update-ref -d refs/agent-remotes/origin/log/many-1
	: >"$SCRATCH/calls"
	PATH=$SCRATCH/dying:$PATH test_exit 1 git-agent-sync --fetch 2>err
	test_grep "'origin': unable to connect to host" err
	test "$(calls fetch)" = 2
EOF

new_origin push
for c in ada ben; do new_clone push "push-$c"; done
git -C "$SCRATCH/srv/push.git" config receive.fsckObjects true

t 'a log that the host does not take keeps back no other' <<'EOF'
	cd push-ada
	git agent log done first
	git update-ref refs/agent/log/cron-1 "$(bad_record cron-1)"
	git update-ref refs/agent/log/cron-2 "$(good_record cron-2)"
	git update-ref refs/agent/log/cron-3 "$(good_record cron-3)"
	test_exit 1 counted git-agent-sync >out 2>err
	test_grep '^push *log/cron-1 *refused *unpacker error: object .*badTimezone' out
	test_grep '^push *log/cron-2 *new' out
	test_grep '^push *log/cron-3 *new' out
	test_grep "'origin' refused 'refs/agent/log/cron-1': unpacker error: object" err
	test "$(calls fetch)" = 1
	cd ../push-ben
	git agent sync
	subjects --offline >out
	printf 'first\ngood cron-2\ngood cron-3\n' >expected
	test_cmp expected out
EOF

t 'nor this clone, and --check names it' <<'EOF'
	cd push-ada
	git agent log done second
	test "$(server_log push .)" = "$(git rev-parse "refs/agent/$(log_of .)")"
	test_exit 1 git agent sync --check >out
	test_grep "^refused: 'refs/agent/log/cron-1': .*unpacker error: object .*badTimezone" out
	test_no_grep 'agent.prefix' out
	test_no_grep 'cron-[23]' out
EOF

new_origin lost
for c in ada ben cy; do new_clone lost "lost-$c"; done

t 'a log of which the host has lost an object is named' <<'EOF'
	cd lost-ada
	git agent log done one
	git agent log done two
	cd ../lost-cy
	git agent sync
	lose lost "$(server_log lost ../lost-ada)"
	log=$(log_of ../lost-ada)
	cd ../lost-ben
	git agent log done from-ben
	test_exit 1 git agent sync >out
	test_grep "^fetch *$log *refused .*not our ref" out
	test_grep "^push .*missing necessary objects: bad object refs/agent/$log\$" out
	test_exit 1 git agent sync --check >out
	test_grep "^lost-there: 'refs/agent/$log': .*not all here either; .* by 'git --shallow-file" out
	test_no_grep '^lost-there: .*; run: ' out
	id=$(server_log lost ../lost-ada)
	test_exit 1 git agent sync --repair >out
	test "$(server_log lost ../lost-ada)" = "$id"
EOF

t 'a clone that has the records offers the commands, and they mend it' <<'EOF'
	cd lost-cy
	git agent log done from-cy
	id=$(server_log lost ../lost-ada)
	found lost-there "refs/agent/$(log_of ../lost-ada)" 'git --shallow-file .*git push .*'
	jq -r '.findings[] | select(.code == "lost-there").command' out >command
	sh ./command
	test "$(server_log lost ../lost-ada)" = "$id"
	git -C "$SCRATCH/srv/lost.git" fsck --connectivity-only
	git agent sync
	cd ../lost-ben
	git agent sync
	subjects --offline >out
	printf 'from-ben\nfrom-cy\none\ntwo\n' >expected
	test_cmp expected out
EOF

# mended: by the commands that --check offers, for as long as a sync is refused
# for one more; what could not be pushed then is pushed.
mended() {
	local command
	while git agent sync || :; do
		git agent sync --check --json >found || :
		command=$(commands | head -n 1)
		test -n "$command" || break
		sh -c "$command" || :
	done
	git agent sync --repair
}

commands() {
	jq -r '.findings[] | select(.code == "lost-there") | .command // empty' found
}

t 'so they do where several logs have lost some' <<'EOF'
	cd lost-ada
	git agent sync
	lose lost "$(server_log lost .)"
	lose lost "$(server_log lost ../lost-ben)"
	git agent log done three
	test_exit 1 git agent sync --repair >out
	test_grep "^left: lost-there: 'refs/agent/log/.*; run: git --shallow-file" out
	mended
	test "$(server_log lost .)" = "$(git rev-parse "refs/agent/$(log_of .)")"
	git -C "$SCRATCH/srv/lost.git" fsck --connectivity-only
	git agent sync
	nothing_found
	new_clone lost lost-new
	cd ../lost-new
	subjects >out
	test_lines 5 out
EOF

t 'between the commands nothing is garbage' <<'EOF'
	cd lost-cy
	git agent sync
	id=$(server_log lost ../lost-ada)
	lose lost "$id"
	git agent log done mine
	git agent sync --check --json >found || true
	commands | sed 's/ && git push [^&]*$//' >first
	test "$(grep -c . first)" = 1
	sh ./first
	git ls-remote origin "refs/agent/$(log_of ../lost-ada)" >out
	test_empty out
	git gc -q --prune=now
	git cat-file -e "$id"
	git push -q origin "$id:refs/agent/$(log_of ../lost-ada)"
	git agent sync
	nothing_found
EOF

t 'in a shallow clone they do nothing' <<'EOF'
	cd lost-ada
	git agent log done four
	git agent log done five
	id=$(server_log lost .)
	lose lost "$id"
	cd ../lost-cy
	git agent log done more || true
	git agent sync --check --json >found || true
	jq -r '.findings[] | select(.code == "lost-there").meaning' found >meaning
	sed "s/.* again by '\(git --shallow.*\)'\$/\1/; s/'\\\\''/'/g" meaning >command
	cd ../lost-ada
	git clone -q --depth=1 "file://$PWD" ../lost-cut
	cd ../lost-cut
	git remote set-url origin "$DAEMON_URL/lost.git"
	git fetch -q --depth=1 "file://$SCRATCH/lost-ada" "refs/agent/$(log_of ../lost-ada)"
	test "$(git rev-list --count FETCH_HEAD)" = 1
	test_exit 128 sh ../lost-cy/command
	test "$(server_log lost ../lost-ada)" = "$id"
	cd ../lost-ada
	sh ../lost-cy/command
	git agent sync
	nothing_found
EOF

t 'a heartbeat that lost its object is deleted, and comes again' <<'EOF'
	cd lost-ada
	git update-ref "refs/agent/beat/$(writer)" "$(git commit-tree -m beat 'HEAD^{tree}')"
	git agent sync
	lose lost "$(git rev-parse "refs/agent/beat/$(writer)")"
	cd ../lost-ben
	git agent log done blocked
	test_exit 1 git agent sync --check >out
	test_grep "^lost-there: 'refs/agent/beat/$(cd ../lost-ada; writer)': .*; run: git push origin :refs/agent/beat/" out
	mended
	nothing_found
EOF

new_origin middle
for c in ada ben; do new_clone middle "middle-$c"; done

t 'one that is lost in the midst of a log is put there again, too' <<'EOF'
	cd middle-ada
	git agent log done one
	git agent log done two
	git agent log done three
	id=$(server_log middle .)
	lose middle "$(git rev-parse "$id~1")"
	cd ../middle-ben
	git agent log done from-ben
	test_exit 1 git agent sync >out
	test_grep "^fetch *$(log_of ../middle-ada) *refused .*on the remote side" out
	test_exit 1 git agent sync --check --json >out
	jq -r '.findings[] | select(.code == "lost-there").meaning' out >meaning
	sed "s/.* again by '\(.*\)'\$/\1/" meaning >command
	test_exit 128 sh ./command
	test "$(server_log middle ../middle-ada)" = "$id"
	cd ../middle-ada
	sh ../middle-ben/command
	test "$(server_log middle .)" = "$id"
	cd ../middle-ben
	git agent sync
	nothing_found
	subjects --offline >out
	test_lines 4 out
EOF

finish
