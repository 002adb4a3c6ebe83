#!/usr/bin/env bash
# git agent loop: ended by signals or killed at any instant, and resumed; two
# loops at once.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/loop.sh"

# Whatever happens: nothing of an agent outlives its test, env -i or not.
reap_agents() {
	local status=$?
	cat "$T"/pid.* 2>/dev/null | xargs -r kill -KILL 2>/dev/null
	(exit "$status")
	test_cleanup
}
trap reap_agents EXIT

# Its children: an ordinary one, one that is deaf, and one that a search for
# our environment, session or parent would not find.
agent works <<'EOF'
	echo $$ >"$T/pid.agent"
	sleep 600 &
	echo $! >"$T/pid.child"
	sh -c 'trap "" TERM INT HUP; echo $$ >"$T/pid.deaf"; while :; do sleep 1; done' &
	env -i setsid sh -c "(sh -c 'echo \$\$ >$T/pid.lost; exec sleep 600' &)" &
	wait_for test -s "$T/pid.deaf"
	wait_for test -s "$T/pid.lost"
	touch "$T/started"
	wait_for test -e "$T/go"
	improve 5e-5
	echo DONE
EOF

start_working() {
	rm -f "$T"/started "$T"/pid.*
	start_loop --agent "$SCRATCH/works" "$@"
	wait_until 60 test -e "$T/started"
}
agent_is_dead() {
	dead "$(cat "$T/pid.agent")" "$(cat "$T/pid.child")" \
		"$(cat "$T/pid.deaf")" "$(cat "$T/pid.lost")"
}
run_id() {
	jq -r .id "$(git rev-parse --git-dir)/agent/run.json"
}
# As the remote has it, oldest first, on one line.
remote_events() {
	git -C "$SCRATCH/srv/$1.git" log --reverse --glob=refs/agent/log --format='%(trailers:key=Agent-Event,valueonly,separator=):%(trailers:key=Agent-Iteration,valueonly,separator=):%(trailers:key=Agent-Outcome,valueonly,separator=)' |
		grep -vx :: | tr '\n' ' '
}

for signal in INT:130 TERM:143 HUP:143; do
	export signal
	t "SIG${signal%:*} ends the agent's whole tree; status ${signal#*:}" <<'EOF'
	name=${signal%:*}
	project "s$name"
	cd "s$name"
	start_working
	kill "-$name" "$loop"
	loop_ended "${signal#*:}"
	agent_is_dead
	test_grep "run interrupted by signal .*'git agent loop' resumes it" "$T/loop.err"
	jq -e '.finished == false' .git/agent/run.json
	run_is '.state == "interrupted"'
	# Also what it recorded last is at the remote.
	test "$(remote_events "s$name")" = 'start:: iteration:1:interrupted end:1:interrupted '
	id=$(run_id)
	touch "$T/go"
	start_loop --agent "$SCRATCH/works"
	loop_ended 0
	test_grep 'run resumed in iteration 1' "$T/loop.err"
	test_grep 'after 1 iteration and' "$T/loop.err"
	test "$(run_id)" = "$id"
EOF
done

t 'a signal to the whole group, as from a batch system, is an interruption' <<'EOF'
	project group
	cd group
	# HEAD is judged already: nothing but the agent is there to be ended.
	agent second <<'END'
	test $GIT_AGENT_ITERATION = 2 || exit 0
	echo $$ >"$T/pid.agent"
	touch "$T/started"
	sleep 600
END
	start_loop --agent "$SCRATCH/second"
	wait_until 60 test -e "$T/started"
	kill -TERM "$(cat "$T/pid.agent")" "$loop"
	loop_ended 143
	dead "$(cat "$T/pid.agent")"
	test "$(remote_events group)" = 'start:: iteration:1:worked iteration:2:interrupted end:2:interrupted '
EOF

t 'what the caller ignores is not caught: nohup' <<'EOF'
	project nohup
	cd nohup
	trap '' HUP
	start_working
	trap - HUP
	kill -HUP "$loop"
	sleep 0.5
	touch "$T/go"
	loop_ended 0
