#!/usr/bin/env bash
# git agent loop: objects that others move and bring while it is at work.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/loop.sh"

t 'a record of a pack that came meanwhile, cut short where it was' <<'EOF'
	project lender
	git -C lender agent log failed 'explicit Euler' --because 'too stiff'
	git clone -q --shared lender moved
	cd moved
	git remote set-url origin "$DAEMON_URL/lender.git"
	git agent sync
	agent moves <<'END'
	git agent log failed 'Runge-Kutta' --because 'too stiff as well'
	id=$(git rev-parse "refs/agent/log/$(head -n 1 .git/agent/writer)")
	file=objects/${id:0:2}/${id:2}
	# As `git repack -l` leaves it where another repository has it, too.
	echo "$id" | git pack-objects -q .git/objects/pack/pack
	mkdir -p "../lender/.git/${file%/*}"
	mv ".git/$file" "../lender/.git/$file"
	chmod u+w "../lender/.git/$file"
	truncate -s 60 "../lender/.git/$file"
END
	test_exit 1 git agent loop --agent "$SCRATCH/moves" --max-iterations 2
	test_grep 'explicit Euler' "$T/prompt.1"
	test_grep 'Runge-Kutta' "$T/prompt.2"
EOF

# notes COUNT: as many logs of two records, in the present repository; the ids
# of each first one.
notes() {
	local i n
	for ((i = 1; i <= $1; i++)); do
		printf 'reset refs/agent/log/w%s\n' "$i"
		for n in 1 2; do
			printf '%s\n' "commit refs/agent/log/w$i" \
				"mark :$((2 * i + n))" \
				'committer A <a@example.org> 1700000000 +0000' \
				'data <<END' "note: $n" '' 'Agent-Kind: note' \
				"Agent-Writer: w$i" \
				"Agent-Clock: 2026-01-02T03:04:05.00000${n}Z" END
		done
	done | git fast-import --quiet --export-marks=marks
	awk -F '[: ]' '$2 % 2 { print $3 }' marks
}

