#!/usr/bin/env bash
# Remotes that are renamed or removed while another one gets their name, that
# are below the name of another, or that only one worktree knows.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

# nested: a repository with the remotes `a` and `a/b`, which newer versions of
# git only let a hand make, and whose records go to another prefix.
nested() {
	rm -rf nested
	new_repo nested
	cd nested
	git config remote.a.url "$DAEMON_URL/under-a.git"
	git config remote.a/b.url "$DAEMON_URL/under-b.git"
	for name in a a/b; do
		git config "remote.$name.fetch" "+refs/heads/*:refs/remotes/$name/*"
	done
	git config agent.prefix refs/heads/agent
}

t 'a remote below the name of another: what is known of each is apart' <<'EOF'
	new_origin under-a
	new_origin under-b
	for order in 'a a/b' 'a/b a'; do
		nested
		git agent log 'done' 'to both' --no-push
		git notes --ref="agent/$(writer)" add -m measured
		for name in $order $order; do
			git config agent.remote "$name"
			test_exit 0 git agent sync
			test_exit 0 git agent sync --check
		done
		head -n 1 .git/agent/prefixes/a '.git/agent/prefixes/a^b' >out
		test "$(grep -c '^refs/heads/agent$' out)" = 2
		test -f ".git/agent/pushed-notes/a/$(writer)"
		test -f ".git/agent/pushed-notes/a^b/$(writer)"
		cd ..
	done
EOF

t 'what an earlier version knew of such a remote is known' <<'EOF'
	cd nested
	for name in a a/b; do
		git config agent.remote "$name"
		rm .git/agent/prefixes/a
		mkdir .git/agent/prefixes/a
		mv '.git/agent/prefixes/a^b' .git/agent/prefixes/a/b
		echo refs/heads/before >>.git/agent/prefixes/a/b
		test_exit 0 git agent sync
		test_grep '^refs/heads/before$' '.git/agent/prefixes/a^b'
		test ! -d .git/agent/prefixes/a
		git config agent.remote a
		test_exit 0 git agent sync
		test -f .git/agent/prefixes/a
	done
EOF

t 'a damaged file of such a remote is found by its name' <<'EOF'
	cd nested
	git config agent.remote a/b
	: >'.git/agent/prefixes/a^b'
	test_exit 1 git agent sync --check >out
	test_grep '^damaged-state: .*prefixes/a^b' out
	test_exit 0 git agent sync --repair
	test_exit 0 git agent sync --check
EOF

t 'a renamed remote takes nothing from one below its name' <<'EOF'
	nested
	git config --unset agent.prefix
	git notes --ref=agent/eve add -m measured
	beat=$(printf 'beat: alive\n\nAgent-Kind: beat\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' |
		git commit-tree 'HEAD^{tree}')
	for name in a a/b; do
		git push -q "$name" refs/notes/agent/eve \
			refs/notes/agent/eve:refs/notes/agent/x/y \
			"$beat:refs/agent/beat/eve"
		git config agent.remote "$name"
		git agent log 'done' "to $name"
		git agent sync
	done
	git update-ref -d refs/notes/agent/eve
	git for-each-ref refs/agent-remotes/a/b refs/notes/agent-remotes/a/b >before
	test_lines 4 before
	git remote rename a lab
	git config agent.remote lab
	test_exit 0 git agent sync
	git for-each-ref refs/agent-remotes/a refs/notes/agent-remotes/a >after
	test_cmp before after
	git for-each-ref refs/agent-remotes/lab refs/notes/agent-remotes/lab >refs
	test_lines 4 refs
EOF

t '… and keeps what is fetched by its own' <<'EOF'
	cd nested
	git config agent.remote a/b
	git config --add remote.a/b.fetch 'refs/agent/log/*:refs/agent-remotes/a/log/*'
	git config remote.a/b.url "$DAEMON_URL/nowhere.git"
	test_exit 1 git agent sync
	git config --get-all remote.a/b.fetch >specs
	test_no_grep 'agent-remotes/a/log' specs
	test_grep 'agent-remotes/a/b/log' specs
	test_grep 'agent-remotes/a/b/beat' specs
EOF

# two_places NAME: the servers 'NAME' and 'NAME-new', each with a log of its own,
# "old" and "new"; and NAME-me, which has read the first.
two_places() {
	new_origin "$1"
	new_clone "$1" "$1-old"
	new_clone "$1" "$1-me"
	git -C "$1-old" agent log 'done' old
	git -C "$1-me" agent log 'done' mine
	git -C "$1-me" agent sync
	git clone -q --bare "$SCRATCH/$1-seed" "srv/$1-new.git"
	new_clone "$1-new" "$1-new"
	git -C "$1-new" agent log 'done' new
}

