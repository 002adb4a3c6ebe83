#!/usr/bin/env bash
# git-agent-hook: what the agent's client calls after every tool call.
. "${0%/*}/lib.sh"

hook=$B/bin/git-agent-hook
new_repo project
# A loop supervises, unless a test says otherwise: no sync is started.
export GIT_AGENT_RUN=01ARZ3NDEKTSV4RRFFQ69G5FAV

# send TEXT…: instructions, put into the inbox of the current work tree.
send() {
	local text
	for text; do
		git agent steer "$text"
	done
	git agent sync --inbox
}

# call JSON: as the client does; the folder by CLAUDE_PROJECT_DIR or cwd.
call() {
	printf '%s' "$1" | "$hook"
}

context() {
	jq -r .hookSpecificOutput.additionalContext
}

waiting() {
	git rev-parse --git-path agent/inbox | xargs ls | wc -l
}

t 'it links libc alone' <<'EOF'
	test -x "$hook"
	readelf -d "$hook" | grep NEEDED >out
	test_no_grep -vE 'libc\.|ld-linux|lib(asan|ubsan|m|gcc_s)\.' out
EOF

t 'it is silent where there is nothing, and outside of repositories' <<'EOF'
	mkdir empty
	cd empty
	call '{"hook_event_name":"PostToolBatch"}' >out 2>err
	test_empty out
	test_empty err
	cd ../project
	call '{"hook_event_name":"PostToolBatch"}' >out 2>err
	test_empty out
	test_empty err
	# And leaves nothing behind.
	test ! -e .git/agent
EOF

t 'events of which it takes note' <<'EOF'
	cd project
	for event in PostToolBatch PostToolUse PostToolUseFailure \
	    UserPromptSubmit; do
		send "for $event"
		call '{"hook_event_name":"'$event'"}' >out
		test "$(jq -r .hookSpecificOutput.hookEventName out)" = $event
		context <out >text
		test_grep "^for $event$" text
		test_lines 1 out
	done
EOF

t 'events that take no context leave the instruction where it is' <<'EOF'
	cd project
	send 'for later'
	for event in Stop SubagentStop PreCompact SessionEnd Notification \
	    Other ''; do
		call '{"hook_event_name":"'$event'"}' >out
		test_empty out
	done
	call '{}' >out
	test_empty out
	test "$(waiting)" = 1
	call '{"hook_event_name":"PostToolUse"}' >out
	test_grep 'for later' out
EOF

t 'a subagent is passed over' <<'EOF'
	cd project
	send 'for the main agent'
	call '{"agent_id":"a1","agent_type":"Explore","hook_event_name":"PostToolUse"}' >out
	test_empty out
	call '{"hook_event_name":"PostToolUse","agent_id":"a1"}' >out
	test_empty out
	call '{"hook_event_name":"PostToolUse","agent_id":""}' >out
	test_grep 'for the main agent' out
EOF

t 'a subagent named behind a huge tool output is passed over too' <<'EOF'
	cd project
	send 'not for a subagent'
	{
		printf '{"hook_event_name":"PostToolUse","tool_response":"'
		head -c 3000000 /dev/zero | tr '\0' 'x'
		printf '","agent_id":"a1"}'
	} | "$hook" >out
	test_empty out
	call '{"hook_event_name":"PostToolUse"}' >out
	test_grep 'not for a subagent' out
EOF

t 'forged keys in nested values and in strings count for nothing' <<'EOF'
	cd project
	send 'still arrives'
	call '{"hook_event_name":"PostToolUse","tool_input":{"agent_id":"x","hook_event_name":"Stop","cwd":"/"},"tool_calls":[{"agent_id":"y"}],"s":"\",\"agent_id\":\"z\",{[","t":"}}}\\","agent_idx":"n"}' >out
	test_grep 'still arrives' out
	send 'again'
	call '{"hook_event_name":["PostToolUse"]}' >out
	test_empty out
	call '{"hook_event_name":{"x":"PostToolUse"}}' >out
	test_empty out
	call '{"tool_input":{"hook_event_name":"PostToolUse"}}' >out
	test_empty out
	call '["hook_event_name","PostToolUse"]' >out
	test_empty out
	call '{"x":["hook_event_name"],"y":{"hook_event_name":"PostToolUse"}}' >out
	test_empty out
	call '{ "hook_event_name" : "PostToolUse" }' >out
	test_grep 'again' out
