#!/usr/bin/env bash
# Names of writers from elsewhere: a log ref may be called anything.  By
# whoever may push, by a hand at the remote's packed-refs, by a remote that
# lies, and by a hand in the clone itself.
. "${0%/*}/lib.sh"

LONG=$(printf 'n%.0s' $(seq 300))
BIDI=$(printf 'rtl\342\200\256x')
CSI=$(printf 'csi\302\233x')
ESC=$(printf 'esc\033[31m\007')

# record SUBJECT: a commit that is one, made in this repository; its id.
record() {
	printf 'done: %s\n\nAgent-Kind: done\nAgent-Clock: 2026-01-02T03:04:05.000001Z\n' "$1" |
		as Eve git commit-tree "$(git mktree </dev/null)"
}

# clean FILE…: nothing in it that moves a terminal or turns text around.
clean() {
	local - && set +x
	local f
	for f; do
		LC_ALL=C test_no_grep "[$(printf '\001-\010\013-\037\177')]" "$f"
		LC_ALL=C test_no_grep "$(printf '\302\233')" "$f"
		LC_ALL=C test_no_grep "$(printf '\342\200\256')" "$f"
	done
}

# ends STATUSES COMMAND…: with one of them ("0 3"); in `out` and `err`, clean.
ends() {
	local - && set +x
	local want=$1 got=0
	shift
	"$@" >out 2>err || got=$?
	case " $want " in
	*" $got "*)	;;
	*)		echo "exit status $got, expected $want: $*"; cat err; return 1 ;;
	esac
	case " $* " in
	*' --json '*)	jq . out >/dev/null ;;
	*)		clean out ;;
	esac
	clean err
}

# harmless [STATUSES [STATUSES-OF-SYNC]]: every command that reads, in this
# clone; Ada's own record where records are shown; no file outside.
harmless() {
	local read=${1:-0 3} sync=${2:-0 1 3}
	ends "$read" git agent log
	test_grep 'done: honest' out
	ends "$read" git agent log --json
	jq -e 'any(.[]; .subject == "honest")' out >/dev/null
	ends "$read" git agent status
	test_grep honest out
	ends "$read" git agent status --json
	ends "$read" git agent steer --list
	ends "$sync" git agent sync
	ends "$sync" git agent sync --json
	find "$SCRATCH" -name evil >"$SCRATCH/.found"
	test_empty "$SCRATCH/.found"
}

# clone_of SERVER CLONE: with a record of Ada's own.
clone_of() {
	git clone -q "$1" "$2"
	git -C "$2" agent log 'done' honest --no-push
}

# lines REPO NAME…: refs of these writers, written by hand.
lines() {
	local repo=$1 id name
	shift
	id=$(git -C "$repo" rev-parse HEAD)
	id=$(cd "$repo" && record 'by hand')
	git -C "$repo" pack-refs --all
	# Without the line that says they are sorted.
	sed -i '/^#/d' "$(git -C "$repo" rev-parse --absolute-git-dir)/packed-refs"
	for name; do
		printf '%s %s\n' "$id" "$name"
	done >>"$(git -C "$repo" rev-parse --absolute-git-dir)/packed-refs"
}

git init -q --bare start.git
new_repo seed
git -C seed push -q "$SCRATCH/start.git" main

t 'names that whoever may push can choose' <<'EOF'
	git clone -q --bare start.git pushed.git
	cd pushed.git
	for name in Ada ada HEAD beat log -x x.y 'a"b' "a'b" 'a$(touch${IFS}evil)' \
	    'a`touch${IFS}evil`' 'x;y' '<b>' '%s%n' deep/er "$BIDI" "$CSI" \
	    "$(printf 'n%.0s' $(seq 200))"; do
		git update-ref "refs/agent/log/$name" "$(record "of $name")"
		git update-ref "refs/agent/beat/$name" "$(record "of $name")"
		git update-ref "refs/notes/agent/$name" "$(record "of $name")"
	done
	cd ..
	clone_of pushed.git pushed
	cd pushed
	ends 3 git agent log
	test_grep '12 commits in the logs could not be read' err
	for name in Ada ada HEAD beat log x.y; do
		test_grep "done: of $name\$" out
	done
	harmless 3
	on_tty 'git -c core.pager=cat agent log --json' | tr -d '\r' >out
	clean out
EOF

t 'the same, gone again: a warning that is clean' <<'EOF'
	git -C pushed.git for-each-ref --format='delete %(refname)' refs/agent |
		grep -v '/[a-z]*-[a-z]*-[0-9a-f]*$' |
		git -C pushed.git update-ref --stdin
	cd pushed
	ends 3 git agent sync
	test_grep "on 'origin', 'log/rtl�x' has lost records" err
	harmless 3 3
	git fetch -q --prune || true
	harmless 3 3
