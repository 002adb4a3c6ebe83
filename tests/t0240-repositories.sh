#!/usr/bin/env bash
# Every kind of repository that git makes: what is written there arrives
# elsewhere, what others write is read there, and what git-agent cannot work
# with is refused before anything is written.
. "${0%/*}/lib.sh"

start_git_daemon "$SCRATCH/srv"
git init -q --bare srv/origin.git
git -C srv/origin.git config uploadpack.allowFilter true
git -C srv/origin.git config uploadpack.allowAnySHA1InWant true

# A project whose oracle can be measured at any commit, and a second clone
# that everything is exchanged with.
git init -q seed
(
	cd seed || exit
	mkdir src data
	echo 1 >src/a
	echo 2 >data/b
	echo 'echo metric err 0.5' >oracle.sh
	printf '[oracle]\n\tcommand = sh oracle.sh\n\tprotect = oracle.sh\n' \
		>.gitagent
	git add .
	git commit -qm one
	echo 3 >src/a
	git commit -qam two
	git push -q "$SCRATCH/srv/origin.git" main
) || bail 'no project'
git clone -q "$DAEMON_URL/origin.git" peer
(cd peer && git agent init --goal 'all kinds') >init.out 2>&1 ||
	bail 'no brief'

subjects() {
	git agent log --all --json --offline "$@" | jq -r '.[].subject'
}

# exchange KIND: in the current folder; a record each way, and the dashboard.
exchange() {
	git agent log done "from $1" 2>"$SCRATCH/err"
	test_grep "pushed to 'origin'" "$SCRATCH/err"
	test "$(subjects -n 1)" = "from $1"
	git -C "$SCRATCH/peer" agent sync
	(cd "$SCRATCH/peer" && subjects) >"$SCRATCH/out"
	test_grep -x "from $1" "$SCRATCH/out"
	git -C "$SCRATCH/peer" agent log done "to $1"
	git agent sync
	subjects >"$SCRATCH/out"
	test_grep -x "to $1" "$SCRATCH/out"
	git agent status --json >"$SCRATCH/out"
	test "$(jq -r .goal "$SCRATCH/out")" = 'all kinds'
	test "$(jq -r .stats.partial "$SCRATCH/out")" = false
	test "$(jq -r .stats.unpushed "$SCRATCH/out")" = 0
	test "$(jq -r '.done[0].subject' "$SCRATCH/out")" = "to $1"
	git agent status >"$SCRATCH/out"
	test_grep "to $1" "$SCRATCH/out"
}

# Everything below a folder: names, times, contents.
snapshot() {
	(
		cd "$1" || exit
		find . -printf '%p %y %m %T@\n' | sort
		find . -type f -exec sha256sum {} + | sort
	)
}

# ---- kinds -------------------------------------------------------------------

t 'a plain clone' <<'EOF'
	git clone -q "$DAEMON_URL/origin.git" plain
	cd plain
	exchange plain
	cd src
	exchange 'a subfolder'
EOF

t 'a linked worktree: the clone is the writer, its state is in common' <<'EOF'
	cd plain
	git worktree add -q ../linked
	cd ../linked
	exchange linked
	mkdir deep
	cd deep
	exchange 'deep in a linked worktree'
	cd ../..
	test "$(git -C plain for-each-ref refs/agent/log/ | wc -l)" = 1
	for f in writer lock fetch.lock push.lock fetched; do
		test -e plain/.git/agent/$f
		test ! -e plain/.git/worktrees/linked/agent/$f
	done
	git -C plain worktree remove --force ../linked
	test "$(cd plain && subjects | grep -c '^from linked$')" = 1
EOF

t 'a worktree of a bare repository, which is in no work tree itself' <<'EOF'
	git clone -q --bare "$DAEMON_URL/origin.git" hub.git
	git -C hub.git worktree add -q ../spoke main
	cd spoke
	exchange 'a spoke'
	cd ../hub.git
	exchange 'the hub'
	test "$(git for-each-ref refs/agent/log/ | wc -l)" = 1
