#!/usr/bin/env bash
# What is left when a command is killed, or the disk refuses it, in any of
# its system calls that write: tests/fault/inject.c.  `make test` tries one
# point in so many of all kinds, `make stress` every one.
stress=${STRESS:-}
. "${0%/*}/lib.sh"
case $(ldd "$B/bin/git-agent-log") in
*libasan*) skip_all 'the tracer and the address sanitizer do not go together' ;;
esac

inject=$B/fault/inject
test -x "$inject" || skip_all 'system calls are traced on Linux alone'
"$inject" "$SCRATCH" /dev/null count true || {
	test $? != 77 || skip_all 'no tracing on this processor'
	skip_all 'this system does not let us trace a process'
}
EVERY=${stress:+1}
EVERY=${EVERY:-23}
git config --global init.templateDir ''
git config --global user.email bob@example.org

# ---- the fixtures: fix/NAME/work, fix/NAME/remote.git -------------------------

# fixture NAME FROM: a copy of another one, in which to work on.
fixture() {
	cp -a "$SCRATCH/fix/${2}" "$SCRATCH/fix/$1"
	cd "$SCRATCH/fix/$1/work" || exit
	reseat
}

# The copy of a clone is to be the same writer: see store/writer.h.
reseat() {
	local id inodes
	test -s .git/agent/writer || return 0
	read -r id <.git/agent/writer
	mapfile -t inodes < <(stat -c %i .git .git/agent .git/agent/writer)
	printf '%s\n%s\n' "$id" "${inodes[*]}" >.git/agent/writer
}

make_fixtures() {
	mkdir -p fix/plain
	cd fix/plain || exit
	git init -q --bare remote.git
	new_repo bob
	printf '[oracle]\ncommand = echo err = 1e-4\n%s\n%s\n' \
		'[metric "err"]' 'pattern = ^err = (?<value>{num})$' \
		>bob/.gitagent
	git -C bob add .
	git -C bob commit -qm oracle
	git -C bob remote add origin ../remote.git
	git -C bob push -q origin main
	git clone -q remote.git work
	git -C work remote set-url origin ../remote.git
	cp -a "$SCRATCH/fix/plain" "$SCRATCH/fix/bare"
	git -C work rm -q .gitagent
	git -C work commit -qm 'no oracle'
	cd "$SCRATCH/fix/bare" || exit
	git -C bob agent log done 'of bob'
	fixture read bare
	git agent sync
	fixture wrote read
	git agent log done 'mine one'
	git agent log done 'mine two'
	fixture apart wrote
	git -C ../bob agent log done 'bob later'
	git remote set-url origin ../none
	git agent log done 'mine later'
	git remote set-url origin ../remote.git
	fixture told wrote
	git agent steer 'turn left'
	git agent sync --inbox
}

# ---- one point ------------------------------------------------------------------

# complain WORDS: about the point that is tried.
complain() {
	echo "$scenario, $fault at point $k ($(cat "$SCRATCH/point")), exit status $status: $*"
	sed 's/^/    /' "$SCRATCH/said"
	bad=$((bad + 1))
}

# Run a command until it succeeds, doing what it says is to be done.
obey() {
	local i remedy
	for i in 1 2 3 4; do
		"$@" >"$SCRATCH/said" 2>&1 </dev/null && return
		remedy=$(grep -oE "run 'rm -f [^']+'" "$SCRATCH/said" | head -n 1)
		test -n "$remedy" || break
		remedy=${remedy#run \'}
		remedies=$((remedies + 1))
		eval "${remedy%\'}" || return
	done
	return 1
}

# lacks TEXT LINE…: the lines that are not in it.
lacks() {
	local text=$1 line
	shift
	for line; do
		case $text in
		*"$line"*) ;;
		*) echo "$line" ;;
		esac
	done
}

