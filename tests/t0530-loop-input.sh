#!/usr/bin/env bash
# git agent loop: where it cannot run, and agents whose output is strange.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/loop.sh"

# refused STATUS TEXT [ARG…]: no agent is started, and why.
# shellcheck disable=SC2016 # the agent expands it
refused() {
	local want=$1 text=$2
	shift 2
	test_exit "$want" git agent loop --agent 'touch "$T/ran"' "$@" 2>"$T/err"
	cat "$T/err"
	test_grep -e "$text" "$T/err"
	test ! -e "$T/ran"
}

t 'not a repository, a bare one, one without a commit' <<'EOF'
	mkdir nothing
	cd nothing
	refused 128 'not a git repository'
	git init -q --bare ../bare.git
	cd ../bare.git
	refused 128 'work tree'
	git init -q ../empty
	cd ../empty
	refused 128 'git agent init'
	echo '[oracle]' >.gitagent
	echo '    command = true' >>.gitagent
	refused 128 'no commit'
	refused 128 'no commit' --no-oracle
	test ! -e .git/agent/run.json
EOF

t 'no .gitagent, one that is not committed, one whose oracle is not' <<'EOF'
	new_repo scaffold
	cd scaffold
	refused 128 'git agent init'
	git agent init --goal g --oracle 'echo metric e 1'
	refused 128 '.gitagent is not committed yet'
	git add -A
	git commit -qm scaffold
	printf '[loop]\nsync = 1s\n' >.gitagent
	git commit -qam 'no oracle'
	refused 128 'no oracle is configured'
	printf '[oracle]\ncommand = echo metric e 1\n' >>.gitagent
	refused 128 'is not committed yet'
EOF

t 'a malformed .gitagent: file, line, what was expected' <<'EOF'
	new_repo malformed
	cd malformed
	printf '[loop]\nmax-iterations = many\n' >.gitagent
	refused 128 "'.gitagent' line 2: max-iterations = 'many': expected a whole number"
	printf '[loop]\nno-such-key = 1\n' >.gitagent
	refused 128 "'.gitagent' line 2"
	printf '[loop]\nsync = 1s\ncompletion-promise =\n' >.gitagent
	refused 128 "'.gitagent' line 3"
EOF

t 'a [oracle] trusted that is not there' <<'EOF'
	project nowhere
	cd nowhere
	sed -i 's|^\[oracle\]|&\n    trusted = origin/no-such-branch|' .gitagent
	git commit -qam trusted
	refused 128 'trusted.*no-such-branch'
EOF

t 'no identity' <<'EOF'
	project nobody
	cd nobody
	git config user.useConfigOnly true
	HOME=/nowhere refused 128 'user\.'
EOF

t 'an agent that nobody knows' <<'EOF'
	project agents
	cd agents
	test_exit 128 git agent loop --agent codex 2>"$T/err"
	test_grep "there is no agent 'codex'.*\[agent \"codex\"\]" "$T/err"
	test_exit 128 git agent loop --agent '' 2>"$T/err"
	sed -i '$a\    agent = mine\n[agent "mine"]\n    command = cat >"$T/prompt"; touch "$T/mine"' .gitagent
	git commit -qam agent
	git push -q
	test_exit 1 git agent loop -n 1
	test -e "$T/mine"
	test_grep 'iteration 1 of at most 1' "$T/prompt"
EOF

t 'the state of a run that is none' <<'EOF'
	project state
	cd state
	mkdir -p .git/agent
	for text in garbage '' '{}' '[1]' '{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}' \
	    '{"id":"../../x","iteration":1,"spent":0,"failures":0}' \
	    '{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","iteration":-1,"spent":0,"failures":0}'; do
		printf '%s' "$text" >.git/agent/run.json
		refused 128 "agent/run.json' is not the state of a run; 'git agent loop --new'"
		test_exit 3 git agent status --offline
	done
	test_exit 1 git agent loop --new -n 1 --agent 'echo a'
	test_exit 1 git agent loop -n 1 --agent 'echo a'
EOF

t 'on a detached HEAD' <<'EOF'
	project detached
	cd detached
	git checkout -q --detach
	agent headless <<'END'
	echo 5e-5 >value
	git commit -qam better
	test $GIT_AGENT_ITERATION = 1 || git push -q origin HEAD:refs/heads/result
	echo DONE
END
	sed -i 's/git commit/git diff --quiet || &/' "$SCRATCH/headless"
	start_loop --agent "$SCRATCH/headless"
	loop_ended 0
	test_grep "HEAD is not pushed to 'origin'" "$T/prompt.2"
EOF

t 'without a remote' <<'EOF'
	project alone
	cd alone
	git remote remove origin
	start_loop --agent 'echo 5e-5 >value; git commit -qam better; echo DONE'
	loop_ended 0
	test_no_grep pushed "$T/loop.err"
EOF

