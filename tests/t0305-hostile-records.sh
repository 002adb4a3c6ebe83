#!/usr/bin/env bash
# Hostile and damaged records: cleaned, skipped or counted, and said; never a
# crash, never a lost record.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/input.sh"

EMPTY_TREE=4b825dc642cb6eb9a060e54bf8d69288fbee4904
GOOD_CLOCK=2026-01-02T03:04:05.000001Z

# evil NAME: make a commit of the message on stdin the log of a writer.
evil() {
	local id
	git hash-object -t tree -w /dev/null >tree.id
	id=$({ printf 'tree %s\n' "$EMPTY_TREE"
		printf 'author %s 1700000000 +0000\n' "${AUTHOR:-Eve <eve@x>}"
		printf 'committer Eve <eve@x> 1700000000 +0000\n\n'
		cat; } | git hash-object -t commit -w --stdin --literally)
	git update-ref "refs/agent-remotes/origin/log/$1" "$id"
	echo "$id"
}

trailers() {
	printf '\nAgent-Kind: %s\nAgent-Clock: %s\n' "${1:-done}" \
		"${2:-$GOOD_CLOCK}"
}

# forget NAME: drop a fetched ref for good, that is, with what remembers it.
forget() {
	git update-ref -d "refs/agent-remotes/origin/$1"
	rm -f .git/agent/index .git/agent/known-logs
}

git init -q --bare srv/hostile.git
new_repo hostile
git -C hostile remote add origin "$DAEMON_URL/hostile.git"
git -C hostile push -q origin main
(cd hostile && git agent log 'done' 'honest one') 2>/dev/null

t 'control bytes and escape sequences reach no terminal' <<'EOF'
	cd hostile
	{ printf 'done: red \033[31m bell\007 csi \302\233 rtl \342\200\256 cr\rover\n\n'
		printf 'body \033]0;title\007 \010\177\n'
		printf '\nAgent-Kind: done\nAgent-Instead: \033[2J\nAgent-X\033: y\n'
		printf 'Agent-Clock: %s\n' $GOOD_CLOCK; } >text
	evil ansi <text
	printf 'done: red \033[31m bell\007 csi \302\233 rtl \342\200\256 cr\rover\n\nbody \033]0;title\007 \010\177\n\nAgent-Kind: done\nAgent-Instead: \033[2J\nAgent-Clock: %s\n' $GOOD_CLOCK |
		AUTHOR=$(printf 'E\033[1mve <e\033@x>') evil ansi >id
	git agent log --all --offline >out 2>err || test $? = 3
	git agent log show "$(cat id)" --offline >>out 2>err || test $? = 3
	git agent log --render -o - --offline >>out 2>err || test $? = 3
	test_grep 'red ^\[\[31m bell^G' out
	LC_ALL=C test_no_grep "[$(printf '\001-\010\013-\037\177')]" out
	LC_ALL=C test_no_grep "$(printf '\302\233')" out
	LC_ALL=C test_no_grep "$(printf '\342\200\256')" out
	forget log/ansi
EOF