EOF

t 'a bare repository' <<'EOF'
	git clone -q --bare "$DAEMON_URL/origin.git" bare.git
	cd bare.git
	exchange bare
	git agent check --no-record main >out
	test_grep '^PASS' out
EOF

t 'a mirror, where a plain fetch may overwrite all refs' <<'EOF'
	git clone -q --mirror "$DAEMON_URL/origin.git" mirror.git
	cd mirror.git
	exchange mirror
EOF

t 'a shallow clone' <<'EOF'
	git clone -q --depth 1 "$DAEMON_URL/origin.git" shallow
	cd shallow
	exchange shallow
	test "$(git rev-parse --is-shallow-repository)" = true
	git fetch -q --unshallow
	exchange unshallowed
EOF

t 'a single branch, without tags' <<'EOF'
	git clone -q --single-branch --no-tags "$DAEMON_URL/origin.git" single
	cd single
	exchange single
EOF

for filter in blob:none tree:0; do
	t "a partial clone ($filter): records are whole, the rest is brought" <<-EOF
	filter=$filter
	$(cat <<-'END_OF_TEST'
	dir=partial-${filter%:*}
	git clone -q --filter=$filter --no-checkout \
		"$DAEMON_URL/origin.git" $dir
	cd $dir
	(cd ../peer && git agent check HEAD)
	exchange $dir
	# What the oracle printed is here already.
	id=$(git agent log --all --json |
		jq -r '[.[]|select(.kind=="check")][0].id')
	git rev-list --objects --missing=print --no-walk "$id" >objects
	test_no_grep '^?' objects
	# A definition that is not here yet.
	git rev-list --objects --missing=print HEAD >objects
	test_grep '^?' objects
	git agent check --no-record HEAD~1 >out
	test_grep '^PASS' out
	test_exit 128 git agent check --no-record --oracle-from HEAD~9 2>err
	END_OF_TEST
	)
	EOF
done

t 'a sparse checkout, with cones, a sparse index and without' <<'EOF'
	git clone -q --sparse "$DAEMON_URL/origin.git" sparse
	cd sparse
	exchange sparse
	git sparse-checkout set src
	git agent check >../out
	test_grep '^PASS' ../out
	test "$(git agent check --json | jq .dirty)" = false
	git sparse-checkout set --sparse-index src
	git ls-files --sparse >../out
	test_grep '^data/$' ../out
	exchange 'a sparse index'
	test "$(git agent check --json | jq .dirty)" = false
	git sparse-checkout set --no-cone /src/
	test ! -e .gitagent
	exchange 'no cone'
	# What is measured is the whole commit, wherever the oracle looks.
	git agent check --no-record HEAD >../out
	test_grep '^PASS' ../out
	test -e .git/agent/measure/data/b
EOF

t 'objects of another repository (alternates)' <<'EOF'
	git clone -q --shared --no-hardlinks peer shared
	cd shared
	git config remote.origin.url "$DAEMON_URL/origin.git"
	test -s .git/objects/info/alternates
	exchange shared
	cd ..
	git clone -q --reference peer "$DAEMON_URL/origin.git" referring
	cd referring
	exchange referring
	# By a relative path, as git allows it.
	echo ../../../peer/.git/objects >.git/objects/info/alternates
	exchange 'referring relatively'
EOF

t 'objects in another folder (GIT_OBJECT_DIRECTORY), which borrows' <<'EOF'
	new_repo moved-objects
	git init -q --bare lends-nothing.git
	echo "$PWD/lends-nothing.git/objects" >moved-objects/.git/objects/info/alternates
	cp -r moved-objects/.git/objects other-objects
	cd moved-objects
	export GIT_OBJECT_DIRECTORY=../other-objects
	git agent log 'done' one
	mkdir sub
	(cd sub && GIT_OBJECT_DIRECTORY=../../other-objects git agent log 'done' two)
	test "$(subjects | sort | tr '\n' ' ')" = 'one two '
	git repack -adq
	git prune-packed
	rm -rf .git/agent/index*
	test "$(subjects | sort | tr '\n' ' ')" = 'one two '
	git fsck --strict
	test_exit 3 env -u GIT_OBJECT_DIRECTORY git agent log --offline
