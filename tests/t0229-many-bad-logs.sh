#!/usr/bin/env bash
# What is noted of logs that git cannot fetch or push: of which remote, and
# that many of them cost little and keep back nothing.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

# bad_record TEXT: one that fsck objects to; in no ref.
bad_record() {
	printf 'tree %s\nauthor A <a@b> 1700000000 0000\ncommitter A <a@b> 1700000000 +0000\n\nstatus: bad %s\n\nAgent-Kind: status\nAgent-Writer: w\nAgent-Clock: 2023-11-22T20:54:31.123456Z\n' \
		"$(git mktree </dev/null)" "$1" |
		git hash-object -w -t commit --literally --stdin
}

good_record() {
	printf 'status: good %s\n\nAgent-Kind: status\nAgent-Writer: w\nAgent-Clock: 2023-11-22T20:54:31.123456Z\n' "$1" |
		git commit-tree "$(git mktree </dev/null)"
}

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

finish
