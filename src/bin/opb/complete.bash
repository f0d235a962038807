# Completion of opb in bash: source <(opb completions bash)
_opb() {
    # bash takes words apart at `:` and `@`; opb's selectors have both. What has no space between is one word.
    local words=() rest=$COMP_LINE word i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == 0)) || [[ $rest == [[:space:]]* || -z $rest ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
    done
    local last=$((${#words[@]} - 1))
    mapfile -t COMPREPLY < <(
        _CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$last OPB_COMPLETE=bash "${words[0]}" -- "${words[@]}" 2>/dev/null
    )
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[:@/=] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    # It puts in only what follows the last place at which it took the word apart.
    local breaks=${COMP_WORDBREAKS//[^:@=]/} current=${words[last]}
    if [[ -n $breaks && $current == *[$breaks]* ]]; then
        local before=${current%"${current##*[$breaks]}"}
        COMPREPLY=("${COMPREPLY[@]#"$before"}")
    fi
}
complete -o bashdefault -F _opb opb
