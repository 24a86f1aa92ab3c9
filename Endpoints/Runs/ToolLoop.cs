using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Settings;
using AiChat.Endpoints.Traces;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// Writes one answer: asks the model, runs the tools it calls and asks again with their results, a bounded number of times. In the last
/// round the model may call no tool. Every call to the provider is an entry of its own in the ledger.
/// </summary>
internal sealed class ToolLoop(ProviderCalls calls, PromptBuilder prompts, WebSearch search, SystemSettings settings, TimeProvider clock)
{
    private const int MaxRounds = 4;

    /// <summary>Stands between the beginning of an answer and the calls that it went on with.</summary>
    private static readonly ChatTurn[] GoOn = [new(ChatRole.User, StrictTurns.Continue)];

    /// <summary>Writes the answer into the run's log; completes when the model is done.</summary>
    /// <param name="prompt">The prompt for the run's own model.</param>
    /// <exception cref="ProviderException">The answer broke off; what came before stays in the log.</exception>
    public async Task Write(Run run, Prompt prompt, AnswerRecorder recorder)
    {
        var tools = run.Options.WebSearch == true ? new SearchCalls(search, run.Log, run.Model.ContextLimit, clock) : null;
        var exchange = new List<ChatTurn>();
        var models = run.Models;
        for (var round = 1; ; round++)
        {
            var output = await Ask(run, recorder, new CallPlan
            {
                UserId = run.UserId,
                IsAdmin = run.IsAdmin,
                Models = models,
                MayShorten = true,
                Request = async (model, endpoint) =>
                {
                    var fresh = model == run.Model && exchange.Count == 0;
                    var turns = fresh ? prompt : await prompts.Build(run, model, exchange.Sum(TokenEstimate.Estimate));
                    var offered = model.Capabilities.Tools ? tools : null;
                    var isLast = tools is not null && round == MaxRounds;
                    var request = Request(run, model, endpoint, turns, exchange, offered, isLast, recorder.ElapsedMs);
                    recorder.TrimmedTurns = turns.TrimmedTurns;
                    run.Trace?.Calling(request);
                    return request;
                },
                OnRetry = retry =>
                {
                    run.Trace?.Retrying(retry.Model, retry.Failure, retry.Wait);
                    RunEvents.Retry(run.Log, retry);
                },
            });
            if (tools is null || output.Calls.Count == 0 || round == MaxRounds)
            {
                return;
            }

            // The state that a model returns between rounds means nothing to another model.
            models = [recorder.Writer!];
            exchange.Add(new ChatTurn(ChatRole.Assistant, output.Text) { ToolCalls = output.Calls, State = recorder.State });
            run.Trace?.ToolsCalled(round, output.Calls);
            var results = await tools.Run(output.Calls, run.Stopping);
            run.Trace?.ToolsAnswered(round, results);
            exchange.AddRange(results);
        }
    }

    private async Task<RoundOutput> Ask(Run run, AnswerRecorder recorder, CallPlan plan)
    {
        await using var call = await calls.Open(plan, run.Stopping);
        run.Trace?.FirstToken(call.Model, call.FirstMs, recorder.ElapsedMs);
        var status = "failed";
        try
        {
            var output = await recorder.Relay(call, run.Stopping);
            status = "done";
            return output;
        }
        finally
        {
            if (call.Counts)
            {
                var entry = call.Entry(RunResult.Place(run), run.StoppedAs ?? status);
                recorder.Calls.Add(entry);
                run.Trace?.Used(entry);
            }
        }
    }

    private ChatRequest Request(
        Run run, ResolvedModel model, ProviderEndpoint endpoint, Prompt prompt, List<ChatTurn> exchange, SearchCalls? tools, bool isLast,
        long elapsedMs)
    {
        var limits = settings.Timeouts;
        var left = limits.Total - TimeSpan.FromMilliseconds(elapsedMs);
        return new ChatRequest
        {
            Endpoint = endpoint,
            Model = model.Model,
            SystemPrompt = prompt.SystemPrompt,
            Turns = exchange.Count == 0 ? prompt.Turns : [.. prompt.Turns, .. prompt.Continues ? GoOn : [], .. exchange],
            Continues = prompt.Continues && exchange.Count == 0,
            Sampling = settings.SamplingFor(run, model).Within(prompt),
            Reasoning = settings.ReasoningFor(run.Options, model),
            Tools = tools is null ? [] : [tools.Definition],
            ToolChoice = isLast ? "none" : null,
            ContextLimit = model.ContextLimit,
            TakesPictures = true,
            KeepAlive = settings.OllamaKeepAlive,
            CachesPrompt = settings.PromptCaching,
            Timeouts = limits with { Total = left > TimeSpan.FromSeconds(1) ? left : TimeSpan.FromSeconds(1) },
        };
    }
}
