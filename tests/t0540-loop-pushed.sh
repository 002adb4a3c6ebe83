#!/usr/bin/env bash
# git agent loop: what is pushed is what the remote itself says it has.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/loop.sh"

# loop STATUS ARG…: in the foreground; what it said in $T/err.
loop() {
	local want=$1
	shift
	test_exit "$want" git agent loop "$@" >"$T/out" 2>"$T/err"
}

agent solves <<'EOF'
	echo "5e-5" >value
	git diff --quiet || git commit -qam 'value 5e-5'
	git push -q origin HEAD:${BRANCH-main}
	echo DONE
EOF

t 'a shallow clone of one branch: another branch counts' <<'EOF'
	project full
	git clone -q --depth 1 "$DAEMON_URL/full.git" shallow
	cd shallow
	BRANCH=work loop 0 --agent "$SCRATCH/solves" -n 1
	test -z "$(git for-each-ref refs/remotes/origin/work)"
EOF

t 'a remote without a fetch refspec' <<'EOF'
	project plain
	cd plain
	git config --unset-all remote.origin.fetch
	git update-ref -d refs/remotes/origin/main
	loop 0 --agent "$SCRATCH/solves" -n 1
EOF

# A colleague builds on what the agent pushed, before it is judged.
agent overtaken <<'EOF'
	echo "$VALUE" >value
	git commit -qam "value $VALUE"
	git push -q
	git clone -q "$(git remote get-url origin)" "$T/colleague"
	cd "$T/colleague"
	git commit -q --allow-empty -m 'on top'
	git commit -q --allow-empty -m 'and on'
	git push -q
	echo DONE
EOF

t 'the history of a branch counts, also if its tip is not here' <<'EOF'
	for clone in full shallow; do
		cd "$SCRATCH/$clone"
		git checkout -q main
		git fetch -q
		git reset -q --hard origin/main
		rm -rf .git/FETCH_HEAD "$T/colleague"
		VALUE=${#clone}e-6 loop 0 --agent "$SCRATCH/overtaken" -n 1
		# The objects were fetched; what the user sees has not moved.
		git cat-file -e "$(git -C "$T/colleague" rev-parse HEAD)"
		test "$(git rev-parse origin/main)" = "$(git rev-parse HEAD)"
		test ! -e .git/FETCH_HEAD
	done
EOF

t 'a ref that only says so does not count' <<'EOF'
	project forged
	cd forged
	agent forges <<'END'
	case $GIT_AGENT_ITERATION in
	1)	echo 5e-5 >value; git commit -qam better
		git update-ref refs/remotes/origin/main HEAD ;;
	2)	git push -q ;;
	esac
	echo DONE
END
	loop 0 --agent "$SCRATCH/forges"
	test_grep "HEAD is not pushed to 'origin'" "$T/prompt.2"
	test ! -e "$T/prompt.3"
EOF

t 'nor what the server has lost since' <<'EOF'
	project lost
	cd lost
	agent loses <<'END'
	server=$SCRATCH_SRV/lost.git
	case $GIT_AGENT_ITERATION in
	1)	improve 5e-5
		git -C "$server" update-ref refs/heads/main main~ ;;
	2)	git push -q origin HEAD:refs/heads/topic
		git fetch -q
		git -C "$server" update-ref -d refs/heads/topic ;;
	3)	git push -q ;;
	esac
	echo DONE
END
	SCRATCH_SRV=$SCRATCH/srv loop 0 --agent "$SCRATCH/loses"
	test_grep "HEAD is not pushed to 'origin'" "$T/prompt.2"
	test_grep "HEAD is not pushed to 'origin'" "$T/prompt.3"
	test ! -e "$T/prompt.4"
EOF

t 'a tag or the records alone do not count' <<'EOF'
	project tagged
	cd tagged
	git config agent.prefix refs/heads/agent
	agent tags <<'END'
	test $GIT_AGENT_ITERATION != 1 || {
		echo 5e-5 >value
		git commit -qam better
		git push -q origin HEAD:refs/tags/v1 HEAD:refs/heads/agent/log/me
	}
	echo DONE
END
	loop 1 --agent "$SCRATCH/tags" -n 1
	test_grep 'claimed DONE too early, refused' "$T/err"
EOF

# elsewhere NAME: a project whose pushes go to a fork, which begins as a copy.
elsewhere() {
	project "$1"
	git clone -q --bare "srv/$1.git" "srv/$1-fork.git"
	git -C "$1" config remote.origin.pushurl "$DAEMON_URL/$1-fork.git"
}