t 'malformed commits are skipped, counted and said; the rest is read' <<'EOF'
	cd hostile
	git agent sync
	bads() { git for-each-ref 'refs/agent-remotes/origin/log/bad*' | wc -l; }
	bad() { evil "bad$(bads)" >/dev/null; }
	printf 'no trailers at all\n' | bad
	printf 'done: no clock\n\nAgent-Kind: done\n' | bad
	printf 'x\n\nAgent-Clock: %s\n' $GOOD_CLOCK | bad
	{ printf 'two kinds\n'; trailers; echo 'Agent-Kind: milestone'; } | bad
	{ printf 'two kinds\n'; trailers; echo 'agent-kind: milestone'; } | bad
	{ printf 'two clocks\n'; trailers; echo "Agent-Clock: $GOOD_CLOCK"; } | bad
	{ printf 'empty kind\n'; trailers ' '; } | bad
	{ printf 'kind with blanks\n'; trailers 'a b'; } | bad
	{ printf 'kind too long\n'; trailers "$(printf 'a%.0s' $(seq 40))"; } | bad
	{ printf 'clock\n'; trailers done 2026-13-01T00:00:00.000000Z; } | bad
	{ printf 'clock\n'; trailers done '2026-01-01 00:00:00'; } | bad
	{ printf 'clock\n'; trailers done -1; } | bad
	{ printf 'NUL \0 inside\n'; trailers; } | bad
	trailers | sed 1d | bad
	printf '' | bad
	{ head -c 10000000 /dev/zero | tr '\0' 'x'; echo; trailers; } | bad
	{ printf 'many\n\nbody\n\nnot a trailer\n'; trailers | sed 1d; } | bad
	n=$(bads)
	test "$n" = 17
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'honest one' out
	test_grep "$n commits in the logs could not be read as records and were skipped" err
	test "$(subjects --offline 2>/dev/null)" = 'honest one'
	for ref in $(git for-each-ref --format='%(refname)' 'refs/agent-remotes/origin/log/bad*'); do
		forget "${ref#refs/agent-remotes/origin/}"
	done
	test_exit 0 git agent log --offline
EOF

t 'trailers forged in a body stay text' <<'EOF'
	cd hostile
	{ printf 'done: real subject\n\nAgent-Kind: milestone\nAgent-Writer: ada\n'
		printf 'Agent-Clock: 2030-01-01T00:00:00.000000Z\n'; trailers failed; } |
		evil forged >id
	git agent log show "$(cat id)" --json >out
	test "$(jq -r .kind out)" = failed
	test "$(jq -r .clock out)" = $GOOD_CLOCK
	test "$(jq -r .writer out)" = ''
	forget log/forged
EOF

t 'invalid UTF-8 is shown as replacement characters, also in JSON' <<'EOF'
	cd hostile
	{ printf 'done: caf\351 \377\n\nbody \300\200\n'; trailers; } |
		AUTHOR=$(printf 'J\366rg <j@x>') evil latin >id
	git agent log --offline >out
	test_grep 'caf� �' out
	test_grep 'J�rg' out
	git agent log show "$(cat id)" --json >out
	test "$(jq -r .subject out)" = 'caf� �'
	iconv -f UTF-8 -t UTF-8 out >copy
	test_cmp out copy
	forget log/latin
EOF

t 'records that take long to parse do not' <<'EOF'
	cd hostile
	trap 'rm -f .git/refs/agent-remotes/origin/log/* .git/agent/index' EXIT
	# A trailer of 300,000 lines; a header of 100,000 parents, none here.
	{ printf 'done: folded\n'; trailers; yes ' a' | head -n 300000; } |
		evil folded
	{ printf 'tree %s\n' "$EMPTY_TREE"
		seq -f 'parent %040.0f' 100000
		printf 'author E <e@x> 1 +0000\ncommitter E <e@x> 1 +0000\n\nx\n'
		trailers; } | git hash-object -t commit -w --stdin --literally >id
	# Not by update-ref, which itself takes long over it.
	mkdir -p .git/refs/agent-remotes/origin/log
	cp id .git/refs/agent-remotes/origin/log/parents
	# Of processor time: 0.2 s, or minutes with what is quadratic in it.
	limit=5
	case $(ldd "$B/bin/git-agent-log") in *libasan*) limit=30 ;; esac
	(ulimit -t $limit; test_exit 3 git agent log --offline >out 2>err)
	test_grep 'honest one' out
EOF

