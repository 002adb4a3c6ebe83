#!/usr/bin/env bash
# git agent loop: instructions that reach a running agent, heartbeats, other
# clones, a remote that is away.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/loop.sh"

# state_is STATE: of the newest instruction, after a fetch.
state_is() {
	test "$(git agent steer --list --json | jq -r '.[0].state')" = "$1"
}
# sees FILTER: of the newest run, after a fetch.
sees() {
	git agent status --json | jq -e ".runs[0] | $1" >/dev/null
}

agent listens <<'EOF'
	touch "$T/started"
	heard() { hook >>"$T/heard"; test -s "$T/heard"; }
	wait_for heard
	id=$(grep -o 'git agent steer --done [0-9a-f]*' "$T/heard" | sed 's/.* //')
	git agent steer --done "$id" 'it is in solver.c'
	improve 5e-5
	echo DONE
EOF

t 'within the run the loop pushes, in any work tree of its clone, alone' <<'EOF'
	project pushes
	git clone -q "$DAEMON_URL/pushes.git" pushes-other
	cd pushes
	git worktree add -q --detach ../pushes-tree
	agent notes <<'END'
	for dir in . ../pushes-tree ../pushes-other; do
		git -C "$dir" agent log done "in $dir" 2>>"$T/said"
	done
	git agent steer 'to myself' 2>>"$T/said"
END
	start_loop --agent "$SCRATCH/notes" -n 1
	loop_ended 1
	test "$(grep -c '; the loop pushes it$' "$T/said")" = 3
	test "$(sed -n 3p "$T/said" | sed 's/.*, //')" = "pushed to 'origin'"
EOF

t 'a run that is over, or none at all, pushes nothing: the command does' <<'EOF'
	cd pushes
	over=$(git agent status --offline --json | jq -r '.runs[0].id')
	for run in x "$over"; do
		GIT_AGENT_RUN=$run git agent log done "in $run" 2>"$T/err"
		test_grep ", pushed to 'origin'$" "$T/err"
		GIT_AGENT_RUN=$run git agent steer "in $run" 2>"$T/err"
		test_grep " pushed to 'origin'$" "$T/err"
	done
	GIT_AGENT_RUN=x git agent check -q || true
	test "$(git agent status --json | jq .stats.unpushed)" = 0
EOF

t 'an instruction reaches the agent while it works, and is answered' <<'EOF'
	project steer
	git clone -q "$DAEMON_URL/steer.git" colleague
	cd steer
	start_loop --agent "$SCRATCH/listens" -n 1
	wait_until 60 test -e "$T/started"
	cd ../colleague
	as 'Grace Hopper' git agent steer 'switch to Kvaerno5'
	wait_until 60 test -s "$T/heard"
	cd ../steer
	loop_ended 0
	jq -e '.hookSpecificOutput.hookEventName == "PostToolBatch"' "$T/heard"
	jq -r .hookSpecificOutput.additionalContext "$T/heard" >"$T/text"
	test_grep '^Grace Hopper <Grace@example.org> pushed this instruction' "$T/text"
	test_grep '^switch to Kvaerno5$' "$T/text"
	cd ../colleague
	git agent steer --list --json >"$T/json"
	test "$(jq -r '.[0].state' "$T/json")" = done
	test "$(jq -r '.[0].answer' "$T/json")" = 'it is in solver.c'
	jq -e '.[0].delivered != null' "$T/json"
EOF

t 'delivered is told while the agent still works' <<'EOF'
	project slow
	git clone -q "$DAEMON_URL/slow.git" colleague2
	cd slow
	agent hears <<'END'
	touch "$T/started"
	heard() { hook >>"$T/heard"; test -s "$T/heard"; }
	wait_for heard
	wait_for test -e "$T/go"
END
	start_loop --agent "$SCRATCH/hears" -n 1
	wait_until 60 test -e "$T/started"
	cd ../colleague2
	git agent steer 'a word'
	wait_until 60 state_is delivered
	touch "$T/go"
	loop_ended 1
EOF

t 'what no hook took stands in the next prompt, in one alone' <<'EOF'
	project prompt
	git clone -q "$DAEMON_URL/prompt.git" colleague3
	cd prompt
	agent deaf <<'END'
	touch "$T/started"
	test $GIT_AGENT_ITERATION != 1 || wait_for test -e "$T/go"
