import type { Shell } from './shells.js';
import { flagsOf, type ReferenceEntry } from './walk.js';

/** Returns the script that makes a shell complete commands, options and file names. */
export function completionScript(shell: Shell, entries: readonly ReferenceEntry[]): string {
  return { bash, zsh, fish }[shell](entries);
}

/**
 * The bash script finds the command among the words before the cursor: each word that is a command below the one
 * found so far. Bash itself completes file names where no word matches.
 */
function bash(entries: readonly ReferenceEntry[]): string {
  const steps = stepsOf(entries).map(([typed, found]) => `      "${typed}") path="${found}" ;;`);
  const lists = entries.map(({ path, commands, words, options }) => {
    const names = words ?? commands.map(({ name }) => name);
    const noFiles = words === undefined ? '' : '; compopt +o bashdefault +o default 2>/dev/null';
    const found = `commands="${names.join(' ')}" options="${allFlags(options).join(' ')}"`;
    return `    "${path.join(' ')}") ${found}${noFiles} ;;`;
  });
  return `# bash completion of layerhook: save as /usr/share/bash-completion/completions/layerhook
_layerhook() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= next at commands= options=
  for ((at = 1; at < COMP_CWORD; at++)); do
    next="\${path:+$path }\${COMP_WORDS[at]}"
    case "$next" in
${steps.join('\n')}
    esac
  done
  case "$path" in
${lists.join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$commands" -- "$current")) ;;
  esac
}
complete -o bashdefault -o default -F _layerhook layerhook
`;
}

function zsh(entries: readonly ReferenceEntry[]): string {
  const steps = stepsOf(entries).map(([typed, found]) => `      (${quote(typed)}) found=${quote(found)} ;;`);
  const lists = entries.map(({ path, commands, words, options }) => {
    const names = words ?? commands.map(({ name, summary }) => quote(`${name}:${summary}`));
    const flags = Object.entries(options).flatMap(([name, option]) =>
      flagsOf(name, option).map((flag) => quote(`${flag}:${option.describe}`)),
    );
    return `    (${quote(path.join(' '))}) commands=(${names.join(' ')}) options=(${flags.join(' ')}) ;;`;
  });
  return `#compdef layerhook
# zsh completion of layerhook: save as _layerhook in a directory of $fpath
_layerhook() {
  local current=\${words[CURRENT]} found= next word
  local -a commands options
  for word in \${words[2,CURRENT-1]}; do
    next="\${found:+$found }$word"
    case "$next" in
${steps.join('\n')}
    esac
  done
  case "$found" in
${lists.join('\n')}
  esac
  if [[ $current == -* ]]; then _describe -o option options
  elif (( \${#commands} )); then _describe command commands
  else _files
  fi
}
if [[ \${funcstack[1]} == _layerhook ]]; then _layerhook "$@"; else compdef _layerhook layerhook; fi
`;
}

function fish(entries: readonly ReferenceEntry[]): string {
  const lines = entries.flatMap(({ path, commands, words = [], options }) => {
    const found = `__layerhook_at ${quote(path.join(' '))}`;
    const names = commands.map(
      ({ name, summary }) => `complete -c layerhook -n ${quote(found)} -f -a ${name} -d ${quote(summary)}`,
    );
    const flags = Object.entries(options).map(([name, option]) => fishOption(found, name, option));
    const values = words.map((word) => `complete -c layerhook -n ${quote(found)} -f -a ${word}`);
    return [...names, ...values, ...flags];
  });
  const steps = stepsOf(entries).map(
    ([typed, found]) => `            case ${quote(typed)}\n                set path ${quote(found)}`,
  );
  return `# fish completion of layerhook: save as ~/.config/fish/completions/layerhook.fish
function __layerhook_at
    set -l path ''
    for word in (commandline -opc)[2..]
        switch (string trim -- "$path $word")
${steps.join('\n')}
        end
    end
    test "$path" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function fishOption(found: string, name: string, option: ReferenceEntry['options'][string]): string {
  const flags = [name, ...(option.alias ?? [])].map((each) => `${each.length === 1 ? '-s' : '-l'} ${each}`);
  const value = option.value === undefined ? '' : ' -r';
  return `complete -c layerhook -n ${quote(found)} ${flags.join(' ')}${value} -d ${quote(option.describe)}`;
}

/** Returns the words that lead to each command, as typed and without aliases: `store ls` and `store list`. */
function stepsOf(entries: readonly ReferenceEntry[]): [typed: string, found: string][] {
  return entries.flatMap(({ path, commands }) =>
    commands.map(({ name, of }): [string, string] => [[...path, name].join(' '), [...path, of].join(' ')]),
  );
}

function allFlags(options: ReferenceEntry['options']): string[] {
  return Object.entries(options).flatMap(([name, option]) => flagsOf(name, option));
}

/** Quotes for a shell: all three know single quotes. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
