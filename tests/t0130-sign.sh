#!/usr/bin/env bash
# Signed records: by the real ssh-keygen, gpg and gpgsm, as git's own
# configuration says, and `git verify-commit` accepts them.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/loop.sh"

# The keys, none with a passphrase except `locked`.
mkdir "$SCRATCH/keys"
for key in id other; do
	ssh-keygen -q -t ed25519 -N '' -C "$key" -f "keys/$key" ||
		bail 'no key by ssh-keygen'
done
ssh-keygen -q -t ed25519 -N secret -C locked -f keys/locked
echo "ada@example.org namespaces=\"git\" $(cat keys/id.pub)" >keys/allowed
git config --global gpg.ssh.allowedSignersFile "$SCRATCH/keys/allowed"

# signed_by_ssh [DIR]: a repository whose records are to be signed.
signed_by_ssh() {
	new_repo "$1"
	git -C "$1" config commit.gpgSign true
	git -C "$1" config gpg.format ssh
	git -C "$1" config user.signingKey "$SCRATCH/keys/id"
}

# signer NAME <<'END' … END: a script that may be a signer.
signer() {
	{ echo '#!/bin/sh'; cat; } >"$SCRATCH/$1"
	chmod +x "$SCRATCH/$1"
}

log_tips() {
	git for-each-ref --format='%(objectname)' refs/agent/log
}

records() {
	git rev-list --glob='refs/agent/log/*'
}

# all_verify: git accepts every record here, and there is at least one.
all_verify() {
	local - && set +x
	records >"$SCRATCH/ids"
	test -s "$SCRATCH/ids"
	while read -r id; do
		git verify-commit "$id" || { git log -1 "$id"; return 1; }
	done <"$SCRATCH/ids"
}

# kinds: of all records here, in one line.
kinds() {
	git log --glob='refs/agent/log/*' --format=%s |
		sed 's/:.*//' | sort -u | tr '\n' ' '
}

# refuses WORDS: a record is not written, and the signer says why.
refuses() {
	log_tips >"$SCRATCH/before"
	test_exit 128 git agent log 'done' 'not to be' >out 2>err
	test_empty out
	test_grep "^fatal: cannot sign the record, so it was not written: $1" err
	log_tips >"$SCRATCH/after"
	test_cmp "$SCRATCH/before" "$SCRATCH/after"
}

t 'not asked for: no signature, and no signer is run' <<'EOF'
	new_repo off
	cd off
	signer touches <<'END'
	touch "$TEST_SCRATCH/touched"
	exit 1
END
	git config gpg.program "$SCRATCH/touches"
	git config user.signingKey "$SCRATCH/keys/id"
	git agent log done unsigned
	test ! -e "$SCRATCH/touched"
	git cat-file commit "$(log_tips)" >text
	test_no_grep gpgsig text
	# And the probe is one: asked for, it does run.
	git config commit.gpgSign true
	refuses "'.*/touches' failed"
	test -e "$SCRATCH/touched"
EOF

t 'ssh: every command that writes a record signs it' <<'EOF'
	signed_by_ssh all
	cd all
	git agent init --goal 'reach 1e-4' --oracle 'echo metric error 1e-5'
	git add .
	git commit -qm init
	git agent log failed 'Tsit5' --because stiff --instead Kvaerno5
	git agent log done 'ported' --no-push
	id=$(log_tips)
	git agent log --retract "$id" 'was not'
	git agent check
	for text in one two three; do
		git agent steer "$text"
	done
	id() { git agent steer --list --json | jq -r ".[]|select(.subject==\"$1\").id"; }
	git agent steer --retract "$(id three)" 'no longer'
	git agent sync --inbox
	printf '{"hook_event_name":"PostToolUse"}' |
		GIT_AGENT_RUN=x git-agent-hook >out
	test_grep two out
	git agent sync --inbox
	git agent steer --done "$(id one)" 'is in'
	git agent steer --decline "$(id two)" 'is out'
	test "$(kinds)" = 'answered brief check delivered done failed retract steer '
	all_verify
	git log -1 --format='%G? %GS %GK' "$(log_tips)" >out
	test_grep '^G ada@example.org SHA256:' out
