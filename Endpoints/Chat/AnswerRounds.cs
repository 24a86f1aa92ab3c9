using AiChat.Endpoints.Tracing;
using AiChat.Providers;

namespace AiChat.Endpoints.Chat;

/// <summary>
/// Writes one answer: asks the model, runs the tools it calls, and asks again with what they said, a bounded number of times. In the
/// last round it may call no more. Every call to the provider is an entry of its own in the ledger.
/// </summary>
internal sealed class AnswerRounds(ProviderCalls calls, PromptBuilder prompts, WebSearch search, SystemSettings settings, TimeProvider clock)
{
    private const int MostRounds = 4;

    public async Task Write(ChatRun run, Prompt prompt, Answer answer)
    {
        var tools = run.Options.WebSearch == true ? new SearchCalls(search, run.Log, run.Model.ContextLimit, clock) : null;
        var exchange = new List<ChatTurn>();
        var models = run.Models;
        for (var round = 1; ; round++)
        {
            var said = await Ask(run, answer, new CallPlan
            {
                UserId = run.UserId,
                IsAdmin = run.IsAdmin,
                Models = models,
                Request = async (model, endpoint) =>
                {
                    var fresh = model == run.Model && exchange.Count == 0;
                    var turns = fresh ? prompt : await prompts.Build(run, model, exchange.Sum(TokenEstimate.Of));
                    var request = Request(run, model, endpoint, turns, exchange, model.Capabilities.Tools ? tools : null, answer.ElapsedMs) with
                    {
                        ToolChoice = tools is not null && round == MostRounds ? "none" : null,
                    };
                    answer.TrimmedTurns = turns.TrimmedTurns;
                    run.Trace?.Calling(model, endpoint, request);
                    return request;
                },
                OnRetry = retry =>
                {
                    run.Trace?.Retrying(retry);
                    RunEvents.Retry(run.Log, retry);
                },
            });
            if (tools is null || said.Calls.Count == 0 || round == MostRounds)
            {
                return;
            }

            // What a model keeps between rounds is of no use to another.
            models = [answer.Writer!];
            exchange.Add(new ChatTurn(ChatRole.Assistant, said.Text) { ToolCalls = said.Calls, State = answer.State });
            run.Trace?.ToolsCalled(round, said.Calls);
            var results = await tools.Run(said.Calls, run.Stopping);
            run.Trace?.ToolsAnswered(round, results);
            exchange.AddRange(results);
        }
    }

    private async Task<Said> Ask(ChatRun run, Answer answer, CallPlan plan)
    {
        await using var call = await calls.Open(plan, run.Stopping);
        run.Trace?.FirstToken(call, answer.ElapsedMs);
        var status = "failed";
        try
        {
            var said = await answer.Relay(call, run.Stopping);
            status = "done";
            return said;
        }
        finally
        {
            if (call.Counts)
            {
                var entry = call.Entry(RunResult.Place(run), run.StoppedAs ?? status);
                answer.Calls.Add(entry);
                run.Trace?.Used(entry);
            }
        }
    }

    private ChatRequest Request(
        ChatRun run, ResolvedModel model, ProviderEndpoint endpoint, Prompt prompt, List<ChatTurn> exchange, SearchCalls? tools, long elapsedMs)
    {
        var limits = settings.Timeouts;
        var left = limits.Total - TimeSpan.FromMilliseconds(elapsedMs);
        return new ChatRequest
        {
            Endpoint = endpoint,
            Model = model.Model,
            SystemPrompt = prompt.SystemPrompt,
            Turns = exchange.Count == 0 ? prompt.Turns : [.. prompt.Turns, .. exchange],
            Sampling = settings.SamplingFor(run, model),
            Reasoning = settings.ReasoningFor(run.Options, model),
            Tools = tools is null ? [] : [tools.Definition],
            Timeouts = limits with { Total = left > TimeSpan.FromSeconds(1) ? left : TimeSpan.FromSeconds(1) },
        };
    }
}
