#!/usr/bin/env bash
# git agent loop: when DONE is believed, what ends a run, and how.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/loop.sh"

# loop STATUS ARG…: in the foreground; what it said in $T/out and $T/err.
loop() {
	local want=$1
	shift
	test_exit "$want" git agent loop "$@" >"$T/out" 2>"$T/err"
}

agent solve <<'EOF'
	echo 'it works now'
	improve 5e-5
	echo '<promise>DONE</promise>'
EOF

t 'DONE is accepted when the oracle passes on a clean, pushed commit' <<'EOF'
	project p
	cd p
	loop 0 --agent "$SCRATCH/solve"
	test_grep 'DONE accepted at .*: the oracle passes, after 1 iteration' "$T/err"
	test_grep 'iteration 1 claimed DONE, accepted after .*PASS: error 5e-05' "$T/err"
	test_grep '^it works now$' "$T/out"
	events >"$T/got"
	printf '%s\n' 'start  ' 'iteration 1 done' 'end 1 done' >"$SCRATCH/want"
	test_cmp "$SCRATCH/want" "$T/got"
EOF

t 'the records of the run are at the remote, and the measurement too' <<'EOF'
	git clone -q "$DAEMON_URL/p.git" p-other
	cd p-other
	git agent status --json >"$T/json"
	test "$(jq -r '.runs[0] | [.state, .outcome, .iteration] | @csv' "$T/json")" = '"ended","done",1'
	test "$(jq -r .checks[0].state "$T/json")" = PASS
	events refs/agent-remotes >"$T/got"
	test_cmp "$SCRATCH/want" "$T/got"
EOF

t 'the prompt: the task, the promise, where the work stands' <<'EOF'
	cd p
	agent again <<'END'
	git commit -q --allow-empty -m more
	git push -q
	echo DONE
END
	git agent log failed 'explicit Euler' --because 'too stiff'
	loop 0 --agent "$SCRATCH/again" Make it faster
	test_grep '^Make it faster$' "$T/prompt.1"
	test_grep '^<promise>DONE</promise>$' "$T/prompt.1"
	test_grep 'iteration 1 of at most 100 of run' "$T/prompt.1"
	test_grep 'explicit Euler' "$T/prompt.1"
	test_no_grep 'not accepted' "$T/prompt.1"
	echo 'from standard input' >"$T/task"
	loop 0 --agent "$SCRATCH/again" - <"$T/task"
	test_grep '^from standard input$' "$T/prompt.1"
	loop 0 --agent "$SCRATCH/again"
	test_grep 'the work that CLAUDE.md in this folder describes' "$T/prompt.1"
EOF

t 'refused while the oracle fails, and the next prompt says why' <<'EOF'
	project fails
	cd fails
	agent early <<'END'
	test $GIT_AGENT_ITERATION = 1 || improve 5e-5
	echo DONE
END
	loop 0 --agent "$SCRATCH/early"
	test_grep 'iteration 1 claimed DONE too early, refused.*FAIL: error 1' "$T/err"
	test_grep 'Your last promise was not accepted' "$T/prompt.2"
	test_grep 'The oracle does not agree. FAIL: error 1 (target <= 0.0001)' "$T/prompt.2"
	test_no_grep 'was not accepted' "$T/prompt.1"
	test_no_grep 'changes that are not committed' "$T/prompt.2"
	test_no_grep 'HEAD is not pushed' "$T/prompt.2"
	git agent status --json >"$T/json"
	test "$(jq .runs[0].refusals "$T/json")" = 1
EOF

t 'refused on a work tree that is not clean' <<'EOF'
	project dirty
	cd dirty
	agent leaves <<'END'
	rm -f left-over
	case $GIT_AGENT_ITERATION in
	1)	improve 5e-5; touch left-over ;;
	2)	echo 6e-5 >value ;;
	3)	git checkout -q value ;;
	esac
	echo DONE
END
	loop 0 --agent "$SCRATCH/leaves"
	test_grep 'changes that are not committed' "$T/prompt.2"
	test_grep 'changes that are not committed' "$T/prompt.3"
	test_no_grep 'oracle does not agree' "$T/prompt.2"
	events | grep iteration >"$T/got"
	printf '%s\n' 'iteration 1 refused' 'iteration 2 refused' \
		'iteration 3 done' >"$T/want"
	test_cmp "$T/want" "$T/got"