# as_read: what the clone reads is what was said at each of the two places.
as_read() {
	test_exit 0 git agent log --offline
	test "$(subjects --offline | tr '\n' ' ')" = 'mine new old '
}

t 'a remote is renamed, and another gets its name' <<'EOF'
	for first in upstream origin; do
		name=$first-first
		two_places "$name"
		cd "$name-me"
		git remote rename origin upstream
		git remote add origin "$DAEMON_URL/$name-new.git"
		test_exit 1 git -c agent.remote=origin agent sync --check >out
		test_no_grep '^deleted' out
		for remote in $first upstream origin; do
			git -c agent.remote=$remote agent sync
		done
		as_read
		for remote in upstream origin; do
			git config --get-all remote.$remote.fetch >specs
			test_lines 3 specs
			test "$(grep -c ":refs/agent-remotes/$remote/" specs)" = 2
			git -c agent.remote=$remote agent sync --check
			git fetch -q --prune $remote
		done
		git rev-parse -q --verify \
			"refs/agent-remotes/upstream/log/$(cd "../$name-old" && writer)"
		git rev-parse -q --verify \
			"refs/agent-remotes/origin/log/$(cd "../$name-new" && writer)"
		as_read
		test "$(server_log "$name" .)" = "$(server_log "$name-new" .)"
		cd ..
	done
EOF

t 'which of our notes a renamed remote has is not said by its former name' <<'EOF'
	new_origin noted
	new_clone noted noted
	cd noted
	git agent log 'done' measured
	own=$(writer)
	git notes --ref="agent/$own" add -m measured
	git agent sync
	notes=.git/agent/pushed-notes
	test -f "$notes/origin/$own"
	# Of an id that the clone had before.
	cp "$notes/origin/$own" "$notes/origin/eve"
	git remote rename origin lab
	git agent sync
	test -f "$notes/lab/$own"
	test ! -e "$notes/origin"
	# Nor by that of a removed one, to the next that has its name.
	git clone -q --bare ../noted-seed ../srv/noted-new.git
	git remote remove lab
	git remote add lab "$DAEMON_URL/noted-new.git"
	git agent status
	git agent log 'done' more
	git -C ../srv/noted-new.git rev-parse "refs/notes/agent/$own"
EOF

t 'and knows on whose place a log is missing, whoever is asked first' <<'EOF'
	two_places alarm
	cd alarm-me
	theirs=$(cd ../alarm-old && writer)
	git -C ../srv/alarm.git update-ref -d "refs/agent/log/$theirs"
	test_exit 3 git agent sync
	git remote rename origin upstream
	git remote add origin "$DAEMON_URL/alarm-new.git"
	git -c agent.remote=origin agent sync
	test_exit 3 git agent log --offline 2>err
	test_grep "on 'upstream', as far as is known, 'log/$theirs' has lost" err
	test_no_grep "on 'origin'" err
	test_exit 3 git -c agent.remote=upstream agent sync
	git -c agent.remote=origin agent sync
EOF

t 'a remote is removed, and another gets its name' <<'EOF'
	two_places gone
	cd gone-me
	git remote remove origin
	git remote add origin "$DAEMON_URL/gone-new.git"
	test_exit 1 git agent sync --check >out
	test_no_grep '^deleted' out
	git agent sync >out
	test_no_grep rewound out
	as_read
	git agent sync --check
	git agent sync
	as_read
	test "$(server_log gone-new .)" = "$(git rev-parse "refs/agent/log/$(writer)")"
	# What is lost at the new place is still said.
	git -C ../srv/gone-new.git update-ref -d \
		"refs/agent/log/$(cd ../gone-new && writer)"
	test_exit 3 git agent sync
EOF

t 'a rename makes nobody believe that the remote has answered' <<'EOF'
	two_places silent
	cd silent-me
	rm .git/agent/fetched
	git remote rename origin upstream
	git remote set-url upstream "$SCRATCH/nowhere"
	test_exit 1 git agent sync
	test ! -e .git/agent/fetched
EOF

# forgetful NAME: NAME-me, whose remote has lost the refspecs of ours.
forgetful() {
	two_places "$1"
	theirs=refs/agent/log/$(cd "$1-old" && writer)
	(cd "$1-old"; git agent log 'done' 'old, two')
	cd "$1-me"
	git agent sync
	git remote set-branches origin main
	test_no_grep agent .git/config
}

