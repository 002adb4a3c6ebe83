#!/usr/bin/env bash
# git agent init: a project set up from nothing, set up again, and connected
# from elsewhere, without ever overwriting what a person wrote.
. "${0%/*}/lib.sh"

# state DIR: everything a command could have written.
state() {
	find "$1" -type f ! -path '*/.git/index' -exec md5sum {} + | sort
	find "$1" -type d | sort
	git -C "$1" for-each-ref
}

goal_of() {
	git config -f "$1/.gitagent" project.goal
}

new_repo p
git init -q --bare origin.git
git -C p remote add origin "$SCRATCH/origin.git"
git -C p push -q -u origin main

# ---- scaffolding ----------------------------------------------------------------

t '--dry-run says what it would do, and writes nothing' <<'EOF'
	state p >before
	git -C p agent init --dry-run --goal 'reach 1e-4' --oracle 'sh run' >out 2>err
	state p >after
	test_cmp before after
	test_empty out
	test_grep '^CLAUDE.md: would be created' err
	test_grep '^.gitagent: would be created' err
	test_grep '^.claude/settings.json: would be created' err
	test_grep '^brief: would be recorded' err
	git -C origin.git for-each-ref refs/agent >refs
	test_empty refs
EOF

t 'the files, the brief with both of them attached, and it is pushed' <<'EOF'
	mkdir p/oracle
	echo 'echo metric err 1e-5' >p/oracle/run
	git -C p add oracle
	git -C p agent init --goal 'reach 1e-4' --oracle 'sh oracle/run' 2>err
	test_grep '^CLAUDE.md: created' err
	test_grep 'brief: recorded as .* and pushed' err
	test_grep 'git add CLAUDE.md .* && git push' err
	test "$(goal_of p)" = 'reach 1e-4'
	test_grep 'reach 1e-4' p/CLAUDE.md
	test_no_grep '@[A-Z]*@' p/CLAUDE.md
	test_no_grep '@[A-Z]*@' p/.gitagent
	jq -e '.hooks | keys == ["PostToolBatch", "SessionStart"]' p/.claude/settings.json
	rec=$(git -C p for-each-ref --format='%(objectname)' refs/agent/log)
	git -C p show "$rec:CLAUDE.md" >attached
	test_cmp p/CLAUDE.md attached
	git -C p show "$rec:.gitagent" >attached
	test_cmp p/.gitagent attached
	test "$(git -C p log -1 --format=%s "$rec")" = 'brief: reach 1e-4'
	test "$(git -C origin.git for-each-ref --format='%(objectname)' refs/agent/log)" = "$rec"
EOF

t 'what it made is understood by check and loop' <<'EOF'
	git -C p agent check --no-record --json >out
	jq -e '.state == "PASS"' out
	for agent in claude codex gemini opencode; do
		rm -rf one
		new_repo one
		git -C one agent init --goal g --oracle true --agent $agent 2>err
		git -C one agent check --no-record -q
		test "$(git config -f one/.gitagent loop.agent)" = $agent
		git config -f one/.gitagent agent.$agent.command
	done
EOF

t 'once more: nothing changes, nothing is recorded twice' <<'EOF'
	state p >before
	git -C p agent init --goal 'reach 1e-4' --oracle 'sh oracle/run' 2>err
	git -C p agent init --offline 2>>err
	git -C p for-each-ref refs/agent >refs
	test_no_grep recorded err
	test_no_grep 'created' err
	state p | grep -v '.git/' >after
	grep -v '.git/' before >before.files
	test_cmp before.files after
	git -C p agent log brief --json | jq -e 'length == 1'
EOF

t 'an edit is never overwritten, and recorded once' <<'EOF'
	echo '- and a plot' >>p/CLAUDE.md
	cp p/CLAUDE.md edited
	git -C p agent init 2>err
	test_cmp edited p/CLAUDE.md
	test_grep '^CLAUDE.md: left alone' err
	test_grep '^brief: recorded' err
	git -C p agent init 2>err
	test_no_grep recorded err
	git -C p agent log brief --json | jq -e 'length == 2'
	git -C p show "$(git -C p agent log brief --json | jq -r '.[0].id')":CLAUDE.md >attached
	test_cmp edited attached
EOF

t 'another goal or oracle: the user is told where to write it' <<'EOF'
	cp p/.gitagent before
	git -C p agent init --goal 'reach 1e-5' --oracle 'sh oracle/other' --agent codex 2>err
	test_cmp before p/.gitagent
	test_grep 'if it does not have this goal yet' err
	test_grep '\[oracle\], command = sh oracle/other' err
	test_grep '\[loop\], agent = codex' err
