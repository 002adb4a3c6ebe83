#!/usr/bin/env bash
# git agent log: lab notes are written, found again and rendered.
. "${0%/*}/lib.sh"

new_repo project

# newest FIELD: of the newest record.
newest() {
	git agent log --all --json -n 1 | jq -r ".[0].$1"
}

t 'without records it says how to write the first' <<'EOF'
	cd project
	git agent log >out 2>err
	test_empty out
	test_grep 'no records yet' err
	git agent log --json >out
	test "$(jq -c . out)" = '[]'
EOF

t 'every kind is written and read back' <<'EOF'
	cd project
	for kind in done failed status limit next milestone; do
		git agent log $kind "text of $kind" 2>err
		test_grep '^recorded [0-9a-f]\{7,\} in this clone (it has no remote)$' err
		test "$(newest kind)" = $kind
		test "$(newest subject)" = "text of $kind"
		test "$(newest body)" = ''
		test "$(newest at)" = "$(git rev-parse HEAD)"
		test "$(newest author)" = 'Ada Lovelace'
		test "$(newest email)" = ada@example.org
	done
	git agent log >out
	test "$(grep -c ': text of' out)" = 6
	test_grep '^[0-9a-f]\{7\} milestone: text of milestone$' out
	test "$(grep -m 1 'text of' out)" = "$(grep 'text of milestone' out)"
	git agent log failed >out
	test "$(grep -c ': text of' out)" = 1
	test_grep 'failed: text of failed' out
EOF

t 'words are joined; --because and --instead are kept and shown' <<'EOF'
	cd project
	git agent log failed Tsit5 for the ODE \
		--because 'The system is too stiff.' --instead Kvaerno5
	test "$(newest subject)" = 'Tsit5 for the ODE'
	test "$(newest body)" = 'The system is too stiff.'
	test "$(newest instead)" = Kvaerno5
	git agent log -n 1 >out
	test_grep '^    because: The system is too stiff\.$' out
	test_grep '^    instead: Kvaerno5$' out
EOF

t 'text from standard input: the first line is the subject' <<'EOF'
	cd project
	printf '\n\n  \nThe subject \n\nfirst line\n\n  second  \n\n\n' |
		git agent log done -
	test "$(newest subject)" = 'The subject'
	test "$(newest body)" = "$(printf 'first line\n\n  second')"
EOF

t 'text from the editor, without its comment lines' <<'EOF'
	cd project
	cat >ed <<-'END'
	#!/bin/sh
	grep -q "A 'limit' record" "$1" || exit 1
	{ echo from the editor; echo; echo '# not this'; echo body; } >"$1"
	END
	chmod +x ed
	GIT_EDITOR="$PWD/ed" git agent log limit --edit
	test "$(newest subject)" = 'from the editor'
	test "$(newest body)" = body
	count=$(git agent log --json | jq length)
	GIT_EDITOR=true test_exit 128 git agent log limit -e 2>err
	test_grep 'there is no text to record' err
	GIT_EDITOR=false test_exit 128 git agent log limit -e 2>err
	test_grep "the editor 'false' failed; nothing was recorded" err
	test "$(git agent log --json | jq length)" = "$count"
	test_exit 129 git agent log --edit 2>err
	test_grep 'needs the kind' err
EOF

t 'without an editor it says what to do' <<'EOF'
	cd project
	export TERM=dumb EDITOR= VISUAL=
	unset EDITOR VISUAL
	test_exit 128 git agent log limit -e 2>err
	test_grep 'git knows of no editor here' err
EOF

t 'what cannot be recorded is refused' <<'EOF'
	cd project
	test_exit 128 git agent log done '' 2>err
	test_grep 'there is no text to record' err
	test_exit 128 git agent log done - 2>err </dev/null
	printf 'a\0b' >nul
	test_exit 128 git agent log done - <nul 2>err
	test_grep 'NUL byte' err
	head -c 1100000 /dev/zero | tr '\0' x >big
	test_exit 128 git agent log done - <big 2>err
	test_grep 'at most 1 MiB' err
	test_exit 129 git agent log done --because why 2>err
	test_grep 'there is no text to record' err
	test_exit 129 git agent log steer 'not here' 2>err
	test_grep "'steer' records are not written by" err
	rm nul big