EOF

t 'refused on a commit that is not pushed' <<'EOF'
	project unpushed
	cd unpushed
	agent forgets <<'END'
	case $GIT_AGENT_ITERATION in
	1)	echo 5e-5 >value; git commit -qam better ;;
	2)	git push -q ;;
	esac
	echo DONE
END
	loop 0 --agent "$SCRATCH/forgets"
	test_grep "HEAD is not pushed to 'origin'" "$T/prompt.2"
	test ! -e "$T/prompt.3"
EOF

t '… also with a commit behind it that is cut short' <<'EOF'
	project cut
	cd cut
	agent damages <<'END'
	if test $GIT_AGENT_ITERATION = 1; then
		echo 5e-5 >value
		git commit -qam one
		git commit -q --allow-empty -m two
		id=$(git rev-parse HEAD~1)
		file=.git/objects/${id:0:2}/${id:2}
		cp "$file" "$T/whole"
		chmod u+w "$file"
		truncate -s 60 "$file"
		echo "$file" >"$T/file"
	else
		cp "$T/whole" "$(cat "$T/file")"
		git push -q
	fi
	echo DONE
END
	loop 0 --agent "$SCRATCH/damages" --max-time 60s
	test_grep 'HEAD is not pushed' "$T/prompt.2"
	events | grep iteration >"$T/got"
	printf '%s\n' 'iteration 1 refused' 'iteration 2 done' >"$T/want"
	test_cmp "$T/want" "$T/got"
EOF

t 'a promise is the last line, and alone on it' <<'EOF'
	project forms
	cd forms
	agent says <<'END'
	test -e "$T/improved" || improve 5e-5
	touch "$T/improved"
	case $GIT_AGENT_ITERATION in
	1)	echo 'I am DONE' ;;
	2)	echo DONE. ;;
	3)	echo DONE; echo 'but not with the tests' ;;
	4)	echo 'You asked me to say:'; echo '<promise>DONE</promise>'; echo 'I cannot yet.' ;;
	5)	echo '<promise>DONE</promise> nearly' ;;
	6)	cat "$T/prompt.6" ;;
	7)	printf 'DONE\0, or so I thought\n' ;;
	8)	echo done ;;
	9)	echo DONE >&2 ;;
	10)	;;
	esac
END
	loop 1 --agent "$SCRATCH/says" -n 10
	test_no_grep claimed "$T/err"
	test "$(events | grep -c 'iteration .* worked$')" = 10
	test "$(events | tail -n 1)" = 'end 10 limit'
EOF

t 'forms of the promise that count' <<'EOF'
	project counts
	cd counts
	loop 0 --agent "$SCRATCH/solve; echo DONE"
	loop 0 --agent "printf 'the end\n  DONE \r\n\n'"
	loop 0 --agent 'printf "<promise>DONE</promise>"'
EOF

t 'an agent that prints its prompt promises nothing, without an oracle either' <<'EOF'
	cd counts
	loop 1 --agent 'cat -' -n 1 --no-oracle
	test_no_grep claimed "$T/err"
EOF

t 'a failing agent has promised nothing' <<'EOF'
	cd counts
	loop 3 --agent 'echo DONE; exit 7' --max-failures 1
	test_grep 'iteration 1 failed .*exit status 7' "$T/err"
	test_no_grep claimed "$T/err"
EOF

agent cheat <<'EOF'
	sed -i 's/target = 1e-4/target = 10/' .gitagent
	echo 'echo metric error 0' >oracle/judge
	git commit -qam 'make it pass'
	git push -q
	echo DONE
EOF

t 'a weakened oracle is not the judge: settings, and protected files' <<'EOF'
	project weak
	cd weak
	loop 1 --agent "$SCRATCH/cheat" -n 1
	test_grep 'claimed DONE too early, refused.*FAIL: error 1 (target <= 0.0001)' "$T/err"
EOF

t 'nor after the loop was killed and is resumed' <<'EOF'
	project weak-resumed
	cd weak-resumed
	start_loop --agent "$SCRATCH/cheat; touch $T/cheated; sleep 600"
	wait_until 60 test -e "$T/cheated"
	kill -KILL "$loop"
	wait "$loop" || true
	loop 1 --agent 'echo DONE' -n 1
	test_grep 'run resumed in iteration 1' "$T/err"
	test_grep 'claimed DONE too early, refused.*FAIL: error 1 (target <= 0.0001)' "$T/err"