EOF

t 'a name too long for a file: told, and all others come' <<'EOF'
	git clone -q --bare start.git long.git
	(cd long.git; git update-ref refs/agent/log/other "$(record 'by another')")
	lines long.git "refs/agent/log/$LONG" "refs/agent/beat/$LONG"
	clone_of long.git long
	cd long
	ends 0 git agent sync
	test_grep '^fetch  log/nnn.* refused .*unable to update local ref' out
	test_grep "git could not take 2 refs from 'origin' by a name" err
	test "$(wc -l <err)" = 1
	git agent log >out
	test_grep 'by another' out
	harmless 0 0
EOF

t '--check names it, with what deletes it on the host' <<'EOF'
	cd long
	ends 1 git agent sync --check
	test_grep "^bad-name: 'refs/agent/log/$LONG': " out
	test_grep "^bad-name: 'refs/agent/beat/$LONG': " out
	test "$(wc -l <out)" = 2
	sed -n 's/.* on the host, this deletes it: //p' out >commands
	test "$(wc -l <commands)" = 2
	ends 1 git agent sync --repair
	test_grep "^repair: bad-name: 'refs/agent/log/nnn.*: left to you" out
	test_grep "refs/agent/log/$LONG" ../long.git/packed-refs
	(cd ../long.git; sh -e ../long/commands)
	git ls-remote origin 'refs/agent/*' >refs
	test_no_grep nnn refs
	test_grep refs/agent/log/other refs
	ends 0 git agent sync --check
EOF

t '--check names those that have not come yet, with a push that deletes' <<'EOF'
	git clone -q --bare start.git before.git
	(cd before.git
	    git update-ref refs/agent/log/zok "$(record 'of zok')"
	    for name in log/'$(touch${IFS}evil)' log/"$BIDI" notes/x/y beat/-x; do
		git update-ref "refs/agent/$name" "$(record 'by hand')"
	    done
	    git update-ref refs/notes/agent/x/y "$(record 'by hand')")
	clone_of before.git before
	cd before
	ends 1 git agent sync --check
	test "$(grep -c ^bad-name: out)" = 4
	test_grep "^bad-name: 'refs/agent/log/rtl�x': " out
	test_grep "^bad-name: 'refs/notes/agent/x/y': " out
	git agent sync --check --json >json || true
	jq -r '.findings[] | select(.code == "bad-name").command' json >commands
	sh -e commands
	git ls-remote origin 'refs/*agent/*' >refs
	test "$(wc -l <refs)" = 2
	test_grep log/zok refs
	test_grep refs/agent/notes/x/y refs
	ends 0 git agent sync
	ends 0 git agent sync --check
	find .. -name evil >found
	test_empty found
EOF

t 'names that git refuses, in the packed-refs of the remote' <<'EOF'
	for name in x.lock "$ESC" 'a b' '@{x}' .hidden '../../../../evil'; do
		rm -rf bad.git bad
		git clone -q --bare start.git bad.git
		(cd bad.git; git update-ref refs/agent/log/other "$(record 'by another')")
		lines bad.git "refs/agent/log/$name"
		clone_of start.git bad
		git -C bad remote set-url origin "$SCRATCH/bad.git"
		cd bad
		harmless
		ends '0 1 3' git agent sync
		# Where git takes some, it takes the others.
		git fetch -q origin 'refs/agent/log/*:refs/agent-remotes/origin/log/*' || true
		git for-each-ref --format='%(refname)' refs/agent-remotes >refs
		test_no_grep -v '/log/other$' refs
		cd ..
	done
EOF

t 'a remote that lies about its names' <<'EOF'
	git clone -q --bare start.git liar.git
	cd liar.git
	for name in zz-up-many-levels-evil zz-escape zz-inside-dots zz-lock; do
		git update-ref "refs/agent/log/$name" "$(record "of $name")"
	done
	cd ..
	# Other names of the same length, in whatever git sends.
	cat >lie <<'END'
