#!/usr/bin/env bash
# make install puts everything in its place, and make uninstall takes it away.
. "${0%/*}/lib.sh"

# A build of its own: the folder of the templates is compiled in.
installing() {
	make -s -C "$ROOT" B="$SCRATCH/build" PREFIX=/usr \
		DESTDIR="$SCRATCH/root" "$@"
}
usr=$SCRATCH/root/usr

t 'make install' <<'EOF'
	installing -j2 all install
EOF

t 'programs, pages, completions and templates are in their places' <<'EOF'
	for source in "$ROOT"/cmd/*.c; do
		program=${source##*/}
		test -x "$usr/bin/${program%.c}"
		test -s "$usr/share/man/man1/${program%.c}.1"
	done
	for page in "$ROOT"/man/*; do
		test_cmp "$page" "$usr/share/man/man${page##*.}/${page##*/}"
	done
	for verb in '' -init -log -steer -check -loop -status -sync; do
		test -s "$usr/share/bash-completion/completions/git-agent$verb"
		test -s "$usr/share/fish/vendor_completions.d/git-agent$verb.fish"
	done
	test -s "$usr/share/fish/vendor_conf.d/git-agent.fish"
	test -s "$usr/share/zsh/site-functions/_git-agent"
	diff -r "$ROOT/share" "$usr/share/git-agent"
EOF

t 'nothing else is there, and all of it may be read by everybody' <<'EOF'
	find root -type f ! -path 'root/usr/bin/git-agent*' \
		! -path 'root/usr/share/man/man[157]/git*agent*' \
		! -path 'root/usr/share/git-agent/*' \
		! -path 'root/usr/share/*/git-agent*' \
		! -path 'root/usr/share/zsh/site-functions/_git-agent' >others
	test_empty others
	find root ! -perm -444 >unreadable
	test_empty unreadable
EOF

t 'git finds the program on PATH, and it its commands' <<'EOF'
	export PATH=$usr/bin:$PATH
	git agent --version >out
	test_grep '^git-agent version [0-9]' out
	test "$(command -v git-agent)" = "$usr/bin/git-agent"
	new_repo project
	cd project
	git agent log 'done' 'installed it'
	git agent log >out
	test_grep 'installed it' out
EOF

t 'the manual pages are found' <<'EOF'
	MANPATH=$usr/share/man mandoc -Tutf8 "$usr/share/man/man1/git-agent.1" \
		>out
	test_grep 'GIT-AGENT(1)' out
EOF

if grep -q Bstatic "$SCRATCH/build/libs"; then
	t 'a libgit2.a that does not fit is left, and that is said' <<'EOF'
		mkdir wrong
		ar rcs wrong/libgit2.a
		rm build/libs
		installing "$SCRATCH/build/libs" LDFLAGS="-L$SCRATCH/wrong" \
			-o "$SCRATCH/build/libcommon.a" 2>err
		test_grep 'the shared library is taken' err
		test_grep 'undefined reference' build/libs.log
		test_no_grep Bstatic build/libs
		test_grep lgit2 build/libs
		# As does asking for the shared one, without a word.
		rm build/libs
		installing "$SCRATCH/build/libs" STATIC=0 \
			-o "$SCRATCH/build/libcommon.a" 2>err
		test_empty err
		test_no_grep Bstatic build/libs
EOF
else
	skip 'a libgit2.a that does not fit' 'there is none that does'
fi

t 'make uninstall leaves nothing behind' <<'EOF'
	installing uninstall
	find root ! -type d >left
	test_empty left
	test ! -e "$usr/share/git-agent"
EOF

finish