EOF

t 'an oracle that protects nothing is warned of, once for a run' <<'EOF'
	project bare-oracle
	cd bare-oracle
	loop 1 --agent 'echo working' -n 2
	test_no_grep 'protect' "$T/err"
	sed -i '/protect/d' .gitagent
	git commit -qam 'protect nothing'
	git push -q
	loop 1 --agent 'echo working' -n 2
	test "$(grep -c '^warning: \[oracle\] protect names nothing, so the agent can change the files that judge it' "$T/err")" = 1
	loop 1 --agent 'echo working' -n 1 --no-oracle
	test_no_grep 'protect' "$T/err"
EOF

t '[oracle] trusted: judged by that branch' <<'EOF'
	project trusted
	cd trusted
	sed -i 's|^\[oracle\]|&\n    trusted = origin/main|' .gitagent
	git commit -qam 'trust what is published'
	git push -q
	git checkout -qb work
	git push -qu origin work
	loop 1 --agent "$SCRATCH/cheat" -n 1
	test_grep 'claimed DONE too early, refused.*FAIL: error 1 (target <= 0.0001)' "$T/err"
	# Also if the run begins on what is weakened.
	loop 1 --agent 'echo DONE' -n 1
	test_grep 'claimed DONE too early, refused.*FAIL: error 1 (target <= 0.0001)' "$T/err"
EOF

t '[oracle] trusted: as that branch was when the run began' <<'EOF'
	cd trusted
	git checkout -q main
	loop 1 --agent "$SCRATCH/cheat" -n 1
	test_grep 'claimed DONE too early, refused.*FAIL: error 1 (target <= 0.0001)' "$T/err"
EOF

t 'another completion promise, by option and by file' <<'EOF'
	project promise
	cd promise
	loop 1 --agent "$SCRATCH/solve" -n 1 --completion-promise 'ALL GREEN'
	test_no_grep claimed "$T/err"
	test_grep '^<promise>ALL GREEN</promise>$' "$T/prompt.1"
	loop 0 --agent 'echo ALL GREEN' --completion-promise 'ALL GREEN'
	test_grep 'claimed ALL GREEN, accepted' "$T/err"
	echo '    completion-promise = SHIP IT' >>.gitagent
	git commit -qam promise
	git push -q
	loop 1 --agent 'echo DONE' -n 1
	loop 0 --agent 'echo SHIP IT' -n 1
	loop 0 --agent 'echo "<promise>SHIP IT</promise>"' -n 1
	for bad in '' ' DONE' 'DONE ' $'a\nb'; do
		loop 129 --agent 'echo DONE' --completion-promise "$bad"
	done
EOF

t '--no-oracle takes the agent at its word, but not its leftovers' <<'EOF'
	project word
	cd word
	loop 0 --no-oracle -n 1 --agent 'echo DONE'
	test_grep "accepted at .*: the agent's word was taken" "$T/err"
	test ! -e "$T/measured"
	loop 1 --no-oracle -n 1 --agent 'touch left-over; echo DONE'
	test_grep 'claimed DONE too early, refused' "$T/err"
	rm left-over
	loop 1 --no-oracle -n 1 --agent 'git commit -q --allow-empty -m x; echo DONE'
	test_grep 'claimed DONE too early, refused' "$T/err"
	git push -q
	sed -i '/oracle/,/target/d' .gitagent
	git commit -qam 'no oracle'
	git push -q
	loop 128 --agent 'echo DONE'
	test_grep 'no oracle is configured' "$T/err"
	loop 0 --no-oracle --agent 'echo DONE'
EOF

t 'a commit is measured once, unless DONE is claimed on it' <<'EOF'
	project once
	cd once
	loop 1 --agent 'echo working' -n 3
	test_lines 1 "$T/measured"
	loop 1 --agent 'echo DONE' -n 2
	test_lines 3 "$T/measured"
EOF

t 'limit: iterations, by option and by file' <<'EOF'
	project limits 'max-iterations = 3'
	cd limits
	loop 1 --agent 'echo x >>"$T/ran"'
	test_lines 3 "$T/ran"
	test_grep 'run ended: its iterations are used up, after 3 iterations' "$T/err"
	loop 1 --agent 'echo x >>"$T/ran"' --max-iterations 1
	test_lines 4 "$T/ran"
	loop 129 -n 0
	loop 129 -n -1
	loop 129 -n many
