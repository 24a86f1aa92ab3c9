using System.Diagnostics;
using System.Text;

namespace AiChat.Tests.Api;

/// <summary>The scripts of <c>aichat completion</c> in the shells themselves. Fails where zsh or fish is not installed.</summary>
public sealed class CompletionTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string _folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;

    [NativeTheory]
    [InlineData("bash", """
        source script; COMP_WORDS=(aichat user re); COMP_CWORD=2; COMP_LINE="aichat user re"; COMP_POINT=14; _aichat
        printf '%s\n' "${COMPREPLY[@]}"
        """, "reject reset-password")]
    [InlineData("fish", "source script; complete -C 'aichat user re'", "reject reset-password")]
    [InlineData("fish", "source script; complete -C 'aichat --env-file scr'", "script")]
    [InlineData("fish", "source script; complete -C 'aichat scr'", "")] // a command is no file
    public async Task A_shell_offers_what_the_executable_suggests(string shell, string commands, string expected)
    {
        await Place(shell, "script");
        using var process = Start([shell, "-c", commands]);
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        Assert.Equal(expected, string.Join(' ', output.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    /// <summary>In a terminal, because zsh completes only there; at the first key, when the function is loaded.</summary>
    [NativeFact]
    public async Task Zsh_completes_at_the_first_key()
    {
        await Place("zsh", "_aichat");
        using var terminal = Start(["script", "-qfc", "zsh -f -i", "/dev/null"]);
        await terminal.StandardInput.WriteAsync(
            "PS1=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D\naichat user res\t");
        await terminal.StandardInput.FlushAsync();
        var seen = new StringBuilder();
        var buffer = new char[4096];
        while (!seen.ToString().Contains("reset-password ", StringComparison.Ordinal))
        {
            var count = await terminal.StandardOutput.ReadAsync(buffer).AsTask().WaitAsync(Patience);
            Assert.True(count > 0, seen.ToString());
            seen.Append(buffer, 0, count);
        }

        terminal.Kill(entireProcessTree: true);
        await terminal.WaitForExitAsync();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task Place(string shell, string name)
    {
        File.CreateSymbolicLink(Path.Combine(_folder, "aichat"), TestServer.Binary!);
        await File.WriteAllTextAsync(
            Path.Combine(_folder, name), (await Executable.RunAsync(_folder, "completion", shell)).Expect(0).Output);
    }

    private Process Start(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = _folder,
        };
        start.Environment["PATH"] = $"{_folder}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["TERM"] = "dumb";
        start.Environment["HOME"] = _folder;
        return Process.Start(start)!;
    }
}
