#!/usr/bin/env bash
# Many processes in many clones write, sync, roll up and read at once, while
# git collects garbage, packs refs and prunes beside them: no record is lost,
# none is there twice, and their order is the same everywhere.
# `make test` runs a small one, `make stress` the whole; the variables
# CLONES, PROCESSES, RECORDS and SEED choose others.
stress=${STRESS:-}
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

CLONES=${CLONES:-${stress:+8}} CLONES=${CLONES:-3}
PROCESSES=${PROCESSES:-2}
RECORDS=${RECORDS:-${stress:+500}} RECORDS=${RECORDS:-12}
SEED=${SEED:-$((RANDOM + 1))}
# How often, in a thousand, and the longest pause between two (ms).
PUSHES=${stress:+20} PUSHES=${PUSHES:-250}
SYNCS=${stress:+10} SYNCS=${SYNCS:-150}
STEERS=${stress:+10} STEERS=${STEERS:-100}
PAUSE=${PAUSE:-${stress:+2000}} PAUSE=${PAUSE:-100}
told=$SCRATCH/told
mkdir "$told"

# chance N: yes, N times in a thousand.
chance() {
	test $((RANDOM % 1000)) -lt "$1"
}

# pause MS, at most.
pause() {
	local ms=$((RANDOM % $1))
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

# attempt NAME STATUSES COMMAND…: any other exit status is a failure.
attempt() {
	local name=$1 statuses=$2 status=0
	shift 2
	"$@" >"$told/$name.out" 2>"$told/$name.err" </dev/null || status=$?
	echo "${*:1:3} $status" >>"$told/$name.runs"
	case " $statuses " in
	*" $status "*) return 0 ;;
	esac
	{
		echo "$name: $*: exit status $status"
		cat "$told/$name.err"
	} >>"$told/$name.failed"
	return 1
}

# One process of a clone: everything that it was told is recorded is listed.
write_records() {
	local clone=$1 name=c$1-p$2 i subject
	RANDOM=$((SEED * 100 + $1 * 10 + $2))
	cd "$SCRATCH/clone$clone" || exit
	for ((i = 1; i <= RECORDS; i++)); do
		subject="c$1 p$2 r$i"
		if chance "$PUSHES"; then
			attempt "$name" 0 git agent log 'done' "$subject"
		else
			attempt "$name" 0 git agent log 'done' "$subject" \
				--no-push
		fi && echo "$subject" >>"$told/$name.recorded"
		if chance "$STEERS"; then
			subject="c$1 p$2 steer $i"
			# 1: recorded, and not taken by the server yet.
			if attempt "$name" '0 1' git agent steer "$subject"; then
				echo "$subject" >>"$told/$name.recorded"
			fi
		fi
		# 1: the other process has written meanwhile.
		! chance "$SYNCS" || attempt "$name" '0 1' git agent sync
	done
}

# What users and their cron jobs do beside them, until the writers are done.
# Where git's commands collide with each other they may fail.
tidy() {
	local clone=$1 name=c$1-git
	RANDOM=$((SEED * 100 + $1 * 10 + 8))
	cd "$SCRATCH/clone$clone" || exit
	until test -e "$SCRATCH/written"; do
		case $((RANDOM % 4)) in
		0) attempt "$name" '0 1 128' git gc --quiet --prune=now ;;
		1) attempt "$name" '0 1 128' git pack-refs --all ;;
		2) attempt "$name" '0 1 128' git fetch --quiet --prune ;;
		3)	# 1: a log has moved, and stays.
			test "$clone" -gt 2 || attempt "$name" '0 1' git agent \
				sync --roll-up --older-than 1s
			;;
		esac
		pause "$PAUSE"
	done
}

# Readers, which never fail: 3 says that they could not see everything.
look() {
	local clone=$1 name=c$1-reader
	RANDOM=$((SEED * 100 + $1 * 10 + 9))
	cd "$SCRATCH/clone$clone" || exit
	until test -e "$SCRATCH/written"; do
		if chance 500; then
			attempt "$name" '0 3' git agent status --offline --json
		else
			attempt "$name" '0 3' git agent log -n 5 --json
		fi
		attempt "$name.json" 0 jq -e . "$told/$name.out"
		pause "$PAUSE"
	done
}

# all_at_once: start everybody, and wait for the writers, then the others.
all_at_once() {
	local k p writers=() others=()
	local -
	set +e
	for ((k = 1; k <= CLONES; k++)); do
		for ((p = 1; p <= PROCESSES; p++)); do
			write_records "$k" "$p" &
			writers+=($!)
		done
		tidy "$k" &
		others+=($!)
		look "$k" &
		others+=($!)
	done
	wait "${writers[@]}"
	touch "$SCRATCH/written"
	wait "${others[@]}"
	return 0
}

# The records that somebody wrote, as "subject", in the order of a clone.
written() {
	jq -r '.[] | select(.kind != "rollup") | .subject' "$1"
}

new_origin project
for ((k = 1; k <= CLONES; k++)); do
	new_clone project "clone$k"
done

t "$CLONES clones, $PROCESSES processes each, $RECORDS records per process" <<'EOF'
	set +x
	all_at_once >noise 2>&1
	cat noise told/*.failed 2>/dev/null || true
	test "$(cat told/*.failed 2>/dev/null | wc -l)" = 0
EOF

t 'two syncs later every clone is up to date' <<'EOF'
	set +x
	for i in 1 2; do
		for ((k = 1; k <= CLONES; k++)); do
			cd "$SCRATCH/clone$k"
			attempt "end$i-$k" 0 git agent sync ||
				cat "$told/end$i-$k.failed"
		done
	done
	cd "$SCRATCH"
	test "$(cat told/end*.failed 2>/dev/null | wc -l)" = 0
EOF

t 'every record is in every clone once, and in the same order' <<'EOF'
	set +x
	cat told/*.recorded | sort >recorded
	test "$(grep -c ' r' recorded)" = $((CLONES * PROCESSES * RECORDS))
	new_clone project fresh
	for name in fresh $(seq -f 'clone%.0f' "$CLONES"); do
		(cd "$name" && git agent log --all --json) >"$name.json"
		written "$name.json" | sort >"$name.written"
		echo "# $name: $(grep -c ' r' "$name.written") records, $(grep -c ' steer ' "$name.written") instructions" >>summary
		test_cmp recorded "$name.written"
		jq -r '.[].id' "$name.json" >"$name.order"
		test_cmp fresh.order "$name.order"
	done
EOF

t 'all repositories are whole' <<'EOF'
	set +x
	for dir in srv/project.git fresh $(seq -f 'clone%.0f' "$CLONES"); do
		git -C "$dir" fsck --strict --no-dangling --no-progress >out 2>&1 ||
			{ cat out; false; }
		cat out
		test_empty out
	done
EOF

# The figures are to be seen under prove, too.
{
	echo "# seed $SEED"
	cat summary
} >&2
cat told/*.runs | sed 's/ -[^ ]* / /' | sort | uniq -c | sed 's/^ */# /'
git -C srv/project.git for-each-ref refs/agent/log | wc -l |
	sed 's/.*/# & logs on the server/'
finish
