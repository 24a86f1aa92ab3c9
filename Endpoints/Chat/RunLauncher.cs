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

/// <summary>Makes a durable start of a request for an answer: checks it, chooses the model and reserves what it may use.</summary>
internal sealed class RunLauncher(
    RunRegistry registry, Sessions sessions, Messages messages, ModelCatalog catalog, WebSearch search, SystemSettings settings,
    TaskTraces traces, TimeProvider clock)
{
    /// <summary>Stores a new question and starts its answer.</summary>
    public async Task<RunStart> Send(CurrentUser me, ChatStreamRequest body)
    {
        if (body.Validate() is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        if (await sessions.Find(me.Id, body.SessionId) is not { } session)
        {
            return Problems.NotFound();
        }

        var options = Options(session, body.ContextEnabled, body.Reasoning, body.WebSearch, body.Trace);
        var parent = body.ParentId.IsSet ? Number(body.ParentId.Value) : "leaf";
        return await Start(me, session, body.ConnectionId, body.Model, options, body.Content, model => new NewRun
        {
            UserId = me.Id,
            SessionId = session.Id,
            Kind = NewRun.Send,
            ClientMessageId = body.ClientMessageId,
            RequestHash = RunRequests.Hash(NewRun.Send, body.Content, parent, string.Join(',', body.ImageIds ?? [])),
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

    /// <summary>Starts another version of an answer, or the continuation of one.</summary>
    /// <param name="kind"><see cref="NewRun.Regenerate"/> or <see cref="NewRun.Continue"/>.</param>
    public async Task<RunStart> Again(CurrentUser me, ChatAgainRequest body, string kind)
    {
        if (body.Validate() is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        if (await messages.Find(me.Id, body.MessageId) is not { } target
            || await sessions.Find(me.Id, target.SessionId) is not { } session)
        {
            return Problems.NotFound();
        }

        // A continued answer stays with the model that began it unless another is asked for.
        var (connectionId, named) = kind == NewRun.Continue && body.Model is null
            ? (target.ConnectionId, target.Model)
            : (body.ConnectionId, body.Model);
        var options = Options(session, body.ContextEnabled, body.Reasoning, body.WebSearch, body.Trace);
        return await Start(me, session, connectionId, named, options, "", model => new NewRun
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

    private async Task<RunStart> Start(
        CurrentUser me, SessionRow session, long? connectionId, string? modelName, RunOptions options, string text,
        Func<ResolvedModel, NewRun> create)
    {
        // A chat whose connection is gone goes on with the default model, never with another connection that has a model of that name.
        var own = session.ConnectionId is { } connection ? catalog.Resolve(me, connection, session.Model) : null;
        var model = connectionId is null && modelName is null
            ? own ?? catalog.Resolve(me, null, null)
            : catalog.Resolve(me, connectionId, modelName);
        if (model is null)
        {
            return modelName is null
                ? Problems.Conflict("no_model", "No model is available. An administrator has to connect a provider.")
                : Problems.NotFound();
        }

        var request = create(model);
        if (request.ImageIds.Count > 0 && !model.Capabilities.Vision)
        {
            return new Problem(422, "model_cannot_see", $"{model.Name} cannot see images. Choose a model that can.");
        }

        var canSearch = search.IsReady && model.Capabilities is { Tools: true, WebSearch: true };
        if (options.WebSearch == true && !canSearch)
        {
            return Problems.Invalid(
                "webSearch", search.IsReady ? "This model cannot search the web." : "Web search is not set up on this server.");
        }

        var wantsSearch = options.WebSearch ?? SessionParameters.Parse(session.Parameters).WebSearch;
        options = options with { WebSearch = canSearch && wantsSearch == true };
        var trace = traces.Begin(me, options.Trace, request.Kind, request.ClientMessageId, model.Provider, model.Model);
        trace?.Asked(request, model, options.ContextEnabled, options.ReasoningEnabled, options.Effort, options.WebSearch);

        // The fallbacks are read before the start: nothing may fail between the stored start and the run that ends it.
        var models = catalog.WithFallbacks(me, model);
        var starting = registry.Start(request, settings.Admission(me, model, text), started => new Run(
            request, started, WithModel(session, model),
            started.Reservation.May(models), options,
            clock.GetUtcNow())
        {
            Trace = trace,
            IsAdmin = me.IsAdmin,
        });
        var start = trace is null ? await starting : await trace.Watch(starting);
        trace?.Answered(start.Problem, start.Repeated, start.MessageId);
        return start;
    }

    /// <summary>How the request wants to be answered; what it leaves open is as the session has it.</summary>
    private static RunOptions Options(
        SessionRow session, bool? contextEnabled, ReasoningRequest? reasoning, bool? webSearch, bool? trace)
    {
        var merged = ReasoningRequest.Merge(reasoning, SessionParameters.Parse(session.Parameters).Reasoning);
        return RunRequests.Options(contextEnabled, merged, webSearch, trace);
    }

    private static SessionRow WithModel(SessionRow session, ResolvedModel model) =>
        session.ConnectionId == model.ConnectionId && session.Model == model.Model
            ? session
            : session with { ConnectionId = model.ConnectionId, Model = model.Model };

    private static string Number(long? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "root";
}