EOF

t 'what is signed reads like what is not' <<'EOF'
	cd all
	git agent log --all --json >out
	test "$(jq length out)" = "$(records | wc -l)"
	jq -e 'all(.[]; .author == "Ada Lovelace" and .writer != "")' out
	git agent log show "$(log_tips)" >out
	test_no_grep 'SSH SIGNATURE' out
	git fsck --strict 2>err
	test_no_grep error err
EOF

t 'the signature is in force: a changed record is not accepted' <<'EOF'
	cd all
	git cat-file commit "$(log_tips)" | sed 's/is out/is in/' >text
	id=$(git hash-object -t commit -w text)
	test_exit 1 git verify-commit "$id"
	git -c user.signingKey="$SCRATCH/keys/other" agent log done 'by another'
	test_exit 1 git verify-commit "$(log_tips)"
EOF

t 'agent.sign decides for records alone, wherever it is set' <<'EOF'
	signed_by_ssh switch
	cd switch
	has() { git cat-file commit "$(log_tips)" | grep -c '^gpgsig ' || true; }
	git agent log done x
	test "$(has)" = 1
	git -c agent.sign=false agent log done x
	test "$(has)" = 0
	git config commit.gpgSign false
	git agent log done x
	test "$(has)" = 0
	git config agent.sign on
	git agent log done x
	test "$(has)" = 1
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=agent.sign GIT_CONFIG_VALUE_0=no \
		git agent log done x
	test "$(has)" = 0
	git -c user.signingKey= agent log done x 2>err || test $? = 128
	test_grep 'no key: set user.signingKey or gpg.ssh.defaultKeyCommand' err
EOF

t 'a setting that is not understood is refused, not taken for a no' <<'EOF'
	cd switch
	git config agent.sign perhaps
	test_exit 128 git agent log 'done' x 2>err
	test_grep "^fatal: agent.sign is 'perhaps': expected true or false" err
	git config --unset agent.sign
	git config commit.gpgSign ja
	refuses "'commit.gpgSign' is 'ja': expected true or false"
	git config commit.gpgSign true
	git config gpg.format rot13
	refuses "'gpg.format' is 'rot13': expected openpgp, x509 or ssh"
EOF

t 'ssh: the key as git takes it' <<'EOF'
	signed_by_ssh takes
	cd takes
	cp "$SCRATCH/keys/id" "$SCRATCH/keys/id.pub" .
	mkdir "$HOME/.ssh"
	cp "$SCRATCH/keys/id" "$SCRATCH/keys/id.pub" "$HOME/.ssh"
	mkdir deep
	cd deep
	for key in "$SCRATCH/keys/id.pub" '~/.ssh/id' "~$(id -un)/none" id; do
		case $key in
		*none)	test_exit 128 git -c user.signingKey="$key" agent log done x ;;
		*)	git -c user.signingKey="$key" agent log done "by $key" ;;
		esac
	done
	git config --unset user.signingKey
	git config gpg.ssh.defaultKeyCommand 'echo nothing here >&2; exit 3'
	refuses 'gpg.ssh.defaultKeyCommand, .*, failed: nothing here'
	git config gpg.ssh.defaultKeyCommand "printf 'id.pub\nanother\n'"
	git agent log done 'by what a command prints'
	all_verify
	test "$(records | wc -l)" = 4
EOF

t 'ssh: a literal public key, whose private half ssh-agent has' <<'EOF'
	cd takes
	eval "$(ssh-agent -s)"
	trap 'kill $SSH_AGENT_PID' EXIT
	ssh-add -q "$SCRATCH/keys/id"
	git config user.signingKey "key::$(cat "$SCRATCH/keys/id.pub")"
	git agent log done 'key::'
	git config user.signingKey "$(cat "$SCRATCH/keys/id.pub")"
	git agent log done 'ssh-ed25519 …'
	git config --unset user.signingKey
	git config gpg.ssh.defaultKeyCommand 'ssh-add -L'
	git agent log done 'ssh-add -L'
	all_verify
	test ! -e .git/agent/signing-key
	ssh-add -q -D
	git config user.signingKey "key::$(cat "$SCRATCH/keys/id.pub")"
	refuses "'ssh-keygen' failed: "
	test ! -e .git/agent/signing-key
