using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests;

/// <summary>How a <see cref="TestServer"/> is started; the default is a fresh server in a folder of its own.</summary>
internal sealed record TestServerOptions
{
    /// <summary>Environment variables (README's settings table) that override the defaults of the tests.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    /// <summary>A data folder to use and leave behind; null makes one and deletes it at the end.</summary>
    public string? DataDir { get; init; }

    /// <summary>Replaces the server's clock. Only in process: the test carries <c>[Trait("Mode", "InProcess")]</c>.</summary>
    public FakeTimeProvider? Clock { get; init; }

    /// <summary>Changes the server before it is built. Only in process, as <see cref="Clock"/>.</summary>
    public Action<WebApplicationBuilder>? Configure { get; init; }

    /// <summary>Runs this executable as a process of its own, whatever is under test.</summary>
    public string? Binary { get; init; }

    public bool NeedsInProcess => Clock is not null || Configure is not null;
}
