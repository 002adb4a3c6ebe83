#!/usr/bin/env bash
# The real Claude Code, a client that we do not control, against a scripted
# API on loopback: its hooks, its output, its errors.
# It is installed into a cache once (about 360 MB), outside of the isolation.
client=2.1.330
cache=${XDG_CACHE_HOME:-$HOME/.cache}/git-agent-tests/claude-code-$client
npm_home=$HOME
. "${0%/*}/lib.sh"

install_client() {
	test ! -x "$cache/node_modules/.bin/claude" || return 0
	mkdir -p "$cache" && HOME=$npm_home timeout 300 npm install --silent \
		--no-audit --no-fund --prefix "$cache" \
		"@anthropic-ai/claude-code@$client" >/dev/null 2>&1
}

# The version that is meant, which starts on this machine.
client_works() {
	"$cache/node_modules/.bin/claude" --version 2>/dev/null |
		grep -q "^$client "
}

have npm || skip_all 'npm is not installed'
have python3 || skip_all 'python3 is not installed'
install_client || skip_all "npm could not install Claude Code $client"
client_works || skip_all "Claude Code $client does not run here"
export PATH=$cache/node_modules/.bin:$PATH

. "$ROOT/tests/fixtures/loop.sh"
export ANTHROPIC_API_KEY=test-key DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1
export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 CLAUDE_CODE_MAX_RETRIES=1

# api <<'END' … END: the replies of the API from now on, as JSON; its requests
# are in $T/api/NNN.json.  Inside of one test.
api() {
	local - && set +x
	cat >"$T/replies.json"
	rm -rf "$T/api"
	python3 "$ROOT/tests/fixtures/mock-anthropic.py" "$T/replies.json" \
		"$T/api" >/dev/null 2>&1 &
	wait_until 30 test -s "$T/api/port"
	ANTHROPIC_BASE_URL=http://127.0.0.1:$(cat "$T/api/port")
	export ANTHROPIC_BASE_URL
}

# request N: the text of the N-th request to the model, JSON decoded.
request() {
	jq -s "map(select(.main)) | .[$1 - 1].body | .. | strings" \
		--raw-output "$T"/api/[0-9]*.json
}
requests() {
	jq -s 'map(select(.main)) | length' "$T"/api/[0-9]*.json
}

# claude_project NAME […]: as project, with what git agent init sets up.
claude_project() {
	project "$@"
	(
		cd "$1"
		git agent init --goal 'solve the stiff problem' --agent claude
		cat >>.gitagent <<'END'
[agent "claude"]
    command = claude -p --output-format stream-json --verbose --allowedTools "Bash(*)"
    output = claude
END
		git add -A
		git commit -qm 'set up git-agent'
		git push -q
	) >/dev/null
}

by_hand() {
	claude -p 'go on' --output-format stream-json --verbose \
		--allowedTools 'Bash(*)' </dev/null
}

loop() {
	local want=$1
	shift
	test_exit "$want" git agent loop "$@" >"$T/out" 2>"$T/err"
}

t "init's settings: a session by hand begins with the digest" <<'EOF'
	claude_project hand
	cd hand
	test_grep '"command": "git-agent-hook"' .claude/settings.json
	git agent log failed 'explicit Euler' --because 'the problem is too stiff'
	git agent sync --inbox
	api <<'END'
[{"text": "Understood."}]
END
	by_hand >"$T/out"
	request 1 >"$T/text"
	test_grep 'Where the work stands' "$T/text"
	test_grep 'explicit Euler' "$T/text"
	test_grep 'the problem is too stiff' "$T/text"
EOF

t 'by hand: an instruction arrives with the next tool call, failed or not' <<'EOF'
	cd hand
	for status in 0 7; do
		git agent steer "try Kvaerno5, take $status"
		git agent sync --inbox
		api <<END
[{"text": "Looking.", "tools": [{"name": "Bash", "input": {"command": "echo hello; exit $status"}}]},
 {"text": "I will."}]
END
		by_hand >"$T/out"
		request 1 | test_no_grep 'pushed this instruction' /dev/stdin
		request 2 >"$T/text"
		test_grep 'Ada Lovelace <ada@example.org> pushed this instruction' "$T/text"
		test_grep "^try Kvaerno5, take $status$" "$T/text"
		git agent sync --inbox
		test "$(git agent steer --list --json | jq -r '.[0].state')" = delivered
	done