END
	start_loop --agent "$SCRATCH/deaf" -n 3
	wait_until 60 test -e "$T/started"
	(cd ../colleague3; as 'Grace Hopper' git agent steer 'use less memory')
	inbox=$(git rev-parse --git-path agent/inbox)
	wait_until 60 compgen -G "$inbox/*" >/dev/null
	touch "$T/go"
	loop_ended 1
	test_no_grep 'use less memory' "$T/prompt.1"
	test_grep '^# Instructions from people$' "$T/prompt.2"
	test_grep '^Grace Hopper <Grace@example.org> pushed this instruction' "$T/prompt.2"
	test_no_grep 'pushed this instruction' "$T/prompt.3"
	# Not answered: the digest goes on to say so.
	test_grep 'use less memory' "$T/prompt.3"
	cd ../colleague3
	state_is delivered
	git log --all --format=%B >"$T/records"
	test "$(grep -c '^Agent-Kind: delivered' "$T/records")" = 1
EOF

t 'an instruction from before the run stands in its first prompt' <<'EOF'
	cd colleague3
	git agent steer 'one more thing'
	cd ../prompt
	start_loop --agent "$SCRATCH/deaf" -n 2
	touch "$T/go"
	loop_ended 1
	test_grep '^one more thing$' "$T/prompt.1"
	test_no_grep '^one more thing$' "$T/prompt.2"
EOF

# ahead TEXT [TRAILER]: an instruction by a clock that is an hour ahead, at the
# remote.
ahead() {
	local id
	id=$(printf '%s\n' "steer: $1" '' 'Agent-Kind: steer' "${@:2}" \
		"Agent-Clock: $(date -u -d '1 hour' +%Y-%m-%dT%H:%M:%S.000000Z)" |
		git commit-tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904)
	git push -q origin "$id:refs/agent/log/ahead-$id"
}

t 'one by a clock far ahead is not followed, and the loop warns, once' <<'EOF'
	project ahead
	cd ahead
	git hash-object -w -t tree /dev/null
	agent works <<'END'
	touch "$T/started"
	wait_for test -e "$T/go.$GIT_AGENT_ITERATION"
END
	start_loop --agent "$SCRATCH/works" -n 2
	wait_until 60 test -e "$T/started"
	ahead 'from the future'
	wait_until 60 grep -q "1 instruction is not followed: its clock is far ahead of this machine's; is this machine's clock right?" "$T/loop.err"
	ahead 'stop, from the future' 'Agent-Action: stop'
	wait_until 60 grep -q '2 instructions are not followed: their clock' "$T/loop.err"
	touch "$T/go.1" "$T/go.2"
	loop_ended 1
	test "$(grep -c 'not followed' "$T/loop.err")" = 2
	test_no_grep 'from the future' "$T/prompt.2"
	git agent steer >"$T/list"
	test "$(grep -c "not followed here: by a clock far ahead of this machine's" "$T/list")" = 2
	git agent steer --json >"$T/json"
	test_json '[.[].clock_ahead] == [true, true]' "$T/json"
EOF

t 'the list has it, however many newer ones there are' <<'EOF'
	cd ahead
	for i in 1 2 3 4 5 6; do
		ahead "more $i"
	done
	git agent steer >"$T/list"
	test "$(grep -c 'not followed here' "$T/list")" = 8
EOF

t 'a request to stop ends the run; the hook tells the agent' <<'EOF'
	project stop
	git clone -q "$DAEMON_URL/stop.git" colleague4
	cd stop
	agent obeys <<'END'
	touch "$T/started"
	heard() { hook >>"$T/heard"; test -s "$T/heard"; }
	wait_for heard
	echo 'stopping as asked'
END
	start_loop --agent "$SCRATCH/obeys"
	wait_until 60 test -e "$T/started"
	(cd ../colleague4; git agent steer --stop 'the budget is used up')
	loop_ended 2
	jq -e '.continue == false' "$T/heard"
	jq -r .stopReason "$T/heard" | grep 'the budget is used up'
	test_grep 'asked to stop: the budget is used up' "$T/loop.err"
	test_grep 'run ended: an instruction asked it to stop' "$T/loop.err"
	test_grep 'stopping as asked' "$T/loop.out"
	test ! -e "$T/prompt.2"
	cd ../colleague4
	wait_until 60 state_is done
	sees '.outcome == "stopped"'
EOF

t 'it does not end later runs' <<'EOF'
	cd stop
	start_loop --agent 'echo working' -n 2
	loop_ended 1
	git agent sync --inbox
	start_loop --agent 'echo working' -n 1
	loop_ended 1
EOF