EOF

t 'a submodule: its records are its own' <<'EOF'
	new_repo super
	cd super
	git -c protocol.allow=always submodule --quiet add \
		"$DAEMON_URL/origin.git" sub
	git commit -qm 'with a submodule'
	git agent log done 'of the whole'
	cd sub
	exchange submodule
	subjects >out
	test_no_grep 'of the whole' out
	test -e ../.git/modules/sub/agent/writer
	cd ..
	test "$(subjects)" = 'of the whole'
	test_exit 0 git agent sync
EOF

t 'a git directory elsewhere (--separate-git-dir)' <<'EOF'
	git clone -q --separate-git-dir="$SCRATCH/apart.git" \
		"$DAEMON_URL/origin.git" apart
	cd apart
	exchange apart
	test -e ../apart.git/agent/writer
EOF

t 'a path with blanks, quotes and letters of all sorts' <<'EOF'
	git clone -q "$DAEMON_URL/origin.git" "it's a «long» way"
	cd "it's a «long» way"
	exchange 'odd path'
EOF

# ---- by the environment and the configuration --------------------------------

t 'GIT_DIR alone: the current folder is the work tree, as for git' <<'EOF'
	git clone -q "$DAEMON_URL/origin.git" named
	mkdir named/sub elsewhere
	cd named/sub
	export GIT_DIR=../.git
	git agent log --render
	test -e CHANGELOG.md
	test ! -e ../CHANGELOG.md
	rm CHANGELOG.md
	export GIT_DIR=$SCRATCH/named/.git
	cd ../../elsewhere
	exchange GIT_DIR
	git agent log --render
	test -e CHANGELOG.md
	git --git-dir="$GIT_DIR" agent log -n 1 >out
	test_grep GIT_DIR out
	test ! -e ../named/CHANGELOG.md
EOF

t 'GIT_DIR and core.worktree, core.bare, GIT_WORK_TREE' <<'EOF'
	mkdir tree
	export GIT_DIR=$SCRATCH/named/.git
	cd elsewhere
	rm -f CHANGELOG.md
	git config core.worktree "$SCRATCH/tree"
	git agent log --render
	test -e ../tree/CHANGELOG.md
	git config --unset core.worktree
	rm ../tree/CHANGELOG.md
	GIT_WORK_TREE=../tree git agent log --render
	test -e ../tree/CHANGELOG.md
	GIT_WORK_TREE=../tree exchange 'both given'
	git config core.bare true
	test_exit 128 git agent log --render 2>err
	test_grep 'is a bare repository' err
	git config core.bare false
	GIT_IMPLICIT_WORK_TREE=0 test_exit 128 git agent log --render
	test ! -e CHANGELOG.md
EOF

t 'inside a git hook' <<'EOF'
	git clone -q "$DAEMON_URL/origin.git" hooked
	cd hooked
	cat >.git/hooks/post-commit <<-'END'
	#!/bin/sh
	git agent log done "committed $(git log -1 --format=%s)" --no-push
	END
	chmod +x .git/hooks/post-commit
	mkdir deep
	cd deep
	git commit -q --allow-empty -m 'in a hook'
	test "$(subjects -n 1)" = 'committed in a hook'
	git worktree add -q ../../hooked2
	cd ../../hooked2
	git commit -q --allow-empty -m 'in a worktree'
	test "$(subjects -n 1)" = 'committed in a worktree'
	exchange hooked
EOF

