#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "harness/base/output.h"
#include "harness/cli/commands.h"
#include "harness/cli/completing.h"
#include "harness/cli/help.h"

namespace assay {
namespace {

// The scripts know nothing: what may stand next is asked of the program that stands on the line.

/// Bash cuts words at ':' and '=' too, and replaces the last piece only.
constexpr const char* kBash = R"(# Completion of assay in bash: source <(assay completion bash)
_assay() {
  local line=${COMP_LINE:0:COMP_POINT} words typed
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  typed=${words[-1]}
  mapfile -t COMPREPLY < <("${words[0]}" completion words -- "${words[@]:1}" 2> /dev/null)
  COMPREPLY=("${COMPREPLY[@]#"${typed%"${typed##*[:=]}"}"}")
  if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2> /dev/null; fi
}
complete -o default -F _assay assay
)";

constexpr const char* kZsh = R"(#compdef assay
# Completion of assay in zsh, after compinit: source <(assay completion zsh); or as a file _assay in $fpath
_assay() {
  local -a found
  found=("${(@f)$("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2> /dev/null)}")
  found=("${(@)found:#}")
  if (( $#found == 0 )); then
    _files
  elif (( $#found == 1 )) && [[ $found[1] == *= ]]; then
    compadd -S '' -- "${found[@]}"
  else
    compadd -- "${found[@]}"
  fi
}
if [[ $funcstack[1] == _assay ]]; then _assay "$@"; else compdef _assay assay; fi
)";

constexpr const char* kFish = R"(# Completion of assay in fish: assay completion fish | source
function __assay_words
    set -l words (commandline -opc) (commandline -ct)
    $words[1] completion words -- $words[2..-1] 2>/dev/null
end
complete -c assay -n 'count (__assay_words) >/dev/null' -f -a '(__assay_words)'
)";

void add_script(CLI::App& completion, const char* shell, const char* script, const char* use) {
  CLI::App* command =
      add_command(completion, shell, fmt::format("Print the script for {}", shell), use);
  command->callback([script] { print_out(script); });
}

}  // namespace

void add_completion_command(CLI::App& program, CommandResult&) {
  CLI::App* completion =
      add_command(program, "completion",
                  "Print a script that lets a shell complete commands, options and names",
                  "assay completion bash > ~/.local/share/bash-completion/completions/assay");
  completion->require_subcommand(1);
  add_script(*completion, "bash", kBash, "assay completion bash    # source <(...) in ~/.bashrc");
  add_script(*completion, "zsh", kZsh, "assay completion zsh > _assay    # in a folder of $fpath");
  add_script(*completion, "fish", kFish,
             "assay completion fish > ~/.config/fish/completions/assay.fish");
  CLI::App* words =
      add_command(*completion, "words", "Print what the last word may become, one a line",
                  "assay completion words -- run --method wa");
  const auto typed = std::make_shared<std::vector<std::string>>();
  words->add_option("words", *typed, "The line behind the program's name, behind --");
  words->callback([typed, &program] {
    for (const std::string& word : completions(program, *typed)) print_out(word + "\n");
  });
}

}  // namespace assay
