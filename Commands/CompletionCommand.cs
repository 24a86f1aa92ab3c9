using System.CommandLine;

namespace AiChat.Commands;

/// <summary>
/// Prints the script that lets a shell complete commands, options and their values. The script asks the executable itself, by the directive
/// <c>[suggest:N]</c> of System.CommandLine, so it never falls behind.
/// </summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # aichat completion bash > /etc/bash_completion.d/aichat
        _aichat() {
            local IFS=$'\n' found
            found=$("${COMP_WORDS[0]}" "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)
            COMPREPLY=($(compgen -W "${found}" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _aichat aichat
        """;

    private const string Zsh = """
        #compdef aichat
        # aichat completion zsh > "${fpath[1]}/_aichat"
        _aichat() {
            local -a found
            found=("${(@f)$("${words[1]}" "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
            compadd -- ${found} || _files
        }
        # As a file of fpath this is itself the function at the first completion; read by source or eval it is not.
        if [ "${funcstack[1]}" = _aichat ]; then _aichat; else compdef _aichat aichat; fi
        """;

    private const string Fish = """
        # aichat completion fish > ~/.config/fish/completions/aichat.fish
        complete -c aichat -l env-file -r -F
        complete -c aichat -f -a "(aichat '[suggest:'(string length (commandline -cp))']' (commandline -cp | string collect) 2>/dev/null)"
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "The shell: bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print the script with which a shell completes commands.") { shell };
        command.SetAction(parsed =>
        {
            Terminal.Say(parsed.GetValue(shell) switch
            {
                "zsh" => Zsh,
                "fish" => Fish,
                _ => Bash,
            });
            return ExitCodes.Done;
        });
        return command;
    }
}
