#!/usr/bin/env bash
# What git forbids or asks for and libgit2 knows nothing of: the quarantine of
# a push, safe.directory, safe.bareRepository, core.sharedRepository.
. "${0%/*}/lib.sh"

subjects() {
	git agent log --all --json --offline "$@" | jq -r '.[].subject'
}

t 'a pre-receive hook records nothing, and reads; post-receive does' <<'EOF'
	git init -q --bare judged.git
	git clone -q judged.git judging 2>/dev/null
	cd judging
	git commit -q --allow-empty -m 1
	git push -q origin HEAD:main
	git -C ../judged.git agent log status 'before'
	cat >../judged.git/hooks/pre-receive <<-'END'
	#!/bin/sh
	git agent log done 'pushed' || echo "ended with $?"
	printf '{"kind": "done", "subject": "%s"}\n' 1 2 |
		git agent log --batch || echo "batch ended with $?"
	git agent log || echo "reading ended with $?"
	git agent status >/dev/null || echo "status ended with $?"
	exit 1
	END
	chmod +x ../judged.git/hooks/pre-receive
	git commit -q --allow-empty -m 2
	test_exit 1 git push origin HEAD:main 2>err
	test_grep 'fatal: nothing can be recorded while .* post-receive hook' err
	test_grep '^remote: ended with 128' err
	test_grep '^remote: batch ended with 128' err
	test_grep '^remote: .* status: before' err
	test_no_grep 'reading ended with\|status ended with' err
	mv ../judged.git/hooks/pre-receive ../judged.git/hooks/post-receive
	git push -q origin HEAD:main 2>err
	cd ../judged.git
	test "$(subjects -n 3 | tr '\n' ' ')" = '2 1 pushed '
	git fsck 2>fsck
	test_no_grep 'error\|missing' fsck
	git gc -q
EOF

t 'safe.bareRepository: one that came with a clone runs nothing' <<'EOF'
	new_repo carrier
	cd carrier
	git init -q --bare evil
	printf '#!/bin/sh\ntouch "%s/ran"\n' "$SCRATCH" >evil/x
	chmod +x evil/x
	git --git-dir=evil config commit.gpgSign true
	git --git-dir=evil config gpg.program "$PWD/evil/x"
	git --git-dir=evil config safe.bareRepository all
	git config --global safe.bareRepository explicit
	cd evil
	test_exit 128 git agent log done x 2>err
	test_grep "^fatal: cannot use bare repository '.*/evil' (safe.bare" err
	test_exit 128 git agent log 2>err
	test_exit 128 git -c safe.bareRepository=explicit agent log 2>err
	cd refs
	test_exit 128 git agent log 2>err
	test ! -e "$SCRATCH/ran"
	cd ../..
	git agent log done 'in the work tree'
	git --git-dir=evil config commit.gpgSign false
	git --git-dir=evil agent log done 'named'
	cd evil
	GIT_DIR=. git agent log >out
	test_grep 'named' out
	git config --global --unset safe.bareRepository
	test "$(subjects)" = named
	git config --global safe.bareRepository all
	test "$(subjects)" = named
	git config --global --unset safe.bareRepository
	git --git-dir=. config safe.bareRepository explicit
	test "$(subjects)" = named
EOF