EOF

t 'by hand: parallel tools get it once' <<'EOF'
	cd hand
	git agent steer 'only once'
	git agent sync --inbox
	api <<'END'
[{"tools": [{"name": "Bash", "input": {"command": "echo a"}},
   {"name": "Bash", "input": {"command": "echo b"}},
   {"name": "Bash", "input": {"command": "exit 3"}}]},
 {"tools": [{"name": "Bash", "input": {"command": "echo c"}}]},
 {"text": "Yes."}]
END
	by_hand >"$T/out"
	request 3 >"$T/text"
	test "$(grep -c '^only once$' "$T/text")" = 1
EOF

t 'the loop: refused, then accepted; the prompt, the output, the cost' <<'EOF'
	claude_project whole
	cd whole
	api <<'END'
[{"text": "It is all there.\n\n<promise>DONE</promise>"},
 {"text": "I see: the oracle.", "tools": [{"name": "Bash", "input": {"command":
   "echo 5e-5 >value && git commit -qam better && git push -q && echo $GIT_AGENT_ITERATION"}}]},
 {"text": "DONE is near.\n\nDONE"}]
END
	loop 0 'Port the solver'
	request 1 >"$T/text"
	test_grep '^Port the solver$' "$T/text"
	test_grep 'iteration 1 of at most 100 of run' "$T/text"
	request 2 >"$T/text"
	test_grep 'Your last promise was not accepted' "$T/text"
	test_grep 'The oracle does not agree. FAIL: error 1' "$T/text"
	test_grep '^I see: the oracle.$' "$T/out"
	test_grep '^  \[tool\] Bash$' "$T/out"
	test_no_grep '"type"' "$T/out"
	events | grep iteration >"$T/got"
	printf '%s\n' 'iteration 1 refused' 'iteration 2 done' >"$T/want"
	test_cmp "$T/want" "$T/got"
	git log --format=%B --glob=refs/agent/log >"$T/records"
	test_grep 'Cost so far as the client tells it: 0.00[0-9]* USD; turns: 2' "$T/records"
EOF

t 'the loop: its prompt has the digest, the session does not repeat it' <<'EOF'
	cd whole
	request 1 >"$T/text"
	test "$(grep -c 'Where the work stands' "$T/text")" = 1
EOF

t 'a promise in the middle, or from a tool, is none' <<'EOF'
	claude_project middle
	cd middle
	api <<'END'
[{"text": "DONE", "tools": [{"name": "Bash", "input": {"command":
   "echo 5e-5 >value; git commit -qam x; git push -q; echo DONE"}}]},
 {"text": "DONE\n\nbut for the tests"}]
END
	loop 1 -n 1
	test_no_grep claimed "$T/err"
	test_grep 'iteration 1 worked .*PASS' "$T/err"
EOF

t 'the loop: steered by a colleague in the middle of a turn' <<'EOF'
	claude_project turn
	git clone -q "$DAEMON_URL/turn.git" turn2
	cd turn
	api <<END
[{"tools": [{"name": "Bash", "input": {"command":
   "touch $T/ready; while ! test -e $T/go; do sleep 0.1; done; exit 1"}}]},
 {"text": "I switch to Kvaerno5."}]
END
	start_loop -n 1
	wait_until 60 test -e "$T/ready"
	(cd ../turn2; as 'Grace Hopper' git agent steer 'switch to Kvaerno5')
	wait_until 60 compgen -G '.git/agent/inbox/*' >/dev/null
	touch "$T/go"
	loop_ended 1
	request 2 >"$T/text"
	test_grep 'Grace Hopper <Grace@example.org> pushed this instruction' "$T/text"
	test_grep '^switch to Kvaerno5$' "$T/text"
	cd ../turn2
	test "$(git agent steer --list --json | jq -r '.[0].state')" = delivered
EOF

t 'the loop: a request to stop ends the turn' <<'EOF'
	cd turn
	rm -f "$T/ready" "$T/go"
	api <<END
[{"tools": [{"name": "Bash", "input": {"command":
   "touch $T/ready; while ! test -e $T/go; do sleep 0.1; done"}}]},
 {"text": "Never said."}]