EOF

t 'settings of the client are left alone, with a word on what to add' <<'EOF'
	new_repo mine
	mkdir mine/.claude
	echo '{"permissions": {}}' >mine/.claude/settings.json
	git -C mine agent init --goal g 2>err
	test "$(cat mine/.claude/settings.json)" = '{"permissions": {}}'
	test_grep '^.claude/settings.json: left alone' err
	test_grep 'git-agent-hook.*SessionStart and PostToolBatch' err
EOF

t 'an agent that is named twice is set up once' <<'EOF'
	new_repo twice
	git -C twice agent init --goal g --agent codex --agent codex \
		--agent claude --agent codex 2>err
	test "$(grep -c '^\[agent "codex"\]' twice/.gitagent)" = 1
	test "$(grep -c '^AGENTS.md: created' err)" = 1
	git -C twice agent sync --check >out
	test_no_grep gitagent out
EOF

t 'an unknown agent is said before the network is asked' <<'EOF'
	git clone -q origin.git asked
	state asked >before
	test_exit 128 git -C asked agent init --goal g --agent cladue 2>err
	test_lines 1 err
	test_grep "'cladue' is not an agent that init knows" err
	state asked >after
	test_cmp before after
EOF

t 'files for several agents; one that is unknown, with a suggestion' <<'EOF'
	new_repo several
	git -C several agent init --goal g --agent codex --agent gemini --agent opencode 2>err
	test -f several/AGENTS.md
	test -f several/GEMINI.md
	test ! -e several/.claude
	git config -f several/.gitagent agent.opencode.command
	test "$(git config -f several/.gitagent loop.agent)" = codex
	new_repo unknown
	state unknown >before
	test_exit 128 git -C unknown agent init --goal g --agent cladue 2>err
	test_grep "did you mean 'claude'?" err
	test_exit 128 git -C unknown agent init --goal g --agent 'my own' 2>err
	test_grep "'my own' is not an agent" err
	state unknown >after
	test_cmp before after
EOF

# ---- goals and oracles that are hard to write down -------------------------------

# goal TEXT: init with it; the goal comes back from .gitagent and the brief.
goal() {
	local - && set +x
	rm -rf g
	new_repo g
	git -C g agent init --goal "$1" 2>err || { cat err; return 1; }
	git -C g agent status --json >out || return 1
	jq -r .goal out >got
	printf '%s\n' "${1%%$'\n'*}" >want
	test_cmp want got || return 1
	test_grep -F -- "${1%%$'\n'*}" g/CLAUDE.md || return 1
	# the parser's word counts, not git's
	git -C g agent init --offline 2>err || return 1
	git -C g agent log brief --json | jq -e 'length == 1' || return 1
	echo '- more' >>g/CLAUDE.md
	git -C g agent init --offline 2>err || return 1
	git -C g agent log brief --json >briefs || return 1
	jq -e 'length == 2 and .[0].body == .[1].body' briefs || return 1
}

t 'goals with awkward characters arrive as they are' <<'EOF'
	goal 'say "hello" and '\''hello'\'''
	goal 'semi;colon # hash % percent \ back\slash $HOME `id` $(id)'
	goal '# begins with a hash'
	goal '(re)implement the solver = fast: [now]'
	goal 'Größe ≤ 10⁻⁴ für 流体 🚀'
	goal '@ORACLE@ @GOAL@ @AGENT@'
	goal "$(printf 'long %.0s' {1..500})end"
	goal '--dashes'
	goal 'trailing backslash \'
EOF

t 'of a goal of several lines the first is the sentence, all are recorded' <<'EOF'
	goal "$(printf 'port the solver\n\nwith ; all\n# its options')"
	test_grep '^# its options' g/CLAUDE.md
	git -C g agent log show "$(git -C g agent log brief --json | jq -r '.[0].id')" >out
	test_grep 'with ; all' out
EOF

t 'blanks around a goal are not part of it' <<'EOF'
	rm -rf g
	new_repo g
	git -C g agent init --goal "$(printf '\n  port it \t\n x')" 2>err
	test "$(goal_of g)" = 'port it'
EOF