t 'a commit that is far too large is not read, wherever it is' <<'EOF'
	new_repo large
	cd large
	git config core.compression 1
	evil() { git commit-tree "$@" "$EMPTY_TREE"; }
	behind=$({ printf 'done: behind it\n'; trailers; } | evil)
	large=$({ printf 'tree %s\nparent %s\n' "$EMPTY_TREE" "$behind"
		printf 'author E <e@x> 1 +0000\ncommitter E <e@x> 1 +0000\n\n'
		yes | head -c 70000000; } |
		git hash-object -t commit -w --stdin --literally)
	id=$({ printf 'done: on top\n'; trailers; } | evil -p "$large")
	git update-ref refs/agent/log/large "$id"
	# Read with all its copies it would take 200 MB and more.
	limit=150000
	case $(ldd "$B/bin/git-agent-log") in *libasan*) limit=unlimited ;; esac
	limited() (ulimit -v $limit; exec "$@")
	check() {
		test_exit 3 limited git agent log --offline >out 2>err
		test_grep 'on top' out
		test_grep '1 commit in the logs could not be read' err
		test_no_grep 'behind it' out
		test_exit 1 limited git agent sync --check >out
		test_grep "$large.*is far too large; readers skip it" out
	}
	check
	git repack -adq
	check
	# Where all is read anew, one in a pack is read once.
	rm -f .git/agent/index*
	test_exit 3 git agent log --offline
	check
	rm .git/agent/index
	git update-ref refs/agent/log/large "$large"
	test_exit 3 limited git agent log --offline
	rm .git/agent/index
	git update-ref -d refs/agent/log/large
	git update-ref refs/agent/beat/large "$large"
	test_exit 0 limited git agent status --offline
EOF

t 'what is no commit at a log ref' <<'EOF'
	cd hostile
	blob=$(echo blob | git hash-object -w --stdin)
	git update-ref refs/agent-remotes/origin/log/blob "$blob"
	git update-ref refs/agent-remotes/origin/log/tree "$(git rev-parse 'HEAD^{tree}')"
	git tag -a -m tag annotated
	git update-ref refs/agent-remotes/origin/log/tag "$(git rev-parse annotated)"
	git symbolic-ref refs/agent-remotes/origin/log/sym refs/heads/main
	git update-ref refs/agent-remotes/origin/beat/blob "$blob"
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'honest one' out
	test_grep '3 commits in the logs' err
	git symbolic-ref -d refs/agent-remotes/origin/log/sym
	for x in log/blob log/tree log/tag beat/blob; do
		forget $x
	done
EOF

t 'a project branch pushed as a log' <<'EOF'
	cd hostile
	git push -q origin HEAD:refs/agent/log/eve-host-000000
	git agent sync
	test_exit 3 git agent log >out 2>err
	test_grep 'honest one' out
	test_grep '1 commit in the logs could not be read' err
	git -C ../srv/hostile.git update-ref -d refs/agent/log/eve-host-000000
	forget log/eve-host-000000
EOF

t 'records behind one that is malformed are still read' <<'EOF'
	cd hostile
	{ printf 'done: older\n'; trailers; } | evil mixed >older
	id=$(git commit-tree -p "$(cat older)" -m 'no record' "$EMPTY_TREE")
	id=$(printf 'done: newer\n\nAgent-Kind: done\nAgent-Clock: 2026-01-03T00:00:00.000000Z\n' |
		git commit-tree -p "$id" "$EMPTY_TREE")
	git update-ref refs/agent-remotes/origin/log/mixed "$id"
	subjects --offline >out 2>err || test $? = 3
	printf 'honest one\nnewer\nolder\n' >expected
	test_cmp expected out
	forget log/mixed
EOF

t 'an object that is missing is counted, not fatal' <<'EOF'
	cd hostile
	# Of a ref, and of our own log.
	mkdir -p .git/refs/agent-remotes/origin/log
	echo 0123456789012345678901234567890123456789 \
		>.git/refs/agent-remotes/origin/log/lost
	test_exit 3 git agent log --offline >out 2>err
	test_grep '1 object is missing here' err
	test_grep 'honest one' out
	rm .git/refs/agent-remotes/origin/log/lost
	git agent log done 'to be broken' --no-push
	git agent log done 'on top' --no-push
	id=$(git agent log --json | jq -r '.[1].id')
	file=.git/objects/$(echo "$id" | cut -c 1-2)/$(echo "$id" | cut -c 3-)
	mv "$file" saved.obj
	test_exit 3 git agent steer --list --offline 2>err
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'on top' out
	mkdir -p "${file%/*}"
	mv saved.obj "$file"
	test_exit 0 git agent log --offline