t 'from a subfolder, the agent starts at the top' <<'EOF'
	project deep
	cd deep
	mkdir sub
	cd sub
	start_loop --agent 'pwd >"$T/pwd"' -n 1
	loop_ended 1
	test "$(cat "$T/pwd")" = "$SCRATCH/deep"
EOF

agent strange <<'EOF'
	printf 'title \033]0;pwned\007 \033[2J clear \302\233 csi\n'
	printf 'to the terminal \033[2J' >/dev/tty || touch "$T/no-tty"
	printf 'error \033]0;pwned\007 \033[31m\n' >&2
	printf 'half a line \033[5m'
	exit 3
EOF

t 'control bytes do not reach the terminal, nor a record' <<'EOF'
	project raw
	cd raw
	on_tty "git agent loop --agent $SCRATCH/strange --max-failures 1" >"$T/screen" || true
	test_grep 'title ^\[\]0;pwned^G ^\[\[2J clear' "$T/screen"
	test_grep 'error ^\[\]0;pwned^G' "$T/screen"
	test_grep 'half a line ^\[\[5m' "$T/screen"
	test_no_grep -P '\033|\007|\302\233' "$T/screen"
	git log --format=%B --glob=refs/agent >"$T/records"
	test_grep 'exit status 3: error ^\[\]0;pwned' "$T/records"
	test_no_grep -P '\033|\007' "$T/records"
	test -e "$T/no-tty"
EOF

t 'a long complaint is cut between two characters' <<'EOF'
	cd raw
	start_loop --max-failures 1 --agent 'printf "é%.0s" $(seq 999) >&2; exit 1'
	loop_ended 3
	git log --format=%s --glob=refs/agent | grep 'exit status 1: é' >"$T/subject"
	iconv -f UTF-8 -t UTF-8 "$T/subject"
	test_grep 'é…$' "$T/subject"
EOF

t 'an agent has no terminal to ask a question on' <<'EOF'
	cd raw
	on_tty "git agent loop -n 1 --max-failures 1 --agent 'read answer </dev/tty || echo nobody there'" >"$T/screen" || true
	test_grep 'nobody there' "$T/screen"
EOF

cat >"$SCRATCH/much" <<'EOF'
#!/bin/sh
head -c 20000000 /dev/zero | tr '\0' x
EOF
chmod +x "$SCRATCH/much"

t 'a line of 20 MB, and the promise behind it' <<'EOF'
	project big
	cd big
	agent shouts <<'END'
	improve 5e-5
	"$TEST_SCRATCH/much"
	printf '\nDONE\n'
END
	start_loop --agent "$SCRATCH/shouts"
	loop_ended 0
	test_grep '^\[a line of 20000000 bytes, not shown\]$' "$T/loop.out"
	test "$(wc -c <"$T/loop.out")" -lt 10000
	# The log of what it said has its bounds, too.
	test "$(wc -c <"$(echo .git/agent/logs/*/1.log)")" -lt 17000000
	tail -c 30 .git/agent/logs/*/1.log | grep '^\[the rest is not kept\]$'
EOF

t 'a line of 20 MB behind the promise' <<'EOF'
	cd big
	start_loop -n 1 --agent "echo DONE; $SCRATCH/much; echo"
	loop_ended 1
	test_no_grep claimed "$T/loop.err"
	start_loop -n 1 --agent "echo DONE; $SCRATCH/much"
	loop_ended 1
	test_no_grep claimed "$T/loop.err"
	start_loop -n 1 --agent "$SCRATCH/much >&2; echo DONE"
	loop_ended 0
EOF

t 'two lines at a time, bytes one by one, no newline at the end' <<'EOF'
	cd big
	start_loop -n 1 --agent 'for c in D O N E; do printf $c; sleep 0.05; done'
	loop_ended 0
EOF

t 'an agent that talks without end is heard, and ended in time' <<'EOF'
	project talks 'iteration-time = 2s' 'max-failures = 1'
	cd talks
	start_loop --agent 'yes y'
	loop_ended 3
	test_grep "the iteration's time was used up" "$T/loop.err"
	rm "$T/loop.out"
EOF

t 'an agent that closes its output and hangs' <<'EOF'
	project mute 'iteration-time = 1s' 'max-failures = 1'
	cd mute
	start_loop --agent 'echo $$ >"$T/pid"; exec >&- 2>&- <&-; sleep 600; sleep 600'
	loop_ended 3
	test_grep "the iteration's time was used up" "$T/loop.err"
	dead "$(cat "$T/pid")"
EOF

t 'an agent that does not read its prompt, or closes it' <<'EOF'
	cd mute
	start_loop -n 2 --agent 'exec <&-; true'
	loop_ended 1
EOF

t 'nobody reads what it prints' <<'EOF'
	project pipe
	cd pipe
	(git agent loop -n 2 --agent 'seq 100000' 2>"$T/err" || echo $? >"$T/status") | head -n 1
	wait_until 60 test -s "$T/status"
	test "$(cat "$T/status")" = 1
	test_grep 'run ended: its iterations are used up' "$T/err"
EOF

finish