t 'a goal that cannot be stored is refused, and nothing is written' <<'EOF'
	rm -rf g
	new_repo g
	state g >before
	test_exit 128 git -C g agent init --goal 'one ; two' 2>err
	test_grep "'.gitagent' cannot hold the goal" err
	test_grep "';' behind a blank" err
	test_exit 128 git -C g agent init --goal '; begins with it' 2>err
	test_exit 128 git -C g agent init --goal ok --oracle 'a ; b' 2>err
	test_grep "cannot hold the command" err
	test_grep 'put it into a script' err
	test_exit 128 git -C g agent init --goal ok --oracle "$(printf 'a\nb')" 2>err
	test_grep "cannot hold the command" err
	test_exit 128 git -C g agent init --goal ok --oracle "$(printf 'a\n[loop]\nagent = evil')" 2>err
	test_exit 129 git -C g agent init --goal '' 2>err
	test_grep 'the goal is empty' err
	test_exit 129 git -C g agent init --oracle '  ' 2>err
	test_exit 129 git -C g agent init 'reach 1e-4' 2>err
	test_grep -- '--goal "text"' err
	state g >after
	test_cmp before after
EOF

t 'oracles with awkward characters arrive as they are' <<'EOF'
	for oracle in 'echo "metric a 1"; true' 'test "$HOME" = "$HOME" # x' \
	    'printf "metric a 1\n" && true' "sh -c 'echo 100%'" 'true = true'; do
		rm -rf g
		new_repo g
		git -C g agent init --goal g --oracle "$oracle" 2>err
		git -C g agent check --no-record -v --json >out || test "$oracle" = 'true = true'
		test_grep -F -- "$oracle" g/.gitagent
	done
EOF

t 'the oracle'\''s folder is protected' <<'EOF'
	rm -rf g
	new_repo g
	mkdir g/oracle
	printf '#!/bin/sh\n' >g/oracle/compare
	chmod +x g/oracle/compare
	git -C g agent init --goal g --oracle './oracle/compare --all' 2>err
	test "$(git config -f g/.gitagent oracle.protect)" = oracle/
	git -C g agent check --no-record -q
EOF

t 'without a goal: a place to write it, and the brief follows' <<'EOF'
	rm -rf g
	new_repo g
	git -C g agent init 2>err
	test_no_grep recorded err
	test_grep "write the goal into CLAUDE.md and .gitagent" err
	sed -i 's/goal = .*/goal = now I know/' g/.gitagent
	git -C g agent init 2>err
	test_grep 'brief: recorded' err
	git -C g agent status --json | jq -e '.goal == "now I know"'
EOF

# ---- connecting -----------------------------------------------------------------

git clone -q origin.git colleague

t 'a clone of a project with records is connected, not set up' <<'EOF'
	state colleague | grep -v '.git/' >before
	git -C colleague agent init 2>err
	test_grep '^connected to a project with 3 records: reach 1e-5' err
	test_grep "its files are not in this branch; 'git pull'" err
	state colleague | grep -v '.git/' | grep -v refs/agent >after
	test_cmp before after
	git -C colleague config --get-all remote.origin.fetch >specs
	test_grep 'refs/agent/log' specs
EOF

t '… also where its files are there, and from a linked worktree' <<'EOF'
	git -C p add .
	git -C p commit -qm 'set up'
	git -C p push -q
	git -C colleague pull -q
	git -C colleague worktree add -q ../beside -b beside
	for dir in colleague beside; do
		git -C $dir agent init 2>err
		test_grep '^connected' err
		test_grep "'git agent status' shows" err
	done
	git -C colleague for-each-ref refs/agent >refs
	test_empty refs
EOF

t '… and on another branch of the clone that set it up' <<'EOF'
	git -C p worktree add -q ../old -b old main~1
	git -C old agent init 2>err
	test_grep 'its files are not in this branch' err
	test ! -e old/CLAUDE.md
	git -C p agent log brief --json | jq -e 'length == 3'
EOF

t 'offline, a fresh clone knows of no records: it is set up' <<'EOF'
	git clone -q origin.git offline
	git -C offline agent init --offline --goal alone 2>err
	test_grep 'brief: recorded as [0-9a-f]*$' err
	test_grep 'left alone' err
EOF

t 'an unreachable remote is no obstacle' <<'EOF'
	new_repo lonely
	git -C lonely remote add origin "$SCRATCH/nowhere.git"
	git -C lonely agent init --goal g 2>err
	test_grep 'could not ask' err
	test_grep 'not pushed yet' err
	test -f lonely/CLAUDE.md
EOF

# ---- places ------------------------------------------------------------------------

t 'from a subdirectory the files go to the top' <<'EOF'
	rm -rf g
	new_repo g
	mkdir -p g/deep/er
	git -C g/deep/er agent init --goal g 2>err
	test -f g/CLAUDE.md
	ls -A g/deep/er >files
	test_empty files
