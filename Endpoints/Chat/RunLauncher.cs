using System.Globalization;
using AiChat.Data.Chats;
using AiChat.Data.Runs;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;

namespace AiChat.Endpoints.Chat;

/// <summary>An answer that stands or is being written; <paramref name="Run"/> when it lives in memory.</summary>
internal sealed record StartedAnswer(long MessageId, Run? Run);

/// <summary>From a request to a durable start: who, where, which model, how often.</summary>
internal sealed class RunLauncher(
    RunRegistry registry, Sessions sessions, Messages messages, ModelCatalog catalog, WebSearch search, SystemSettings settings, TaskTraces traces,
    TimeProvider clock)
{
    public async Task<(StartedAnswer? Answer, Problem? Problem)> Send(CurrentUser me, ChatStreamRequest body)
    {
        if (body.Validate() is { Count: > 0 } errors)
        {
            return (null, Problems.Invalid(errors));
        }

        if (await sessions.Find(me.Id, body.SessionId) is not { } session)
        {
            return (null, Problems.NotFound());
        }

        return await Start(me, session, body.ConnectionId, body.Model, Options(session, body.ContextEnabled, body.Reasoning, body.WebSearch, body.Trace), body.Content, model => new NewRun
        {
            UserId = me.Id,
            SessionId = session.Id,
            Kind = NewRun.Send,
            ClientMessageId = body.ClientMessageId,
            RequestHash = RunRequests.Hash(
                NewRun.Send, body.Content, body.ParentId.IsSet ? Number(body.ParentId.Value) : "leaf", string.Join(',', body.ImageIds ?? [])),
            BootId = registry.BootId,
            Content = body.Content,
            ImageIds = body.ImageIds ?? [],
            ParentId = body.ParentId.Value,
            AtRoot = body.ParentId is { IsSet: true, Value: null },
            ConnectionId = model.ConnectionId,
            Model = model.Model,
            Provider = model.Provider,
            Title = RunRequests.Title(body.Content),
        });
    }

    /// <summary>Writes an answer again beside the old one, or goes on in it.</summary>
    public async Task<(StartedAnswer? Answer, Problem? Problem)> Again(CurrentUser me, ChatAgainRequest body, string kind)
    {
        if (body.Validate() is { Count: > 0 } errors)
        {
            return (null, Problems.Invalid(errors));
        }

        if (await messages.Find(me.Id, body.MessageId) is not { } target || await sessions.Find(me.Id, target.SessionId) is not { } session)
        {
            return (null, Problems.NotFound());
        }

        // A continued answer stays with the model that began it unless another is asked for.
        var (connectionId, named) = kind == NewRun.Continue && body.Model is null ? (target.ConnectionId, target.Model) : (body.ConnectionId, body.Model);
        return await Start(me, session, connectionId, named, Options(session, body.ContextEnabled, body.Reasoning, body.WebSearch, body.Trace), "", model => new NewRun
        {
            UserId = me.Id,
            SessionId = session.Id,
            Kind = kind,
            ClientMessageId = body.ClientMessageId,
            RequestHash = RunRequests.Hash(kind, Number(body.MessageId)),
            BootId = registry.BootId,
            TargetId = body.MessageId,
            ConnectionId = model.ConnectionId,
            Model = model.Model,
            Provider = model.Provider,
        });
    }

    private async Task<(StartedAnswer? Answer, Problem? Problem)> Start(
        CurrentUser me, SessionRow session, long? connectionId, string? modelName, RunOptions options, string text, Func<ResolvedModel, NewRun> request)
    {
        // A chat whose connection is gone goes on with the default model, never with whoever has a model of that name.
        var own = session.ConnectionId is { } connection ? catalog.Resolve(me, connection, session.Model) : null;
        var model = connectionId is null && modelName is null
            ? own ?? catalog.Resolve(me, null, null)
            : catalog.Resolve(me, connectionId, modelName);
        if (model is null)
        {
            return (null, modelName is null
                ? Problems.Conflict("no_model", "No model is available. An administrator has to connect a provider.")
                : Problems.NotFound());
        }

        var run = request(model);
        if (run.ImageIds.Count > 0 && !model.Capabilities.Vision)
        {
            return (null, new Problem(422, "model_cannot_see", $"{model.Name} cannot see images. Choose a model that can."));
        }

        var canSearch = search.IsReady && model.Capabilities is { Tools: true, WebSearch: true };
        if (options.WebSearch == true && !canSearch)
        {
            return (null, Problems.Invalid("webSearch", search.IsReady ? "This model cannot search the web." : "Web search is not set up on this server."));
        }

        options = options with { WebSearch = canSearch && (options.WebSearch ?? SessionParameters.Parse(session.Parameters).WebSearch) == true };
        var trace = traces.Begin(me, options.Trace, run.Kind, run.ClientMessageId, model.Provider, model.Model);
        trace?.Asked(run, model, options.ContextEnabled, options.ReasoningEnabled, options.Effort, options.WebSearch);
        var models = catalog.WithFallbacks(me, model); // before the start: nothing may fail between it and the run that ends it
        var starting = registry.Start(run, settings.Admission(me, model, text), started =>
            new Run(
                run, started, session with { ConnectionId = model.ConnectionId, Model = model.Model },
                started.Hold.May(models), options, clock.GetUtcNow())
            { Trace = trace, IsAdmin = me.IsAdmin });
        var start = trace is null ? await starting : await trace.Watch(starting);
        var problem = Refusal(start);
        trace?.Answered(problem, start.Outcome == StartOutcome.Known, start.MessageId);
        return problem is null ? (new StartedAnswer(start.MessageId, start.Run), null) : (null, problem);
    }

    private static RunOptions Options(SessionRow session, bool? contextEnabled, ReasoningRequest? reasoning, bool? webSearch, bool? trace) =>
        RunRequests.Options(contextEnabled, ReasoningRequest.Merge(reasoning, SessionParameters.Parse(session.Parameters).Reasoning), webSearch, trace);

    private Problem? Refusal(RunStart start) => start switch
    {
        { Refused: RunRefusal.Overloaded } => Problems.Overloaded(5),
        { Refused: RunRefusal.TooManyRuns } => Problems.TooMany("too_many_runs", "Too many answers are being written for this account; wait for one to end.", 5),
        { Outcome: StartOutcome.Started or StartOutcome.Known } => null,
        { Outcome: StartOutcome.Conflict } => Problems.Conflict("message_conflict", "This clientMessageId was used for another message."),
        { Outcome: StartOutcome.NotNow } => Problems.Conflict("message_conflict", "The message to go on from is not a finished answer."),
        { Outcome: StartOutcome.Refused } => QuotaPolicy.Refusal(start.Limit, clock.GetUtcNow()),
        _ => Problems.NotFound(),
    };

    private static string Number(long? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "root";
}
