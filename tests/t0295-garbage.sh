#!/usr/bin/env bash
# Garbage is collected when git's own commands would.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

# many_objects: in this clone, more than gc.auto allows.  git counts those
# whose name begins with 17.
many_objects() {
	mkdir -p ../files
	seq 1500 | (cd ../files && split -l 1 -a 3)
	find ../files -type f | git hash-object -w --stdin-paths >/dev/null
	git config gc.auto 100
	git config gc.autoDetach false
}

packed() {
	git count-objects -v | sed -n 's/^in-pack: //p'
}

t 'a record that was pushed collects' <<'EOF'
	new_origin project
	new_clone project work
	cd work
	git agent log 'done' one
	many_objects
	before=$(packed)
	git agent log 'done' two --no-push
	test "$(packed)" = "$before"
	git agent log 'done' three
	test "$(packed)" -gt "$before"
	test "$(git agent log --json | jq length)" = 3
	git fsck --strict
EOF

t 'what was fetched collects, and nothing new does not' <<'EOF'
	new_clone project other
	cd other
	git agent sync
	GIT_TRACE=$PWD/nothing git agent sync
	test_no_grep 'git gc' nothing
	(cd ../work && git agent log 'done' four)
	GIT_TRACE=$PWD/news git agent sync
	test_grep 'git gc --auto' news
EOF

t 'not where maintenance.auto or gc.auto forbids it' <<'EOF'
	new_clone project never
	cd never
	git agent log 'done' five
	many_objects
	before=$(packed)
	git config maintenance.auto false
	git agent log 'done' six
	test "$(packed)" = "$before"
	git config maintenance.auto true
	git config gc.auto 0
	git agent log 'done' seven
	test "$(packed)" = "$before"
EOF

t 'a heartbeat and notes that a gc packs in the midst of a sync are sent' <<'EOF'
	mkdir collecting
	cat >collecting/git <<-END
	#!/bin/sh
	# The real git, and behind a fetch what another process may do then.
	"$(command -v git)" "\$@"
	status=\$?
	case " \$* " in
	*" fetch "*) "$(command -v git)" gc -q --prune=now ;;
	esac
	exit \$status
	END
	chmod +x collecting/git
	new_clone project gc
	cd gc
	git agent log 'done' eight
	git agent sync
	beat=refs/agent/beat/$(writer) notes=refs/notes/agent/$(writer)
	git update-ref "$beat" "$(git commit-tree -m beat 'HEAD^{tree}')"
	PATH=$SCRATCH/collecting:$PATH test_exit 0 git-agent-sync >out
	test_grep "^push *beat/$(writer) *new$" out
	git notes --ref="$notes" add -m result HEAD
	PATH=$SCRATCH/collecting:$PATH test_exit 0 git-agent-sync >out
	test_grep "^push *notes/$(writer) *new$" out
	test "$(git count-objects)" = '0 objects, 0 kilobytes'
EOF

finish
