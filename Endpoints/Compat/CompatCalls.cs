using System.Text.Json;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// Answers a request of the compatible API: reads it, checks the usage limits and the run limits, answers as a stream or whole, and enters
/// the call in the ledger with its key. The call ends with its request: when the client disconnects or the key is revoked, the provider's
/// connection closes.
/// </summary>
internal sealed class CompatCalls(
    ProviderCalls calls, ModelCatalog catalog, RunSlots slots, Usage usage, Settlements settlements, CallStates states,
    AuthCache authCache, SystemSettings settings, TaskTraces traces, TimeProvider clock)
{
    /// <summary>How long a stream waits for the first delta before it sends headers; a failure until then gets its own status.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    /// <summary>As <see cref="Handle(HttpContext, CurrentUser, Func{CancellationToken, Task{IResult}})"/>, with the body as JSON.</summary>
    public Task<IResult> Handle(HttpContext context, CurrentUser me, Func<JsonElement, CancellationToken, Task<IResult>> work) =>
        Handle(context, me, async ends =>
        {
            using var document = await CompatBody.Read(context);
            return await work(document.RootElement, ends);
        });

    /// <summary>
    /// Works until the client disconnects or the key is revoked. A refusal becomes an error in the client's protocol.
    /// </summary>
    public async Task<IResult> Handle(HttpContext context, CurrentUser me, Func<CancellationToken, Task<IResult>> work)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, await authCache.Watch(me));
        try
        {
            return await work(ends.Token);
        }
        catch (CompatRefusal refusal)
        {
            return refusal.Problem;
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            return TypedResults.Empty;
        }
    }

    /// <summary>Answers a request for a completion in this dialect.</summary>
    public Task<IResult> Answer(HttpContext context, CurrentUser me, Dialect dialect) => Handle(context, me, async (body, ends) =>
    {
        var request = dialect.Read(body, context.Request);
        var model = Resolve(me, request.Model);
        var job = new CompatJob(context, me, dialect, request, model, ends);
        job.CheckTakes(model, catalog);
        context.Response.OnCompleted(job.Release);
        var trace = job.Trace = traces.Begin(me, null, dialect.GetType().Name, null, model.Provider, model.Model);
        trace?.AskedByKey(me.ApiKeyId, job.Translates(out var translated) ? translated.Turns : [], model, request.Stream);
        job.Writer = dialect.Writer(request, model.PublicId, clock.GetUtcNow());
        var admission = settings.Admission(me, model, request.PromptTokens, request.Sampling.MaxOutputTokens, request.Choices) with
        {
            Count = AgentSteps.IsStep(body) ? 0 : 1,
        };
        var answering = Metered(me, model, admission, (reservation, memory, used) => Answer(job, reservation, memory, used));
        return trace is null ? await answering : await trace.WatchCall(answering);
    });

    /// <summary>Does the work within the usage limits and the run limits. The entries that it adds to the list go to the ledger.</summary>
    public async Task<IResult> Metered(
        CurrentUser me, ResolvedModel model, Admission admission, Func<Reservation, MemoryLease, List<LedgerEntry>, Task<IResult>> work)
    {
        using var slot = slots.Enter(me.Id, out var refused);
        if (slot is null)
        {
            return refused;
        }

        var (refusal, reservation, _, _) = await usage.Enter(admission, clock.GetUtcNow());
        if (reservation is null)
        {
            return QuotaPolicy.Refusal(refusal!, clock.GetUtcNow());
        }

        List<LedgerEntry> used = [];
        try
        {
            return await work(reservation, slot.Memory, used);
        }
        catch (ProviderException) when (used.Count == 0)
        {
            used.Add(Place(me).Failed(model));
            throw;
        }
        finally
        {
            await settlements.Settle(reservation, used);
        }
    }

    public ResolvedModel Resolve(CurrentUser me, string model) => catalog.Resolve(me, null, model)
        ?? throw new CompatRefusal(new Problem(404, "model_not_found", $"The model {model} does not exist or you may not use it."));

    private async Task<IResult> Answer(CompatJob job, Reservation reservation, MemoryLease memory, List<LedgerEntry> used)
    {
        var models = reservation.May(catalog.WithFallbacks(job.Me, job.Model));
        if (states.AreShared && job.Translates(out var translated))
        {
            await states.Fetch(job.Me.Id, translated.Turns);
        }

        var plan = new CallPlan
        {
            UserId = job.Me.Id,
            IsAdmin = job.Me.IsAdmin,
            Models = [.. models.Where(model => job.Takes(model, catalog))],
            Request = (model, endpoint) => ValueTask.FromResult(RequestTo(model, endpoint, job)),
            MaxRetries = 0, // the vendors' clients repeat a call themselves, and tries would multiply
            OnRetry = retry => job.Trace?.Retrying(retry.Model, retry.Failure, retry.Wait),
        };
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(job.Ends);
        var opening = calls.Open(plan, giveUp.Token);
        CompatStream? stream = null;
        try
        {
            if (job.Request.Stream)
            {
                stream = await Begin(opening, giveUp, job);
            }

            await using var call = await opening;
            job.Trace?.FirstToken(call.Model, call.FirstMs, call.FirstMs);
            job.WriteFor(call.Model, clock.GetUtcNow());
            job.Writer.Begin();
            await Read(call, job, stream, memory, used);
        }
        catch (OperationCanceledException) when (job.AsksWhole && used.Count == 0)
        {
            // A provider that was asked for the whole answer says nothing before it has done and charged the work.
            used.Add(StoppedEntry(job));
            throw;
        }
        catch (ProviderException error) when (stream is null)
        {
            job.Trace?.Failed(error);
            AddFailed(job, used);
            return Problem(error);
        }
        catch (ProviderException error)
        {
            job.Trace?.Failed(error);
            AddFailed(job, used);
            job.Writer.Fail(Problem(error), job.Context.TraceIdentifier);
            await stream!.Send(job.Writer.Ready);
            return TypedResults.Empty;
        }

        await states.Store(job.Me.Id, job.Writer.Answer);
        var fault = job.Writer.Fault();
        if (stream is null)
        {
            return fault is null ? new JsonResult(job.Writer.WriteWhole) : fault;
        }

        if (fault is null)
        {
            job.Writer.End();
        }
        else
        {
            job.Writer.Fail(fault, job.Context.TraceIdentifier);
        }

        await stream.Send(job.Writer.Ready);
        return TypedResults.Empty;

        Problem Problem(ProviderException error) => VendorErrors.FromProvider(error, job.Context.Request.Path, job.Asked.Provider);
    }

    private ChatRequest RequestTo(ResolvedModel model, ProviderEndpoint endpoint, CompatJob job)
    {
        job.Asked = model;
        var call = new ResolvedCall(model.Provider, model.Model, endpoint, settings.Timeouts, turn => states.Restore(job.Me.Id, turn));
        var request = job.Dialect.IsSpokenBy(model.Provider)
            ? job.Dialect.Pass(job.Request, call) : Dialect.Translate(job.Translated, call);
        request = (model.Capabilities.Vision ? request : Translation.ForBlind(request)) with
        {
            Holds = job.Hold,
            ContextLimit = model.ContextLimit,
            KeepAlive = settings.OllamaKeepAlive,
            CachesPrompt = settings.PromptCaching,
            Thinks = model.Capabilities.Reasoning ? true : null,
        };
        job.Trace?.Calling(request);
        job.AsksWhole = request.Passthrough is { Stream: false };
        return request;
    }

    public static CallPlace Place(CurrentUser me) => new(me.Id) { ApiKeyId = me.ApiKeyId };

    /// <summary>A call whose client left before the answer came: its prompt, by our estimate.</summary>
    private static LedgerEntry StoppedEntry(CompatJob job) => Place(job.Me).Entry(job.Model, "stopped") with
    {
        PromptTokens = job.Request.PromptTokens,
        Price = job.Model.Price?.ToJson(),
        CostNanos = job.Model.Price?.CostNanos(job.Request.PromptTokens, 0, 0) ?? 0,
    };

    private static void AddFailed(CompatJob job, List<LedgerEntry> used)
    {
        if (used.Count == 0)
        {
            used.Add(Place(job.Me).Failed(job.Model));
        }
    }

    /// <summary>Begins the stream with the first delta or after <see cref="Grace"/>; null when the call failed before.</summary>
    private async Task<CompatStream?> Begin(Task<StreamingCall> opening, CancellationTokenSource giveUp, CompatJob job)
    {
        try
        {
            await Task.WhenAny(opening, Task.Delay(Grace, clock, job.Ends));
            var stream = opening.IsFaulted ? null : CompatStream.Begin(job.Context, clock, job.Ends);
            await Wait(opening, stream, job.Writer);
            return stream;
        }
        catch
        {
            // The client disconnected while the call was being opened; close it here, because nobody else would.
            await giveUp.CancelAsync();
            await ((Task)opening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (opening.IsCompletedSuccessfully)
            {
                await (await opening).DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Moves to the next delta; sends the ready frames when it has to wait.</summary>
    private async ValueTask<bool> Next(StreamingCall call, CompatJob job, CompatStream? stream)
    {
        var next = call.MoveNextAsync();
        if (next.IsCompleted || stream is null)
        {
            return await next;
        }

        var waiting = call.Meanwhile(next);
        await stream.Send(job.Writer.Ready);
        await job.Release();
        await Wait(waiting, stream, job.Writer);
        return await waiting;
    }

    private async Task Read(StreamingCall call, CompatJob job, CompatStream? stream, MemoryLease memory, List<LedgerEntry> used)
    {
        var place = Place(job.Me);
        var status = "failed";
        try
        {
            while (true)
            {
                if (!await Next(call, job, stream))
                {
                    status = "done";
                    return;
                }

                var delta = call.Take();
                await memory.Add(delta, job.Ends);
                job.Writer.Write(delta);
            }
        }
        catch (OperationCanceledException) when (call.CutBy is { } reason)
        {
            throw reason;
        }
        catch (OperationCanceledException)
        {
            status = "stopped";
            throw;
        }
        finally
        {
            var entry = call.Entry(place, status);
            job.Writer.Answer.Used = entry;
            if (call.Counts)
            {
                used.Add(entry);
                job.Trace?.Used(entry);
            }
        }
    }

    /// <summary>
    /// Waits for the task and sends a heartbeat before each interval of silence ends. Does not throw the task's exception.
    /// </summary>
    private async Task Wait(Task task, CompatStream? stream, AnswerWriter writer)
    {
        var interval = Sse.HeartbeatInterval(settings) * 0.95; // the timer and the network take the rest
        while (!task.IsCompleted)
        {
            // What a provider says may be nothing for the client: the silence goes on.
            var left = interval - (stream?.Silence ?? TimeSpan.Zero);
            using var stop = new CancellationTokenSource();
            await Task.WhenAny(task, Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock, stop.Token));
            await stop.CancelAsync();
            if (!task.IsCompleted && stream is not null)
            {
                System.Buffers.BuffersExtensions.Write(writer.Ready, writer.Heartbeat);
                await stream.Send(writer.Ready);
            }
        }
    }
}