# What must hold in run/work after the fault.
examine() {
	local shown lost log
	git fsck --strict --no-dangling --no-progress >"$SCRATCH/said" 2>&1 ||
		complain 'git fsck'
	# 3: never fetched, and said so.
	shown=$(git-agent-log --offline --all 2>"$SCRATCH/said") ||
		{ test $? = 3 && grep -q 'ever fetched' "$SCRATCH/said"; } ||
		complain 'the log does not open'
	lost=$(lacks "$shown" "${before[@]}")
	test -z "$lost" || complain "lost: $lost"
	: >"$SCRATCH/said"
	test "$status" != 0 || test -z "$(lacks "$shown" "$new")" ||
		complain "success was reported, and not recorded: $new"
	obey git-agent-log done next || complain 'the next record'
	obey git-agent-sync || complain 'the sync'
	obey "${command[@]}" || complain 'the same again'
	obey git-agent-sync --inbox || complain 'the sync with the inbox'
	: >"$SCRATCH/said"
	log=$(git -C ../remote.git log --glob='refs/agent/log/*' --format=%s)
	lost=$(lacks "$log" "${before[@]}" next "$new")
	test -z "$lost" || complain "not at the remote: $lost"
	find .git ../remote.git -name '*.lock' ! -path '.git/agent/*' \
		>"$SCRATCH/said"
	test ! -s "$SCRATCH/said" || complain 'locks stay'
}

examine_hook() {
	local text
	text=$(cat "$SCRATCH/out")
	# The claim of a dead hook is taken back after ten seconds.
	test ! -d .git/agent/claimed || find .git/agent/claimed -type f \
		-exec mv {} .git/agent/inbox \;
	text+=$("$B/bin/git-agent-hook" <"$SCRATCH/event" 2>&1)
	test -z "$(lacks "$text" 'turn left')" ||
		complain "the instruction is lost"
	obey git-agent-sync --inbox || complain 'the sync with the inbox'
	text=$(git-agent-steer --list 2>&1)
	test -z "$(lacks "$text" delivered)" || complain "$text"
}

restore() {
	rm -rf "$SCRATCH/run"
	cp -a "$SCRATCH/fix/$fixture" "$SCRATCH/run"
	cd "$SCRATCH/run/work" || exit
	reseat
}

# try FAULT K: one fault, and a look at what it left.
try() {
	local fault=$1 k=$2 status
	restore
	"$inject" "$SCRATCH/run" "$SCRATCH/point" "$fault" "$k" \
		"${command[@]}" <"$SCRATCH/event" >"$SCRATCH/out" \
		2>"$SCRATCH/said"
	status=$?
	# A process that was quicker this time: one point less.
	test -s "$SCRATCH/point" || return
	tried=$((tried + 1))
	"$examine"
}

# ---- all points of a command -------------------------------------------------------

# The faults that make sense at each point, "FAULT K" a line.
faults() {
	local n who kind rest
	while read -r n who kind rest; do
		if test "$kind" = lock; then
			echo "term $n"
			# Nothing is written by flock(2).
			test "${rest%% *}" != flock || continue
		fi
		echo "kill $n"
		echo "killed $n"
		test "$who" = own || continue
		echo "ENOSPC $n"
		echo "EIO $n"
	done
}

# Counted over all scenarios, so that the sample has all kinds of faults.
turn=0

# inject_all SCENARIO FIXTURE NEW COMMAND…: NEW is the record's subject.
inject_all() {
	local scenario=$1 fixture=$2 new=$3 tried=0 bad=0 remedies=0 fault k
	local before=() command=("${@:4}") points examine=${examine:-examine}
	local -
	set +ex
	restore
	mapfile -t before < <(git log --glob='refs/agent*' --format=%s)
	"$inject" "$SCRATCH/run" "$SCRATCH/points" count "${command[@]}" \
		<"$SCRATCH/event" >"$SCRATCH/out" 2>&1 ||
		{ cat "$SCRATCH/out"; return 1; }
	points=$(wc -l <"$SCRATCH/points")
	while read -r fault k; do
		turn=$((turn + 1))
		test $((turn % EVERY)) = 0 || continue
		try "$fault" "$k"
	done < <(faults <"$SCRATCH/points")
	echo "$turn" >"$SCRATCH/turn"
	echo "# $scenario: $points points, $tried faults, $bad bad, $remedies remedies" >>"$SCRATCH/summary"
	test "$tried" != 0 || test "$EVERY" != 1
	test "$bad" = 0
}

printf '{"hook_event_name":"PostToolUse"}' >event
(make_fixtures) >fixtures.log 2>&1 || bail "no fixtures: $(cat fixtures.log)"