EOF

t 'SIGKILL while the agent works: it dies too, and the run resumes' <<'EOF'
	project killed
	cd killed
	start_working 'Port the solver'
	id=$(run_id)
	kill -KILL "$loop"
	wait "$loop" || true
	wait_until 20 agent_is_dead
	wait_until 20 run_is '.state == "stale"'
	touch "$T/go"
	start_loop --agent "$SCRATCH/works"
	loop_ended 0
	test "$(run_id)" = "$id"
	test_grep 'run resumed in iteration 1' "$T/loop.err"
	test_grep 'after 1 iteration and' "$T/loop.err"
	test_grep '^Port the solver$' "$T/prompt.1"
	test "$(remote_events killed)" = 'start:: resume:1: iteration:1:done end:1:done '
	test "$(git agent status --json | jq '.runs | length')" = 1
EOF

t 'the keeper killed as well: the next loop ends what it finds' <<'EOF'
	project keeper
	cd keeper
	start_working
	keeper=$(awk '/^PPid:/ { print $2 }' "/proc/$(cat "$T/pid.agent")/status")
	keeper=$(awk '/^PPid:/ { print $2 }' "/proc/$keeper/status")
	test "$keeper" != "$loop"  || keeper=$(awk '/^PPid:/ { print $2 }' "/proc/$(cat "$T/pid.agent")/status")
	kill -KILL "$loop" "$keeper"
	wait "$loop" || true
	pids=$(cat "$T"/pid.agent "$T"/pid.child "$T"/pid.deaf)
	# Nobody says go: the agent that is left would improve the value.
	start_loop --agent "echo DONE" -n 1
	loop_ended 1
	test_grep 'ended [0-9]* processes that the interrupted loop had left' "$T/loop.err"
	wait_until 20 dead $pids
EOF

t 'SIGKILL while the oracle runs' <<'EOF'
	project oracle
	cd oracle
	touch "$T/slow-oracle"
	start_loop --agent 'echo x >>"$T/ran"; echo DONE' -n 1
	wait_until 60 test -e "$T/oracle-runs"
	id=$(run_id)
	kill -KILL "$loop"
	wait "$loop" || true
	rm "$T/slow-oracle"
	start_loop --agent 'echo x >>"$T/ran"; echo DONE' -n 1
	loop_ended 1
	test "$(run_id)" = "$id"
	test_grep 'run resumed in iteration 1' "$T/loop.err"
	test_lines 2 "$T/ran"
	test "$(remote_events oracle)" = 'start:: resume:1: iteration:1:refused end:1:limit '
EOF

t 'SIGTERM while the oracle runs' <<'EOF'
	project oracle2
	cd oracle2
	touch "$T/slow-oracle"
	start_loop --agent 'echo DONE' -n 1
	wait_until 60 test -e "$T/oracle-runs"
	kill -TERM "$loop"
	loop_ended 143
	test "$(remote_events oracle2)" = 'start:: iteration:1:interrupted end:1:interrupted '
	test "$(git agent status --json | jq '.checks | length')" = 0
EOF

t 'SIGKILL between two iterations: the finished one is not run again' <<'EOF'
	project between
	cd between
	start_loop --agent 'echo x >>"$T/ran"; exit 1' -n 3 --max-failures 9
	wait_until 60 grep -q 'iteration 1 failed' "$T/loop.err"
	wait_until 60 jq -e '.open == false' .git/agent/run.json
	kill -KILL "$loop"
	wait "$loop" || true
	start_loop --agent 'echo x >>"$T/ran"' -n 3
	loop_ended 1
	test_grep 'run resumed after iteration 1' "$T/loop.err"
	test_lines 3 "$T/ran"
	test "$(remote_events between)" = 'start:: iteration:1:failed resume:1: iteration:2:worked iteration:3:worked end:3:limit '
EOF

