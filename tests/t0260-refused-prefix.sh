#!/usr/bin/env bash
# A host that refuses refs of ours: it is said what was refused and what can
# be done, code is pushed as ever, and when the records move to another
# prefix none is lost, wherever it was.
. "${0%/*}/lib.sh"

start_git_daemon "$SCRATCH/srv"

# new_origin NAME: a project on the server, with an oracle.
new_origin() {
	git init -q --bare "$SCRATCH/srv/$1.git"
	git init -q "$SCRATCH/$1-seed"
	(
		cd "$SCRATCH/$1-seed"
		printf '[oracle]\n\tcommand = echo metric err 0.5\n' >.gitagent
		git add .
		git commit -qm start
		git push -q "$SCRATCH/srv/$1.git" main
	)
}

new_clone() {
	git clone -q "$DAEMON_URL/$1.git" "$SCRATCH/$2"
}

# only_branches NAME: the host takes branches and tags from now on.
only_branches() {
	cat >"$SCRATCH/srv/$1.git/hooks/pre-receive" <<-'EOF'
	#!/bin/sh
	while read -r old new ref; do
		case $ref in
		refs/heads/* | refs/tags/*) ;;
		*) echo "policy 7: branches and tags only, not $ref" >&2
		   exit 1 ;;
		esac
	done
	EOF
	chmod +x "$SCRATCH/srv/$1.git/hooks/pre-receive"
}

subjects() {
	git agent log --all --json "$@" | jq -r '.[].subject' | sort
}

writer() {
	head -n 1 "$(git rev-parse --git-common-dir)/agent/writer"
}

server_refs() {
	git -C "$SCRATCH/srv/$1.git" for-each-ref --format='%(refname)'
}

# The commands that a message offers are its indented lines: the setting for
# the project, then the one for a clone.
offered() {
	sed -n 's/^  //p' "$1"
}

# ---- what is said ------------------------------------------------------------

new_origin house
only_branches house
new_clone house ada
new_clone house bob

t 'a pre-receive hook: the ref, its words, what to do; the record is kept' <<'EOF'
	cd ada
	git agent log done 'kept by ada' 2>err
	test_grep "^warning: 'origin' refused 'refs/agent/log/$(writer)': pre-receive hook declined$" err
	test_grep "^warning: 'origin' says: .*policy 7: branches and tags only" err
	test_grep "^hint: if 'origin' takes nothing but branches" err
	test_grep 'recorded in this clone, but not pushed' err
	git agent check HEAD >../out 2>err
	test_exit 1 git agent sync >../out 2>err
	test_grep "refused 'refs/agent/log/$(writer)': pre-receive hook declined" err
	test_grep "refused 'refs/notes/agent/$(writer)': pre-receive hook declined" err
	test_grep "^warning: 'origin' says: .*policy 7" err
	offered err >../offer
	test_lines 3 ../offer
	test_grep '^git config agent.prefix refs/heads/agent$' ../offer
	test "$(grep -c 'refused .*refs/agent/log' err)" = 1
	test_exit 1 git agent sync --json >out 2>err
	test "$(jq -r .prefix out)" = refs/agent
	test "$(jq -r .words out | grep -c 'policy 7')" = 1
	test "$(jq -r '.refs[]|select(.fate=="refused").target' out | sort)" = "refs/agent/log/$(writer)
refs/notes/agent/$(writer)"
	test_exit 1 git agent steer 'refused too' 2>err
	test_grep "refused 'refs/agent/log/" err
	test_grep 'agent.prefix refs/heads/agent' err
EOF

t 'code is pushed as ever, also by those who have records to push' <<'EOF'
	cd ada
	echo 1 >file
	git add file
	git commit -qm code
	git push -q
	git fetch -q
	git pull -q
	test "$(git rev-parse HEAD)" = "$(git -C ../srv/house.git rev-parse main)"
EOF

t 'a hidden ref ("deny updating a hidden ref") is such a host too' <<'EOF'
	new_origin hidden
	git -C srv/hidden.git config receive.hideRefs refs/agent
	new_clone hidden hidden
	cd hidden
	git agent log done 'kept here' 2>err
	test_grep "refused 'refs/agent/log/$(writer)': deny updating a hidden ref" err
	offered err >offer
	test_grep '^git config agent.prefix refs/heads/agent$' offer
	test_no_grep 'says:' err
	eval "$(tail -n 1 offer)"
	test_exit 0 git agent sync
	server_refs hidden >refs
	test_grep "^refs/heads/agent/log/$(writer)$" refs
EOF

t 'a refused heartbeat is named by --check, whatever the prefix has in it' <<'EOF'
	new_origin beats
	new_clone beats beats
	cd beats
	for prefix in refs/agent refs/heads/log/agent; do
		git config agent.prefix $prefix
		git agent log 'done' "below $prefix"
		git agent sync
		git -C ../srv/beats.git config receive.hideRefs $prefix/beat
		git update-ref "refs/agent/beat/$(writer)" "$(
			printf 'beat: working\n\nAgent-Kind: beat\nAgent-Iteration: 1\nAgent-Interval: 60\nAgent-Writer: %s\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' \
				"$(writer)" | git commit-tree "$(git mktree </dev/null)"
		)"
		test_exit 1 git agent sync
		test_exit 1 git agent sync --check >out
		test_grep "^refused: '$prefix/beat/$(writer)': .* hidden ref" out
		git -C ../srv/beats.git config --unset receive.hideRefs
		git update-ref -d "refs/agent/beat/$(writer)"
		git agent sync
	done
EOF

t 'where all logs are gone at once, they may be hidden: that is said' <<'EOF'
	new_origin veiled
	new_clone veiled veiled-writer
	new_clone veiled veiled
	git -C veiled-writer agent log 'done' x1
	cd veiled
	git agent log 'done' y1
	git agent sync
	for setting in transfer uploadpack; do
		git -C ../srv/veiled.git config $setting.hideRefs refs/agent
		# With transfer.hideRefs our own log is refused as it is put
		# back; with the other, the push finds it as it was.
		if test $setting = transfer; then
			test_exit 1 git agent sync >out 2>err
			test_grep "log/$(writer) *refused *deny updating a hidden ref" out
		else
			test_exit 3 git agent sync >out 2>err
			test_grep "log/$(writer) *up to date" out
		fi
		test_grep "log/$(cd ../veiled-writer && writer) *rewound *deleted" out
		test_grep "no log at all is left on 'origin'.* uploadpack.hideRefs of git hides 'refs/agent' there" err
		test_exit 1 git agent sync --check >out
		test_grep "^deleted: .*, nor is any other, .* transfer.hideRefs or uploadpack.hideRefs" out
		git -C ../srv/veiled.git config --unset $setting.hideRefs
	done
	# One that is gone alone is not hidden.
	git -C ../srv/veiled.git update-ref -d \
		"refs/agent/log/$(cd ../veiled-writer && writer)"
	test_exit 3 git agent sync 2>err
	test_no_grep hideRefs err
	test_exit 1 git agent sync --check >out
	test_no_grep hideRefs out
EOF

t 'other refusals offer no other place' <<'EOF'
	new_origin ill
	new_clone ill ill
	cd ill
	# A fault of the host's that passes: it cannot write its refs.
	touch ../srv/ill.git/refs/agent
	git agent log done 'kept here' 2>err
	test_grep "refused 'refs/agent/log/$(writer)'" err
	offered err >offer
	test_empty offer
	rm ../srv/ill.git/refs/agent
	test_exit 0 git agent sync
	# Branches are refused as well: there is no better place.
	printf '#!/bin/sh\necho closed for today >&2\nexit 1\n' \
		>../srv/ill.git/hooks/pre-receive
	chmod +x ../srv/ill.git/hooks/pre-receive
	git config agent.prefix refs/heads/agent
	test_exit 1 git agent sync 2>err
	test_grep "refused 'refs/heads/agent/log/$(writer)'" err
	test_grep "'origin' says: closed for today" err
	offered err >offer
	test_empty offer
EOF

# ---- what is offered ---------------------------------------------------------

t 'the offered commands, in one clone, bring all clones together' <<'EOF'
	cd bob
	git agent log done 'kept by bob' 2>err
	offered err | head -n 2 >../offer
	cd ../ada
	sh ../offer
	git agent sync >out 2>err
	server_refs house >refs
	test_grep "^refs/heads/agent/log/$(writer)$" refs
	test_grep "^refs/heads/agent/notes/$(writer)$" refs
	test_no_grep '^refs/agent\|^refs/notes' refs
	# Bob has not heard of it: refused as before, and nothing lost.
	cd ../bob
	test_exit 1 git agent sync 2>err
	git fetch -q
	test_exit 0 git agent sync >out 2>err
	printf '%s\n' 'PASS: err 0.5' 'kept by ada' 'kept by bob' \
		'refused too' >../expected
	subjects >actual
	test_cmp ../expected actual
	cd ../ada
	git agent sync
	subjects >actual
	test_cmp ../expected actual
	new_clone house fresh
	cd "$SCRATCH/fresh"
	subjects >actual
	test_cmp ../expected actual
	git agent check --no-record
EOF

t 'the setting is found: from older branches, in bare clones, overridden' <<'EOF'
	prefix() { git agent sync --json 2>../err | jq -r .prefix; }
	cd bob
	git checkout -q -b older "$(git rev-list --max-parents=0 origin/main)"
	test "$(prefix)" = refs/heads/agent
	git checkout -q --detach
	test "$(prefix)" = refs/heads/agent
	test "$(git -c agent.prefix=refs/heads/mine agent sync --json |
		jq -r .prefix)" = refs/heads/mine
	test "$(prefix)" = refs/heads/agent
	cd ..
	git clone -q --bare "$DAEMON_URL/house.git" bare.git
	cd bare.git
	test "$(prefix)" = refs/heads/agent
	subjects >../actual
	test_cmp ../expected ../actual
EOF

t 'a prefix that cannot be one: the file, the line, what is expected' <<'EOF'
	cd fresh
	for v in agent refs/ 'refs/a b' refs/x/ 'refs/*' refs/a..b refs/.a \
	    'refs/heads/a;touch${IFS}b' 'refs/heads/$(id)' "refs/heads/it's"; do
		printf '[records]\n\tprefix = %s\n' "$v" >.gitagent
		test_exit 1 git agent sync 2>err
		test_grep "'.gitagent' line 2: prefix = '.*': expected the beginning of a ref" err
		git agent log done 'kept' 2>err
		test_grep "not pushed to 'origin': '.gitagent' line 2" err
		test_exit 255 git agent check --no-record 2>err
		test_grep "line 2: prefix = '.*': expected the beginning" err
	done
	git checkout -q .gitagent
	test_exit 0 git agent sync
EOF

t 'a prefix that clones use otherwise is none' <<'EOF'
	cd fresh
	git for-each-ref >../before
	for v in refs/agent/log refs/agent/log/x refs/agent/beat \
	    refs/agent/claim/x refs/agent-remotes refs/agent-remotes/origin \
	    refs/notes refs/notes/agent refs/notes/agent/x refs/notes/agents \
	    refs/notes/agent-remotes refs/remotes refs/remotes/origin \
	    refs/heads refs/tags; do
		printf '[records]\n\tprefix = %s\n' "$v" >.gitagent
		test_exit 1 git agent sync 2>err
		test_grep "'.gitagent' line 2: prefix = '$v': expected the beginning of a ref.*not in use" err
		test_exit 128 git -c agent.prefix="$v" agent log 'done' x 2>err
		test_grep "^fatal: agent.prefix is '$v': expected the beginning of a ref" err
	done
	git for-each-ref >../after
	test_cmp ../before ../after
	for v in refs/agent refs/agents refs/agent/logs refs/heads/log \
	    refs/remote refs/tags/agent refs/notes/lab; do
		git -c agent.prefix="$v" agent log -n 1
		printf '[records]\n\tprefix = %s\n' "$v" >.gitagent
		git agent sync --check >out || true
		test_no_grep 'bad-setting' out
	done
	git checkout -q .gitagent
EOF

# ---- records that are at the old place ---------------------------------------

t 'records at the old prefix move, those of lost clones too' <<'EOF'
	new_origin moving
	for c in a b lost reader; do
		new_clone moving m-$c
	done
	for c in a b lost; do
		(cd m-$c && git agent log done "of $c")
	done
	(cd m-reader && git agent log)
	git -C m-a agent sync
	# The last word of a clone that is lost, which nobody has fetched.
	(cd m-lost && git agent log done 'last of lost')
	lost=$(cd m-lost && writer)
	rm -rf m-lost
	(cd m-b && git agent log done 'b, not pushed' --no-push)
	only_branches moving
	cd m-a
	printf '[records]\n\tprefix = refs/heads/agent\n' >>.gitagent
	git commit -qam prefix
	git push -q
	test_exit 0 git agent sync >out 2>err
	test_grep "push *log/$lost *carried" out
	test_no_grep warning err
	for w in "$lost" "$(writer)"; do
		test "$(git -C ../srv/moving.git rev-parse "refs/heads/agent/log/$w")" = \
			"$(git -C ../srv/moving.git rev-parse "refs/agent/log/$w")"
	done
EOF

t 'the others follow, without an alarm, and nothing is lost or doubled' <<'EOF'
	printf '%s\n' 'b, not pushed' 'last of lost' 'of a' 'of b' 'of lost' \
		>expected
	cd m-reader
	git pull -q
	test_exit 0 git agent sync >out 2>err
	test_no_grep warning err
	subjects --offline >actual
	test_grep 'of b' actual
	test_grep 'last of lost' actual
	cd ../m-b
	git pull -q
	test_exit 0 git agent sync >out 2>err
	test_no_grep 'warning' err
	cd ..
	new_clone moving m-fresh
	# As if the host had dropped what it does not take any more.
	git -C srv/moving.git for-each-ref --format='delete %(refname)' \
		refs/agent refs/notes |
		git -C srv/moving.git update-ref --stdin
	for c in a b reader fresh; do
		cd ../m-$c 2>/dev/null || cd m-$c
		test_exit 0 git agent sync 2>err
		subjects >actual
		test_cmp ../expected actual
		test -z "$(git for-each-ref refs/agent-remotes/origin/former)"
		git config --get-all remote.origin.fetch >specs
		test "$(grep -c ':refs/agent-remotes/origin/log/\*$' specs)" = 1
		test_grep '^refs/heads/agent/log/' specs
		git fetch -q --prune
		git pull -q
		test_exit 0 git agent status >out 2>err
		test_no_grep warning err
	done
EOF

t 'a plain fetch works where both places have the same log' <<'EOF'
	new_origin both
	new_clone both both
	cd both
	git agent log done one
	git agent sync
	git config agent.prefix refs/heads/agent
	git agent sync
	git fetch -q
	git config --get-all remote.origin.fetch >specs
	test_no_grep '^refs/agent/log' specs
	server_refs both >refs
	test_grep "^refs/agent/log/$(writer)$" refs
	test_grep "^refs/heads/agent/log/$(writer)$" refs
EOF

t 'and back again; also what was written in the meantime' <<'EOF'
	cd both
	git agent log done two
	git agent check HEAD
	git config --unset agent.prefix
	# In the background only what is new is pushed: all of it is here.
	test_exit 0 git agent sync --background >out 2>err
	test_no_grep 'warning\|lost' err
	git agent log done three
	test "$(git -C ../srv/both.git rev-parse "refs/agent/log/$(writer)")" = \
		"$(git rev-parse "refs/agent/log/$(writer)")"
	server_refs both >refs
	test_grep "^refs/notes/agent/$(writer)$" refs
	test "$(subjects | grep -c 'one\|two\|three')" = 3
EOF

t 'a move without a network: nothing changes until there is one' <<'EOF'
	new_origin cut
	for c in one two; do
		new_clone cut cut-$c
		(cd cut-$c && git agent log done "of $c")
	done
	cd cut-one
	git agent sync
	git config agent.prefix refs/heads/agent
	git config remote.origin.url git://127.0.0.1:1/cut.git
	git agent log done offline 2>err
	test_grep 'not pushed to' err
	test_exit 1 git agent sync 2>err
	test_grep '1 record of this clone is not at' err
	git for-each-ref refs/agent-remotes >refs
	test_no_grep former refs
	git config remote.origin.url "$DAEMON_URL/cut.git"
	# By a push alone, as a command that writes makes it.
	git agent log done online 2>err
	test_grep "pushed to 'origin'" err
	server_refs cut >refs
	test "$(grep -c '^refs/heads/agent/log/' refs)" = 2
	git agent sync
	test "$(subjects | tr '\n' ' ')" = 'of one of two offline online '
EOF

t 'killed in the middle of a move, the next sync ends it' <<'EOF'
	new_origin killed
	for c in one two three; do
		new_clone killed k-$c
		(cd k-$c && git agent log done "of $c")
	done
	cd k-one
	git agent sync
	cp -a ../k-one ../k-saved
	git config agent.prefix refs/heads/agent
	for i in $(seq 12); do
		timeout -s KILL "0.0$((i * 7 % 90 + 5))" git-agent-sync -q \
			2>err || true
		find .git -name '*.lock' -path '*refs*' -delete
		rm -f .git/packed-refs.lock .git/config.lock
	done
	subjects --offline >actual
	test_lines 3 actual
	git agent sync
	subjects >actual
	test "$(tr '\n' ' ' <actual)" = 'of one of three of two '
	server_refs killed >refs
	test "$(grep -c '^refs/heads/agent/log/' refs)" = 3
	test -z "$(git for-each-ref refs/agent-remotes/origin/former)"
EOF

finish