t 'git -c and GIT_CONFIG_COUNT: a remote, its address, url.insteadOf' <<'EOF'
	new_repo here
	cd here
	git -c remote.origin.url="$DAEMON_URL/origin.git" agent log done 'by -c' \
		2>err
	test_grep 'has no remote\|pushed' err
	git remote add origin short:origin.git
	export GIT_CONFIG_COUNT=1
	export GIT_CONFIG_KEY_0=url.$DAEMON_URL/.insteadOf
	export GIT_CONFIG_VALUE_0=short:
	exchange 'counted settings'
	unset GIT_CONFIG_COUNT
	test_exit 1 git agent sync
	git config --global url."$DAEMON_URL/".insteadOf short:
	exchange 'short addresses'
	git config --global --unset url."$DAEMON_URL/".insteadOf
	git remote add second "$DAEMON_URL/origin.git"
	git -c agent.remote=second agent log done 'by the second' 2>err
	test_grep "pushed to 'second'" err
	git -c remote.third.url="$DAEMON_URL/origin.git" \
		-c agent.remote=third agent sync
EOF

t 'includeIf with every condition that git knows' <<'EOF'
	unset GIT_CONFIG_NOSYSTEM
	new_repo cond
	cd cond
	git remote add origin "$DAEMON_URL/origin.git"
	author() { git agent log --json -n 1 --offline | jq -r '.[0].author'; }
	for c in "gitdir:$PWD/" "gitdir/i:${PWD^^}/" onbranch:main \
	    'hasconfig:remote.*.url:git://127.*/**'; do
		git config --global "includeIf.$c.path" "$HOME/included"
		printf '[user]\n\tname = %s\n' "${c%%:*}" >"$HOME/included"
		git agent log done "by $c" --no-push
		test "$(author)" = "${c%%:*}"
		git config --global --remove-section "includeIf.$c"
	done
	git config --global includeIf.onbranch:other.path "$HOME/included"
	git agent log done 'by none' --no-push
	test "$(author)" = 'Ada Lovelace'
	git config --global --remove-section includeIf.onbranch:other
EOF

t 'includeIf gitdir through a symbolic link: who a commit there is by' <<'EOF'
	unset GIT_CONFIG_NOSYSTEM
	mkdir -p real/one/sub
	ln -s real linked-to
	new_repo real/one
	printf '[user]\n\tname = By Link\n' >"$HOME/included"
	for c in linked-to/ linked-to/one/.git real/; do
		git config --global "includeIf.gitdir:$PWD/$c.path" \
			"$HOME/included"
		for dir in linked-to/one real/one linked-to/one/sub; do
			cd "$SCRATCH/$dir"
			git commit -q --allow-empty -m x
			git agent log done "by $c in $dir"
			test "$(git agent log --json -n 1 | jq -r '.[0].author')" = \
				"$(git log -1 --format=%an)"
			git log -1 --format=%an >>"$SCRATCH/authors"
		done
		cd "$SCRATCH"
		git config --global --remove-section "includeIf.gitdir:$PWD/$c"
	done
	test_grep 'By Link' authors
	test_grep 'Ada Lovelace' authors
EOF

t 'a boolean that is none is an error, and nothing is written' <<'EOF'
	new_repo switches
	cd switches
	for key in push fsync sign; do
		for v in maybe flase 1x x1 '-' ' '; do
			for args in 'log done x' log status sync; do
				test_exit 128 git -c "agent.$key=$v" agent $args 2>err
				test_lines 1 err
				test_grep "^fatal: agent.$key is '$v': expected true or false; set it with 'git config agent.$key false'" err
			done
			test_exit 1 git -c "agent.$key=$v" agent sync --check >out
			test_grep "^bad-setting: .*agent.$key is '$v': expected" out
		done
		for v in yes TRUE 1 -1 0x10 1k '' off No 0; do
			git -c "agent.$key=$v" agent log
		done
		git -c "agent.$key" agent log
	done
	test -z "$(git for-each-ref refs/agent)"
	git config agent.push 0
	git remote add origin nowhere
	git agent log 'done' kept 2>err
	test_grep "^recorded [0-9a-f]* in this clone; 'git agent sync' pushes it" err
	git config agent.push maybe
	test_exit 128 git agent log 'done' x 2>err
	test_grep "agent.push is 'maybe'" err