t 'killed between the record of an iteration and its state' <<'EOF'
	project gap
	cd gap
	git remote remove origin
	start_loop --agent 'echo DONE' -n 2
	loop_ended 1
	# As a kill just after the record of the second one leaves it.
	git update-ref "$(git for-each-ref --format='%(refname)' refs/agent/log)" \
		"$(git for-each-ref --format='%(objectname)' refs/agent/log)^"
	# Which would put it back.
	rm -f .git/agent/index*
	: >.git/agent/lock
	jq -c '.finished = false | .open = true | .refusal = null' .git/agent/run.json >"$T/json"
	cp "$T/json" .git/agent/run.json
	start_loop --agent "cat >$T/prompt" -n 3
	loop_ended 1
	test_grep 'run resumed after iteration 2' "$T/loop.err"
	test_grep 'was not accepted' "$T/prompt"
	test_grep 'The oracle does not agree' "$T/prompt"
	test_grep '^iteration 3 worked' "$T/loop.err"
	test_no_grep '^iteration 2' "$T/loop.err"
EOF

t 'killed just after DONE was accepted: it is at its end' <<'EOF'
	project accepted
	cd accepted
	git remote remove origin
	start_loop --agent 'echo 5e-5 >value; git commit -qam x; echo DONE'
	loop_ended 0
	git update-ref "$(git for-each-ref --format='%(refname)' refs/agent/log)" \
		"$(git for-each-ref --format='%(objectname)' refs/agent/log)^"
	# Which would put it back.
	rm -f .git/agent/index*
	: >.git/agent/lock
	for open in true false; do
		jq -c ".finished = false | .open = $open | .accepted = ($open | not)" .git/agent/run.json >"$T/json"
		cp "$T/json" .git/agent/run.json
		start_loop --agent 'touch "$T/ran"'
		loop_ended 0
		test ! -e "$T/ran"
	done
EOF

t "git's lock on a ref, left by a kill, does not end the run for good" <<'EOF'
	project locked
	cd locked
	start_working
	kill -KILL "$loop"
	wait "$loop" || true
	wait_until 20 agent_is_dead
	for ref in $(git for-each-ref --format='%(refname)' refs/agent refs/notes/agent); do
		touch ".git/$ref.lock"
	done
	touch "$T/go"
	start_loop --agent "$SCRATCH/works"
	loop_ended 0
	test_grep "removed the lock '.*/refs/agent/log/.*.lock' that a killed process" "$T/loop.err"
	test_no_grep heartbeat "$T/loop.err"
EOF

# A kill in the middle of the agent's own commit leaves git's lock behind.
t 'killed again and again at any time: every iteration counts once' <<'EOF'
	project often
	cd often
	start_loop --agent 'sleep 0.2; git commit -q --allow-empty -m x || :' -n 6
	for ((i = 0; i < 12; i++)); do
		sleep "0.$((RANDOM % 9))$((RANDOM % 9))"
		kill -KILL "$loop" || true
		wait "$loop" || true
		! jq -e .finished .git/agent/run.json || break
		start_loop --agent 'sleep 0.2; git commit -q --allow-empty -m x || :' -n 6
	done
	wait_until 60 jq -e .finished .git/agent/run.json
	wait_until 60 dead "$loop"
	events >"$T/got"
	cat "$T/got"
	test "$(grep -c start "$T/got")" -le 1
	grep -c 'iteration . worked' "$T/got"
	test "$(grep 'iteration . worked' "$T/got" | tr -d '\n')" = \
		"$(printf 'iteration %d worked' 1 2 3 4 5 6)"
	git agent sync
	git clone -q "$DAEMON_URL/often.git" often2
	cd often2
	git agent status --json >"$T/json"
	jq -e '.runs | length == 1' "$T/json"
	jq -e '.runs[0].outcome == "limit" and .runs[0].iteration == 6' "$T/json"
EOF

