# fish completion for git-agent and the commands git-agent-init,
# git-agent-log, git-agent-steer, git-agent-check, git-agent-loop,
# git-agent-status and git-agent-sync, typed with blanks or with dashes.
# (git-agent-hook is for the agent's client and not meant for typing.)
#
# What is offered comes from the programs: `PROGRAM --git-completion-helper`
# prints lines of "--option=<TAB>ARGUMENT<TAB>help" and "word<TAB>WORD".

function __git_agent_offer -a program
    set -l words (commandline -opc)[2..-1]
    if test $program = git-agent -a (count $words) -gt 0
        set program git-agent-$words[1]
        set -e words[1]
    end
    command -q $program
    or return
    set -l first (string match -v -- '-*' $words)
    for line in ($program --git-completion-helper 2>/dev/null)
        set -l field (string split \t -- $line)
        if test $field[1] != word
            # One letter takes its argument as the next word.
            string match -qr -- '^-[^-]' $field[1]
            and set field[1] (string trim -r -c = -- $field[1])
            echo $field[1]\t$field[3]
        else if test -z "$first"
            echo $field[2]
        end
    end
end

for program in git-agent git-agent-{init,log,steer,check,loop,status,sync}
    complete -c $program -a "(__git_agent_offer $program)"
end
