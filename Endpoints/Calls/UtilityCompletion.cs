using System.Text;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Settings;
using AiChat.Providers.Protocol;
using AiChat.Providers.Transport;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Asks a model a short question on behalf of the server, such as one for a title. The usage limits apply, retries and fallbacks are
/// those of every call, the answer comes whole, and the ledger of the user gets an entry. It does not count as a message, but its tokens
/// and its cost do. Safe for parallel use.
/// </summary>
internal sealed class UtilityCompletion(
    ProviderCalls calls, ModelCatalog catalog, Usage usage, Settlements settlements, SystemSettings settings, TimeProvider clock)
{
    /// <summary>The visible text of the answer, trimmed; empty when the model returned none, null when a budget is used up.</summary>
    /// <param name="place">The user to charge, and the session and message that the question is about.</param>
    /// <param name="isAdmin">Whether that user is an administrator, who may use more models.</param>
    /// <param name="model">The model to ask; the fallback models that this user may use are tried after it.</param>
    /// <param name="system">The system prompt; null sends none.</param>
    /// <param name="prompt">The question.</param>
    /// <param name="maxTokens">Bound of the answer. The request turns reasoning off, but a model may still reason within the bound.</param>
    /// <param name="cancel">Ends the call; its usage so far is entered.</param>
    /// <exception cref="ProviderException">The call failed; its usage so far is entered.</exception>
    public async Task<string?> Ask(
        CallPlace place, bool isAdmin, ResolvedModel model, string? system, string prompt, int maxTokens, CancellationToken cancel)
    {
        var estimated = TokenEstimate.Estimate(prompt);
        var admission = settings.Admission(place.UserId, place.ApiKeyId, model, estimated, maxTokens) with { Count = 0 };
        if ((await usage.Enter(admission, clock.GetUtcNow())).Reservation is not { } reservation)
        {
            return null;
        }

        List<LedgerEntry> used = [];
        try
        {
            var plan = new CallPlan
            {
                UserId = place.UserId,
                IsAdmin = isAdmin,
                Models = reservation.May(catalog.WithFallbacks(place.UserId, isAdmin, model)),
                Request = (chosen, endpoint) => ValueTask.FromResult(Request(chosen, endpoint, system, prompt, maxTokens)),
            };
            await using var call = await calls.Open(plan, cancel);
            return await Read(call, place, used);
        }
        catch (ProviderException) when (used.Count == 0)
        {
            used.Add(place.Failed(model));
            throw;
        }
        finally
        {
            await settlements.Settle(reservation, used);
        }
    }

    private ChatRequest Request(ResolvedModel model, ProviderEndpoint endpoint, string? system, string prompt, int maxTokens) => new()
    {
        Endpoint = endpoint,
        Model = model.Model,
        SystemPrompt = system,
        Turns = [new ChatTurn(ChatRole.User, prompt)],
        Sampling = new ChatSampling { MaxOutputTokens = maxTokens },
        Reasoning = new ChatReasoning { Enabled = model.Capabilities.Reasoning ? false : null, Tags = settings.ReasoningTags },
        Timeouts = settings.Timeouts,
        ContextLimit = model.ContextLimit,
        KeepAlive = settings.OllamaKeepAlive,
    };

    private static async Task<string> Read(StreamingCall call, CallPlace place, List<LedgerEntry> used)
    {
        var text = new StringBuilder();
        var status = "failed";
        try
        {
            while (await call.MoveNextAsync())
            {
                switch (call.Take())
                {
                    case ChatDelta.Text piece:
                        text.Append(piece.Value);
                        break;
                    case ChatDelta.TextWasReasoning:
                        text.Clear();
                        break;
                }
            }

            status = "done";
            return text.ToString().Trim();
        }
        catch (OperationCanceledException) when (call.CutBy is { } reason)
        {
            throw reason;
        }
        finally
        {
            if (call.Counts)
            {
                used.Add(call.Entry(place, status));
            }
        }
    }
}