t 'wall clock that a killed session used stays used' <<'EOF'
	project clock 'beat = 1s'
	cd clock
	start_loop --agent 'touch "$T/started"; sleep 600' --max-time 1h
	wait_until 60 test -e "$T/started"
	wait_until 60 jq -e '.spent > 2000000' .git/agent/run.json
	kill -KILL "$loop"
	wait "$loop" || true
	start_loop --agent 'touch "$T/again"' --max-time 1s
	loop_ended 1
	test ! -e "$T/again"
	test_grep 'wall clock time is used up' "$T/loop.err"
EOF

t 'a run that ended is not resumed; --new gives an interrupted one up' <<'EOF'
	project new
	cd new
	start_loop --agent 'echo a' -n 1
	loop_ended 1
	id=$(run_id)
	start_working
	test "$(run_id)" != "$id"
	kill -TERM "$loop"
	loop_ended 143
	id=$(run_id)
	start_loop --agent 'echo a' -n 1 --new
	loop_ended 1
	test "$(run_id)" != "$id"
	git agent status --json >"$T/json"
	test "$(jq -r '[.runs[].outcome] | join(" ")' "$T/json")" = 'limit abandoned limit'
EOF

t 'a run that began with --no-oracle is judged when it is resumed without' <<'EOF'
	project later
	cd later
	start_working --no-oracle
	kill -TERM "$loop"
	loop_ended 143
	start_loop --agent 'echo DONE' -n 1
	loop_ended 1
	test_grep 'claimed DONE too early, refused.*FAIL: error 1' "$T/loop.err"
EOF

t 'a copy of the clone does not take the run for its own' <<'EOF'
	project original
	cd original
	start_working
	cp -R ../original ../copy
	cd ../copy
	git agent status --offline --json | jq -e '.runs[0].state == "live"'
	test_exit 1 git agent loop --agent 'echo mine' -n 1 2>"$T/err"
	test_grep 'belongs to another copy' "$T/err"
	test_grep 'run started' "$T/err"
	cd ../original
	kill -0 "$(cat "$T/pid.agent")"
	touch "$T/go"
	loop_ended 0
	git agent status --json >"$T/json"
	jq -e '.runs | length == 2' "$T/json"
EOF

t 'a second loop in the same work tree is refused' <<'EOF'
	project twice
	cd twice
	start_working
	test_exit 128 git agent loop --agent 'touch "$T/second"' 2>"$T/err"
	test_grep 'a loop is already running in this work tree' "$T/err"
	mkdir sub
	cd sub
	test_exit 128 git agent loop --agent 'touch "$T/second"' 2>"$T/err"
	test ! -e "$T/second"
	touch "$T/go"
	rmdir "$SCRATCH/twice/sub"
	loop_ended 0
EOF

t 'two linked worktrees run one each, at the same time' <<'EOF'
	project trees
	cd trees
	git worktree add -q ../tree2
	agent both <<'END'
	touch "$T/in.$(basename "$PWD")"
	wait_for test -e "$T/in.trees"
	wait_for test -e "$T/in.tree2"
	echo 5e-5 >value
	git commit -qam better
	git push -q origin HEAD
	echo DONE
END
	start_loop --agent "$SCRATCH/both" -n 1
	first=$loop
	cd ../tree2
	git-agent-loop --agent "$SCRATCH/both" -n 1 2>"$T/err2"
	loop=$first
	loop_ended 0
	cat "$T/err2"
	test_grep 'DONE accepted' "$T/err2"
	git agent status --json >"$T/json"
	test "$(jq -r '[.runs[].outcome] | join(" ")' "$T/json")" = 'done done'
EOF

t 'an agent does not start a loop of its own' <<'EOF'
	project nested
	cd nested
	start_loop -n 1 --agent 'git agent loop --agent "touch $T/inner" -n 1; echo $? >"$T/status"'
	loop_ended 1
	test "$(cat "$T/status")" = 128
	test ! -e "$T/inner"
	test_grep 'already inside a run' "$T/loop.err"
EOF

finish
