#!/usr/bin/env bash
# What git forbids or asks for and libgit2 knows nothing of: the quarantine of
# a push, safe.bareRepository, core.sharedRepository.
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

finish