if test "$(id -u)" = 0; then
	t "somebody else's: as this git reads safe.directory, and where it is hidden" <<-'EOF'
	new_repo theirs
	mkdir theirs/src
	# as_git: refused or not, as by git, which normalises more when newer.
	as_git() {
		local want=0
		git rev-parse 2>rev-parse.err || want=$?
		test_exit "$want" git agent log --offline >out 2>err
		test "$want" = 0 || test_grep 'dubious ownership' err
	}
	for owned in theirs theirs/.git; do
		chown -R "$(id -u)" theirs
		chown 12345 "$owned"
		for entry in /theirs /theirs/ /./theirs /theirs/. /theirs/.git \
		    /x/../theirs //theirs '/*' /theirs/src; do
			git config --global safe.directory "$SCRATCH$entry"
			(cd theirs && as_git)
			(cd theirs/src && as_git)
		done
		git config --global safe.directory '*'
		cd theirs
		git agent log --offline
		export GIT_CONFIG_GLOBAL=/dev/null
		test_exit 128 git agent log --offline 2>err
		test_grep 'dubious ownership' err
		GIT_DIR=.git git agent log --offline
		unset GIT_CONFIG_GLOBAL
		cd ..
	done
	git config --global --unset-all safe.directory
	EOF

	t '… a worktree whose .git alone is theirs, or where it was found' <<-'EOF'
	new_repo mine
	git -C mine worktree add -q ../linked-mine
	cd linked-mine
	git agent log --offline
	git config --global safe.directory "$PWD/"
	chown 12345 .git
	git rev-parse 2>err || test_exit 128 git agent log --offline
	export GIT_CONFIG_GLOBAL=/dev/null
	test_exit 128 git agent log --offline 2>err
	test_grep 'dubious ownership' err
	cd ../mine
	mkdir ../apart-tree
	git config core.worktree ../../apart-tree
	GIT_CONFIG_GLOBAL=/dev/null git agent log --offline
	chown 12345 .
	test_exit 128 git agent log --offline 2>err
	test_grep 'dubious ownership' err
	unset GIT_CONFIG_GLOBAL
	git config --global --unset-all safe.directory
	EOF
else
	skip "somebody else's" 'needs root to make one'
fi

# mode FILE…: the one mode that all of them have.
mode() {
	stat -c %a "$@" | sort -u
}

for shared in umask group all 0640 0660 0666 0600; do
	for mask in 022 077; do
		t "core.sharedRepository $shared, umask $mask: as git" <<-EOT
		git init -q --bare --shared=$shared srv-$shared-$mask.git
		cd srv-$shared-$mask.git
		umask $mask
		tree=\$(git mktree </dev/null)
		git update-ref refs/x/y "\$(git commit-tree -m x "\$tree")"
		rm -r objects/??
		git agent log done one
		test "\$(mode refs/agent/log agent objects/??)" = "\$(mode refs/x)"
		test "\$(mode refs/agent/log/* agent/lock)" = "\$(mode refs/x/y)"
		mode objects/??/* >ours
		rm -r objects/??
		git commit-tree -m x "\$(git mktree </dev/null)"
		test "\$(mode objects/??/*)" = "\$(cat ours)"
		EOT
	done
done

t 'core.sharedRepository: a batch; not what is run' <<'EOF'
	git init -q --bare --shared=0666 srv.git
	cd srv.git
	printf '{"kind": "done", "subject": "%s"}\n' 1 2 | git agent log --batch
	test "$(mode objects/pack/*.pack objects/pack/*.idx)" = 444
	umask 027
	GIT_EDITOR='umask >mask; echo edited >' git agent log done --edit
	test "$(subjects -n 1)" = edited
	test "$(cat mask)" = 0027
EOF

t 'a revision is what git takes for one' <<'EOF'
	new_repo revisions
	cd revisions
	printf '[oracle]\n\tcommand = echo metric err 0.5\n' >.gitagent
	git add .gitagent
	git commit -qm oracle
	new_commit . next
	git tag -a -m one v1
	git tag -a -m two v2 v1
	for rev in HEAD HEAD~1 v1 v2 refs/heads/main~1 main 'HEAD@{0}' \
	    ':/oracle' "$(git rev-parse --short HEAD)" \
	    "$(git rev-parse HEAD)" refs/tags/v2; do
		git agent check "$rev" --json >out
		test_json ".commit == \"$(git rev-list -1 "$rev")\""
	done
	for rev in nope refs/heads/nope HEAD: 'v1^{tree}' \
	    "$(git rev-parse 'HEAD^{tree}')" 1234567; do
		test_exit 128 git agent check "$rev" 2>err
		test_grep "'$rev' is not a commit that this repository has" err
	done
	test_exit 128 git agent check -- -x 2>err
	test_grep "'-x' is not a commit that this repository has" err
EOF

finish