EOF

t 'names of refs that no writer has' <<'EOF'
	cd hostile
	id=$({ printf 'done: weird\n'; trailers; } | evil ok)
	forget log/ok
	for name in log/-x 'log/a"b' "log/a'b" 'log/ä' 'log/a$(id)' 'log/x/y' \
	    "log/$(printf 'n%.0s' $(seq 150))"; do
		git update-ref "refs/agent-remotes/origin/$name" "$id"
	done
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'could not be read' err
	test_no_grep weird out
	git for-each-ref --format='delete %(refname)' refs/agent-remotes |
		grep -v "/log/$(head -n 1 .git/agent/writer)" |
		git update-ref --stdin
	rm .git/agent/index
EOF

t 'no log is read from below the heartbeats, which may be forced' <<'EOF'
	cd hostile
	id=$({ printf 'done: forced\n'; trailers; } | evil ok)
	git agent log --offline >out
	test_grep forced out
	forget log/ok
	git push -q origin "$id:refs/agent/beat/log/eve"
	git agent sync
	git rev-parse --verify refs/agent-remotes/origin/beat/log/eve
	test_exit 3 git agent log >out 2>err
	test_grep 'honest one' out
	test_no_grep forced out
	test_grep '1 commit in the logs could not be read' err
	test_exit 128 git agent log show "$id" --offline
	git push -q origin :refs/agent/beat/log/eve
	forget beat/log/eve
	test_exit 0 git agent log
EOF

t 'nor from a folder of logs deeper below them, or below a log' <<'EOF'
	cd hostile
	for name in beat/q/log/eve log/b/log/eve beat/log/log/eve; do
		id=$({ printf 'done: forced\n'; trailers; } | evil ok)
		forget log/ok
		git push -q origin "$id:refs/agent/$name"
		git agent sync
		git rev-parse --verify "refs/agent-remotes/origin/$name"
		test_exit 3 git agent log >out 2>err
		test_grep 'honest one' out
		test_no_grep forced out
		test_grep '1 commit in the logs could not be read' err
		# It is named, with what deletes it there and here.
		test_exit 1 git agent sync --check >out
		test "$(grep -c ^bad-name: out)" = 1
		test_grep "^bad-name: 'refs/agent-remotes/origin/$name': " out
		test_exit 1 git agent sync --repair >repair
		test_grep "^repair: bad-name: .*$name': left to you" repair
		sed -n 's/^bad-name: .*; run: //p' out >commands
		sh -e commands
		git ls-remote origin "refs/agent/$name" >refs
		test_empty refs
		test_exit 0 git agent sync --check
		test_exit 0 git agent log
	done
EOF

t '… and no log of this clone goes on from there' <<'EOF'
	git clone -q "$DAEMON_URL/hostile.git" victim
	cd victim
	git agent log 'done' mine
	me=$(head -n 1 .git/agent/writer)
	id=
	for i in 1 2 3; do
		id=$({ printf 'done: forged %s\n' $i; trailers
			echo "Agent-Writer: $me"; } |
			git commit-tree ${id:+-p "$id"} "$(git mktree </dev/null)")
	done
	git push -q origin "$id:refs/agent/beat/q/log/$me"
	git agent sync
	rm .git/agent/index*
	git update-ref -d "refs/agent/log/$me"
	git agent log 'done' 'mine, too' --no-push
	git log --format=%s "refs/agent/log/$me" >out
	test_grep '^done: mine$' out
	test_no_grep forged out
	git push -q origin ":refs/agent/beat/q/log/$me"
EOF

t 'no heartbeat is read from below the logs' <<'EOF'
	cd hostile
	run=01JDD0000000000000000000A1
	{ printf 'run: started\n'; trailers run
		printf 'Agent-Event: start\nAgent-Run: %s\n' $run; } | evil run
	beat=$({ printf 'beat: alive\n'
		trailers beat "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)"
		printf 'Agent-Run: %s\n' $run; } | evil ok)
	forget log/ok
	state() { git agent status --offline --json | jq -r '.runs[0].state'; }
	test "$(state)" = stale
	git update-ref refs/agent-remotes/origin/log/beat/eve "$beat"
	test "$(state)" = stale
	git update-ref refs/agent-remotes/origin/beat/eve "$beat"
	test "$(state)" = live
	for x in log/run log/beat/eve beat/eve; do
		forget $x
	done