EOF

t 'bytes that are not UTF-8 are replaced, and that is said' <<'EOF'
	cd project
	printf 'caf\351\n' | git agent log done - 2>err
	test_grep 'not all UTF-8; 1 byte was replaced' err
	test "$(newest subject)" = 'caf�'
EOF

t 'a mistyped kind is answered with a suggestion' <<'EOF'
	cd project
	test_exit 129 git agent log falied 'x' 2>err
	test_grep "'falied' is not a kind of record; did you mean 'failed'?" err
	test_exit 129 git agent log statsu 2>err
	test_grep "did you mean 'status'" err
	test_exit 129 git agent log xyzzy 2>err
	test_grep 'expected done, failed, status, limit, next or milestone' err
	test_exit 129 git agent log --wibble 2>err
	test_grep 'wibble' err
EOF

t 'show finds a record by any unique abbreviation' <<'EOF'
	cd project
	id=$(newest id)
	for n in 40 12 8; do
		git agent log show "$(printf %.${n}s "$id")" >out
		test_grep "^record $id$" out
	done
	git agent log show "$(echo "$id" | tr a-f A-F)" >out
	test_grep "^record $id$" out
	test_grep '^Author: Ada Lovelace <ada@example.org>$' out
	test_grep '^Date:   20' out
	test_grep '^    Agent-Kind: done$' out
	test_grep '^    Agent-At: ' out
	git agent log show --json "$id" >out
	test "$(jq -r .id out)" = "$id"
EOF

t 'an ambiguous abbreviation lists the candidates' <<'EOF'
	new_repo many
	cd many
	# Records with the same first four digits, by the birthday paradox.
	awk 'BEGIN { for (i = 1; i <= 1000; i++) {
		print "commit refs/agent/log/w"
		print "committer A <a@b> " 1700000000 + i " +0000"
		print "data <<X\ndone: n" i "\n\nAgent-Kind: done"
		printf "Agent-Clock: 2026-01-01T00:%02d:%02d.000000Z\nX\n",
			i / 60, i % 60 } }' | git fast-import --quiet
	git log --format=%H refs/agent/log/w | cut -c 1-4 | sort | uniq -d >twice
	test -s twice
	prefix=$(head -n 1 twice)
	test_exit 128 git agent log show "$prefix" 2>err
	test_grep "'$prefix' fits [2-9] records; give more of the id" err
	test "$(grep -c "^  $prefix" err)" -ge 2
	git agent log show "$(sed -n "s/^  //p" err | head -n 1)" >out
	test_grep '^record ' out
EOF

t 'an id that is none, or that is not here' <<'EOF'
	cd project
	test_exit 128 git agent log show 123 2>err
	test_grep "'123' is not the id of a record" err
	test_exit 128 git agent log show wxyz 2>err
	test_grep 'is not the id' err
	test_exit 128 git agent log show 0123456789 2>err
	test_grep "there is no record '0123456789' here" err
	test_exit 128 git agent log show "$(git rev-parse HEAD)" 2>err
	test_exit 129 git agent log show 2>err
	test_exit 129 git agent log show abcd abcd 2>err
EOF

t '--supersedes and --retract name the old record' <<'EOF'
	cd project
	git agent log status 'old status'
	old=$(newest id)
	git agent log status 'new status' --supersedes "$(printf %.10s "$old")"
	new=$(newest id)
	git agent log show --json "$new" >out
	test "$(jq -r '.trailers[]|select(.key=="Agent-Supersedes").value' out)" = "$old"
	git agent log --retract "$old" 'it was wrong'
	test "$(newest kind)" = retract
	test "$(newest subject)" = 'it was wrong'
	git agent log show --json "$(newest id)" >out
	test "$(jq -r '.trailers[]|select(.key=="Agent-Retracts").value' out)" = "$old"
	git agent log status >out
	test_grep '(no longer holds)' out
	test "$(grep -c 'no longer holds' out)" = 1
	git agent log --render -o - >out
	test_no_grep 'old status' out
	test_exit 128 git agent log status x --supersedes 00000000 2>err
	test_grep 'there is no record' err
EOF

