#!/usr/bin/env bash
# What is noted of logs that git cannot fetch or push: of which remote, and
# that many of them cost little and keep back nothing.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"
. "$ROOT/tests/fixtures/bad-logs.sh"

new_origin two
for c in ada ben; do new_clone two "two-$c"; done
git clone -q --bare srv/two.git srv/backup.git
git -C two-ada remote add backup "$DAEMON_URL/backup.git"
git -C two-ben remote add backup "$DAEMON_URL/backup.git"

t 'what one remote has lost is not said of another one' <<'EOF'
	cd two-ada
	git agent log done one
	git agent log done two
	log=refs/agent/log/$(writer)
	git push -q backup "$log"
	id=$(server_log two .)
	rm -f "$SCRATCH/srv/two.git/objects/${id:0:2}/${id:2}"
	cd ../two-ben
	git agent log done from-ben --no-push
	# As earlier versions left them.
	echo "$log x" >.git/agent/unfetched
	echo "$log x" >.git/agent/refused
	test_exit 1 git agent sync
	found lost-there "$log" ''
	git config agent.remote backup
	found unfetched "$log" 'git agent sync --fetch'
	test_no_grep lost out
	test_no_grep refused out
EOF

t 'nor forgotten as the other one has all' <<'EOF'
	cd two-ben
	log=refs/agent/log/$(cd ../two-ada && writer)
	git agent sync --fetch
	git config --unset agent.remote
	test_grep "^$log .*not our ref" .git/agent/unfetched-from/origin
	found lost-there "$log" '.*'
EOF

new_origin part
for c in ada ben; do new_clone part "part-$c"; done

t 'a fetch of the logs alone says nothing of what else could not be fetched' <<'EOF'
	cd part-ben
	git push -q origin "$(bad_record beat):refs/agent/beat/cron-1"
	other=$(good_record other)
	# A git before whose push somebody else is faster.
	mkdir ../racing
	cat >../racing/git <<-END
		#!/bin/sh
		for arg; do
			test "\$arg" != push || {
				echo push >>"$SCRATCH/pushes"
				"$(command -v git)" -C "$PWD" push -q origin \
					$other:refs/agent/log/cron-2
				break
			}
		done
		exec "$(command -v git)" "\$@"
	END
	chmod +x ../racing/git
	cd ../part-ada
	git config transfer.fsckObjects true
	git update-ref refs/agent/log/cron-2 "$(good_record mine)"
	PATH=$SCRATCH/racing:$PATH test_exit 1 git-agent-sync
	git rev-parse refs/agent-remotes/origin/log/cron-2
	test_grep '^refs/agent/beat/cron-1 .*badTimezone' .git/agent/unfetched-from/origin
EOF

new_origin many
for c in ada ben; do new_clone many "many-$c"; done
git -C many-ada config transfer.fsckObjects true

# push_bad FROM TO: logs bad-FROM to bad-TO, each moved if it is there.
push_bad() {
	local i specs=()
	for i in $(seq "$1" "$2"); do
		specs+=("+$(bad_record "$i"):refs/agent/log/bad-$i")
	done
	git push -q origin "${specs[@]}"
}

t 'those that are known, and have not moved, are not halved again' <<'EOF'
	cd many-ben
	push_bad 1 6
	cd ../many-ada
	test_exit 1 git agent sync --fetch >first
	test "$(grep -c ' refused .*badTimezone' first)" = 6
	for i in 1 2 3; do
		test_exit 1 counted git-agent-sync --fetch >out
		test "$(calls fetch)" = 2
		test "$(calls ls-remote)" = 1
		sort first >a
		sort out >b
		test_cmp a b
	done
	test_lines 6 .git/agent/unfetched-from/origin
EOF

t 'one that has moved is tried, and so is what is new' <<'EOF'
	cd many-ben
	good=$(good_record mended)
	git push -q --force origin "$good:refs/agent/log/bad-2"
	git agent log done from-ben
	cd ../many-ada
	test_exit 1 counted git-agent-sync --fetch >out
	test "$(calls fetch)" = 4
	test_grep '^fetch *log/bad-2 *new' out
	test "$(grep -c ' refused ' out)" = 5
	subjects --offline >out
	test_grep from-ben out
EOF

t 'what comes now is found in turn, or at once by --repair' <<'EOF'
	cd many-ada
	# The others are still bad.
	set -- $(cd ../many-ben; for i in 3 4 5; do git rev-parse "$(bad_record $i)"; done)
	git config fetch.fsck.skipList "$PWD/skip"
	echo "$2" >skip
	n=0
	while ! git rev-parse -q --verify refs/agent-remotes/origin/log/bad-4; do
		test_exit 1 git agent sync --fetch
		n=$((n + 1))
		test $n -le 5
	done
	printf '%s\n' "$1" "$2" "$3" >skip
	test_exit 1 git agent sync --repair
	git rev-parse refs/agent-remotes/origin/log/bad-3
	git rev-parse refs/agent-remotes/origin/log/bad-5
	test_exit 1 git agent sync --check >out
	test_grep "^unfetched: 'refs/agent/log/bad-1': .*not take them: object .*badTimezone" out
	git config --unset fetch.fsck.skipList
EOF

t 'very many keep neither the others nor what is pushed back' <<'EOF'
	cd many-ben
	push_bad 1 70
	git agent log done later
	cd ../many-ada
	git agent log done mine --no-push
	test_exit 1 counted git-agent-sync --json >out 2>err
	test_json '.reached and .problem == null'
	test_grep 'not tried alone' out
	test "$(server_log many .)" = "$(git rev-parse "refs/agent/log/$(writer)")"
	test "$(calls push)" = 1
	grep -q origin .git/agent/fetched
	for i in 1 2 3; do
		test_exit 1 git agent sync --fetch
	done
	subjects --offline >out
	test_grep later out
	# All but the three that have come before.
	test_lines 67 .git/agent/unfetched-from/origin
	test_exit 1 counted git-agent-sync --fetch
	test "$(calls fetch)" = 2
	# bad-2 was replaced by force.
	test_exit 3 git -c transfer.fsckObjects=false agent sync
	test ! -e .git/agent/unfetched-from/origin
EOF

finish