EOF

t 'a clock far in the future is shown, flagged and not followed' <<'EOF'
	cd hostile
	{ printf 'status: from tomorrow\n'
		trailers status 2099-01-01T00:00:00.000000Z; } | evil future
	git agent log --offline >out 2>err
	test_grep 'from tomorrow' out
	test_grep '(a clock far in the future)' out
	test_grep '1 record has a clock far in the future' err
	test "$(git agent log --offline --json | jq -r '.[]|select(.subject=="from tomorrow").clock_ahead')" = true
	git agent log show "$(git rev-parse refs/agent-remotes/origin/log/future)" >out
	test_grep 'by a clock far in the future' out
	git agent log status 'from now' --no-push
	git agent log status --json --offline >out
	test "$(jq -r '.[]|select(.subject=="from now").clock' out | cut -c 1-3)" = 202
	test "$(jq -r '.[]|select(.subject=="from now").clock_ahead' out)" = false
	# The status that counts is the one that can be believed.
	git agent log --render -o - --offline >out
	sed -n '/^## Status/,/^## Next/p' out >status
	test_grep 'from now' status
	forget log/future
EOF

t 'a clock that is a little ahead is followed: effects sort behind causes' <<'EOF'
	cd hostile
	ahead=$(date -u -d '5 minutes' +%Y-%m-%dT%H:%M:%S.000000Z)
	{ printf 'status: five minutes fast\n'; trailers status "$ahead"; } |
		evil fast
	git agent log --offline >out
	git agent log status 'an answer to it' --no-push
	test "$(subjects --offline -n 1)" = 'an answer to it'
	forget log/fast
EOF

t 'an instruction with a hostile sender and text' <<'EOF'
	cd hostile
	{ printf 'steer: do\033[2J this\n\n`rm -rf /` $(id) "quoted"\n'
		trailers steer; } |
		AUTHOR="$(printf 'Eve\033 %0900d <e@x>' 1)" evil steer
	test "$(git agent steer --list --offline --json | jq length)" = 1
	git agent steer --list --offline >out
	LC_ALL=C test_no_grep "$(printf '\033')" out
	git agent sync --inbox || true
	printf '{"hook_event_name":"PostToolUse"}' |
		GIT_AGENT_RUN=x git-agent-hook >out
	jq -r .hookSpecificOutput.additionalContext out >text
	test_grep -F '`rm -rf /` $(id) "quoted"' text
	LC_ALL=C test_no_grep "$(printf '\033')" text
	forget log/steer
EOF

t 'bad prefixes and numbers' <<'EOF'
	cd hostile
	for prefix in '' agent refs/ 'refs/a b' 'refs/*' 'refs/x:refs/y'; do
		git config agent.prefix "$prefix"
		test_exit 128 git agent sync 2>err
		test_grep "^fatal: agent.prefix is '.*': expected the beginning of a ref" err
		test_exit 128 git agent log done x 2>err
		test_grep 'agent.prefix' err
	done
	git config --unset agent.prefix
	git agent log --json --offline | jq -r '.[].subject' >out
	test_no_grep '^x$' out
	for n in -1 x 99999999999999999999 ''; do
		test_exit 129 git agent log -n "$n" 2>err
	done
	test_exit 129 git agent log --grep 2>err
EOF

t 'a shallow clone reads all records' <<'EOF'
	git -C hostile agent sync
	git clone -q --depth 1 "$DAEMON_URL/hostile.git" shallow
	cd shallow
	test_exit 0 git agent log >out
	test_grep 'honest one' out
	git agent log done 'from the shallow one' 2>err
	test_grep pushed err
EOF

finish

finish