t 'filters: --grep, -i, --author, -n, --all' <<'EOF'
	new_repo filters
	cd filters
	as 'Grace Hopper' git agent log done 'Alpha one' --because 'Deep \d detail'
	git agent log failed 'beta two' --instead 'gamma rays'
	as 'Grace Hopper' git agent steer 'delta three'
	subjects() { git agent log --json "$@" | jq -r '.[].subject'; }
	test "$(subjects --grep alpha)" = ''
	test "$(subjects --grep alpha -i)" = 'Alpha one'
	test "$(subjects --grep '^deep .d' -i)" = 'Alpha one'
	test "$(subjects --grep 'gamma (?=rays)')" = 'beta two'
	test "$(subjects --author '^grace')" = "$(printf 'delta three\nAlpha one')"
	test "$(subjects --author 'ADA@EX')" = 'beta two'
	test "$(subjects -n 1)" = 'delta three'
	test "$(subjects -n0)" = ''
	test "$(subjects --max-count=2 | wc -l)" = 2
	test "$(subjects done --author grace)" = 'Alpha one'
	test_exit 128 git agent log --grep '(' 2>err
	test_grep "'('" err
	test_exit 129 git agent log -n x 2>err
EOF

t 'a pattern that explodes is ended' <<'EOF'
	cd filters
	git agent log done "$(head -c 5000 /dev/zero | tr '\0' a)b"
	test_exit 128 timeout 20 git agent log --grep '^(a|aa|aaa)+$' 2>err
	test_grep 'too hard' err
EOF

t 'filters: --since and --until as git has dates' <<'EOF'
	cd filters
	subjects() { git agent log --json "$@" | jq -r '.[].subject'; }
	test "$(subjects --since '1 hour ago' | wc -l)" = 4
	test "$(subjects --until '1 hour ago')" = ''
	test "$(subjects --since 2020-01-01 --until now | wc -l)" = 4
	test "$(subjects --since tomorrow | wc -l)" = 0
	second=$(git agent log --json failed | jq -r '.[0].clock' | cut -c 1-19)
	test "$(subjects --since "$second" | wc -l)" -ge 3
	test_exit 129 git agent log --since gibberish 2>err
	test_grep "'gibberish' is not a date that git understands" err
EOF

t 'the JSON fields are those of the manual page' <<'EOF'
	cd project
	git agent log --json -n 1 >out
	echo '["abbrev","at","author","body","clock","clock_ahead","email","id","instead","kind","run","subject","trailers","writer"]' >expected
	jq -c '.[0]|keys' out >actual
	test_cmp expected actual
	for field in $(jq -r '.[0]|keys[]' out); do
		test_grep -w "$field" "$ROOT/man/git-agent-log.1"
	done
	test "$(jq -r '.[0].clock_ahead' out)" = false
	test "$(jq -r '.[0].run' out)" = null
	id=$(jq -r '.[0].id' out)
	test "${id#"$(jq -r '.[0].abbrev' out)"}" != "$id"
	jq -r '.[0].clock' out | grep -qE '^[-0-9]{10}T[0-9:]{8}\.[0-9]{6}Z$'
	jq -r '.[0].writer' out | grep -qE '^[a-z0-9]+-[a-z0-9]+-[0-9a-f]{10}$'
EOF

t 'inside a run the record names it' <<'EOF'
	cd project
	run=01ARZ3NDEKTSV4RRFFQ69G5FAV
	GIT_AGENT_RUN=$run git agent log done 'in a run'
	test "$(newest run)" = $run
	GIT_AGENT_RUN='x
	Agent-Kind: forged' git agent log done 'in no run'
	test "$(newest run)" = null
EOF

t 'plain git log shows the records of all writers' <<'EOF'
	cd project
	git agent log failed 'seen by git' --because 'a reason'
	git log --glob='refs/agent*' >out
	test_grep 'failed: seen by git' out
	test_grep 'a reason' out
	test_grep 'Agent-Kind: failed' out
	test_grep '^Author: Ada Lovelace <ada@example.org>' out
	git agent log --all --json | jq -r '.[].id' | sort >ours
	git log --glob='refs/agent/log/*' --format=%H | sort >theirs
	test_cmp theirs ours
	git fsck --strict 2>err
	test_empty err
