using System.Globalization;

namespace AiChat.Tests;

/// <summary>
/// Two native servers on one database, of which each takes every second request, as behind a balancer that knows nothing. AICHAT_TEST_NODES
/// lets every test run so that gives its server no database of its own. What a test asks of the process is the first one's.
/// </summary>
internal sealed class NodesHost(ChildProcessHost first, ChildProcessHost second, string secondFolder) : IServerHost
{
    private int _asked;

    public static bool IsAsked { get; } = Environment.GetEnvironmentVariable("AICHAT_TEST_NODES") == "2";

    public ChildProcessHost[] Nodes { get; } = [first, second];

    /// <summary>Another one each time.</summary>
    public Uri BaseUri => Nodes[Interlocked.Increment(ref _asked) & 1].BaseUri;

    public static async Task<NodesHost> StartAsync(string binary, IReadOnlyDictionary<string, string> variables)
    {
        var (folder, secondFolder) = (variables["DATA_DIR"], variables["DATA_DIR"] + "-second");
        Directory.CreateDirectory(secondFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var images = Path.Combine(folder, "images");
        var first = await ChildProcessHost.StartAsync(binary, Reached(variables));
        try
        {
            var second = new Dictionary<string, string>(variables) { ["DATA_DIR"] = secondFolder, ["PORT"] = "0" };
            second.TryAdd("CHAT_IMAGE_DIR", images);
            if (!second.ContainsKey("AICHAT_MASTER_KEY"))
            {
                second.TryAdd("AICHAT_MASTER_KEY_FILE", Path.Combine(folder, "master.key"));
            }

            return new NodesHost(first, await ChildProcessHost.StartAsync(binary, Reached(second)), secondFolder);
        }
        catch
        {
            await first.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where two servers take turns, waits until both show it; a lone server shows it at once.</summary>
    public static Task Shows(Func<Task<bool>> it) =>
        IsAsked ? Eventually.Holds(async () => await it() && await it()) : Task.CompletedTask;

    public Task StopAsync() => Task.WhenAll(Nodes.Select(node => node.StopAsync()));

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }

        if (Directory.Exists(secondFolder))
        {
            Directory.Delete(secondFolder, recursive: true);
        }
    }

    private static Dictionary<string, string> Reached(IReadOnlyDictionary<string, string> variables)
    {
        var reached = new Dictionary<string, string>(variables);
        if (reached["PORT"] == "0")
        {
            reached["PORT"] = TestPorts.Free().ToString(CultureInfo.InvariantCulture);
        }

        reached.TryAdd("NODE_URL", $"http://127.0.0.1:{reached["PORT"]}");
        return reached;
    }
}