# has NAME: the server's main is what HEAD is here.
has() {
	test "$(git -C "$SCRATCH/srv/$1.git" rev-parse main)" = "$(git rev-parse HEAD)"
}

t 'where pushes go elsewhere, it is asked there' <<'EOF'
	elsewhere triangle
	cd triangle
	agent forks <<'END'
	case $GIT_AGENT_ITERATION in
	1)	echo 5e-5 >value
		git commit -qam better
		git push -q "$(git remote get-url origin)" main ;;
	2)	git push -q
		git -C "$SRV/triangle.git" update-ref refs/heads/main main~ ;;
	esac
	echo DONE
END
	SRV=$SCRATCH/srv loop 0 --agent "$SCRATCH/forks" -n 2
	test_grep "HEAD is not pushed to 'origin'" "$T/prompt.2"
	has triangle-fork
	test_exit 1 has triangle
EOF

t 'in the history of a branch there, too' <<'EOF'
	cd triangle
	agent overtaken_there <<'END'
	improve 4e-5
	git clone -q "$(git remote get-url --push origin)" "$T/colleague"
	cd "$T/colleague"
	git commit -q --allow-empty -m 'on top'
	git push -q
	echo DONE
END
	loop 0 --agent "$SCRATCH/overtaken_there" -n 1
	git cat-file -e "$(git -C "$T/colleague" rev-parse HEAD)"
	test "$(git rev-parse origin/main)" = "$(git rev-parse HEAD)"
EOF

t 'each of several places is to have it' <<'EOF'
	project several
	git clone -q --bare srv/several.git srv/several=2.git
	cd several
	git remote set-url --add origin "$DAEMON_URL/several=2.git"
	agent spreads <<'END'
	case $GIT_AGENT_ITERATION in
	1)	echo 5e-5 >value
		git commit -qam better
		git push -q "$(git remote get-url origin)" main ;;
	2)	git push -q ;;
	esac
	echo DONE
END
	loop 0 --agent "$SCRATCH/spreads" -n 2
	test_grep "HEAD is not pushed to 'origin'" "$T/prompt.2"
	has several
	has several=2
EOF

t 'fetched from a mirror that lags: the address is not replaced twice' <<'EOF'
	project lagging
	git clone -q --bare srv/lagging.git srv/mirror-lagging.git
	cd lagging
	git config "url.$DAEMON_URL/mirror-.insteadOf" "$DAEMON_URL/"
	git config "url.$DAEMON_URL/.pushInsteadOf" "$DAEMON_URL/"
	BRANCH=main loop 0 --agent "$SCRATCH/solves" -n 1
	has lagging
	test_exit 1 has mirror-lagging
EOF

t 'a remote that is away for a while costs no iteration' <<'EOF'
	project again
	cd again
	agent leaves <<'END'
	improve 5e-5
	mv "$T_SRV" "$T_SRV.away"
	touch "$T/away"
	echo DONE
END
	T_SRV=$SCRATCH/srv/again.git start_loop --agent "$SCRATCH/leaves" -n 1
	wait_until 60 test -e "$T/away"
	wait_until 60 grep -q "cannot ask 'origin' whether HEAD is there: .*; trying again" "$T/loop.err"
	mv "$SCRATCH/srv/again.git.away" "$SCRATCH/srv/again.git"
	loop_ended 0
	test_grep 'iteration 1 claimed DONE, accepted' "$T/loop.err"
EOF

t 'one that hangs does not hold up an interruption; the run is resumed' <<'EOF'
	project hangs
	cd hangs
	url=$(git remote get-url origin)
	printf '#!/bin/sh\necho $$ >>"$T/transport"; sleep 600\n' >"$T/ssh"
	chmod +x "$T/ssh"
	agent hides <<'END'
	improve 5e-5
	git config core.sshCommand "$T/ssh"
	git remote set-url origin ssh://nowhere.invalid/hangs.git
	echo DONE
END
	start_loop --agent "$SCRATCH/hides"
	wait_until 60 run_is '.doing // "" | startswith("iteration 1: asking the remote")'
	kill -INT "$loop"
	loop_ended 130
	git remote set-url origin "$url"
	loop 0 --agent 'echo DONE'
	test_grep 'run resumed in iteration 1' "$T/err"
EOF

finish