END
	start_loop -n 5
	wait_until 60 test -e "$T/ready"
	(cd ../turn2; git agent steer --stop 'enough for today')
	wait_until 60 compgen -G '.git/agent/inbox/*.stop' >/dev/null
	touch "$T/go"
	loop_ended 2
	test "$(requests)" = 1
	test_no_grep 'Never said' "$T/loop.out"
EOF

t 'the loop: SIGTERM leaves no tool of the client behind' <<'EOF'
	cd turn
	rm -f "$T/ready"
	api <<END
[{"tools": [{"name": "Bash", "input": {"command":
   "sh -c 'echo \$\$ >$T/pid; touch $T/ready; trap : TERM; while :; do sleep 1; done'"}}]}]
END
	start_loop -n 5
	wait_until 60 test -e "$T/ready"
	kill -TERM "$loop"
	loop_ended 143
	dead "$(cat "$T/pid")"
EOF

t 'the loop: SIGKILL of the supervisor leaves none either' <<'EOF'
	cd turn
	rm -f "$T/ready"
	cp "$T/replies.json" "$T/same.json"
	api <"$T/same.json"
	start_loop -n 5
	wait_until 60 test -e "$T/ready"
	kill -KILL "$loop"
	wait "$loop" || true
	wait_until 20 dead "$(cat "$T/pid")"
EOF

t 'an outage uses up no iteration: overload, limit, lost connection' <<'EOF'
	claude_project outage
	cd outage
	echo 5e-5 >value
	git commit -qam better
	git push -q
	api <<'END'
[{"status": 529, "repeat": 2, "body": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}},
 {"text": "Now.\n\nDONE"}]
END
	loop 0 -n 1
	test_grep 'iteration 1 outage after .*529' "$T/err"
	events | grep -v start >"$T/got"
	printf '%s\n' 'iteration 1 outage' 'iteration 1 done' 'end 1 done' >"$T/want"
	test_cmp "$T/want" "$T/got"
	api <<'END'
[{"status": 429, "headers": {"retry-after": "120"},
  "body": {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}},
 {"text": "DONE"}]
END
	loop 0 -n 1 --max-failures 1
	test_grep 'iteration 1 outage after .*429' "$T/err"
	api <<'END'
[{"cut": true, "repeat": 2}, {"text": "DONE"}]
END
	loop 0 -n 1 --max-failures 1
	test_grep 'iteration 1 outage after .*Connection' "$T/err"
EOF

t 'nobody answers at the address of the API: an outage' <<'EOF'
	cd outage
	export ANTHROPIC_BASE_URL=http://127.0.0.1:9
	loop 1 --max-time 4s --max-failures 1
	test_grep 'iteration 1 outage after .*ECONNREFUSED' "$T/err"
	test_no_grep 'failed' "$T/err"
EOF

t 'is_error is no success, whatever the subtype says: a request refused' <<'EOF'
	cd outage
	api <<'END'
[{"status": 400, "repeat": 20, "body": {"type": "error", "error": {"type": "invalid_request_error", "message": "\n\nDONE"}}}]
END
	loop 3 --max-failures 1
	test_grep 'iteration 1 failed after .*400' "$T/err"
	test_no_grep claimed "$T/err"
EOF

t 'nobody is logged in: a failure, which does not go on for ever' <<'EOF'
	cd outage
	unset ANTHROPIC_API_KEY
	api <<<'[]'
	loop 3 --max-failures 1
	test_grep 'iteration 1 failed after .*/login' "$T/err"
EOF

t 'a tool that is not permitted is reported; a promise would count' <<'EOF'
	claude_project denied
	cd denied
	sed -i 's/ --allowedTools.*//' .gitagent
	git commit -qam 'no tools'
	git push -q
	api <<'END'
[{"tools": [{"name": "Bash", "input": {"command": "touch made"}}]},
 {"text": "I could not."}]
END
	loop 1 -n 1
	test ! -e made
	test_grep 'the client denied 1 tool call' "$T/err"
EOF

t 'the client cannot start: what it said is in the record' <<'EOF'
	cd denied
	loop 3 --max-failures 1 --agent 'claude -p --no-such-option'
	test_grep "iteration 1 failed after .*exit status 1: .*no-such-option" "$T/err"
EOF

finish
