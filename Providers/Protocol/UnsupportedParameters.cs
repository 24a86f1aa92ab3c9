using System.Collections.Concurrent;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>Parts of a request that a server may refuse and that can be left out or written differently.</summary>
[Flags]
internal enum Refused
{
    None = 0,
    StreamOptions = 1,
    MaxTokens = 2,
    MaxCompletionTokens = 4,
    Sampling = 8,
    ReasoningEffort = 16,

    /// <summary>All members about thinking.</summary>
    Thinking = 32,

    /// <summary>The first of two ways to ask for thinking.</summary>
    ThinkingStyle = 64,
    ReasoningSummary = 128,
    EncryptedReasoning = 256,

    /// <summary>A message of the system; the first user turn then begins with it.</summary>
    SystemRole = 512,

    /// <summary>Marks for the cache of prompts.</summary>
    CacheMarks = 1024,

    /// <summary>The member for the form of answers; an instruction says it then.</summary>
    Format = 2048,

    /// <summary>The mark that arguments of tools must fit their schema exactly.</summary>
    StrictTools = 4096,

    /// <summary>The id of the program's user.</summary>
    User = 8192,

    /// <summary>The order of roles (<see cref="StrictTurns"/>).</summary>
    RoleOrder = 16384,

    /// <summary>What a Responses server is to tell beside the answer: the pages that a search found.</summary>
    Include = 32768,
}

/// <summary>
/// Sends a request again without the part that the server refused, before any delta was seen. It remembers the outcome for each connection
/// and model, because the server would refuse the part in every later call too.
/// </summary>
internal sealed class UnsupportedParameters(ProviderHttp http)
{
    private const int MaxRemembered = 1_000;

    private static readonly string[] NoSystem =
    [
        "system role not supported", "system role is not supported", "system messages are not supported", "no system role",
        "developer instruction is not enabled", "only user and assistant roles are supported", "unexpected role 'system'",
        "unknown role: system", "does not support system", "invalid role: system",
    ];

    private readonly ConcurrentDictionary<(long Connection, string Model), Refused> _refused = new();

    /// <param name="request">The request, for its connection and model.</param>
    /// <param name="read">Adds the parts that an error message names to those refused so far; an unchanged value ends the attempts.</param>
    /// <param name="build">The call without the refused parts.</param>
    /// <param name="cancel">Cancels the call.</param>
    public async Task<ProviderReply> SendAsync(
        ChatRequest request, Func<string, Refused, Refused> read, Func<Refused, ProviderCall> build, CancellationToken cancel)
    {
        var key = (request.Endpoint.ConnectionId, request.Model);
        var refused = _refused.GetValueOrDefault(key) & (request.Exact ? ~Refused.Sampling : ~Refused.None);
        while (true)
        {
            try
            {
                return await http.SendAsync(build(refused), cancel);
            }
            catch (ProviderException exception) when (Next(exception, request, refused, read) is { } more)
            {
                refused = more;
                if (_refused.Count >= MaxRemembered)
                {
                    _refused.Clear();
                }

                // A form is often refused for its own schema, or beside tools; other requests of the model may have theirs.
                _refused[key] = _refused.GetValueOrDefault(key) | (refused & ~Refused.Format);
            }
        }
    }

    // A template that has no place for a system message fails in the server (llama.cpp) or is refused (vLLM, Gemini's API for Gemma).
    private static Refused? Next(ProviderException exception, ChatRequest request, Refused refused, Func<string, Refused, Refused> read)
    {
        var isAbout = exception is { Failure: ProviderFailure.BadRequest, UpstreamStatus: 400 or 422 };
        if ((isAbout || exception.UpstreamStatus == 500) && !refused.HasFlag(Refused.SystemRole) && request.SystemPrompt is not null
            && request.Passthrough is null && NoSystem.Any(words => exception.Detail.Contains(words, StringComparison.OrdinalIgnoreCase)))
        {
            return refused | Refused.SystemRole;
        }

        if ((isAbout || exception.UpstreamStatus == 500) && !refused.HasFlag(Refused.RoleOrder) && request.Passthrough is null
            && StrictTurns.IsRefusedBy(exception.Detail, request.Turns))
        {
            return refused | Refused.RoleOrder;
        }

        if (!isAbout)
        {
            return null;
        }

        var more = read(exception.Detail, refused);
        more = request.Exact && !refused.HasFlag(Refused.Sampling) ? more & ~Refused.Sampling : more;
        more = request.Format is null ? more & ~Refused.Format : more;

        // A client of the same protocol gets the provider's answer to what it asked; only what was added here can be left out.
        more = request.Passthrough is null ? more : refused | (more & Refused.StreamOptions);
        return more != refused ? more : null;
    }
}
