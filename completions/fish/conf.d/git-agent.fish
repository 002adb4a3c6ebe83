# fish's completion of git (3.6) does not find commands of others; this lets
# it complete `git agent` by what git-agent.fish offers for `git-agent`.
if status is-interactive
    complete -c git -n __fish_git_needs_command -a agent \
        -d 'Supervise a coding agent and keep its record'
    complete -c git -f -n '__fish_git_using_command agent' \
        -a '(__fish_git_complete_custom_command agent)'
end