EOF

# ---- failure -------------------------------------------------------------------

t 'a signer that fails: its own words, and nothing is written' <<'EOF'
	signed_by_ssh fails
	cd fails
	git agent log done first
	git count-objects >objects
	git config user.signingKey /nowhere/key
	refuses "'ssh-keygen' failed: .*/nowhere/key"
	for verb in 'steer x' 'log --retract HEAD x'; do
		test_exit 128 git agent $verb 2>err
	done
	git config gpg.ssh.program "$SCRATCH/none"
	refuses "cannot run '$SCRATCH/none': there is no such program"
	signer says <<'END'
	echo 'the token is not plugged in' >&2
	printf 'or \033[31mworn out\n' >&2
	exit 2
END
	git config gpg.ssh.program "$SCRATCH/says"
	refuses "'.*/says' failed: the token is not plugged in"
	test_grep 'or ^\[\[31mworn out' err
	signer silent <<'END'
	exit 0
END
	git config gpg.ssh.program "$SCRATCH/silent"
	refuses "'.*/silent' failed: (it gave no reason)"
	git count-objects >objects-after
	test_cmp objects objects-after
EOF

t 'init with a signer that fails: said, and the same command goes on' <<'EOF'
	signed_by_ssh begun
	cd begun
	git config gpg.ssh.program "$SCRATCH/says"
	echo 'was here' >CLAUDE.md
	set -- --goal "reach 1e-4$(printf '\n\nin a day')" --oracle true
	test_exit 128 git agent init "$@" 2>err
	test_grep '^\.gitagent: created' err
	test_grep '^fatal: cannot sign the record, so it was not written: ' err
	test_grep 'worn out; the files stay, and the brief is not recorded yet: when that is mended, give the same command again$' err
	test -z "$(log_tips)"
	git config --unset gpg.ssh.program
	git agent init "$@" 2>err
	test_grep '^\.gitagent: unchanged' err
	test_grep '^brief: recorded as' err
	test "$(cat CLAUDE.md)" = 'was here'
	git log -1 --format=%B "$(log_tips)" >out
	test_grep '^brief: reach 1e-4$' out
	test_grep '^in a day$' out
	all_verify
	test_exit 0 git agent sync --check
EOF

t 'a signer that takes long: whom the command waits for' <<'EOF'
	cd fails
	signer naps <<'END'
	sleep 4
	exec ssh-keygen "$@"
END
	git -c gpg.ssh.program="$SCRATCH/naps" \
		-c user.signingKey="$SCRATCH/keys/id" agent log done slow 2>err
	test_grep "^waiting for '.*/naps' to sign the record" err
	test_grep '^recorded' err
EOF

t 'a passphrase that nobody can type: it ends, and says so' <<'EOF'
	signed_by_ssh locked
	cd locked
	git config user.signingKey "$SCRATCH/keys/locked"
	setsid -w git agent log done x 2>err || test $? = 128
	test_grep "'ssh-keygen' failed: .*passphrase" err
	test -z "$(log_tips)"
EOF

t 'a passphrase is asked for at the terminal' <<'EOF'
	cd locked
	echo "ada@example.org $(cat "$SCRATCH/keys/locked.pub")" >"$SCRATCH/keys/allowed-locked"
	# The answer only once the question is there: it is flushed before.
	mkfifo answers
	TERM=xterm script -qefc 'git agent log done x' dialogue <answers >/dev/null &
	exec 9>answers
	wait_until 30 grep -q 'Enter passphrase' dialogue
	sleep 0.5
	echo secret >&9
	wait $!
	exec 9>&-
	git -c gpg.ssh.allowedSignersFile="$SCRATCH/keys/allowed-locked" \
		verify-commit "$(log_tips)"