EOF

t 'limit: wall clock, in the middle of an iteration' <<'EOF'
	cd limits
	loop 1 --agent 'echo $$ >"$T/pid"; sleep 600' --max-time 2s
	test_grep 'run ended: its wall clock time is used up' "$T/err"
	dead "$(cat "$T/pid")"
	test "$(events | tail -n 2 | tr '\n' ,)" = 'iteration 1 interrupted,end 1 limit,'
EOF

t 'limit: time of an iteration, which is a failure' <<'EOF'
	cd limits
	loop 3 --agent 'echo $$ >>"$T/pids"; echo DONE; sleep 600' --iteration-time 1s --max-failures 2
	test_grep "iteration 2 failed after .*the iteration's time was used up" "$T/err"
	test_grep 'the agent failed 2 times in a row, after 2 iterations' "$T/err"
	test_lines 2 "$T/pids"
	dead $(cat "$T/pids")
EOF

t 'limit: failures in a row; a success in between starts over' <<'EOF'
	cd limits
	agent flaky <<'END'
	echo 'cannot reach the moon' >&2
	exit $((GIT_AGENT_ITERATION != 2))
END
	loop 3 --agent "$SCRATCH/flaky" --max-failures 2 -n 9
	test_grep 'iteration 1 failed .*exit status 1: cannot reach the moon' "$T/err"
	test "$(events | tail -n 5 | tr '\n' ,)" = \
		'iteration 1 failed,iteration 2 worked,iteration 3 failed,iteration 4 failed,end 4 failing,'
	loop 3 --agent no-such/program --max-failures 1
	test_grep 'exit status 127' "$T/err"
EOF

# waits: the iterations after which the loop waited, by all its heartbeats.
waits() {
	git log -g --format=%s "$(git for-each-ref --format='%(refname)' refs/agent/beat)" |
		sed -n 's/^beat: iteration \(.*\): waiting before the next try$/\1/p' |
		sort -u
}

t 'an agent that returns at once, again and again, is made to wait' <<'EOF'
	project hasty
	cd hasty
	git config core.logAllRefUpdates always
	loop 1 --no-oracle --agent 'echo working' -n 7
	waits >"$T/waits"
	printf '5\n6\n' >"$T/want"
	test_cmp "$T/want" "$T/waits"
EOF

t 'one that takes its time in between is not' <<'EOF'
	project steady
	cd steady
	git config core.logAllRefUpdates always
	loop 1 --no-oracle --agent 'test $GIT_AGENT_ITERATION != 3 || sleep 6' -n 7
	waits >"$T/waits"
	test_empty "$T/waits"
EOF

t 'a refusal is told again after a failure in between' <<'EOF'
	project told
	cd told
	agent stumbles <<'END'
	test $GIT_AGENT_ITERATION != 2
	test $GIT_AGENT_ITERATION = 1 || improve 5e-5
	echo DONE
END
	loop 0 --agent "$SCRATCH/stumbles"
	test_grep 'was not accepted' "$T/prompt.2"
	test_grep 'was not accepted' "$T/prompt.3"
EOF

t 'an agent that leaves HEAD without a commit is told so' <<'EOF'
	project orphan
	cd orphan
	agent lost <<'END'
	case $GIT_AGENT_ITERATION in
	1)	git checkout -q --orphan nowhere ;;
	2)	git checkout -qf main; improve 5e-5 ;;
	esac
	echo DONE
END
	loop 0 --agent "$SCRATCH/lost"
	test_grep 'HEAD could not be judged' "$T/prompt.2"
EOF

t 'what an agent leaves behind is ended with its iteration' <<'EOF'
	project behind
	cd behind
	agent litter <<'END'
	# With our output still open, away from our session, deaf.
	setsid sh -c 'echo $$ >"$T/litter.1"; exec sleep 600' &
	sh -c 'trap "" TERM HUP; echo $$ >"$T/litter.2"; while :; do sleep 1; done' &
	wait_for test -s "$T/litter.1"
	wait_for test -s "$T/litter.2"
	improve 5e-5
	echo DONE
END
	loop 0 --agent "$SCRATCH/litter"
	dead $(cat "$T/litter.1" "$T/litter.2")
EOF

finish
