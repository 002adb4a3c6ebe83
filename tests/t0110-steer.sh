#!/usr/bin/env bash
# git agent steer: an instruction from sending to its answer.
. "${0%/*}/lib.sh"

start_git_daemon "$SCRATCH/srv"
git init -q --bare srv/origin.git
new_repo agent
git -C agent remote add origin "$DAEMON_URL/origin.git"
git -C agent push -q -u origin main
git clone -q "$DAEMON_URL/origin.git" sender
git -C sender config user.name 'Grace Hopper'
git -C sender config user.email grace@example.org

# state SUBJECT: as the clone in which it is called sees it.
state() {
	git agent steer --list --all --json |
		jq -r --arg s "$1" '.[]|select(.subject==$s).state'
}

field() {
	git agent steer --list --all --json |
		jq -r --arg s "$1" ".[]|select(.subject==\$s).$2"
}

# hook EVENT: what the agent's client would call.
hook() {
	printf '{"hook_event_name":"%s","cwd":"%s"}' "${1-PostToolBatch}" \
		"$PWD" | CLAUDE_PROJECT_DIR='' GIT_AGENT_RUN=x git-agent-hook
}

t 'without instructions it says how to send one' <<'EOF'
	cd sender
	git agent steer >out 2>err
	test_empty out
	test_grep 'no instructions yet' err
	test "$(git agent steer --json | jq -c .)" = '[]'
EOF

t 'it is sent, and pushed is said of what the remote has' <<'EOF'
	cd sender
	git agent steer 'switch to Kvaerno5' 2>err
	test_grep "^instruction [0-9a-f]\{7,\} pushed to 'origin'$" err
	test "$(state 'switch to Kvaerno5')" = pushed
	git -C ../srv/origin.git log --glob='refs/agent/log/*' --format=%s >out
	test_grep '^steer: switch to Kvaerno5$' out
EOF

t 'it is delivered by the hook, and the sender sees that' <<'EOF'
	cd agent
	git agent sync --inbox
	hook >out
	jq -r .hookSpecificOutput.additionalContext out >text
	test_grep '^Grace Hopper <grace@example.org> pushed this instruction' text
	test_grep '^switch to Kvaerno5$' text
	test_grep 'git agent steer --done [0-9a-f]\{7,\} ' text
	git agent sync --inbox
	cd ../sender
	test "$(state 'switch to Kvaerno5')" = delivered
	test "$(field 'switch to Kvaerno5' delivered)" != null
	test "$(field 'switch to Kvaerno5' delivered_to)" = \
		"$(cat ../agent/.git/agent/writer | head -n 1)"
	git agent steer >out
	test_grep 'delivered switch to Kvaerno5' out
EOF

t 'it is handed over once' <<'EOF'
	cd agent
	hook >out
	test_empty out
	git agent sync --inbox
	hook >out
	test_empty out
	git log --glob='refs/agent/log/*' --format=%s >out
	test "$(grep -c '^delivered: ' out)" = 1
EOF

t 'the agent answers: done' <<'EOF'
	cd agent
	git agent steer --done "$(field 'switch to Kvaerno5' abbrev)" \
		'Kvaerno5 is in, error 3e-5' 2>err
	test_grep "^answer .* pushed to 'origin'$" err
	cd ../sender
	test "$(state 'switch to Kvaerno5')" = done
	test "$(field 'switch to Kvaerno5' answer)" = 'Kvaerno5 is in, error 3e-5'
	test "$(field 'switch to Kvaerno5' answered_by)" = 'Ada Lovelace'
	git agent steer >out
	test_grep 'done by Ada Lovelace.*: Kvaerno5 is in, error 3e-5' out
EOF

t 'the agent answers: declined, which needs a reason' <<'EOF'
	cd sender
	printf 'use float\n\nit is faster\n' | git agent steer -
	id=$(field 'use float' id)
	test "$(field 'use float' body)" = 'it is faster'
	cd ../agent
	git agent sync --inbox
	hook >out
	test_grep 'it is faster' out
	test_exit 129 git agent steer --decline "$id" 2>err
	test_grep -e '--decline needs the reason' err
	git agent steer --decline "$id" 'too inaccurate'
	test "$(state 'use float')" = declined
	cd ../sender
	test "$(state 'use float')" = declined
	test "$(field 'use float' answer)" = 'too inaccurate'
EOF

