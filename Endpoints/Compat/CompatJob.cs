using System.Diagnostics.CodeAnalysis;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Traces;
using AiChat.Providers.Protocol;

namespace AiChat.Endpoints.Compat;

/// <summary>A request under work. It is translated only when a provider of another protocol may have to answer it.</summary>
internal sealed class CompatJob(
    HttpContext context, CurrentUser me, Dialect dialect, CompatRequest request, ResolvedModel model, CancellationToken ends)
{
    private readonly List<IDisposable> _held = [];
    private CompatRequest? _translated;
    private CompatRefusal? _refused;

    public HttpContext Context => context;

    public CurrentUser Me => me;

    public Dialect Dialect => dialect;

    /// <summary>As it was opened, not translated.</summary>
    public CompatRequest Request => request;

    /// <summary>The model that was asked for.</summary>
    public ResolvedModel Model => model;

    /// <summary>The model that was called last: the one that was asked for, or a stand-in.</summary>
    public ResolvedModel Asked
    {
        get => field ?? model;
        set;
    }

    public CancellationToken Ends => ends;

    public RunTrace? Trace { get; set; }

    /// <summary>A provider of the client's protocol was asked for the answer as a whole.</summary>
    public bool AsksWhole { get; set; }

    /// <summary>Writes the answer, and until it is known who answers what a client has to hear meanwhile.</summary>
    public AnswerWriter Writer
    {
        get => field ?? throw new InvalidOperationException("The writer is not set yet.");
        set;
    }

    /// <summary>Keeps the memory of a line whose frame is not sent yet.</summary>
    public void Hold(IDisposable memory)
    {
        lock (_held)
        {
            _held.Add(memory);
        }
    }

    /// <summary>The frames so far are sent, or nobody waits for them.</summary>
    public Task Release()
    {
        lock (_held)
        {
            _held.ForEach(memory => memory.Dispose());
            _held.Clear();
        }

        return Task.CompletedTask;
    }

    /// <summary>Sets the writer for the model that answers: its frames go on as they are, or are translated.</summary>
    public void WriteFor(ResolvedModel other, DateTimeOffset now)
    {
        Writer = dialect.IsSpokenBy(other.Provider)
            ? dialect.Relay(request, model.PublicId, now)
            : dialect.Writer(Translated, model.PublicId, now);
        Writer.PromptTokens = request.PromptTokens;
        Writer.OneCall = !dialect.IsSpokenBy(other.Provider) && ProtocolGaps.CutsToOneCall(Translated, other.Provider);
    }

    /// <summary>For a provider of another protocol.</summary>
    /// <exception cref="CompatRefusal">The request asks for what only this protocol has, or is not valid in it.</exception>
    public CompatRequest Translated => Translates(out var translated) ? translated : throw _refused!;

    public bool Translates([NotNullWhen(true)] out CompatRequest? translated)
    {
        try
        {
            translated = _refused is null ? _translated ??= dialect.Translated(request.Body) : null;
        }
        catch (CompatRefusal refusal)
        {
            (_refused, translated) = (refusal, null);
        }

        return translated is not null;
    }

    /// <summary>Whether this model's provider can be asked.</summary>
    public bool Takes(ResolvedModel other, ModelCatalog catalog)
    {
        try
        {
            CheckTakes(other, catalog);
            return true;
        }
        catch (CompatRefusal)
        {
            return false;
        }
    }

    /// <exception cref="CompatRefusal">This model's provider cannot be asked.</exception>
    public void CheckTakes(ResolvedModel other, ModelCatalog catalog)
    {
        if (!dialect.IsSpokenBy(other.Provider))
        {
            ProtocolGaps.Check(Translated, other.Provider);
            if (!other.Capabilities.Vision && Translated.Turns.Any(turn => turn.Images.Count > 0 && turn.Role != ChatRole.Tool))
            {
                throw CompatRefusal.Bad($"The model {other.PublicId} cannot see images.");
            }
        }
        else if (request.Address is { } member && catalog.Current.Connection(other.ConnectionId) is not { Row.Local: false })
        {
            // A server beside this one would fetch what only it and this one can reach.
            throw CompatRefusal.Bad($"{member} is data, not an address; addresses are not fetched by servers of this network.");
        }
    }
}
