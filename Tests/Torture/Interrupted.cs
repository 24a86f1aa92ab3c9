using System.Diagnostics;
using System.Net.Sockets;

namespace AiChat.Tests.Torture;

/// <summary>Something that is ended in the middle: how the folder is before it, what runs, what must hold after the next start.</summary>
internal sealed record Interrupted
{
    public const int Kill = 9, HangUp = 1, Interrupt = 2, Terminate = 15;

    private const string Listening = "Listening on ";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Makes the folder as it is before, and tells what it holds before and afterwards.</summary>
    public required Func<string, Task<Promise[]>> Prepare { get; init; }

    /// <summary>The command. A server is asked to end when it listens, or when <see cref="Act"/> is over.</summary>
    public required Func<string[]> Arguments { get; init; }

    /// <summary>Of the command and of every start, by the folder.</summary>
    public Func<string, (string Name, string Value)[]> Variables { get; init; } = _ => [];

    /// <summary>What is asked of the server while it runs; null asks nothing.</summary>
    public Func<string, Uri, Task>? Act { get; init; }

    /// <summary>Starts on the folder and looks at what it holds.</summary>
    public required Func<string, Promise[], Task> Check { get; init; }

    /// <summary>
    /// What the folder holds, in words; null does not compare. The same command without an end must then leave the same as if it had never
    /// been ended.
    /// </summary>
    public Func<string, string>? State { get; init; }

    /// <summary>After the end in the middle there is what was before, or what should be, and nothing between.</summary>
    public bool IsWhole { get; init; }

    /// <summary>
    /// Its number of changes is not fixed, as that of a server or of what a network brings: a run may be over before one of the last.
    /// </summary>
    public bool Varies { get; init; }

    /// <summary>The short form ends it among the changes from the first to the last of a path that holds this.</summary>
    public string Focus { get; init; } = "/";

    /// <summary>Ends it at every change of the disk, or in the short form at a few.</summary>
    public async Task EndEverywhere(string name, int signal, int few)
    {
        using var template = new Machine();
        var promises = await Prepare(template.Data);
        var (changes, after) = await Whole(template.Data, promises);
        Assert.True(changes.Count > 3, $"{name}: {changes.Count}");
        var before = State is null ? "" : await Before(template.Data, promises);
        var tried = LongForm.Rounds(Math.Min(few, changes.Count), changes.Count);
        var reached = 0;
        foreach (var at in Picked(changes, tried))
        {
            using var machine = new Machine();
            CopyFolder(template.Data, machine.Data);
            var ended = await Run(machine, ("TORTURE_AT", $"{at}"), ("TORTURE_SIGNAL", $"{signal}"));
            reached += IsInTheMiddle(ended, signal) ? 1 : 0;
            Assert.True(
                signal != Kill || ended.Code == 128 + Kill || (Varies && at > changes.Count * 4 / 5 && ended.Code == 0),
                $"{name} at {at} of {changes.Count} ended with {ended.Code}: {ended.Output}{ended.Complaint}");
            var where = $"{name}, signal {signal} at change {at} of {changes.Count} ({changes[at - 1]}), seed {LongForm.Seed}";
            try
            {
                await Check(machine.Data, promises);
                if (State is not null)
                {
                    var found = State(machine.Data);
                    Assert.True(!IsWhole || found == before || found == after, $"neither the old nor the new, but {found}");
                    var again = await Run(machine);
                    Assert.True(again.Code == 0, $"again it ended with {again.Code}: {again.Output}{again.Complaint}");
                    await Check(machine.Data, promises);
                    Assert.Equal(after, State(machine.Data));
                }
            }
            catch (Exception error) when (error is ServerStartException or Xunit.Sdk.XunitException)
            {
                Assert.Fail($"{where}: {error.Message}");
            }
        }

        // A signal is heard a moment later, when a short work may be over.
        var enough = signal == Kill ? tried * 9 / 10 : 1;
        Assert.True(reached >= enough, $"{name}: only {reached} of {tried} were ended in the middle");
        LongForm.Report(
            $"ended in the middle: {name}, signal {signal}",
            [new("steps", tried), new("ended there", reached), new("starts that failed or found less", 0)]);
    }

    /// <summary>Asked to end, a server ends before it listens, and a command says by its code that it did not complete.</summary>
    private bool IsInTheMiddle(Ran ended, int signal) =>
        signal == Kill ? ended.Code == 128 + Kill
        : Arguments()[0] == "serve" ? !ended.Output.Contains(Listening, StringComparison.Ordinal)
        : ended.Code != 0;

    public static void CopyFolder(string from, string to)
    {
        using var copy = Process.Start("cp", ["-a", from + "/.", to]);
        copy.WaitForExit();
        Assert.Equal(0, copy.ExitCode);
    }

    /// <summary>The paths of all changes of a run that nothing ends, and the state that it leaves.</summary>
    private async Task<(List<string> Changes, string After)> Whole(string template, Promise[] promises)
    {
        using var machine = new Machine();
        CopyFolder(template, machine.Data);
        var whole = await Run(machine, ("TORTURE_COUNT", "1"));
        Assert.True(whole.Code == 0, whole.Output + whole.Complaint);
        List<string> changes = [.. DiskLog.Read(machine.Log, machine.Data).Where(call => call.Call == 'n').Select(call => call.Path)];
        if (State is null)
        {
            return (changes, "");
        }

        await Check(machine.Data, promises);
        return (changes, State(machine.Data));
    }

    private async Task<string> Before(string template, Promise[] promises)
    {
        using var machine = new Machine();
        CopyFolder(template, machine.Data);
        await Check(machine.Data, promises);
        return State!(machine.Data);
    }

    private IEnumerable<int> Picked(List<string> changes, int tried)
    {
        if (tried == changes.Count)
        {
            return Enumerable.Range(1, changes.Count);
        }

        var holds = (string path) => ("/" + path).Contains(Focus, StringComparison.Ordinal);
        var (first, last) = (changes.FindIndex(path => holds(path)) + 1, changes.FindLastIndex(path => holds(path)) + 1);
        Assert.True(first > 0, $"no change of {Focus}");
        var random = new Random(LongForm.Seed);
        return Enumerable.Range(0, tried).Select(_ => random.Next(first, last + 1));
    }

    /// <summary>Runs the command to its end.</summary>
    private async Task<Ran> Run(Machine machine, params (string Name, string Value)[] more)
    {
        var variables = machine.With(
            [.. more, .. Variables(machine.Data), ("PORT", "0"), ("HOST", "127.0.0.1"), ("AICHAT_SETUP_CODE", TestServer.SetupCode)]);
        using var process = Executable.Start(null, machine.Data, [.. variables.Select(pair => (pair.Key, pair.Value))], Arguments());
        var complaint = process.StandardError.ReadToEndAsync();
        var output = "";
        while (await process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            output += line + "\n";
            if (line.StartsWith(Listening, StringComparison.Ordinal))
            {
                await Ask(machine.Data, new Uri(line[Listening.Length..].Split(' ')[0]), process);
                using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            }
        }

        await process.WaitForExitAsync().WaitAsync(Patience);
        return new Ran(process.ExitCode, output, await complaint);
    }

    private async Task Ask(string folder, Uri address, Process process)
    {
        try
        {
            await (Act?.Invoke(folder, address) ?? Task.CompletedTask);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or SocketException)
        {
            // It has been ended in the middle; anything else is a failure of its own.
            await process.WaitForExitAsync().WaitAsync(Patience);
        }
    }
}