EOF

t 'before any commit exists' <<'EOF'
	git init -q unborn
	git -C unborn agent init --goal g 2>err
	test_grep 'brief: recorded' err
	git -C unborn agent status >out
	test_grep '^Goal g' out
EOF

t 'a bare repository has no place for files; nor has no repository' <<'EOF'
	test_exit 128 git -C origin.git agent init --goal g 2>err
	test_grep 'work tree' err
	mkdir none
	test_exit 128 git -C none agent init --goal g 2>err
	test_grep 'git repository' err
EOF

t 'no identity: said; no remote: no talk of pushing' <<'EOF'
	rm -rf g
	new_repo g
	git -C g agent init --goal g 2>err
	test_no_grep push err
	rm -rf g
	new_repo g
	git config --global --rename-section user nobody
	test_exit 128 git -C g agent init --goal g 2>err
	git config --global --rename-section nobody user
	test_grep 'user.name' err
EOF

t 'a stranger'\''s link out of the repository is not published' <<'EOF'
	rm -rf g
	new_repo g
	echo 'PRIVATE KEY' >secret
	ln -s ../secret g/CLAUDE.md
	test_exit 128 git -C g agent init --goal g 2>err
	test_grep "'CLAUDE.md' is a link to '$SCRATCH/secret'" err
	git -C g for-each-ref refs/agent >refs
	test_empty refs
	# one that stays inside is common
	rm -rf g
	new_repo g
	echo 'for all agents' >g/AGENTS.md
	ln -s AGENTS.md g/CLAUDE.md
	git -C g agent init --goal g 2>err
	git -C g show "$(git -C g agent log brief --json | jq -r '.[0].id')":CLAUDE.md >attached
	test_cmp g/AGENTS.md attached
EOF

t 'a link to nowhere is not followed' <<'EOF'
	rm -rf g
	new_repo g
	ln -s ../created g/CLAUDE.md
	git -C g agent init --goal g >out 2>err || true
	test ! -e created
EOF

t 'a .gitagent that is malformed is named' <<'EOF'
	rm -rf g
	new_repo g
	echo '[oracle' >g/.gitagent
	test_exit 128 git -C g agent init 2>err
	test_grep "'.gitagent' line 1" err
EOF

t 'the clone that set the goal may set another, and is told of the first' <<'EOF'
	new_repo goals
	cd goals
	git agent init --goal 'the first goal' --oracle true
	git agent init --goal 'the second goal' --oracle true 2>err
	test_grep "takes the place of the one by Ada Lovelace: 'the first" err
	git agent init --goal 'the second goal' --oracle true 2>err
	test_no_grep 'takes the place' err
EOF

t 'in another clone the goal of the project stands' <<'EOF'
	git clone -q goals goals-b
	cd goals-b
	git config user.name Bea
	test_exit 1 git agent init --goal 'the third goal' 2>err
	test_grep '^connected to a project with 2 records: the second goal' err
	test_grep 'the goal by Ada Lovelace stands and yours was not' err
	git agent log brief --json | jq -e 'length == 2'
	test ! -e CLAUDE.md
EOF

t '… the same goal is no quarrel, and files are made where asked for' <<'EOF'
	cd goals-b
	git agent init --goal 'the second goal' --agent codex 2>err
	test_no_grep stands err
	test_grep 'AGENTS.md: created' err
	test_grep 'the second goal' CLAUDE.md
	git agent log brief --json | jq -e 'length == 2'
EOF

t '… unless it is to be replaced' <<'EOF'
	cd goals-b
	git agent init --goal 'the third goal' --replace 2>err
	test_grep "takes the place of the one by Ada Lovelace: 'the second" err
	git agent log brief --json | jq -e 'length == 3'
	git agent status --json | jq -e '.goal == "the third goal"'
EOF

t 'a session that starts after init finds the digest' <<'EOF'
	new_repo digest
	cd digest
	git agent init --goal 'a goal' --oracle true
	test_grep 'Where the work stands' .git/agent/digest
EOF

t 'init writes nothing through a link that the repository brought' <<'EOF'
	new_repo linked
	cd linked
	mkdir ../outside
	ln -s ../outside .claude
	test_exit 128 git agent init --goal g --oracle true 2>err
	test_grep 'symbolic link' err
	test -z "$(ls ../outside)"
	rm .claude
	ln -s ../outside/none CLAUDE.md
	test_exit 128 git agent init --goal g --oracle true 2>err
	test_grep "'CLAUDE.md' is, or lies behind" err
	test -z "$(ls ../outside)"
EOF

finish