t 'a remote that only lost our refspecs is no other: what it loses is said' <<'EOF'
	forgetful unset
	test_exit 1 git agent sync --check --offline >out
	test_no_grep unpushed out
	git -C ../srv/unset.git update-ref -d "$theirs"
	test_exit 1 git agent sync --check >out
	test_grep '^deleted' out
	test_exit 3 git agent sync 2>err
	test_grep 'has lost records' err
	test_exit 3 git agent log --offline
	cd ..
	forgetful unset-too
	git -C ../srv/unset-too.git update-ref "$theirs" "$theirs^"
	test_exit 3 git agent sync
	test "$(subjects --offline 2>err | grep -c 'old, two')" = 1
	test_exit 3 git agent log --offline
EOF

t 'nor is one that had nothing when it was fetched from: what it loses is said' <<'EOF'
	new_origin blank
	git clone -q --bare blank-seed srv/blank-new.git
	new_clone blank blank
	cd blank
	git agent sync
	git agent log 'done' mine
	test_no_grep agent .git/config
	git remote set-url origin "$DAEMON_URL/blank-new.git"
	test_exit 1 git agent sync --check >out
	test_grep '^deleted' out
	git agent sync 2>err
	test_grep 'had lost records of this clone; they are there again' err
	test "$(server_log blank-new .)" = "$(git rev-parse "refs/agent/log/$(writer)")"
	# From now on, one without our refspecs is another.
	git clone -q --bare ../blank-seed ../srv/blank-third.git
	git remote remove origin
	git remote add origin "$DAEMON_URL/blank-third.git"
	git agent sync 2>err
	test_no_grep lost err
EOF

t 'a rename that was cut short is ended by the next sync' <<'EOF'
	two_places short
	cd short-me
	git remote rename origin upstream
	git remote add origin "$DAEMON_URL/short-new.git"
	# As a kill between the refspecs leaves them.
	git config --fixed-value --replace-all remote.upstream.fetch \
		'+refs/agent/beat/*:refs/agent-remotes/upstream/beat/*' \
		'+refs/agent/beat/*:refs/agent-remotes/origin/beat/*'
	git agent sync
	git config --get-all remote.upstream.fetch >specs
	test_no_grep agent-remotes/origin specs
	test "$(grep -c agent-remotes/upstream specs)" = 2
	# It was asked, by its name of before.
	test_exit 0 git agent log --offline 2>err
	test_empty err
EOF

# remembered: what was fetched from 'there', which the clone does not know here.
remembered() {
	grep refs/agent-remotes/there/ .git/agent/known-logs
	grep ' there ' .git/agent/fetched
	grep refs/agent-remotes/there/ .git/agent/rewound
}

t 'a remote that only one worktree has, one branch, or one command' <<'EOF'
	for how in worktree branch command; do
		two_places "$how"
		cd "$how-me"
		url=$DAEMON_URL/$how-new.git
		there=(git -C . -c agent.remote=there)
		case $how in
		worktree)
			git worktree add -q ../worktree-linked
			git config extensions.worktreeConfig true
			git -C ../worktree-linked config --worktree remote.there.url "$url"
			there[2]=../worktree-linked ;;
		branch)
			git config --file more.conf remote.there.url "$url"
			git config includeIf.onbranch:side.path "$PWD/more.conf"
			git checkout -q -b side ;;
		command)
			there+=(-c "remote.there.url=$url") ;;
		esac
		theirs=$(cd "../$how-new" && writer)
		second=$theirs-2
		git -C "../srv/$how-new.git" update-ref "refs/agent/log/$second" \
			"refs/agent/log/$theirs"
		"${there[@]}" agent sync
		git -C "../srv/$how-new.git" update-ref -d "refs/agent/log/$second"
		test_exit 3 "${there[@]}" agent sync
		remembered
		test $how != branch || git checkout -q main
		git -C "../$how-old" agent log 'done' more
		git -c agent.remote=origin agent sync
		remembered
		test $how != branch || git checkout -q side
		test_exit 3 "${there[@]}" agent log --offline 2>err
		test_grep "on 'there', as far as is known, 'log/$second' has lost" err
		cd ..
	done
EOF

t 'nor is it forgotten where all that it brought was dropped' <<'EOF'
	cd worktree-me
	refs=refs/agent-remotes/there/log
	git for-each-ref --format='delete %(refname)' $refs | git update-ref --stdin
	git -C ../worktree-old agent log 'done' 'more still'
	git -c agent.remote=origin agent sync
	remembered
	git rev-parse -q --verify "$refs/$(cd ../worktree-new && writer)"
	# Where it was removed, it is.
	git -C ../worktree-linked config --worktree --remove-section remote.there
	test_exit 0 git agent log --offline
	git for-each-ref --format='delete %(refname)' $refs | git update-ref --stdin
	git -C ../worktree-old agent log 'done' 'and more'
	git -c agent.remote=origin agent sync
	cat .git/agent/{known-logs,fetched,rewound} >all
	test_no_grep there all
EOF

finish
