using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using AiChat.Data.Postgres;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Nodes;

/// <summary>What an address says about the process that is to be there.</summary>
internal enum NodeState
{
    Alive,

    /// <summary>Nothing listens there, or another process.</summary>
    Gone,

    /// <summary>No answer that proves anything.</summary>
    Unknown,
}

/// <summary>Calls other processes on the same database, at the addresses that they have given. Thread-safe.</summary>
internal sealed class NodeCalls(ProviderHttp http, NodeSigner signer)
{
    /// <summary>Below it all paths of these calls stand.</summary>
    public const string Root = "/internal/nodes";

    /// <summary>Is answered when what was told before has been taken over.</summary>
    public const string ChangesPath = "/changes";

    /// <summary>Of the pools of connections, apart from those of providers, web search and backups.</summary>
    private const long Pool = -3_000;

    private const int MaxAnswer = 1_000;

    private const int Attempts = 4;

    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMilliseconds(100);

    /// <summary>A stream tells at least every quarter of a minute that it is there.</summary>
    private static readonly ChatTimeouts Limits = new()
    {
        Connect = TimeSpan.FromSeconds(1),
        FirstByte = TimeSpan.FromSeconds(1),
        Idle = TimeSpan.FromSeconds(20),
        ReasoningIdle = TimeSpan.FromSeconds(20),
        Total = TimeSpan.FromDays(1),
    };

    private readonly ConcurrentDictionary<string, long> _pools = new(StringComparer.Ordinal);

    /// <summary>Whether a process is still at its address.</summary>
    public async Task<NodeState> Ask(NodeRow node, CancellationToken cancel)
    {
        if (node.Address is not { } address)
        {
            return NodeState.Unknown;
        }

        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var (call, header) = Call(address, "/boot", 0);
                await using var reply = await http.SendAsync(call, cancel);
                var answer = Encoding.UTF8.GetString((await reply.ReadAllAsync(MaxAnswer)).Span).Split(' ');
                return answer is not [var boot, var signature] || !signer.IsAnswer(header, boot, signature) ? NodeState.Unknown
                    : boot == node.BootId ? NodeState.Alive : NodeState.Gone;
            }
            catch (ProviderException error)
            {
                if (error.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
                {
                    return NodeState.Gone;
                }

                var isSilent = error.Failure is ProviderFailure.ConnectTimeout or ProviderFailure.FirstByteTimeout;
                if (isSilent || attempt == Attempts)
                {
                    return NodeState.Unknown;
                }
            }

            // The sockets of a process that was killed close one after the other, the one that listens perhaps last.
            await Task.Delay(BetweenAttempts, http.Time, cancel);
        }
    }

    /// <summary>Completes when a process has taken over what was told before.</summary>
    /// <exception cref="ProviderException">It cannot be reached, or does not.</exception>
    public async Task CatchUp(string address, CancellationToken cancel)
    {
        var (call, _) = Call(address, ChangesPath, 0);
        await using var reply = await http.SendAsync(call, cancel);
        await reply.ReadAllAsync(MaxAnswer);
        await SocketThreads.Leave();
    }

    /// <summary>Reads lines from a process until it ends the reply.</summary>
    /// <param name="path">Below <see cref="Root"/>, with its query.</param>
    /// <param name="take">Is given each line without its end.</param>
    /// <exception cref="ProviderException">It cannot be reached, refuses, or broke off.</exception>
    public async Task Read(string address, string path, long userId, Action<ReadOnlySpan<byte>> take, CancellationToken cancel)
    {
        var (call, _) = Call(address, path, userId);
        await using var reply = await http.SendAsync(call, cancel);
        do
        {
            await reply.PauseAsync(0);
            while (reply.TryReadLine(out var line))
            {
                reply.Clock.Content(visible: true);
                take(line);
            }
        }
        while (await reply.FillAsync());

        await SocketThreads.Leave();
    }

    private (ProviderCall Call, string Header) Call(string address, string path, long userId)
    {
        var url = new Uri(address.TrimEnd('/') + Root + path);
        var header = signer.Sign("GET", url.AbsolutePath + url.Query, userId);
        var endpoint = new ProviderEndpoint
        {
            ConnectionId = _pools.GetOrAdd(address, _ => Pool - _pools.Count),
            Provider = "node",
            BaseUrl = new Uri(url.GetLeftPart(UriPartial.Authority)),
            Auth = ProviderAuth.None,
            Headers = [new(NodeSigner.Header, header)],
            Scope = NetworkScope.External | NetworkScope.Loopback | NetworkScope.Private,
        };
        return (new ProviderCall(endpoint, url) { Timeouts = Limits }, header);
    }
}
