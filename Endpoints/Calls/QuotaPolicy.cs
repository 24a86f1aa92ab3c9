using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Turns the settings into limits for <see cref="UsageLimits"/>, and its refusals into problems. A call counts once its provider has sent
/// something: as one message, with the tokens that the provider reports (or our estimate) and their price. A failure or a stop before that
/// counts nothing, and a repeated clientMessageId is not admitted twice. All usage counts on the day (UTC) on which the call began.
/// </summary>
internal static class QuotaPolicy
{
    private const decimal NanosPerUnit = 1_000_000_000m;

    /// <summary>Tokens reserved for an answer when the caller names no limit.</summary>
    private const int DefaultAnswer = 4_096;

    public static DefaultLimits DefaultLimits(this SystemSettings settings) => new(
        settings.DefaultUserDailyQuota,
        settings.AnonymousDailyQuota,
        settings.AnonymousTotalDailyQuota,
        settings.DefaultDailyTokenBudget,
        settings.DefaultMonthlyTokenBudget,
        Nanos(settings.DefaultDailyMoneyBudget),
        Nanos(settings.DefaultMonthlyMoneyBudget));

    /// <summary>Admission of one chat message; reserves its text and an answer of default length.</summary>
    public static Admission Admission(this SystemSettings settings, CurrentUser me, ResolvedModel model, ReadOnlySpan<char> text) =>
        settings.Admission(me, model, TokenEstimate.Estimate(text), null);

    /// <summary>Admission of a call that names its own sizes; reserves no more than the model can read and answer.</summary>
    /// <param name="settings">The limits of users without their own.</param>
    /// <param name="me">The user, with the key of the call if there is one.</param>
    /// <param name="model">The model that is asked.</param>
    /// <param name="promptTokens">Estimated tokens of the prompt.</param>
    /// <param name="answerTokens">The requested maximum of one answer, if any.</param>
    /// <param name="answers">The number of answers asked for.</param>
    /// <param name="prompts">The number of prompts, each of which may fill the context.</param>
    public static Admission Admission(
        this SystemSettings settings, CurrentUser me, ResolvedModel model, long promptTokens, long? answerTokens,
        int answers = 1, int prompts = 1)
    {
        var prompt = Math.Clamp(promptTokens, 0, (long)model.ContextLimit * prompts);
        return settings.Admission(me.Id, me.ApiKeyId, model, prompt, answerTokens, answers);
    }

    /// <summary>As above, for a call that the server makes on behalf of a user. The prompt is not capped.</summary>
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

    /// <summary>The models that a call with this reservation may ask.</summary>
    public static IReadOnlyList<ResolvedModel> May(this Reservation? reservation, IReadOnlyList<ResolvedModel> models) =>
        reservation is { OnlyFree: true } ? [.. models.Where(model => model.IsFree)] : models;

    public static long? Nanos(decimal? amount) => amount is { } units ? (long)(units * NanosPerUnit) : null;

    public static decimal? Amount(long? nanos) => nanos / NanosPerUnit;

    public static Problem Refusal(LimitResult limit, DateTimeOffset now) => limit switch
    {
        LimitResult.NoMessages => Exceeded("quota_exceeded", "The messages of this day are used up.", UtcDay.EndOf(now), now),
        LimitResult.NoBudgetToday => Exceeded("budget_exceeded", "The budget of this day is used up.", UtcDay.EndOf(now), now),
        LimitResult.NoBudgetThisMonth => Exceeded("budget_exceeded", "The budget of this month is used up.", UtcDay.EndOfMonth(now), now),
        LimitResult.Nobody => Problems.NotFound(),
        LimitResult.Open => throw new InvalidOperationException("Not a refusal."),
    };

    private static Problem Exceeded(string code, string detail, DateTimeOffset until, DateTimeOffset now) =>
        Problems.TooMany(code, detail, (int)(until - now).TotalSeconds + 1);
}