t 'a second answer is refused; of two clones that answer at once one counts' <<'EOF'
	cd sender
	git agent steer 'answer me'
	id=$(field 'answer me' id)
	(cd ../agent && git agent sync)
	git agent steer --done "$id" 'by the sender' --no-push || true
	(cd ../agent && git agent steer --decline "$id" 'by the agent')
	for verb in --done --decline; do
		test_exit 128 git agent steer $verb "$id" again 2>err
		test_grep "instruction '$id' is already done; 'git agent log' records" err
		test_exit 128 git -C ../agent agent steer $verb "$id" again 2>err
		test_grep 'is already declined' err
	done
	git agent sync
	test "$(state 'answer me')" = "$(cd ../agent; state 'answer me')"
	git log --glob='refs/agent*' --format=%s >out
	test "$(grep -c '^answered: by the' out)" = 2
	test_no_grep '^answered: again' out
EOF

t 'what is retracted in time is not delivered' <<'EOF'
	cd sender
	git agent steer 'delete everything'
	(cd ../agent && git agent sync --inbox)
	ls ../agent/.git/agent/inbox >before
	test_lines 1 before
	git agent steer --retract "$(field 'delete everything' abbrev)" oops
	test "$(state 'delete everything')" = retracted
	cd ../agent
	git agent sync --inbox
	hook >out
	test_empty out
	test "$(state 'delete everything')" = retracted
EOF

t 'what is answered or retracted cannot be retracted again' <<'EOF'
	cd sender
	test_exit 128 git agent steer --retract "$(field 'delete everything' id)" 2>err
	test_grep 'is already retracted' err
	test_exit 128 git agent steer --done "$(field 'delete everything' id)" 2>err
	test_grep 'is already retracted' err
	test_exit 128 git agent steer --retract "$(field 'switch to Kvaerno5' id)" 2>err
	test_grep 'is already done' err
EOF

t 'instructions arrive in the order in which they were sent' <<'EOF'
	cd sender
	for i in 1 2 3 4 5; do
		git agent steer "step $i"
	done
	cd ../agent
	git agent sync --inbox
	hook | jq -r .hookSpecificOutput.additionalContext >text
	grep '^step' text >order
	printf 'step %d\n' 1 2 3 4 5 >expected
	test_cmp expected order
EOF

t 'a long one is cut with a pointer to the rest; others still come' <<'EOF'
	cd sender
	{ echo 'long one'; echo; yes 'äöü many words' | head -n 2000; } |
		git agent steer -
	git agent steer 'short one'
	cd ../agent
	git agent sync --inbox
	hook | jq -r .hookSpecificOutput.additionalContext >text1
	hook | jq -r .hookSpecificOutput.additionalContext >text2
	cat text1 text2 >text
	test_grep '^long one' text
	test_grep 'The rest: git agent log show' text
	test_grep '^short one' text
	test "$(wc -c <text1)" -le 9500
	iconv -f UTF-8 -t UTF-8 text >copy
	test_cmp text copy
EOF

t '--stop reaches a run and ends it' <<'EOF'
	cd sender
	git agent steer --stop 'wrong branch' 2>err
	test_grep '^request to stop .* pushed' err
	test "$(field 'wrong branch' stop)" = true
	cd ../agent
	export GIT_AGENT_RUN=01ARZ3NDEKTSV4RRFFQ69G5FAV
	git agent sync --inbox
	hook >out
	test "$(jq .continue out)" = false
	test_grep 'wrong branch' out
	# The agent would not read the others any more.
	test_no_grep 'step 1' out
	git agent sync --inbox
	git agent sync
	test "$(state 'wrong branch')" = delivered
	# A run that begins later is not meant.
	export GIT_AGENT_RUN=7ZZZZZZZZZTSV4RRFFQ69G5FAW
	git agent sync --inbox
	ls .git/agent/inbox >left
	test_no_grep stop left
EOF

t '--stop without words has its own' <<'EOF'
	cd sender
	git agent steer --stop
	test "$(state 'please stop')" = pushed
	git agent steer --retract "$(field 'please stop' id)"
EOF

t 'a clone that has no agent gets no inbox by listing' <<'EOF'
	cd sender
	test ! -d .git/agent/inbox
EOF

stop_git_daemon
t 'an unreachable remote: queued, said, exit 1' <<'EOF'
	cd sender
	test_exit 1 git agent steer 'from the train' 2>err
	test_grep "not pushed to 'origin': .*'git agent sync' tries again" err
	test_grep 'is queued in this clone; it has not left this machine' err
	test_no_grep "pushed to 'origin'$" err
	test_exit 3 git agent steer --list --all --json >out 2>err
	test "$(jq -r '.[]|select(.subject=="from the train").state' out)" = queued
	test_grep "could not ask 'origin' for news" err
	test_grep 'what is shown was fetched' err
	test_exit 0 git agent steer --list --offline >out
	test_grep 'queued from the train' out
	test_exit 1 git agent sync 2>err
	test_grep '1 record of this clone is not at' err
	test_grep 'Connection refused' err
EOF

start_git_daemon "$SCRATCH/srv"
t 'and the next sync delivers it' <<'EOF'
	cd sender
	git agent sync
	test "$(state 'from the train')" = pushed