EOF

t 'agent.remote that is no name is an error, and nothing is written' <<'EOF'
	new_repo strict
	cd strict
	git remote add origin "$DAEMON_URL/origin.git"
	for v in "$DAEMON_URL/origin.git" ../peer -x '' 'a b' ..; do
		git config agent.remote "$v"
		for args in 'log done x' log sync status; do
			test_exit 128 git agent $args 2>err
			test_lines 1 err
			test_grep "^fatal: agent.remote is '.*': expected the name of a remote" err
		done
	done
	git config agent.remote nowhere
	git agent log done 'kept here' 2>err
	test_grep "not pushed to 'nowhere': agent.remote is 'nowhere'.*git remote" err
	test_exit 1 git agent sync 2>err
	test_grep "'nowhere': agent.remote is 'nowhere'" err
	git config --unset agent.remote
	git agent sync
	test "$(subjects | grep -cx x)" = 0
EOF

if test "$(id -u)" = 0; then
	t "somebody else's: refused as by git, also with a work tree given" <<-'EOF'
	git clone -q "$DAEMON_URL/origin.git" theirs
	chown -R 12345 theirs
	snapshot theirs >before
	cd theirs
	for args in 'log done x' sync status; do
		test_exit 128 git agent $args 2>../err
		test_grep 'dubious ownership' ../err
		test_grep 'safe.directory' ../err
	done
	snapshot ../theirs >../after
	test_cmp ../before ../after
	git config --global safe.directory '*'
	exchange 'allowed'
	GIT_WORK_TREE=$SCRATCH/tree git agent log --render
	test ! -e CHANGELOG.md
	git config --global --unset-all safe.directory
	EOF
else
	skip "somebody else's" 'needs root to make one'
fi

# ---- what is refused ---------------------------------------------------------

# refused DIR SENTENCE: by every command, and not a byte is changed.
refused() {
	local args
	snapshot "$1" >"$SCRATCH/before"
	snapshot "$HOME" >>"$SCRATCH/before"
	cd "$1"
	for args in 'log' 'log done x' 'log --render' 'sync' 'sync --inbox' \
	    'steer x' 'status' 'check' 'loop' 'init --goal x'; do
		# shellcheck disable=SC2086 # a list of words
		test_exit 128 git agent $args >"$SCRATCH/out" 2>"$SCRATCH/err"
		test_empty "$SCRATCH/out"
		test_grep "^fatal: .*$2" "$SCRATCH/err"
	done
	cd ..
	snapshot "$1" >"$SCRATCH/after"
	snapshot "$HOME" >>"$SCRATCH/after"
	test_cmp "$SCRATCH/before" "$SCRATCH/after"
}

t 'SHA-256 objects' <<'EOF'
	git init -q --object-format=sha256 sha256
	(cd sha256 && echo x >x && git add x && git commit -qm x)
	refused sha256 'has SHA-256 objects, which git-agent does not support'
	git init -q --bare --object-format=sha256 sha256.git
	refused sha256.git 'has SHA-256 objects'
	git -C sha256 worktree add -q ../sha256-linked
	refused sha256-linked 'has SHA-256 objects'
EOF

t 'refs in a reftable' <<'EOF'
	# git 2.45 makes them; older ones refuse what says so.
	new_repo reftable
	git -C reftable config core.repositoryFormatVersion 1
	git -C reftable config extensions.refStorage reftable
	refused reftable 'keeps its refs in a reftable, which git-agent does not support'
EOF

t 'an extension that git does not know either' <<'EOF'
	new_repo extended
	git -C extended config core.repositoryFormatVersion 1
	git -C extended config extensions.fromTheFuture true
	refused extended 'fromthefuture'
	new_repo versioned
	git -C versioned config core.repositoryFormatVersion 99
	refused versioned '99'
EOF

finish