EOF

t 'what is no JSON harms nothing' <<'EOF'
	cd project
	send 'survivor'
	for text in '' '{' '"' '{"' '}}}}' '{"a":"\' '{"a":"\u' '{"a":"\u12' \
	    '[[[[' '{"hook_event_name"' '{"hook_event_name":"PostToolUse' \
	    'hook_event_name: PostToolUse'; do
		call "$text" >out
		test_empty out
	done
	head -c 300000 /dev/urandom | "$hook" >out
	test_empty out
	"$hook" </dev/null >out
	test_empty out
	head -c 200000 /dev/zero | tr '\0' '{' | "$hook" >out
	printf '{"%s":"PostToolUse"}' "$(head -c 70000 /dev/zero | tr '\0' k)" |
		"$hook" >out
	test_empty out
	call '{"hook_event_name":"PostToolUse"}' >out
	test_grep survivor out
EOF

t 'stdin of many megabytes is read to its end' <<'EOF'
	cd project
	send 'behind megabytes'
	{
		printf '{"tool_response":"'
		head -c 20000000 /dev/zero | tr '\0' 'a'
		printf '","hook_event_name":"PostToolUse"}'
	} >big
	cat big | "$hook" >out
	test "${PIPESTATUS[*]}" = '0 0'
	test_grep 'behind megabytes' out
	rm big
EOF

t 'SessionStart gives the digest' <<'EOF'
	cd project
	git agent log failed 'explicit Euler' --because 'too stiff'
	git agent sync --inbox
	for source in resume clear compact; do
		call '{"hook_event_name":"SessionStart","source":"'$source'"}' >out
		test "$(jq -r .hookSpecificOutput.hookEventName out)" = SessionStart
		context <out >text
		test_grep 'explicit Euler' text
		test_grep 'too stiff' text
		test "$(wc -m <text)" -le 10000
	done
	# The loop's prompt has it already.
	call '{"hook_event_name":"SessionStart","source":"startup"}' >out
	test_empty out
	unset GIT_AGENT_RUN
	call '{"hook_event_name":"SessionStart","source":"startup"}' >out
	test_grep 'explicit Euler' out
EOF

t 'a digest of very much stays below the limit of the clients' <<'EOF'
	new_repo wordy
	cd wordy
	long=$(head -c 3000 /dev/zero | tr '\0' 'x')é
	for kind in status failed next limit milestone done; do
		for i in 1 2 3 4 5 6 7; do
			printf '%s\n\n%sé' "$long" "é$long" |
				git agent log $kind - --instead "é$long"
		done
	done
	git agent sync --inbox
	call '{"hook_event_name":"SessionStart","source":"resume"}' >out
	context <out >text
	test "$(wc -c <text)" -gt 5000
	test "$(wc -c <text)" -le 9500
	iconv -f UTF-8 -t UTF-8 text >copy
	test_cmp text copy
EOF

t 'it finds the repository by cwd, from below, and by CLAUDE_PROJECT_DIR' <<'EOF'
	cd project
	mkdir -p 'src/dëep er'
	for how in 1 2 3 4 5 6; do
		send "place $how"
	done
	here=$PWD
	one='{"hook_event_name":"PostToolUse"}'
	# One at a time: the others wait in a folder beside.
	mkdir held
	mv .git/agent/inbox/* held/
	next() {
		local name
		name=$(ls "$here/held" | head -n 1)
		mv "$here/held/$name" "$here/.git/agent/inbox/"
	}
	next
	(cd src && call "$one") >out
	test_grep 'place 1' out
	next
	(cd / && call '{"hook_event_name":"PostToolUse","cwd":"'"$here/src"'"}') >out
	test_grep 'place 2' out
	next
	(cd / && CLAUDE_PROJECT_DIR=$here call "$one") >out
	test_grep 'place 3' out
	next
	(cd / && call '{"cwd":"'"$here"'/src/d\u00ebep er","hook_event_name":"PostToolUse"}') >out
	test_grep 'place 4' out
	next
	# The agent went elsewhere; the project stays what it is.
	(cd / && CLAUDE_PROJECT_DIR=$here call '{"hook_event_name":"PostToolUse","cwd":"/"}') >out
	test_grep 'place 5' out
	next
	(cd / && CLAUDE_PROJECT_DIR=/nowhere call '{"hook_event_name":"PostToolUse","cwd":"'"$here"'"}') >out
	test_grep 'place 6' out
EOF

t 'a linked worktree has an inbox of its own' <<'EOF'
	cd project
	git worktree add -q ../linked
	send 'for the main tree'
	cd ../linked
	call '{"hook_event_name":"PostToolUse"}' >out
	test_empty out
	git agent sync --inbox
	call '{"hook_event_name":"PostToolUse"}' >out
	test_grep 'for the main tree' out
	cd ../project
	call '{"hook_event_name":"PostToolUse"}' >out
	test_grep 'for the main tree' out
EOF

t '20 calls at once deliver each instruction exactly once' <<'EOF'
	cd project
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		git agent steer "parallel $i."
	done
	git agent sync --inbox
	for round in 1 2 3; do
		for i in $(seq 20); do
			call '{"hook_event_name":"PostToolUse"}' >"out.$round.$i" &
		done
		wait
	done
	cat out.*.* | context >text
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		test "$(grep -c "^parallel $i\.$" text)" = 1
	done
	test "$(waiting)" = 0
	rm out.*
	git agent sync --inbox
	git agent steer --list --all --json >list
	test "$(jq '[.[]|select(.subject|startswith("parallel"))|select(.state=="delivered")]|length' list)" = 12
	git log --glob='refs/agent/log/*' --format=%s >subjects
	test "$(grep -c '^delivered: parallel' subjects)" = 12
EOF

t 'exactly once, many times over, with calls that start together' <<'EOF'
	cd project
	mkdir -p .git/agent/inbox
	printf '{"hook_event_name":"PostToolUse"}' >event
	mkfifo in.1 in.2 in.3 in.4 in.5 in.6
	for round in $(seq 25); do
		for i in $(seq 10); do
			echo "race $round.$i." >"$(printf \
				.git/agent/inbox/%020d-%040x $i $((round * 100 + i)))"
		done
		# All have read the event and see its end in the same moment.
		for i in 1 2 3 4 5 6; do
			"$hook" <"in.$i" >"out.$round.$i" &
		done
		for i in 1 2 3 4 5 6; do
			eval "exec 2$i>in.$i"
			eval "cat event >&2$i"
		done
		sleep 0.02
		exec 21>&- 22>&- 23>&- 24>&- 25>&- 26>&-
		wait
	done
	cat out.*.* | context | grep '^race ' | sort >got
	for round in $(seq 25); do
		for i in $(seq 10); do
			echo "race $round.$i."
		done
	done | sort >expected
	test_cmp expected got
	rm -rf in.* out.*.* .git/agent/delivered
EOF

t 'the text is JSON whatever it holds' <<'EOF'
	cd project
	printf 'quote " back \\ tab\there\n\nesc \033[31m bell \007 del \177\nlast é 漢 \xe2\x80\xae\n' |
		git agent steer -
	git agent sync --inbox
	call '{"hook_event_name":"PostToolUse"}' >out
	context <out >text
	test_grep -F 'quote " back \ tab here' text
	test_grep -F 'esc ^[[31m bell ^G del ^?' text
	test_grep -F 'last é 漢 �' text
EOF

t 'an output that cannot be written keeps the instruction' <<'EOF'
	cd project
	send 'once more'
	call '{"hook_event_name":"PostToolUse"}' >/dev/full
	test "$(waiting)" = 1
	call '{"hook_event_name":"PostToolUse"}' >out
	test_grep 'once more' out
EOF

t 'files in the inbox that are none of ours are left alone' <<'EOF'
	cd project
	mkdir -p .git/agent/inbox
	for name in note .hidden 00000000000000000001-x \
	    "00000000000000000001-$(printf '%040d' 1).XXXXXX"; do
		echo secret >".git/agent/inbox/$name"
	done
	call '{"hook_event_name":"PostToolUse"}' >out
	test_empty out
	rm .git/agent/inbox/*
EOF

t 'options' <<'EOF'
	"$hook" --version >out
	test_grep '^git-agent version' out
	"$hook" -h >out
	test_grep '^usage: ' out
	test_exit 129 "$hook" wibble >out
EOF

start_git_daemon "$SCRATCH/srv"
git init -q --bare srv/origin.git
new_repo agent
git -C agent remote add origin "$DAEMON_URL/origin.git"
git -C agent push -q -u origin main
git clone -q "$DAEMON_URL/origin.git" sender

has_mail() {
	ls "$1"/.git/agent/inbox/0* >/dev/null 2>&1
}

t 'without a supervisor it starts a sync by itself' <<'EOF'
	unset GIT_AGENT_RUN
	(cd agent && git agent log status 'at work')
	(cd sender && git agent steer 'by the detached sync')
	cd agent
	call '{"hook_event_name":"PostToolUse"}' >out
	test_empty out
	wait_until 10 has_mail .
	call '{"hook_event_name":"PostToolUse"}' >out
	test_grep 'by the detached sync' out
EOF

t 'the sync holds none of our descriptors' <<'EOF'
	unset GIT_AGENT_RUN
	cd agent
	mkdir slow
	printf '#!/bin/sh\necho $$ >"%s/pid"\nexec sleep 60\n' "$PWD" \
		>slow/git-agent-sync
	chmod +x slow/git-agent-sync
	export PATH=$PWD/slow:$PATH
	rm -f .git/agent/asked
	start=$SECONDS
	# These pipes end only when nobody holds them any more.
	{ call '{"hook_event_name":"PostToolUse"}' 9>&1 2>&1 | cat; } 2>&1 | cat
	test $((SECONDS - start)) -le 20
	wait_until 5 test -s pid
	kill -0 "$(cat pid)"
	kill "$(cat pid)"
EOF

t 'it asks for a sync once in a while, not at each call' <<'EOF'
	unset GIT_AGENT_RUN
	new_repo quiet
	cd quiet
	git agent log status 'no remote'
	mkdir bin
	printf '#!/bin/sh\necho x >>"%s/syncs"\n' "$PWD" >bin/git-agent-sync
	chmod +x bin/git-agent-sync
	export PATH=$PWD/bin:$PATH
	for i in 1 2 3 4 5 6; do
		call '{"hook_event_name":"PostToolUse"}'
	done
	wait_until 5 test -s syncs
	sleep 0.5
	test_lines 1 syncs
	touch -d '1 minute ago' .git/agent/asked
	# Somebody else's fetch does not fill our inbox.
	touch .git/agent/fetched
	call '{"hook_event_name":"PostToolUse"}'
	two() { test "$(wc -l <syncs)" = 2; }
	wait_until 5 two
	# A clock that was set back must not stop it.
	touch -d '1 day' .git/agent/asked
	call '{"hook_event_name":"PostToolUse"}'
	three() { test "$(wc -l <syncs)" = 3; }
	wait_until 5 three
	# Not for subagents, and not inside a loop.
	rm .git/agent/asked
	call '{"hook_event_name":"PostToolUse","agent_id":"x"}'
	GIT_AGENT_RUN=x call '{"hook_event_name":"PostToolUse"}'
	sleep 0.5
	test_lines 3 syncs
EOF

t 'a project without records is left alone' <<'EOF'
	unset GIT_AGENT_RUN
	new_repo untouched
	cd untouched
	call '{"hook_event_name":"PostToolUse"}'
	test ! -e .git/agent
EOF

finish
