# Complete overrides after `python -m pipeline.STAGE` (fetch to export) in bash: source completion.bash
# Hydra completes scripts, `python FILE`; this passes it the words after the module.
_onehot() {
    local module=${COMP_WORDS[2]} rest line choices
    if [[ ${COMP_WORDS[1]} != -m || $module != pipeline.* || $COMP_CWORD -lt 3 ]]; then
        return
    fi
    line=${COMP_LINE:0:COMP_POINT}
    rest=${line#*"$module"}
    line="${module#pipeline.}$rest"
    choices=$(COMP_LINE=$line COMP_POINT=${#line} "${COMP_WORDS[0]}" -m "$module" -sc query=bash 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "${line##* }")
}
# Without "=" as the end of a word, so that key=value is completed as one.
COMP_WORDBREAKS=${COMP_WORDBREAKS//=/}
complete -o nospace -o default -F _onehot python python3