EOF

t 'our trailers are those of git interpret-trailers' <<'EOF'
	cd project
	# What a person may write must not become a trailer, nor hide ours.
	for text in 'plain' 'Agent-Kind: milestone' '---' '# comment' \
	    'Signed-off-by: Eve <eve@example.org>' 'key:
	  folded' '>8 ------------------------ >8' 'diff --git a b' 'x

	---

	Agent-Kind: done
	Agent-Kind: done' '	tab: x' ' '; do
		git agent log failed subject --instead "$text" --because "$text

	$text" || continue
		id=$(newest id)
		git log -1 --format=%B "$id" |
			git interpret-trailers --parse --no-divider >theirs
		git agent log show --json "$id" |
			jq -r '.trailers[]|.key + ": " + .value' >ours
		test_cmp theirs ours
		test "$(newest kind)" = failed
		grep -c '^Agent-Kind: ' theirs >count
		test "$(cat count)" = 1
	done
EOF

t 'a subject and a body of trailers stay text' <<'EOF'
	cd project
	printf 'Agent-Kind: milestone\n\nAgent-Retracts: %s\nAgent-Clock: 1\n' \
		"$(newest id)" | git agent log done -
	test "$(newest kind)" = done
	test "$(newest subject)" = 'Agent-Kind: milestone'
	newest body >body
	test_grep '^Agent-Retracts: ' body
EOF

t '--render writes the lab notes, and the same again' <<'EOF'
	new_repo render
	cd render
	git agent log status 'half done' --because 'more soon'
	git agent log done 'ported <b>it</b> | all'
	git agent log failed 'Euler' --because 'too
	slow' --instead RK4
	git agent log limit 'only 1D'
	git agent log next 'go to 2D'
	git agent log milestone 'first light'
	git agent log --render 2>err
	test_grep "wrote '.*/CHANGELOG.md'" err
	for heading in Status 'Next steps' Milestones Completed \
	    'Failed approaches' 'Accuracy at checkpoints' 'Known limitations'; do
		test_grep "^## $heading$" CHANGELOG.md
	done
	test_grep '^half done$' CHANGELOG.md
	test_grep 'Because: too$' CHANGELOG.md
	test_grep 'Instead: RK4' CHANGELOG.md
	test_grep -F 'ported &lt;b>it&lt;/b> \| all' CHANGELOG.md
	cp CHANGELOG.md first
	git agent log --render
	test_cmp first CHANGELOG.md
	git agent log --render -o - >again
	test_cmp first again
	mkdir sub
	cd sub
	git agent log --render -o notes.md
	test_cmp ../first notes.md
EOF

t '--render leaves a file that a person wrote' <<'EOF'
	cd render
	echo '# mine' >CHANGELOG.md
	test_exit 128 git agent log --render 2>err
	test_grep "was not written by 'git agent log --render'" err
	test "$(cat CHANGELOG.md)" = '# mine'
	git agent log --render --force
	test_grep 'Lab notes' CHANGELOG.md
	test_exit 129 git agent log --render done 2>err
EOF

t '--render cannot be given sections by a record' <<'EOF'
	cd render
	printf 'fine\n\n# Forged\n\nSetext\n======\n\n![i](http://x/y)\n' |
		git agent log status -
	git agent log --render -o - >out
	test "$(grep -c '^#' out)" = "$(grep -c '^##* [A-Z]' first)"
	test_no_grep '^# Forged' out
	test_no_grep '^===' out
	test_grep -F '\![i]' out
	test_grep Forged out
EOF

t 'help, version, and operands that are too many' <<'EOF'
	cd project
	git agent log -h >out
	test_grep '^usage: git agent log ' out
	git-agent-log --version >out
	test_grep '^git-agent version ' out
EOF

t 'written from a subdirectory and a linked worktree: one writer' <<'EOF'
	cd project
	writer=$(newest writer)
	mkdir -p deep/down
	(cd deep/down && git agent log done 'from below')
	test "$(newest writer)" = "$writer"
	git worktree add -q ../linked -b other
	(cd ../linked && git agent log done 'from the other tree')
	test "$(newest writer)" = "$writer"
	test "$(newest subject)" = 'from the other tree'
EOF

finish