# in_vain NAME: a project whose clone NAME-lent borrows from the clone NAME,
# and in which seventy objects are missing.
in_vain() {
	local pack id
	project "$1"
	(cd "srv/$1.git" && notes 70) >"$1.ids"
	(cd "$1" && git agent sync)
	for pack in "$1"/.git/objects/pack/*.pack; do
		mv "$pack" "$1.pack"
		rm -f "${pack%.pack}".*
		git -C "$1" unpack-objects -q <"$1.pack"
	done
	git clone -q --shared "$1" "$1-lent"
	git -C "$1-lent" remote set-url origin "$DAEMON_URL/$1.git"
	(cd "$1-lent" && git agent sync)
	while read -r id; do
		rm -f "$1/.git/objects/${id:0:2}/${id:2}"
	done <"$1.ids"
}

for from in vain vain-lent; do
	t "a pack that came to 'vain' after much was looked for in vain, in '$from'" <<-EOF
		test -d vain || in_vain vain
		cd '$from'
		# Without an index the loop itself looks for them each time.
		rm -f .git/agent/index*
		mkdir .git/agent/index
		touch -d 2026-01-01 ../vain/.git/objects/pack
		agent packs <<'END'
		if test \$GIT_AGENT_ITERATION = 2; then
			git agent log failed 'Runge-Kutta' --because 'too stiff'
			git rev-parse "refs/agent/log/\$(head -n 1 .git/agent/writer)" |
				GIT_ALTERNATE_OBJECT_DIRECTORIES=\$PWD/.git/objects \
				git -C ../vain pack-objects -q .git/objects/pack/pack
			git prune-packed
			touch -d 2026-01-01 ../vain/.git/objects/pack
		fi
		END
		# It was not changed just now.
		sleep 2.1
		test_exit 1 git agent loop --agent "\$SCRATCH/packs" --max-iterations 3
		test_grep 'Runge-Kutta' "\$T/prompt.3"
		test_exit 3 git agent log --offline >out 2>err
		test_grep '70 objects are missing here' err
	EOF
done

# lenders NAME: a project without loose objects, and beside it the repositories
# NAME-1 and NAME-2 with all that it has.
lenders() {
	local i
	project "$1"
	git -C "$1" agent log failed 'explicit Euler' --because 'too stiff'
	git -C "$1" repack -adq
	for i in 1 2; do
		git clone -q --mirror "$1" "$1-$i"
		git -C "$1-$i" repack -adq
	done
}

# borrowing NAME [FOLDER …]: of these folders NAME takes its objects, and has
# them no more.
borrowing() {
	local name=$1
	shift
	printf "$SCRATCH/%s\n" "$@" >"$name/.git/objects/info/alternates"
	git -C "$name" repack -adlq
	git -C "$name" prune-packed
}

# seen_by NAME <<'END' … END: the loop in NAME sees a record of its agent that
# these commands, run in the folder above it, move elsewhere.  RECORD names it.
seen_by() {
	{
		cat <<'END'
	if test $GIT_AGENT_ITERATION = 2; then
		git agent log failed 'Runge-Kutta' --because 'too stiff'
		RECORD=$(git rev-parse "refs/agent/log/$(head -n 1 .git/agent/writer)")
		cd ..
END
		cat
		printf '%s\n' "	git -C '$1' prune-packed" \
			"	git -C '$1' fsck --connectivity-only" fi
	} | agent borrows
	(cd "$1" && test_exit 1 git agent loop --agent "$SCRATCH/borrows" --max-iterations 3)
	test_grep 'Runge-Kutta' "$T/prompt.3"
}

t 'a clone that borrows only since the loop began' <<'EOF'
	lenders pooled
	seen_by pooled <<'END'
		git -C pooled-1 fetch -q "$PWD/pooled" '+refs/*:refs/*'
		git -C pooled-1 repack -adq
		echo "$PWD/pooled-1/objects" >pooled/.git/objects/info/alternates
		git -C pooled repack -adlq
END
EOF

t 'the one that it borrows from is at another place since then' <<'EOF'
	lenders changed
	borrowing changed changed-1/objects
	seen_by changed <<'END'
		git -C changed-1 fetch -q "$PWD/changed" '+refs/*:refs/*'
		git -C changed-1 repack -adq
		mv changed-1 elsewhere
		echo "$PWD/elsewhere/objects" >changed/.git/objects/info/alternates
		git -C changed repack -adlq
END
EOF

t 'one that has its first pack since then' <<'EOF'
	lenders late
	mkdir late-3
	borrowing late late-3
	seen_by late <<'END'
		mkdir late-3/pack
		echo "$RECORD" | git -C late pack-objects -q ../late-3/pack/pack
END
EOF

t 'one that is gone since then hides nothing of those behind it' <<'EOF'
	lenders gone
	borrowing gone gone-1/objects gone-2/objects
	git -C gone repack -adq
	seen_by gone <<'END'
		mv gone-1 gone-3
		echo "$RECORD" |
			git -C gone pack-objects -q "$PWD/gone-2/objects/pack/pack"
END
EOF

t 'one that was gone for a moment is seen when it is back' <<'EOF'
	lenders back
	git -C back repack -adq
	borrowing back back-1/objects back-2/objects
	# It is looked for in vain while the one is away.
	git -C back update-ref refs/agent/log/lost "$(echo 'done: lost' |
		git -C back commit-tree HEAD^{tree})"
	lost=$(git -C back rev-parse refs/agent/log/lost)
	rm -f "back/.git/objects/${lost:0:2}/${lost:2}"
	mkdir -p back/.git/agent
	rm -rf back/.git/agent/index*
	mkdir back/.git/agent/index
	sleep 2.1
	agent returns <<'END'
	case $GIT_AGENT_ITERATION in
	1) mv ../back-1 ../back-3 ;;
	2)	mv ../back-3 ../back-1
		git agent log failed 'Runge-Kutta' --because 'too stiff'
		git rev-parse "refs/agent/log/$(head -n 1 .git/agent/writer)" |
			git pack-objects -q ../back-1/objects/pack/pack
		git prune-packed ;;
	esac
END
	cd back
	test_exit 1 git agent loop --agent "$SCRATCH/returns" --max-iterations 3
	test_grep 'Runge-Kutta' "$T/prompt.3"
EOF

finish