#!/usr/bin/perl
use IPC::Open2;
$pid = open2($out, '<&STDIN', 'git-upload-pack', @ARGV);
while (sysread($out, $_, 65536)) {
	s{log/zz-up-many-levels-evil}{log/../../../../../../evil}g;
	s{log/zz-escape}{log/zz\e[31m\ax}g;
	s{log/zz-inside-dots}{log/zz/../../dotss}g;
	s{log/zz-lock}{log/zz.lock}g;
	syswrite(STDOUT, $_);
}
waitpid($pid, 0);
exit($? >> 8);
END
	chmod +x lie
	for version in 0 2; do
		rm -rf liar
		clone_of liar.git liar
		cd liar
		git config remote.origin.uploadpack "$SCRATCH/lie"
		git config protocol.version $version
		git -c core.pager=cat fetch origin 'refs/agent/log/*:refs/agent-remotes/origin/log/*' >git.out 2>&1 || true
		test_grep "Ignoring funny ref" git.out
		harmless
		git for-each-ref --format='%(refname)' >refs
		test_no_grep 'zz\|evil\|dots' refs
		cd ..
	done
EOF

t 'what the remote says when it refuses is cleaned' <<'EOF'
	git clone -q --bare start.git rude.git
	printf '#!/bin/sh\nprintf "\\033[2J\\302\\233 no \\342\\200\\256\\007\\n" >&2\nexit 1\n' \
		>rude.git/hooks/pre-receive
	chmod +x rude.git/hooks/pre-receive
	clone_of rude.git rude
	cd rude
	ends 1 git agent sync
	test_grep 'refused' err
	ends 0 git agent log done more
EOF

t "names in the clone's own packed-refs" <<'EOF'
	for name in "$LONG" "$ESC" "$BIDI" 'a b' '@{x}' x.lock x/../y \
	    '../../../../evil' .hidden 'end.' 'a:b'; do
		rm -rf own
		clone_of start.git own
		cd own
		lines . "refs/agent-remotes/origin/log/$name"
		ends 3 git agent log --offline
		test_grep 'done: honest' out
		test_no_grep 'by hand' out
		test_grep '1 commit in the logs could not be read' err
		ends 3 git agent status --offline
		ends 3 git agent steer --list --offline
		ends 3 git agent log --json --offline
		ends '0 1 3' git agent sync
		ends 0 git agent log done more --no-push
		test_grep recorded err
		cd ..
	done
	find . -name evil >found
	test_empty found
EOF

# Made by git where names differ in case only: one file for both.
mkdir fold
truncate -s 30M fold.img
if { mkntfs -qFf fold.img && lowntfs-3g -o ignore_case fold.img fold; } \
    >/dev/null 2>&1; then
	trap 'fusermount -uz "$SCRATCH/fold"; test_cleanup' EXIT
	t 'logs that differ in case only, where files cannot' <<'EOF'
	git clone -q --bare start.git case.git
	for name in eve-host-1 EVE-host-1 eve-host-2; do
		(cd case.git; git update-ref "refs/agent/log/$name" \
		    "$(record "of $name")")
	done
	git clone -q case.git fold/clone
	cd fold/clone
	test "$(git config core.ignoreCase)" = true
	ends 1 git agent sync
	test "$(grep -c '(core.ignoreCase) takes its name' err)" = 1
	test_grep 'eve-host-1.*EVE-host-1\|EVE-host-1.*eve-host-1' err
	test_no_grep 'has lost records' err
	ends 3 git agent log
	test_grep 'is not shown: .*(core.ignoreCase)' err
	test_grep 'of eve-host-2' out
	ends 1 git agent sync --check
	test_grep '^unfetched: .*(core.ignoreCase)' out
	ends 1 git agent sync
	ends 3 git agent log
EOF
	fusermount -u fold
	trap test_cleanup EXIT
else
	skip 'logs that differ in case only' 'no ntfs with ignore_case here'
fi

t 'names among the own logs' <<'EOF'
	for name in "$ESC" "$BIDI" 'a b' x.lock '../../../../evil'; do
		rm -rf own
		clone_of start.git own
		cd own
		lines . "refs/agent/log/$name"
		ends '0 3' git agent log --offline
		test_grep 'done: honest' out
		rm .git/agent/writer
		ends 0 git agent log done more --no-push
		test_grep recorded err
		head -n 1 .git/agent/writer >writer
		test_grep -x '[a-z0-9]*-[a-z0-9]*-[0-9a-f]*' writer
		cd ..
	done
EOF

t 'names in a state file: no file outside, no ref' <<'EOF'
	rm -rf own
	clone_of start.git own
	cd own
	id=$(record 'by hand')
	git agent sync
	for name in ../../../../../evil '../../../../../../evil' x.lock "$ESC"; do
		echo "$id refs/agent-remotes/origin/log/$name"
	done >>.git/agent/known-logs
	ends '0 3' git agent log
	git for-each-ref --format='%(refname)' >refs
	test_no_grep 'evil\|lock' refs
	find "$SCRATCH" -name evil >found
	test_empty found
	for name in x.lock end. ../../evil; do
		printf '%s\n1 2 3\n' "$name" >.git/agent/writer
		git agent log done more --no-push
		head -n 1 .git/agent/writer >writer
		test_no_grep 'lock\|end\|evil' writer
	done
EOF

finish
