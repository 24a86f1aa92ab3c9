using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// What the settings mean at the <see cref="UsageLimits"/>, and how its refusals are told. A call counts once its provider has said something:
/// then one message, the tokens the provider reports (or our estimate) and their price. Nothing is counted for a failure or a stop before
/// that, and a repeated clientMessageId never comes here again. Everything counts on the day the call began (UTC).
/// </summary>
internal static class QuotaPolicy
{
    private const decimal NanosPerUnit = 1_000_000_000m;

    /// <summary>Held for an answer of a model whose limit is not known.</summary>
    private const int DefaultAnswer = 4_096;

    public static DefaultLimits DefaultLimits(this SystemSettings settings) => new(
        settings.DefaultUserDailyQuota,
        settings.AnonymousDailyQuota,
        settings.AnonymousTotalDailyQuota,
        settings.DefaultDailyTokenBudget,
        settings.DefaultMonthlyTokenBudget,
        Nanos(settings.DefaultDailyMoneyBudget),
        Nanos(settings.DefaultMonthlyMoneyBudget));

    /// <summary>One message that asks this of a model; holds the text and a usual answer.</summary>
    public static Admission Admission(this SystemSettings settings, CurrentUser me, ResolvedModel model, ReadOnlySpan<char> text) =>
        settings.Admission(me, model, TokenEstimate.Estimate(text), null);

    /// <summary>Holds what was asked for, but no more than the model can take and answer, whatever the caller says.</summary>
    /// <param name="answerTokens">The longest answer that was asked for, if one was.</param>
    /// <param name="answers">How many were asked for.</param>
    /// <param name="prompts">How many texts the prompt is, each with the model's whole context.</param>
    public static Admission Admission(
        this SystemSettings settings, CurrentUser me, ResolvedModel model, long promptTokens, long? answerTokens,
        int answers = 1, int prompts = 1)
    {
        var prompt = Math.Clamp(promptTokens, 0, (long)model.ContextLimit * prompts);
        return settings.Admission(me.Id, me.ApiKeyId, model, prompt, answerTokens, answers);
    }

    /// <summary>As above, for a call on behalf of somebody.</summary>
    public static Admission Admission(
        this SystemSettings settings, long userId, long? keyId, ResolvedModel model, long promptTokens, long? answerTokens, int answers = 1)
    {
        var answer = Math.Clamp(answerTokens ?? DefaultAnswer, 0, model.LongestAnswer) * answers;
        return new Admission(userId, keyId, settings.DefaultLimits())
        {
            Tokens = promptTokens + answer,
            Nanos = model.Price?.CostNanos(promptTokens, answer, 0) ?? 0,
            Free = model.IsFree,
        };
    }

    /// <summary>Those of the models that may be asked with what was let in.</summary>
    public static IReadOnlyList<ResolvedModel> May(this Reservation? reservation, IReadOnlyList<ResolvedModel> models) =>
        reservation is { OnlyFree: true } ? [.. models.Where(model => model.IsFree)] : models;

    public static long? Nanos(decimal? amount) => amount is { } units ? (long)(units * NanosPerUnit) : null;

    public static decimal? Amount(long? nanos) => nanos / NanosPerUnit;

    public static Problem Refusal(LimitResult limit, DateTimeOffset now) => limit switch
    {
        LimitResult.NoMessages => Problems.TooMany("quota_exceeded", "The messages of this day are used up.", Seconds(UtcDay.EndOf(now) - now)),
        LimitResult.NoBudgetToday => Problems.TooMany("budget_exceeded", "The budget of this day is used up.", Seconds(UtcDay.EndOf(now) - now)),
        LimitResult.NoBudgetThisMonth => Problems.TooMany("budget_exceeded", "The budget of this month is used up.", Seconds(UtcDay.EndOfMonth(now) - now)),
        LimitResult.Nobody => Problems.NotFound(),
        LimitResult.Open => throw new InvalidOperationException("Not a refusal."),
    };

    private static int Seconds(TimeSpan left) => (int)left.TotalSeconds + 1;
}