EOF

t 'signed once each, also by many writers at once' <<'EOF'
	signed_by_ssh crowd
	cd crowd
	signer counts <<'END'
	echo >>"$TEST_SCRATCH/count"
	exec ssh-keygen "$@"
END
	git config gpg.ssh.program "$SCRATCH/counts"
	for i in 1 2 3 4 5 6 7 8; do
		git agent log done "by $i" &
	done
	wait
	test "$(records | wc -l)" = 8
	test_lines 8 "$SCRATCH/count"
	all_verify
EOF

t 'a log that moves while records are signed: signed again, on top of it' <<'EOF'
	cd crowd
	rm "$SCRATCH/count"
	# Twenty times, as beside a script that appends faster than we sign.
	signer moves <<'END'
	echo >>"$TEST_SCRATCH/count"
	n=$(wc -l <"$TEST_SCRATCH/count")
	test "$n" -gt 20 || {
		ref=$(git for-each-ref --format='%(refname)' refs/agent/log)
		git update-ref "$ref" "$(printf 'done: between %d\n\nAgent-Kind: done\nAgent-Clock: 2026-01-02T03:04:05.000001Z\n' "$n" |
			git -c gpg.ssh.program=ssh-keygen commit-tree -S -p "$ref" "HEAD^{tree}")"
	} </dev/null
	exec ssh-keygen "$@"
END
	git config gpg.ssh.program "$SCRATCH/moves"
	git agent log done 'on top'
	test_lines 21 "$SCRATCH/count"
	git log -21 --format=%s "$(log_tips)" >out
	{
		echo 'done: on top'
		seq -f 'done: between %g' 20 -1 1
	} >want
	test_cmp want out
	all_verify
EOF

t 'a copied clone signs as the writer that it becomes' <<'EOF'
	signed_by_ssh original
	git -C original agent log done before
	cp -r original copy
	cd copy
	git agent log done after
	test "$(log_tips | wc -l)" = 2
	all_verify
EOF

# ---- the loop ------------------------------------------------------------------

agent solve <<'EOF'
	git agent log status 'nearly there'
	wait_for git rev-parse -q --verify "refs/agent/beat/$(head -n 1 .git/agent/writer)" >/dev/null
	improve 5e-5
	echo '<promise>DONE</promise>'
EOF

t 'the loop: its records are signed, its heartbeat is not' <<'EOF'
	project p 'beat = 1s'
	cd p
	git config agent.sign true
	git config gpg.format ssh
	git config user.signingKey "$SCRATCH/keys/id"
	git agent loop --agent "$SCRATCH/solve"
	test "$(kinds)" = 'check run status '
	all_verify
	git cat-file commit "$(git for-each-ref --format='%(objectname)' refs/agent/beat)" >text
	test_grep '^Agent-Kind: beat' text
	test_no_grep gpgsig text
	test_exit 1 git verify-commit "$(git for-each-ref --format='%(objectname)' refs/notes/agent)"
EOF

t 'the loop does not begin with a signer that fails' <<'EOF'
	cd p
	git config gpg.ssh.program "$SCRATCH/says"
	log_tips >before
	test_exit 128 git agent loop --new --agent "$SCRATCH/solve" 2>err
	test_grep 'the token is not plugged in' err
	log_tips >after
	test_cmp before after
EOF

# ---- GnuPG -----------------------------------------------------------------------