EOF

t 'a remote that refuses: queued, with its reason' <<'EOF'
	printf '#!/bin/sh\necho "no agents here" >&2\nexit 1\n' \
		>srv/origin.git/hooks/pre-receive
	chmod +x srv/origin.git/hooks/pre-receive
	cd sender
	test_exit 1 git agent steer 'refused one' 2>err
	rm ../srv/origin.git/hooks/pre-receive
	test_grep 'refused .refs/agent/log/.*pre-receive hook declined' err
	test "$(state 'refused one')" = queued
	git agent sync
	test "$(state 'refused one')" = pushed
EOF

t '--no-push and --offline leave it here, and say so by the exit status' <<'EOF'
	cd sender
	test_exit 1 git agent steer --no-push later 2>err
	test_grep 'is queued in this clone' err
	test_exit 1 git agent steer --offline later2
	test "$(state later)" = queued
	git agent sync
	test "$(state later)" = pushed
	test "$(state later2)" = pushed
EOF

t 'without a remote it is recorded here' <<'EOF'
	new_repo alone
	cd alone
	git agent steer 'note to self' 2>err
	test_grep 'recorded in this clone (it has no remote)' err
	git agent sync --inbox
	hook >out
	test_grep 'note to self' out
EOF

t 'ids that name no instruction' <<'EOF'
	cd sender
	git agent log done 'not an instruction'
	id=$(git agent log done --json -n 1 | jq -r '.[0].id')
	test_exit 128 git agent steer --done "$id" 2>err
	test_grep "is a 'done', not an instruction" err
	test_exit 128 git agent steer --done 00000000 2>err
	test_grep 'there is no record' err
	test_exit 128 git agent steer --done xyz 2>err
	test_grep "'xyz' is not the id of a record" err
	test_exit 128 git agent steer --retract '' 2>err
	test_exit 128 git agent steer '' 2>err
	test_grep 'there is no text to record' err
EOF

t 'options that contradict each other' <<'EOF'
	cd sender
	test_exit 129 git agent steer --done abcd --retract abcd 2>err
	test_grep 'cannot be combined' err
	test_exit 129 git agent steer --stop --list 2>err
	test_exit 129 git agent steer --list text 2>err
	test_grep "takes no operand, got 'text'" err
EOF

t 'older ones that are answered are listed with --all' <<'EOF'
	new_repo older
	cd older
	for i in 1 2 3 4 5 6 7; do
		git agent steer "old $i"
		git agent steer --done "$(field "old $i" id)"
	done
	git agent steer >out 2>err
	test "$(grep -c ' done old' out)" = 5
	test_grep '2 older ones are answered; --all shows them' err
	git agent steer --all >out
	test "$(grep -c ' done old' out)" = 7
	git agent steer --json >out
	test "$(jq length out)" = 7
EOF

t 'the JSON fields are those of the manual page' <<'EOF'
	cd sender
	git agent steer --list --json >out
	echo '["abbrev","answer","answered","answered_by","author","body","clock_ahead","delivered","delivered_to","email","id","sent","state","stop","subject"]' >expected
	jq -c '.[0]|keys' out >actual
	test_cmp expected actual
	for field in $(jq -r '.[0]|keys[]' out); do
		test_grep -w "$field" "$ROOT/man/git-agent-steer.1"
	done
EOF

t 'once in each run, until it is answered' <<'EOF'
	cd sender
	git agent steer 'for every run'
	cd ../agent
	for run in 01ARZ3NDEKTSV4RRFFQ69G5FAV 7ZZZZZZZZZTSV4RRFFQ69G5FAW; do
		export GIT_AGENT_RUN=$run
		git agent sync --inbox
		for i in 1 2 3; do
			hook >>"out.$run"
		done
		for i in 1 2 3; do
			git agent sync --inbox
			hook >>"out.$run"
		done
		test "$(grep -o 'for every run' "out.$run" | wc -l)" = 1
	done
	git agent steer --done "$(field 'for every run' id)"
	export GIT_AGENT_RUN=7ZZZZZZZZZTSV4RRFFQ69G5FAX
	git agent sync --inbox
	hook >out
	test_no_grep 'for every run' out
EOF

t 'a hook call that was killed in between loses nothing' <<'EOF'
	cd sender
	git agent steer 'nearly lost'
	cd ../agent
	git agent sync --inbox
	file=$(ls .git/agent/inbox | tail -n 1)
	mkdir -p .git/agent/claimed
	mv ".git/agent/inbox/$file" .git/agent/claimed/
	git agent sync --inbox
	hook >out
	test_no_grep 'nearly lost' out
	# What counts is the time of the rename, which cannot be set.
	sleep 12
	git agent sync --inbox
	hook >out
	test_grep 'nearly lost' out
EOF

finish