t 'a request from before the run does not end it' <<'EOF'
	(cd colleague4; git agent steer --stop 'too late')
	cd stop
	start_loop --agent 'cat >"$T/prompt"' -n 1
	loop_ended 1
	test_no_grep 'too late' "$T/prompt"
	test_no_grep 'asked to stop' "$T/loop.err"
EOF

t 'a request to stop ends an agent without a hook, after its grace' <<'EOF'
	sed -i '$a\    stop-grace = 1s' stop/.gitagent
	git -C stop commit -qam grace
	git -C stop push -q
	cd stop
	start_loop --agent 'echo $$ >"$T/pid"; sleep 600'
	wait_until 60 test -s "$T/pid"
	(cd ../colleague4; git agent steer --stop)
	loop_ended 2
	dead "$(cat "$T/pid")"
	cd ../colleague4
	wait_until 60 state_is done
EOF

t 'a request to stop needs no grace between iterations' <<'EOF'
	cd stop
	sed -i 's/stop-grace = 1s/stop-grace = 1h/' .gitagent
	git commit -qam 'more grace'
	git push -q
	start_loop --agent 'touch "$T/failed"; exit 1' --max-failures 9
	wait_until 60 test -e "$T/failed"
	(cd ../colleague4; git agent steer --stop)
	loop_ended 2
EOF

t 'a run is live in another clone, and stale when its loop was killed' <<'EOF'
	project beats 'beat = 1s'
	git clone -q "$DAEMON_URL/beats.git" colleague5
	cd beats
	start_loop --agent 'touch "$T/started"; sleep 600'
	wait_until 60 test -e "$T/started"
	run_is '.state == "live"'
	cd ../colleague5
	wait_until 60 sees '.state == "live" and .beat != null'
	sees '.iteration == 1 and .doing == "iteration 1: the agent is working"'
	# Longer than three beats.
	sleep 4
	sees '.state == "live"'
	kill -KILL "$loop"
	wait "$loop" || true
	cd ../beats
	# As soon as what it left has been ended, not by the clock.
	wait_until 20 run_is '.state == "stale"'
	cd ../colleague5
	wait_until 60 sees '.state == "stale"'
	cd ../beats
	start_loop --agent 'touch "$T/again"; sleep 600'
	wait_until 60 test -e "$T/again"
	cd ../colleague5
	wait_until 60 sees '.state == "live"'
	kill -TERM "$loop"
	loop_ended 143
	sees '.state == "interrupted"'
EOF

t 'a heartbeat promises no more than the syncs can keep' <<'EOF'
	cd beats
	sed -i 's/sync = 1s/sync = 7s/' .gitagent
	start_loop --agent 'cat >/dev/null' -n 1 --new
	loop_ended 1
	test "$(git log -1 --format='%(trailers:key=Agent-Interval,valueonly,separator=)' --glob=refs/agent/beat)" = 7
EOF

t 'a remote that is away: it works, says so, and the next sync delivers' <<'EOF'
	project away
	git clone -q "$DAEMON_URL/away.git" colleague6
	cd away
	stop_git_daemon
	agent offline <<'END'
	echo 5e-5 >value
	git commit -qam better
	git agent log done 'an offline note'
	echo DONE
END
	sed -i 's/git commit/git diff --quiet || &/' "$SCRATCH/offline"
	start_loop --agent "$SCRATCH/offline" -n 2
	loop_ended 1
	test_grep 'records are not pushed yet' "$T/loop.err"
	test_grep 'claimed DONE too early, refused.*PASS' "$T/loop.err"
	test_grep "HEAD is not known to be pushed to 'origin', which could not be asked: " "$T/prompt.2"
	start_git_daemon "$SCRATCH/srv"
	git agent sync
	test "$(git for-each-ref --format='%(objectname)' refs/agent/log)" = "$(git ls-remote origin 'refs/agent/log/*' | cut -f 1)"
	cd ../colleague6
	sees '.outcome == "limit" and .refusals == 2'
	git agent log done >"$T/log"
	test "$(grep -c 'an offline note' "$T/log")" = 2
EOF

t 'a hanging remote does not hold up an interruption' <<'EOF'
	project hangs
	cd hangs
	printf '#!/bin/sh\necho $$ >>"$T/transport"; sleep 600\n' >"$T/ssh"
	chmod +x "$T/ssh"
	git config core.sshCommand "$T/ssh"
	git remote set-url origin ssh://nowhere.invalid/hangs.git
	start_loop --agent 'touch "$T/ran"'
	wait_until 60 test -s "$T/transport"
	kill -INT "$loop"
	loop_ended 130
	test ! -e "$T/ran"
	test_grep 'not pushed yet' "$T/loop.err"
EOF

finish