# GnuPG keeps a socket there, whose path is short by its nature.
export GNUPGHOME=$SCRATCH/g
mkdir -m 700 "$GNUPGHOME"
if test ${#GNUPGHOME} -gt 90; then
	skip 'openpgp and x509' 'the path of the scratch directory is too long'
	finish
fi
gpg --batch --quiet --passphrase '' --quick-gen-key \
	'Ada Lovelace <ada@example.org>' ed25519 sign never 2>"$SCRATCH/gpg.err" ||
	bail "no key by gpg: $(cat "$SCRATCH/gpg.err")"

t 'openpgp, the default: the key of the committer, or the one named' <<'EOF'
	new_repo pgp
	cd pgp
	git config commit.gpgSign true
	git agent log done 'by name and address'
	fpr=$(gpg --list-keys --with-colons | sed -n 's/^fpr:*\(.*\):$/\1/p' | head -n 1)
	git config user.signingKey "$fpr"
	git agent steer 'by the fingerprint'
	git -c gpg.format=openpgp -c gpg.program=gpg agent log done x
	git cat-file commit "$(log_tips)" >text
	test_grep '^gpgsig -----BEGIN PGP SIGNATURE-----$' text
	test_no_grep GNUPG text
	all_verify
	test "$(git log -1 --format=%G? "$(log_tips)")" = U ||
		test "$(git log -1 --format=%G? "$(log_tips)")" = G
EOF

t "openpgp: gpg's own words, without those for programs" <<'EOF'
	cd pgp
	git config user.signingKey nobody@example.org
	refuses "'gpg' failed: gpg: skipped \"nobody@example.org\": No secret key"
	test_no_grep 'GNUPG:' err
	git config --unset user.signingKey
	test_exit 128 env GIT_COMMITTER_EMAIL=zoe@example.org git agent log done x
	# A success without SIG_CREATED is none.
	signer pretends <<'END'
	echo '-----BEGIN PGP SIGNATURE-----'
END
	git config gpg.program "$SCRATCH/pretends"
	refuses "'.*/pretends' failed: (it gave no reason)"
EOF

if have gpgsm; then
	t 'x509' <<-'EOF'
	cat >params <<-'END'
	Key-Type: RSA
	Key-Length: 2048
	Key-Usage: sign
	Serial: random
	Name-DN: CN=Ada Lovelace
	Name-Email: ada@example.org
	Hash-Algo: SHA256
	END
	gpgsm --batch --pinentry-mode loopback --gen-key --armor \
		--output cert.pem params </dev/null || test -s cert.pem
	echo disable-crl-checks >"$GNUPGHOME/gpgsm.conf"
	gpgsm --batch --import cert.pem
	fpr=$(gpgsm -K --with-colons | sed -n 's/^fpr:*\([0-9A-F]*\):.*/\1/p')
	echo "$fpr S relax" >"$GNUPGHOME/trustlist.txt"
	gpgconf --kill gpg-agent
	new_repo x509
	cd x509
	git config gpg.format x509
	git config agent.sign true
	git config user.signingKey "$fpr"
	git agent log done 'by a certificate'
	git cat-file commit "$(log_tips)" >text
	test_grep '^gpgsig -----BEGIN SIGNED MESSAGE-----$' text
	all_verify
	EOF
else
	skip x509 'there is no gpgsm'
fi

# ---- signatures of others ----------------------------------------------------------

t 'a header of several lines is skipped, whatever is in it' <<'EOF'
	new_repo reads
	cd reads
	git agent log done honest
	{
		echo "tree $(git mktree </dev/null)"
		echo 'author Eve <eve@x> 1700000000 +0000'
		echo 'committer Eve <eve@x> 1700000000 +0000'
		echo 'gpgsig -----BEGIN SSH SIGNATURE-----'
		echo ' '
		echo ' forged: by a header'
		echo ' parent 0123456789012345678901234567890123456789'
		echo ' author Ada Lovelace <ada@example.org> 1 +0000'
		echo ' '
		echo ' Agent-Kind: milestone'
		echo ' Agent-Clock: 2030-01-01T00:00:00.000000Z'
		printf ' \033[31m\n'
		echo ' -----END SSH SIGNATURE-----'
		printf '\nstatus: the message\n\nAgent-Kind: status\n'
		echo 'Agent-Clock: 2026-01-02T03:04:05.000001Z'
	} | git hash-object -t commit -w --stdin >id
	git update-ref refs/agent-remotes/origin/log/eve "$(cat id)"
	git agent log --json --offline >out
	test "$(jq length out)" = 2
	jq -e '.[1] | .kind == "status" and .subject == "the message" and
		.author == "Eve" and (.trailers | length) == 2' out
EOF

finish