inject_hook() {
	export GIT_AGENT_RUN=01ARZ3NDEKTSV4RRFFQ69G5FAV
	examine=examine_hook inject_all "$@"
}

scenario() {
	local title=$1
	shift
	t "$title" <<EOT
		turn=$(cat "$SCRATCH/turn" 2>/dev/null || echo 0)
		$(printf '%q ' "$@")
EOT
}

scenario 'the first record of a clone' inject_all first read 'the new' \
	git-agent-log done 'the new'
scenario 'one more record' inject_all append wrote 'the new' \
	git-agent-log done 'the new'
scenario 'a check' inject_all check wrote 'PASS: err' git-agent-check
scenario 'an instruction' inject_all steer wrote 'the new' \
	git-agent-steer 'the new'
scenario 'a sync both ways' inject_all sync apart 'mine later' git-agent-sync
scenario 'the first sync of a clone' inject_all connect bare 'of bob' \
	git-agent-sync
scenario 'init' inject_all init plain '' git-agent-init --goal 'to get there'
scenario 'the hook' inject_hook hook told 'turn left' git-agent-hook

t 'the lock of a killed process of ours is removed without a word' <<'END'
	fixture=wrote
	restore
	"$inject" "$SCRATCH/run" "$SCRATCH/points" count git-agent-log done one
	k=$(sed -n 's/ own lock openat .*refs.agent.log.*//p' "$SCRATCH/points")
	test_exit 137 "$inject" "$SCRATCH/run" "$SCRATCH/point" killed "$k" \
		git-agent-log done two
	test -n "$(find .git/refs/agent/log -name '*.lock')"
	git-agent-log done three
	test -z "$(find .git/refs/agent/log -name '*.lock')"
END

# rival: a clone with a refspec that the next sync takes away.
rival() {
	fixture=wrote
	restore
	git config --add remote.origin.fetch \
		'refs/old/log/*:refs/agent-remotes/origin/log/*'
}

t 'so is that on the config where a refspec was to go' <<'END'
	rival
	"$inject" "$SCRATCH/run" "$SCRATCH/points" count git-agent-sync
	k=$(sed -n 's/ own lock openat .*config.lock$//p' "$SCRATCH/points")
	rival
	test_exit 137 "$inject" "$SCRATCH/run" "$SCRATCH/point" killed "$k" \
		git-agent-sync
	test -e .git/config.lock
	git-agent-sync
	test ! -e .git/config.lock
	git config --get-all remote.origin.fetch >specs
	test_no_grep refs/old specs
	test_grep '^refs/agent/log' specs
END

t 'and one that is not ours is named, and what to do about it' <<'END'
	rival
	touch .git/config.lock
	test_exit 128 git-agent-sync 2>err
	test_grep "'config' is locked; if 'pgrep -a git'" err
	test_grep "run 'rm -f .*/config.lock'" err
	test -e .git/config.lock
END

# packed: a clone that is to delete logs that it has in packed-refs.
packed() {
	fixture=apart
	restore
	git agent sync
	git pack-refs --all
	sleep 1.1
}

t 'the lock on packed-refs of a git that died with us is removed, too' <<'END'
	roll=(git-agent-sync --roll-up --older-than 1s)
	packed
	"$inject" "$SCRATCH/run" "$SCRATCH/points" count "${roll[@]}"
	n=$(sed -n 's, git lock openat work/.git/packed-refs.lock$,,p' \
		"$SCRATCH/points" | head -n 1)
	# The points are not in quite the same order each time.
	for k in "$n" $((n + 1)) $((n - 1)) $((n + 2)) $((n - 2)); do
		packed
		test_exit 137 "$inject" "$SCRATCH/run" "$SCRATCH/point" \
			killed "$k" "${roll[@]}"
		test ! -e .git/packed-refs.lock || break
	done
	test -e .git/packed-refs.lock
	: >.git/packed-refs.new
	git-agent-log done next
	test ! -e .git/packed-refs.lock
	git pack-refs --all
	git-agent-sync
END

# The figures are to be seen under prove, too.
cat summary
awk '{ n += $3; f += $5; b += $7 } END { print "# injected: " f \
	" faults at " n " system calls, " b " bad" }' summary >&2
finish
